"""Several engines in one queue: each has its own devices, line and positions, and one that is gone harms no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from imaging.engine_choice import Purposes
from imaging.engine_table import EngineSpec
from imaging.errors import NoSuchEngine, QueueFull
from imaging.files import PictureFiles
from imaging.model import Done, Failed, ImageRequest, JobEvent, Owner, Queued
from imaging.queue import JobQueue, dispatch, positions, runner
from imaging.queue.crews import Crew
from imaging.queue.types import QueueLimits
from imaging.record.sqlite import open_record
from tests.fakes_engine import recipe
from tests.fakes_worker import ScriptedWorker
from tests.waiting import until


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "BACK_OFF_S", (0.01,))
    monkeypatch.setattr(positions, "POSITIONS_S", 0.0)


def crew(name: str, worker: ScriptedWorker | None = None) -> Crew:
    return Crew(EngineSpec("tests.fakes_engine:make", {"name": name}), [] if worker is None else [worker])


def request(id: str, engine: str, description: str = "a fox") -> ImageRequest:
    return ImageRequest(id, recipe(description, engine=engine), Owner("T", "ada", "t"))


@asynccontextmanager
async def running(
    home: Path, crews: Sequence[Crew], purposes: Purposes | None = None, limits: QueueLimits | None = None
) -> AsyncIterator[JobQueue]:
    ledger, files = open_record(home / "jobs.db"), PictureFiles(home / "pictures")
    async with JobQueue(ledger, files, crews, home=home, purposes=purposes, limits=limits) as queue:
        yield queue


async def outcome(queue: JobQueue, id: str) -> JobEvent:
    async with asyncio.timeout(20):
        return [event async for event in queue.events(id)][-1]


async def test_a_picture_goes_to_its_own_engine_and_waits_for_no_other(tmp_path: Path) -> None:
    slow, quick = ScriptedWorker("slow"), ScriptedWorker("quick")
    async with running(tmp_path, [crew("one", slow), crew("two", quick)]) as queue:
        for at in range(3):
            await queue.submit(request(f"slow{at}", "one", "hold"))
        await queue.submit(request("quick", "two"))
        assert isinstance(await outcome(queue, "quick"), Done)
        assert quick.drawn == ["quick"]
        waits = [event async for event in _first(queue, "slow2")]
        assert waits == [1]  # only what runs before it there
        assert [engine.waiting for engine in queue.health().engines] == [2, 0]
        assert {(one.name, one.engine, one.count) for one in queue.waiting()} == {("interactive", "one", 2)}
        slow.release.set()
        assert isinstance(await outcome(queue, "slow2"), Done)
    assert sorted(slow.drawn) == ["slow0", "slow1", "slow2"]


async def _first(queue: JobQueue, id: str) -> AsyncIterator[int]:
    async for event in queue.events(id):
        if isinstance(event, Queued):
            yield event.position
            return


async def test_limits_count_all_engines_together(tmp_path: Path) -> None:
    crews = [crew("one", ScriptedWorker("one")), crew("two", ScriptedWorker("two"))]
    async with running(tmp_path, crews, limits=QueueLimits(per_person=2)) as queue:
        await queue.submit(request("a", "one", "hold"))
        await queue.submit(request("b", "two", "hold"))
        with pytest.raises(QueueFull, match="You have 2 pictures waiting"):
            await queue.submit(request("c", "one"))


async def test_one_that_is_down_is_told_and_the_other_draws(tmp_path: Path) -> None:
    broken, well = ScriptedWorker("broken"), ScriptedWorker("well")
    broken.broken = "The folder /srv/model is empty."
    for crews, ready in (([crew("well", well), crew("broken", broken)], True), ([crew("broken", broken)], False)):
        async with running(tmp_path, crews) as queue:
            await queue.submit(request(f"b{ready}", "broken"))
            failed = await outcome(queue, f"b{ready}")
            assert isinstance(failed, Failed)
            assert "/srv" not in failed.sentence
            await until(lambda queue=queue: queue.at_hand().engines["broken"].problem is not None)  # type: ignore[misc]
            with pytest.raises(QueueFull, match="is empty"):
                await queue.submit(request("more", "broken"))
            health = queue.health()
            assert health.ready is ready
            assert any("/srv/model" in line for line in (health.warnings if ready else health.problems))
            if ready:
                await queue.submit(request("fine", "well"))
                assert isinstance(await outcome(queue, "fine"), Done)
                assert queue.at_hand().engines["well"].problem is None


async def test_one_that_fails_every_picture_is_stood_in_for_until_it_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = ScriptedWorker("one")
    async with running(tmp_path, [crew("one", worker)]) as queue:
        worker.refuses, worker.retryable = "The endpoint does not answer; try again.", True
        for at in range(3):
            assert queue.at_hand().engines["one"].problem is None
            await queue.submit(request(f"{at}", "one"))
            assert isinstance(await outcome(queue, f"{at}"), Failed)
        assert queue.at_hand().engines["one"].problem == worker.refuses
        assert queue.health().ready
        assert queue.health().warnings == [f"one fails every picture: {worker.refuses}"]
        monkeypatch.setattr(dispatch, "FAILING_S", -1.0)  # a minute later
        assert queue.at_hand().engines["one"].problem is None
        monkeypatch.undo()
        worker.refuses = None
        await queue.submit(request("again", "one"))
        assert isinstance(await outcome(queue, "again"), Done)
        assert queue.at_hand().engines["one"].problem is None


async def test_people_are_served_where_only_the_overflow_draws(tmp_path: Path) -> None:
    broken = ScriptedWorker("broken")
    broken.broken = "No memory."
    for overflow in ("other", ""):
        crews = [crew("broken", broken), crew("other", ScriptedWorker("other"))]
        async with running(tmp_path, crews, Purposes("broken", overflow=overflow)) as queue:
            await queue.submit(request(f"a{overflow}", "broken"))
            assert isinstance(await outcome(queue, f"a{overflow}"), Failed)
            assert queue.health().ready is bool(overflow)


async def test_a_restart_in_the_middle_goes_on_with_both(tmp_path: Path) -> None:
    crews = [crew("one", ScriptedWorker("one")), crew("two", ScriptedWorker("two"))]
    async with running(tmp_path, crews) as queue:
        for engine in ("one", "two"):
            for at in range(2):
                await queue.submit(request(f"{engine}{at}", engine, "hold"))
        await until(lambda: queue.health().running == 2)
    one, two = ScriptedWorker("one"), ScriptedWorker("two")
    one.release.set()
    two.release.set()
    async with running(tmp_path, [crew("one", one), crew("two", two)]) as queue:
        for id in ("one0", "one1", "two0", "two1"):
            assert isinstance(await outcome(queue, id), Done)
    assert (sorted(one.drawn), sorted(two.drawn)) == (["one0", "one1"], ["two0", "two1"])


async def test_jobs_of_an_engine_that_the_host_has_taken_out_say_so(tmp_path: Path) -> None:
    one, two = ScriptedWorker("one"), ScriptedWorker("two")
    async with running(tmp_path, [crew("one", one), crew("two", two)]) as queue:
        await queue.submit(request("drawn", "two"))
        drawn = await outcome(queue, "drawn")
        await queue.submit(request("open", "two", "hold"))
        await queue.submit(request("other", "one", "hold"))
        await until(lambda: queue.health().running == 2)
    one = ScriptedWorker("one")
    one.release.set()
    async with running(tmp_path, [crew("one", one)]) as queue:
        failed = await outcome(queue, "open")
        assert isinstance(failed, Failed)
        assert failed.sentence.startswith("This picture was to be drawn by two, which is not here (any more)")
        with pytest.raises(NoSuchEngine, match="drawn by two"):
            await queue.submit(request("never submitted", "two"))
        await queue.submit(request("drawn", "two"))  # what was drawn before is there still
        assert await outcome(queue, "drawn") == drawn
        assert isinstance(await outcome(queue, "other"), Done)
    assert one.drawn == ["other"]


async def test_a_picture_more_is_known_to_wait_behind_what_waits(tmp_path: Path) -> None:
    crews = [crew("one", ScriptedWorker("one")), crew("two", ScriptedWorker("two"))]
    async with running(tmp_path, crews, Purposes("one", overflow="two")) as queue:
        assert queue.at_hand().engines["one"].wait_s == 0
        for at in range(3):
            await queue.submit(request(f"{at}", "one", "hold"))
        await until(lambda: queue.health().running == 1)
        assert queue.at_hand().engines["one"].wait_s == pytest.approx(3 * 2.0)  # seconds of a first guess each


def test_an_engine_stands_in_a_queue_once(tmp_path: Path) -> None:
    ledger = open_record(tmp_path / "jobs.db")
    with pytest.raises(ValueError, match="same engine"):
        JobQueue(ledger, PictureFiles(tmp_path), [crew("one"), crew("one")], home=tmp_path)
    ledger.close()
