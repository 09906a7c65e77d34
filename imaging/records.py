"""The ledger from the event loop: one thread of its own, and patience with a database that refuses."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from imaging.disk import record_sentence
from imaging.ledger import JobLedger

log = logging.getLogger(__name__)
T = TypeVar("T")

FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 5.0


class Records:
    """Runs the ledger's transactions in the order in which they were asked for."""

    def __init__(self, ledger: JobLedger) -> None:
        self.ledger = ledger
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._later: set[asyncio.Task[None]] = set()
        self.problem: str | None = None
        """Why the last transaction failed; None while all is well."""

    async def run(self, call: Callable[[JobLedger], T]) -> T:
        """One transaction.

        Raises:
            sqlite3.Error: the database refuses.
        """
        try:
            result = await asyncio.get_running_loop().run_in_executor(self._thread, call, self.ledger)
        except sqlite3.Error as error:
            self.problem = record_sentence(error)
            raise
        self.problem = None
        return result

    async def insist(self, call: Callable[[JobLedger], T], *, for_s: float | None = None) -> T:
        """One transaction, tried again until the database takes it.

        Args:
            for_s: Seconds after which it is given up; None never gives up.

        Raises:
            sqlite3.Error: it was given up.
        """
        loop = asyncio.get_running_loop()
        until, wait = (None if for_s is None else loop.time() + for_s), FIRST_WAIT_S
        while True:
            try:
                return await self.run(call)
            except sqlite3.Error as error:
                if until is not None and loop.time() + wait > until:
                    raise
                log.warning("the record of jobs refuses (%s); again in %.1f s", error, wait)
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT_S)

    def later(self, call: Callable[[JobLedger], object]) -> None:
        """Insist beside everything else; what has not been written at the end is mended by the next start."""

        async def work() -> None:
            await self.insist(call)

        task = asyncio.create_task(work(), name="record later")
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def close(self) -> None:
        """Wait for what is running, then close the file."""
        for task in self._later:
            task.cancel()
        await asyncio.gather(*self._later, return_exceptions=True)
        await asyncio.get_running_loop().run_in_executor(self._thread, self.ledger.close)
        self._thread.shutdown()
