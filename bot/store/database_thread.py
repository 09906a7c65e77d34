"""The one thread that talks to the database: what waits together is committed together.

At many turns a second the cost of the database is its commits. Operations that arrive while one is
committing share the next transaction; each is in a savepoint of its own, so that one that fails takes
no other with it, and nobody gets an answer before the commit.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias, TypeVar

R = TypeVar("R")

Item: TypeAlias = "tuple[Callable[[], Any], asyncio.Future[Any]]"
Result: TypeAlias = "tuple[asyncio.Future[Any], Any, Exception | None]"

MOST_TOGETHER = 64
"""Operations a transaction: bounds how long one that arrives alone can wait."""


class DatabaseThread:
    """Runs operations in the order in which they came, on one connection."""

    def __init__(
        self, connection: sqlite3.Connection, executor: ThreadPoolExecutor, undone: Callable[[], None] = lambda: None
    ) -> None:
        """`undone` is called on the thread when something failed and was rolled back."""
        self._connection = connection
        self._executor = executor
        self._undone = undone
        self._waiting: list[Item] = []
        self._busy = False

    async def run(self, work: Callable[[], R]) -> R:
        """The operation's result, once it is committed."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        self._waiting.append((work, future))
        self._next(loop)
        return await future

    async def alone(self, work: Callable[[], R]) -> R:
        """An operation outside any transaction (a backup, a checkpoint)."""

        def alone() -> R:
            try:
                return work()
            except BaseException:
                self._undone()
                raise

        return await asyncio.get_running_loop().run_in_executor(self._executor, alone)

    async def close(self) -> None:
        """Finish what is waiting, then close the connection."""
        while self._busy:
            await self.run(lambda: None)
        await self.alone(self._connection.close)
        self._executor.shutdown()

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._busy or not self._waiting:
            return
        self._busy = True
        batch, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
        self._executor.submit(self._work, batch, loop)

    def _work(self, batch: list[Item], loop: asyncio.AbstractEventLoop) -> None:
        results = self._together(batch)
        if results is None:
            results = [self._one(work, future) for work, future in batch]
        loop.call_soon_threadsafe(self._deliver, results, loop)

    def _deliver(self, results: list[Result], loop: asyncio.AbstractEventLoop) -> None:
        self._busy = False
        self._next(loop)
        for future, value, error in results:
            if future.done():
                continue  # whoever asked is gone; the operation is done all the same
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(value)

    def _together(self, batch: list[Item]) -> list[Result] | None:
        """All in one transaction; None when that failed as a whole and nothing of it was kept."""
        if len(batch) == 1:
            return None
        results: list[Result] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:  # locked or broken: each would only wait as long again
            return [(future, None, error) for _, future in batch]
        try:
            for work, future in batch:
                results.append(self._one(work, future))
                if not self._connection.in_transaction:  # a full disk has rolled everything back
                    self._undone()
                    return None
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._undone()
            return None
        return results

    def _one(self, work: Callable[[], Any], future: asyncio.Future[Any]) -> Result:
        # Operations that write open a transaction of their own, inside this one a part of it.
        try:
            return future, work(), None
        except Exception as error:  # noqa: BLE001 - handed to whoever awaits it
            self._undone()
            return future, None, error
