"""Threads that are shown without the names of who is in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from handlers.model import NoticePart, Person, Picture, PicturePart, ReplyPart, SelectPart, TextPart, Turn
from handlers.round import RoundPart

SOMEBODY = "Somebody"
NOBODY = Person("", SOMEBODY)
"""In place of whoever is not named."""


@dataclass(frozen=True, slots=True)
class Names:
    """`unsaid` are the names that nobody is told."""

    unsaid: frozenset[str] = frozenset()

    def of(self, person: Person | None) -> str:
        return SOMEBODY if self.unsaid or person is None else person.name

    def without(self, text: str) -> str:
        """A text that may call people by their names."""
        longest_first = sorted(self.unsaid, key=len, reverse=True)
        if not longest_first:
            return text
        alike = "|".join(map(re.escape, longest_first))
        return re.sub(rf"(?<!\w)(?:{alike})(?!\w)", SOMEBODY, text, flags=re.IGNORECASE)


def is_anonymous(turns: Iterable[Turn]) -> bool:
    """Whether a brainstorm of the thread was."""
    return any(part.anonymous for turn in turns for part in turn.parts if isinstance(part, RoundPart | NoticePart))


def names_of(turns: Sequence[Turn]) -> Names:
    """Whom a thread's readers are told by name: nobody, where a brainstorm of it was anonymous."""
    return unnamed(turns) if is_anonymous(turns) else Names()


def unnamed(turns: Iterable[Turn]) -> Names:
    """Nobody of those who wrote in a thread is called by name."""
    return Names(frozenset(turn.person.name for turn in turns if turn.person is not None and turn.person.name))


def turn_without(turn: Turn, names: Names) -> Turn:
    """A turn as it is shown to those who are not told the names."""
    person = turn.person and NOBODY
    parts = tuple(_part(part, names) for part in turn.parts)
    return replace(turn, person=person, text=names.without(turn.text), parts=parts)


def picture_without(picture: Picture, names: Names) -> Picture:
    """The same of a picture. Its recipe stays: it would not draw it again."""
    return replace(picture, person=NOBODY, description=names.without(picture.description))


def _part(part: ReplyPart, names: Names) -> ReplyPart:
    match part:
        case TextPart(text):
            return TextPart(names.without(text))
        case NoticePart(sentence):
            return replace(part, sentence=names.without(sentence))
        case SelectPart() | PicturePart():
            return replace(part, description=names.without(part.description))
        case RoundPart():
            cards = tuple(
                replace(card, title=names.without(card.title), why=names.without(card.why)) for card in part.cards
            )
            remarks = tuple(map(names.without, part.remarks))
            topic, took_up = names.without(part.topic), names.without(part.took_up)
            return replace(part, topic=topic, took_up=took_up, remarks=remarks, cards=cards)
        case _:
            assert_never(part)
