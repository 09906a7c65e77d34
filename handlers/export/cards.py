"""What a document says of each picture: as words that are safe in any format. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from handlers.english import Sentence, alt_text, card_notes, words
from handlers.model import Picture, Tally
from handlers.presentation import Made
from handlers.round import Card as Idea
from handlers.unnamed import NOBODY

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
    """What it was for and got in a brainstorm, votes, person, descent: one line each."""
    ratio: float
    """Of the picture's width to its height."""
    title: str = ""
    """Of an idea of a brainstorm."""
    file: str = ""
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that a document says; `handlers.export.documents.child` is given it as JSON."""

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


def card(picture: Picture, tally: Tally | None = None, idea: Idea | None = None) -> Card:
    """Without its file; a covered picture gets none, because a page of paper cannot cover it.

    Args:
        tally: Votes for and against the picture by itself.
        idea: What it is in a brainstorm.
    """
    description = clean(picture.description)
    made = words(Made(picture.operation, picture.parents))
    asked = "" if picture.person == NOBODY else f"Asked for by {clean(picture.person.name)}"
    votes = " ".join(f"{sign} {count}" for sign, count in _counts(tally) if count)
    return Card(
        number=picture.number,
        description=description,
        alt=clean(alt_text(picture.description, picture.operation)),
        rtl=is_rtl(description),
        script=script(description),
        facts=tuple(filter(None, (*_of_idea(idea), votes, asked, made[:1].upper() + made[1:]))),
        ratio=picture.width / picture.height,
        title="" if idea is None else clean(idea.title),
        missing=f"This picture {Sentence.COVERED}; the zip and the page have it, folded away."
        if picture.spoiler
        else "",
    )


def _of_idea(idea: Idea | None) -> Sequence[str]:
    if idea is None:
        return ()
    return clean(idea.why), " · ".join(card_notes(replace(idea, parents=())))  # where it comes from says the picture


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
