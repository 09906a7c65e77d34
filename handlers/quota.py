"""How much people may take: per person, role, channel, workspace and in all; per day and per burst.

What counts is what was really made, said or asked, plus what is under way now: a failed, moderated or cancelled job
gives its share back by never becoming a picture.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeAlias

from handlers.errors import QuotaUsedUp
from handlers.model import Person, ThreadKey
from handlers.quota_rules import Amounts, Rule, Sharers, Unit, rules_for, share_key, span

ALMOST = 1e-6
"""Sums of money and seconds are not exact."""
WHOSE = {
    Sharers.PERSON: ("You have", "your"),
    Sharers.CHANNEL: ("This channel has", "its"),
    Sharers.WORKSPACE: ("This workspace has", "its"),
    Sharers.ALL: ("All people together have", "their"),
}


class Spendings(Protocol):
    """What was spent, as the store remembers it. Pictures, messages and uploads it counts itself as it stores them."""

    async def spend(self, thread: ThreadKey, person: Person, amounts: Amounts, at: datetime) -> None:
        """Count what is stored nowhere else; less than nothing takes back what was counted."""

    async def spent(self, sharers: Sharers, key: str, since: datetime) -> Amounts:
        """All that was spent by somebody since a moment."""

    async def spendings(self, sharers: Sharers, key: str, since: datetime) -> Sequence[tuple[datetime, Amounts]]:
        """The same one by one, oldest first."""


@dataclass(eq=False, slots=True)
class Share:
    """What is set aside for one thing, until it is given back."""

    thread: ThreadKey
    person: Person
    amounts: Amounts
    held: bool = True


Place: TypeAlias = tuple[Sharers, str]


def _places(share: Share) -> list[Place]:
    return [(sharers, share_key(sharers, share.thread, share.person)) for sharers in Sharers]


@dataclass(eq=False, slots=True)
class _Look:
    """What was given back while somebody looked into the store: it may be stored before or after the look."""

    places: dict[Place, Amounts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where somebody stands with one rule."""

    rule: Rule
    used: float
    renewal: str
    """When there is more, for people."""

    @property
    def left(self) -> float:
        return max(0.0, self.rule.amount - self.used)


class Quota:
    """`rules` are the host's; a day begins at midnight UTC."""

    def __init__(self, store: Spendings, rules: Sequence[Rule], clock: Callable[[], datetime]) -> None:
        self._store = store
        self.rules = tuple(rules)
        self._clock = clock
        self._under_way: dict[Place, Amounts] = {}
        self._looks: set[_Look] = set()

    async def take(
        self, thread: ThreadKey, person: Person, wanted: Sequence[Amounts], *, least: int | None = None
    ) -> list[Share]:
        """Set things aside until each is given back: all of them, or none.

        Args:
            wanted: What each is estimated to take.
            least: As many of the first as there is room for, and so many at least; None: all.

        Raises:
            QuotaUsedUp: with what is used up and when it renews.
        """
        total = sum(wanted, Amounts())
        rules = [rule for rule in rules_for(self.rules, person) if total.of(rule.unit) > 0]
        least = len(wanted) if least is None else least
        while True:
            with self._look() as returned:
                stored = await asyncio.gather(*(self._stored(rule, thread, person) for rule in rules))
            # Between here and the hold nothing may be awaited: two that come at once would not see each other.
            uses = []
            for rule, kept in zip(rules, stored, strict=True):
                place = (rule.sharers, share_key(rule.sharers, thread, person))
                used = kept + self._under_way.get(place, Amounts()) + returned.places.get(place, Amounts())
                uses.append((rule, used.of(rule.unit)))
            for count in range(len(wanted), least - 1, -1):
                total = sum(wanted[:count], Amounts())
                over = [(rule, used) for rule, used in uses if used + total.of(rule.unit) > rule.amount + ALMOST]
                if not over and count < len(wanted) and returned.places:
                    break  # there may be more room than it looks
                if not over:
                    return [self.hold(thread, person, amounts) for amounts in wanted[:count]]
            if not returned.places:  # else what was given back meanwhile may be counted twice: look again
                rule, amount = over[0]
                raise QuotaUsedUp(await self._sentence(rule, thread, person, amount, total.of(rule.unit)))

    @contextmanager
    def _look(self) -> Iterator[_Look]:
        look = _Look()
        self._looks.add(look)
        try:
            yield look
        finally:
            self._looks.discard(look)

    async def spend(self, thread: ThreadKey, person: Person, amounts: Amounts) -> None:
        """Count something at once that nothing else will count.

        Raises:
            QuotaUsedUp: as `take`; nothing is counted.
        """
        [share] = await self.take(thread, person, [amounts])
        try:
            await self._store.spend(thread, person, amounts, self._clock())
        finally:
            self.give_back(share)

    async def take_back(self, thread: ThreadKey, person: Person, amounts: Amounts) -> None:
        """What was spent came to nothing."""
        await self._store.spend(thread, person, Amounts() - amounts, self._clock())

    def hold(self, thread: ThreadKey, person: Person, amounts: Amounts) -> Share:
        """Set a picture aside without asking: a job that a restart found."""
        share = Share(thread, person, amounts)
        self._add(share, amounts)
        return share

    def give_back(self, share: Share) -> None:
        """It is no longer under way: stored (and counted from there), failed or cancelled. Once is enough."""
        if share.held:
            share.held = False
            self._add(share, Amounts() - share.amounts)
            for look in self._looks:
                for place in _places(share):
                    look.places[place] = look.places.get(place, Amounts()) + share.amounts

    def _add(self, share: Share, amounts: Amounts) -> None:
        for place in _places(share):
            now = self._under_way.pop(place, Amounts()) + amounts
            if any(now.of(unit) > ALMOST for unit in Unit):
                self._under_way[place] = now

    async def _used(self, rule: Rule, thread: ThreadKey, person: Person) -> float:
        stored = await self._stored(rule, thread, person)
        key = share_key(rule.sharers, thread, person)
        return (stored + self._under_way.get((rule.sharers, key), Amounts())).of(rule.unit)

    async def _stored(self, rule: Rule, thread: ThreadKey, person: Person) -> Amounts:
        return await self._store.spent(rule.sharers, share_key(rule.sharers, thread, person), self._since(rule))

    def _since(self, rule: Rule) -> datetime:
        now = self._clock()
        return _midnight(now) if rule.window is None else now - rule.window

    async def standings(self, thread: ThreadKey, person: Person) -> list[Standing]:
        """Where the person stands with every rule that holds for them here."""
        found = []
        for rule in (rule for rule in rules_for(self.rules, person) if rule.amount < math.inf):
            used = await self._used(rule, thread, person)
            found.append(Standing(rule, used, await self._renewal(rule, thread, person, used - 2 * ALMOST)))
        return found

    async def today(self, thread: ThreadKey, person: Person) -> Amounts:
        """What the person has had made since midnight UTC."""
        key = share_key(Sharers.PERSON, thread, person)
        return await self._store.spent(Sharers.PERSON, key, _midnight(self._clock()))

    # In words

    async def _sentence(self, rule: Rule, thread: ThreadKey, person: Person, used: float, wanted: float) -> str:
        (whose, its), all_of_it = WHOSE[rule.sharers], rule.told(rule.amount)
        if wanted > rule.amount + ALMOST:
            return f"At most {all_of_it} {rule.within} are allowed, and this needs {rule.told(wanted)}; ask for less."
        renewal = await self._renewal(rule, thread, person, rule.amount - wanted)
        if used < rule.amount - ALMOST:
            left = f"{rule.number(rule.amount - used)} of {all_of_it} {rule.within} left"
            return f"{whose} {left}, and this needs more; there are new ones {renewal}."
        when = "of today" if rule.window is None else f"of {span(rule.window)}"
        return f"{whose} used {its} {all_of_it} {when}; there are new ones {renewal}."

    async def _renewal(self, rule: Rule, thread: ThreadKey, person: Person, most: float) -> str:
        """When no more than `most` will be used: for a day at midnight, for a window when enough has fallen out."""
        now = self._clock()
        if rule.window is None:
            return f"in {span(_midnight(now) + timedelta(days=1) - now)} (at 00:00 UTC)"
        made = await self._store.spendings(rule.sharers, share_key(rule.sharers, thread, person), self._since(rule))
        over = await self._used(rule, thread, person) - most
        for moment, amounts in made:
            over -= amounts.of(rule.unit)
            if over <= ALMOST:
                return f"in {span(moment + rule.window - now)}"
        return f"in {span(rule.window)} at the latest"  # what is under way counts from when it is there


class Quiet:
    """Who says too much is told so once in a while, not each time: an answer to everything would be the next flood."""

    def __init__(self, span: timedelta = timedelta(seconds=30)) -> None:
        self._span = span
        self._told: dict[str, datetime] = {}

    def tell(self, account: str, now: datetime) -> bool:
        """Whether to tell this time."""
        self._told = {known: at for known, at in self._told.items() if now - at < self._span}
        return self._told.setdefault(account, now) is now


def _midnight(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
