"""Phrase tables and word lists as text files, and the little notation that they are written in.

``[please |]draw {x}`` chooses one of the alternatives in brackets (which may nest) and then fills the slots.
"""

from __future__ import annotations

import random
import re
from functools import cache

from prompts.lexicon.words import listed, sections

_INNER = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{(\w+)\}")


def table(name: str, heading: str) -> tuple[str, ...]:
    """The patterns under a heading; a heading that does not exist is a mistake in the code."""
    return sections(__package__, name)[heading]


def headings(name: str) -> tuple[str, ...]:
    """The headings of a file, in its order."""
    return tuple(sections(__package__, name))


@cache
def words(heading: str) -> tuple[str, ...]:
    """The words of a list in lexicon.txt."""
    return listed(table("lexicon", heading))


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
