"""Transactions on pictures and on what one person has made; see `bot.store.tables`."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlite_utils import Database

from bot.store import rows
from bot.store.spent import Spent
from handlers.model import Person, Picture, Tally, ThreadKey, Turn, Vote
from handlers.quota_rules import Amounts
from imaging.model import Operation

GONE = "(deleted)"
"""What stands where something was deleted for good."""
CACHED = 2048

K = TypeVar("K")
V = TypeVar("V")


def keep(cache: OrderedDict[K, V], key: K, value: V) -> None:
    """Remember a value and forget the one that was not asked for the longest."""
    cache[key] = value
    cache.move_to_end(key)
    if len(cache) > CACHED:
        cache.popitem(last=False)


class PictureTables:
    """One transaction a method, on one connection. Not thread-safe."""

    def __init__(
        self, db: Database, boot: str, *, recent_turns: int, recent_pictures: int, spent: Callable[[Amounts], None]
    ) -> None:
        """`spent` is told what quotas count."""
        self._db: sqlite3.Connection = db.conn
        self._boot = boot
        self.spent = Spent(self._db, spent)
        self._recent_turns = recent_turns
        self._recent_pictures = recent_pictures
        # What busy threads read again with every turn. Bounded for all threads together.
        self._known_pictures: OrderedDict[tuple[str, int], Picture] = OrderedDict()
        self._known_turns: OrderedDict[str, Turn] = OrderedDict()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, alone or inside a transaction that `DatabaseThread` shares between operations."""
        nested = self._db.in_transaction
        begin, commit, undo = (
            ("SAVEPOINT one", "RELEASE one", "ROLLBACK TO one; RELEASE one")
            if nested
            else ("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK")
        )
        self._db.execute(begin)
        try:
            yield self._db
            self._db.execute(commit)
        except BaseException:
            self.spent.undone()
            if self._db.in_transaction:  # a full disk has already rolled back
                for statement in undo.split("; "):
                    self._db.execute(statement)
            raise

    def probe(self) -> None:
        """Take the right to write, and give it back."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.execute("UPDATE threads SET updated = updated WHERE key = ''")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def add_picture(self, picture: Picture, size: int) -> Picture:
        """`size` is the file's, in bytes."""
        name = rows.clean(str(picture.thread))
        with self._transaction():
            known = self.picture(picture.thread, picture.number)
            if known is not None:
                return known
            self._add_picture(picture, name)
            made = Amounts(bytes=size)
            if picture.operation is not Operation.UPLOAD:
                made += Amounts(1, picture.device_seconds, picture.metrics.get("cost", 0.0))
            self.spent.add(picture.created.timestamp(), picture.thread, picture.person, made)
        return picture

    def _add_picture(self, picture: Picture, name: str) -> None:
        self._db.execute(
            f"INSERT INTO pictures ({rows.PICTURE_COLUMNS}, person_id) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            rows.picture_values(picture),
        )
        self._db.execute("UPDATE threads SET pictures = pictures + 1 WHERE key = ?", (name,))

    def forget_spendings(self, before: float) -> None:
        with self._transaction():
            self.spent.forget(before)

    def spend(self, at: float, thread: ThreadKey, person: Person, amounts: Amounts) -> None:
        with self._transaction():
            self.spent.add(at, thread, person, amounts)

    def _pictures(self, thread: ThreadKey, where: str, values: tuple[Any, ...]) -> list[Picture]:
        found = self._db.execute(f"SELECT {rows.PICTURE_COLUMNS} FROM pictures WHERE thread = ? AND {where}", values)
        return [rows.picture_from_row(row, thread) for row in found]

    def _recent(self, thread: ThreadKey, name: str) -> list[Picture]:
        """The newest pictures that are there, by number."""
        found = self._db.execute(
            "SELECT number FROM pictures INDEXED BY pictures_ready "
            "WHERE thread = ? AND state = 'ready' ORDER BY number DESC LIMIT ?",
            (name, self._recent_pictures),
        ).fetchall()
        return [picture for row in reversed(found) if (picture := self._known(thread, name, row[0])) is not None]

    def _known(self, thread: ThreadKey, name: str, number: int) -> Picture | None:
        known = self._known_pictures.get((name, number))
        if known is None:
            known = self.picture(thread, number)
        if known is not None:
            keep(self._known_pictures, (name, number), known)
        return known

    def picture(self, thread: ThreadKey, number: int) -> Picture | None:
        found = self._pictures(thread, "number = ?", (rows.clean(str(thread)), number))
        return found[0] if found else None

    def gallery(self, thread: ThreadKey, limit: int) -> list[Picture]:
        name = rows.clean(str(thread))
        return self._pictures(thread, "state = 'ready' ORDER BY number DESC LIMIT ?", (name, limit))[::-1]

    def made_by(self, chat: str, tenant: str, person: Person, limit: int) -> list[Picture]:
        key = rows.clean(rows.person_key(ThreadKey(chat, tenant, "", ""), person.id))
        columns = ", ".join(f"p.{name}" for name in rows.PICTURE_COLUMNS.split(", "))
        found = self._db.execute(
            f"SELECT {columns}, t.channel, t.thread FROM pictures p JOIN threads t ON t.key = p.thread "
            "WHERE p.person_id = ? AND p.state = 'ready' AND p.operation != 'upload' ORDER BY p.created DESC LIMIT ?",
            (key, limit),
        )
        return [rows.picture_from_row(row, ThreadKey(chat, tenant, row[16], row[17])) for row in found]

    def delete_picture(self, thread: ThreadKey, number: int) -> list[str]:
        """Mark it deleted (its number stays used). Returns the files that nothing needs any more."""
        name = rows.clean(str(thread))
        with self._transaction():
            row = self._db.execute(
                "UPDATE pictures SET state = 'deleted' WHERE thread = ? AND number = ? AND state = 'ready' "
                "RETURNING sha256",
                (name, number),
            ).fetchone()
            self._known_pictures.pop((name, number), None)
            if row is None:
                return []
            self._db.execute("UPDATE threads SET pictures = pictures - 1 WHERE key = ?", (name,))
            return self.unneeded([row[0]])

    def vote(self, vote: Vote, now: float) -> bool:
        row = (rows.clean(str(vote.thread)), vote.picture, rows.clean(rows.person_key(vote.thread, vote.person.id)))
        with self._transaction():
            if not vote.given:
                where = "thread = ? AND number = ? AND person_id = ? AND up = ?"
                return self._db.execute(f"DELETE FROM votes WHERE {where}", (*row, vote.up)).rowcount > 0
            there = "SELECT 1 FROM pictures WHERE thread = ? AND number = ? AND state = 'ready'"
            if self._db.execute(there, row[:2]).fetchone() is None:
                return False
            values = (*row, vote.up, now)
            return self._db.execute("INSERT OR IGNORE INTO votes VALUES (?, ?, ?, ?, ?)", values).rowcount > 0

    def votes(self, thread: ThreadKey) -> dict[int, Tally]:
        found = self._db.execute(
            "SELECT v.number, sum(v.up), sum(1 - v.up) FROM votes v JOIN pictures p "
            "ON p.thread = v.thread AND p.number = v.number WHERE v.thread = ? AND p.state = 'ready' GROUP BY v.number",
            (rows.clean(str(thread)),),
        )
        return {number: Tally(up, down) for number, up, down in found}

    def unneeded(self, files: Sequence[str]) -> list[str]:
        """Those of `files` that no picture that is there needs."""
        needed = "SELECT 1 FROM pictures WHERE sha256 = ? AND state = 'ready' LIMIT 1"
        return [sha for sha in set(files) if self._db.execute(needed, (sha,)).fetchone() is None]
