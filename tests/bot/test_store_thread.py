"""What waits together is committed together, and one that fails takes no other with it."""

from __future__ import annotations

import asyncio
import errno
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bot.store.database_thread import DatabaseThread


@pytest.fixture
async def connection(tmp_path: Path) -> sqlite3.Connection:
    made = sqlite3.connect(tmp_path / "db", isolation_level=None, check_same_thread=False, timeout=0.05)
    made.execute("PRAGMA journal_mode = WAL")
    made.execute("CREATE TABLE t (x INTEGER PRIMARY KEY)")
    return made


@pytest.fixture
async def thread(connection: sqlite3.Connection) -> AsyncIterator[DatabaseThread]:
    made = DatabaseThread(connection, ThreadPoolExecutor(1))
    yield made
    await made.close()


def insert(connection: sqlite3.Connection, value: int, after: Exception | None = None) -> Callable[[], int]:
    def work() -> int:
        nested = connection.in_transaction
        connection.execute("SAVEPOINT one" if nested else "BEGIN")
        try:
            connection.execute("INSERT INTO t VALUES (?)", (value,))
            if after is not None:
                raise after
            connection.execute("RELEASE one" if nested else "COMMIT")
        except Exception:
            connection.execute("ROLLBACK TO one" if nested else "ROLLBACK")
            raise
        return value

    return work


def stored(connection: sqlite3.Connection) -> list[int]:
    return [row[0] for row in connection.execute("SELECT x FROM t ORDER BY x")]


async def test_results_come_back_to_whoever_asked(thread: DatabaseThread, connection: sqlite3.Connection) -> None:
    results = await asyncio.gather(*(thread.run(insert(connection, at)) for at in range(200)))
    assert list(results) == list(range(200))
    assert await thread.alone(lambda: stored(connection)) == list(range(200))


async def test_one_that_fails_takes_no_other_with_it(thread: DatabaseThread, connection: sqlite3.Connection) -> None:
    failing = OSError(errno.ENOSPC, "No space left on device")
    results = await asyncio.gather(
        *(thread.run(insert(connection, at, failing if at % 3 == 0 else None)) for at in range(20)),
        return_exceptions=True,
    )
    assert [isinstance(result, OSError) for result in results] == [at % 3 == 0 for at in range(20)]
    assert await thread.alone(lambda: stored(connection)) == [at for at in range(20) if at % 3]


async def test_one_that_nobody_awaits_any_more_is_done_all_the_same(
    thread: DatabaseThread, connection: sqlite3.Connection
) -> None:
    asking = asyncio.create_task(thread.run(insert(connection, 1)))
    await asyncio.sleep(0)
    asking.cancel()
    await thread.run(insert(connection, 2))
    assert await thread.alone(lambda: stored(connection)) == [1, 2]


async def test_a_locked_database_refuses_all_at_once(
    thread: DatabaseThread, connection: sqlite3.Connection, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        results = await asyncio.gather(
            *(thread.run(insert(connection, at)) for at in range(10)), return_exceptions=True
        )
    finally:
        other.close()
    assert all(isinstance(result, sqlite3.OperationalError) for result in results)
    assert await thread.run(insert(connection, 1)) == 1


async def test_closing_finishes_what_waits(connection: sqlite3.Connection, tmp_path: Path) -> None:
    thread = DatabaseThread(connection, ThreadPoolExecutor(1))
    asking = [asyncio.create_task(thread.run(insert(connection, at))) for at in range(100)]
    await asyncio.sleep(0)
    await thread.close()
    await asyncio.gather(*asking)
    again = sqlite3.connect(tmp_path / "db")
    assert len(stored(again)) == 100
    again.close()
