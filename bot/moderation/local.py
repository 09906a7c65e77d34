"""A small picture classifier on this machine: `nudenet`, whose weights come in its package (12 MB, ONNX).

Its metadata says MIT, its LICENSE file AGPL-3.0: it is an extra that whoever runs the program chooses to install.
Nothing of it is imported before the first picture is looked at, and never on the event loop.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeAlias

from PIL import Image

from handlers.moderation.model import Category, Finding, Subject, Weight
from handlers.ports import ModeratorUnavailable

PACKAGE: Final = "nudenet"
CLEAR_FROM: Final = 0.5
BORDERLINE_FROM: Final = 0.35
"""Scores are 0 to 1."""
CLEAR: Final = frozenset(
    {"FEMALE_GENITALIA_EXPOSED", "MALE_GENITALIA_EXPOSED", "ANUS_EXPOSED", "FEMALE_BREAST_EXPOSED"}
)
BORDERLINE: Final = frozenset({"BUTTOCKS_EXPOSED", "FEMALE_GENITALIA_COVERED", "ANUS_COVERED"})
Detect: TypeAlias = Callable[[bytes], Sequence[Mapping[str, Any]]]


class LocalClassifier:
    """Judges pictures for nudity alone, one at a time.

    Args:
        load: Makes the classifier, in its own thread; tests bring one of theirs.
    """

    name = "local"

    def __init__(self, *, timeout_s: float, load: Callable[[], Detect] | None = None) -> None:
        self._timeout_s = timeout_s
        self._load = load or _nudenet
        self._detect: Detect | None = None
        self._turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="classifier")

    async def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def look(self, subject: Subject) -> Sequence[Finding]:
        """
        Raises:
            ModeratorUnavailable: it is not installed, breaks, or takes too long.
        """
        if subject.picture is None:
            return ()
        async with self._turn:  # the time of those before it is not its own
            work = asyncio.get_running_loop().run_in_executor(self._thread, self._seen, subject.picture)
            try:
                async with asyncio.timeout(self._timeout_s):
                    return await work
            except TimeoutError:
                raise ModeratorUnavailable(f"no judgement in {self._timeout_s:g} s") from None

    def _seen(self, picture: bytes) -> list[Finding]:
        try:
            if self._detect is None:
                self._detect = self._load()
            parts = self._detect(_as_png(picture))
            found = [self._finding(str(part["class"]), float(part["score"])) for part in parts]
        except Exception as error:
            raise ModeratorUnavailable(f"{PACKAGE} failed ({type(error).__name__})") from error
        return [finding for finding in found if finding is not None]

    def _finding(self, part: str, score: float) -> Finding | None:
        if part not in CLEAR | BORDERLINE or score < BORDERLINE_FROM:
            return None
        clear = part in CLEAR and score >= CLEAR_FROM
        why = f"{part.lower()} {score:.2f}"
        return Finding(Category.SEXUAL, Weight.CLEAR if clear else Weight.BORDERLINE, self.name, why)


def _nudenet() -> Detect:
    from nudenet import NudeDetector

    detect: Detect = NudeDetector().detect
    return detect


def _as_png(picture: bytes) -> bytes:
    """Three channels, which is all that the classifier reads."""
    with Image.open(io.BytesIO(picture)) as image:
        out = io.BytesIO()
        image.convert("RGB").save(out, "PNG", compress_level=1)
    return out.getvalue()
