"""The numbers: what is counted, under the names that the dashboard and the page for hosts use."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.measured import MeasuredHandlers, MeasuredLanguageModel
from bot.metrics import Metrics
from bot.store.store import SqliteStore
from handlers.desk import Desk
from handlers.errors import LanguageModelError
from handlers.limits import Limits
from handlers.model import Action, CommandCall, Press
from handlers.quota_rules import read_rules
from imaging.engine_table import EngineSpec
from imaging.files import PictureFiles
from imaging.model import Priority
from imaging.queue import JobQueue
from imaging.queue.crews import Crew
from imaging.record.sqlite import open_record
from tests.fakes import ANNA, BEN, THREAD, FakeChat, ScriptedModel, message
from tests.fakes_worker import ScriptedWorker
from tests.waiting import until

DOCS = Path(__file__).parents[2] / "docs"


class Studio:
    """Desk, queue and one scripted worker, counted."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.metrics = Metrics()
        self.files = PictureFiles(home / "pictures")
        self.worker = ScriptedWorker("cuda:0")
        ledger = open_record(home / "jobs.db")
        spec = EngineSpec("tests.fakes_engine:make")
        self.queue = JobQueue(
            ledger, self.files, [Crew(spec, [self.worker])], home=home, warm=True, observer=self.metrics
        )
        self.model = ScriptedModel()
        self.chat = FakeChat()
        self.store: SqliteStore
        self.handlers: MeasuredHandlers
        self.desk: Desk

    async def start(self) -> None:
        self.store = await SqliteStore.open(self.home / "easel.db", self.files, spent=self.metrics.spent)
        limits = Limits(quotas=read_rules("2 pictures a day per person"))
        model = MeasuredLanguageModel(self.model, self.metrics)
        self.desk = Desk(self.store, model, self.queue, {self.chat.name: self.chat}, limits, observer=self.metrics)
        self.handlers = MeasuredHandlers(self.desk, self.metrics)
        self.metrics.watch_queue(self.queue)
        self.metrics.watch_disk(self.home)
        self.metrics.watch_desk(self.desk)
        await self.queue.start()

    async def stop(self) -> None:
        await self.desk.close()
        await self.queue.stop()
        await self.store.close()

    def number(self, name: str, /, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    made = Studio(tmp_path)
    await made.start()
    yield made
    await made.stop()


async def test_a_message_is_counted_from_its_arrival_to_its_post(studio: Studio) -> None:
    studio.model.scripts += ["Here <image> a fox </image>", "Well."]
    await studio.handlers.receive(message("a fox"))
    await studio.handlers.receive(message("a fox"))  # delivered again
    what = {"operation": "image", "engine": "fake"}
    assert studio.number("easel_turn_seconds_count", chat="web") == 2
    assert studio.number("easel_jobs_total", **what, outcome="done") == 1
    assert studio.number("easel_job_seconds_count", **what) == 1
    assert studio.number("easel_job_device_seconds_sum", **what) == 0.5
    assert studio.number("easel_job_wait_seconds_count", **{"class": "interactive"}) == 1
    assert studio.number("easel_post_seconds_count", chat="web") == 1
    assert studio.number("easel_messages_dropped_total", chat="web", why="finished") == 1
    assert studio.number("easel_llm_first_chunk_seconds_count") == 1
    assert studio.number("easel_llm_reply_seconds_count") == 1
    assert studio.number("easel_device_busy_seconds_total", engine="fake", device="cuda:0") > 0
    assert studio.number("easel_device_up", engine="fake", device="cuda:0") == 1
    assert studio.number("easel_disk_free_bytes") > 0


async def test_the_queues_depth_and_age_are_told_by_class(studio: Studio) -> None:
    studio.model._answer = lambda request: "<image> hold </image>"
    answering = [
        asyncio.create_task(studio.handlers.receive(message("x", f"e{at}", person, replace(THREAD, thread=f"t{at}"))))
        for at, person in enumerate((ANNA, BEN, BEN))
    ]
    interactive = {"class": Priority.INTERACTIVE.value, "engine": "fake"}
    await until(lambda: studio.number("easel_jobs_running", engine="fake", device="cuda:0") == 1)
    await until(lambda: studio.number("easel_queue_depth", **interactive) == 2)
    assert studio.number("easel_turns_under_way") == 3
    assert studio.number("easel_queue_oldest_seconds", **interactive) >= 0
    studio.worker.release.set()
    await asyncio.gather(*answering)
    assert studio.number("easel_queue_depth", **interactive) == 0


async def test_failures_retries_and_refusals_have_their_reasons(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imaging.queue.runner.BACK_OFF_S", (0.01,))
    studio.model._answer = lambda request: "<image> crash </image>"
    await studio.handlers.receive(message("poison"))
    assert studio.number("easel_job_failures_total", reason="crashed") == 1
    assert studio.number("easel_job_retries_total", why="crash") == 1
    studio.model._answer = lambda request: '<image count="3"> a fox </image>'
    await studio.handlers.receive(message("three"))
    assert studio.number("easel_refusals_total", chat="web", why="QuotaUsedUp") == 1
    await studio.handlers.receive(message(" "))
    assert studio.number("easel_refusals_total", chat="web", why="UserError") == 1
    studio.chat.gone = True
    studio.model._answer = lambda request: "Hello."
    await studio.handlers.receive(message("gone"))
    assert studio.number("easel_posts_failed_total", chat="web") == 1


async def test_what_a_restart_takes_up_is_counted(studio: Studio) -> None:
    turn = await studio.store.accept(message("a fox"), asked="u1", turn="a1", uploads=[])
    assert turn.turn is not None
    studio.model.scripts.append("Hello.")
    await studio.handlers.resume(studio.chat)
    assert studio.number("easel_messages_retried_total", chat="web") == 1


async def test_buttons_commands_and_broken_replies_are_counted(studio: Studio) -> None:
    studio.model.scripts.append([LanguageModelError("No.")])
    await studio.handlers.receive(message("hello"))
    assert studio.number("easel_llm_failures_total") == 1
    await studio.handlers.press(Press("p1", THREAD, ANNA, Action.STOP))
    await studio.handlers.command(CommandCall("c1", THREAD, ANNA, "help"))
    assert studio.number("easel_presses_total", chat="web", action="stop") == 1
    assert studio.number("easel_commands_total", chat="web", name="help") == 1
    studio.metrics.used(12, 3)
    assert studio.number("easel_llm_tokens_total", kind="prompt") == 12
    assert studio.number("easel_llm_tokens_total", kind="completion") == 3


async def test_the_dashboard_and_the_page_for_hosts_know_every_number(studio: Studio) -> None:
    """What the dashboard asks for exists, and whatever exists is on both."""
    families = {family.name: family for family in studio.metrics.registry.collect()}
    names = {f"{name}{'_total' if family.type == 'counter' else ''}" for name, family in families.items()}
    dashboard = json.loads((DOCS / "grafana.json").read_text())
    asked = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", []))
    wanted = {re.sub(r"_bucket$", "", name) for name in re.findall(r"\b(?:easel|process)_\w+", asked)}
    assert wanted <= names
    ours = {name for name in names if name.startswith("easel_")}
    assert ours <= wanted
    told = set(re.findall(r"easel_\w+", (DOCS / "operations.md").read_text()))
    assert ours <= told
    assert {name for name in told if name.removesuffix("_bucket") not in ours} == set()
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))


async def test_what_quotas_count_is_told_in_all(studio: Studio) -> None:
    studio.model.scripts += ["Here <image> a fox </image>"]
    await studio.handlers.receive(message("a fox"))
    assert studio.number("easel_spent_total", unit="pictures") == 1
    assert studio.number("easel_spent_total", unit="messages") == 1
    assert studio.number("easel_spent_total", unit="bytes") > 0
    assert studio.number("easel_spent_total", unit="money") == 0
    assert studio.number("easel_answers_writing") == 0
