"""Turns of a thread, what people and the model said; see `bot.store.tables`."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import datetime

from bot.store import rows
from bot.store.known import Known
from bot.store.threads import Threads
from handlers.model import ThreadKey, Turn, TurnState


class Turns:
    """On one connection. Not thread-safe."""

    def __init__(self, connection: sqlite3.Connection, threads: Threads, recent: int) -> None:
        """`recent` is how many a session holds."""
        self._db = connection
        self._threads = threads
        self._recent = recent
        self.known: Known[str, Turn] = Known()

    def insert(self, turn: Turn) -> None:
        self._db.execute(
            f"INSERT INTO turns ({rows.TURN_COLUMNS}, person_id) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            rows.turn_values(turn),
        )

    def append(self, turn: Turn, now: datetime) -> Turn:
        """At the end of its thread."""
        name = self._threads.touch(turn.thread, now.timestamp())
        placed = replace(turn, index=self._threads.take_turns(name, 1))
        self.insert(placed)
        return placed

    def save(self, turn: Turn, *, finish: bool) -> None:
        # A written turn's jobs were stored when they were asked for, and recipes are long.
        jobs = "jobs" if turn.written and not finish else "?"
        values = rows.turn_values(turn, jobs=jobs == "?")
        taken = [values[4], *values[6:8], *([values[8]] if jobs == "?" else []), values[9], values[11], turn.id]
        self._db.execute(
            # A turn that was closed meanwhile (its person's data deleted) stays as it is.
            f"UPDATE turns SET state = ?, text = ?, parts = ?, jobs = {jobs}, written = ?, post = ? "
            "WHERE id = ? AND state = 'open'",
            taken,
        )

    def get(self, turn: str) -> Turn | None:
        row = self._db.execute(f"SELECT {rows.TURN_COLUMNS} FROM turns WHERE id = ?", (turn,)).fetchone()
        return None if row is None else rows.turn_from_row(row, self._threads.key(row[1]))

    def open(self) -> list[Turn]:
        """Those without an end, oldest first."""
        found = self._db.execute(
            f"SELECT {rows.TURN_COLUMNS} FROM turns WHERE state = 'open' ORDER BY created, idx"
        ).fetchall()
        return [rows.turn_from_row(row, self._threads.key(row[1])) for row in found]

    def of_thread(self, thread: ThreadKey, limit: int | None) -> list[Turn]:
        """The newest, oldest first."""
        found = self._db.execute(
            f"SELECT {rows.TURN_COLUMNS} FROM turns WHERE thread = ? ORDER BY idx DESC LIMIT ?",
            (rows.clean(str(thread)), -1 if limit is None else limit),
        ).fetchall()
        return [rows.turn_from_row(row, thread) for row in reversed(found)]

    def recent(self, thread: ThreadKey, name: str) -> tuple[Turn, ...]:
        """The newest, oldest first, without their jobs. Closed turns do not change any more."""
        found = self._db.execute(
            "SELECT id, state FROM turns WHERE thread = ? ORDER BY idx DESC LIMIT ?", (name, self._recent)
        ).fetchall()
        turns = []
        for id_, state in reversed(found):
            turn = self.known.get(id_)
            if turn is None:
                columns = f"SELECT {rows.TURN_COLUMNS} FROM turns WHERE id = ?"
                turn = rows.turn_from_row(self._db.execute(columns, (id_,)).fetchone(), thread, jobs=False)
            if state != TurnState.OPEN:
                self.known.keep(id_, turn)
            turns.append(turn)
        return tuple(turns)
