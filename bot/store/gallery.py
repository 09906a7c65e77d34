"""The index of all pictures that are there, by words, people, styles and votes; see `bot.store.tables`.

`gallery` has a row for each, in the order in which they came; `gallery_words` is its full-text index (SQLite's FTS5).
Triggers take a picture out that is hidden, deleted or forgotten, and count its votes (`bot.store.migrations`).
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import replace
from hashlib import sha256
from typing import Any

from bot.store import rows
from handlers.model import Hung, Person, Picture, ThreadKey
from handlers.moderation.cases import pseudonym
from handlers.search import ALL, ME, Search
from handlers.unnamed import NOBODY

LEAST_BEGINNING = 3
"""Characters of a word that stand for all words that begin so."""
_ALONE = re.compile(
    "["
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer: no spaces between words
    "\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"  # Chinese, Japanese, Korean
    "\u2190-\u2bff\U0001f000-\U0001faff"  # symbols, emoji
    "]"
)
"""Characters that are words by themselves for the index: what has no spaces in it is found by its parts."""
_WORD = re.compile(r"\w|[\u2190-\u2bff\U0001f000-\U0001faff]")
_COLUMNS = ", ".join(f"p.{name}" for name in rows.PICTURE_COLUMNS.split(", "))
_FROM = "JOIN pictures p ON p.thread = g.thread AND p.number = g.number JOIN threads t ON t.key = g.thread"


_UNNAMED = """EXISTS (SELECT 1 FROM turns u WHERE u.thread = g.thread AND instr(u.parts, '"anonymous":true') > 0)"""
"""Of a thread with an anonymous brainstorm nobody is told who is in it."""


def spread(text: str) -> str:
    """Text as the index is given it."""
    return _ALONE.sub(r" \g<0> ", text)


class Gallery:
    """On one connection. Not thread-safe."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def put(self, picture: Picture) -> None:
        """One that is there now: it is new, or shown again."""
        thread = picture.thread
        self._db.execute(
            "INSERT OR IGNORE INTO gallery (scope, thread, number, created, maker, votes) VALUES (?, ?, ?, ?, ?, "
            "(SELECT count(*) FROM votes WHERE thread = ?2 AND number = ?3 AND up = 1))",
            (
                rows.clean(thread.tenant_scope), rows.clean(str(thread)), picture.number, picture.created.timestamp(),
                pseudonym(thread, picture.person),
            ),
        )  # fmt: skip
        style = picture.recipe.style if picture.recipe is not None else None
        said = (picture.description, picture.person.name, style or "")
        self._db.execute(
            "INSERT OR REPLACE INTO gallery_words (rowid, description, person, style, scope) "
            "SELECT id, ?, ?, ?, ? FROM gallery WHERE thread = ? AND number = ?",
            (
                *(spread(rows.clean(text)) for text in said), scope_word(thread.tenant_scope),
                rows.clean(str(thread)), picture.number,
            ),
        )  # fmt: skip

    def find(
        self, search: Search, here: ThreadKey, asker: Person, threads: Collection[ThreadKey] | None, limit: int
    ) -> list[Hung]:
        """See `handlers.ports.Store.search`."""
        wanted, values = _conditions(search, here, asker, threads)
        words = _match(search, here)
        if words is not None:
            source = "gallery_words w CROSS JOIN gallery g ON g.id = w.rowid"
            wanted, values, order = ["gallery_words MATCH ?", *wanted], [words, *values], "w.rowid"
        else:
            index = "" if search.here else "INDEXED BY gallery_scope"
            source, order = f"gallery g {index}", "g.id"
        back = search.newer is not None
        if search.older is not None:
            wanted, values = [*wanted, f"{order} < ?"], [*values, search.older]
        if search.newer is not None:
            wanted, values = [*wanted, f"{order} > ?"], [*values, search.newer]
        found = self._db.execute(
            f"SELECT {_COLUMNS}, g.id, g.votes, t.title, t.chat, t.tenant, t.channel, t.thread, "
            f"(SELECT post FROM turns WHERE id = p.turn), {_UNNAMED} FROM {source} {_FROM} "
            f"WHERE {' AND '.join(wanted)} ORDER BY {order} {'ASC' if back else 'DESC'} LIMIT ?",
            (*values, limit),
        ).fetchall()
        hung = [_hung(row) for row in found]
        return hung[::-1] if back else hung

    def forget(self) -> None:
        """What was taken out leaves no word behind in the file."""
        self._db.execute("INSERT INTO gallery_words (gallery_words) VALUES ('optimize')")


def _conditions(
    search: Search, here: ThreadKey, asker: Person, threads: Collection[ThreadKey] | None
) -> tuple[list[str], list[Any]]:
    scope = rows.clean(here.tenant_scope)
    wanted = ["g.scope = ?", "p.state = 'ready'", "g.maker NOT IN (SELECT key FROM blocks WHERE tenant = ?)"]
    values: list[Any] = [scope, scope]

    def where(condition: str, *value: Any) -> None:
        wanted.append(condition)
        values.extend(value)

    if search.here:
        where("g.thread = ?", rows.clean(str(here)))
    else:
        where("p.operation != 'upload'")
    if threads is not None:
        names = json.dumps([rows.clean(str(thread)) for thread in threads])
        where("g.thread IN (SELECT value FROM json_each(?))", names)
    if any(name != ME for name in search.by):
        where(f"NOT {_UNNAMED}")
    if ME in search.by:
        where("p.person_id = ?", rows.clean(rows.person_key(here, asker.id)))
    if search.least > 0:
        where("g.votes >= ?", search.least)
    if search.most < ALL:
        where("g.votes <= ?", search.most)
    if search.since is not None:
        where("g.created >= ?", search.since.timestamp())
    if search.until is not None:
        where("g.created < ?", search.until.timestamp())
    return wanted, values


def _match(search: Search, here: ThreadKey) -> str | None:
    """For FTS5; None where no words are looked for."""
    parts = [
        *_phrases("description", search.words),
        *_phrases("person", (name for name in search.by if name != ME)),
        *_phrases("style", search.style),
    ]
    return " AND ".join([*parts, f'scope : "{scope_word(here.tenant_scope)}"']) if parts else None


def _phrases(column: str, said: Iterable[str]) -> list[str]:
    """Its words in this order, the last of them as far as it goes. Nothing of it is a sign of the query's language."""
    told = (rows.clean(text).replace('"', " ").replace("\0", " ") for text in said)
    return [f'{column} : "{spread(text)}"{_further(text)}' for text in told if _WORD.search(text)]


def _further(text: str) -> str:
    """Of a letter or two nearly every picture has a word that begins so."""
    return "*" if len(text.split()[-1]) >= LEAST_BEGINNING else ""


def scope_word(scope: str) -> str:
    """One word for a server or workspace."""
    return "s" + sha256(scope.encode("utf-8", "replace")).hexdigest()[:24]


def _hung(row: tuple[Any, ...]) -> Hung:
    place, votes, title, chat, tenant, channel, thread, post, unnamed = row[-9:]
    picture = rows.picture_from_row(row, ThreadKey(chat, tenant, channel, thread))
    return Hung(replace(picture, person=NOBODY) if unnamed else picture, place, votes, title, post)
