"""What a document says of each picture: as words that are safe in any format. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from handlers.english import Sentence, alt_text, words
from handlers.model import Person, Picture, Tally
from handlers.presentation import Made

SOMEBODY = Person("", "Somebody")
"""Whoever is not to be named."""
MARKS = "Pictures that people did not bring were made with AI."
GONE = "The file of this picture is gone."
"""Where a picture should be."""
_BREAKS = re.compile(r"[\s\u0085\u2028\u2029]+")
_UNSEEN = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufffe\uffff\ufeff")
"""Turn the writing of all that follows round, or are no signs at all: a name must not turn the page it stands on."""


@dataclass(frozen=True, slots=True)
class Card:
    """One picture of a document. `file` is its name in the document's folder; without one, `missing` says why."""

    number: int
    description: str
    alt: str
    rtl: bool
    """Whether the description is written from right to left."""
    script: str
    """Which language's forms its Chinese characters have: zh, ja or ko."""
    facts: tuple[str, ...]
    """Votes, person, descent: one line each."""
    ratio: float
    """Of the picture's width to its height."""
    title: str = ""
    file: str = ""
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that a document says; `handlers.documents.child` is given it as JSON."""

    title: str
    about: str
    """Under the title: how many pictures, and when this was made."""
    cards: tuple[Card, ...]
    marks: str = MARKS

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Sheet:
        cards = (Card(**{**card, "facts": tuple(card["facts"])}) for card in told["cards"])
        return cls(told["title"], told["about"], tuple(cards), told["marks"])


def card(picture: Picture, tally: Tally | None = None, *, title: str = "") -> Card:
    """Without its file; a covered picture gets none, because a page of paper cannot cover it."""
    description = clean(picture.description)
    made = words(Made(picture.operation, picture.parents))
    asked = "" if picture.person == SOMEBODY else f"Asked for by {clean(picture.person.name)}"
    votes = " ".join(f"{sign} {count}" for sign, count in _counts(tally) if count)
    return Card(
        number=picture.number,
        description=description,
        alt=clean(alt_text(picture.description, picture.operation)),
        rtl=is_rtl(description),
        script=script(description),
        facts=tuple(filter(None, (votes, asked, made[:1].upper() + made[1:]))),
        ratio=picture.width / picture.height,
        title=clean(title),
        missing=f"This picture {Sentence.COVERED}; the zip and the page have it, folded away."
        if picture.spoiler
        else "",
    )


def _counts(tally: Tally | None) -> Sequence[tuple[str, int]]:
    return () if tally is None else (("👍", tally.up), ("👎", tally.down))


def clean(text: str) -> str:
    """On one line, without what no document may hold or what would turn the writing around it."""
    plain = "".join(c for c in _BREAKS.sub(" ", text) if c not in _UNSEEN and unicodedata.category(c) != "Cc")
    return plain.encode("utf-8", "replace").decode("utf-8").strip()


def is_rtl(text: str) -> bool:
    """By the first letter that has a direction (Unicode Standard Annex #9, rule P2)."""
    strong = (kind for kind in map(unicodedata.bidirectional, text) if kind in ("L", "R", "AL"))
    return next(strong, "L") != "L"


def script(text: str) -> str:
    """Kana say that it is Japanese, Hangul that it is Korean."""
    names = {unicodedata.name(char, "").partition(" ")[0] for char in text if char >= "\u1100"}
    return "ja" if names & {"HIRAGANA", "KATAKANA"} else "ko" if "HANGUL" in names else "zh"


def width(text: str) -> int:
    """In columns of a typewriter: Chinese characters and most pictographs take two."""
    return sum(1 + (unicodedata.east_asian_width(char) in "WF") for char in text)


def cut(text: str, most: int) -> str:
    """Of at most so many columns, with an ellipsis where something is missing."""
    if width(text) <= most:
        return text
    kept, left = [], most - 1
    for char in text:
        left -= width(char)
        if left < 0:
            break
        kept.append(char)
    while kept and unicodedata.combining(kept[-1]) == 0 and kept[-1] in "\u200d\ufe0f":  # half of a sign
        kept.pop()
    return "".join(kept).rstrip() + "…"
