"""The audit record's table in `easel.db`: who deleted, decided and was refused what, counted by the minute.

Counted, so that a flood of refusals is a few rows. Of people only the platform's id is kept, until `/forget`.
What was spent stands in the table `spent`, which quotas count; accounts there are opaque.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from handlers.audit import Act
from handlers.model import Person, ThreadKey
from handlers.moderation import cases
from imaging.sqlite import open_present

MOST_ROWS = 500_000
"""More are not kept, whatever their age: about 60 MB."""
HOST = "-"
"""The place of what is done at the host's terminal."""

SCHEMA = (
    "CREATE TABLE audit (minute INTEGER NOT NULL, act TEXT NOT NULL, what TEXT NOT NULL, place TEXT NOT NULL, "
    "person TEXT NOT NULL, times INTEGER NOT NULL, PRIMARY KEY (minute, act, what, place, person)) WITHOUT ROWID",
    "CREATE INDEX audit_person ON audit (person) WHERE person != ''",
)
_ADD = (
    "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (minute, act, what, place, person) DO UPDATE SET times = times + excluded.times"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the record; `at` is the minute in UTC."""

    at: datetime
    act: str
    what: str
    place: str
    person: str
    times: int


def add(
    connection: sqlite3.Connection, at: float, act: Act, what: str, thread: ThreadKey | None, person: Person | None,
    times: int = 1,
) -> None:  # fmt: skip
    """Write one act down."""
    place = HOST if thread is None else thread.channel_scope
    row = (int(at) // 60 * 60, act.value, what[:60], place[:200], "" if person is None else person.id[:100], times)
    connection.execute(_ADD, [_clean(value) for value in row])


def forget(connection: sqlite3.Connection, chat: str, tenant: str, person: Person) -> None:
    """Take a person's id out of the rows of a workspace; what was done stays, done by nobody in particular."""
    where = "person = ? AND substr(place, 1, ?) = ?"
    scope = f"{chat}/{tenant}/"
    values = (_clean(person.id[:100]), len(scope), scope)
    theirs = connection.execute(f"SELECT minute, act, what, place, times FROM audit WHERE {where}", values).fetchall()
    for minute, act, what, place, times in theirs:
        connection.execute(_ADD, (minute, act, what, place, "", times))
    connection.execute(f"DELETE FROM audit WHERE {where}", values)


def prune(connection: sqlite3.Connection, before: float) -> int:
    """Delete what is older than a Unix time, and the oldest beyond `MOST_ROWS`; returns how many rows."""
    gone = connection.execute("DELETE FROM audit WHERE minute < ?", (int(before),)).rowcount
    over = connection.execute("SELECT minute FROM audit ORDER BY minute DESC LIMIT 1 OFFSET ?", (MOST_ROWS,)).fetchone()
    if over is not None:
        gone += connection.execute("DELETE FROM audit WHERE minute <= ?", over).rowcount
    return gone


def entries(connection: sqlite3.Connection, since: float, act: str | None = None) -> Iterator[Entry]:
    """What was done since a Unix time, oldest first."""
    found = connection.execute(
        "SELECT minute, act, what, place, person, times FROM audit WHERE minute >= ? AND (? IS NULL OR act = ?) "
        "ORDER BY minute, act, what, place, person",
        (int(since) // 60 * 60, act, act),
    )
    for minute, kind, what, place, person, times in found:
        yield Entry(datetime.fromtimestamp(minute, UTC), kind, what, place, person, times)


def of_moderators(connection: sqlite3.Connection, tenant: str, limit: int) -> list[cases.Entry]:
    """What moderators and admins did in a server or workspace, and what was reported there (not by whom): the newest
    first."""
    found = connection.execute(
        "SELECT minute, what, CASE act WHEN ? THEN person ELSE '' END AS who, sum(times) FROM audit "
        "WHERE act IN (?, ?) AND substr(place, 1, ?) = ? GROUP BY minute, what, who ORDER BY minute DESC, what LIMIT ?",
        (Act.ADMIN, Act.ADMIN, Act.REPORT, len(tenant) + 1, f"{_clean(tenant)}/", limit),
    )
    return [cases.Entry(datetime.fromtimestamp(row[0], UTC), *row[1:]) for row in found]


def spending(connection: sqlite3.Connection, since: float) -> Iterator[tuple[str, str, str, dict[str, float]]]:
    """What each account has had since a Unix time: day, channel, account (opaque), amounts by their names."""
    names = ("pictures", "seconds", "money", "messages", "calls", "bytes")
    sums = ", ".join(f"sum({name})" for name in names)
    found = connection.execute(
        f"SELECT date(at, 'unixepoch') AS day, channel, account, {sums} FROM spent WHERE at >= ? "
        "GROUP BY day, channel, account ORDER BY day, channel, account",
        (since,),
    )
    for day, channel, account, *amounts in found:
        yield day, channel, account, {name: value for name, value in zip(names, amounts, strict=True) if value}


def _clean(value: str | int) -> str | int:
    """Ids come from outside: what cannot be written as UTF-8 is replaced."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def note_by_host(database: Path, what: str) -> None:
    """Write down what was done at the host's terminal, also while a program runs; it hinders nothing."""
    # Where there is no database yet, none is made.
    with contextlib.suppress(sqlite3.Error), closing(open_present(database, write=True)) as connection, connection:
        add(connection, time.time(), Act.ADMIN, what, None, None)
