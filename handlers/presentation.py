"""What people are shown of answers, pictures and waiting, as values: one decision for all chats.

Chats choose where it stands and how it looks; `handlers.english` says it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias, assert_never

from handlers.model import Action, PicturePart, PictureState, Reply, ReplyPart, SlotState, TextPart
from handlers.round import Card, Phase, RoundPart
from imaging.model import Operation

SECONDS_UP_TO = 90
"""Longer ones are told in minutes."""


class When(StrEnum):
    """What has to be there before an action makes sense."""

    READY = "ready"
    """A picture."""
    COVERED = "covered"
    """A picture that may be sensitive, where the chat cannot cover it."""
    SMALL = "small"
    """A picture that the engine can draw larger."""
    PARENT = "parent"
    """A picture that was made from another."""
    DRAWN = "drawn"
    """A picture that nobody brought."""
    GROWING = "growing"
    """A picture that is not there yet."""
    ANSWER = "answer"
    """An answer that still grows; no picture's."""
    MANY = "many"
    """One picture of an answer with many, under which there is no room for all that can be done with each."""
    VOTING = "voting"
    """A round of a brainstorm while people vote."""
    VOTED = "voted"
    """A round whose vote is closed."""
    ROUND = "round"
    """Any round that is not over."""
    END = "end"
    """The end of a brainstorm."""


@dataclass(frozen=True, slots=True)
class Offer:
    """An action as people are offered it: `label` on a button, `entry` where there is room for more words."""

    action: Action
    when: When
    label: str
    entry: str = ""
    works: bool = False
    """Whether it takes work, and so counts as a message."""

    @property
    def told(self) -> str:
        return self.entry or self.label


OFFERS: tuple[Offer, ...] = (
    Offer(Action.SHOW, When.COVERED, "Show", "Show it to me", works=True),
    Offer(Action.SELECT, When.READY, "Select"),
    Offer(Action.VARY, When.READY, "Vary", works=True),
    Offer(Action.VARIATIONS, When.READY, "Vary ×4", "Four variations of it", works=True),
    Offer(Action.EDIT, When.READY, "Edit…", works=True),
    Offer(Action.REFINE, When.SMALL, "Refine", works=True),
    Offer(Action.VOTE, When.READY, "Vote", "Vote for it"),
    Offer(Action.REDO, When.DRAWN, "Redo", "Redo with a new seed", works=True),
    Offer(Action.RECIPE, When.DRAWN, "Recipe"),
    Offer(Action.UNDO, When.PARENT, "Undo", "Undo: back to its parent"),
    Offer(Action.COMPARE, When.PARENT, "Compare", "Compare with its parent", works=True),
    Offer(Action.REPORT, When.READY, "Report", "Report it to the moderators"),
    Offer(Action.DELETE, When.READY, "Delete"),
    Offer(Action.CANCEL, When.GROWING, "Cancel"),
    Offer(Action.STOP, When.ANSWER, "Stop"),
    Offer(Action.PICK, When.MANY, "Pick"),
    Offer(Action.DOT, When.VOTING, "Vote", "Vote for this idea"),
    Offer(Action.CLOSE, When.VOTING, "Close vote"),
    Offer(Action.OPEN, When.VOTED, "Open vote again"),
    Offer(Action.NEXT, When.VOTED, "Next round", works=True),
    Offer(Action.FINISH, When.VOTED, "Finish", works=True),
    Offer(Action.STATE, When.ROUND, "State"),
    Offer(Action.SETTINGS, When.ROUND, "Settings…"),
    Offer(Action.LEAD, When.END, "Go on with the winner", works=True),
)
"""In the order of menus."""
WORK = frozenset(offer.action for offer in OFFERS if offer.works)
LABELS: Mapping[Action, str] = {offer.action: offer.label for offer in OFFERS}


def offered(part: PicturePart, *, covers: bool = False) -> tuple[Offer, ...]:
    """What can be done with a picture as it stands now. `covers`: the chat blurs covered pictures until a click."""
    fits = {
        When.READY: part.state is SlotState.READY,
        When.COVERED: part.state is SlotState.READY and part.spoiler and not covers,
        When.SMALL: part.state is SlotState.READY and not part.largest,
        When.PARENT: part.state is SlotState.READY and bool(part.parents),
        When.DRAWN: part.state is SlotState.READY and part.operation is not Operation.UPLOAD,
        When.GROWING: part.state in (SlotState.WAITING, SlotState.RENDERING),
    }
    return tuple(offer for offer in OFFERS if fits.get(offer.when, False))


def offered_round(part: RoundPart) -> tuple[Offer, ...]:
    """What can be done with a round as it stands now; `Action.DOT` is for each of its cards."""
    fits = {
        When.VOTING: part.phase is Phase.OPEN,
        When.VOTED: part.phase is Phase.CLOSED and not part.last,
        When.ROUND: part.phase is not Phase.OVER and bool(part.cards) and not part.last,
        When.END: part.last and part.phase is Phase.CLOSED and any(card.winner for card in part.cards),
    }
    return tuple(offer for offer in OFFERS if fits.get(offer.when, False))


def round_of(parts: Sequence[ReplyPart]) -> RoundPart | None:
    """The round that an answer shows."""
    return next((part for part in parts if isinstance(part, RoundPart)), None)


@dataclass(frozen=True, slots=True)
class Idea:
    """A card of a round beside its draft."""

    card: Card
    draft: PicturePart | None
    """None: the answer has none, or not yet."""
    said: Caption | None
    """How far the draft is, or why it is not there; None: it is."""
    open: bool
    """Whether people can vote for it now."""


def ideas(parts: Sequence[ReplyPart], gone: Mapping[int, Why]) -> tuple[Idea, ...]:
    """The cards of the round that an answer shows. `gone`: numbers of drafts that are not there any more."""
    shown = round_of(parts)
    if shown is None:
        return ()
    drafts = {part.number: part for part in parts if isinstance(part, PicturePart)}
    return tuple(_idea(card, drafts.get(card.picture), shown.phase, gone) for card in shown.cards)


def _idea(card: Card, draft: PicturePart | None, phase: Phase, gone: Mapping[int, Why]) -> Idea:
    said = None if draft is None else caption(draft, gone=gone.get(draft.number))
    there = isinstance(said, Made)
    return Idea(card, draft, None if there else said, open=there and phase is Phase.OPEN)


def apart(parts: Sequence[ReplyPart]) -> tuple[ReplyPart, ...]:
    """What an answer shows besides the drafts of its round, which stand within the round."""
    drafts = {idea.draft.slot for idea in ideas(parts, {}) if idea.draft is not None}
    return tuple(part for part in parts if not (isinstance(part, PicturePart) and part.slot in drafts))


MANY = 3
"""From so many pictures on they come together, with one row to pick one from."""
TOGETHER = 10
"""At most so many in one gallery or on one sheet."""
IN_A_ROW = 5
"""At most so many are buttons to pick; more are a menu."""
_TO_COME = (SlotState.WAITING, SlotState.RENDERING)


def picked_from(parts: Sequence[ReplyPart]) -> bool:
    """Whether the pictures of an answer (`apart` from a round's) have one row to pick from, instead of buttons each."""
    there = [part for part in parts if isinstance(part, PicturePart) and part.state in (*_TO_COME, SlotState.READY)]
    return len(there) >= MANY


def together(parts: Sequence[ReplyPart]) -> Iterator[ReplyPart | tuple[PicturePart, ...]]:
    """The parts in their order; pictures with nothing but space between them are one group, and space is left out."""
    group: list[PicturePart] = []
    for part in parts:
        if isinstance(part, TextPart) and not part.text.strip():
            continue
        if group and (not isinstance(part, PicturePart) or len(group) == TOGETHER):
            yield tuple(group)
            group = []
        if isinstance(part, PicturePart):
            group.append(part)
        else:
            yield part
    if group:
        yield tuple(group)


def to_come(parts: Sequence[ReplyPart]) -> tuple[PicturePart, ...]:
    """The pictures of an answer that are not there yet."""
    return tuple(part for part in parts if isinstance(part, PicturePart) and part.state in _TO_COME)


def there(parts: Sequence[ReplyPart]) -> tuple[PicturePart, ...]:
    """The pictures of an answer that are there."""
    return tuple(part for part in parts if isinstance(part, PicturePart) and part.state is SlotState.READY)


class Unit(StrEnum):
    SECONDS = "s"
    MINUTES = "min"


@dataclass(frozen=True, slots=True)
class Duration:
    """About how long something takes; `count` is 1 or more."""

    count: int
    unit: Unit


@dataclass(frozen=True, slots=True)
class Waiting:
    """`before` pictures run before this one, as far as that is known."""

    before: int | None
    eta: Duration | None = None


@dataclass(frozen=True, slots=True)
class Drawing:
    """Step `step` of `total`; 0 of 0 before the first."""

    operation: Operation
    step: int
    total: int
    eta: Duration | None = None


Progress: TypeAlias = Waiting | Drawing


def duration(seconds: float) -> Duration:
    if seconds < SECONDS_UP_TO:
        return Duration(max(1, round(seconds)), Unit.SECONDS)
    return Duration(round(seconds / 60), Unit.MINUTES)


def progress(part: PicturePart) -> Progress:
    """How far a picture is that is not there yet; only what is known."""
    eta = None if part.eta_s is None else duration(part.eta_s)
    if part.state is SlotState.RENDERING:
        return Drawing(part.operation, part.step, part.total, eta)
    return Waiting(part.position, eta)


@dataclass(frozen=True, slots=True)
class Made:
    """A picture that is there, and what it was made from."""

    operation: Operation
    parents: tuple[int, ...]
    again: int | None = None
    """The picture whose request it is once more."""


class Why(StrEnum):
    """Why there is no picture."""

    FAILED = "failed"
    CANCELLED = "cancelled"
    DELETED = "deleted"
    HIDDEN = "hidden"
    """It was reported."""


GONE: Mapping[PictureState, Why] = {PictureState.DELETED: Why.DELETED, PictureState.HIDDEN: Why.HIDDEN}
"""Of pictures that were there."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A picture that is not there and will not come; `sentence` is what is known of it."""

    why: Why
    sentence: str | None = None


Caption: TypeAlias = Progress | Made | Missing


def caption(part: PicturePart, *, gone: Why | None = None) -> Caption:
    """What is said beside a picture, or instead of it. `gone`: why it is not there any more."""
    if gone is not None:
        return Missing(gone)
    match part.state:
        case SlotState.WAITING | SlotState.RENDERING:
            return progress(part)
        case SlotState.READY:
            return Made(part.operation, part.parents, part.again)
        case SlotState.FAILED:
            return Missing(Why.FAILED, part.sentence)
        case SlotState.CANCELLED:
            return Missing(Why.CANCELLED)
        case _:
            assert_never(part.state)


class Busy(StrEnum):
    """What an answer is at while none of its pictures is being made."""

    THINKING = "thinking"
    WRITING = "writing"


@dataclass(frozen=True, slots=True)
class AtPicture:
    """The answer is at picture `number`, its `nth` of `of`."""

    number: int
    nth: int
    of: int


Activity: TypeAlias = Busy | AtPicture


def activity(reply: Reply) -> Activity | None:
    """What is being done for an answer; None once it is over."""
    if reply.final:
        return None
    pictures = [part for part in reply.parts if isinstance(part, PicturePart)]
    for nth, part in enumerate(pictures, 1):
        if part.state in (SlotState.WAITING, SlotState.RENDERING):
            return AtPicture(part.number, nth, len(pictures))
    return Busy.THINKING if reply.thinking else Busy.WRITING


@dataclass(frozen=True, slots=True)
class Keep:
    """One choice of how much of a picture an edit keeps; `change` is what the edit gets."""

    change: str | None
    label: str
    hint: str


KEEPS = (
    Keep(None, "Decide for me", "The words tell how far it goes."),
    Keep("small", "Keep the layout", "Same picture, changed details."),
    Keep("large", "Change more", "Same subject, new scene or style."),
)


def read_change(value: object) -> str | None:
    """The `change` of a form's field; None for what is no choice of `KEEPS`."""
    return value if isinstance(value, str) and any(value == keep.change for keep in KEEPS) else None


def shorten(text: str, limit: int) -> str:
    """One line of at most `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
