"""Where an answer's messages go: a channel or thread, or (where the bot is no member) an interaction's own hook."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import discord

from bot.chats.discord.config import MIB, KeyValue
from bot.chats.discord.outgoing.layout import View
from bot.chats.discord.trouble import NO_HISTORY
from handlers.model import ThreadKey
from handlers.ports import ChatUnavailable

NO_MENTIONS = discord.AllowedMentions.none()
UPLOAD_LIMIT = 10 * MIB
HOOK_MESSAGES = 5
"""Discord takes no more messages from one interaction where the bot is no member (error 40094)."""
SEARCHED = 200
"""Messages that are looked through for a lost one."""
TOKEN_LIFE_S = 14 * 60.0
"""An interaction's token lives 15 minutes; the last one is left as a margin."""


class Outlet(Protocol):
    @property
    def limit(self) -> int:
        """Most bytes of one uploaded file."""

    @property
    def most(self) -> int | None:
        """Most messages of one answer; None: any number."""

    async def send(self, view: View, files: Sequence[discord.File], nonce: str) -> discord.Message: ...
    async def edit(
        self, message: int, view: View, attachments: Sequence[discord.Attachment | discord.File]
    ) -> discord.Message: ...
    async def fetch(self, message: int) -> discord.Message: ...
    async def find(self, since: int, ours: Callable[[discord.Message], bool]) -> discord.Message | None:
        """The first message of the bot's own after the id `since` that is `ours`, where history can be read."""

    async def delete(self, message: int) -> None: ...
    async def unarchive(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Destination:
    """A thread key as Discord's ids. `root` is the message of a reply chain where threads are impossible."""

    channel: int
    root: int | None = None
    person: int | None = None
    """Set where the bot is installed by that person only."""

    @classmethod
    def of(cls, key: ThreadKey) -> Destination:
        kind, digits = key.thread[:1], key.thread[1:]
        if kind == "r":
            return cls(int(key.channel), root=int(digits))
        if kind == "u":
            return cls(int(key.channel), person=int(digits))
        return cls(int(key.thread))


class ChannelOutlet:
    """A thread, a direct-message channel, or a channel in which replies hang on one message."""

    def __init__(self, client: discord.Client, place: Destination) -> None:
        self._client = client
        self._place = place
        self._channel = client.get_partial_messageable(place.channel)

    most = None

    @property
    def limit(self) -> int:
        channel = self._client.get_channel(self._place.channel)
        guild = getattr(channel, "guild", None)
        return guild.filesize_limit if isinstance(guild, discord.Guild) else UPLOAD_LIMIT

    async def send(self, view: View, files: Sequence[discord.File], nonce: str) -> discord.Message:
        if self._place.root is None:
            return await self._channel.send(view=view, files=files, nonce=nonce, allowed_mentions=NO_MENTIONS)
        root = discord.MessageReference(
            message_id=self._place.root, channel_id=self._place.channel, fail_if_not_exists=False
        )
        try:
            return await self._channel.send(
                view=view, files=files, nonce=nonce, allowed_mentions=NO_MENTIONS, reference=root, mention_author=False
            )
        except discord.HTTPException as error:
            if error.code not in NO_HISTORY:
                raise
        for file in files:
            file.reset()
        return await self._channel.send(view=view, files=files, nonce=nonce, allowed_mentions=NO_MENTIONS)

    async def edit(
        self, message: int, view: View, attachments: Sequence[discord.Attachment | discord.File]
    ) -> discord.Message:
        partial = self._channel.get_partial_message(message)
        return await partial.edit(view=view, attachments=list(attachments), allowed_mentions=NO_MENTIONS)

    async def fetch(self, message: int) -> discord.Message:
        return await self._channel.fetch_message(message)

    async def find(self, since: int, ours: Callable[[discord.Message], bool]) -> discord.Message | None:
        me = self._client.user.id if self._client.user else 0
        async for message in self._channel.history(limit=SEARCHED, after=discord.Object(since), oldest_first=True):
            if message.author.id == me and ours(message):
                return message
        return None

    async def delete(self, message: int) -> None:
        await self._channel.get_partial_message(message).delete()

    async def unarchive(self) -> None:
        channel = await self._client.fetch_channel(self._place.channel)
        if isinstance(channel, discord.Thread):
            await channel.edit(archived=False)


class HookOutlet:
    """The hook of an interaction of that person in that channel; it lives 15 minutes.

    An answer stays with the hook that it began with: no other can edit its messages.
    """

    def __init__(self, client: discord.Client, tokens: Tokens, key: ThreadKey, turn: str) -> None:
        self._client = client
        self._tokens = tokens
        self._key = key
        self._turn = turn

    limit = UPLOAD_LIMIT
    most = HOOK_MESSAGES

    async def _hook(self) -> discord.Webhook:
        return await self._tokens.hook(self._client, self._key, self._turn)

    async def send(self, view: View, files: Sequence[discord.File], nonce: str) -> discord.Message:
        hook = await self._hook()
        return await hook.send(view=view, files=list(files), allowed_mentions=NO_MENTIONS, wait=True)

    async def edit(
        self, message: int, view: View, attachments: Sequence[discord.Attachment | discord.File]
    ) -> discord.Message:
        hook = await self._hook()
        return await hook.edit_message(message, view=view, attachments=list(attachments), allowed_mentions=NO_MENTIONS)

    async def fetch(self, message: int) -> discord.Message:
        return await (await self._hook()).fetch_message(message)

    async def find(self, since: int, ours: Callable[[discord.Message], bool]) -> discord.Message | None:
        return None

    async def delete(self, message: int) -> None:
        await (await self._hook()).delete_message(message)

    async def unarchive(self) -> None:
        return None


class Tokens:
    """Interaction tokens of places where the bot is no member, kept so that a restart can still answer."""

    def __init__(self, memory: KeyValue) -> None:
        self._memory = memory

    async def keep(self, key: ThreadKey, interaction: discord.Interaction) -> None:
        until = interaction.created_at.timestamp() + TOKEN_LIFE_S
        await self._memory.put(f"hook:{key}", f"{until:.0f} {interaction.application_id} {interaction.token}")

    async def hook(self, client: discord.Client, key: ThreadKey, turn: str) -> discord.Webhook:
        """The hook of an answer: the newest one when it begins, and that one from then on.

        Raises:
            ChatUnavailable: nobody there has used the bot in the last minutes.
        """
        line = await self._memory.get(f"hook:{turn}")
        if line is None:
            line = await self._memory.get(f"hook:{key}")
            if line is not None:
                await self._memory.put(f"hook:{turn}", line)
        until, application, token = (line or "0 0 -").split(" ")
        if float(until) < discord.utils.utcnow().timestamp():
            raise ChatUnavailable("outside a server of mine Discord lets me answer for 15 minutes only")
        return discord.Webhook.partial(int(application), token, client=client)

    async def forget_old(self) -> None:
        """Drop tokens that are over."""
        for key, line in await self._memory.items("hook:"):
            if float(line.split(" ")[0]) < discord.utils.utcnow().timestamp():
                await self._memory.put(key, None)


def outlet(client: discord.Client, tokens: Tokens, key: ThreadKey, turn: str) -> Outlet:
    place = Destination.of(key)
    return HookOutlet(client, tokens, key, turn) if place.person is not None else ChannelOutlet(client, place)
