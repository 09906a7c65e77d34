"""Ports with a stopwatch; see `bot.metrics`."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator

from bot.metrics import Metrics
from handlers.errors import Declined, Drafted
from handlers.model import Answer, CommandCall, Incoming, Person, Press, ThreadKey, Vote, Whereabouts
from handlers.ports import Chat, Handlers, LanguageModel
from prompts.request import LanguageRequest

log = logging.getLogger(__name__)

FAILING = 3
"""Replies that fail in a row before the language model counts as broken."""


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

    async def rename(self, thread: ThreadKey, person: Person, title: str) -> Answer:
        return await self._handlers.rename(thread, person, title)

    async def delete_thread(self, thread: ThreadKey, person: Person) -> Answer:
        return await self._handlers.delete_thread(thread, person)

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
    def instructable(self) -> bool:
        return self._model.instructable

    @property
    def problem(self) -> str | None:
        """What is wrong when the last replies all failed; None after one that did not."""
        if self._failures < FAILING:
            return None
        return f"The language model has failed {self._failures} times in a row: {self._failed}"

    async def stream(self, request: LanguageRequest) -> AsyncIterator[str]:
        began = time.monotonic()
        written = 0
        stream = self._model.stream(request)
        try:
            async for chunk in stream:
                if not written:
                    self._metrics.first_chunk.observe(time.monotonic() - began)
                written += len(chunk)
                yield chunk
        except (Declined, Drafted):
            raise  # the endpoint works
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
        seconds = time.monotonic() - began
        self._metrics.replies.observe(seconds)
        log.info("the language model wrote %d characters in %.2f s", written, seconds)
