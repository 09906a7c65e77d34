"""No more requests a second than Discord takes from one bot: 50, over all its routes.

discord.py keeps the limits of single routes by itself; the global one it only learns of by being refused, and
10,000 refusals in ten minutes shut a bot out for an hour.
https://discord.com/developers/docs/topics/rate-limits
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import discord

BURST = 5
"""Requests that may go at once after a pause."""
MOST = 48
"""Requests in any second, two fewer than Discord takes: some travel faster than others."""
SHARE_OF_SNAPSHOTS = 0.6
"""Of all requests; the rest is for what people wait for: first words, results, other routes."""


class Pace:
    """A leaky bucket, first come, first served. `per_second` and the burst together stay under Discord's 50.

    The bucket plans ahead; an event loop that stalls would send at once all that came due meanwhile. So what has
    really gone in the last second is counted too.
    """

    def __init__(
        self,
        per_second: float,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._gap = 1 / per_second
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._sleep = sleep
        self._next = float("-inf")
        """When the bucket would be empty."""
        self._went: deque[float] = deque(maxlen=MOST)
        self.growing = 0
        """Answers that are shown while they grow."""

    async def turn(self) -> None:
        """Wait until one more request may go."""
        now = self._clock()
        self._next = max(self._next, now - BURST * self._gap) + self._gap
        if self._next > now:
            await self._sleep(self._next - now)
        while len(self._went) == MOST and (early := self._went[0] + 1 - self._clock()) > 0:
            await self._sleep(early)
        self._went.append(self._clock())

    def interval(self, shortest: float) -> float:
        """Seconds between two edits of one growing answer, so that all of them together leave room for the rest."""
        return max(shortest, self.growing * self._gap / SHARE_OF_SNAPSHOTS)

    def hold(self, client: discord.Client) -> None:
        """Let every request of the client wait for its turn. Answers to interactions do not: they do not count
        at Discord, and the library sends them by another way."""
        request = client.http.request

        async def paced(route: Any, **details: Any) -> Any:
            await self.turn()
            return await request(route, **details)

        client.http.request = paced  # type: ignore[method-assign]
