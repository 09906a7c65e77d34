"""The database's transactions, synchronous; `bot.store.store` runs them on its one thread.

Every statement goes through an index, and a session's query is bounded, so that turn 500 of a thread
costs what turn 5 costs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bot.store import rows
from bot.store.deletion import DeletionTables
from bot.store.pictures import keep
from handlers.model import (
    Incoming,
    Picture,
    PicturePart,
    PictureState,
    Role,
    Session,
    SlotState,
    ThreadKey,
    Turn,
    TurnState,
    Upload,
)
from handlers.ports import Accepted, Claim
from handlers.quota_rules import Amounts
from imaging.model import Operation


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """A row of the threads list."""

    key: ThreadKey
    title: str
    turns: int
    pictures: int
    updated: datetime


class Tables(DeletionTables):
    """Events, threads and turns on top of the pictures; one transaction a method. Not thread-safe."""

    # Events

    def claim(self, event: str, now: float) -> Claim:
        with self._transaction():
            return self._claim(event, None, now)

    def _claim(self, event: str, turn: str | None, now: float) -> Claim:
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
        with self._transaction():
            self._db.execute("UPDATE events SET finished = 1 WHERE id = ?", (event,))

    # Threads

    def _thread(self, key: ThreadKey, now: float, title: str = "") -> str:
        name = rows.clean(str(key))
        self._db.execute(
            "INSERT INTO threads (key, chat, tenant, channel, thread, title, updated) VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (key) DO UPDATE SET updated = excluded.updated, "
            "title = CASE WHEN threads.title = '' THEN excluded.title ELSE threads.title END",
            (name, key.chat, key.tenant, rows.clean(key.channel), rows.clean(key.thread), rows.clean(title), now),
        )
        return name

    def _take(self, name: str, column: str, count: int) -> int:
        """The first of `count` fresh values of a thread's counter."""
        row = self._db.execute(
            f"UPDATE threads SET {column} = {column} + ? WHERE key = ? RETURNING {column}", (count, name)
        ).fetchone()
        return int(row[0]) - count

    def reserve_numbers(self, thread: ThreadKey, count: int, now: float) -> int:
        with self._transaction():
            return self._take(self._thread(thread, now), "next_number", count)

    def select(self, thread: ThreadKey, number: int) -> None:
        # Pictures whose number was given out before this choice do not overrule it when they arrive.
        with self._transaction():
            self._db.execute(
                "UPDATE threads SET selected = ?, selected_before = next_number WHERE key = ?",
                (number, rows.clean(str(thread))),
            )

    def threads(self, chat: str, tenant: str, limit: int) -> list[ThreadRow]:
        found = self._db.execute(
            "SELECT channel, thread, title, turns, pictures, updated FROM threads "
            "WHERE chat = ? AND tenant = ? ORDER BY updated DESC LIMIT ?",
            (chat, tenant, limit),
        )
        return [
            ThreadRow(ThreadKey(chat, tenant, r[0], r[1]), r[2], r[3], r[4], datetime.fromtimestamp(r[5], UTC))
            for r in found
        ]

    def choose(self, scope: str, settings: Mapping[str, str | None]) -> None:
        scope = rows.clean(scope)
        with self._transaction():
            for name, value in settings.items():
                if value is None:
                    self._db.execute("DELETE FROM settings WHERE scope = ? AND name = ?", (scope, name))
                else:
                    self._db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?, ?)", (scope, name, value))

    def chosen(self, scope: str) -> dict[str, str]:
        return dict(self._db.execute("SELECT name, value FROM settings WHERE scope = ?", (rows.clean(scope),)))

    def session(self, thread: ThreadKey) -> Session:
        name = rows.clean(str(thread))
        head = self._db.execute(
            "SELECT next_number, selected, selected_before FROM threads WHERE key = ?", (name,)
        ).fetchone()
        if head is None:
            return Session(thread, (), None, 1, (), self._settings(thread))
        pictures = self._recent(thread, name)
        current = self._current(pictures, head[1], head[2])
        if current is not None and all(picture.number != current for picture in pictures):
            pictures = self._pictures(thread, "number = ?", (name, current)) + pictures
            current = current if pictures[0].state is PictureState.READY else pictures[-1].number
        turns = self._recent_turns_of(thread, name)
        ready = tuple(picture for picture in pictures if picture.state is PictureState.READY)
        return Session(thread, ready, current, head[0], turns, self._settings(thread))

    def _recent_turns_of(self, thread: ThreadKey, name: str) -> tuple[Turn, ...]:
        """The newest turns, oldest first, without their jobs. Closed turns do not change any more."""
        found = self._db.execute(
            "SELECT id, state FROM turns WHERE thread = ? ORDER BY idx DESC LIMIT ?", (name, self._recent_turns)
        ).fetchall()
        turns = []
        for id_, state in reversed(found):
            turn = self._known_turns.get(id_)
            if turn is None:
                columns = f"SELECT {rows.TURN_COLUMNS} FROM turns WHERE id = ?"
                turn = rows.turn_from_row(self._db.execute(columns, (id_,)).fetchone(), thread, jobs=False)
            if state != TurnState.OPEN:
                keep(self._known_turns, id_, turn)
            turns.append(turn)
        return tuple(turns)

    @staticmethod
    def _current(pictures: Sequence[Picture], selected: int | None, before: int | None) -> int | None:
        newest = pictures[-1].number if pictures else None
        if selected is None or newest is None or (before is not None and newest >= before):
            return newest
        return selected

    def _settings(self, thread: ThreadKey) -> dict[str, str]:
        scopes = tuple(map(rows.clean, (thread.tenant_scope, thread.channel_scope, str(thread))))
        found = self._db.execute("SELECT scope, name, value FROM settings WHERE scope IN (?, ?, ?)", scopes).fetchall()
        ordered = sorted(found, key=lambda row: scopes.index(row[0]))
        return {row[1]: row[2] for row in ordered}

    # Turns

    def accept(
        self, incoming: Incoming, asked: str, turn: str, uploads: Sequence[tuple[Upload, str]], now: datetime
    ) -> Accepted:
        with self._transaction():
            claim = self._claim(incoming.event, turn, now.timestamp())
            if claim is Claim.FINISHED:
                return Accepted(claim)
            known = self._turn(turn)
            if known is not None:
                return Accepted(claim, known, self._turn(asked))
            name = self._thread(incoming.thread, now.timestamp(), incoming.title or incoming.text[:80])
            parts = tuple(self._upload(incoming, asked, upload, sha, name, now) for upload, sha in uploads)
            index = self._take(name, "turns", 2) + 1
            person = incoming.person
            first = Turn(
                asked, incoming.thread, index, Role.USER, person, incoming.text, now, parts=parts,
                replies_to=incoming.replies_to,
            )  # fmt: skip
            second = Turn(
                turn, incoming.thread, index + 1, Role.ASSISTANT, person, "", now, TurnState.OPEN, answers=asked
            )
            self._insert(first)
            self._insert(second)
            said = Amounts(messages=1, bytes=sum(len(upload.data) for upload, _ in uploads))
            self.spent.add(now.timestamp(), incoming.thread, person, said)
            return Accepted(claim, second, first)

    def _upload(
        self, incoming: Incoming, asked: str, upload: Upload, sha: str, name: str, now: datetime
    ) -> PicturePart:
        number = self._take(name, "next_number", 1)
        picture = Picture(
            thread=incoming.thread,
            number=number,
            operation=Operation.UPLOAD,
            parents=(),
            description=upload.name,
            recipe=None,
            sha256=sha,
            media_type=upload.media_type,
            width=upload.width,
            height=upload.height,
            person=incoming.person,
            created=now,
            turn=asked,
        )
        self._add_picture(picture, name)
        slot = f"{asked}-{number}"
        return PicturePart(slot, number, Operation.UPLOAD, upload.name, state=SlotState.READY, sha256=sha)

    def begin(self, turn: Turn, event: str, now: datetime) -> Accepted:
        with self._transaction():
            claim = self._claim(event, turn.id, now.timestamp())
            if claim is Claim.FINISHED:
                return Accepted(claim)
            known = self._turn(turn.id)
            if known is not None:
                return Accepted(claim, known)
            return Accepted(claim, self._append(turn, now))

    def _append(self, turn: Turn, now: datetime) -> Turn:
        name = self._thread(turn.thread, now.timestamp())
        placed = replace(turn, index=self._take(name, "turns", 1) + 1)
        self._insert(placed)
        return placed

    def add_turn(self, turn: Turn, now: datetime, title: str = "") -> Turn:
        """Store a turn at the end of its thread; one that is there already is left as it is."""
        with self._transaction():
            known = self._turn(turn.id)
            if known is not None:
                return known
            self._thread(turn.thread, now.timestamp(), title)
            return self._append(turn, now)

    def _insert(self, turn: Turn) -> None:
        self._db.execute(
            f"INSERT INTO turns ({rows.TURN_COLUMNS}, person_id) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            rows.turn_values(turn),
        )

    def save_turn(self, turn: Turn, *, finish: bool) -> None:
        # A written turn's jobs were stored when they were asked for, and recipes are long.
        jobs = "jobs" if turn.written and not finish else "?"
        values = rows.turn_values(turn, jobs=jobs == "?")
        taken = [values[4], *values[6:8], *([values[8]] if jobs == "?" else []), values[9], values[11], turn.id]
        with self._transaction():
            self._db.execute(
                # A turn that was closed meanwhile (its person's data deleted) stays as it is.
                f"UPDATE turns SET state = ?, text = ?, parts = ?, jobs = {jobs}, written = ?, post = ? "
                "WHERE id = ? AND state = 'open'",
                taken,
            )
            if finish:
                self._db.execute("UPDATE events SET finished = 1 WHERE turn = ?", (turn.id,))

    def turn(self, turn: str) -> Turn | None:
        return self._turn(turn)

    def _turn(self, turn: str) -> Turn | None:
        row = self._db.execute(f"SELECT {rows.TURN_COLUMNS} FROM turns WHERE id = ?", (turn,)).fetchone()
        return None if row is None else rows.turn_from_row(row, self._key(row[1]))

    def _key(self, name: str) -> ThreadKey:
        row = self._db.execute("SELECT chat, tenant, channel, thread FROM threads WHERE key = ?", (name,)).fetchone()
        return ThreadKey(*row)

    def open_turns(self) -> list[Turn]:
        found = self._db.execute(
            f"SELECT {rows.TURN_COLUMNS} FROM turns WHERE state = 'open' ORDER BY created, idx"
        ).fetchall()
        return [rows.turn_from_row(row, self._key(row[1])) for row in found]

    def turns(self, thread: ThreadKey, limit: int | None) -> list[Turn]:
        found = self._db.execute(
            f"SELECT {rows.TURN_COLUMNS} FROM turns WHERE thread = ? ORDER BY idx DESC LIMIT ?",
            (rows.clean(str(thread)), -1 if limit is None else limit),
        ).fetchall()
        return [rows.turn_from_row(row, thread) for row in reversed(found)]
