"""The job queue with real worker processes: one outcome a job, whatever dies."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from imaging.disk import Trouble
from imaging.engine_table import EngineSpec
from imaging.errors import QueueFull, RecordRefused
from imaging.files import PictureFiles
from imaging.model import (
    Cancelled,
    Done,
    Failed,
    FailureKind,
    ImageRequest,
    JobEvent,
    Owner,
    Queued,
    Recipe,
    Started,
    Step,
)
from imaging.queue import JobQueue
from imaging.queue.crews import Crew
from imaging.queue.jobs import Unneeded
from imaging.queue.types import QueueLimits
from imaging.record.port import JobState
from imaging.record.sqlite import SqliteRecord, open_record
from imaging.worker_client import SubprocessLink, SubprocessWorker
from tests.fakes_engine import recipe

ADA = Owner("T", "ada", "t1")
BOB = Owner("T", "bob", "t2")


class Watched(SubprocessWorker):
    """A worker whose process the test can find."""

    link: SubprocessLink | None = None

    async def open(self) -> SubprocessLink:
        self.link = await super().open()
        return self.link

    def kill(self) -> None:
        assert self.link is not None
        assert self.link.pid is not None
        os.kill(self.link.pid, signal.SIGKILL)


@dataclass
class Place:
    home: Path

    def ledger(self) -> SqliteRecord:
        return open_record(self.home / "easel.db")

    def queue(
        self, *, limits: QueueLimits | None = None, unneeded: Unneeded | None = None, **options: Any
    ) -> tuple[JobQueue, Watched]:
        spec = EngineSpec("tests.fakes_engine:make", options)
        worker = Watched(spec, self.home)
        queue = JobQueue(
            self.ledger(), PictureFiles(self.home / "pictures"), [Crew(spec, [worker])], home=self.home, limits=limits,
            unneeded=unneeded,
        )  # fmt: skip
        return queue, worker


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def request(id: str, made: Recipe | None = None, owner: Owner = ADA) -> ImageRequest:
    return ImageRequest(id, made or recipe(), owner)


async def outcome(queue: JobQueue, id: str) -> JobEvent:
    return [event async for event in queue.events(id)][-1]


async def until(events: AsyncIterator[JobEvent], kind: type) -> JobEvent:
    async for event in events:
        if isinstance(event, kind):
            return event
    raise AssertionError(f"no {kind.__name__} came")


async def test_a_job_goes_from_the_queue_through_its_steps_to_a_picture(place: Place) -> None:
    async with place.queue()[0] as queue:
        await queue.submit(request("a"))
        events = [event async for event in queue.events("a")]
    assert isinstance(events[0], Queued | Started)
    assert isinstance(events[-1], Done)
    assert events[-1].picture.recipe == recipe()
    assert events[-1].picture.data.startswith(b"\x89PNG")


async def test_the_same_id_is_the_same_job_and_late_listeners_get_its_outcome(place: Place) -> None:
    async with place.queue()[0] as queue:
        await queue.submit(request("a"))
        first = await outcome(queue, "a")
        await queue.submit(request("a", recipe("something else")))
        assert await outcome(queue, "a") == first


async def test_a_worker_killed_in_mid_job_is_replaced_and_the_job_finished(place: Place, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    queue, worker = place.queue()
    async with queue:
        await queue.submit(request("a", recipe("slow", prompt=str(gate))))
        await until(queue.events("a"), Started)
        worker.kill()
        gate.touch()
        assert isinstance(await outcome(queue, "a"), Done)


@pytest.mark.parametrize("fault", ["crash", "break"])
async def test_a_job_that_kills_its_worker_twice_fails_alone(place: Place, fault: str) -> None:
    async with place.queue()[0] as queue:
        await queue.submit(request("bad", recipe(fault)))
        await queue.submit(request("good", owner=BOB))
        bad, good = await asyncio.gather(outcome(queue, "bad"), outcome(queue, "good"))
    assert isinstance(bad, Failed)
    assert "stopped the renderer twice" in bad.sentence
    assert isinstance(good, Done)


async def test_what_was_running_at_a_stop_is_drawn_after_the_next_start(place: Place, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    queue, _ = place.queue()
    async with queue:
        await queue.submit(request("a", recipe("slow", prompt=str(gate))))
        await queue.submit(request("b"))
        await until(queue.events("a"), Started)
    gate.touch()
    async with place.queue()[0] as again:
        assert isinstance(await outcome(again, "a"), Done)
        assert isinstance(await outcome(again, "b"), Done)


async def test_an_engine_that_refuses_says_why(place: Place) -> None:
    async with place.queue()[0] as queue:
        await queue.submit(request("a", recipe("refuse")))
        assert await outcome(queue, "a") == Failed(
            "This engine does not draw that; use other words.", retryable=False, kind=FailureKind.REFUSED
        )


async def test_what_an_endpoints_own_moderation_refuses_is_told_as_that(place: Place) -> None:
    async with place.queue()[0] as queue:
        await queue.submit(request("a", recipe("moderated")))
        told = await outcome(queue, "a")
        assert told == Failed("The endpoint refuses that.", retryable=False, kind=FailureKind.MODERATED)


async def test_a_discarded_picture_is_gone_from_disk_and_record_also_after_a_restart(place: Place) -> None:
    files = PictureFiles(place.home / "pictures")
    async with place.queue()[0] as queue:
        for id in ("a", "b"):  # of one recipe: their files are one
            await queue.submit(request(id))
            assert isinstance(await outcome(queue, id), Done)
        await queue.discard("a", "It is not kept.")
        assert len(list(files.names())) == 1
        await queue.discard("b", "It is not kept.")
        await queue.discard("b", "Again.")
        await queue.discard("c", "There is no such job.")
        assert list(files.names()) == []
    async with place.queue()[0] as again:
        for id in ("a", "b"):
            assert await outcome(again, id) == Failed("It is not kept.", retryable=False)
        assert await again.wanted_files() == set()


async def test_a_discarded_picture_takes_no_file_with_it_that_another_picture_needs(place: Place) -> None:
    """The other's job may be forgotten long ago; its picture is not."""
    files = PictureFiles(place.home / "pictures")

    async def nothing(names: Sequence[str]) -> Sequence[str]:
        return []

    async with place.queue(unneeded=nothing)[0] as queue:
        await queue.submit(request("a"))
        assert isinstance(await outcome(queue, "a"), Done)
        await queue.discard("a", "It is not kept.")
        assert len(list(files.names())) == 1
        assert await outcome(queue, "a") == Failed("It is not kept.", retryable=False)


def core_limit(pid: int | None) -> str | None:
    """None where the system does not tell."""
    limits = Path(f"/proc/{pid}/limits")
    lines = limits.read_text().splitlines() if limits.exists() else []
    return next((line.split()[4] for line in lines if line.startswith("Max core file size")), None)


async def test_a_worker_that_dies_leaves_no_file_of_its_memory(place: Place) -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    try:
        queue, worker = place.queue()
        async with queue:
            await queue.submit(request("a"))
            assert isinstance(await outcome(queue, "a"), Done)
            assert worker.link is not None
            told = core_limit(worker.link.pid)
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)
    assert told in ("0", None)


async def test_an_engine_that_cannot_load_tells_those_who_wait(place: Place) -> None:
    async with place.queue(cannot_load=True)[0] as queue:
        await queue.submit(request("a"))
        told = await outcome(queue, "a")
        assert told == Failed("The model's folder is empty; name another.", kind=FailureKind.NO_DEVICE)
        assert queue.health().workers[0].problem == "The model's folder is empty; name another."


async def test_cancelling_frees_the_row_for_the_next(place: Place, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with place.queue(rows=1)[0] as queue:
        await queue.submit(request("a", recipe("slow", prompt=str(gate))))
        await queue.submit(request("b", owner=BOB))
        await until(queue.events("a"), Started)
        assert await queue.cancel("a", "Ada")
        gate.touch()
        assert not await queue.cancel("a", "Ada")
        assert await outcome(queue, "a") == Cancelled("Ada")
        assert isinstance(await outcome(queue, "b"), Done)


async def test_positions_count_what_runs_before(place: Place, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with place.queue(rows=1)[0] as queue:
        await queue.submit(request("a0", recipe("slow", prompt=str(gate))))
        await until(queue.events("a0"), Started)
        for n in (1, 2):
            await queue.submit(request(f"a{n}"))
        await queue.submit(request("b", owner=BOB))
        for id, position in (("b", 0), ("a1", 1), ("a2", 2)):
            async with asyncio.timeout(20):
                async for event in queue.events(id):
                    if isinstance(event, Queued) and event.position == position:
                        break
        gate.touch()
        await asyncio.gather(*(outcome(queue, id) for id in ("a0", "b", "a1", "a2")))


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (QueueLimits(length=1), "The queue is full"),
        (QueueLimits(per_person=1), "You have 1 pictures waiting"),
        (QueueLimits(per_thread=1), "This thread has 1 pictures waiting"),
    ],
)
async def test_a_full_queue_answers_at_once(place: Place, tmp_path: Path, limits: QueueLimits, words: str) -> None:
    async with place.queue(limits=limits)[0] as queue:
        await queue.submit(request("a", recipe("slow", prompt=str(tmp_path / "gate"))))
        with pytest.raises(QueueFull, match=words):
            await queue.submit(request("b"))
        await queue.cancel("a", "Ada")


async def test_a_full_disk_fails_the_picture_and_nothing_else(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: PictureFiles, data: bytes) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with place.queue()[0] as queue:
        with monkeypatch.context() as broken:
            broken.setattr(PictureFiles, "put", full)
            await queue.submit(request("a"))
            told = await outcome(queue, "a")
        assert isinstance(told, Failed)
        assert "disk is full" in told.sentence
        await queue.submit(request("b"))
        assert isinstance(await outcome(queue, "b"), Done)


async def test_a_ledger_that_cannot_write_refuses_with_a_sentence(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(self: SqliteRecord, request: ImageRequest) -> None:
        raise RecordRefused("It is locked.", Trouble.LOCKED)

    async with place.queue()[0] as queue:
        monkeypatch.setattr(SqliteRecord, "submit", locked)
        with pytest.raises(QueueFull, match="cannot write its record"):
            await queue.submit(request("a"))


async def test_a_missing_input_picture_is_told(place: Place) -> None:
    async with place.queue()[0] as queue:
        await queue.submit(request("a", replace(recipe(), source_image="0" * 64)))
        told = await outcome(queue, "a")
        assert isinstance(told, Failed)
        assert "gone from the disk" in told.sentence


async def test_an_unknown_job_is_told_as_such(place: Place) -> None:
    async with place.queue()[0] as queue:
        assert isinstance(await outcome(queue, "never"), Failed)
        assert not await queue.cancel("never", "Ada")


async def test_previews_and_steps_reach_every_listener(place: Place, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with place.queue()[0] as queue:
        await queue.submit(request("a", recipe("slow", prompt=str(gate), steps=5)))
        listeners = [asyncio.create_task(until(queue.events("a"), Step)) for _ in range(3)]
        await until(queue.events("a"), Started)
        gate.touch()
        steps = await asyncio.gather(*listeners)
        assert all(isinstance(s, Step) and s.total == 5 and s.preview == b"preview" for s in steps)
        await outcome(queue, "a")


async def test_a_late_result_of_a_worker_believed_dead_is_refused(place: Place) -> None:
    ledger = place.ledger()
    ledger.submit(request("a"))
    old = ledger.claim("a")
    assert old is not None
    assert ledger.release("a", old, crashed=True) is JobState.QUEUED
    new = ledger.claim("a")
    assert new is not None
    assert not ledger.fail("a", "late", fence=old)
    assert ledger.fail("a", "now", fence=new)
    ledger.close()


def test_no_half_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = PictureFiles(tmp_path)
    with monkeypatch.context() as broken:

        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        broken.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            files.put(b"data")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []
    name = files.put(b"data")
    assert files.put(b"data") == name
    assert files.get(name) == b"data"
    assert list(files.names()) == [name]
    assert files.delete(name)
    assert not files.delete(name)


def test_only_old_files_are_swept_and_a_file_put_again_is_young(tmp_path: Path) -> None:
    files = PictureFiles(tmp_path)
    name = files.put(b"data")
    half = files.path(name).with_name(".new-abc")
    half.write_bytes(b"da")
    for path in (files.path(name), half):
        os.utime(path, (1000.0, 1000.0))
    [folder] = files.folders()
    assert files.old(folder, 1000.0) == []
    assert files.old(folder, 1001.0) == [name]
    assert not half.exists()
    files.put(b"data")
    assert files.discard([name, "0" * 64], older_than=1001.0) == 0
    assert files.get(name) == b"data"
    assert files.discard([name], older_than=4e9) == 1
    assert not files.exists(name)


@pytest.mark.parametrize("name", ["", "..", "../../etc/passwd", "A" * 64, "g" * 64, "a" * 63, "a" * 64 + "\n"])
def test_a_file_name_cannot_leave_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not the name"):
        PictureFiles(tmp_path).path(name)
