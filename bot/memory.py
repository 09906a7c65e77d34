"""A few lines of text that chats keep over a restart: what was synced, posted, seen.

A database that refuses (locked, full) must not stop an answer on its way: what cannot be written is remembered
and written as soon as it is possible.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from handlers.errors import StoreError
from imaging.disk import database_sentence, empty_log
from imaging.sqlite import open_file, transaction
from imaging.tasks import Tasks

log = logging.getLogger(__name__)
R = TypeVar("R")
AGAIN_S = 1.0
"""Between tries to write what the database refused."""


class _File:
    """The database, and what it has not taken yet."""

    def __init__(self, connection: sqlite3.Connection, executor: ThreadPoolExecutor) -> None:
        self._connection = connection
        self._executor = executor
        self.unwritten: dict[str, str | None] = {}
        self._writer = asyncio.Lock()
        self._tasks = Tasks()
        self._writing: asyncio.Task[None] | None = None

    async def run(self, work: Callable[[sqlite3.Connection], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, self._connection)

    async def put(self, key: str, value: str | None) -> None:
        """Returns once it is written, or will be."""
        self._remember(key, value)
        try:
            await self._written(key, value)
        except sqlite3.Error as error:
            if not self._refusing:
                log.warning("what chats remember cannot be written yet: %s", error)
                self._writing = self._tasks.spawn(self._insist(), "memory")

    async def keep(self, key: str, value: str) -> None:
        """Returns once it is written.

        Raises:
            StoreError: it cannot be written now, and is not remembered.
        """
        self._remember(key, value)
        try:
            await self._written(key, value)
        except sqlite3.Error as error:
            raise StoreError(database_sentence(error)) from error
        finally:
            if self.unwritten.get(key) == value:
                del self.unwritten[key]

    def _remember(self, key: str, value: str | None) -> None:
        self.unwritten.pop(key, None)  # the newest goes last
        self.unwritten[key] = value

    @property
    def _refusing(self) -> bool:
        """Whether the database has refused, and is asked again beside everything else."""
        return self._writing is not None and not self._writing.done()

    async def _written(self, key: str, value: str | None) -> None:
        """Write everything that waits, in one transaction; who comes meanwhile is in the next.

        Raises:
            sqlite3.Error: the database refuses.
        """
        async with self._writer:
            if key not in self.unwritten or self.unwritten[key] != value:
                return  # the transaction before took it along, or a newer value stands in its place
            if self._refusing:
                raise sqlite3.OperationalError("the database refuses just now")
            await self._write()

    async def _write(self) -> None:
        pairs = list(self.unwritten.items())

        def work(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                for key, value in pairs:
                    if value is None:
                        connection.execute("DELETE FROM memory WHERE key = ?", [key])
                    else:
                        connection.execute("INSERT OR REPLACE INTO memory VALUES (?, ?)", [key, value])

        await self.run(work)
        for key, value in pairs:
            if self.unwritten.get(key, self) == value:
                del self.unwritten[key]

    async def _insist(self) -> None:
        while self.unwritten:
            await asyncio.sleep(AGAIN_S)
            with contextlib.suppress(sqlite3.Error):
                async with self._writer:
                    await self._write()

    async def close(self) -> None:
        await self._tasks.close()
        if self.unwritten:
            try:
                await self._write()
            except sqlite3.Error as error:
                log.error("what chats remember could not be written: %s", error)
        await self.run(lambda connection: connection.close())
        self._executor.shutdown()


class Memory:
    """The `KeyValue` of every chat, in one SQLite file; each chat gets its own corner by `prefix`."""

    def __init__(self, file: _File, prefix: str = "") -> None:
        self._file = file
        self._prefix = prefix

    @classmethod
    async def open(cls, path: Path, *, synchronous: str = "NORMAL", busy_s: float = 5.0) -> Memory:
        """
        Raises:
            StoreError: the file cannot be opened or is no database; with the sentence.
        """
        executor = ThreadPoolExecutor(1, thread_name_prefix="memory")

        def connect() -> sqlite3.Connection:
            connection = open_file(path, synchronous=synchronous, busy_s=busy_s)
            try:
                connection.execute("CREATE TABLE IF NOT EXISTS memory (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
            except BaseException:
                connection.close()
                raise
            return connection

        try:
            return cls(_File(await asyncio.get_running_loop().run_in_executor(executor, connect), executor))
        except (sqlite3.Error, OSError) as error:
            executor.shutdown()
            raise StoreError(f"{path}: {database_sentence(error)}") from error

    def corner(self, name: str) -> Memory:
        """The same file for one chat."""
        return Memory(self._file, f"{name}/")

    async def get(self, key: str) -> str | None:
        name = self._prefix + key
        if name in self._file.unwritten:
            return self._file.unwritten[name]
        row = await self._file.run(
            lambda connection: connection.execute("SELECT value FROM memory WHERE key = ?", [name]).fetchone()
        )
        return None if row is None else str(row[0])

    async def put(self, key: str, value: str | None) -> None:
        """Set, or with None remove."""
        await self._file.put(self._prefix + key, value)

    async def forget(self, word: str) -> int:
        """Remove every line in which a word (somebody's id) stands; returns how many."""
        found = [key for key, value in await self.items("") if word in key or word in value]
        for key in found:
            await self.delete(key)
        with contextlib.suppress(sqlite3.Error):  # refused just now: what was not written is in no log
            await self._file.run(empty_log)
        return len(found)

    async def keep(self, key: str, value: str) -> None:
        """Set, and return once it is on the disk: for what must not be promised before.

        Raises:
            StoreError: it cannot be written now; nothing was set.
        """
        await self._file.keep(self._prefix + key, value)

    async def delete(self, key: str) -> None:
        await self.put(key, None)

    async def items(self, prefix: str) -> list[tuple[str, str]]:
        """Pairs whose key begins with `prefix`, in key order."""
        start = self._prefix + prefix
        rows = await self._file.run(
            lambda connection: connection.execute(
                "SELECT key, value FROM memory WHERE substr(key, 1, ?) = ?", [len(start), start]
            ).fetchall()
        )
        found: dict[str, str | None] = {str(key): str(value) for key, value in rows}
        found |= {key: value for key, value in self._file.unwritten.items() if key.startswith(start)}
        return [(key[len(self._prefix) :], value) for key, value in sorted(found.items()) if value is not None]

    async def close(self) -> None:
        await self._file.close()
