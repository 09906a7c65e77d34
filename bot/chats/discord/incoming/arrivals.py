"""Messages of people: which are for the bot, to which session they belong, and what they bring."""

from __future__ import annotations

import logging
from dataclasses import replace

import discord

from bot.chats.discord.config import DiscordConfig, KeyValue
from bot.chats.discord.files import Remote, attached, download, remote
from bot.chats.discord.health import held_in, lacking_to_answer
from bot.chats.discord.ids import CHAT, number_of_file
from bot.chats.discord.incoming.threads import chain_name, chain_root, session_of, title_of
from bot.chats.discord.outgoing.outlet import UPLOAD_LIMIT
from bot.chats.discord.people import files_of, is_direct, person_of, whereabouts, words_of
from bot.chats.discord.trouble import FAILURES, Trouble, persist, trouble
from handlers.model import NOWHERE, Incoming, Person, ThreadKey
from handlers.ports import Chat, Handlers
from handlers.presentation import shorten
from handlers.typed import said

log = logging.getLogger(__name__)
MAX_TOLD = 1000
SPOKEN = (discord.MessageType.default, discord.MessageType.reply)
BLIND = (
    "I cannot read this message: the Message Content Intent is switched off for me. Mention me or use /imagine; "
    "whoever runs me can switch it on in Discord's developer portal."
)


class Arrivals:
    def __init__(
        self, client: discord.Client, chat: Chat, handlers: Handlers, config: DiscordConfig, memory: KeyValue
    ) -> None:
        self._client = client
        self._chat = chat
        self._handlers = handlers
        self._config = config
        self._memory = memory
        self._told: set[tuple[int, int]] = set()
        """Channels and people who know that no answer can be posted there."""
        self._foreign: set[int] = set()
        """Places that the library does not know, and that turned out to be nothing of ours."""

    @property
    def _me(self) -> int:
        return self._client.user.id if self._client.user else 0

    def ours(self, message: discord.Message) -> bool:
        """Whether the message is meant for the bot, or may be (in a place that is not known yet)."""
        if message.author.bot or message.webhook_id is not None or message.type not in SPOKEN:
            return False
        if message.guild is None:
            return is_direct(message)
        channel = message.channel
        return (
            (isinstance(channel, discord.Thread) and channel.owner_id == self._me)
            or self._mentioned(message)
            or chain_root(message, self._me) is not None
            or self._unknown(message)
        )

    def _unknown(self, message: discord.Message) -> bool:
        """A thread that was archived when the bot connected is not told of again when somebody writes in it."""
        return isinstance(message.channel, discord.PartialMessageable) and message.channel.id not in self._foreign

    async def _placed(self, message: discord.Message) -> bool:
        """Whether the message is still for the bot when its place is looked up."""
        try:
            place = await self._client.fetch_channel(message.channel.id)
        except FAILURES as error:
            log.info("channel %d cannot be looked up: %s", message.channel.id, error)
            return self._mentioned(message)
        if isinstance(place, discord.abc.Messageable):
            message.channel = place
        if self.ours(message) and not isinstance(message.channel, discord.PartialMessageable):
            return True
        if len(self._foreign) >= MAX_TOLD:
            self._foreign.clear()
        self._foreign.add(message.channel.id)
        return False

    def _mentioned(self, message: discord.Message) -> bool:
        own_role = message.guild.self_role if message.guild else None
        return any(user.id == self._me for user in message.mentions) or own_role in message.role_mentions

    async def take(self, message: discord.Message, *, late: bool = False) -> None:
        """One message from arrival to answer; messages for others are left alone.

        A `late` one was said during an outage, or shortly before: if it is refused, that was said then.
        """
        if not self.ours(message):
            return
        if message.guild is not None and self._unknown(message) and not await self._placed(message):
            return
        person = person_of(message.author)
        text = words_of(message, self._me)
        try:
            where = replace(whereabouts(_here(message), message.channel), untold=late)
            refusal = await self._handlers.refusal(where, person)
            if refusal is not None:
                if refusal and not late:
                    await message.reply(refusal, mention_author=False)
                return
            if self._blind(message):
                await self._say_blind(message)
                return
            if await self._shut_out(message, person, late=late):
                return
            title = title_of(said(text) or text, person.name)
            beside = said(text) is None and _begins(message) and chain_root(message, self._me) is None
            key = _here(message) if beside else await persist(
                lambda: session_of(message, self._me, title), f"message {message.id}", wait_s=self._config.retry_s
            )  # fmt: skip
        except FAILURES as error:
            log.warning("message %d in channel %d could not be taken up: %s", message.id, message.channel.id, error)
            if trouble(error) is Trouble.LATER:
                await self._chat.tell(_here(message), person, "Discord is in trouble; please ask me again in a moment.")
            return
        if key.thread.startswith("r"):
            await self._memory.put(chain_name(key), key.thread)
        got = await download(self._client, self._config, self._brought(message))
        await self._handlers.receive(
            Incoming(
                event=f"discord:m{message.id}",
                thread=key,
                person=person,
                text=text,
                attachments=got.files,
                replies_to=picture_of(message, self._me),
                problems=got.problems,
                title=_title(message, text, person.name),
                in_thread=not beside,
                max_file_bytes=UPLOAD_LIMIT,
            )
        )

    def _brought(self, message: discord.Message) -> list[Remote]:
        """Its own files; those of the message it answers too, where a session begins with that answer."""
        found = [remote(attachment) for attachment in files_of(message)]
        answered = message.reference.resolved if message.reference else None
        if isinstance(answered, discord.Message) and answered.author.id != self._me and _begins(message):
            found += [file for file in map(remote, files_of(answered)) if file.picture]
        return found

    def _blind(self, message: discord.Message) -> bool:
        """Discord hid the words from us."""
        hidden = not words_of(message, self._me) and not files_of(message) and not message.stickers
        return hidden and not self._client.intents.message_content and message.guild is not None

    async def _shut_out(self, message: discord.Message, person: Person, *, late: bool) -> bool:
        """Whether no answer can be posted there; the person is told why, once, by direct message."""
        held = held_in(message.channel)
        missing = lacking_to_answer(message.channel, held) if held is not None else ()
        key = (message.channel.id, message.author.id)
        if not missing:
            self._told.discard(key)
            return False
        if key not in self._told and not late:
            if len(self._told) >= MAX_TOLD:
                self._told.clear()
            self._told.add(key)
            place = f"<#{message.channel.id}>"
            sentence = f"I cannot answer in {place}: I lack {', '.join(missing)} there. A server admin can grant it."
            await self._chat.tell(_here(message), person, sentence)
        return True

    async def _say_blind(self, message: discord.Message) -> None:
        key = f"blind:{message.channel.id}"
        if await self._memory.get(key) is None:
            await self._memory.put(key, "told")
            await message.reply(BLIND, mention_author=False)


def _here(message: discord.Message) -> ThreadKey:
    """Where the message stands; not yet the thread in which it will be answered."""
    tenant = str(message.guild.id) if message.guild else NOWHERE
    return ThreadKey(CHAT, tenant, str(message.channel.id), str(message.channel.id))


def _begins(message: discord.Message) -> bool:
    return message.guild is not None and not isinstance(message.channel, discord.Thread)


def _title(message: discord.Message, text: str, name: str) -> str:
    channel = message.channel
    return shorten(channel.name, 100) if isinstance(channel, discord.Thread) else title_of(text, name)


def picture_of(message: discord.Message, me: int) -> int | None:
    """The number of the picture that a message answers; None when it answers none, or one of several."""
    answered = message.reference.resolved if message.reference else None
    if not isinstance(answered, discord.Message) or answered.author.id != me:
        return None
    numbers = pictures_in(answered)
    return numbers[0] if len(numbers) == 1 else None


def pictures_in(message: discord.Message) -> list[int]:
    """Numbers of the pictures that a message of ours shows."""
    found = (number_of_file(attachment.filename) for attachment in attached(message))
    return sorted({number for number in found if number is not None})
