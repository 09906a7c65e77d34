"""What slows down who tries again and again, by the address that they come from; kept in memory alone."""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import TypeVar

V = TypeVar("V")
log = logging.getLogger(__name__)

FREE_GUESSES = 3
"""Wrong passwords before the first wait: people mistype."""
LONGEST_WAIT_S = 900.0
FORGIVEN_S = 3600.0
"""After so long without a wrong password an address begins anew."""
GUESSES_IN_ALL = 120
"""Wrong passwords a minute from everywhere; beyond that only those who knew it before are listened to."""
PEOPLE_AN_HOUR = 100
"""New guests of one address: a house behind one address has many people, nobody has hundreds of names."""
LOOKS_A_MINUTE, ALL_LOOKS_A_MINUTE = 600, 6000
"""Requests by links to threads."""
REMEMBERED = 4096
"""Addresses, and people who knew the password."""


@dataclass(slots=True)
class _Tries:
    wrong: int = 0
    last: float = 0.0
    until: float = 0.0


@dataclass(eq=False, slots=True)
class Guesses:
    """Wrong passwords: each after the first few doubles the wait before the next is looked at.

    A browser that has shown the right password once is not made to wait by others at its address.
    """

    clock: Callable[[], float] = monotonic
    _tries: OrderedDict[str, _Tries] = field(default_factory=OrderedDict)
    _recent: deque[float] = field(default_factory=deque)
    _known: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def wait(self, address: str, person: str) -> float:
        """Seconds before a password from there is looked at; 0: now."""
        if person in self._known:
            return 0.0
        now = self.clock()
        while self._recent and now - self._recent[0] > 60:
            self._recent.popleft()
        if len(self._recent) >= GUESSES_IN_ALL:
            return 60.0
        tries = self._tries.get(address)
        return max(0.0, tries.until - now) if tries is not None else 0.0

    def wrong(self, address: str, person: str) -> None:
        now = self.clock()
        self._known.pop(person, None)
        self._recent.append(now)
        tries = self._tries.pop(address, _Tries())
        if now - tries.last > FORGIVEN_S:
            tries = _Tries()
        tries.wrong += 1
        tries.last = now
        wait = 0.0
        if tries.wrong >= FREE_GUESSES:
            wait = min(LONGEST_WAIT_S, 2.0 ** min(tries.wrong - FREE_GUESSES, 20))
        tries.until = now + wait
        _keep(self._tries, address, tries)
        log.warning("a wrong password from %s, the %d. in a row; the next is heard in %g s", address, tries.wrong, wait)

    def right(self, address: str, person: str) -> None:
        self._tries.pop(address, None)
        self._known.pop(person, None)
        _keep(self._known, person, None)


@dataclass(eq=False, slots=True)
class Newcomers:
    """How many different guests write from one address: a cookie is made up in no time."""

    most: int = PEOPLE_AN_HOUR
    clock: Callable[[], float] = monotonic
    _seen: OrderedDict[str, OrderedDict[str, float]] = field(default_factory=OrderedDict)

    def admits(self, address: str, person: str) -> bool:
        """Whether this guest may write; they are remembered for an hour from their first word."""
        now = self.clock()
        people = self._seen.pop(address, OrderedDict())
        while people and now - next(iter(people.values())) > 3600:
            people.popitem(last=False)
        _keep(self._seen, address, people)
        if person in people:
            return True
        if len(people) >= self.most:
            if len(people) == self.most:
                log.warning("%d new guests in an hour from %s: no more are let in", self.most, address)
                people[""] = now  # said once
            return False
        people[person] = now
        return True


@dataclass(eq=False, slots=True)
class Lookers:
    """How much is looked at by links, from one address and from all: nobody is known there who could be told to stop.

    A thread's page has as many requests as it has pictures in sight.
    """

    each: int = LOOKS_A_MINUTE
    all: int = ALL_LOOKS_A_MINUTE
    clock: Callable[[], float] = monotonic
    _since: float = 0.0
    _looks: Counter[str] = field(default_factory=Counter)

    def admits(self, address: str) -> bool:
        now = self.clock()
        if now - self._since >= 60:
            self._since = now
            self._looks.clear()
        if self._looks.total() >= self.all or self._looks[address] >= self.each:
            return False
        self._looks[address] += 1
        return True


def _keep(known: OrderedDict[str, V], key: str, value: V) -> None:
    known[key] = value
    if len(known) > REMEMBERED:
        known.popitem(last=False)
