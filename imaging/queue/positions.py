"""Positions and ETAs follow what happens, and waits that have lasted too long end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from imaging.model import FailureKind
from imaging.queue.dispatch import Dispatcher
from imaging.queue.open_jobs import OpenJobs
from imaging.record.patience import Records

POSITIONS_S = 0.25
"""Positions and ETAs are worked out again at most this often."""
ETA_S = 5.0
"""While something waits its ETA is worked out again this often, also when nothing has begun or ended."""
OVERDUE_S = 30.0
"""How often jobs that have waited beyond their deadline are looked for."""
OVERDUE = "This picture has waited for hours without being drawn; ask for it again."


class Positions:
    """`deadline_s`: the longest wait. Every engine has its own positions."""

    def __init__(
        self, jobs: OpenJobs, dispatchers: Mapping[str, Dispatcher], records: Records, *, deadline_s: float
    ) -> None:
        self._jobs = jobs
        self._dispatchers = dispatchers
        self._records = records
        self._deadline_s = deadline_s

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        looked = loop.time()
        while True:
            # Not wait_for: before Python 3.12 it can swallow a cancellation that comes with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ETA_S if self._jobs.waiting else OVERDUE_S):
                    await self._jobs.moved.wait()
            if loop.time() - looked >= OVERDUE_S:
                looked = loop.time()
                await self._end_overdue()
            self._jobs.moved.clear()
            for dispatcher in self._dispatchers.values():
                dispatcher.publish_positions()
            await asyncio.sleep(POSITIONS_S)

    async def _end_overdue(self) -> None:
        for job in self._jobs.waiting_since(self._records.now() - self._deadline_s):
            await self._dispatchers[job.request.recipe.engine].fail_waiting(job, OVERDUE, FailureKind.OVERDUE)
