"""Threads, their counters and their current picture; see `bot.store.tables`."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.store import rows
from handlers.errors import ThreadGone
from handlers.model import Picture, ThreadKey

GONE = "This thread was deleted; begin a new one."


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """A row of the threads list."""

    key: ThreadKey
    title: str
    turns: int
    pictures: int
    updated: datetime


@dataclass(frozen=True, slots=True)
class Counters:
    """What a thread says of its pictures as a whole."""

    next_number: int
    selected: int | None
    selected_before: int | None
    """The next number at that moment: a later picture overrules the choice."""

    def current(self, pictures: Sequence[Picture]) -> int | None:
        """Of the newest pictures, by number, the one that "it" means."""
        newest = pictures[-1].number if pictures else None
        before = self.selected_before
        if self.selected is None or newest is None or (before is not None and newest >= before):
            return newest
        return self.selected


class Threads:
    """On one connection. Not thread-safe."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def touch(self, key: ThreadKey, now: float, title: str = "") -> str:
        """Make a thread, or note that it was used just now; returns its name in the tables.

        Raises:
            ThreadGone: it was deleted.
        """
        name = rows.clean(str(key))
        done = self._db.execute(
            "INSERT INTO threads (key, chat, tenant, channel, thread, title, updated) VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (key) DO UPDATE SET updated = excluded.updated, "
            "title = CASE WHEN threads.title = '' THEN excluded.title ELSE threads.title END "
            "WHERE threads.deleted IS NULL",
            (name, key.chat, key.tenant, rows.clean(key.channel), rows.clean(key.thread), rows.clean(title), now),
        )
        if not done.rowcount:
            raise ThreadGone(GONE)
        return name

    def deleted(self, name: str) -> bool:
        found = self._db.execute("SELECT 1 FROM threads WHERE key = ? AND deleted IS NOT NULL", (name,))
        return found.fetchone() is not None

    def still_there(self, name: str) -> None:
        """
        Raises:
            ThreadGone: it was deleted.
        """
        if self.deleted(name):
            raise ThreadGone(GONE)

    def delete(self, name: str, now: float) -> None:
        """Mark it deleted, for good; its numbers stay used."""
        self._db.execute(
            "UPDATE threads SET deleted = ?, title = '', pictures = 0, selected = NULL, selected_before = NULL "
            "WHERE key = ?",
            (now, name),
        )

    def take_numbers(self, name: str, count: int) -> int:
        """The first of `count` fresh picture numbers."""
        return self._take(name, "next_number", count)

    def take_turns(self, name: str, count: int) -> int:
        """The index of the first of `count` fresh turns, from 1."""
        return self._take(name, "turns", count) + 1

    def _take(self, name: str, column: str, count: int) -> int:
        row = self._db.execute(
            f"UPDATE threads SET {column} = {column} + ? WHERE key = ? RETURNING {column}", (count, name)
        ).fetchone()
        return int(row[0]) - count

    def reserve_numbers(self, thread: ThreadKey, count: int, now: float) -> int:
        return self.take_numbers(self.touch(thread, now), count)

    def select(self, thread: ThreadKey, number: int) -> None:
        # Pictures whose number was given out before this choice do not overrule it when they arrive.
        self._db.execute(
            "UPDATE threads SET selected = ?, selected_before = next_number WHERE key = ?",
            (number, rows.clean(str(thread))),
        )

    def rename(self, thread: ThreadKey, title: str) -> None:
        self._db.execute(
            "UPDATE threads SET title = ? WHERE key = ? AND deleted IS NULL",
            (rows.clean(title), rows.clean(str(thread))),
        )

    def probe(self) -> None:
        """Ask to write; nothing is."""
        self._db.execute("UPDATE threads SET updated = updated WHERE key = ''")

    def counters(self, name: str) -> Counters | None:
        """None where the thread is not known."""
        row = self._db.execute(
            "SELECT next_number, selected, selected_before FROM threads WHERE key = ?", (name,)
        ).fetchone()
        return None if row is None else Counters(*row)

    def key(self, name: str) -> ThreadKey:
        row = self._db.execute("SELECT chat, tenant, channel, thread FROM threads WHERE key = ?", (name,)).fetchone()
        return ThreadKey(*row)

    def title(self, thread: ThreadKey) -> str:
        row = self._db.execute("SELECT title FROM threads WHERE key = ?", (rows.clean(str(thread)),)).fetchone()
        return "" if row is None else str(row[0])

    def newest(self, chat: str, tenant: str, limit: int) -> list[ThreadRow]:
        return self._listed("AND chat = ? AND tenant = ? ORDER BY updated DESC LIMIT ?", (chat, tenant, limit))

    def everywhere(self) -> list[ThreadRow]:
        """Of every chat, the newest first, without deleted ones."""
        return self._listed("ORDER BY updated DESC", ())

    def _listed(self, which: str, values: tuple[str | int, ...]) -> list[ThreadRow]:
        found = self._db.execute(
            "SELECT chat, tenant, channel, thread, title, turns, pictures, updated FROM threads "
            f"WHERE deleted IS NULL {which}",
            values,
        )
        return [ThreadRow(ThreadKey(*r[:4]), r[4], r[5], r[6], datetime.fromtimestamp(r[7], UTC)) for r in found]
