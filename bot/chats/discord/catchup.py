"""After an outage longer than Discord remembers: read what was said in our own threads meanwhile.

Discord replays events of short breaks itself. Messages that come twice are told apart by their event.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import discord

from bot.chats.discord.config import KeyValue
from bot.chats.discord.trouble import FAILURES

log = logging.getLogger(__name__)
CURSOR = "seen"
OVERLAP_S = 120.0
MAX_MESSAGES = 20
"""Of one thread: who comes back to more than that has moved on."""
READERS = 4
"""Threads read at once: the history has a rate limit of its own."""


class CatchUp:
    """`take` is given each missed message, oldest first within its thread."""

    def __init__(
        self,
        client: discord.Client,
        memory: KeyValue,
        take: Callable[[discord.Message], Awaitable[None]],
        max_age_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
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
        await self.seen()
        if text is None:
            return
        since = max(float(text) - OVERLAP_S, self._clock() - self._max_age_s)
        cursor = discord.utils.time_snowflake(datetime.fromtimestamp(since, UTC))
        await asyncio.gather(*(self._thread(thread, cursor) for thread in self._threads(cursor)))

    def _threads(self, cursor: int) -> list[discord.Thread]:
        """Our own threads in which something was said since."""
        me = self._client.user.id if self._client.user else 0
        threads = [thread for guild in self._client.guilds for thread in guild.threads]
        return [thread for thread in threads if thread.owner_id == me and (thread.last_message_id or 0) > cursor]

    async def _thread(self, thread: discord.Thread, cursor: int) -> None:
        try:
            async with self._readers:
                found = thread.history(limit=MAX_MESSAGES, after=discord.Object(cursor), oldest_first=True)
                messages = [message async for message in found]
        except FAILURES as error:
            log.info("thread %d cannot be read: %s", thread.id, error)
            return
        for message in messages:
            await self._take(message)
