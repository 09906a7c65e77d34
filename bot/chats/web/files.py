"""Files that commands answer with, kept until the browser has fetched them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from handlers.model import File

KEPT_S = 600.0
KEPT_BYTES = 256 * 2**20
MAX_FILE_BYTES = 24 * 2**20
"""Of one file: ten of them, the most that an export has, are kept together."""


@dataclass(frozen=True, slots=True)
class _Kept:
    person: str
    token: str
    file: File
    until: float


class Shelf:
    """Keeps the newest answer's files of each person for a while, in memory; the oldest go first.

    Args:
        most: Bytes of all files together.
        clock: Seconds.
    """

    def __init__(self, most: int = KEPT_BYTES, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._kept: list[_Kept] = []

    def put(self, person: str, files: Sequence[File]) -> list[str]:
        """The links by which that person, and nobody else, can fetch them."""
        if not files:
            return []
        until = self._clock() + KEPT_S
        new = [_Kept(person, secrets.token_urlsafe(16), file, until) for file in files]
        self._kept = [kept for kept in self._fresh() if kept.person != person] + new
        while sum(len(kept.file.data) for kept in self._kept) > self._most:
            del self._kept[0]
        return [f"/api/files/{kept.token}" for kept in new]

    def take(self, person: str, token: str) -> File | None:
        """The file, as often as it is asked for; None when it is gone, or somebody else's."""
        self._kept = self._fresh()
        found = (kept.file for kept in self._kept if kept.person == person and kept.token == token)
        return next(found, None)

    def _fresh(self) -> list[_Kept]:
        now = self._clock()
        return [kept for kept in self._kept if kept.until > now]
