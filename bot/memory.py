"""A few lines of text that chats keep over a restart: what was synced, posted, seen."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

R = TypeVar("R")


class Memory:
    """The `KeyValue` of every chat, in one SQLite file; each chat gets its own corner by `prefix`."""

    def __init__(self, connection: sqlite3.Connection, executor: ThreadPoolExecutor, prefix: str = "") -> None:
        self._connection = connection
        self._executor = executor
        self._prefix = prefix

    @classmethod
    async def open(cls, path: Path) -> Memory:
        executor = ThreadPoolExecutor(1, thread_name_prefix="memory")

        def connect() -> sqlite3.Connection:
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("CREATE TABLE IF NOT EXISTS memory (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
            return connection

        return cls(await asyncio.get_running_loop().run_in_executor(executor, connect), executor)

    def corner(self, name: str) -> Memory:
        """The same file for one chat."""
        return Memory(self._connection, self._executor, f"{name}/")

    async def get(self, key: str) -> str | None:
        row = await self._run(
            lambda: self._connection.execute("SELECT value FROM memory WHERE key = ?", [self._prefix + key]).fetchone()
        )
        return None if row is None else str(row[0])

    async def put(self, key: str, value: str | None) -> None:
        """Set, or with None remove."""
        if value is None:
            await self.delete(key)
            return
        pair = [self._prefix + key, value]
        await self._run(lambda: self._connection.execute("INSERT OR REPLACE INTO memory VALUES (?, ?)", pair))

    async def delete(self, key: str) -> None:
        await self._run(lambda: self._connection.execute("DELETE FROM memory WHERE key = ?", [self._prefix + key]))

    async def items(self, prefix: str) -> list[tuple[str, str]]:
        """Pairs whose key begins with `prefix`, in key order."""
        start = self._prefix + prefix
        rows = await self._run(
            lambda: self._connection.execute(
                "SELECT key, value FROM memory WHERE substr(key, 1, ?) = ? ORDER BY key", [len(start), start]
            ).fetchall()
        )
        return [(str(key)[len(self._prefix) :], str(value)) for key, value in rows]

    async def close(self) -> None:
        await self._run(self._connection.close)
        self._executor.shutdown()

    async def _run(self, work: Callable[[], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)
