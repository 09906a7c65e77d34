"""How much people may have made: per person, role, channel and workspace; per day and per burst.

What counts is what was really made, plus what is being made now: a failed, moderated or cancelled job gives its
share back by never becoming a picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from handlers.errors import QuotaUsedUp
from handlers.model import Person, ThreadKey
from handlers.quota_rules import Amounts, Rule, Sharers, rules_for, share_key, span

ALMOST = 1e-6
"""Sums of money and seconds are not exact."""
WHOSE = {
    Sharers.PERSON: ("You have", "your"),
    Sharers.CHANNEL: ("This channel has", "its"),
    Sharers.WORKSPACE: ("This workspace has", "its"),
}


class Spendings(Protocol):
    """What was made, as the store remembers it."""

    async def spent(self, sharers: Sharers, key: str, since: datetime) -> Amounts:
        """All that was made for somebody since a moment."""

    async def spendings(self, sharers: Sharers, key: str, since: datetime) -> Sequence[tuple[datetime, Amounts]]:
        """The same one by one, oldest first."""


@dataclass(eq=False, slots=True)
class Share:
    """What is set aside for one picture, until it is given back."""

    thread: ThreadKey
    person: Person
    amounts: Amounts
    held: bool = True


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
        self._under_way: dict[tuple[Sharers, str], Amounts] = {}
        self._returns = 0

    async def take(self, thread: ThreadKey, person: Person, wanted: Sequence[Amounts]) -> list[Share]:
        """Set pictures aside, all of them or none, until each is given back.

        Args:
            wanted: What each picture is estimated to take.

        Raises:
            QuotaUsedUp: with what is used up and when it renews.
        """
        rules = rules_for(self.rules, person)
        total = sum(wanted, Amounts())
        while True:
            # A picture that is stored and given back between the two looks would be counted in neither.
            returns = self._returns
            used = [await self._used(rule, thread, person) for rule in rules]
            if returns == self._returns:
                break
        for rule, amount in zip(rules, used, strict=True):
            if amount + total.of(rule.unit) > rule.amount + ALMOST:
                raise QuotaUsedUp(await self._sentence(rule, thread, person, amount, total.of(rule.unit)))
        return [self.hold(thread, person, amounts) for amounts in wanted]

    def hold(self, thread: ThreadKey, person: Person, amounts: Amounts) -> Share:
        """Set a picture aside without asking: a job that a restart found."""
        share = Share(thread, person, amounts)
        self._add(share, amounts)
        return share

    def give_back(self, share: Share) -> None:
        """It is no longer under way: stored (and counted from there), failed or cancelled. Once is enough."""
        if share.held:
            share.held = False
            self._returns += 1
            self._add(share, Amounts() - share.amounts)

    def _add(self, share: Share, amounts: Amounts) -> None:
        for sharers in Sharers:
            place = (sharers, share_key(sharers, share.thread, share.person))
            now = self._under_way.pop(place, Amounts()) + amounts
            if now.pictures:
                self._under_way[place] = now

    async def _used(self, rule: Rule, thread: ThreadKey, person: Person) -> float:
        key = share_key(rule.sharers, thread, person)
        stored = await self._store.spent(rule.sharers, key, self._since(rule))
        return (stored + self._under_way.get((rule.sharers, key), Amounts())).of(rule.unit)

    def _since(self, rule: Rule) -> datetime:
        now = self._clock()
        return _midnight(now) if rule.window is None else now - rule.window

    async def standings(self, thread: ThreadKey, person: Person) -> list[Standing]:
        """Where the person stands with every rule that holds for them here."""
        found = []
        for rule in rules_for(self.rules, person):
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


def _midnight(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
