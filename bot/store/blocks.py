"""People for whom nothing is drawn or answered, by server or workspace; see `bot.store.tables`."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

from bot.store import rows
from handlers.model import Person, ThreadKey
from handlers.moderation.cases import Block, pseudonym

_THEIRS = "tenant = ? AND (key = ? OR (account != '' AND account = ?))"


class Blocks:
    """On one connection. Not thread-safe. Who is meant is known by a pseudonym; the id and the name that moderators
    read are kept until their person is forgotten."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def put(self, thread: ThreadKey, person: Person, by: str, now: float) -> bool:
        """False where they are blocked already."""
        tenant, key, account = _values(thread, person)
        values = (tenant, key, account, rows.clean(person.id), rows.clean(person.name), now, by)
        return self._db.execute("INSERT OR IGNORE INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?, 0)", values).rowcount > 0

    def lift(self, thread: ThreadKey, person: Person) -> bool:
        """False where nobody like that is blocked."""
        return self._db.execute(f"DELETE FROM blocks WHERE {_THEIRS}", _values(thread, person)).rowcount > 0

    def holds(self, thread: ThreadKey, person: Person) -> bool:
        return self._db.execute(f"SELECT 1 FROM blocks WHERE {_THEIRS}", _values(thread, person)).fetchone() is not None

    def tell(self, thread: ThreadKey, person: Person, now: float, every: float) -> bool:
        """Whether somebody who is blocked is told of it now: once in so many seconds."""
        values = (now, *_values(thread, person), now - every)
        return self._db.execute(f"UPDATE blocks SET told = ? WHERE {_THEIRS} AND told <= ?", values).rowcount > 0

    def all(self, tenant: str) -> list[Block]:
        """The newest first."""
        found = self._db.execute(
            "SELECT person, name, since FROM blocks WHERE tenant = ? ORDER BY since DESC", (rows.clean(tenant),)
        )
        return [Block(person, name, datetime.fromtimestamp(since, UTC)) for person, name, since in found]

    def forget(self, thread: ThreadKey, person: Person) -> None:
        """Who it is is deleted; the block holds on."""
        tenant, key, _ = _values(thread, person)
        self._db.execute("UPDATE blocks SET person = '', name = '' WHERE tenant = ? AND key = ?", (tenant, key))


def _values(thread: ThreadKey, person: Person) -> tuple[str, str, str]:
    account = person.account_in(thread.chat) if person.account else ""
    return rows.clean(thread.tenant_scope), pseudonym(thread, person), account
