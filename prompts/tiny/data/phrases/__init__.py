"""Phrase tables and word lists as text files, and the little notation that they are written in.

``[please |]draw {x}`` chooses one of the alternatives in brackets (which may nest) and then fills the slots.
"""

from __future__ import annotations

import random
import re
from functools import cache
from importlib.resources import files

_INNER = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{(\w+)\}")


@cache
def _sections(name: str) -> dict[str, tuple[str, ...]]:
    """The lines of a file by heading; ``#`` begins a comment before the first heading only."""
    found: dict[str, list[str]] = {}
    heading = ""
    for line in files(__package__).joinpath(f"{name}.txt").read_text("utf-8").splitlines():
        if line.startswith("## "):
            heading = line[3:].strip()
            found[heading] = []
        elif heading and line.strip():
            found[heading].append(line)
    return {key: tuple(lines) for key, lines in found.items()}


def table(name: str, heading: str) -> tuple[str, ...]:
    """The patterns under a heading; a heading that does not exist is a mistake in the code."""
    return _sections(name)[heading]


def headings(name: str) -> tuple[str, ...]:
    """The headings of a file, in its order."""
    return tuple(_sections(name))


@cache
def words(heading: str) -> tuple[str, ...]:
    """The words of a list in lexicon.txt."""
    return tuple(
        word for line in table("lexicon", heading) for word in (part.strip() for part in line.split(",")) if word
    )


@cache
def pairs(heading: str) -> tuple[tuple[str, str], ...]:
    """A list of ``said=meant`` words."""
    return tuple((said, meant) for said, _, meant in (word.partition("=") for word in words(heading)))


def choose(rng: random.Random, pattern: str) -> str:
    """Settle the alternatives of a pattern; slots stay."""
    while (match := _INNER.search(pattern)) is not None:
        pattern = pattern[: match.start()] + rng.choice(match[1].split("|")) + pattern[match.end() :]
    return pattern


def fill(pattern: str, /, **values: str) -> str:
    """Fill the slots that are given; others stay."""
    return _SLOT.sub(lambda match: values.get(match[1], match[0]), pattern)


def say(rng: random.Random, name: str, heading: str, /, **values: str) -> str:
    """Choose a pattern of a table, settle it and fill it."""
    return fill(choose(rng, rng.choice(table(name, heading))), **values)
