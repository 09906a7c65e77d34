"""Finds many terms in a text at once, in time that is linear in the text: terms are literal, so nothing backtracks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from handlers.moderation.folding import clean, words

GAP = ".."
"""A word of a term: a few words may stand here."""
GAP_CHARS = 32
"""How many characters they may have together."""
AGE = "<age>"
"""In a term: a number of years below 18, in digits, or in a word that the file lists."""
ADULT = 18
YOUNG = "⌛"
"""What stands in a reading where a number below 18 stood: a symbol, so that it is a word of its own."""
SHORTEST_INSIDE = 4
"""Letters that a term has at least to be looked for in a run, whose words cannot be told apart."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One term of a group, at characters `start` to `end` of a reading (without the spaces around)."""

    group: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Part:
    """What is looked for, letter by letter, with a space where a word begins or ends. It stands within GAP_CHARS of
    the part before it; `next_word`: it begins where the word ends that the part before it begins."""

    needle: str
    next_word: bool = False


_NUMBER = re.compile(r"(?<= )\d{1,2}(?= )")
_HAN = "一二三四五六七八九"
_HAN_AGE = re.compile(f"(?:([{_HAN[1:]}])?(十)([{_HAN}])?|([{_HAN}]))(?=[岁歲歳才])")
Ends: TypeAlias = tuple[str, str, tuple[Part, ...]]
"""Of one term: its first needle, its group, and the parts that must follow."""
KEY = 3
"""Letters by which needles are sorted into drawers; a shorter needle has a drawer of its own length."""


def needles(term: str, *, inside: bool = False, numbers: Iterable[str] = ()) -> Iterator[tuple[Part, ...]]:
    """What a term is looked for as.

    Args:
        term: Words; `*` before the first or after any of them stands for the rest of it, ` .. ` for a few words,
            `<age>` for an age.
        inside: The language writes no spaces: a term may stand anywhere.
        numbers: Words for the ages.

    Raises:
        ValueError: nothing is left of the term, or a sign stands where it means nothing.
    """
    if AGE in term:
        for number in (YOUNG, *numbers):
            yield from needles(term.replace(AGE, f" {number} "), inside=inside)
        return
    parts: list[Part] = []
    said: list[str] = []
    apart = cut = False
    for word in [*term.split(), ""]:
        if word and word != GAP:
            said.append(word)
        if said and (word in ("", GAP) or word.endswith("*")):
            parts.append(Part(_needle(" ".join(said), inside), cut and not apart))
            said, apart, cut = [], False, word.endswith("*")
        apart = apart or word == GAP
    if not parts or apart or term.split()[0] == GAP:
        raise ValueError("says nothing before or after ..")
    yield tuple(parts)


def _needle(text: str, inside: bool) -> str:
    before, after = text.startswith("*"), text.endswith("*")
    bare = text.removeprefix("*").removesuffix("*")
    if "*" in bare:
        raise ValueError("has * where it means nothing; it may stand before the first word and after any")
    needle = _aged(words(clean(bare))).strip()
    if not needle or (len(needle) < 2 and needle.isascii()):
        raise ValueError("has fewer than two letters")
    return f"{'' if before or inside else ' '}{needle}{'' if after or inside else ' '}"


class Index:
    """All terms of all groups."""

    def __init__(self, terms: Iterable[tuple[str, tuple[Part, ...]]]) -> None:
        """`terms`: (group, parts of one term)."""
        self._words: dict[str, list[Ends]] = {}
        self._runs: dict[str, list[Ends]] = {}
        for group, parts in terms:
            self._words.setdefault(parts[0].needle[:KEY], []).append((parts[0].needle, group, parts[1:]))
            run = "".join(part.needle for part in parts).replace(" ", "")
            if len(run) >= SHORTEST_INSIDE and YOUNG not in run:
                self._runs.setdefault(run[:KEY], []).append((run, group, ()))

    def in_words(self, text: str) -> list[Hit]:
        """The terms in a reading made of words."""
        return list(_hits(self._words, _aged(text)))

    def in_run(self, text: str) -> list[Hit]:
        """The terms in letters whose words cannot be told apart."""
        return list(_hits(self._runs, text))


def _hits(drawers: Mapping[str, list[Ends]], text: str) -> Iterator[Hit]:
    for start in range(len(text)):
        for length in range(1, KEY + 1):
            for needle, group, rest in drawers.get(text[start : start + length], ()):
                if text.startswith(needle, start):
                    end = _after_gaps(text, start + len(needle), rest)
                    if end is not None:
                        yield Hit(group, start + (text[start] == " "), end - (text[end - 1] == " "))


def _after_gaps(text: str, end: int, rest: tuple[Part, ...]) -> int | None:
    """Where the last part ends; None where one does not follow."""
    for part in rest:
        begin = end - (text[end - 1] == " ")
        if part.next_word:
            found = text.find(" ", begin, end + GAP_CHARS)
            if found < 0 or not text.startswith(part.needle, found):
                return None
        else:
            found = text.find(part.needle, begin, end + GAP_CHARS + len(part.needle))
            if found < 0:
                return None
        end = found + len(part.needle)
    return end


def _aged(text: str) -> str:
    """A reading with every number of years below 18 as one sign."""
    text = _NUMBER.sub(lambda found: YOUNG if 0 < int(found[0]) < ADULT else found[0], text)
    return _HAN_AGE.sub(lambda found: f"{YOUNG} " if _han(found) < ADULT else found[0], text)


def _han(found: re.Match[str]) -> int:
    """The value of a number below 100 in Chinese figures."""
    tens, ones, alone = (_HAN.index(figure) + 1 if figure else 0 for figure in found.group(1, 3, 4))
    return 10 * max(tens, 1) + ones if found[2] else alone
