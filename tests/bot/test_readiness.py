"""`/readyz` and doctor tell the truth: a dead worker, a full or read-only disk, a locked database, a lost socket."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

import pytest
from aiohttp import web

from bot import probes
from bot.doctor import running
from bot.home import Home
from bot.moderation.endpoint import ModerationEndpoint
from bot.platforms import Service
from bot.probes import Probes
from bot.store.store import SqliteStore
from handlers.errors import Moderated
from handlers.model import ThreadKey
from handlers.moderation.model import Kind, Subject
from handlers.screen import House, Screen
from imaging.engine_table import EngineSpec
from imaging.files import PictureFiles
from imaging.findings import Level
from imaging.queue import JobQueue
from imaging.queue.crews import Crew
from imaging.record.sqlite import open_record
from tests.fakes_worker import ScriptedWorker
from tests.peers.moderation_peer import ModerationPeer
from tests.waiting import until


class Deaf:
    """A platform whose connection can be lost."""

    said: str | None = None

    async def problem(self) -> str | None:
        return self.said


class Place:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.files = PictureFiles(home / "pictures")
        self.worker = ScriptedWorker()
        self.platform = Deaf()
        self.model_problem: str | None = None
        self.screen = Screen()
        ledger = open_record(home / "jobs.db", busy_s=0.02)
        spec = EngineSpec("tests.fakes_engine:make")
        self.queue = JobQueue(ledger, self.files, [Crew(spec, [self.worker])], home=home, warm=True)
        self.store: SqliteStore
        self.probes: Probes

    async def start(self) -> None:
        self.store = await SqliteStore.open(self.home / "easel.db", self.files, busy_s=0.02)
        services = [cast(Service, self.platform)]
        self.probes = Probes(
            self.home,
            self.store,
            self.queue,
            lambda: services,
            [lambda: self.model_problem],
            self.screen,
            min_free_mib=1,
        )
        await self.queue.start()
        await until(lambda: self.queue.health().ready)

    async def stop(self) -> None:
        await self.queue.stop()
        await self.store.close()


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    monkeypatch.setattr(probes, "KEPT_S", -1.0)
    made = Place(tmp_path)
    await made.start()
    yield made
    await made.stop()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


async def test_all_is_well(place: Place) -> None:
    found = await place.probes.look()
    assert found.ready
    assert not found.warnings
    assert not list(place.home.glob(".*"))


async def test_a_lost_connection_is_told(place: Place) -> None:
    place.platform.said = "The connection to Discord is lost; it is being opened again."
    assert (await place.probes.look()).problems == (place.platform.said,)


@pytest.mark.parametrize("name", ["easel.db", "jobs.db"])
async def test_a_locked_database_is_told_and_forgotten_when_it_is_free(place: Place, name: str) -> None:
    with locked(place.home / name):
        [problem] = (await place.probes.look()).problems
        assert "locked by another program" in problem
    assert (await place.probes.look()).ready


async def test_a_nearly_full_disk_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(place.home)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=100))
    assert "only 0 MiB are free" in (await place.probes.look()).problems[0]


async def test_a_disk_that_refuses_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*, dir: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("tempfile.TemporaryFile", refuse)
        assert "No space left on device" in (await place.probes.look()).problems[0]
    assert (await place.probes.look()).ready


async def test_a_dead_worker_is_told_until_the_next_one_is_there(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imaging.queue.runner.BACK_OFF_S", (0.05,))
    place.worker.broken = "No memory is left on the GPU."
    assert place.worker.link is not None
    place.worker.link.die()
    await until(lambda: not place.queue.health().ready)
    found = await place.probes.look()
    assert "No memory is left on the GPU." in found.problems[0] or "started again" in found.problems[0]
    place.worker.broken = None
    await until(lambda: place.queue.health().ready)
    assert (await place.probes.look()).ready


async def test_a_model_that_is_being_loaded_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "KEPT_S", -1.0)
    place = Place(tmp_path)
    place.worker.loading = asyncio.Event()
    starting = asyncio.create_task(place.start())
    await until(lambda: place.queue.health().passing != [])
    health = place.queue.health()
    assert health.passing == health.problems == ["The picture model is being loaded on one."]
    place.worker.loading.set()
    await starting
    found = await place.probes.look()
    assert found.ready
    assert not found.passing
    await place.stop()


async def test_a_language_model_that_keeps_failing_is_a_warning(place: Place) -> None:
    place.model_problem = "The language model has failed 3 times in a row: it is not reachable."
    found = await place.probes.look()
    assert found.ready
    assert found.warnings == (place.model_problem,)


# Doctor asks the program that runs


async def test_doctor_tells_what_the_running_program_says(tmp_path: Path) -> None:
    told = {
        "status": "not ready",
        "problems": ["The device cuda:0 is taken out.", "The model is being loaded."],
        "warnings": ["cuda:1 starts."],
        "passing": ["The model is being loaded."],
    }

    async def readyz(_: web.Request) -> web.Response:
        return web.json_response(told, status=503)

    app = web.Application()
    app.router.add_get("/readyz", readyz)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    home = Home(tmp_path)
    assert home.running() is None
    with home.claim():
        assert home.running() == ""
        home.announce(f"http://127.0.0.1:{runner.addresses[0][1]}/")
        findings = await running.examine(Home(tmp_path).running() or "")
    assert home.running() is None
    await runner.cleanup()
    assert [(finding.level, finding.sentence) for finding in findings] == [
        (Level.BROKEN, "The device cuda:0 is taken out."),
        (Level.WARNING, "The model is being loaded."),
        (Level.WARNING, "cuda:1 starts."),
    ]
    [silent] = await running.examine(f"http://127.0.0.1:{runner_port_closed()}/")
    assert silent.level is Level.BROKEN
    assert "restart it" in silent.sentence


def runner_port_closed() -> int:
    """A port where nobody listens."""
    import socket

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


@pytest.mark.parametrize("closed", [True, False])
async def test_a_moderator_that_fails_is_told_until_it_answers_again(tmp_path: Path, closed: bool) -> None:
    place = Place(tmp_path)
    async with ModerationPeer() as peer:
        judge = ModerationEndpoint(peer.base_url, "", "m", timeout_s=10)
        place.screen = Screen([judge], House(closed=closed))
        await place.start()
        try:
            assert (await place.probes.look()).ready
            peer.scripted.append(web.json_response({}, status=401))
            with suppress(Moderated):
                await place.screen.check(Subject(Kind.DESCRIPTION, "a boat"), ThreadKey("web", "-", "c", "t"))
            peer.scripted.append(web.json_response({}, status=401))
            place.probes._newest = None
            found = await place.probes.look()
            assert found.ready is not closed
            (sentence,) = found.problems if closed else found.warnings
            assert "endpoint" in sentence
            assert found.passing == (found.problems if closed else ())
            place.probes._newest = None
            found = await place.probes.look()
            assert (found.ready, found.warnings) == (True, ())
        finally:
            await place.stop()
            await judge.close()
