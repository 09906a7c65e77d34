"""Pictures of a thread and of a person; see `bot.store.tables`."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from bot.store import rows
from bot.store.gallery import Gallery
from bot.store.known import Known
from bot.store.spent import Spent
from bot.store.threads import Threads
from handlers.model import Person, Picture, PictureState, ThreadKey
from handlers.quota_rules import Amounts
from imaging.model import Operation

GONE = "(deleted)"
"""What stands where something was deleted for good."""


class Pictures:
    """On one connection. Not thread-safe."""

    def __init__(
        self, connection: sqlite3.Connection, threads: Threads, spent: Spent, gallery: Gallery, recent: int
    ) -> None:
        """`recent` is how many a session holds."""
        self._db = connection
        self._threads = threads
        self._gallery = gallery
        self._spent = spent
        self._recent = recent
        self.known: Known[tuple[str, int], Picture] = Known()

    def insert(self, picture: Picture, name: str) -> None:
        values = rows.picture_values(picture)
        places = ",".join("?" * len(values))
        self._db.execute(f"INSERT INTO pictures ({rows.PICTURE_COLUMNS}, person_id) VALUES ({places})", values)
        self._db.execute("UPDATE threads SET pictures = pictures + 1 WHERE key = ?", (name,))
        self._gallery.put(picture)

    def add(self, picture: Picture, size: int) -> Picture:
        """One that is there already is left as it is, and returned. `size` is the file's, in bytes.

        Raises:
            ThreadGone: its thread was deleted while it was drawn.
        """
        name = rows.clean(str(picture.thread))
        self._threads.still_there(name)
        known = self.get(picture.thread, picture.number)
        if known is not None:
            return known
        self.insert(picture, name)
        made = Amounts(bytes=size)
        if picture.operation is not Operation.UPLOAD:
            made += Amounts(1, picture.device_seconds, picture.metrics.get("cost", 0.0))
        self._spent.add(picture.created.timestamp(), picture.thread, picture.person, made)
        return picture

    def _read(self, thread: ThreadKey, where: str, values: tuple[Any, ...]) -> list[Picture]:
        found = self._db.execute(f"SELECT {rows.PICTURE_COLUMNS} FROM pictures WHERE thread = ? AND {where}", values)
        return [rows.picture_from_row(row, thread) for row in found]

    def get(self, thread: ThreadKey, number: int) -> Picture | None:
        found = self._read(thread, "number = ?", (rows.clean(str(thread)), number))
        return found[0] if found else None

    def recent(self, thread: ThreadKey, name: str) -> list[Picture]:
        """The newest that are there, by number."""
        found = self._db.execute(
            "SELECT number FROM pictures INDEXED BY pictures_ready "
            "WHERE thread = ? AND state = 'ready' ORDER BY number DESC LIMIT ?",
            (name, self._recent),
        ).fetchall()
        return [picture for row in reversed(found) if (picture := self._known(thread, name, row[0])) is not None]

    def _known(self, thread: ThreadKey, name: str, number: int) -> Picture | None:
        picture = self.known.get((name, number)) or self.get(thread, number)
        if picture is not None:
            self.known.keep((name, number), picture)
        return picture

    def gallery(self, thread: ThreadKey, limit: int) -> list[Picture]:
        name = rows.clean(str(thread))
        return self._read(thread, "state = 'ready' ORDER BY number DESC LIMIT ?", (name, limit))[::-1]

    def made_by(self, chat: str, tenant: str, person: Person, limit: int) -> list[Picture]:
        key = rows.clean(rows.person_key(ThreadKey(chat, tenant, "", ""), person.id))
        columns = ", ".join(f"p.{name}" for name in rows.PICTURE_COLUMNS.split(", "))
        found = self._db.execute(
            f"SELECT {columns}, t.channel, t.thread FROM pictures p JOIN threads t ON t.key = p.thread "
            "WHERE p.person_id = ? AND p.state = 'ready' AND p.operation != 'upload' ORDER BY p.created DESC LIMIT ?",
            (key, limit),
        )
        return [rows.picture_from_row(row, ThreadKey(chat, tenant, *row[-2:])) for row in found]

    def of(self, sha256: str) -> Picture | None:
        """One that is there with this file; rather one that was made here than one that was brought."""
        found = self._db.execute(
            f"SELECT {', '.join(f'p.{name}' for name in rows.PICTURE_COLUMNS.split(', '))}, "
            "t.chat, t.tenant, t.channel, t.thread FROM pictures p JOIN threads t ON t.key = p.thread "
            "WHERE p.sha256 = ? AND p.state = 'ready' ORDER BY p.operation = 'upload', p.created LIMIT 1",
            (sha256,),
        ).fetchone()
        return None if found is None else rows.picture_from_row(found, ThreadKey(*found[-4:]))

    def delete(self, thread: ThreadKey, number: int) -> list[str]:
        """Mark it deleted (its number stays used). Returns the files that nothing needs any more."""
        name = rows.clean(str(thread))
        self.set_hidden(thread, number, True)  # so that it is counted no more, whatever it was
        row = self._db.execute(
            "UPDATE pictures SET state = 'deleted' WHERE thread = ? AND number = ? AND state = 'hidden' "
            "RETURNING sha256",
            (name, number),
        ).fetchone()
        return [] if row is None else self.unneeded([row[0]])

    def set_hidden(self, thread: ThreadKey, number: int, hidden: bool) -> bool:
        """Hide it, or show it again; False when nothing changed: it was so before, or it is not there."""
        name = rows.clean(str(thread))
        states = (PictureState.HIDDEN, PictureState.READY) if hidden else (PictureState.READY, PictureState.HIDDEN)
        changed = self._db.execute(
            "UPDATE pictures SET state = ? WHERE thread = ? AND number = ? AND state = ?",
            (states[0].value, name, number, states[1].value),
        ).rowcount
        self.known.pop((name, number), None)
        if changed and not hidden and (shown := self.get(thread, number)) is not None:
            self._gallery.put(shown)
        count = -changed if hidden else changed
        self._db.execute("UPDATE threads SET pictures = pictures + ? WHERE key = ?", (count, name))
        return changed > 0

    def state(self, thread: ThreadKey, number: int) -> PictureState | None:
        """None where there is no such picture."""
        row = self._db.execute(
            "SELECT state FROM pictures WHERE thread = ? AND number = ?", (rows.clean(str(thread)), number)
        ).fetchone()
        return None if row is None else PictureState(row[0])

    def hidden(self, thread: ThreadKey) -> frozenset[int]:
        found = self._db.execute(
            "SELECT number FROM pictures INDEXED BY pictures_hidden WHERE thread = ? AND state = 'hidden'",
            (rows.clean(str(thread)),),
        )
        return frozenset(row[0] for row in found)

    def unneeded(self, files: Sequence[str]) -> list[str]:
        """Those of `files` that no picture needs which is there, or may be shown again."""
        needed = "SELECT 1 FROM pictures WHERE sha256 = ? AND state != 'deleted' LIMIT 1"
        return [sha for sha in set(files) if self._db.execute(needed, (sha,)).fetchone() is None]

    def orphaned(self, thread: ThreadKey, parents: Sequence[int]) -> bool:
        """Whether one of these has been forgotten."""
        marks = ",".join("?" * len(parents))
        row = self._db.execute(
            f"SELECT 1 FROM pictures WHERE thread = ? AND number IN ({marks}) AND recipe IS NULL "
            f"AND description = '{GONE}' LIMIT 1",
            (rows.clean(str(thread)), *parents),
        ).fetchone()
        return row is not None
