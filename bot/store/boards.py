"""In which order people have put the pictures of a thread; see `bot.store.tables`."""

from __future__ import annotations

import json
import sqlite3

from bot.store import rows
from handlers.model import ThreadKey


class Boards:
    """On one connection. Not thread-safe."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def order(self, thread: ThreadKey) -> list[int]:
        """The numbers of the pictures that are there: as they were put, then those that have come since."""
        name = rows.clean(str(thread))
        found = self._db.execute(
            "SELECT number FROM pictures WHERE thread = ? AND state = 'ready' ORDER BY number", (name,)
        ).fetchall()
        row = self._db.execute("SELECT numbers FROM boards WHERE thread = ?", (name,)).fetchone()
        put = json.loads(row[0]) if row is not None else []
        there = {number for (number,) in found}
        kept = [number for number in put if number in there]
        return [*kept, *sorted(there.difference(kept))]

    def move(self, thread: ThreadKey, number: int, before: int | None) -> bool:
        """Put a picture before another one, or at the end. False where either is not there."""
        order = self.order(thread)
        if number not in order or (before is not None and before not in order):
            return False
        if before == number:
            return True
        order.remove(number)
        order.insert(len(order) if before is None else order.index(before), number)
        values = (rows.clean(str(thread)), rows.dumps(order))
        self._db.execute("INSERT OR REPLACE INTO boards VALUES (?, ?)", values)
        return True
