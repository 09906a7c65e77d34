"""What the host allows: how much of what, for whom, in which time. Pure values and their one line of text each.

40 pictures a day per person; 6 pictures in 10 min per person; 100 pictures a day per role 8123;
200 pictures a day per channel; 3600 s a day per workspace; 5 USD a day in all; 60 messages in 1 min per person;
600 calls in 1 h per person; 20 GB a day in all; unlimited pictures a day per role 8124
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import timedelta
from enum import StrEnum

from handlers.model import Person, ThreadKey


class Unit(StrEnum):
    PICTURES = "pictures"
    SECONDS = "seconds"
    """Of the device, as measured."""
    MONEY = "money"
    MESSAGES = "messages"
    """Of people, buttons and commands that take work among them."""
    CALLS = "calls"
    """Of the language model: answers, repairs, descriptions that it writes out."""
    BYTES = "bytes"
    """Stored: uploads and pictures."""


class Sharers(StrEnum):
    """Who shares one quota."""

    PERSON = "person"
    CHANNEL = "channel"
    WORKSPACE = "workspace"
    ALL = "all"
    """Everybody on every platform."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """So much of everything that is counted."""

    # The fields are called as the units are.
    pictures: int = 0
    seconds: float = 0.0
    money: float = 0.0
    messages: int = 0
    calls: int = 0
    bytes: int = 0

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts(*map(operator.add, astuple(self), astuple(other)))

    def __sub__(self, other: Amounts) -> Amounts:
        return Amounts(*map(operator.sub, astuple(self), astuple(other)))

    def of(self, unit: Unit) -> float:
        return float(getattr(self, unit.value))


@dataclass(frozen=True, slots=True)
class Rule:
    """At most `amount` of `unit` for each of `sharers` in `window`; None is a day that begins at midnight UTC.

    A rule for a `role` stands, for people who have it, in the place of the rule for everybody with the same unit
    and window; of several roles the most generous counts. An infinite amount is no limit.
    """

    sharers: Sharers
    unit: Unit
    amount: float
    window: timedelta | None = None
    role: str | None = None
    currency: str = ""

    def told(self, amount: float) -> str:
        """An amount of this rule's unit, for people."""
        match self.unit:
            case Unit.PICTURES | Unit.MESSAGES:
                return f"{self.number(amount)} {self.unit.value.removesuffix('s')}{'' if round(amount) == 1 else 's'}"
            case Unit.CALLS:
                return f"{self.number(amount)} call{'' if round(amount) == 1 else 's'} of the language model"
            case Unit.SECONDS:
                return f"{self.number(amount)} s of the device"
            case Unit.MONEY:
                return f"{self.number(amount)} {self.currency}"
            case Unit.BYTES:
                return f"{self.number(amount)} MB of files"

    def number(self, amount: float) -> str:
        """The amount alone."""
        match self.unit:
            case Unit.MONEY:
                return f"{amount:.2f}"
            case Unit.BYTES:
                return f"{amount / 1e6:.0f}"
            case _:
                return f"{amount:.0f}"

    @property
    def within(self) -> str:
        return "a day" if self.window is None else f"in {span(self.window)}"


def share_key(sharers: Sharers, thread: ThreadKey, person: Person) -> str:
    """Names whose share something is, as the store counts it."""
    match sharers:
        case Sharers.PERSON:
            return person.account_in(thread.chat)
        case Sharers.CHANNEL:
            return thread.channel_scope
        case Sharers.WORKSPACE:
            return thread.tenant_scope
        case Sharers.ALL:
            return ""


LONGEST = timedelta(days=31)
_RULE = re.compile(
    r"(?P<amount>\d+(?:\.\d+)?|unlimited)\s*(?P<unit>pictures?|messages?|calls?|s|seconds?|MB|GB|[A-Z]{3})"
    r"\s+(?:a day|in\s+(?P<count>\d{1,9})\s*(?P<span>s|min|h|d))"
    r"\s+(?:per\s+(?P<for>person|channel|workspace|role\s+(?P<role>\S+))|in all)"
)
_UNITS = {
    "picture": (Unit.PICTURES, 1),
    "message": (Unit.MESSAGES, 1),
    "call": (Unit.CALLS, 1),
    "s": (Unit.SECONDS, 1),
    "second": (Unit.SECONDS, 1),
    "MB": (Unit.BYTES, 10**6),
    "GB": (Unit.BYTES, 10**9),
}
_SPANS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}
EXAMPLE = "40 pictures a day per person"


def read_rules(text: str) -> tuple[Rule, ...]:
    """Rules from one line, separated by semicolons.

    Raises:
        ValueError: with what is wrong, in one sentence.
    """
    rules = tuple(_read(part) for part in filter(None, (part.strip() for part in text.split(";"))))
    currencies = {rule.currency for rule in rules if rule.unit is Unit.MONEY}
    if len(currencies) > 1:
        raise ValueError(f"names several currencies ({', '.join(sorted(currencies))}); prices have one")
    return rules


def _read(text: str) -> Rule:
    found = _RULE.fullmatch(text)
    if found is None:
        raise ValueError(f"has a part that is no quota: {text[:80]!r}; write it like {EXAMPLE!r}")
    window = timedelta(**{_SPANS[found["span"]]: int(found["count"])}) if found["count"] else None
    if window is not None and not timedelta() < window <= LONGEST:
        raise ValueError(f"has a time that is not between 1 s and 31 d: {text[:80]!r}")
    unit, scale = _UNITS.get(found["unit"].removesuffix("s") or "s", (Unit.MONEY, 1))
    currency = found["unit"] if unit is Unit.MONEY else ""
    sharers = Sharers.PERSON if found["role"] else Sharers(found["for"] or "all")
    amount = math.inf if found["amount"] == "unlimited" else scale * float(found["amount"])
    return Rule(sharers, unit, amount, window, found["role"], currency)


def with_defaults(rules: Sequence[Rule], defaults: Sequence[Rule]) -> tuple[Rule, ...]:
    """The host's rules, and those defaults whose unit and sharers the host says nothing about."""
    said = {(rule.sharers, rule.unit) for rule in rules if rule.role is None}
    kept = [rule for rule in defaults if (rule.sharers, rule.unit) not in said]
    return (*rules, *kept)


def rules_for(rules: Sequence[Rule], person: Person) -> list[Rule]:
    """Those that hold for one person, a role's in the place of everybody's."""
    found: dict[tuple[Sharers, Unit, timedelta | None], Rule] = {}
    for rule in sorted(rules, key=lambda rule: (rule.role is not None, rule.amount)):
        if rule.role is None or rule.role in person.roles:
            place = (rule.sharers, rule.unit, rule.window)
            known = found.get(place)
            # Two rules for everybody: the stricter one; a role's replaces it, and a more generous role's that one.
            if known is None or rule.role is not None:
                found[place] = rule
    return list(found.values())


def span(time: timedelta) -> str:
    """A time for people: `in 3 h 20 min`, without the in."""
    seconds = int(time.total_seconds())
    if seconds < 60:
        return f"{max(1, seconds)} s"
    days, hours, minutes = seconds // 86_400, seconds // 3600 % 24, seconds // 60 % 60
    return " ".join(f"{n} {unit}" for n, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if n)
