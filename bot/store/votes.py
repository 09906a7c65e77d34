"""Who is for and against a picture; see `bot.store.tables`."""

from __future__ import annotations

import sqlite3

from bot.store import rows
from handlers.model import Tally, ThreadKey, Vote


class Votes:
    """On one connection. Not thread-safe."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def vote(self, vote: Vote, now: float) -> bool:
        """False when nothing changed: it was so before, or the picture is not there."""
        row = (rows.clean(str(vote.thread)), vote.picture, rows.clean(rows.person_key(vote.thread, vote.person.id)))
        if not vote.given:
            where = "thread = ? AND number = ? AND person_id = ? AND up = ?"
            return self._db.execute(f"DELETE FROM votes WHERE {where}", (*row, vote.up)).rowcount > 0
        there = "SELECT 1 FROM pictures WHERE thread = ? AND number = ? AND state = 'ready'"
        if self._db.execute(there, row[:2]).fetchone() is None:
            return False
        values = (*row, vote.up, now)
        return self._db.execute("INSERT OR IGNORE INTO votes VALUES (?, ?, ?, ?, ?)", values).rowcount > 0

    def tallies(self, thread: ThreadKey) -> dict[int, Tally]:
        found = self._db.execute(
            "SELECT v.number, sum(v.up), sum(1 - v.up) FROM votes v JOIN pictures p "
            "ON p.thread = v.thread AND p.number = v.number WHERE v.thread = ? AND p.state = 'ready' GROUP BY v.number",
            (rows.clean(str(thread)),),
        )
        return {number: Tally(up, down) for number, up, down in found}
