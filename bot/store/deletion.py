"""What deletes for good: one person's data or a thread on request, and what is old; see `bot.store.tables`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot import audit
from bot.store import rows
from bot.store.blocks import Blocks
from bot.store.gallery import Gallery
from bot.store.pictures import GONE, Pictures
from bot.store.rounds import Rounds
from bot.store.threads import Threads
from bot.store.turns import Turns
from handlers.model import NoticePart, Person, ThreadKey
from handlers.ports import Forgotten

FORGOTTEN = json.dumps({"id": "", "name": "somebody"})


@dataclass(frozen=True, slots=True)
class Heir:
    """Somebody else's picture that was made from one that is to be forgotten: its recipe, in the database and in
    its file, carries the other's words."""

    thread: str
    number: int
    sha256: str
    recipe: Mapping[str, Any]
    """Without those words."""
    ready: bool
    """Its file is there."""

    @property
    def key(self) -> tuple[str, int]:
        return (self.thread, self.number)


class Deletion:
    """On one connection, over the parts that hold what people made. Not thread-safe."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        threads: Threads,
        turns: Turns,
        pictures: Pictures,
        blocks: Blocks,
        gallery: Gallery,
        rounds: Rounds,
    ) -> None:
        self._db = connection
        self._threads = threads
        self._gallery = gallery
        self._blocks = blocks
        self._turns = turns
        self._pictures = pictures
        self._rounds = rounds

    def heirs(self, chat: str, tenant: str, person: Person) -> list[Heir]:
        """What was made from a person's pictures by others, each thread's in the order of its numbers."""
        key = _key(chat, tenant, person)
        mine = self._db.execute("SELECT thread, number FROM pictures WHERE person_id = ?", (key,)).fetchall()
        heirs = []
        for thread in sorted({thread for thread, _ in mine}):
            numbers = {number for name, number in mine if name == thread}
            found = self._db.execute(
                "SELECT number, parents, recipe, sha256, state FROM pictures "
                "WHERE thread = ? AND recipe IS NOT NULL AND person_id != ? ORDER BY number",
                (thread, key),
            ).fetchall()
            for number, parents, recipe, sha256, state in found:
                if numbers.isdisjoint(json.loads(parents)):
                    continue
                numbers.add(number)
                bare = json.loads(recipe) | {"source": None}
                heirs.append(Heir(thread, number, sha256, bare, state != "deleted"))
        return heirs

    def forget(
        self, chat: str, tenant: str, person: Person, renewed: Mapping[tuple[str, int], tuple[str, Mapping[str, Any]]]
    ) -> tuple[Forgotten, list[str]] | None:
        """Blank a person's words, name and pictures everywhere; returns the files that nothing needs any more.

        Rows stay, emptied, so that numbers, order and the family tree of shared threads still hold.

        Args:
            renewed: Of every heir, the new file and recipe.

        Returns:
            None, and nothing is done, when an heir has come that is not among them.
        """
        key = _key(chat, tenant, person)
        heirs = self.heirs(chat, tenant, person)
        if any(heir.key not in renewed for heir in heirs):
            return None
        pictures = self._db.execute(
            "SELECT thread, number, sha256 FROM pictures WHERE person_id = ?", (key,)
        ).fetchall()
        turns = self._db.execute("SELECT id, thread, parts FROM turns WHERE person_id = ?", (key,)).fetchall()
        self._blank_turns(key, turns, {(thread, number) for thread, number, _ in pictures})
        for table in ("votes", "shares"):
            self._db.execute(f"DELETE FROM {table} WHERE person_id = ?", (key,))
        self._rounds.forget(ThreadKey(chat, tenant, "", ""), person)
        audit.forget(self._db, chat, tenant, person)
        self._blocks.forget(ThreadKey(chat, tenant, "", ""), person)
        self._erase("person_id = ?", (key,))
        self._db.execute("UPDATE pictures SET person = ?, person_id = '' WHERE person_id = ?", (FORGOTTEN, key))
        self._blank_events(turns, person)
        for heir in heirs:
            self._renew(heir, *renewed[heir.key])
        threads = tuple(sorted({thread for thread, _, _ in pictures} | {thread for _, thread, _ in turns}))
        files = [sha for _, _, sha in pictures] + [heir.sha256 for heir in heirs]
        return Forgotten(len(turns), len(pictures), threads), self._pictures.unneeded(files)

    def _blank_turns(self, key: str, turns: Sequence[tuple[str, str, str]], mine: set[tuple[str, int]]) -> None:
        self._db.execute(
            "UPDATE threads SET title = '' "
            "WHERE key IN (SELECT thread FROM turns WHERE person_id = ? AND idx = 1 AND role = 'user')",
            (key,),
        )
        for id_, thread, parts in turns:
            told = json.loads(parts)
            kept = [part for part in told if (thread, part.get("number")) not in mine and "slot" in part]
            # What others wrote in an anonymous brainstorm stays without their names.
            notice = NoticePart(GONE, any(part.get("round", part).get("anonymous") for part in told))
            self._db.execute(
                "UPDATE turns SET text = ?, parts = ?, jobs = '[]', person = ?, person_id = NULL, written = 1, "
                "state = CASE WHEN state = 'open' THEN 'stopped' ELSE state END WHERE id = ?",
                (GONE, rows.dumps([*kept, rows.part_to_json(notice)]), FORGOTTEN, id_),
            )

    def _blank_events(self, turns: Sequence[tuple[str, str, str]], person: Person) -> None:
        """Deliveries stay known, so that none is answered again, unless their name is the person's."""
        for id_, _, _ in turns:
            self._db.execute("UPDATE events SET finished = 1 WHERE turn = ?", (id_,))
            self._db.execute(
                "UPDATE events SET id = lower(hex(randomblob(16))) WHERE turn = ? AND instr(id, ?) > 0",
                (id_, rows.clean(person.id)),
            )

    def _renew(self, heir: Heir, sha256: str, recipe: Mapping[str, Any]) -> None:
        self._db.execute(
            "UPDATE pictures SET recipe = ?, sha256 = ? WHERE thread = ? AND number = ?",
            (rows.dumps(dict(recipe)), sha256, heir.thread, heir.number),
        )
        if sha256 != heir.sha256:
            self._db.execute(
                "UPDATE turns SET parts = replace(parts, ?, ?) WHERE thread = ? AND instr(parts, ?) > 0",
                (heir.sha256, sha256, heir.thread, heir.sha256),
            )

    def _erase(self, where: str, values: tuple[Any, ...]) -> None:
        self._pictures.known.clear()
        self._turns.known.clear()
        self._db.execute(
            "UPDATE threads SET pictures = pictures - "
            f"(SELECT count(*) FROM pictures p WHERE p.thread = threads.key AND p.state = 'ready' AND p.{where}) "
            f"WHERE key IN (SELECT thread FROM pictures WHERE {where})",
            values + values,
        )
        self._db.execute(
            f"UPDATE pictures SET state = 'deleted', description = '{GONE}', recipe = NULL WHERE {where}", values
        )
        self._gallery.forget()

    def prune(self, before: float) -> tuple[Forgotten, list[str]]:
        """Delete what was made before a moment; counters stay, so no number is used again."""
        files = self._db.execute(
            "SELECT sha256 FROM pictures WHERE created < ? AND state != 'deleted'", (before,)
        ).fetchall()
        self._erase("created < ?", (before,))
        pictures = self._db.execute("DELETE FROM pictures WHERE created < ?", (before,)).rowcount
        turns = self._db.execute("DELETE FROM turns WHERE created < ? AND state != 'open'", (before,)).rowcount
        self._db.execute("DELETE FROM votes WHERE created < ?", (before,))
        self._rounds.prune(before)
        self._db.execute("DELETE FROM boards WHERE NOT EXISTS (SELECT 1 FROM pictures WHERE thread = boards.thread)")
        self._db.execute("DELETE FROM events WHERE created < ? AND finished = 1", (before,))
        self._db.execute(
            "UPDATE threads SET title = '' WHERE NOT EXISTS (SELECT 1 FROM turns WHERE thread = threads.key)"
        )
        return Forgotten(turns, pictures), self._pictures.unneeded([row[0] for row in files])

    def thread(self, thread: ThreadKey, now: float) -> tuple[Forgotten, list[str]]:
        """All that was said and made in a thread, whoever did; nothing comes into it any more. Deliveries stay known,
        so that none is answered again, and so do reports, which have no words of people."""
        name = rows.clean(str(thread))
        files = self._db.execute("SELECT sha256 FROM pictures WHERE thread = ?", (name,)).fetchall()
        self._pictures.known.clear()
        self._turns.known.clear()
        self._db.execute(
            "UPDATE events SET finished = 1 WHERE turn IN (SELECT id FROM turns WHERE thread = ?)", (name,)
        )
        pictures = self._db.execute(
            "DELETE FROM pictures WHERE thread = ? RETURNING state = 'deleted'", (name,)
        ).fetchall()
        turns = self._db.execute("DELETE FROM turns WHERE thread = ?", (name,)).rowcount
        self._db.execute("DELETE FROM votes WHERE thread = ?", (name,))
        self._rounds.delete_in(name)
        self._db.execute("DELETE FROM boards WHERE thread = ?", (name,))
        self._db.execute("DELETE FROM settings WHERE scope = ?", (name,))
        self._db.execute("DELETE FROM shares WHERE thread = ?", (name,))
        self._threads.delete(name, now)
        self._gallery.forget()
        gone = Forgotten(turns, sum(not was for (was,) in pictures), (str(thread),))
        return gone, self._pictures.unneeded([sha for (sha,) in files])


def _key(chat: str, tenant: str, person: Person) -> str:
    return rows.clean(rows.person_key(ThreadKey(chat, tenant, "", ""), person.id))
