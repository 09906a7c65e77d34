"""One person's data on request: gone from every database, every file and every recipe, and nobody else's is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bot.memory import Memory
from bot.store.store import SqliteStore
from handlers.model import Person, Picture, ThreadKey
from imaging.files import PictureFiles
from imaging.model import Control, ImageRequest, Operation, Owner, Recipe, Technique
from imaging.outputs import encode_picture, read_recipe
from imaging.record.port import Result
from imaging.record.sqlite import open_record
from tests.bot.test_store import NOW, number
from tests.fakes import BEN, THREAD, message
from tests.fakes_engine import recipe as drawn

SECRET = "zebra"
CARA = Person("web-person-cara", "Cara Cardigan")


@pytest.fixture
async def place(tmp_path: Path) -> Path:
    return tmp_path


def file_of(recipe: Recipe, colour: int) -> bytes:
    from PIL import Image

    return encode_picture(Image.new("RGB", (8, 8), (colour, 0, 0)), recipe)


async def draw(
    store: SqliteStore, person: Person, recipe: Recipe, parents: tuple[int, ...] = (), thread: ThreadKey = THREAD
) -> Picture:
    at = await number(store, thread)
    made = Picture(
        thread, at, recipe.operation, parents, recipe.description, recipe, "", "image/png", 8, 8, person, NOW, f"a{at}"
    )
    return await store.add_picture(made, file_of(recipe, at))


def child(parent: Recipe, description: str, source_image: str | None = None) -> Recipe:
    control = Control(Technique.MASACTRL, 0.5)
    return replace(
        drawn(description), operation=Operation.EDIT, control=control, source=parent, source_image=source_image
    )


def everything(home: Path) -> bytes:
    """All that is on the disk, as it lies there."""
    return b"".join(path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file())


async def test_nothing_of_a_person_is_left_anywhere(place: Path) -> None:
    files = PictureFiles(place / "pictures")
    store = await SqliteStore.open(place / "easel.db", files)
    asked = message(f"a {SECRET} please", f"web:{CARA.id}:1", CARA)
    accepted = await store.accept(asked, asked="u1", turn="a1", uploads=[])
    assert accepted.turn is not None
    await store.finish_turn(replace(accepted.turn, text=f"Here is a {SECRET}"))
    mine = drawn(f"a {SECRET}")
    await draw(store, CARA, mine)
    heir = await draw(store, BEN, child(mine, "a horse"), (1,))
    assert heir.recipe is not None
    grandchild = await draw(store, BEN, child(heir.recipe, "a mule", source_image=heir.sha256), (2,))
    await draw(store, BEN, drawn("a fox"))

    ledger = open_record(place / "jobs.db")
    for id, person, made in (("j1", CARA.id, mine), ("j2", BEN.id, child(mine, "a horse"))):
        ledger.submit(ImageRequest(id, made, Owner(THREAD.tenant_scope, person, str(THREAD))))
        fence = ledger.claim(id)
        assert fence is not None
        ledger.done(id, fence, Result("0" * 64, "image/png", 8, 8, made, 0.1, {}))
    memory = await Memory.open(place / "memory.db")
    await memory.corner("web").put(f"hook:web/-/lobby/u{CARA.id}", "token")
    await memory.corner("web").put("post:a2", "77")

    gone = await store.forget(THREAD.chat, THREAD.tenant, CARA)
    assert (gone.turns, gone.pictures, gone.threads) == (2, 1, (str(THREAD),))
    assert ledger.forget(THREAD.tenant_scope, CARA.id, gone.threads) == 1
    assert await memory.corner("web").forget(CARA.id) == 1

    # The others' pictures are whole, with recipes of their own words.
    for at, words in ((2, "a horse"), (3, "a mule"), (4, "a fox")):
        picture = await store.picture(THREAD, at)
        assert picture is not None
        inside = read_recipe(await store.picture_bytes(picture.sha256))
        assert inside == picture.recipe
        assert inside.description == words
        assert inside.source is None
    renewed = await store.picture(THREAD, 2)
    last = await store.picture(THREAD, 3)
    assert renewed is not None
    assert last is not None
    assert last.recipe is not None
    assert renewed.sha256 != heir.sha256
    assert last.recipe.source_image == renewed.sha256
    assert {*files.names()} == {renewed.sha256, last.sha256, (await store.gallery(THREAD))[-1].sha256}
    assert grandchild.sha256 not in files.names()
    assert ledger.get("j1") is None
    left = ledger.get("j2")
    assert left is not None
    assert left.result is not None
    assert left.result.recipe.source is None
    assert await memory.corner("web").items("") == [("post:a2", "77")]
    # At once, in every database and its log, not when the program stops.
    kept = everything(place)
    assert not [word for word in (SECRET, "Cardigan", f"lobby/u{CARA.id}") if word.encode() in kept]
    assert await store.claim(f"web:{CARA.id}:2") is not None  # the program goes on

    await memory.close()
    ledger.close()
    await store.close()
    kept = everything(place)
    assert SECRET.encode() not in kept
    assert b"Cardigan" not in kept
    # Of the name in deliveries only the new one is left.
    with closing(sqlite3.connect(place / "easel.db")) as database:
        named = database.execute("SELECT id FROM events WHERE instr(id, ?)", (CARA.id,)).fetchall()
    assert named == [(f"web:{CARA.id}:2",)]


async def test_a_log_that_somebody_reads_is_emptied_by_the_housekeeping(place: Path) -> None:
    store = await SqliteStore.open(place / "easel.db", PictureFiles(place / "pictures"), busy_s=0.05)
    await store.accept(message(f"a {SECRET} please", "e1", CARA), asked="u1", turn="a1", uploads=[])
    with closing(sqlite3.connect(place / "easel.db")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM turns").fetchone()
        await store.forget(THREAD.chat, THREAD.tenant, CARA)
        assert SECRET.encode() in everything(place)
    await store.forget_spendings()
    assert SECRET.encode() not in everything(place)
    await store.close()


async def test_a_picture_whose_parent_is_forgotten_while_it_is_drawn_carries_none_of_it(place: Path) -> None:
    files = PictureFiles(place / "pictures")
    store = await SqliteStore.open(place / "easel.db", files)
    mine = drawn(f"a {SECRET}")
    await draw(store, CARA, mine)
    await store.forget(THREAD.chat, THREAD.tenant, CARA)
    late = await draw(store, BEN, child(mine, "a horse"), (1,))
    assert late.recipe is not None
    assert late.recipe.source is None
    assert read_recipe(await store.picture_bytes(late.sha256)).source is None
    await store.close()
    assert SECRET.encode() not in everything(place)


async def test_a_heir_whose_file_is_gone_is_forgotten_all_the_same(place: Path) -> None:
    files = PictureFiles(place / "pictures")
    store = await SqliteStore.open(place / "easel.db", files)
    mine = drawn(f"a {SECRET}")
    await draw(store, CARA, mine)
    heir = await draw(store, BEN, child(mine, "a horse"), (1,))
    files.delete(heir.sha256)
    await store.forget(THREAD.chat, THREAD.tenant, CARA)
    picture = await store.picture(THREAD, 2)
    assert picture is not None
    assert picture.recipe is not None
    assert picture.recipe.source is None
    await store.close()
