"""What doctor says of several engines: what each is for, and where two would share a device."""

from __future__ import annotations

from collections.abc import Iterable

from bot.pictures import devices_of
from bot.settings import Settings
from imaging.engine_table import ENGINES
from imaging.findings import Finding, ok, warning


def examine(settings: Settings) -> Iterable[Finding]:
    """Nothing of one engine that does all."""
    if len(settings.engines) == 1:
        return
    told = [f"{settings.engine} draws new pictures"]
    if settings.edit_engine:
        hard = settings.edit_engine_takes == "hard"
        told.append(f"{settings.edit_engine} changes pictures{' where their own engine cannot' if hard else ''}")
    if settings.thread_engines:
        told.append(f"threads may choose {settings.thread_engines}")
    if settings.overflow_engine:
        after = f"{settings.overflow_after_s:.0f} s"
        told.append(f"{settings.overflow_engine} draws new pictures while {settings.engine} is busy for over {after}")
    yield ok("engines", "; ".join(told))
    used: dict[str, str] = {}
    for name in settings.engines:
        for device in () if ENGINES[name].address else devices_of(settings, name).values():
            place = device or "the default device"
            other = used.setdefault(place, name)
            if other != name:
                yield warning(
                    "engines", f"{other} and {name} share {place}, which has to hold both models: see "
                    "EASEL_ENGINE_DEVICES and EASEL_WORKER_IDLE_MINUTES"
                )  # fmt: skip
