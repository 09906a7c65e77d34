"""What this program is at, written down, so that the next one knows what it was when it died."""

from __future__ import annotations

import sqlite3

OLD_S = 30 * 86_400.0


class Hands:
    """Rows of work that was begun and neither ended nor let go. Synchronous, like the tables; one statement each."""

    def __init__(self, connection: sqlite3.Connection, boot: str) -> None:
        self._db = connection
        self._boot = boot

    def take(self, work: str, now: float) -> int:
        """Begin; returns how many programs have died at it."""
        row = self._db.execute(
            "INSERT INTO hands VALUES (?, ?, 0, ?) ON CONFLICT (work) DO UPDATE SET "
            "deaths = deaths + (hands.boot IS NOT NULL AND hands.boot != excluded.boot), "
            "boot = excluded.boot, at = excluded.at RETURNING deaths",
            (work, self._boot, now),
        ).fetchone()
        return int(row[0])

    def put_down(self, work: str) -> None:
        """It is done, or failed in an ordinary way."""
        self._db.execute("DELETE FROM hands WHERE work = ?", (work,))

    def let_go(self, now: float) -> None:
        """The program ends as it should: what it still has in hand is not to blame."""
        self._db.execute("UPDATE hands SET boot = NULL WHERE boot = ?", (self._boot,))
        self._db.execute("DELETE FROM hands WHERE at < ?", (now - OLD_S,))
