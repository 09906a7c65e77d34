"""The picture side as the program runs it: engine by settings, one worker a device, the queue on its ledger."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.home import Home
from bot.settings import EngineName, Settings, parse_loras
from imaging.cpu import cores
from imaging.engine_table import EngineSpec
from imaging.errors import RecordRefused
from imaging.files import PictureFiles
from imaging.queue import JobQueue
from imaging.queue.types import QueueLimits, QueueObserver
from imaging.record.sqlite import open_record
from imaging.worker_client import SubprocessWorker

log = logging.getLogger(__name__)

AUTO_THREADS = 4
"""More bring a small model little."""


@dataclass(frozen=True, slots=True)
class Studio:
    """The running queue."""

    queue: JobQueue


def engine_spec(settings: Settings) -> EngineSpec:
    """The engine that the settings ask for."""
    match settings.engine:
        case EngineName.MINI:
            return EngineSpec("mini", {"lanes": cpu_threads(settings), "precision": settings.precision})
        case EngineName.SDXL:
            options: dict[str, Any] = {
                "model": settings.sdxl_model,
                "loras": [list(pair) for pair in parse_loras(settings.loras)],
                "precision": settings.precision,
            }
            return EngineSpec("sdxl", options | _chosen(settings))
        case EngineName.OPENAI:
            key = settings.images_api_key.get_secret_value()
            return EngineSpec(
                "openai", {"base_url": settings.images_base_url, "api_key": key, "model": settings.images_model}
            )


def _chosen(settings: Settings) -> dict[str, Any]:
    """What is not left to the checkpoint and its family."""
    given: dict[str, tuple[Any, Any]] = {
        "ip_adapter": (settings.ip_adapter, ""),
        "vae": (settings.vae, ""),
        "clip_skip": (settings.clip_skip, 2),
        "family": (settings.sdxl_family, "auto"),
        "steps": (settings.steps, 0),
        "guidance": (settings.guidance, -1),
        "sampler": (settings.sampler, "auto"),
        "quality": (settings.quality_words, "auto"),
        "negative": (settings.negative_words, "auto"),
        "side": (settings.native_size, 0),
        "prediction": (settings.prediction, "auto"),
    }
    chosen = {name: value for name, (value, unset) in given.items() if value != unset}
    return {name: "" if value == "none" else value for name, value in chosen.items()}


def recognised(settings: Settings) -> str | None:
    """Which family the checkpoint is taken for, and its numbers; None where the engine is another.

    Raises:
        EngineError: a setting names what is not there.
    """
    if settings.engine is not EngineName.SDXL:
        return None
    from imaging.engines.families import Wishes, recognise

    loras = [name for name, _ in parse_loras(settings.loras)]
    return recognise(settings.sdxl_model, loras, Wishes.of(engine_spec(settings).options)).sentence()


def cpu_threads(settings: Settings) -> int:
    """CPU threads of one worker; 0 in the settings is one a core, at most AUTO_THREADS."""
    return settings.threads or min(cores(), AUTO_THREADS)


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
    settings: Settings, record_path: Path, files: PictureFiles, observer: QueueObserver | None = None
) -> AsyncIterator[Studio]:
    """Open the record and the queue; workers start at once, beside everything else.

    Raises:
        EngineError: the engine's files are missing.
        RecordRefused: the record cannot be opened.
    """
    spec, cache = engine_spec(settings), Home(settings.home).cache
    if (said := recognised(settings)) is not None:
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
        record, files, workers, spec, home=cache, limits=limits, observer=observer, warm=True,
        idle_stop_s=settings.worker_idle_minutes * 60 or None, silence_s=settings.worker_silence_s,
    ) as queue:  # fmt: skip
        yield Studio(queue)
