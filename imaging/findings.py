"""One thing that doctor looked at, and how it stands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `sentence` has the way out when it is not OK."""

    what: str
    level: Level
    sentence: str


def ok(what: str, sentence: str) -> Finding:
    return Finding(what, Level.OK, sentence)


def warning(what: str, sentence: str) -> Finding:
    return Finding(what, Level.WARNING, sentence)


def broken(what: str, sentence: str) -> Finding:
    return Finding(what, Level.BROKEN, sentence)
