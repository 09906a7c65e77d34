"""The life of one worker: started when there is work, fed in fair order, started again when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, assert_never

from imaging.errors import EngineError
from imaging.ledger import Job
from imaging.model import RenderedPicture
from imaging.worker_client import (
    Accepted,
    Finished,
    Refused,
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
    """What a runner needs from the queue."""

    async def wait_for_work(self) -> None: ...
    async def take(self) -> tuple[Claimed, dict[str, bytes]] | None:
        """The next job in fair order for this worker, claimed, with its input pictures."""

    def must_run_alone(self) -> bool:
        """Whether the next job has crashed a worker before: it then runs by itself, so that it harms nobody."""

    def started(self, claimed: Claimed, worker: str) -> None: ...
    def stepped(self, claimed: Claimed, message: Stepped) -> None: ...
    async def finished(self, claimed: Claimed, picture: RenderedPicture) -> None: ...
    async def refused(self, claimed: Claimed, message: Refused) -> None: ...
    async def dropped(self, claimed: Claimed, *, crashed: bool) -> None:
        """The worker died (`crashed`) or was stopped with this job in hand."""

    async def cannot_start(self, worker: str, sentence: str, failures: int) -> None: ...


class Runner:
    """Owns one `WorkerTransport`. `run` is its only task; `stop` ends it and gives back its jobs."""

    def __init__(
        self, transport: WorkerTransport, dispatch: Dispatch, *, idle_stop_s: float | None = None, warm: bool = False
    ) -> None:
        """`warm` starts the worker at once, so that the first picture does not wait for weights to load."""
        self._transport = transport
        self._dispatch = dispatch
        self._idle_stop_s = idle_stop_s
        self._warm = warm
        self._link: WorkerLink | None = None
        self._held: dict[str, Claimed] = {}
        self._sent: set[str] = set()
        self._room = Room(0, 0)
        self._submitted = 0
        self._room_changed = asyncio.Event()
        self.state = WorkerState.ASLEEP
        self.failures = 0
        self.problem: str | None = None

    @property
    def name(self) -> str:
        return self._transport.name

    @property
    def held(self) -> tuple[Claimed, ...]:
        return tuple(self._held.values())

    async def run(self) -> None:
        """Forever: wait for work, have a worker, feed it until it dies."""
        while True:
            if not self._warm:
                await self._dispatch.wait_for_work()
            self._warm = False
            link = await self._open()
            if link is not None:
                await self._serve(link)

    async def _open(self) -> WorkerLink | None:
        self.state = WorkerState.STARTING
        try:
            link = await self._transport.open()
        except (EngineError, ConnectionError, OSError, TimeoutError) as error:
            await self._failed(str(error) or type(error).__name__)
            return None
        self._room, self._submitted = Room(0, 0), 0
        self.state, self.problem = WorkerState.READY, None
        return link

    async def _failed(self, sentence: str) -> None:
        self.failures += 1
        self.problem = sentence
        self.state = WorkerState.TAKEN_OUT if self.failures >= TAKEN_OUT else WorkerState.BACKING_OFF
        log.warning("worker on %s failed %d times: %s", self.name, self.failures, sentence)
        await self._dispatch.cannot_start(self.name, sentence, self.failures)
        await asyncio.sleep(BACK_OFF_S[min(self.failures, len(BACK_OFF_S)) - 1])

    async def _serve(self, link: WorkerLink) -> None:
        """Feed one live worker until it dies or has been idle for long enough."""
        self._link = link
        feeding = asyncio.create_task(self._feed(link), name=f"feed {self.name}")
        listening = asyncio.create_task(self._listen(link), name=f"listen {self.name}")
        crashed = True
        try:
            done, _ = await asyncio.wait({feeding, listening}, return_when=asyncio.FIRST_COMPLETED)
            # The feeder returns by itself only when it has been idle; everything else is the worker's end.
            crashed = not (feeding in done and feeding.exception() is None)
        except asyncio.CancelledError:
            crashed = False
            raise
        finally:
            for task in (feeding, listening):
                task.cancel()
            ended = await asyncio.gather(feeding, listening, return_exceptions=True)
            self._link = None
            await asyncio.shield(self._give_back(link, crashed=crashed))
            for error in ended:
                if isinstance(error, Exception) and not isinstance(error, ConnectionError):
                    log.error("worker on %s", self.name, exc_info=error)
        if crashed:
            await self._failed("The renderer stopped unexpectedly.")
        else:
            self.state = WorkerState.ASLEEP

    async def _give_back(self, link: WorkerLink, *, crashed: bool) -> None:
        held, self._held = self.held, {}
        sent, self._sent = self._sent, set()
        for claimed in held:
            await self._dispatch.dropped(claimed, crashed=crashed and claimed.job.id in sent)
        await link.close()

    async def _feed(self, link: WorkerLink) -> None:
        while True:
            if not await self._work_or_idle():
                return
            alone = self._dispatch.must_run_alone()
            if (alone and self._held) or (self._held and not self._has_room()) or self._alone_in_hand():
                await self._something_changes()
                continue
            images = await self._take()
            if images is not None:
                claimed, pictures = images
                self._sent.add(claimed.job.id)
                self._submitted += 1
                await link.submit(claimed.job.id, claimed.job.request.recipe, pictures)

    async def _take(self) -> tuple[Claimed, dict[str, bytes]] | None:
        """Take the next job in hand. It is in hand even when this is cancelled halfway, so none gets lost."""
        taking = asyncio.ensure_future(self._dispatch.take())
        try:
            taken = await asyncio.shield(taking)
        except asyncio.CancelledError:
            late = await taking
            if late is not None:
                self._held[late[0].job.id] = late[0]
            raise
        if taken is not None:
            self._held[taken[0].job.id] = taken[0]
        return taken

    def _has_room(self) -> bool:
        """Counting those on their way to the worker, which it did not know when it told its room."""
        return self._room.room > self._submitted - self._room.taken

    def _alone_in_hand(self) -> bool:
        return any(claimed.job.crashes for claimed in self._held.values())

    async def _work_or_idle(self) -> bool:
        """Wait until something waits; False when that took longer than the worker may idle."""
        if self._idle_stop_s is None or self._held:
            await self._dispatch.wait_for_work()
            return True
        try:
            async with asyncio.timeout(self._idle_stop_s):
                await self._dispatch.wait_for_work()
        except TimeoutError:
            return bool(self._held)
        return True

    async def _something_changes(self) -> None:
        self._room_changed.clear()
        await self._room_changed.wait()

    async def _listen(self, link: WorkerLink) -> None:
        async for message in link.messages():
            await self._hear(message)
        raise ConnectionError("the worker has gone")

    async def _hear(self, message: WorkerMessage) -> None:
        if isinstance(message, Room):
            self._room = message
            self._room_changed.set()
            return
        claimed = self._held.get(message.id)
        if claimed is None:
            return  # cancelled meanwhile
        match message:
            case Accepted():
                self._dispatch.started(claimed, self.name)
            case Stepped():
                self._dispatch.stepped(claimed, message)
            case Finished():
                await self._dispatch.finished(claimed, message.picture)
                self._held.pop(message.id, None)
                self.failures = 0
                self._room_changed.set()
            case Refused():
                await self._dispatch.refused(claimed, message)
                self._held.pop(message.id, None)
                self._room_changed.set()
            case _:
                assert_never(message)

    async def cancel(self, id: str) -> None:
        """Have a job dropped at the next step."""
        if self._held.pop(id, None) is not None and self._link is not None:
            with contextlib.suppress(ConnectionError):
                await self._link.cancel(id)
            self._room_changed.set()
