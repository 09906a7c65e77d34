"""What somebody looks for in a gallery, as they write it: `fox by:anna votes:>2 style:"pixel art" since:2026-11-01`.

Also where they are in it: `older:NUMBER` and `newer:NUMBER` go on from a picture, so that a page is known by its words
alone and its buttons work after a restart. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from handlers.errors import UserError

LONGEST = 70
"""Characters of a command's: Discord's buttons carry it all in their names."""
MOST = 400
"""Characters where there is more room."""
MOST_WORDS = 12
ALL = 2**31
"""More votes than there can be."""
HERE = "here"
ME = "me"
_PART = re.compile(r'(?:(?P<key>[A-Za-z]{2,6}):)?(?:"(?P<quoted>[^"]*)"|(?P<bare>\S+))')
_VOTES = re.compile(r"(?P<sign>>=|<=|>|<|=)?(?P<count>\d{1,6})", re.ASCII)
_DATE = re.compile(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Search:
    """Nothing set: everything. Words and names are found by how they begin, whatever their case and accents."""

    words: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    """Names of people; `me` is who asks."""
    style: tuple[str, ...] = ()
    title: tuple[str, ...] = ()
    """Of the thread; `here` is the one in which it is asked."""
    least: int = 0
    most: int = ALL
    """So many people at least, and at most, voted for it."""
    since: datetime | None = None
    until: datetime | None = None
    """The first moment that is too late."""
    older: int | None = None
    newer: int | None = None
    """Beyond that picture, by its number in the store's index."""

    @property
    def here(self) -> bool:
        return HERE in self.title


def read(text: str) -> Search:
    """
    Raises:
        UserError: a part that has a known name and no meaning; says how to write it.
    """
    if len(text) > MOST:
        raise UserError(f"A search may have up to {MOST} characters; yours has {len(text):,}.")
    found = Search()
    for part in _PART.finditer(text):
        key, value = (part["key"] or "").lower(), part["quoted"] if part["quoted"] is not None else part["bare"]
        take = _KEYS.get(key)
        if take is not None:
            found = take(found, value)
        elif words := part[0].replace('"', " ").strip():  # "ratio 16:9" and addresses are words
            found = replace(found, words=(*found.words, words)[:MOST_WORDS])
    return found


def without_place(text: str) -> str:
    """The same search from its beginning."""
    return " ".join(part[0] for part in _PART.finditer(text) if (part["key"] or "").lower() not in PLACE)


def at(text: str, place: str) -> str:
    """The same search at a place (`older:NUMBER` or `newer:NUMBER`)."""
    return f"{without_place(text)} {place}".strip()


def _votes(search: Search, value: str) -> Search:
    found = _VOTES.fullmatch(value)
    if found is None:
        raise UserError(f"votes: takes a number, as in votes:>2 or votes:3, not “{value[:20]}”.")
    count = int(found["count"])
    match found["sign"]:
        case ">":
            return replace(search, least=count + 1)
        case "<":
            return replace(search, most=count - 1)
        case "<=":
            return replace(search, most=count)
        case ">=":
            return replace(search, least=count)
        case _:
            return replace(search, least=count, most=count)


def _day(key: str, value: str) -> tuple[datetime, datetime]:
    """The beginning of a day, month or year (UTC), and its end.

    Raises:
        UserError: it is none.
    """
    found = _DATE.fullmatch(value)
    try:
        if found is None:
            raise ValueError(value)
        year, month, day = (int(part) if part else None for part in found.groups())
        first = date(year or 0, month or 1, day or 1)
        if day is not None:
            last = first
        elif month is not None:
            last = (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        else:
            last = first.replace(month=12, day=31)
        return _midnight(first), _midnight(last) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise UserError(f"{key}: takes a date like 2026-11-01, not “{value[:20]}”.") from None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _place(key: str, value: str) -> int:
    if not re.fullmatch(r"\d{1,12}", value, re.ASCII):
        raise UserError("That page of the gallery is not there; begin again with /gallery.")
    return int(value)


_KEYS: Mapping[str, Callable[[Search, str], Search]] = {
    "by": lambda search, value: replace(search, by=(*search.by, value)),
    "style": lambda search, value: replace(search, style=(*search.style, value)),
    "in": lambda search, value: replace(search, title=(*search.title, value.casefold())),
    "votes": _votes,
    "since": lambda search, value: replace(search, since=_day("since", value)[0]),
    "until": lambda search, value: replace(search, until=_day("until", value)[1]),
    "older": lambda search, value: replace(search, older=_place("older", value), newer=None),
    "newer": lambda search, value: replace(search, newer=_place("newer", value), older=None),
}
PLACE = ("older", "newer")
