"""From settings to what pictures leave with."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli import version
from bot.marking.marks import Marks
from bot.settings import Settings
from handlers.ports import Store
from imaging.marking.copies import Layers, marked
from imaging.marking.signature import Known, Statement

if TYPE_CHECKING:
    from bot.marking.certificate import Certificate

log = logging.getLogger(__name__)


def layers(settings: Settings, found: Certificate | None) -> Layers:
    """What is put on copies; `found` is None where they are not signed."""
    credential = None if found is None else found.credential
    return Layers(settings.mark_watermark, settings.mark_metadata, settings.mark_label, credential)


def marked_file(settings: Settings, data: bytes) -> bytes:
    """A picture that a command of the host writes, as people are given it."""
    found, _ = _tried(settings, settings.home)
    chosen = layers(settings, found)
    return marked(data, chosen, Statement(version())).data if chosen.any else data


def _tried(settings: Settings, root: Path) -> tuple[Certificate | None, str | None]:
    """What signs, and what keeps it from doing so."""
    if not settings.mark_signature:
        return None, None
    from bot.marking.certificate import NoCertificate, certificate, tried  # 10 MiB, where copies are signed only

    try:
        return tried(certificate(settings, root)), None
    except NoCertificate as error:
        problem = f"Pictures leave without a signature: {error}"
        log.error("%s", problem)
        return None, problem


async def marks(settings: Settings, root: Path, store: Store) -> Marks:
    """The running thing; a certificate that does not sign is told, and keeps nobody from their pictures."""
    found, problem = await asyncio.to_thread(_tried, settings, root)
    known = Known() if found is None else found.known
    return Marks(store, layers(settings, found), version(), known, problem)
