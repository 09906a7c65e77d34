"""So much at once and no more, in all and for each; who waits is served fairly."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class AtOnce:
    """Rooms that people enter and leave. Of those who may enter, whoever is in fewest goes first, then who waits
    longest; however many somebody has waiting, another's first waits for none of them.

    Args:
        most: Rooms in all; 0: no limit.
        each: Rooms of one account; 0: no limit.
    """

    def __init__(self, most: int = 0, each: int = 0) -> None:
        self._most = most
        self._each = each
        self._inside: Counter[str] = Counter()
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        """By account, in the order in which the accounts began to wait."""

    @property
    def inside(self) -> int:
        return self._inside.total()

    @property
    def waiting(self) -> int:
        return sum(map(len, self._queues.values()))

    @asynccontextmanager
    async def room(self, account: str) -> AsyncIterator[None]:
        """Wait for room, and have it until the block ends."""
        await self._enter(account)
        try:
            yield
        finally:
            self._leave(account)

    def _free(self, account: str) -> bool:
        return (not self._most or self.inside < self._most) and (not self._each or self._inside[account] < self._each)

    async def _enter(self, account: str) -> None:
        if self._free(account) and account not in self._queues:
            self._inside[account] += 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(account, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():  # let in and called off at the same time
                self._leave(account)
            else:
                self._forget(account, place)
            raise

    def _forget(self, account: str, place: asyncio.Future[None]) -> None:
        queue = self._queues[account]
        queue.remove(place)
        if not queue:
            del self._queues[account]

    def _leave(self, account: str) -> None:
        self._inside[account] -= 1
        if not self._inside[account]:
            del self._inside[account]
        self._let_in()

    def _let_in(self) -> None:
        while able := [account for account in self._queues if self._free(account)]:
            account = min(able, key=lambda account: self._inside[account])  # of equals the first, who waits longest
            place = self._queues[account].popleft()
            if not self._queues[account]:
                del self._queues[account]
            else:
                self._queues.move_to_end(account)
            if not place.done():
                self._inside[account] += 1
                place.set_result(None)
