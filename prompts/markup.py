"""Finding a tag of the protocol in text: its opener, its name, and where its markup ends.

Markup is everything from `<` to `>`. It may be written as `&lt;…&gt;` or `＜…＞`, in any case, with extra
spaces and any quotes. Its length is bounded, so that endless input needs bounded memory.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from prompts.operations import OPERATIONS

MAX_MARKUP: Final = 2000
"""Characters of markup; what is longer is text."""
_MAX_SPACES = 16
_LONGEST_START = 64

_OPENER = r"(?:<|＜|&lt;|&#0?60;|&#x0?3c;)"
_OPENER_PARTS = r"(?:&(?:l(?:t)?|#(?:0?(?:60?)?|x(?:0?(?:3c?)?)?))?)"
_SLASH = rf"[/／]\s{{0,{_MAX_SPACES}}}"
_NAMES = "|".join(OPERATIONS)
_NAME_PARTS = "|".join(
    sorted({name[:n] for name in OPERATIONS for n in range(1, len(name) + 1)}, key=len, reverse=True)
)
_BOUNDARY = r"(?=[\s/／>＞&])"

START: Final = re.compile(
    rf"{_OPENER}\s{{0,{_MAX_SPACES}}}(?P<slash>{_SLASH})?(?P<name>{_NAMES}){_BOUNDARY}", re.IGNORECASE
)
"""The beginning of an open or close tag of the protocol."""
_PARTIAL = re.compile(
    rf"(?:{_OPENER_PARTS}|{_OPENER}\s{{0,{_MAX_SPACES}}}(?:{_SLASH})?(?:{_NAME_PARTS})?)\Z", re.IGNORECASE
)
_SPECIAL = re.compile(r"&(?:lt|gt|quot|apos|#0?3[49]|#0?6[02]|#x0?(?:2[27]|3[ce]));", re.IGNORECASE)
_LONGEST_SPECIAL = 7
_SPECIAL_PART = re.compile(r"&(?:#?[a-z0-9]{0,5})?\Z", re.IGNORECASE)
_MEANING = {"lt": "<", "60": "<", "060": "<", "x3c": "<", "x03c": "<"} | {
    "gt": ">",
    "62": ">",
    "062": ">",
    "x3e": ">",
    "x03e": ">",
    "quot": '"',
    "34": '"',
    "034": '"',
    "x22": '"',
    "x022": '"',
}
DOUBLE_QUOTES: Final = '"“”„«»＂'
SINGLE_QUOTES: Final = "'‘’＇`"


def unfinished_start(text: str, begin: int) -> int:
    """Where a tag may have begun at the end of `text` (not before `begin`); `len(text)` when nowhere."""
    found = _PARTIAL.search(text, max(begin, len(text) - _LONGEST_START))
    return found.start() if found else len(text)


@dataclass(frozen=True, slots=True)
class Markup:
    """Complete markup: `attributes` is the text between name and `>`; `length` counts all its characters."""

    name: str
    attributes: str
    length: int
    closes: bool = False
    self_closed: bool = False


class Verdict(Enum):
    """What markup that is not complete turns out to be."""

    UNDECIDED = "more text is needed"
    NO_TAG = "plain text"


class MarkupScan:
    """Reads markup character by character, and goes on where it stopped when more text has come."""

    def __init__(self, start: re.Match[str]) -> None:
        self._name = start["name"].lower()
        self._closes = start["slash"] is not None
        self._after_name = self._at = start.end() - start.start()
        self._quote = ""
        self._entity_quote = False
        self._after_equals = False
        self._quoted_end: tuple[int, int] | None = None

    def advance(self, text: str, start: int, *, final: bool) -> Markup | Verdict:
        """Read on in `text`, where the markup begins at `start`; `final` when no more text will come."""
        while True:
            at = start + self._at
            if self._at >= MAX_MARKUP:
                return self._unclosed(text, start)
            if at >= len(text):
                return self._unclosed(text, start) if final else Verdict.UNDECIDED
            char, width = _char(text, at)
            if not width:
                if not final:
                    return Verdict.UNDECIDED
                char, width = text[at], 1
            verdict = self._closing(char, width, text, start) if self._closes else self._take(char, width, text, start)
            if verdict is Verdict.UNDECIDED and final:
                verdict = self._unclosed(text, start)
            if verdict is not None:
                return verdict
            self._at += width

    def _closing(self, char: str, width: int, text: str, start: int) -> Markup | Verdict | None:
        if char in ">＞":
            return self._markup(text, start, self._at, width)
        return None if char.isspace() and self._at - self._after_name < _MAX_SPACES else Verdict.NO_TAG

    def _take(self, char: str, width: int, text: str, start: int) -> Markup | Verdict | None:
        if self._quote:
            return self._in_quotes(char, width, text, start)
        if char in ">＞":
            return self._markup(text, start, self._at, width)
        if char in "<＜":
            return self._unclosed(text, start)
        if self._after_equals and char in DOUBLE_QUOTES + SINGLE_QUOTES:
            self._quote = DOUBLE_QUOTES if char in DOUBLE_QUOTES else SINGLE_QUOTES
            self._entity_quote = width > 1
        self._after_equals = char in "=＝" or (self._after_equals and char.isspace())
        return None

    def _in_quotes(self, char: str, width: int, text: str, start: int) -> Markup | Verdict | None:
        at = start + self._at
        if char in ">＞" and self._quoted_end is None:
            self._quoted_end = (self._at, width)
        elif char in "<＜":
            # A quote that was never closed must not swallow the next tag.
            if START.match(text, at):
                return self._unclosed(text, start)
            if unfinished_start(text, at) == at:
                return Verdict.UNDECIDED
        elif char in self._quote and self._entity_quote == (width > 1):  # &quot; within "…" is data
            if char in DOUBLE_QUOTES:
                self._quote = ""
            elif at + width >= len(text):
                return Verdict.UNDECIDED
            elif not text[at + width].isalnum():  # else an apostrophe
                self._quote = ""
        return None

    def _unclosed(self, text: str, start: int) -> Markup | Verdict:
        """The markup did not end where it should: an unclosed quote hid its `>`, or it was cut off."""
        if self._quoted_end is None:
            return Verdict.NO_TAG
        return self._markup(text, start, *self._quoted_end)

    def _markup(self, text: str, start: int, at: int, width: int) -> Markup:
        attributes = text[start + self._after_name : start + at].rstrip()
        self_closed = attributes.endswith(("/", "／"))
        if self_closed:
            attributes = attributes[:-1]
        return Markup(self._name, attributes, at + width, self._closes, self_closed)


def _char(text: str, at: int) -> tuple[str, int]:
    """The character at `at` and how many it takes there; width 0 when an entity may be incomplete."""
    char = text[at]
    if char != "&":
        return char, 1
    entity = _SPECIAL.match(text, at)
    if entity:
        return _MEANING.get(entity[0][1:-1].lower().lstrip("#"), "'"), len(entity[0])
    if len(text) - at < _LONGEST_SPECIAL and _SPECIAL_PART.match(text, at):
        return char, 0
    return char, 1
