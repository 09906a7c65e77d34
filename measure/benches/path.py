"""`easel bench path`: what the whole picture path costs over the bare loop, and what starting at the tag gains."""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from bot.pictures import open_studio
from bot.settings import load_settings
from bot.store.store import SqliteStore
from handlers.desk import Desk
from handlers.model import Incoming, Person, ThreadKey
from imaging.engine_choice import AtHand
from imaging.files import PictureFiles
from imaging.model import Done, ImageRequest, JobEvent, Operation, Owner, Recipe, Started
from imaging.queue import JobQueue
from measure.noop import OneChat
from measure.report import Report, Row
from prompts.request import LanguageRequest

PAUSE_S = 0.03
"""Between two chunks of the scripted model: about 30 tokens a second, a common pace."""
REPLY = (
    "Three directions: a first one ", '<image id="1"> a cat in the snow </image>', " which is calm and cold, then ",
    "something warm ", '<image id="2"> a cactus in the desert </image>', " with a lot of light in it, and at last ",
    "a funny one ", '<image id="3"> a penguin on the beach </image>', " that nobody expects. ",
    *("And some more words that come after the last tag, as they do. ",) * 20,
)  # fmt: skip


class PacedModel:
    """Says the reply at a steady pace; `at_once` holds it all back until its end, as without streaming."""

    name = "paced"
    instructable = True

    def __init__(self) -> None:
        self.at_once = False
        self.tag_closed = 0.0

    async def stream(self, request: LanguageRequest) -> AsyncIterator[str]:
        whole: list[str] = []
        for chunk in REPLY:
            await asyncio.sleep(PAUSE_S)
            whole.append(chunk)
            if self.at_once:
                continue
            if "</image>" in chunk and not self.tag_closed:
                self.tag_closed = time.perf_counter()
            yield chunk
        if self.at_once:
            yield "".join(whole)


class Watched:
    """The queue, with the moment at which the first job was taken by the worker."""

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue
        self.abilities = queue.abilities
        self.submitted = 0.0

    def at_hand(self) -> AtHand:
        return self._queue.at_hand()

    def estimate(self, recipe: Recipe) -> float:
        return self._queue.estimate(recipe)

    async def submit(self, request: ImageRequest) -> None:
        await self._queue.submit(request)
        self.submitted = self.submitted or time.perf_counter()

    def events(self, id: str) -> AsyncIterator[JobEvent]:
        return self._queue.events(id)

    async def discard(self, id: str, sentence: str) -> None:
        """Nothing is refused here."""

    async def cancel(self, id: str, by: str) -> bool:
        return await self._queue.cancel(id, by)


def run(arguments: argparse.Namespace) -> Report:
    runs = 2 if arguments.quick else 8
    figures = asyncio.run(measure(runs))
    rows = (
        Row("engine alone, one picture", figures["engine_s"] * 1000, "ms"),
        Row("through queue, worker and files", figures["path_s"] * 1000, "ms", "≤ 1.05×", figures["path_ratio"]),
        Row("submit to start", figures["submit_to_start_ms"], "ms"),
        Row("closing tag to accepted job", figures["tag_to_job_ms"], "ms"),
        Row("three pictures, started at the tag", figures["reply_s"], "s"),
        Row("three pictures, after the whole reply", figures["reply_after_s"], "s", "", figures["tag_gain"]),
    )
    return Report("path", figures, rows)


async def measure(runs: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="easel-bench-") as folder:
        home = Path(folder)
        settings = load_settings(home=home, engine="mini")
        files = PictureFiles(home / "pictures")
        store = await SqliteStore.open(home / "easel.db", files)
        try:
            async with open_studio(settings, home / "jobs.db", files) as studio:
                figures = await one_picture(studio.queue, runs)
                figures |= await three_pictures(store, studio.queue, max(2, runs // 2))
        finally:
            await store.close()
    return figures


def recipe_for(queue: JobQueue, seed: int) -> Recipe:
    able = queue.abilities
    width, height = able.sizes["square"]
    return Recipe(
        able.name, able.model, Operation.IMAGE, "a cat in the snow", "a cat in the snow", "", seed, width, height,
        able.num_inference_steps, able.guidance_scale, able.sampler,
    )  # fmt: skip


async def one_picture(queue: JobQueue, runs: int) -> dict[str, float]:
    """Wall time from submit to picture against the time in which the engine itself worked on it."""
    walls, engines, starts = [], [], []
    for index in range(runs + 1):
        request = ImageRequest(f"bench-{index}", recipe_for(queue, index), Owner("-", "bench", "bench"))
        began = time.perf_counter()
        await queue.submit(request)
        async for event in queue.events(request.id):
            if isinstance(event, Started):
                starts.append(time.perf_counter() - began)
            elif isinstance(event, Done) and index:  # the first one waits for the weights
                walls.append(time.perf_counter() - began)
                engines.append(event.picture.device_seconds)
    wall, engine = statistics.median(walls), statistics.median(engines)
    submit = statistics.median(starts[1:]) * 1000
    return {"engine_s": engine, "path_s": wall, "path_ratio": wall / engine, "submit_to_start_ms": submit}


async def three_pictures(store: SqliteStore, queue: JobQueue, runs: int) -> dict[str, float]:
    """A reply with three pictures, dispatched at its tags and after its end."""
    model, chat = PacedModel(), OneChat()
    took: dict[bool, list[float]] = {False: [], True: []}
    gaps = []
    for index in range(runs):
        for at_once in (False, True):
            watched = Watched(queue)
            desk = Desk(store, model, watched, {"eval": chat})
            model.at_once, model.tag_closed = at_once, 0.0
            name = f"{index}-{at_once}"
            thread = ThreadKey("eval", "-", "-", name)
            began = time.perf_counter()
            await desk.receive(Incoming(name, thread, Person("bench", "Bench"), "three, please"))
            took[at_once].append(time.perf_counter() - began)
            if not at_once:
                gaps.append(watched.submitted - model.tag_closed)
    at_tag, after = statistics.median(took[False]), statistics.median(took[True])
    gap = statistics.median(gaps) * 1000
    return {"reply_s": at_tag, "reply_after_s": after, "tag_gain": after / at_tag, "tag_to_job_ms": gap}
