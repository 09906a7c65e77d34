"""Finds out whether people can be served now, by using what serving them needs."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bot.platforms import Service
from bot.readiness import Readiness
from bot.store.store import SqliteStore
from handlers.errors import StoreError
from handlers.screen import Screen
from imaging.engine_choice import Purposes
from imaging.errors import RecordRefused
from imaging.queue import JobQueue
from imaging.queue.types import EngineHealth

KEPT_S = 2.0
"""How long an answer holds: probes write to the disk, and anybody may ask."""
PROBE = b"\0" * 4096
MIB = 2**20


class Probes:
    """Looks at everything that serving people needs, by using it."""

    def __init__(
        self,
        home: Path,
        store: SqliteStore,
        queue: JobQueue,
        services: Callable[[], Iterable[Service]],
        told: Sequence[Callable[[], str | None]],
        judging: Screen,
        *,
        min_free_mib: int,
    ) -> None:
        """
        Args:
            services: The platforms that are started.
            told: What is wrong and keeps nobody from being served, as far as is known without asking anybody.
            judging: Its moderators; one that fails keeps people from being served where nothing is drawn without it.
            min_free_mib: Less free disk than this is a full disk.
        """
        self._home = home
        self._store = store
        self._queue = queue
        self._services = services
        self._told = told
        self._judging = judging
        self._min_free_mib = min_free_mib
        self._looking = asyncio.Lock()
        self._newest: tuple[float, Readiness] | None = None

    async def look(self) -> Readiness:
        """What there is to say now; never raises."""
        async with self._looking:
            if self._newest is None or time.monotonic() - self._newest[0] > KEPT_S:
                self._newest = (time.monotonic(), await self._look())
            return self._newest[1]

    async def _look(self) -> Readiness:
        problems = [await service.problem() for service in self._services()]
        problems += [await asyncio.to_thread(self._disk), await self._database()]
        with contextlib.suppress(RecordRefused):  # health tells it
            await self._queue.probe()
        health = self._queue.health()
        problems += health.problems
        warnings = [*health.warnings, *(told() for told in self._told)]
        passing = list(health.passing)
        silent = await self._judging.problems()
        if self._judging.house.closed:
            problems += silent
            passing += silent  # they are asked again until they answer
        else:
            warnings += silent
        engines = tuple(_row(engine, self._queue.at_hand().purposes) for engine in health.engines)
        return Readiness(tuple(filter(None, problems)), tuple(filter(None, warnings)), tuple(passing), engines)

    def _disk(self) -> str | None:
        """A full or read-only disk refuses the probe; one that is nearly full will refuse the next pictures."""
        try:
            free = shutil.disk_usage(self._home).free // MIB
            if free < self._min_free_mib:
                return f"The disk of {self._home} is full: only {free} MiB are free; free some space."
            with tempfile.TemporaryFile(dir=self._home) as probe:
                probe.write(PROBE)
        except OSError as error:
            return f"Nothing can be written to {self._home}: {error.strerror or error}."
        return None

    async def _database(self) -> str | None:
        try:
            await self._store.probe()
        except StoreError as error:
            return str(error)
        return None


def _row(engine: EngineHealth, purposes: Purposes) -> str:
    """What an engine is for, and how it is: one line for the host."""
    duties = (
        (engine.name == purposes.new, "new pictures"),
        (engine.name == (purposes.edit or purposes.new), "changes"),
        (engine.name in purposes.choosable, "threads that choose it"),
        (engine.name == purposes.overflow, "overflow"),
    )
    duty = ", ".join(told for has, told in duties if has)
    drawn = sum(worker.running for worker in engine.workers)
    how = "draws" if engine.draws and engine.problem is None else "does not draw"
    return f"{engine.name} ({duty}): {how}; {drawn} being drawn, {engine.waiting} waiting"
