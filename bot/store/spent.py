"""What was spent, row by row, and its sums; see `bot.store.tables`.

A server's or everybody's day can have a hundred thousand rows, and every message asks for its sum. So the last sums
are remembered: a new one adds the rows that have come since, and takes off those that the window has left.
"""

from __future__ import annotations

import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime

from bot.store import rows
from handlers.model import Person, ThreadKey
from handlers.quota_rules import Amounts, Sharers, share_key

SHARED_BY = {Sharers.PERSON: "account", Sharers.CHANNEL: "channel", Sharers.WORKSPACE: "tenant"}
"""The column that names who shares; everybody is in no column."""
UNITS = tuple(field.name for field in fields(Amounts))
SUMS = ", ".join(f"coalesce(sum({unit}), 0)" for unit in UNITS)
REMEMBERED = 512
WINDOWS = 4
"""Sums that are remembered of one sharer: rules have few windows."""
MOVED = 0.25
"""A window that has moved by more than this part of its length is summed anew."""


@dataclass(frozen=True, slots=True)
class _Sum:
    """Of the rows from `since` on, up to the row `last`."""

    since: float
    last: int
    amounts: Amounts


class Spent:
    """On one connection, inside the transactions of whoever calls. Not thread-safe."""

    def __init__(self, connection: sqlite3.Connection, told: Callable[[Amounts], None]) -> None:
        """`told` hears of everything that is added."""
        self._db = connection
        self._told = told
        self._sums: OrderedDict[tuple[Sharers, str], list[_Sum]] = OrderedDict()

    def add(self, at: float, thread: ThreadKey, person: Person, amounts: Amounts) -> None:
        keys = [rows.clean(share_key(sharers, thread, person)) for sharers in SHARED_BY]
        columns = ("at", *SHARED_BY.values(), *UNITS)
        marks = ", ".join("?" * len(columns))
        self._db.execute(f"INSERT INTO spent ({', '.join(columns)}) VALUES ({marks})", (at, *keys, *astuple(amounts)))
        self._told(amounts)

    def sum(self, sharers: Sharers, key: str, since: float) -> Amounts:
        """All that was spent since a Unix time."""
        if sharers is Sharers.PERSON:
            return self._summed(sharers, key, "at >= ?", since)
        known = self._sums.pop((sharers, key), [])
        near = max((one for one in known if one.since <= since), key=lambda one: one.since, default=None)
        if near is None or since - near.since > MOVED * (time.time() - near.since):
            found = self._anew(sharers, key, since)
            kept = [found, *known][:WINDOWS]
        else:
            found = self._moved(near, sharers, key, since)
            kept = [found, *(one for one in known if one is not near)]
        self._sums[sharers, key] = kept
        while len(self._sums) > REMEMBERED:
            self._sums.popitem(last=False)
        return found.amounts

    def _anew(self, sharers: Sharers, key: str, since: float) -> _Sum:
        return _Sum(since, self._last(), self._summed(sharers, key, "at >= ?", since))

    def _moved(self, near: _Sum, sharers: Sharers, key: str, since: float) -> _Sum:
        last, amounts = self._last(), near.amounts
        if last > near.last:
            # By the row's number alone (`+` hides a column from the indexes): only what has come since is read.
            where, names = _whose(sharers, key)
            hidden = f"+{where}" if where else ""
            amounts += self._read(f"{hidden} +at >= ? AND rowid > ?", *names, since, near.last)
        if since > near.since:
            amounts -= self._summed(sharers, key, "at >= ? AND at < ? AND +rowid <= ?", near.since, since, near.last)
        return _Sum(since, last, amounts)

    def _last(self) -> int:
        # Nothing around max(): SQLite looks at one row then, and else at all.
        return int(self._db.execute("SELECT max(rowid) FROM spent").fetchone()[0] or 0)

    def _summed(self, sharers: Sharers, key: str, when: str, *values: float) -> Amounts:
        where, names = _whose(sharers, key)
        return self._read(f"{where} {when}", *names, *values)

    def _read(self, where: str, *values: str | float) -> Amounts:
        return Amounts(*self._db.execute(f"SELECT {SUMS} FROM spent WHERE {where}", values).fetchone())

    def each(self, sharers: Sharers, key: str, since: float) -> list[tuple[datetime, Amounts]]:
        """The same one by one, oldest first."""
        where, names = _whose(sharers, key)
        columns = ", ".join(UNITS)
        found = self._db.execute(f"SELECT at, {columns} FROM spent WHERE {where} at >= ? ORDER BY at", (*names, since))
        return [(datetime.fromtimestamp(at, UTC), Amounts(*amounts)) for at, *amounts in found]

    def forget(self, before: float) -> None:
        """Those that no quota counts any more."""
        self._db.execute("DELETE FROM spent WHERE at < ?", (before,))
        self.undone()

    def undone(self) -> None:
        """A transaction was rolled back, or rows were deleted: what is remembered may count what is not there."""
        self._sums.clear()


def _whose(sharers: Sharers, key: str) -> tuple[str, tuple[str, ...]]:
    """The beginning of a condition, and its values."""
    return (f"{SHARED_BY[sharers]} = ? AND", (rows.clean(key),)) if sharers in SHARED_BY else ("", ())
