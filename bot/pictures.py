"""The picture side as the program runs it: engine by settings, one worker a device, the queue on its ledger."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.home import Home
from bot.settings import Settings
from imaging.engine_table import EngineSpec, declared
from imaging.errors import RecordRefused
from imaging.files import PictureFiles
from imaging.queue import JobQueue
from imaging.queue.jobs import Unneeded
from imaging.queue.types import QueueLimits, QueueObserver
from imaging.record.sqlite import open_record
from imaging.worker_client import SubprocessWorker

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Studio:
    """The running queue."""

    queue: JobQueue


def engine_spec(settings: Settings) -> EngineSpec:
    """The engine that the settings ask for."""
    return EngineSpec(settings.engine, declared(settings.engine).options(settings.plain()))


def devices(settings: Settings) -> dict[str, str | None]:
    """Workers by name, and the device of each; None lets the engine choose it."""
    names = [name.strip() for name in settings.devices.split(",") if name.strip()] or ["auto"]
    found: dict[str, str | None] = {}
    for at, name in enumerate(names):
        again = names[:at].count(name) + 1
        found[name if again == 1 else f"{name} ({again})"] = None if name == "auto" else name
    return found


@asynccontextmanager
async def open_studio(
    settings: Settings,
    record_path: Path,
    files: PictureFiles,
    observer: QueueObserver | None = None,
    unneeded: Unneeded | None = None,
) -> AsyncIterator[Studio]:
    """Open the record and the queue; workers start at once, beside everything else.

    Raises:
        EngineError: the engine's files are missing.
        RecordRefused: the record cannot be opened.
    """
    spec, cache = engine_spec(settings), Home(settings.home).cache
    if (said := declared(settings.engine).recognised(settings.plain())) is not None:
        log.info("the picture model is %s", said)
    workers = [
        SubprocessWorker(spec, cache, device, threads=settings.threads, name=name)
        for name, device in devices(settings).items()
    ]
    limits = QueueLimits(settings.queue_length, settings.queue_per_person, settings.queue_per_thread)
    try:
        record = open_record(record_path, synchronous=settings.synchronous)
    except RecordRefused as error:
        raise RecordRefused(f"{record_path}: {error}", error.trouble) from error
    async with JobQueue(
        record, files, workers, spec, home=cache, limits=limits, observer=observer, warm=True, unneeded=unneeded,
        idle_stop_s=settings.worker_idle_minutes * 60 or None, silence_s=settings.worker_silence_s,
    ) as queue:  # fmt: skip
        yield Studio(queue)
