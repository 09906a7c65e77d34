"""A worker without a process, for tests of the queue: it draws, crashes, hangs and refuses on demand.

By description: `crash` ends the connection, `hang` says nothing more, `hold` waits for `release`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from imaging.errors import EngineError
from imaging.model import Recipe, RenderedPicture
from imaging.worker_client import Accepted, Finished, JobRefused, Room, Stepped, WorkerMessage


class ScriptedWorker:
    """A `WorkerTransport`. `broken` says why it cannot start; `faulty` crashes over every job."""

    def __init__(self, name: str = "one", *, rows: int = 1) -> None:
        self.name = name
        self.rows = rows
        self.broken: str | None = None
        self.faulty = False
        self.refuses: str | None = None
        """Why it cannot do any job."""
        self.retryable = False
        """Whether another try may do, then."""
        self.loading: asyncio.Event | None = None
        """Set when a model that takes its time is loaded."""
        self.opened = 0
        self.drawn: list[str] = []
        self.release = asyncio.Event()
        self.link: ScriptedLink | None = None

    async def open(self) -> ScriptedLink:
        self.opened += 1
        if self.loading is not None:
            await self.loading.wait()
        if self.broken is not None:
            raise EngineError(self.broken)
        self.link = ScriptedLink(self)
        return self.link


class ScriptedLink:
    """A `WorkerLink`."""

    def __init__(self, worker: ScriptedWorker) -> None:
        self._worker = worker
        self._out: asyncio.Queue[WorkerMessage | None] = asyncio.Queue()
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._taken = 0
        self._tell_room()

    def _tell_room(self) -> None:
        self._out.put_nowait(Room(self._worker.rows - len(self._jobs), self._taken))

    async def submit(self, id: str, recipe: Recipe, images: Mapping[str, bytes]) -> None:
        self._taken += 1
        self._jobs[id] = asyncio.create_task(self._draw(id, recipe))
        self._tell_room()

    async def _draw(self, id: str, recipe: Recipe) -> None:
        self._out.put_nowait(Accepted(id))
        if self._worker.faulty or recipe.description == "crash":
            self.die()
            return
        if self._worker.refuses is not None:
            del self._jobs[id]
            self._out.put_nowait(JobRefused(id, self._worker.refuses, self._worker.retryable))
            return
        if recipe.description == "hang":
            await asyncio.Event().wait()
        if recipe.description == "hold":
            await self._worker.release.wait()
        self._out.put_nowait(Stepped(id, 1, 1, None))
        picture = RenderedPicture(id.encode(), "image/png", 8, 8, recipe, 0.5)
        self._worker.drawn.append(id)
        del self._jobs[id]
        self._out.put_nowait(Finished(id, picture))
        self._tell_room()

    def step(self, id: str, step: int, total: int) -> None:
        """Say that a job has come so far."""
        self._out.put_nowait(Stepped(id, step, total, None))

    def die(self) -> None:
        self._out.put_nowait(None)

    async def cancel(self, id: str) -> None:
        task = self._jobs.pop(id, None)
        if task is not None:
            task.cancel()
            self._tell_room()

    async def messages(self) -> AsyncIterator[WorkerMessage]:
        while (message := await self._out.get()) is not None:
            yield message

    async def close(self) -> None:
        for task in self._jobs.values():
            task.cancel()
