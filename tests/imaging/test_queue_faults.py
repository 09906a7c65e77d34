"""The queue when its record, its devices or its jobs misbehave: one outcome a job, and nobody else suffers."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from imaging.engine_table import EngineSpec
from imaging.errors import QueueFull, RecordRefused
from imaging.files import PictureFiles
from imaging.model import Cancelled, Done, Failed, FailureKind, ImageRequest, JobEvent, Owner, Queued
from imaging.queue import JobQueue, dispatch, positions, runner
from imaging.queue.crews import Crew
from imaging.queue.runner import WorkerState
from imaging.queue.types import QueueLimits
from imaging.record import patience
from imaging.record.port import JobState
from imaging.record.sqlite import open_record
from tests.fakes_engine import recipe
from tests.fakes_worker import ScriptedWorker
from tests.waiting import until

ADA, BOB = Owner("T", "ada", "t1"), Owner("T", "bob", "t2")
ENGINE = EngineSpec("tests.fakes_engine:make")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits that a person would not notice."""
    monkeypatch.setattr(runner, "BACK_OFF_S", (0.01,))
    monkeypatch.setattr(patience, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(patience, "LONGEST_WAIT_S", 0.05)
    monkeypatch.setattr(dispatch, "UNWRITABLE_S", 0.02)
    monkeypatch.setattr(positions, "POSITIONS_S", 0.0)


def request(id: str, description: str = "a fox", owner: Owner = ADA) -> ImageRequest:
    return ImageRequest(id, recipe(description), owner)


@asynccontextmanager
async def running(home: Path, *workers: ScriptedWorker, **more: Any) -> AsyncIterator[JobQueue]:
    ledger = open_record(home / "jobs.db", busy_s=0.02)
    async with JobQueue(ledger, PictureFiles(home / "pictures"), [Crew(ENGINE, workers)], home=home, **more) as queue:
        yield queue


async def outcome(queue: JobQueue, id: str) -> JobEvent:
    async with asyncio.timeout(20):
        return [event async for event in queue.events(id)][-1]


def state_of(home: Path, id: str) -> JobState:
    with closing(sqlite3.connect(home / "jobs.db")) as reading:
        return JobState(reading.execute("SELECT state FROM jobs WHERE id = ?", [id]).fetchone()[0])


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Another program holds the record."""
    other = sqlite3.connect(home / "jobs.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


# Jobs that kill their worker


async def test_a_job_that_kills_its_worker_takes_none_of_those_behind_it_along(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedWorker()) as queue:
        await queue.submit(request("bad", "crash"))
        for n in range(5):
            await queue.submit(request(f"good{n}", owner=BOB))
        bad = await outcome(queue, "bad")
        good = [await outcome(queue, f"good{n}") for n in range(5)]
    assert isinstance(bad, Failed)
    assert bad.kind is FailureKind.CRASHED
    assert all(isinstance(event, Done) for event in good)


async def test_a_job_that_ran_beside_the_culprit_is_drawn(tmp_path: Path) -> None:
    worker = ScriptedWorker(rows=4)
    async with running(tmp_path, worker) as queue:
        for n in range(3):
            await queue.submit(request(f"good{n}", "hold", BOB))
        await queue.submit(request("bad", "crash"))
        await until(lambda: worker.opened == 2)
        worker.release.set()
        assert isinstance(await outcome(queue, "bad"), Failed)
        assert all([isinstance(await outcome(queue, f"good{n}"), Done) for n in range(3)])


async def test_a_broken_device_is_taken_out_and_good_jobs_are_drawn_on_the_other(tmp_path: Path) -> None:
    good, bad = ScriptedWorker("good"), ScriptedWorker("bad")
    bad.faulty = True
    async with running(tmp_path, bad, good, warm=True) as queue:
        for n in range(20):
            await queue.submit(request(f"j{n}"))
        outcomes = [await outcome(queue, f"j{n}") for n in range(20)]
        assert all(isinstance(event, Done) for event in outcomes)
        assert len(good.drawn) == 20


async def test_a_device_that_keeps_failing_is_reported_and_comes_back(tmp_path: Path) -> None:
    worker = ScriptedWorker()
    worker.broken = "The GPU has fallen off the bus; restart the machine."
    async with running(tmp_path, worker, warm=True) as queue:
        await until(lambda: queue.health().workers[0].state is WorkerState.TAKEN_OUT)
        assert not queue.health().ready
        assert "is taken out" in queue.health().problems[0]
        assert "fallen off the bus" in queue.health().problems[0]
        with pytest.raises(QueueFull, match="fallen off the bus"):
            await queue.submit(request("a"))
        worker.broken = None
        await until(lambda: queue.health().ready)
        await queue.submit(request("a"))
        assert isinstance(await outcome(queue, "a"), Done)


async def test_people_are_not_told_where_the_hosts_files_and_endpoints_are(tmp_path: Path) -> None:
    """Neither in what fails to start nor in what a picture failed of; the host reads it in health and log."""
    worker = ScriptedWorker()
    worker.broken = "There is no model at /srv/ada/models/fox.safetensors; http://10.0.0.3:8000/v1 answers 500."
    async with running(tmp_path, worker, warm=True) as queue:
        await until(lambda: queue.health().workers[0].state is WorkerState.TAKEN_OUT)
        assert "/srv/ada" in queue.health().problems[0]
        with pytest.raises(QueueFull) as told:
            await queue.submit(request("a"))
        assert str(told.value) == "There is no model at fox.safetensors; its address answers 500."
        worker.broken, worker.refuses = None, "The file /srv/ada/models/fox.safetensors is a LoRA."
        await until(lambda: queue.health().ready)
        await queue.submit(request("b"))
        failed = await outcome(queue, "b")
        assert isinstance(failed, Failed)
        assert failed.sentence == "The file fox.safetensors is a LoRA."


async def test_one_broken_device_of_two_is_a_warning(tmp_path: Path) -> None:
    broken = ScriptedWorker("b")
    broken.broken = "No memory."
    async with running(tmp_path, ScriptedWorker("a"), broken, warm=True) as queue:
        await until(lambda: bool(queue.health().warnings) and queue.health().ready)
        assert "No memory." in queue.health().warnings[0]


async def test_a_worker_that_hangs_is_stopped_and_its_job_drawn_by_the_next(tmp_path: Path) -> None:
    worker = ScriptedWorker()
    async with running(tmp_path, worker, silence_s=0.2) as queue:
        await queue.submit(request("a", "hold"))
        await until(lambda: worker.opened == 2)
        worker.release.set()
        assert isinstance(await outcome(queue, "a"), Done)


async def test_a_job_that_hangs_twice_fails(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedWorker(), silence_s=0.1) as queue:
        await queue.submit(request("a", "hang"))
        told = await outcome(queue, "a")
        assert isinstance(told, Failed)
        assert told.kind is FailureKind.CRASHED


# Several devices


async def test_those_with_their_weights_loaded_are_chosen_and_others_woken_only_when_they_are_full(
    tmp_path: Path,
) -> None:
    one, two = ScriptedWorker("one", rows=2), ScriptedWorker("two", rows=2)
    async with running(tmp_path, one, two) as queue:
        await queue.submit(request("a"))
        assert isinstance(await outcome(queue, "a"), Done)
        for n in range(6):
            await queue.submit(request(f"b{n}"))
            await outcome(queue, f"b{n}")
        assert one.opened + two.opened == 1
        for n in range(4):
            await queue.submit(request(f"c{n}", "hold"))
        await until(lambda: one.opened + two.opened == 2)
        one.release.set()
        two.release.set()
        assert all([isinstance(await outcome(queue, f"c{n}"), Done) for n in range(4)])


def test_two_workers_cannot_have_one_name(tmp_path: Path) -> None:
    ledger = open_record(tmp_path / "jobs.db")
    with pytest.raises(ValueError, match="same name"):
        JobQueue(ledger, PictureFiles(tmp_path), [Crew(ENGINE, [ScriptedWorker(), ScriptedWorker()])], home=tmp_path)
    ledger.close()


# A record that refuses for a while


async def test_a_locked_record_holds_jobs_up_and_loses_none(tmp_path: Path) -> None:
    worker = ScriptedWorker()
    async with running(tmp_path, worker) as queue:
        await queue.submit(request("first", "hold"))
        await queue.submit(request("second"))
        await until(lambda: bool(queue.health().running))
        with locked(tmp_path):
            with pytest.raises(QueueFull, match="cannot write its record"):
                await queue.submit(request("third"))
            with pytest.raises(RecordRefused):
                await queue.cancel("second", "Ada")
            assert "locked by another program" in queue.health().problems[0]
            worker.release.set()
            await until(lambda: worker.drawn == ["first"])
            await asyncio.sleep(0.1)
        assert isinstance(await outcome(queue, "first"), Done)
        assert isinstance(await outcome(queue, "second"), Done)
        assert queue.health().ready
        assert worker.opened == 1


async def test_a_worker_that_dies_while_the_record_is_locked_gives_its_job_back(tmp_path: Path) -> None:
    worker = ScriptedWorker()
    async with running(tmp_path, worker) as queue:
        await queue.submit(request("a", "hold"))
        await until(lambda: worker.link is not None and bool(queue.health().running))
        with locked(tmp_path):
            assert worker.link is not None
            worker.link.die()
            await until(lambda: not queue.health().running)
            worker.release.set()
            await asyncio.sleep(0.1)
        assert isinstance(await outcome(queue, "a"), Done)
        assert queue.health().ready


async def test_a_failure_that_cannot_be_recorded_is_told_and_recorded_later(tmp_path: Path) -> None:
    def read_only(on: bool) -> Callable[[Any], object]:
        return lambda record: record._connection.execute(f"PRAGMA query_only = {'ON' if on else 'OFF'}")

    worker = ScriptedWorker()
    async with running(tmp_path, worker) as queue:
        await queue.submit(request("a", "hold"))
        await until(lambda: bool(queue.health().running))
        await queue._records.run(read_only(True))
        worker.release.set()
        told = await outcome(queue, "a")
        assert isinstance(told, Failed)
        assert told.kind is FailureKind.DISK
        assert "read-only" in told.sentence
        await queue._records.run(read_only(False))
        await until(lambda: state_of(tmp_path, "a") is JobState.FAILED)


async def test_a_job_cancelled_while_it_is_claimed_is_not_drawn(tmp_path: Path) -> None:
    worker = ScriptedWorker()
    async with running(tmp_path, worker, warm=True) as queue:
        await until(lambda: queue.health().ready)
        for n in range(30):
            await queue.submit(request(f"j{n}", "hold"))
            assert await queue.cancel(f"j{n}", "Ada")
            assert await outcome(queue, f"j{n}") == Cancelled("Ada")
        worker.release.set()
        await queue.submit(request("last"))
        assert isinstance(await outcome(queue, "last"), Done)
        assert worker.drawn == ["last"]


async def test_a_record_that_cannot_be_read_at_the_start_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "jobs.db").write_bytes(b"")
    ledger = open_record(tmp_path / "jobs.db", busy_s=0.02)
    queue = JobQueue(ledger, PictureFiles(tmp_path), [Crew(ENGINE, [])], home=tmp_path)
    with locked(tmp_path), pytest.raises(RecordRefused, match="locked by another program"):
        await queue.start()
    await queue.stop()


async def test_what_earlier_pictures_took_is_known_after_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedWorker()) as queue:
        await queue.submit(request("a"))
        await outcome(queue, "a")
    async with running(tmp_path, ScriptedWorker()) as queue:
        await queue.submit(request("b", "hold"))
        await queue.submit(request("c"))
        await until(lambda: bool(queue.health().running))
        async with asyncio.timeout(20):
            async for event in queue.events("c"):
                if event == Queued(0, 1.0):
                    break


# Waiting


async def test_an_eta_falls_while_the_picture_before_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positions, "ETA_S", 0.01)
    worker = ScriptedWorker()
    async with running(tmp_path, worker) as queue:
        await queue.submit(request("a"))
        await outcome(queue, "a")
        told: list[float | None] = []

        async def listen() -> None:
            async for event in queue.events("c"):
                told.extend([event.eta_s] if isinstance(event, Queued) else [])

        await queue.submit(request("b", "hold"))
        await until(lambda: bool(queue.health().running))
        await queue.submit(request("c"))
        listening = asyncio.create_task(listen())
        await until(lambda: told == [1.0])
        assert worker.link is not None
        worker.link.step("b", 1, 2)
        await until(lambda: told[-1] == 0.8)  # half of the one before, and its own half second
        worker.release.set()
        await listening


async def test_what_waits_beyond_its_deadline_ends_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(positions, "OVERDUE_S", 0.01)
    worker = ScriptedWorker()
    async with running(tmp_path, worker, limits=QueueLimits(deadline_s=0.2)) as queue:
        await queue.submit(request("a", "hold"))
        await until(lambda: bool(queue.health().running))
        await queue.submit(request("b"))
        said = await outcome(queue, "b")
        assert isinstance(said, Failed)
        assert "waited for hours" in said.sentence
        worker.release.set()
        assert isinstance(await outcome(queue, "a"), Done)  # one that is being drawn is not given up
    assert state_of(tmp_path, "b") is JobState.FAILED
