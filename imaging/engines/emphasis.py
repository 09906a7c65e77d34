"""Weighted words, as hosts of SDXL write them: `(word:1.3)`, `(word)` is 1.1, `[word]` 1/1.1, and they nest.

A bracket after a backslash is text, as is one without its partner: `a smile :(` stays what it is. A number beyond
10 is no weight but text too, as in `a clock (10:30)`.
"""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass

LARGEST = 10.0
STEP = 1.1
_PART = re.compile(r"\\[()\[\]\\]|[(\[\])]|:\s*([+-]?(?:10|\d(?:\.\d*)?|\.\d+))\s*\)|[^\\()\[\]:]+|.", re.DOTALL)
_OPENS = {")": "(", "]": "["}


@dataclass(frozen=True, slots=True)
class Piece:
    """Words of one weight."""

    text: str
    weight: float = 1.0


@functools.lru_cache(maxsize=512)
def pieces(prompt: str) -> tuple[Piece, ...]:
    """A prompt in pieces of one weight each, without its marks; one piece at least.

    Pieces are tokenized each by itself, so that marks never join two words into a third.
    """
    if not re.search(r"[()\[\]]", prompt):
        return (Piece(prompt),)
    parts = [(match.group(), match.group(1)) for match in _PART.finditer(prompt)]
    factors = _partners(parts)
    found: list[Piece] = []
    inside = [1.0]
    text = ""

    def end() -> None:
        nonlocal text
        if text:
            found.append(Piece(text, 1.0 if math.isclose(inside[-1], 1.0) else inside[-1]))
        text = ""

    for index, (part, _) in enumerate(parts):
        if index not in factors:
            text += part[1:] if len(part) == 2 and part[0] == "\\" else part
            continue
        end()
        factor = factors[index]
        if factor is None:
            inside.pop()
        else:
            inside.append(max(-LARGEST, min(LARGEST, inside[-1] * factor)))
    end()
    return tuple(found) or (Piece(""),)


def _partners(parts: list[tuple[str, str | None]]) -> dict[int, float | None]:
    """Of each bracket that has a partner: an opening one's weight, None for a closing one."""
    factors: dict[int, float | None] = {}
    opened: list[tuple[str, int]] = []
    waiting = {"(": 0, "[": 0}
    for index, (part, number) in enumerate(parts):
        if part in waiting:
            opened.append((part, index))
            waiting[part] += 1
            continue
        kind = "(" if number is not None else _OPENS.get(part)
        if kind is None or not waiting[kind]:
            continue
        last, place = "", -1
        while last != kind:  # what was opened inside and not closed is text
            last, place = opened.pop()
            waiting[last] -= 1
        weight = STEP if number is None else float(number)
        factors[place], factors[index] = (1 / weight if kind == "[" else weight), None
    return factors


def plain(prompt: str) -> str:
    """The words alone, for whoever looks for words in a prompt."""
    text = ""
    for piece in pieces(prompt):
        joins = text[-1:].isalnum() and piece.text[:1].isalnum()
        text += f" {piece.text}" if joins else piece.text
    return text


def is_marked(prompt: str) -> bool:
    """Whether anything in it is read as a mark."""
    return pieces(prompt) != (Piece(prompt),)


def literal(prompt: str) -> str:
    """A prompt that is read as these very characters."""
    if not is_marked(prompt):
        return prompt
    return re.sub(r"[()\[\]\\]", r"\\\g<0>", prompt)
