"""What is remembered of places: the latest thread of a channel, and where direct messages have threads."""

from __future__ import annotations

import logging
from collections import OrderedDict

from slack_sdk.web.async_client import AsyncWebClient

from bot.chats.slack.incoming import inbound
from bot.chats.slack.incoming.inbound import Message
from bot.chats.slack.outgoing.status import mark_session
from bot.chats.slack.outgoing.stream import Destination
from bot.chats.slack.ports import KeyValue
from bot.chats.slack.trouble import FAILURES, is_passing
from handlers.model import NOWHERE, Person, ThreadKey

log = logging.getLogger(__name__)
LAST = "slack/last/"
NAMES_KEPT = 1_000


class Places:
    def __init__(self, memory: KeyValue) -> None:
        self._memory = memory
        self._agents: dict[str, bool] = {}
        self._names: OrderedDict[str, str] = OrderedDict()

    async def note(self, thread: ThreadKey, person: Person) -> None:
        """Somebody said something in this thread."""
        where = f"{LAST}{thread.tenant}/{thread.channel}"
        await self._memory.put(where, thread.thread)
        await self._memory.put(f"{where}/{person.id}", thread.thread)

    async def name_of(self, client: AsyncWebClient, channel: str) -> str:
        """What a channel is called; empty where Slack does not tell (without `channels:read`,
        it tells nothing)."""
        if channel not in self._names:
            try:
                found = inbound.text_at((await client.conversations_info(channel=channel)).get("channel"), "name")
            except FAILURES as error:
                log.info("the name of a channel is not known: %s", error)
                if is_passing(error):
                    return ""
                found = ""
            self._names[channel] = found
            if len(self._names) > NAMES_KEPT:
                self._names.popitem(last=False)
        return self._names[channel]

    async def latest(self, team: str, channel: str, person: Person) -> ThreadKey:
        """The thread that a slash command means, which has none of its own: the latest one of who gave it in that
        channel, else of anybody; `NOWHERE` where there is no session yet."""
        where = f"{LAST}{team}/{channel}"
        found = await self._memory.get(f"{where}/{person.id}") or await self._memory.get(where)
        return ThreadKey("slack", team, channel, found or NOWHERE)

    async def has_threads(self, client: AsyncWebClient, message: Message) -> bool:
        """Whether a direct message begins a conversation of its own, as in the agent view. Where the app has no
        agent sessions, all direct messages of a person are one conversation."""
        known = self._agents.get(message.team)
        if known is None:
            thread = Destination(message.team, message.channel, message.ts, message.user)
            known = await mark_session(client, thread, "active")
            if known is not None:
                self._agents[message.team] = known
        return known is not False
