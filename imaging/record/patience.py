"""The record from the event loop: one thread of its own, and patience with one that refuses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from imaging.errors import RecordRefused
from imaging.record.port import JobRecord
from imaging.tasks import Tasks

log = logging.getLogger(__name__)
T = TypeVar("T")

FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 5.0


class Records:
    """Runs the record's transactions in the order in which they were asked for."""

    def __init__(self, record: JobRecord) -> None:
        self._record = record
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="record")
        self._later = Tasks()
        self.problem: str | None = None
        """Why the last transaction failed; None while all is well."""

    def now(self) -> float:
        """Unix time, by the record's clock."""
        return self._record.now()

    async def run(self, call: Callable[[JobRecord], T]) -> T:
        """One transaction.

        Raises:
            RecordRefused: it refuses.
        """
        try:
            result = await asyncio.get_running_loop().run_in_executor(self._thread, call, self._record)
        except RecordRefused as error:
            self.problem = str(error)
            raise
        self.problem = None
        return result

    async def insist(self, call: Callable[[JobRecord], T], *, for_s: float | None = None) -> T:
        """One transaction, tried again until the record takes it.

        Args:
            for_s: Seconds after which it is given up; None never gives up.

        Raises:
            RecordRefused: it was given up.
        """
        loop = asyncio.get_running_loop()
        until, wait = (None if for_s is None else loop.time() + for_s), FIRST_WAIT_S
        while True:
            try:
                return await self.run(call)
            except RecordRefused as error:
                if until is not None and loop.time() + wait > until:
                    raise
                log.warning("the record of jobs refuses (%s); again in %.1f s", error, wait)
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT_S)

    def later(self, call: Callable[[JobRecord], object]) -> None:
        """Insist beside everything else; what has not been written at the end is mended by the next start."""

        async def work() -> None:
            await self.insist(call)

        self._later.spawn(work(), "record later")

    async def close(self) -> None:
        """Wait for what is running, then close the file."""
        await self._later.close()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._record.close)
        self._thread.shutdown()
