"""Rounds of brainstorms, their ideas and the votes for them; see `bot.store.tables`.

What an answer shows of its round is a copy: whatever stores a turn takes the round's part from here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bot.store import rows
from bot.store.threads import Threads
from bot.store.turns import Turns
from handlers.model import Person, ThreadKey, Turn
from handlers.round import Phase, RoundPart
from handlers.voting import Dot, Round, due, in_the_way, over, shown, voter

COLUMNS = "turn, thread, facilitator, part, ideas, minutes, before"


class Rounds:
    """On one connection. Not thread-safe."""

    def __init__(self, connection: sqlite3.Connection, threads: Threads, turns: Turns) -> None:
        self._db = connection
        self._threads = threads
        self._turns = turns

    def get(self, turn: str) -> Round | None:
        row = self._db.execute(f"SELECT {COLUMNS} FROM rounds WHERE turn = ?", (turn,)).fetchone()
        return None if row is None else self._read(row)

    def with_idea(self, thread: ThreadKey, picture: int) -> Round | None:
        """The round with this idea; the end of a brainstorm has ideas, too."""
        name = rows.clean(str(thread))
        row = self._db.execute("SELECT turn FROM ideas WHERE thread = ? AND number = ?", (name, picture)).fetchone()
        return None if row is None else self.get(row[0])

    def newest(self, thread: ThreadKey) -> Round | None:
        row = self._db.execute(
            f"SELECT {COLUMNS} FROM rounds WHERE thread = ? ORDER BY created DESC, rowid DESC LIMIT 1",
            (rows.clean(str(thread)),),
        ).fetchone()
        return None if row is None else self._read(row)

    def of_brainstorm(self, brainstorm: str) -> list[Round]:
        """The first one first."""
        found = self._db.execute(
            f"SELECT {COLUMNS} FROM rounds WHERE brainstorm = ? ORDER BY created, rowid", (brainstorm,)
        ).fetchall()
        return [self._read(row) for row in found]

    def running(self, chat: str) -> list[Round]:
        """Those of a chat that are not over, the oldest first."""
        found = self._db.execute(
            f"SELECT {COLUMNS} FROM rounds WHERE phase != ? AND substr(thread, 1, ?) = ? ORDER BY created, rowid",
            (Phase.OVER.value, len(chat) + 1, f"{chat}/"),
        ).fetchall()
        return [found for found in map(self._read, found) if found.running]

    def begin(self, round: Round, now: datetime) -> Round | None:
        """Store the first round of a brainstorm, unless it is there; returns the one that is in its way."""
        if self.get(round.turn) is not None:
            return None
        other = self.newest(round.thread)
        if other is not None:
            if in_the_way(other, round.facilitator, now):
                return other
            if other.running:
                self.put(over(other), other)
        self._insert(round, now)
        return None

    def follow(self, round: Round, now: datetime) -> bool:
        """Store the round that follows another one, which is over then; False where that one's vote is not closed."""
        old = None if round.before is None else self.get(round.before)
        if old is None or due(old, now).part.phase is not Phase.CLOSED:
            return False
        self.put(over(old), old)
        # As it is set now: somebody may have made it anonymous since who goes on looked at it.
        part = replace(round.part, dots=old.part.dots, anonymous=old.part.anonymous)
        self._insert(replace(round, part=part, minutes=old.minutes), now)
        return True

    def _insert(self, round: Round, now: datetime) -> None:
        part = round.part
        self._db.execute(
            f"INSERT INTO rounds ({COLUMNS}, brainstorm, phase, person_id, created) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            (
                round.turn, rows.clean(str(round.thread)), rows.dumps(rows.person_to_json(round.facilitator)),
                rows.dumps(rows.round_to_json(part)), round.ideas, round.minutes, round.before,
                part.brainstorm, part.phase.value,
                rows.clean(rows.person_key(round.thread, round.facilitator.id)), now.timestamp(),
            ),
        )  # fmt: skip
        self._ideas(round)

    def change(self, turn: str, step: Callable[[Round], tuple[Round, str]]) -> tuple[Round, str] | None:
        """Take one step; None where there is no such round (any more)."""
        old = self.get(turn)
        if old is None:
            return None
        new, told = step(old)
        self.put(new, old)
        return self.get(turn) or new, told

    def put(self, new: Round, old: Round) -> None:
        if (new.part, new.minutes) != (old.part, old.minutes):
            self._db.execute(
                "UPDATE rounds SET part = ?, phase = ?, minutes = ? WHERE turn = ?",
                (rows.dumps(rows.round_to_json(new.part)), new.part.phase.value, new.minutes, new.turn),
            )
        if new.part.cards != old.part.cards:
            self._ideas(new)
        changed = set(new.dots) - set(old.dots)
        self._db.executemany(
            "INSERT OR REPLACE INTO dots VALUES (?, ?, ?, ?, ?)",
            [(new.turn, dot.person, dot.picture, dot.at.timestamp(), int(dot.given)) for dot in changed],
        )
        if new != old:
            self._show(new)

    def _ideas(self, round: Round) -> None:
        name = rows.clean(str(round.thread))
        self._db.execute("DELETE FROM ideas WHERE turn = ?", (round.turn,))
        self._db.executemany(
            "INSERT OR REPLACE INTO ideas VALUES (?, ?, ?)",
            [(name, card.picture, round.turn) for card in round.part.cards],
        )

    def _show(self, round: Round) -> None:
        """In the answer as it is stored, also once it is over."""
        row = self._db.execute("SELECT parts FROM turns WHERE id = ?", (round.turn,)).fetchone()
        if row is None:
            return
        data = rows.round_to_json(shown(round))
        parts = [{"round": data} if "round" in part else part for part in json.loads(row[0])]
        self._db.execute("UPDATE turns SET parts = ? WHERE id = ?", (rows.dumps(parts), round.turn))
        self._turns.known.pop(round.turn, None)

    def fresh(self, turn: Turn) -> Turn:
        """A turn that is to be stored, with its round as it is known here."""
        if not any(isinstance(part, RoundPart) for part in turn.parts):
            return turn
        round = self.get(turn.id)
        if round is None:
            return turn
        now = shown(round)
        return replace(turn, parts=tuple(now if isinstance(part, RoundPart) else part for part in turn.parts))

    def _read(self, row: tuple[Any, ...]) -> Round:
        turn, name, facilitator, part, ideas, minutes, before = row
        told = rows.round_from_json(json.loads(part))
        found = self._db.execute("SELECT person, number, at, given FROM dots WHERE turn = ?", (turn,))
        dots = [Dot(who, number, datetime.fromtimestamp(at, UTC), bool(given)) for who, number, at, given in found]
        return Round(
            turn,
            self._threads.key(name),
            rows.person_from_json(json.loads(facilitator)),
            told,
            ideas,
            minutes,
            before,
            tuple(sorted(dots, key=lambda dot: (dot.at, dot.person, dot.picture))),
            self._there(name, [card.picture for card in told.cards]),
        )

    def _there(self, name: str, numbers: list[int]) -> frozenset[int]:
        marks = ",".join("?" * len(numbers))
        found = self._db.execute(
            f"SELECT number FROM pictures WHERE thread = ? AND number IN ({marks}) AND state = 'ready'",
            (name, *numbers),
        )
        return frozenset(number for (number,) in found)

    # Deletion

    def forget(self, workspace: ThreadKey, person: Person) -> None:
        """The brainstorms that a person began in the workspace of a thread, and their votes in all others there."""
        key = rows.person_key(workspace, person.id)
        begun = self._db.execute("SELECT turn FROM rounds WHERE person_id = ?", (rows.clean(key),)).fetchall()
        self._delete(turn for (turn,) in begun)
        place = rows.clean(f"{workspace.tenant_scope}/")
        others = self._db.execute(
            "SELECT turn, brainstorm FROM rounds WHERE substr(thread, 1, ?) = ?", (len(place), place)
        ).fetchall()
        for turn, brainstorm in others:
            who = voter(brainstorm, key)
            if self._db.execute("DELETE FROM dots WHERE turn = ? AND person = ?", (turn, who)).rowcount:
                round = self.get(turn)
                if round is not None:
                    self._show(round)

    def prune(self, before: float) -> None:
        """Those that began before a Unix time."""
        found = self._db.execute("SELECT turn FROM rounds WHERE created < ?", (before,)).fetchall()
        self._delete(turn for (turn,) in found)

    def delete_in(self, name: str) -> None:
        """All of a thread, by its name in the tables."""
        found = self._db.execute("SELECT turn FROM rounds WHERE thread = ?", (name,)).fetchall()
        self._delete(turn for (turn,) in found)

    def _delete(self, turns: Iterable[str]) -> None:
        for turn in turns:
            for table in ("rounds", "ideas", "dots"):
                self._db.execute(f"DELETE FROM {table} WHERE turn = ?", (turn,))
