"""How many turns the chat core carries: real desk and store, a scripted language model, no-op pictures.

`easel bench core` calls this and prints the figures.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from handlers.desk import Desk
from handlers.model import Answer, CommandCall, Incoming, Person, Reply, ThreadKey, Turn
from handlers.ports import ReplyPost, Store
from handlers.presentation import Why
from imaging.engine_choice import AtHand, alone
from imaging.model import Abilities, Done, ImageRequest, JobEvent, Recipe, RenderedPicture, Technique
from prompts.request import LanguageRequest

REPLY = (
    "Here is a first idea: ",
    '<image id="1"> a red fox ',
    "in the snow, flat ",
    "and minimal </image>",
    " Shall I ",
    "make it night?",
)
"""One picture and two pieces of text in six chunks."""
GOAL_PER_S = 300
THINKING_S = 0.5
SAMPLES = 30


class _Model:
    name = "bench"
    instructable = True

    def __init__(self) -> None:
        self.thinking_s = 0.0

    async def stream(self, request: LanguageRequest) -> AsyncIterator[str]:
        if self.thinking_s:
            await asyncio.sleep(self.thinking_s)
        for chunk in REPLY:
            yield chunk


class _Pictures:
    """Every job is done at once; its bytes are its id."""

    abilities = Abilities(
        name="noop",
        model="noop",
        techniques=frozenset({Technique.SAME_SEED}),
        sizes={"square": (64, 64), "wide": (96, 64), "tall": (64, 96)},
        num_inference_steps=1,
        guidance_scale=1.0,
        sampler="euler",
    )

    def __init__(self) -> None:
        self._jobs: dict[str, ImageRequest] = {}

    def at_hand(self) -> AtHand:
        return alone(self.abilities)

    def estimate(self, recipe: Recipe) -> float:
        return 0.0

    async def submit(self, request: ImageRequest) -> None:
        self._jobs[request.id] = request

    async def events(self, id: str) -> AsyncIterator[JobEvent]:
        recipe = self._jobs.pop(id).recipe
        yield Done(RenderedPicture(id.encode(), "image/png", 64, 64, recipe, 0.0))

    async def discard(self, id: str, sentence: str) -> None:
        """Nothing is refused here."""

    async def cancel(self, id: str, by: str) -> bool:
        return False


class _Post:
    reference = None

    def show(self, reply: Reply) -> None:
        pass

    async def finish(self, reply: Reply) -> str | None:
        return "post"


class _Chat:
    name = "bench"
    instructable = True

    def open_reply(self, turn: str, thread: ThreadKey, to: Incoming | None, reference: str | None) -> ReplyPost:
        return _Post()

    async def tell(self, thread: ThreadKey, person: Person, sentence: str) -> None:
        raise AssertionError(sentence)

    async def announce(self, thread: ThreadKey, sentence: str) -> None:
        raise AssertionError(sentence)

    async def redraw(self, turn: Turn, gone: Mapping[int, Why]) -> None:
        raise AssertionError(turn.id)

    async def answer(self, call: CommandCall, answer: Answer) -> None:
        raise AssertionError(answer.text)


@dataclass(slots=True)
class _Load:
    """Sends messages and times them."""

    desk: Desk
    model: _Model
    sent: int = 0

    async def turn(self, thread: int) -> float:
        """One message; seconds that it took."""
        self.sent += 1
        key = ThreadKey("bench", "-", "c", f"t{thread}")
        person = Person(f"p{thread}", f"Person {thread}")
        began = time.perf_counter()
        await self.desk.receive(Incoming(f"e{self.sent}", key, person, "a fox logo, please"))
        return time.perf_counter() - began

    async def costs(self, *columns: Sequence[int]) -> list[float]:
        """Median processor seconds (all threads of the process) of a turn in each column of threads, taken in turns."""
        costs: list[list[float]] = [[] for _ in columns]
        for threads in zip(*columns, strict=True):
            for thread, column in zip(threads, costs, strict=True):
                began = time.process_time()
                await self.turn(thread)
                column.append(time.process_time() - began)
        return [statistics.median(column) for column in costs]

    async def saturate(self, threads: Sequence[int], seconds: float) -> float:
        """Every thread sends its next message when it has its answer; turns a second."""
        end = time.perf_counter() + seconds
        first = self.sent

        async def talk(thread: int) -> None:
            while time.perf_counter() < end:
                await self.turn(thread)

        began = time.perf_counter()
        await asyncio.gather(*(talk(thread) for thread in threads))
        return (self.sent - first) / (time.perf_counter() - began)

    async def paced(self, threads: Sequence[int], per_s: float, seconds: float) -> list[float]:
        """Messages arrive at a steady rate, thread after thread; seconds beyond the model's own, sorted."""
        self.model.thinking_s = THINKING_S
        began = time.perf_counter()
        tasks: list[asyncio.Task[float]] = []
        for at in range(max(1, int(per_s * seconds))):
            await asyncio.sleep(max(0.0, began + at / per_s - time.perf_counter()))
            tasks.append(asyncio.create_task(self.turn(threads[at % len(threads)])))
        took = await asyncio.gather(*tasks)
        self.model.thinking_s = 0.0
        return sorted(max(0.0, one - THINKING_S) for one in took)


async def turns_figures(
    open_store: Callable[[Path], Awaitable[Store]], home: Path, *, seconds: float = 4.0, long_thread: int = 500
) -> dict[str, float]:
    """Measure the chat core.

    Args:
        open_store: Opens a store in a folder; it is not closed here.
        home: An empty folder.
        seconds: For each measurement.
        long_thread: How many turns the long thread gets.

    Returns:
        `turns.per_s.1`, `.100`, `.1000` (saturated, turns a second); `turns.p50_ms` and `turns.p99_ms`
        (beyond the language model, 1,000 threads, at the goal's rate or, where that is too much for the
        machine, at 80 % of what it carries), `turns.paced_per_s` that rate; `turns.early_ms`,
        `turns.late_ms` and `turns.growth`: processor time of a thread's 5th turn and of a long thread's last.
    """
    model = _Model()
    desk = Desk(await open_store(home), model, _Pictures(), {"bench": _Chat()})
    load = _Load(desk, model)
    figures: dict[str, float] = {}
    await load.saturate([-1], min(0.5, seconds))  # warm caches and code paths
    for count in (1, 100, 1000):
        threads = range(count * 10, count * 11)
        figures[f"turns.per_s.{count}"] = await load.saturate(threads, seconds)
    rate = min(float(GOAL_PER_S), max(1.0, 0.8 * figures["turns.per_s.1000"]))
    beyond = await load.paced(range(20_000, 21_000), rate, seconds)
    figures["turns.paced_per_s"] = rate
    figures["turns.p50_ms"] = 1000 * beyond[len(beyond) // 2]
    figures["turns.p99_ms"] = 1000 * beyond[int(len(beyond) * 0.99)]
    for thread in range(30_000, 30_000 + SAMPLES):
        for _ in range(4):
            await load.turn(thread)
    for _ in range(long_thread - SAMPLES):
        await load.turn(50_000)
    early, late = await load.costs(range(30_000, 30_000 + SAMPLES), [50_000] * SAMPLES)
    figures["turns.early_ms"], figures["turns.late_ms"] = 1000 * early, 1000 * late
    figures["turns.growth"] = figures["turns.late_ms"] / figures["turns.early_ms"]
    return figures
