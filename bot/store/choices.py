"""Settings that people chose for a thread, a channel or a workspace; see `bot.store.tables`."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from bot.store import rows
from handlers.model import ThreadKey


class Choices:
    """On one connection. Not thread-safe."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def choose(self, scope: str, settings: Mapping[str, str | None]) -> None:
        scope = rows.clean(scope)
        for name, value in settings.items():
            if value is None:
                self._db.execute("DELETE FROM settings WHERE scope = ? AND name = ?", (scope, name))
            else:
                self._db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?, ?)", (scope, name, value))

    def chosen(self, scope: str) -> dict[str, str]:
        return dict(self._db.execute("SELECT name, value FROM settings WHERE scope = ?", (rows.clean(scope),)))

    def of_thread(self, thread: ThreadKey) -> dict[str, str]:
        """What holds in a thread: its own choices before its channel's before its workspace's."""
        scopes = tuple(map(rows.clean, (thread.tenant_scope, thread.channel_scope, str(thread))))
        found = self._db.execute("SELECT scope, name, value FROM settings WHERE scope IN (?, ?, ?)", scopes).fetchall()
        ordered = sorted(found, key=lambda row: scopes.index(row[0]))
        return {row[1]: row[2] for row in ordered}
