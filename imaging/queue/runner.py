"""The life of one worker: started when there is work, fed in fair order, started again when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, assert_never

from imaging.errors import EngineError
from imaging.model import RenderedPicture
from imaging.record.port import Job
from imaging.trace import of_job, trace
from imaging.worker_client import (
    Accepted,
    Finished,
    JobRefused,
    Room,
    Stepped,
    WorkerLink,
    WorkerMessage,
    WorkerTransport,
)

log = logging.getLogger(__name__)

BACK_OFF_S = (0.2, 1.0, 5.0, 15.0, 60.0)
"""Before the worker is started again, by how often it failed in a row."""
TAKEN_OUT = 5
"""Failures in a row after which a device is taken out: reported, and tried again only now and then."""
SILENCE_S = 900.0
"""A step of a large model on a slow device may take minutes."""


class WorkerHung(ConnectionError):
    """The worker lives but says nothing."""


class WorkerState(StrEnum):
    ASLEEP = "asleep"
    STARTING = "starting"
    READY = "ready"
    BACKING_OFF = "backing off"
    TAKEN_OUT = "taken out"


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job that this worker holds, with its fencing token."""

    job: Job
    fence: int


class Dispatch(Protocol):
    """What a runner needs from the queue. `worker` is the runner's name."""

    async def wait_for_work(self, worker: str) -> None: ...
    async def take(self, worker: str) -> tuple[Claimed, dict[str, bytes]] | None:
        """The next job in fair order for this worker, claimed, with its input pictures."""

    def must_run_alone(self, worker: str) -> bool:
        """Whether the next job has crashed a worker before: it then runs by itself, so that it harms nobody."""

    def started(self, claimed: Claimed, worker: str) -> None: ...
    def stepped(self, claimed: Claimed, message: Stepped) -> None: ...
    async def finished(self, claimed: Claimed, picture: RenderedPicture) -> None: ...
    async def refused(self, claimed: Claimed, message: JobRefused) -> None: ...
    async def dropped(self, claimed: Claimed, worker: str, *, crashed: bool) -> None:
        """The worker died (`crashed`) or was stopped with this job in hand."""

    async def changed(self, worker: str) -> None:
        """The worker's state or room is another one."""


class Runner:
    """Owns one `WorkerTransport`. `run` is its only task; cancelling it gives back its jobs."""

    def __init__(
        self,
        transport: WorkerTransport,
        dispatch: Dispatch,
        *,
        idle_stop_s: float | None = None,
        silence_s: float = SILENCE_S,
        warm: bool = False,
    ) -> None:
        """
        Args:
            idle_stop_s: Seconds without work after which the worker is let go; None keeps it.
            silence_s: Seconds without a word, with work in hand or weights to load, after which the worker
                counts as hung and is killed.
            warm: Start the worker at once, so that the first picture does not wait for weights to load.
        """
        self._transport = transport
        self._dispatch = dispatch
        self._idle_stop_s = idle_stop_s
        self._silence_s = silence_s
        self._warm = warm
        self._link: WorkerLink | None = None
        self._held: dict[str, Claimed] = {}
        self._sent: set[str] = set()
        self._room = Room(0, 0)
        self._submitted = 0
        self._room_changed = asyncio.Event()
        self._heard = 0.0
        self._busy_since: float | None = None
        self._busy_s = 0.0
        self.state = WorkerState.ASLEEP
        self.failures = 0
        """In a row, of any kind; a finished picture begins anew."""
        self.failed_starts = 0
        """In a row."""
        self.problem: str | None = None

    @property
    def name(self) -> str:
        return self._transport.name

    @property
    def held(self) -> tuple[Claimed, ...]:
        return tuple(self._held.values())

    @property
    def free(self) -> int:
        """How many more jobs it would take at once."""
        if self.state is WorkerState.STARTING:
            return 1
        if self.state is not WorkerState.READY:
            return 0
        return max(self._room.room - (self._submitted - self._room.taken), 0 if self._held else 1)

    @property
    def able(self) -> bool:
        """Whether it draws, or would after a start that nothing speaks against."""
        return self.state in (WorkerState.READY, WorkerState.STARTING, WorkerState.ASLEEP)

    @property
    def busy_s(self) -> float:
        """Seconds in which it had work, since the program began."""
        now = asyncio.get_running_loop().time()
        return self._busy_s + (0.0 if self._busy_since is None else now - self._busy_since)

    def _clock_work(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._held and self._busy_since is None:
            self._busy_since = now
        elif not self._held and self._busy_since is not None:
            self._busy_s += now - self._busy_since
            self._busy_since = None

    async def run(self) -> None:
        """Forever: wait for work, have a worker, feed it until it dies. After a failure it is started again
        by itself, so that whoever looks sees whether it can be."""
        while True:
            if self.state is WorkerState.ASLEEP and not self._warm:
                await self._dispatch.wait_for_work(self.name)
            self._warm = False
            link = await self._open()
            if link is not None:
                await self._serve(link)

    async def _open(self) -> WorkerLink | None:
        if self.state is WorkerState.ASLEEP:
            await self._become(WorkerState.STARTING)
        try:
            async with asyncio.timeout(self._silence_s):
                link = await self._transport.open()
        except (EngineError, ConnectionError, OSError, TimeoutError) as error:
            self.failed_starts += 1
            await self._failed(str(error) or f"The model was not loaded within {self._silence_s:.0f} seconds.")
            return None
        self._room, self._submitted = Room(0, 0), 0
        self.failed_starts, self.problem = 0, None
        await self._become(WorkerState.READY)
        return link

    async def _become(self, state: WorkerState) -> None:
        if state is not self.state:
            log.info("worker on %s: %s", self.name, state)
            self.state = state
        await self._dispatch.changed(self.name)

    async def _failed(self, sentence: str) -> None:
        self.failures += 1
        self.problem = sentence
        log.warning("worker on %s failed %d times: %s", self.name, self.failures, sentence)
        out = self.failures >= TAKEN_OUT
        await self._become(WorkerState.TAKEN_OUT if out else WorkerState.BACKING_OFF)
        await asyncio.sleep(BACK_OFF_S[min(self.failures, len(BACK_OFF_S)) - 1])

    async def _serve(self, link: WorkerLink) -> None:
        """Feed one live worker until it dies or has been idle for long enough."""
        self._link = link
        tasks = [
            asyncio.create_task(work, name=f"{name} {self.name}")
            for name, work in (("feed", self._feed(link)), ("listen", self._listen(link)), ("watch", self._watch()))
        ]
        feeding = tasks[0]
        crashed, ended = True, []
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            # The feeder returns by itself only when it has been idle; everything else is the worker's end.
            crashed = not (feeding in done and feeding.exception() is None)
        except asyncio.CancelledError:
            crashed = False
            raise
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            self._link = None
            await asyncio.shield(self._give_back(link, crashed=crashed))
            for error in ended:
                if isinstance(error, Exception) and not isinstance(error, ConnectionError):
                    log.error("worker on %s", self.name, exc_info=error)
        if crashed:
            hung = next((str(error) for error in ended if isinstance(error, WorkerHung)), None)
            await self._failed(hung or "The renderer stopped unexpectedly.")
        else:
            await self._become(WorkerState.ASLEEP)

    async def _watch(self) -> None:
        """A worker that holds work and says nothing is as good as dead."""
        loop = asyncio.get_running_loop()
        self._heard = loop.time()
        while True:
            quiet = loop.time() - self._heard if self._held else 0.0
            if quiet >= self._silence_s:
                raise WorkerHung(f"The renderer has been silent for {quiet:.0f} seconds and was stopped.")
            await asyncio.sleep(min(self._silence_s - quiet, self._silence_s / 4))

    async def _give_back(self, link: WorkerLink, *, crashed: bool) -> None:
        held, self._held = self.held, {}
        sent, self._sent = self._sent, set()
        self._clock_work()
        await link.close()
        for claimed in held:
            log.info("job %s goes back: the worker on %s has ended", claimed.job.id, self.name)
            await self._dispatch.dropped(claimed, self.name, crashed=crashed and claimed.job.id in sent)

    async def _feed(self, link: WorkerLink) -> None:
        while True:
            if not await self._work_or_idle():
                return
            alone = self._dispatch.must_run_alone(self.name)
            if (alone and self._held) or (self._held and not self._has_room()) or self._alone_in_hand():
                await self._something_changes()
                continue
            taken = await self._take()
            if taken is not None:
                claimed, images = taken
                if len(self._held) == 1:
                    self._heard = asyncio.get_running_loop().time()
                if claimed.job.id not in self._held:
                    continue  # cancelled meanwhile
                self._sent.add(claimed.job.id)
                self._submitted += 1
                await link.submit(claimed.job.id, claimed.job.request.recipe, images)

    async def _take(self) -> tuple[Claimed, dict[str, bytes]] | None:
        """Take the next job in hand. It is in hand even when this is cancelled halfway, so none gets lost."""
        taking = asyncio.ensure_future(self._dispatch.take(self.name))
        try:
            taken = await asyncio.shield(taking)
        except asyncio.CancelledError:
            late = await taking
            if late is not None:
                self._held[late[0].job.id] = late[0]
            raise
        if taken is not None:
            self._held[taken[0].job.id] = taken[0]
            self._clock_work()
        return taken

    def _has_room(self) -> bool:
        """Counting those on their way to the worker, which it did not know when it told its room."""
        return self._room.room > self._submitted - self._room.taken

    def _alone_in_hand(self) -> bool:
        return any(claimed.job.crashes for claimed in self._held.values())

    async def _work_or_idle(self) -> bool:
        """Wait until something waits; False when that took longer than the worker may idle."""
        if self._idle_stop_s is None or self._held:
            await self._dispatch.wait_for_work(self.name)
            return True
        try:
            async with asyncio.timeout(self._idle_stop_s):
                await self._dispatch.wait_for_work(self.name)
        except TimeoutError:
            return bool(self._held)
        return True

    async def _something_changes(self) -> None:
        self._room_changed.clear()
        await self._room_changed.wait()

    async def _listen(self, link: WorkerLink) -> None:
        async for message in link.messages():
            self._heard = asyncio.get_running_loop().time()
            await self._hear(message)
        raise ConnectionError("the worker has gone")

    async def _hear(self, message: WorkerMessage) -> None:
        if isinstance(message, Room):
            self._room = message
            self._room_changed.set()
            await self._dispatch.changed(self.name)
            return
        claimed = self._held.get(message.id)
        if claimed is None:
            return  # cancelled meanwhile
        with trace(of_job(message.id)):
            await self._hear_of(claimed, message)

    async def _hear_of(self, claimed: Claimed, message: Accepted | Stepped | Finished | JobRefused) -> None:
        match message:
            case Accepted():
                self._dispatch.started(claimed, self.name)
            case Stepped():
                self._dispatch.stepped(claimed, message)
            case Finished():
                await self._dispatch.finished(claimed, message.picture)
                self.failures = 0
                self._let_go(message.id)
            case JobRefused():
                await self._dispatch.refused(claimed, message)
                self._let_go(message.id)
            case _:
                assert_never(message)

    def _let_go(self, id: str) -> bool:
        """A job is not in hand any more; False when it was not."""
        held = self._held.pop(id, None) is not None
        self._sent.discard(id)
        self._clock_work()
        self._room_changed.set()
        return held

    async def cancel(self, id: str) -> None:
        """Have a job dropped at the next step."""
        if self._let_go(id) and self._link is not None:
            with contextlib.suppress(ConnectionError):
                await self._link.cancel(id)
