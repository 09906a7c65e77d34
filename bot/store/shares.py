"""Links by which whoever has one looks at a thread, as hashes; see `bot.store.tables`."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime

from bot.store import rows
from bot.store.threads import Threads
from handlers.model import Person, ShareLink, ThreadKey


class Shares:
    """On one connection. Not thread-safe."""

    def __init__(self, connection: sqlite3.Connection, threads: Threads) -> None:
        self._db = connection
        self._threads = threads

    def add(self, thread: ThreadKey, person: Person, hash: str, now: datetime, until: datetime) -> ShareLink:
        """
        Raises:
            ThreadGone: it was deleted.
        """
        name = rows.clean(str(thread))
        self._threads.still_there(name)
        self._db.execute("DELETE FROM shares WHERE until <= ?", (now.timestamp(),))
        who = rows.dumps(rows.person_to_json(person))
        key = rows.clean(rows.person_key(thread, person.id))
        values = (hash, name, who, key, now.timestamp(), until.timestamp())
        id = self._db.execute(
            "INSERT INTO shares (hash, thread, person, person_id, created, until) VALUES (?, ?, ?, ?, ?, ?) "
            "RETURNING id",
            values,
        ).fetchone()[0]
        return ShareLink(id, thread, person, until)

    def of(self, thread: ThreadKey) -> list[ShareLink]:
        found = self._db.execute(
            "SELECT id, person, until FROM shares WHERE thread = ? ORDER BY id", (rows.clean(str(thread)),)
        ).fetchall()
        return [
            ShareLink(id, thread, rows.person_from_json(json.loads(person)), datetime.fromtimestamp(until, UTC))
            for id, person, until in found
        ]

    def end(self, thread: ThreadKey, id: int) -> bool:
        gone = self._db.execute("DELETE FROM shares WHERE thread = ? AND id = ?", (rows.clean(str(thread)), id))
        return gone.rowcount > 0

    def find(self, hash: str, at: datetime) -> ShareLink | None:
        row = self._db.execute(
            "SELECT id, thread, person, until FROM shares WHERE hash = ? AND until > ?", (hash, at.timestamp())
        ).fetchone()
        if row is None:
            return None
        id, name, person, until = row
        who = rows.person_from_json(json.loads(person))
        return ShareLink(id, self._threads.key(name), who, datetime.fromtimestamp(until, UTC))
