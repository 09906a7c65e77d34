"""`JobQueue`: what the rest of the program calls. It lives on one event loop.

A record that refuses for a while holds jobs up; it loses none.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Self, TypeAlias

from imaging.engine_choice import AtHand, Purposes, Standing
from imaging.engine_table import build_engine
from imaging.errors import NoSuchEngine, QueueFull, RecordRefused
from imaging.files import PictureFiles
from imaging.model import (
    Abilities,
    Cancelled,
    Done,
    Failed,
    FailureKind,
    ImageRequest,
    JobEvent,
    Owner,
    Recipe,
    RenderedPicture,
)
from imaging.queue.crews import Crew
from imaging.queue.dispatch import KEEP_TRYING_S, UNKNOWN, Dispatcher
from imaging.queue.open_jobs import OpenJobs
from imaging.queue.positions import Positions
from imaging.queue.runner import SILENCE_S, Runner
from imaging.queue.types import (
    EngineHealth,
    NoObserver,
    QueueHealth,
    QueueLimits,
    QueueObserver,
    WaitingClass,
    WorkerHealth,
)
from imaging.record.patience import Records
from imaging.record.port import Job, JobRecord, JobState, outcome
from imaging.tasks import Tasks

log = logging.getLogger(__name__)

NO_RECORD = "The picture queue cannot write its record; ask again in a moment."
PRUNED_AT_ONCE = 500
"""Rows of one transaction: others wait no longer than that."""
REMEMBERED = 200
"""Ended jobs from which a start learns how long pictures take."""


Unneeded: TypeAlias = Callable[[Sequence[str]], Awaitable[Sequence[str]]]


async def _all(names: Sequence[str]) -> Sequence[str]:
    return names


def gone(recipe: Recipe) -> str:
    """For people, where a recipe's engine is not here."""
    return f"This picture was to be drawn by {recipe.engine}, which is not here (any more); ask for it again."


def _workers(engine: str, dispatcher: Dispatcher) -> tuple[WorkerHealth, ...]:
    return tuple(
        WorkerHealth(engine, r.name, r.state, r.problem, len(r.held), r.busy_s, r.failures)
        for r in dispatcher.runners.values()
    )


class JobQueue:
    """Implements `handlers.ports.Pictures`. Use it with `async with`, or `start` and `stop`."""

    def __init__(
        self,
        record: JobRecord,
        files: PictureFiles,
        crews: Sequence[Crew],
        *,
        home: Path,
        purposes: Purposes | None = None,
        limits: QueueLimits | None = None,
        idle_stop_s: float | None = None,
        silence_s: float = SILENCE_S,
        warm: bool = False,
        observer: QueueObserver | None = None,
        unneeded: Unneeded | None = None,
    ) -> None:
        """
        Args:
            crews: The engines; the first draws new pictures.
            home: Where an engine may keep what it measured.
            purposes: What they are for; without it the first does all.
            unneeded: Which of some files nobody needs who took pictures over; a recipe drawn twice has one file.
            idle_stop_s, silence_s, warm: See `imaging.queue.runner.Runner`.

        Raises:
            ValueError: two workers have the same name, or two crews the same engine.
            EngineError: an engine's files are missing.
        """
        self._records = Records(record)
        self._files = files
        self._limits = limits or QueueLimits()
        self._observer = observer or NoObserver()
        self._unneeded = unneeded or _all
        able = [build_engine(crew.spec, home).abilities for crew in crews]
        self._purposes = purposes or Purposes(able[0].name)
        self._jobs = OpenJobs(self._records, self._observer, [one.name for one in able])
        self._dispatchers: dict[str, Dispatcher] = {}
        self._runners: dict[str, Runner] = {}
        for abilities, crew in zip(able, crews, strict=True):
            dispatcher = Dispatcher(abilities, self._jobs, self._records, files, self._observer)
            dispatcher.runners = {
                one.name: Runner(one, dispatcher, idle_stop_s=idle_stop_s, silence_s=silence_s, warm=warm)
                for one in crew.workers
            }
            self._dispatchers[abilities.name] = dispatcher
            self._runners |= dispatcher.runners
        if len(self._runners) < sum(len(crew.workers) for crew in crews):
            raise ValueError("two workers have the same name")
        if len(self._dispatchers) < len(crews):
            raise ValueError("two crews have the same engine")
        self._positions = Positions(self._jobs, self._dispatchers, self._records, deadline_s=self._limits.deadline_s)
        self._tasks = Tasks(self._part_failed)
        self._problem: str | None = None

    @property
    def abilities(self) -> Abilities:
        return self._dispatchers[self._purposes.new].abilities

    def at_hand(self) -> AtHand:
        """The engines, and how they are now."""
        purposes, known = self._purposes, {}
        for name, one in self._dispatchers.items():
            busy = one.ends([0.0])[-1] if name == purposes.new and purposes.overflow else 0.0  # nobody else asks
            known[name] = Standing(one.abilities, busy, one.problem)
        return AtHand(known, purposes)

    def estimate(self, recipe: Recipe) -> float:
        """Device seconds that the recipe will take, from what earlier ones took."""
        return self._jobs.estimates.seconds(recipe)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Take up what an earlier program left, then serve.

        Raises:
            RecordRefused: the record cannot be read or written.
        """
        for result in await self._records.run(lambda record: record.latest_results(REMEMBERED)):
            self._jobs.estimates.learn(result.recipe, result.device_seconds)
        for job in await self._records.run(lambda record: record.recover()):
            if job.request.recipe.engine in self._dispatchers:
                self._jobs.wait(job)
            else:
                await self._give_up(job)
        for one in self._runners.values():
            self._tasks.spawn(one.run(), f"runner {one.name}")
        self._tasks.spawn(self._positions.run(), "queue positions")

    async def _give_up(self, job: Job) -> None:
        """Its recipe is for an engine that the host has taken out: no other one would draw the same."""
        sentence = gone(job.request.recipe)
        log.warning("job %s fails: %s", job.id, sentence)
        await self._records.run(lambda record: record.fail(job.id, sentence))
        failed = Failed(sentence, kind=FailureKind.NO_ENGINE)
        self._observer.ended(job.request, failed, self._records.now() - job.submitted)

    def _part_failed(self, _: BaseException) -> None:
        self._problem = "A part of the picture queue has failed; restart the program."

    async def stop(self) -> None:
        """End the workers; what they were drawing goes back and is drawn after the next start."""
        await self._tasks.close()
        await self._records.close()

    # What the handlers call

    async def submit(self, request: ImageRequest) -> None:
        """Accept durably; the same id again is the same job.

        Raises:
            QueueFull: a limit is reached, no device can draw, or the job cannot be written down; with the sentence.
            NoSuchEngine: the recipe is for an engine that is not here.
        """
        if request.id in self._jobs:
            return
        if (dispatcher := self._dispatchers.get(request.recipe.engine)) is None:
            if await self._records.run(lambda record: record.get(request.id)) is None:
                raise NoSuchEngine(gone(request.recipe))
            return  # it has ended, also where it was drawn before the engine went
        if sentence := dispatcher.hopeless():
            raise QueueFull(sentence)
        self._check_limits(request.owner)
        try:
            job = await self._records.run(lambda record: record.submit(request))
        except RecordRefused as error:
            raise QueueFull(NO_RECORD) from error
        if job.state is JobState.QUEUED and job.id not in self._jobs:
            self._observer.submitted(request)
            log.info("job %s waits", job.id)
            self._jobs.wait(job)

    def _check_limits(self, owner: Owner) -> None:
        limits, owners = self._limits, self._jobs.owners
        mine = sum(other.counts_as == owner.counts_as for other in owners)
        here = sum(other.thread == owner.thread for other in owners)
        if len(owners) >= limits.length:
            raise QueueFull(f"The queue is full ({limits.length} pictures wait); ask again in a few minutes.")
        if mine >= limits.per_person:
            raise QueueFull(f"You have {mine} pictures waiting, which is the limit; wait for one, or cancel some.")
        if here >= limits.per_thread:
            raise QueueFull(f"This thread has {here} pictures waiting, which is the limit; wait for one of them.")

    async def events(self, id: str) -> AsyncIterator[JobEvent]:
        """What happens to the job from now on, ending with its outcome; see `handlers.ports.Pictures`."""
        feed = self._jobs.feed(id)
        if feed is None:
            yield await self._past(id)
            return
        async for event in feed.listen():
            yield event

    async def _past(self, id: str) -> JobEvent:
        """The outcome of a job that is not open here."""
        job = await self._records.insist(lambda record: record.get(id), for_s=KEEP_TRYING_S)
        if job is None:
            return Failed(UNKNOWN)
        if job.result is None:
            return outcome(job) or Failed(UNKNOWN)
        made = job.result
        try:
            data = await asyncio.to_thread(self._files.get, made.sha256)
        except OSError:
            return Failed("This picture's file is gone from the disk; ask for the picture again.")
        return Done(
            RenderedPicture(
                data, made.media_type, made.width, made.height, made.recipe, made.device_seconds, made.metrics
            )
        )

    async def cancel(self, id: str, by: str) -> bool:
        """False when the job has already ended or never was.

        Raises:
            RecordRefused: it cannot be written down, so it goes on.
        """
        try:
            if not await self._records.run(lambda record: record.cancel(id, by)):
                return False
        except RecordRefused as error:
            raise RecordRefused(NO_RECORD, error.trouble) from error
        self._jobs.stop_waiting(id)
        for runner in self._runners.values():
            await runner.cancel(id)
        self._jobs.close(id, Cancelled(by))
        return True

    async def discard(self, id: str, sentence: str) -> None:
        """What a job made may not be kept; see `handlers.ports.Pictures`.

        Raises:
            RecordRefused: it cannot be written down now; it is later, and housekeeping deletes the file.
        """
        try:
            file = await self._records.insist(lambda record: record.discard(id, sentence), for_s=KEEP_TRYING_S)
        except RecordRefused as error:
            self._records.later(lambda record: record.discard(id, sentence))
            raise RecordRefused(NO_RECORD, error.trouble) from error
        for name in await self._unneeded([file] if file is not None else []):
            await asyncio.to_thread(self._files.delete, name)

    # What whoever runs the program looks at, and housekeeping

    def health(self) -> QueueHealth:
        """How the engines, their devices and the record are now."""
        engines = tuple(
            EngineHealth(name, _workers(name, one), len(self._jobs.lanes[name].line), one.problem)
            for name, one in self._dispatchers.items()
        )
        return QueueHealth(engines, self._problem or self._records.problem, self._purposes.overflow)

    async def probe(self) -> None:
        """Use the record, so that health tells the truth about it.

        Raises:
            RecordRefused: it refuses.
        """
        await self._records.run(lambda record: record.probe())

    def waiting(self) -> list[WaitingClass]:
        """How many wait and since when, by class and engine."""
        return self._jobs.waiting_classes()

    async def wanted_files(self) -> set[str]:
        """Files that jobs made and that their listeners may not have taken over yet.

        Raises:
            RecordRefused: it cannot be read.
        """
        return await self._records.run(lambda record: record.wanted_files())

    async def forget(self, tenant: str, person: str, threads: Sequence[str]) -> int:
        """Delete what the record has of a person's ended jobs; see `JobRecord.forget`.

        Raises:
            RecordRefused: it cannot be written.
        """
        return await self._forget(lambda record: record.forget(tenant, person, threads))

    async def forget_thread(self, tenant: str, thread: str) -> int:
        """Delete what the record has of a thread's ended jobs; returns how many.

        Raises:
            RecordRefused: it cannot be written.
        """
        return await self._forget(lambda record: record.forget_thread(tenant, thread))

    async def _forget(self, work: Callable[[JobRecord], int]) -> int:
        try:
            return await self._records.run(work)
        except RecordRefused as error:
            raise RecordRefused(NO_RECORD, error.trouble) from error

    async def prune(self, before: float) -> int:
        """Forget jobs that ended before a Unix time.

        Raises:
            RecordRefused: it cannot be written.
        """
        gone = 0
        while some := await self._records.run(lambda record: record.prune(before, PRUNED_AT_ONCE)):
            gone += some
        return gone
