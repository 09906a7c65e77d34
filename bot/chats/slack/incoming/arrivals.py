"""Messages: heard and written down before Slack is answered, then turned into `Incoming`."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.chats.slack.clients import Clients
from bot.chats.slack.config import SlackConfig
from bot.chats.slack.files import FileRefused, fetch, name_of
from bot.chats.slack.incoming import inbound, written
from bot.chats.slack.incoming.inbound import Message, Payload
from bot.chats.slack.incoming.inbox import Entry, Inbox, Kind
from bot.chats.slack.incoming.members import whereabouts
from bot.chats.slack.incoming.places import Places
from bot.chats.slack.outgoing.answers import Answers
from bot.chats.slack.people import People
from bot.chats.slack.trouble import FAILURES
from handlers.english import left_out
from handlers.model import Attachment, ThreadKey, Vote
from handlers.ports import Handlers, Store
from handlers.typed import said

log = logging.getLogger(__name__)

VOTABLE = 512
"""Messages whose pictures are remembered."""
_Shown: TypeAlias = tuple[ThreadKey | None, list[int]]
NAMED = 5
"""People whom a message names and who are called by their names (the others keep their ids), and channels."""


class Arrivals:
    def __init__(
        self, config: SlackConfig, clients: Clients, handlers: Handlers, store: Store, inbox: Inbox, people: People,
        places: Places, answers: Answers,
    ) -> None:  # fmt: skip
        self._config = config
        self._clients = clients
        self._handlers = handlers
        self._store = store
        self._inbox = inbox
        self._people = people
        self._places = places
        self._answers = answers
        self._beginning: Counter[ThreadKey] = Counter()
        """Threads whose first turn is not stored yet: what is said in them meanwhile is for us too."""
        self._votable: OrderedDict[tuple[str, str, str], _Shown] = OrderedDict()

    async def hear(self, event: Mapping[str, Any], team: str, bot_user: str) -> Entry | None:
        """An event, before Slack is answered: written down when it is for us and not known yet."""
        message = inbound.read_message(event, team, bot_user)
        if message is None or not await self._for_us(message):
            return None
        entry = Entry(message.event, Kind.MESSAGE, team, dict(event))
        return entry if await self._inbox.take(entry) else None

    async def _for_us(self, message: Message) -> bool:
        if message.direct or message.mentioned:
            return True
        if message.thread_ts is None:
            return False
        return message.key in self._beginning or bool(await self._store.turns(message.key, limit=1))

    async def take(self, entry: Entry, bot_user: str) -> None:
        """The whole life of one message. Returns when it is answered, or somebody was told why not."""
        message = inbound.read_message(entry.body, entry.team, bot_user)
        if message is None:
            return
        self._beginning[message.key] += 1
        try:
            await self._take(message, bot_user)
        finally:
            self._beginning[message.key] -= 1
            if not self._beginning[message.key]:
                del self._beginning[message.key]

    async def _take(self, message: Message, bot_user: str) -> None:
        client = await self._clients.of(message.team)
        person = await self._people.of(client, message.team, message.user)
        refused = await self._handlers.refusal(replace(whereabouts(message.key), direct=message.direct), person)
        if refused is not None:
            await self._answers.tell(message.key, person, refused)
            return
        if message.direct and message.thread_ts is None and not await self._places.has_threads(client, message):
            message = replace(message, alone=True)
        message = await self._named(client, message, bot_user)
        attachments, problems = await self.attachments(client, message.team, message.files)
        incoming = inbound.incoming(message, person, attachments, problems)
        if said(message.text) is None:  # a command begins no session
            incoming = replace(incoming, in_thread=message.direct or message.thread_ts is not None)
        else:
            await self._places.note(message.key, person)
            await self._title(message, client)
        await self._handlers.receive(incoming)

    async def _named(self, client: AsyncWebClient, message: Message, bot_user: str) -> Message:
        """With names where Slack wrote ids: the language model knows no ids."""
        people = written.mentioned_people(message.raw, bot_user)[:NAMED]
        channels = written.mentioned_channels(message.raw)[:NAMED]
        if not people and not channels:
            return message
        names = {user: (await self._people.of(client, message.team, user)).name for user in people}
        names |= {channel: await self._places.name_of(client, channel) for channel in channels}
        return replace(message, text=written.clean_text(message.raw, bot_user, names))

    async def _title(self, message: Message, client: AsyncWebClient) -> None:
        """A conversation in the agent view is called by its first words; elsewhere Slack has no titles."""
        if not message.direct or message.alone or not message.text:
            return
        if await self._store.turns(message.key, limit=1):
            return
        title = message.text.splitlines()[0][:80]
        with contextlib.suppress(*FAILURES):
            await client.assistant_threads_setTitle(channel_id=message.channel, thread_ts=message.root, title=title)

    async def attachments(
        self, client: AsyncWebClient, team: str, files: Sequence[Payload]
    ) -> tuple[tuple[Attachment, ...], tuple[str, ...]]:
        """The pictures among the files of a message, and a sentence for each of the others."""
        found: list[Attachment] = []
        problems: list[str] = []
        for file in files[: self._config.max_files]:
            try:
                found.append(await fetch(client, file, await self._clients.token(team), self._config))
            except FileRefused as refused:
                problems.append(str(refused))
        if left := [name_of(file) for file in files[self._config.max_files :]]:
            problems.append(left_out(self._config.max_files, left))
        return tuple(found), tuple(problems)

    # Reactions

    async def reacted(self, event: Mapping[str, Any], team: str, bot_user: str) -> None:
        """A thumb on an answer that shows one picture is a vote for or against it."""
        read = inbound.read_reaction(event, bot_user)
        if read is None:
            return
        channel, ts, user, up, given = read
        client = await self._clients.of(team)
        try:
            thread, numbers = await self._shown(client, team, channel, ts, bot_user)
        except SlackClientError as error:
            log.info("a reaction's message cannot be read: %s", error)
            return
        if len(numbers) != 1 or thread is None:
            return  # which of several pictures is meant is told by their Vote buttons
        person = await self._people.of(client, team, user)
        if await self._handlers.refusal(replace(whereabouts(thread), untold=True), person) is None:
            await self._handlers.vote(Vote(thread, person, numbers[0], up, given))

    async def _shown(self, client: AsyncWebClient, team: str, channel: str, ts: str, bot_user: str) -> _Shown:
        """The thread of a message and the pictures in it. Many people vote on one message within minutes, and Slack
        lets some apps read one message a minute only: what does not change any more is remembered."""
        known = self._votable.get((team, channel, ts))
        if known is not None:
            return known
        page = await client.conversations_replies(channel=channel, ts=ts, latest=ts, inclusive=True, limit=1)
        message: Payload = next((m for m in page.get("messages") or [] if m.get("ts") == ts), {})
        container = {"channel_id": channel, "message_ts": ts, "thread_ts": message.get("thread_ts")}
        shown = inbound.read_place({"container": container}, team), inbound.shown_pictures(message, bot_user)
        if shown[1] and not inbound.is_growing(message):
            self._votable[team, channel, ts] = shown
            if len(self._votable) > VOTABLE:
                self._votable.popitem(last=False)
        return shown
