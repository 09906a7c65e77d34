"""A backup while everything is written, and back again."""

from __future__ import annotations

import asyncio
import sqlite3
import tarfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bot.cli import CommandFailed, main
from bot.commands.backup import backup, restore
from bot.home import Home
from bot.memory import Memory
from bot.store.store import SqliteStore
from handlers.desk import Desk
from imaging.files import PictureFiles
from imaging.model import ImageRequest, Owner
from imaging.record.sqlite import open_record
from tests.fakes import THREAD, FakeChat, FakePictures, ScriptedModel, message
from tests.fakes_engine import recipe


async def test_a_backup_under_load_has_every_picture_of_its_rows(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    files = PictureFiles(home.pictures)
    store = await SqliteStore.open(home.database, files)
    memory = await Memory.open(home.root / "memory.db")
    ledger = open_record(home.ledger)
    chat, model = FakeChat(), ScriptedModel(answer=lambda request: f"<image> {request.user.text} </image>")
    desk = Desk(store, model, FakePictures(), {chat.name: chat})
    going = True

    async def talk(thread: int) -> None:
        at = 0
        while going:
            at += 1
            where = replace(THREAD, thread=f"t{thread}")
            await desk.receive(message(f"fox {thread} {at}", f"e{thread}-{at}", thread=where))
            await memory.put(f"post:{thread}", str(at))
            if at % 5 == 0:
                await store.delete_picture(where, at - 2)
            ledger.submit(ImageRequest(f"j{thread}-{at}", recipe(), Owner("T", "ada", f"t{thread}")))

    talking = [asyncio.create_task(talk(thread)) for thread in range(6)]
    copies = [tmp_path / f"copy{at}.tar" for at in range(3)]
    for copy in copies:
        await asyncio.sleep(0.2)
        assert await asyncio.to_thread(backup, home, copy) >= 3
    going = False
    await asyncio.gather(*talking)
    await desk.close()
    await memory.close()
    ledger.close()
    await store.close()

    for at, copy in enumerate(copies):
        again = Home(tmp_path / f"again{at}")
        restore(copy, again)
        with closing(sqlite3.connect(again.database)) as database:
            rows = database.execute("SELECT sha256 FROM pictures WHERE state = 'ready'").fetchall()
            finished = database.execute("SELECT count(*) FROM turns WHERE state = 'done'").fetchone()[0]
        there = {*PictureFiles(again.pictures).names()}
        missing = {sha for (sha,) in rows} - there
        # Only a picture that was deleted between its row and its file can be without one.
        with closing(sqlite3.connect(home.database)) as now:
            gone = {sha for (sha,) in now.execute("SELECT sha256 FROM pictures WHERE state = 'deleted'")}
        assert missing <= gone
        assert finished > 0


def test_what_is_damaged_or_no_backup_is_refused(tmp_path: Path) -> None:
    (tmp_path / "easel.db").write_bytes(b"SQLite format 3\0 and then nothing of it")
    with tarfile.open(tmp_path / "damaged.tar", "w") as archive:
        archive.add(tmp_path / "easel.db", "easel.db")
    with pytest.raises(CommandFailed, match="is damaged"):
        restore(tmp_path / "damaged.tar", Home(tmp_path / "a"))
    assert {path.name for path in (tmp_path / "a").iterdir()} <= {"easel.lock"}  # so another one can be tried
    with tarfile.open(tmp_path / "other.tar", "w") as archive:
        archive.add(tmp_path / "easel.db", "notes.txt")
    with pytest.raises(CommandFailed, match="is not a backup"):
        restore(tmp_path / "other.tar", Home(tmp_path / "b"))
    with pytest.raises(CommandFailed, match="could not be restored"):
        restore(tmp_path / "easel.db", Home(tmp_path / "c"))


def test_there_is_nothing_to_copy_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backup", str(tmp_path / "b.tar"), "--home", str(tmp_path / "none")]) == 1
    assert "There is nothing" in capsys.readouterr().err
