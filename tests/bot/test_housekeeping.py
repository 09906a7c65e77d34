"""What is tidied up: files without a row, ended jobs, old sessions; never what somebody still needs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.housekeeping import Housekeeping, sweep
from bot.store.store import SqliteStore
from handlers.desk import Desk
from imaging.engine_table import EngineSpec
from imaging.files import PictureFiles
from imaging.model import ImageRequest, Owner
from imaging.queue import JobQueue
from imaging.queue.crews import Crew
from imaging.record.port import JobState, Result
from imaging.record.sqlite import open_record
from tests.fakes import THREAD, FakeChat, FakePictures, ScriptedModel, message, png
from tests.fakes_engine import recipe
from tests.waiting import until


class Place:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.files = PictureFiles(home / "pictures")
        self.chat = FakeChat()
        self.model = ScriptedModel()
        self.ledger = open_record(home / "jobs.db")
        self.queue = JobQueue(self.ledger, self.files, [Crew(EngineSpec("tests.fakes_engine:make"), [])], home=home)
        self.store: SqliteStore
        self.desk: Desk

    async def start(self) -> None:
        self.store = await SqliteStore.open(self.home / "easel.db", self.files)
        self.desk = Desk(self.store, self.model, FakePictures(), {self.chat.name: self.chat})
        await self.queue.start()

    async def stop(self) -> None:
        await self.desk.close()
        await self.queue.stop()
        await self.store.close()

    def finished_job(self, id: str, data: bytes) -> str:
        """A job whose picture has not been taken over by a thread."""
        self.ledger.submit(ImageRequest(id, recipe(), Owner("T", "ada", "t1")))
        fence = self.ledger.claim(id)
        assert fence is not None
        name = self.files.put(data)
        assert self.ledger.done(id, fence, Result(name, "image/png", 8, 8, recipe(), 0.1, {}))
        return name

    def age(self) -> None:
        for name in self.files.names():
            os.utime(self.files.path(name), (1000.0, 1000.0))

    def housekeeping(self, *, retention_days: int = 0, job_days: int = 7) -> Housekeeping:
        return Housekeeping(
            self.desk, self.store, self.queue, self.files, retention_days=retention_days, job_days=job_days
        )


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(tmp_path)
    await made.start()
    yield made
    await made.stop()


async def test_a_file_that_neither_a_picture_nor_a_job_needs_is_swept(place: Place) -> None:
    place.model.scripts.append("<image> a fox </image>")
    await place.desk.receive(message("a fox"))
    shown = (await place.store.gallery(THREAD))[0].sha256
    made = place.finished_job("j1", png(7))
    lost = place.files.put(b"written, then the power went")
    place.age()
    assert await sweep(place.files, place.store, place.queue, older_than=time.time()) == 1
    assert {*place.files.names()} == {shown, made}
    assert not place.files.exists(lost)


async def test_a_young_file_is_left_for_the_row_that_is_still_to_come(place: Place) -> None:
    place.files.put(b"its row is being written")
    assert await sweep(place.files, place.store, place.queue, older_than=time.time() - 60) == 0


async def test_ended_jobs_are_forgotten_and_open_ones_are_not(place: Place) -> None:
    place.finished_job("done", png(1))
    place.ledger.submit(ImageRequest("open", recipe(), Owner("T", "ada", "t1")))
    place.ledger._connection.execute("UPDATE jobs SET ended = 1000 WHERE ended IS NOT NULL")
    await place.housekeeping().tidy(time.time())
    assert place.ledger.get("done") is None
    waiting = place.ledger.get("open")
    assert waiting is not None
    assert waiting.state is JobState.QUEUED


async def test_housekeeping_goes_on_after_a_database_that_refuses(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("bot.housekeeping.EVERY_S", 0.01)
    lost = place.files.put(b"written, then the power went")
    await place.store._alone(lambda: place.store._db.conn.execute("PRAGMA query_only = ON"))
    running = asyncio.create_task(place.housekeeping(retention_days=1).run())
    await until(lambda: caplog.text.count("housekeeping could not tidy up") > 1)
    await place.store._alone(lambda: place.store._db.conn.execute("PRAGMA query_only = OFF"))
    place.age()
    await until(lambda: not place.files.exists(lost))
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
