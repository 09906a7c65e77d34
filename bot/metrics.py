"""Numbers for Prometheus, taken at the ports so that no handler knows of them."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from handlers.model import Answer, CommandCall, Incoming, Person, Press, Vote, Whereabouts
from handlers.ports import Chat, Handlers, LanguageModel
from imaging.model import Done, ImageRequest, Outcome
from prompts.request import LanguageRequest

FAILING = 3
"""Replies that fail in a row before the language model counts as broken."""
SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics:
    """The registry of one running program."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.turns = Histogram(
            "easel_turn_seconds", "From a message's arrival to its finished answer.", ["chat"], buckets=SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self.under_way = Gauge("easel_turns_under_way", "Messages being answered now.", registry=self.registry)
        self.presses = Counter("easel_presses", "Buttons pressed.", ["chat", "action"], registry=self.registry)
        self.commands = Counter("easel_commands", "Commands given.", ["chat", "name"], registry=self.registry)
        self.first_chunk = Histogram(
            "easel_llm_first_chunk_seconds", "Until the language model's first words.", buckets=SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self.replies = Histogram(
            "easel_llm_reply_seconds", "A whole reply of the language model.", buckets=SECONDS, registry=self.registry
        )
        self.failures = Counter(
            "easel_llm_failures", "Replies of the language model that broke.", registry=self.registry
        )

        self.jobs = Counter(
            "easel_jobs", "Pictures by operation, engine and how they ended.", ["operation", "engine", "outcome"],
            registry=self.registry,
        )  # fmt: skip
        self.device_seconds = Counter("easel_device_seconds", "Seconds of work of all devices.", registry=self.registry)
        self.waiting = Gauge("easel_jobs_open", "Pictures that wait or are being drawn.", registry=self.registry)

    def submitted(self, request: ImageRequest) -> None:
        """The queue took a job."""
        self.waiting.inc()

    def claimed(self, request: ImageRequest, device: str, waited_s: float) -> None:
        """A device took a job."""

    def retried(self, request: ImageRequest, why: str) -> None:
        """A job waits again."""

    def ended(self, request: ImageRequest, outcome: Outcome, seconds: float) -> None:
        """A job of the queue is done, failed or cancelled."""
        self.waiting.dec()
        how = type(outcome).__name__.lower()
        self.jobs.labels(request.recipe.operation.value, request.recipe.engine, how).inc()
        if isinstance(outcome, Done):
            self.device_seconds.inc(outcome.picture.device_seconds)

    def watch(self, name: str, summary: str, value: Callable[[], float]) -> None:
        """A gauge that is asked when the numbers are."""
        Gauge(name, summary, registry=self.registry).set_function(value)

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)


class MeasuredHandlers:
    """Handlers with a stopwatch."""

    def __init__(self, handlers: Handlers, metrics: Metrics) -> None:
        self._handlers = handlers
        self._metrics = metrics

    async def receive(self, incoming: Incoming) -> None:
        with self._metrics.under_way.track_inprogress(), self._metrics.turns.labels(incoming.thread.chat).time():
            await self._handlers.receive(incoming)

    async def press(self, press: Press) -> Answer:
        self._metrics.presses.labels(press.thread.chat, press.action.value).inc()
        return await self._handlers.press(press)

    async def command(self, call: CommandCall) -> Answer:
        self._metrics.commands.labels(call.thread.chat, call.name).inc()
        return await self._handlers.command(call)

    async def vote(self, vote: Vote) -> None:
        await self._handlers.vote(vote)

    async def refusal(self, where: Whereabouts, person: Person) -> str | None:
        return await self._handlers.refusal(where, person)

    async def resume(self, chat: Chat) -> None:
        await self._handlers.resume(chat)


class MeasuredLanguageModel:
    """A language model with a stopwatch."""

    def __init__(self, model: LanguageModel, metrics: Metrics) -> None:
        self._model = model
        self._metrics = metrics
        self._failed: str | None = None
        self._failures = 0

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def problem(self) -> str | None:
        """What is wrong when the last replies all failed; None after one that did not."""
        if self._failures < FAILING:
            return None
        return f"The language model has failed {self._failures} times in a row: {self._failed}"

    async def stream(self, request: LanguageRequest) -> AsyncIterator[str]:
        began = time.monotonic()
        first = True
        stream = self._model.stream(request)
        try:
            async for chunk in stream:
                if first:
                    self._metrics.first_chunk.observe(time.monotonic() - began)
                    first = False
                yield chunk
        except Exception as error:
            self._metrics.failures.inc()
            self._failures += 1
            self._failed = str(error)
            raise
        finally:
            if isinstance(stream, AsyncGenerator):
                # Whoever stops reading here stops the model too, at once and not at the next collection.
                await stream.aclose()
        self._failures = 0
        self._metrics.replies.observe(time.monotonic() - began)
