"""The index of pictures on a real file: older homes, forgotten words, and what a search costs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from bot.store.file import connect
from bot.store.migrations import gallery
from bot.store.store import SqliteStore
from bot.store.tables import Tables
from handlers.model import Person, ThreadKey, Vote
from handlers.search import read
from tests.bot.test_forget import everything
from tests.bot.test_store import NOW, RECIPE, picture
from tests.fakes import ANNA, BEN, THREAD, FolderFiles, png

SECRET = "zebracorn"


async def found(store: SqliteStore, search: str = "", thread: ThreadKey = THREAD) -> list[tuple[int, int]]:
    """Numbers and votes."""
    hung = await store.search(read(search), thread, ANNA, None, limit=50)
    return [(one.picture.number, one.votes) for one in hung]


def index_again(path: Path) -> None:
    """As a home was before there was one, and then brought up to date."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            if name.startswith("gallery_"):
                db.execute(f"DROP TRIGGER {name}")
        for name in ("gallery", "gallery_words"):
            db.execute(f"DROP TABLE {name}")
        gallery(Database(db))


async def test_what_an_older_home_has_is_found(tmp_path: Path) -> None:
    old = await SqliteStore.open(tmp_path / "easel.db", FolderFiles(tmp_path / "pictures"))
    for number, words in enumerate(("a red fox", "ein Käfer", "日落的猫", "a hidden fox"), start=1):
        await old.reserve_numbers(THREAD, 1)
        made = picture(number, description=words, created=NOW + timedelta(seconds=number))
        await old.add_picture(replace(made, recipe=replace(RECIPE, style="comic")), png(number))
    await old.vote(Vote(THREAD, ANNA, 2, True))
    await old.vote(Vote(THREAD, BEN, 2, True))
    await old.delete_picture(THREAD, 4)
    await old.block(THREAD, BEN, ANNA)
    await old.close()
    index_again(tmp_path / "easel.db")
    store = await SqliteStore.open(tmp_path / "easel.db", FolderFiles(tmp_path / "pictures"))
    assert await found(store) == [(3, 0), (2, 2), (1, 0)]
    for search, numbers in {
        "fox": [1],
        "kafer": [2],
        "猫": [3],
        "by:anna style:comic": [3, 2, 1],
        "votes:2": [2],
    }.items():
        assert [number for number, _ in await found(store, search)] == numbers, search
    await store.add_picture(picture(5, description="a fox", person=BEN), png(5))
    assert await found(store, "fox") == [(1, 0)]
    await store.lift(THREAD, BEN)
    assert await found(store, "fox") == [(5, 0), (1, 0)]
    await store.vote(Vote(THREAD, ANNA, 2, True, given=False))
    assert await found(store, "votes:1") == [(2, 1)]
    await store.close()


@pytest.mark.parametrize("ends", ["forget", "prune"])
async def test_a_forgotten_word_is_in_no_index(tmp_path: Path, ends: str) -> None:
    store = await SqliteStore.open(tmp_path / "easel.db", FolderFiles(tmp_path / "pictures"))
    cara = Person("c", "Cara Cardiganova")
    for number in range(1, 40):  # over several segments of the index
        words = SECRET if number % 5 == 0 else "a fox"
        await store.reserve_numbers(THREAD, 1)
        made = picture(number, description=words, recipe=None, person=cara if words == SECRET else ANNA)
        await store.add_picture(replace(made, created=NOW if words == SECRET else NOW + timedelta(days=2)), png(number))
    assert len(await found(store, SECRET)) == 7
    if ends == "forget":
        await store.forget(THREAD.chat, THREAD.tenant, cara)
    else:
        await store.prune(NOW + timedelta(days=1))
    assert await found(store, SECRET) == []
    assert len(await found(store)) == 32
    await store.close()
    left = everything(tmp_path)
    assert SECRET.encode() not in left
    assert b"ardiganova" not in left


def steps(work: Callable[[], object], db: sqlite3.Connection) -> int:
    """What SQLite does for it, in hundreds of its machine's steps."""
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    db.set_progress_handler(tick, 100)
    work()
    db.set_progress_handler(None, 0)
    return count


SEARCHES = ("", "fox", "rare", "by:anna", "by:me fox", "older:300", "fox older:300", "style:comic", "猫")


def test_a_page_costs_the_same_whatever_hangs_behind_it(tmp_path: Path) -> None:
    """Ten times the pictures: no search with a page of results looks at ten times as many."""
    db = connect(tmp_path / "easel.db").conn
    tables = Tables(db, "boot", recent_turns=24, recent_pictures=24, spent=lambda amounts: None)
    threads = [replace(THREAD, thread=f"t{at}") for at in range(100)]
    for thread in threads:
        tables.threads.touch(thread, 0.0)

    def grow(start: int, end: int) -> dict[str, int]:
        db.execute("BEGIN")
        for at in range(start, end):
            words = f"a fox {at} 猫" + (" rare" if at < 40 else "")
            made = picture(at + 1, threads[at % 100], description=words, recipe=replace(RECIPE, style="comic"))
            tables.pictures.insert(made, str(made.thread))
        db.execute("COMMIT")
        return {
            text: steps(lambda: tables.gallery.find(read(text), threads[0], ANNA, threads, 10), db)  # noqa: B023
            for text in SEARCHES
        }

    few = grow(0, 400)
    many = grow(400, 4000)
    assert {text: (few[text], many[text]) for text in SEARCHES if many[text] > 2 * few[text] + 5} == {}
