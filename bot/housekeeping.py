"""What is tidied up while the program runs: files that nothing needs, ended jobs, and (by setting) old sessions."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import timedelta

from bot.store.store import SqliteStore
from handlers.desk import Desk
from handlers.errors import StoreError
from imaging.errors import RecordRefused
from imaging.files import PictureFiles
from imaging.queue import JobQueue

log = logging.getLogger(__name__)

EVERY_S = 3600.0
YOUNG_S = 3600.0
"""A file younger than this may still get the row that wants it."""
DAY_S = 86_400.0


async def sweep(files: PictureFiles, store: SqliteStore, queue: JobQueue, *, older_than: float) -> int:
    """Delete picture files from before a Unix time that neither a picture nor a job needs; returns how many.

    A crash between a file and its row leaves such files.

    Raises:
        StoreError: the database cannot be asked.
    """
    wanted = await queue.wanted_files()
    swept = 0
    for folder in await asyncio.to_thread(files.folders):
        old = await asyncio.to_thread(files.old, folder, older_than)
        unwanted = [name for name in await store.unneeded(old) if name not in wanted] if old else []
        swept += await asyncio.to_thread(files.discard, unwanted, older_than=older_than)
    return swept


class Housekeeping:
    """Runs now and every hour. `retention_days` 0 keeps sessions for ever."""

    def __init__(
        self, desk: Desk, store: SqliteStore, queue: JobQueue, files: PictureFiles, *,
        retention_days: int, job_days: int, audit_days: int = 90, record_days: int = 180,
    ) -> None:  # fmt: skip
        self._desk = desk
        self._store = store
        self._queue = queue
        self._files = files
        self._retention_days = retention_days
        self._job_days = job_days
        self._audit_days = audit_days
        self._record_days = record_days

    async def run(self) -> None:
        """Until cancelled. What an earlier program left is swept first: nobody else uses this home."""
        young = 0.0
        while True:
            try:
                await self.tidy(time.time() - young)
            except (StoreError, RecordRefused, OSError) as error:
                log.error("housekeeping could not tidy up: %s", error)
            young = YOUNG_S
            await asyncio.sleep(EVERY_S)

    async def tidy(self, older_than: float) -> None:
        """Once; picture files that are younger than a Unix time are left alone.

        Raises:
            StoreError, RecordRefused, OSError: a database or the disk refuses; the next time makes up for it.
        """
        if self._retention_days:
            gone = await self._desk.prune(timedelta(days=self._retention_days))
            if gone.turns or gone.pictures:
                log.info("retention deleted %d turns and %d pictures", gone.turns, gone.pictures)
        await self._store.forget_acts(time.time() - self._audit_days * DAY_S)
        await self._store.forget_cases(time.time() - self._record_days * DAY_S)
        await self._store.forget_spendings()
        days = min(self._job_days, self._retention_days or self._job_days)
        if jobs := await self._queue.prune(time.time() - days * DAY_S):
            log.info("%d ended jobs were forgotten", jobs)
        if swept := await sweep(self._files, self._store, self._queue, older_than=older_than):
            log.info("%d picture files that nothing needed were deleted", swept)
