"""The chats' memory outlives a restart and keeps its corners apart."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from bot.memory import Memory
from handlers.errors import StoreError
from tests.waiting import until


async def test_what_was_put_is_there_after_a_restart(tmp_path: Path) -> None:
    memory = await Memory.open(tmp_path / "memory.db")
    slack, discord = memory.corner("slack"), memory.corner("discord")
    await slack.put("a", "1")
    await slack.put("a", "2")
    await slack.put("ab%", "3")
    await discord.put("a", "other")
    await memory.close()

    memory = await Memory.open(tmp_path / "memory.db")
    slack, discord = memory.corner("slack"), memory.corner("discord")
    assert await slack.items("a") == [("a", "2"), ("ab%", "3")]
    assert await discord.get("a") == "other"
    await slack.delete("a")
    await discord.put("a", None)
    assert await slack.get("a") is None
    assert await discord.items("") == []
    await memory.close()


async def test_what_a_locked_file_refuses_is_known_and_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.memory.AGAIN_S", 0.02)
    path = tmp_path / "memory.db"
    memory = await Memory.open(path, busy_s=0.01)
    corner = memory.corner("discord")
    await corner.put("old", "1")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    await corner.put("post:a", "77")
    await corner.put("old", None)
    assert await corner.get("post:a") == "77"
    assert await corner.get("old") is None
    assert await corner.items("") == [("post:a", "77")]
    other.execute("ROLLBACK")
    rows = "SELECT key, value FROM memory"
    await until(lambda: other.execute(rows).fetchall() == [("discord/post:a", "77")])
    other.close()
    await memory.close()


async def test_what_is_refused_until_the_end_is_tried_once_more(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    memory = await Memory.open(path, busy_s=0.01)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    await memory.put("a", "1")
    other.execute("ROLLBACK")
    other.close()
    await memory.close()
    again = await Memory.open(path)
    assert await again.get("a") == "1"
    await again.close()


async def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "memory.db").write_bytes(b"no database" * 100)
    with pytest.raises(StoreError, match="memory"):
        await Memory.open(tmp_path / "memory.db")


async def test_many_writers_share_transactions_and_each_finds_its_own_written(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    memory = await Memory.open(path)
    transactions: list[int] = []
    memory._file._connection.set_trace_callback(lambda sql: transactions.append(1) if sql == "COMMIT" else None)
    other = sqlite3.connect(path)

    async def write(number: int) -> None:
        await memory.put(f"k{number}", str(number))
        row = other.execute("SELECT value FROM memory WHERE key = ?", [f"k{number}"]).fetchone()
        assert row == (str(number),)

    await asyncio.gather(*(write(number) for number in range(500)))
    assert len(transactions) < 50
    other.close()
    await memory.close()


async def test_what_must_be_kept_is_refused_with_a_sentence_and_not_remembered(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    memory = await Memory.open(path, busy_s=0.01)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError):
        await memory.keep("a", "1")
    assert await memory.get("a") is None
    other.execute("ROLLBACK")
    await memory.keep("a", "2")
    assert await memory.get("a") == "2"
    assert other.execute("SELECT key, value FROM memory").fetchall() == [("a", "2")]
    other.close()
    await memory.close()
