"""Sums that are remembered are the sums of the rows, whatever is added, forgotten, rolled back and asked in between."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlite_utils import Database

from bot.store.migrations import migrate
from bot.store.spent import Spent
from bot.store.store import SqliteStore
from handlers.errors import StoreError
from handlers.model import Person, ThreadKey
from handlers.quota_rules import Amounts, Sharers, share_key
from tests.fakes import ANNA, THREAD, FolderFiles

PEOPLE = [Person("u1", "Anna"), Person("u2", "Ben")]
PLACES = [ThreadKey("web", tenant, channel, "t") for tenant in ("s1", "s2") for channel in ("a", "b")]
STEPS = st.one_of(
    st.tuples(st.just("add"), st.integers(0, 1), st.integers(0, 3), st.integers(0, 100)),
    st.tuples(st.just("ask"), st.sampled_from(Sharers), st.integers(0, 3), st.integers(0, 120)),
    st.tuples(st.just("forget"), st.just(0), st.just(0), st.integers(0, 60)),
)


def opened() -> sqlite3.Connection:
    db = Database(sqlite3.connect(":memory:", isolation_level=None))
    migrate(db)
    connection: sqlite3.Connection = db.conn
    return connection


@given(st.lists(STEPS, max_size=60))
def test_a_remembered_sum_is_the_sum(steps: list[tuple[str, int | Sharers, int, int]]) -> None:
    connection = opened()
    spent = Spent(connection, lambda amounts: None)
    rows: list[tuple[float, ThreadKey, Person]] = []
    now = 1000.0
    for what, who, place, at in steps:
        now += 1
        if what == "add":
            assert isinstance(who, int)
            row = (now - at, PLACES[place], PEOPLE[who])
            rows.append(row)
            spent.add(*row, Amounts(1, 0.5, messages=2))
        elif what == "forget":
            spent.forget(now - 60 - at)
            rows = [row for row in rows if row[0] >= now - 60 - at]
        else:
            assert isinstance(who, Sharers)
            key = share_key(who, PLACES[place], PEOPLE[0])
            mine = [row for row in rows if row[0] >= now - at and share_key(who, row[1], row[2]) == key]
            assert spent.sum(who, key, now - at) == Amounts(len(mine), 0.5 * len(mine), messages=2 * len(mine))
    connection.close()


def test_a_sum_that_was_asked_before_reads_only_what_has_come_since() -> None:
    connection = opened()
    spent = Spent(connection, lambda amounts: None)
    work: list[int] = []
    for at in range(20_000):
        spent.add(1000.0 + at, THREAD, ANNA, Amounts(messages=1))
    for _ in range(3):
        steps = [0]
        connection.set_progress_handler(lambda steps=steps: steps.__setitem__(0, steps[0] + 1), 100)  # type: ignore[misc]
        assert spent.sum(Sharers.ALL, "", 500.0).messages == 20_000 + len(work)
        connection.set_progress_handler(None, 0)
        work.append(steps[0])
        spent.add(30_000.0, THREAD, ANNA, Amounts(messages=1))
    assert work[0] > 100 * max(work[1:])
    connection.close()


async def test_sums_are_remembered_from_one_question_to_the_next(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "easel.db", FolderFiles(tmp_path / "pictures"))
    now = datetime.now(UTC)
    await store.spend(THREAD, ANNA, Amounts(messages=1), now)
    await store.spent(Sharers.ALL, "", now)
    await asyncio.gather(*(store.spend(THREAD, ANNA, Amounts(messages=1), now) for _ in range(5)))
    assert store._tables.spent._sums
    assert (await store.spent(Sharers.ALL, "", now)).messages == 6
    await store.close()


async def test_what_was_rolled_back_is_not_remembered(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "easel.db", FolderFiles(tmp_path / "pictures"))
    now = datetime.now(UTC)
    await store.spend(THREAD, ANNA, Amounts(messages=1), now)
    assert (await store.spent(Sharers.ALL, "", now)).messages == 1

    def half() -> None:
        store._tables.spent.add(now.timestamp(), THREAD, ANNA, Amounts(messages=5))
        assert store._tables.spent.sum(Sharers.ALL, "", now.timestamp()).messages == 6
        raise sqlite3.OperationalError("database or disk is full")

    with pytest.raises(StoreError):
        await store._write(half)
    assert (await store.spent(Sharers.ALL, "", now)).messages == 1
    await store.spend(THREAD, ANNA, Amounts(messages=1), now)
    assert (await store.spent(Sharers.ALL, "", now)).messages == 2
    await store.close()
