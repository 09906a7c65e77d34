"""A round of a brainstorm and how it goes on: pure, each step a function of the round and the time.

The store runs a step inside one transaction (`handlers.ports.Store.step_round`), so what is told to people holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from handlers import brainstorm_words as words
from handlers.model import Person, ThreadKey
from handlers.round import MAX_MINUTES, Card, Phase, RoundPart

TWICE = timedelta(seconds=1)
"""A second press within so long is a double click."""
ABANDONED = timedelta(days=1)
"""So long after its vote a brainstorm is in nobody's way any more."""


@dataclass(frozen=True, slots=True)
class Dot:
    """What somebody last did with a vote for an idea."""

    person: str
    """`voter` of the person."""
    picture: int
    at: datetime
    given: bool = True
    """False: it was taken back."""


@dataclass(frozen=True, slots=True)
class Round:
    """All that is known of a round. `part` is what people see of it, without what `dots` say."""

    turn: str
    """The answer that shows it."""
    thread: ThreadKey
    facilitator: Person
    """Who began the brainstorm."""
    part: RoundPart
    ideas: int
    """So many are wanted."""
    minutes: int | None = None
    """The time to vote; None: as long as it is not closed, up to `MAX_MINUTES`."""
    before: str | None = None
    """The answer with the round before it."""
    dots: tuple[Dot, ...] = ()
    there: frozenset[int] = frozenset()
    """The cards whose draft is there and may be seen."""

    @property
    def running(self) -> bool:
        """Whether the brainstorm goes on from here."""
        return self.part.phase is not Phase.OVER and not self.part.last

    def given(self, person: str | None = None) -> list[Dot]:
        return [dot for dot in self.dots if dot.given and person in (None, dot.person)]


def voter(brainstorm: str, person_key: str) -> str:
    """Names somebody in one brainstorm alone: what is stored of votes holds no person's id."""
    return sha256(f"{brainstorm}\n{person_key}".encode("utf-8", "replace")).hexdigest()[:32]


def shown(of: Round) -> RoundPart:
    """What people see of it now: counts, winners, ties; hidden while an anonymous vote is open."""
    part = of.part if of.part.phase is Phase.OPEN else replace(of.part, closes=None)
    counts = Counter(dot.picture for dot in of.given())
    closed = part.phase in (Phase.CLOSED, Phase.OVER)
    told = closed or (part.phase is Phase.OPEN and not part.anonymous)
    if part.last or not told:
        return replace(part, voters=len({dot.person for dot in of.given()}))
    best = {card.picture for card in winners(of)} if closed else set()
    cards = tuple(replace(card, votes=counts[card.picture], winner=card.picture in best) for card in part.cards)
    remarks = part.remarks
    if closed and len(best) > 1:
        remarks = (*remarks, words.tie(sorted(best), max(counts[number] for number in best)))
    if closed and not best and any(card.picture in of.there for card in part.cards):
        remarks = (*remarks, words.NOBODY_VOTED)
    return replace(part, cards=cards, voters=len({dot.person for dot in of.given()}), remarks=remarks)


def ranked(of: Round) -> list[tuple[Card, int]]:
    """The ideas that have votes and are there, the best first; equals in the order of their numbers."""
    counts = Counter(dot.picture for dot in of.given())
    there = [card for card in of.part.cards if card.picture in of.there]
    voted = [(card, counts[card.picture]) for card in there if counts[card.picture]]
    return sorted(voted, key=lambda pair: (-pair[1], pair[0].picture))


def winners(of: Round) -> list[Card]:
    """All that have most votes."""
    order = ranked(of)
    return [card for card, votes in order if votes == order[0][1]]


def with_cards(of: Round, cards: tuple[Card, ...], remarks: tuple[str, ...], took_up: str = "") -> Round:
    """The directions are there; their drafts are being made. Nothing where it went on meanwhile."""
    if of.part.phase not in (Phase.THINKING, Phase.DRAWING):
        return of
    part = replace(of.part, phase=Phase.DRAWING, cards=cards, remarks=remarks, took_up=took_up or of.part.took_up)
    return replace(of, part=part)


def drawn(of: Round, failed: Collection[int], now: datetime, *, sentence: str = "", alike: Sequence[int] = ()) -> Round:
    """All drafts have their end: the vote opens with those that are there.

    Args:
        failed: The cards that have no draft.
        sentence: What is said where there is no card at all.
        alike: Cards whose drafts look the same.
    """
    part = of.part
    if part.phase not in (Phase.THINKING, Phase.DRAWING):
        return of
    if not part.cards:
        remarks = (*part.remarks, sentence or words.NO_IDEAS)
        return replace(of, part=replace(part, phase=Phase.OVER, remarks=remarks))
    missing = sorted(card.picture for card in part.cards if card.picture in failed)
    if part.last:
        remark = (words.missing(missing),) if missing else ()
        return replace(of, part=replace(part, phase=Phase.CLOSED, remarks=(*part.remarks, *remark)))
    if len(missing) == len(part.cards):
        return replace(of, part=replace(part, phase=Phase.CLOSED, remarks=(*part.remarks, words.ALL_FAILED)))
    remark = (words.missing(missing),) if missing else ()
    remark = (*remark, words.alike(alike)) if len(alike) > 1 else remark
    part = replace(part, phase=Phase.OPEN, closes=_closes(of, now), remarks=(*part.remarks, *remark))
    return replace(of, part=part)


def _closes(of: Round, now: datetime) -> datetime:
    return now + timedelta(minutes=of.minutes or MAX_MINUTES)


def due(of: Round, now: datetime) -> Round:
    """The vote closes when its time is up, whoever notices it first."""
    closes = of.part.closes
    over = of.part.phase is Phase.OPEN and closes is not None and now >= closes
    return replace(of, part=replace(of.part, phase=Phase.CLOSED)) if over else of


def dot(of: Round, person: str, picture: int, now: datetime) -> tuple[Round, str]:
    """Give a vote to an idea, or take it back; and what the person is told."""
    of = due(of, now)
    if of.part.phase is not Phase.OPEN:
        return of, words.not_open(of.part.phase)
    if picture not in of.there:
        return of, words.no_draft(picture)
    last = next((dot for dot in of.dots if (dot.person, dot.picture) == (person, picture)), None)
    mine = sorted(dot.picture for dot in of.given(person))
    if last is not None and now - last.at < TWICE:
        return of, words.dots_left(mine, of.part.dots)
    given = last is None or not last.given
    if given and len(mine) >= of.part.dots:
        return of, words.all_used(mine)
    others = tuple(dot for dot in of.dots if dot is not last)
    after = replace(of, dots=(*others, Dot(person, picture, now, given)))
    mine = sorted(dot.picture for dot in after.given(person))
    did = words.VOTED if given else words.TAKEN_BACK
    return after, f"{did.format(picture)} {words.dots_left(mine, of.part.dots)}"


def close(of: Round, now: datetime) -> tuple[Round, str]:
    of = due(of, now)
    if of.part.phase is not Phase.OPEN:
        return of, words.not_open(of.part.phase)
    after = replace(of, part=replace(of.part, phase=Phase.CLOSED, closes=now))
    return after, words.state(shown(after))


def reopen(of: Round, now: datetime) -> tuple[Round, str]:
    """Open a closed vote again, with its whole time."""
    of = due(of, now)
    if of.part.phase is Phase.OPEN:
        return of, words.IS_OPEN
    if of.part.phase is not Phase.CLOSED or of.part.last:
        return of, words.not_open(of.part.phase)
    if not of.there:
        return of, words.ALL_FAILED
    return replace(of, part=replace(of.part, phase=Phase.OPEN, closes=_closes(of, now))), words.OPENED


def over(of: Round) -> Round:
    """Something has followed it."""
    return replace(of, part=replace(of.part, phase=Phase.OVER))


def in_the_way(of: Round, person: Person, now: datetime) -> bool:
    """Whether another brainstorm of this person cannot begin in the thread while this one is there. Who began it has
    seen its result, and may leave it at that; others after a while."""
    of = due(of, now)
    if not of.running:
        return False
    if of.part.phase is not Phase.CLOSED:
        return True
    begun_by = person.id == of.facilitator.id or person.moderator or person.admin
    left = of.part.closes is not None and now - of.part.closes > ABANDONED
    return not (begun_by or left)


def settings(
    of: Round, now: datetime, *, minutes: int | None = None, votes: int | None = None, anonymous: bool | None = None
) -> tuple[Round, str]:
    """Change a round that goes on; its time counts anew from now. Votes that people have too many stay: nobody's is
    taken away, and no more can be given."""
    of = due(of, now)
    if not of.running:
        return of, words.not_open(of.part.phase)
    counted = bool(of.given()) and of.part.anonymous and anonymous is False
    if counted:
        return of, words.STAYS_ANONYMOUS
    part = of.part
    if votes is not None:
        part = replace(part, dots=votes)
    if anonymous is not None:
        part = replace(part, anonymous=anonymous)
    after = replace(of, part=part, minutes=of.minutes if minutes is None else minutes)
    if minutes is not None and part.phase is Phase.OPEN:
        after = replace(after, part=replace(part, closes=_closes(after, now)))
    return after, words.settings_now(after.part.dots, after.minutes, after.part.anonymous)
