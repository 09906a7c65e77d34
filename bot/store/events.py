"""Which deliveries are known, who works on them, and which are finished; see `bot.store.tables`."""

from __future__ import annotations

import sqlite3

from handlers.ports import Claim


class Events:
    """On one connection. Not thread-safe."""

    def __init__(self, connection: sqlite3.Connection, boot: str) -> None:
        """`boot` names this run of the program: what another one began and did not finish is taken up."""
        self._db = connection
        self._boot = boot

    def claim(self, event: str, now: float, turn: str | None = None) -> Claim:
        """`turn` is the one that answers it, where that is known yet."""
        row = self._db.execute("SELECT boot, finished, turn FROM events WHERE id = ?", (event,)).fetchone()
        if row is None:
            self._db.execute("INSERT INTO events VALUES (?, ?, ?, 0, ?)", (event, self._boot, turn, now))
            return Claim.NEW
        boot, finished, known = row
        if finished:
            return Claim.FINISHED
        if known is None and turn is not None:
            self._db.execute("UPDATE events SET turn = ? WHERE id = ?", (turn, event))
        if boot == self._boot:
            return Claim.RUNNING
        self._db.execute("UPDATE events SET boot = ? WHERE id = ?", (self._boot, event))
        return Claim.AGAIN

    def finish(self, event: str) -> None:
        self._db.execute("UPDATE events SET finished = 1 WHERE id = ?", (event,))

    def answered(self, turn: str) -> None:
        """Finish the one that a turn answers."""
        self._db.execute("UPDATE events SET finished = 1 WHERE turn = ?", (turn,))
