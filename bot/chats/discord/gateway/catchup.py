"""After an outage longer than Discord remembers: read what was said meanwhile in our own threads, in the channels
in which they hang, and in direct messages.

Discord replays events of short breaks itself. Messages that come twice are told apart by their event.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeAlias

import discord

from bot.chats.discord.config import KeyValue
from bot.chats.discord.ids import CHAT
from bot.chats.discord.trouble import FAILURES
from handlers.errors import UserError
from handlers.model import NOWHERE
from handlers.ports import Store

log = logging.getLogger(__name__)
CURSOR = "seen"
OVERLAP_S = 120.0
MAX_MESSAGES = 20
"""Of one thread: who comes back to more than that has moved on."""
MAX_IN_CHANNEL = 100
"""Of one channel, where most messages are not for the bot."""
MAX_DIRECT = 100
"""Direct conversations that are looked into."""
READERS = 4
"""Places read at once: the history has a rate limit of its own."""


Readable: TypeAlias = discord.Thread | discord.TextChannel | discord.PartialMessageable


class CatchUp:
    """`take` is given each missed message, oldest first within its thread."""

    def __init__(
        self,
        client: discord.Client,
        store: Store,
        memory: KeyValue,
        take: Callable[[discord.Message], Awaitable[None]],
        max_age_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._store = store
        self._memory = memory
        self._take = take
        self._max_age_s = max_age_s
        self._clock = clock
        self._readers = asyncio.Semaphore(READERS)

    async def seen(self) -> None:
        """Everything until now has arrived."""
        await self._memory.put(CURSOR, f"{self._clock():.0f}")

    async def run(self) -> None:
        """Hand over what was missed since `seen`; at the first start there is nothing."""
        text = await self._memory.get(CURSOR)
        began = self._clock()
        if text is not None:
            since = max(float(text) - OVERLAP_S, began - self._max_age_s)
            cursor = discord.utils.time_snowflake(datetime.fromtimestamp(since, UTC))
            threads = self._threads(cursor)
            await asyncio.gather(
                *(self._thread(thread, cursor) for thread in threads),
                *(self._channel(channel, cursor) for channel in self._channels(cursor)),
                *(self._thread(channel, cursor) for channel in await self._direct()),
            )
        # Only now: who is killed while catching up begins again where this began.
        await self._memory.put(CURSOR, f"{began:.0f}")

    def _ours(self) -> list[discord.Thread]:
        me = self._client.user.id if self._client.user else 0
        return [thread for guild in self._client.guilds for thread in guild.threads if thread.owner_id == me]

    def _threads(self, cursor: int) -> list[discord.Thread]:
        """Our own threads in which something was said since."""
        return [thread for thread in self._ours() if (thread.last_message_id or 0) > cursor]

    def _channels(self, cursor: int) -> list[discord.TextChannel]:
        """Where people are used to call the bot, and something was said since."""
        parents = {parent.id: parent for thread in self._ours() if (parent := thread.parent) is not None}
        return [
            channel
            for channel in parents.values()
            if isinstance(channel, discord.TextChannel) and (channel.last_message_id or 0) > cursor
        ]

    async def _direct(self) -> list[discord.PartialMessageable]:
        """The latest direct conversations; Discord does not list them for a bot."""
        try:
            known = await self._store.threads(CHAT, NOWHERE, limit=MAX_DIRECT)
        except UserError as error:
            log.warning("direct conversations are not caught up: %s", error)
            return []
        ids = [int(row.key.channel) for row in known if row.key.thread == row.key.channel]
        return [self._client.get_partial_messageable(id) for id in ids]

    async def _thread(self, thread: Readable, cursor: int) -> None:
        """What was said in one session, in order."""
        for message in await self._read(thread, cursor, MAX_MESSAGES):
            await self._take(message)

    async def _channel(self, channel: discord.TextChannel, cursor: int) -> None:
        """Each message for the bot begins a thread of its own there, so none waits for another."""
        await asyncio.gather(*(self._take(message) for message in await self._read(channel, cursor, MAX_IN_CHANNEL)))

    async def _read(self, place: Readable, cursor: int, limit: int) -> list[discord.Message]:
        found: list[discord.Message] = []
        try:
            async with self._readers:
                async for message in place.history(limit=limit, after=discord.Object(cursor), oldest_first=True):
                    found.append(message)
        except FAILURES as error:
            log.info("%d cannot be read: %s", place.id, error)
        except Exception:
            log.exception("a message of %d is too strange to be read", place.id)
        return found
