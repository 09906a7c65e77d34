"""What people see of a brainstorm, as frozen values.

Knows no other value of the conversation: answers have it as a part.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

IDEAS = range(2, 9)
"""So many ideas may a round have."""
DOTS = range(1, 6)
"""So many votes may a person have in a round, at most one for each idea."""
MAX_MINUTES = 7 * 24 * 60
MAX_TITLE = 40
MAX_TOPIC = 300


class Phase(StrEnum):
    """Of one round, in this order; a vote that was closed may be opened again."""

    THINKING = "thinking"
    """The directions are not there yet."""
    DRAWING = "drawing"
    """The cards are there, not all of their drafts."""
    OPEN = "open"
    """People vote."""
    CLOSED = "closed"
    """The result is there; the facilitator decides how it goes on."""
    OVER = "over"
    """A next round or the end has followed: there is nothing to press any more."""


@dataclass(frozen=True, slots=True)
class Card:
    """One idea of a round. Its draft is the picture part of the same answer with the number `picture`."""

    picture: int
    """The number that the picture has or would have had in the thread; it also names the idea."""
    title: str
    """At most `MAX_TITLE` characters."""
    why: str
    """One line."""
    parents: tuple[int, ...] = ()
    """The pictures of earlier rounds that it comes from."""
    votes: int | None = None
    """None: not told, while the vote of an anonymous round is open, or before it is."""
    winner: bool = False
    """It has most votes, alone or with others; only once the vote is closed."""


@dataclass(frozen=True, slots=True)
class RoundPart:
    """A round's state in the answer that shows it; the drafts are picture parts before it in the same answer.

    Its final answer (`last`) has the winners in full quality.
    """

    brainstorm: str
    """The brainstorm's id."""
    number: int
    """Which round, from 1."""
    topic: str
    phase: Phase
    cards: tuple[Card, ...] = ()
    dots: int = 2
    """So many votes has each person."""
    anonymous: bool = False
    """Nobody is told who voted or whose words were taken up, and no counts before the vote is closed."""
    voters: int = 0
    """So many people have voted so far."""
    closes: datetime | None = None
    """When the vote closes by itself."""
    took_up: str = ""
    """What this round took up from the one before, as one sentence."""
    remarks: tuple[str, ...] = ()
    """Sentences on what is not as asked for: fewer ideas, a tie, a draft that failed, directions from templates."""
    last: bool = False
    """The end of the brainstorm: the cards are the winners."""
