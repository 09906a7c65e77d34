"""The picture side as the program runs it: engine by settings, one worker a device, the queue on its ledger."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.home import Home
from bot.settings import Settings, of_engines
from imaging.engine_choice import Purposes
from imaging.engine_table import ENGINES, EngineSpec, declared
from imaging.errors import RecordRefused
from imaging.files import PictureFiles
from imaging.queue import JobQueue
from imaging.queue.crews import Crew
from imaging.queue.jobs import Unneeded
from imaging.queue.types import QueueLimits, QueueObserver
from imaging.record.sqlite import open_record
from imaging.worker_client import SubprocessWorker

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Studio:
    """The running queue."""

    queue: JobQueue


def engine_spec(settings: Settings, engine: str | None = None) -> EngineSpec:
    """An engine as the settings want it; without a name the one that draws new pictures."""
    name = engine or settings.engine
    return EngineSpec(name, declared(name).options(settings.plain()))


def purposes(settings: Settings) -> Purposes:
    """What the engines are for."""
    return Purposes(
        settings.engine,
        settings.edit_engine,
        settings.edit_engine_takes == "hard",
        settings.overflow_engine,
        settings.overflow_after_s,
        tuple(filter(None, settings.thread_engines.split(", "))),
    )


def devices_of(settings: Settings, engine: str) -> dict[str, str | None]:
    """Workers of one engine by the name of their device, and the device of each."""
    elsewhere = bool(ENGINES[engine].address) and len(settings.engines) > 1
    return devices(of_engines(settings.engine_devices).get(engine, "auto" if elsewhere else settings.devices))


def devices(named: str) -> dict[str, str | None]:
    """Workers by name, and the device of each; None lets the engine choose it."""
    names = [name.strip() for name in named.split(",") if name.strip()] or ["auto"]
    found: dict[str, str | None] = {}
    for at, name in enumerate(names):
        again = names[:at].count(name) + 1
        found[name if again == 1 else f"{name} ({again})"] = None if name == "auto" else name
    return found


def _crew(settings: Settings, engine: str, cache: Path, *, several: bool) -> Crew:
    """An engine with a worker for each of its devices, which is named after both where there are others."""
    spec = engine_spec(settings, engine)
    workers = [
        SubprocessWorker(spec, cache, device, threads=settings.threads, name=f"{engine} ({name})" if several else name)
        for name, device in devices_of(settings, engine).items()
    ]
    return Crew(spec, workers)


@asynccontextmanager
async def open_studio(
    settings: Settings,
    record_path: Path,
    files: PictureFiles,
    observer: QueueObserver | None = None,
    unneeded: Unneeded | None = None,
    *,
    alone: bool = False,
) -> AsyncIterator[Studio]:
    """Open the record and the queue; workers start at once, beside everything else.

    Args:
        alone: Without the other engines beside `EASEL_ENGINE`.

    Raises:
        EngineError: an engine's files are missing.
        RecordRefused: the record cannot be opened.
    """
    cache, names = Home(settings.home).cache, settings.engines[:1] if alone else settings.engines
    for engine in names:
        if (said := declared(engine).recognised(settings.plain())) is not None:
            log.info("the picture model of %s is %s", engine, said)
    crews = [_crew(settings, engine, cache, several=len(names) > 1) for engine in names]
    limits = QueueLimits(settings.queue_length, settings.queue_per_person, settings.queue_per_thread)
    try:
        record = open_record(record_path, synchronous=settings.synchronous)
    except RecordRefused as error:
        raise RecordRefused(f"{record_path}: {error}", error.trouble) from error
    async with JobQueue(
        record, files, crews, home=cache, purposes=Purposes(settings.engine) if alone else purposes(settings),
        limits=limits, observer=observer, warm=True, unneeded=unneeded,
        idle_stop_s=settings.worker_idle_minutes * 60 or None, silence_s=settings.worker_silence_s,
    ) as queue:  # fmt: skip
        yield Studio(queue)
