"""The job queue: accepts durably, serves fairly, and gives every job exactly one outcome.

`JobQueue` joins the records (what survives), the line (whose turn it is), the runners (one a device) and the
feeds (what listeners see). It lives on one event loop. A database that refuses for a while holds jobs up; it
loses none.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from imaging.disk import Trouble, picture_sentence, record_sentence, trouble
from imaging.engine_table import EngineSpec, build_engine
from imaging.errors import QueueFull, RecordRefused
from imaging.estimates import Estimates
from imaging.fairness import Waiting
from imaging.feeds import Feed
from imaging.files import PictureFiles
from imaging.forecast import forecast
from imaging.ledger import Job, JobLedger, JobState, Result, outcome
from imaging.line import WaitingLine
from imaging.model import (
    Abilities,
    Cancelled,
    Done,
    Failed,
    FailureKind,
    ImageRequest,
    JobEvent,
    Owner,
    Queued,
    Recipe,
    RenderedPicture,
    Started,
    Step,
)
from imaging.places import without_places
from imaging.queue_types import (
    NoObserver,
    QueueEntry,
    QueueHealth,
    QueueLimits,
    QueueObserver,
    WaitingClass,
    WorkerHealth,
)
from imaging.records import Records
from imaging.runner import SILENCE_S, Claimed, Runner, WorkerState
from imaging.trace import of_job, trace
from imaging.worker_client import Refused, Stepped, WorkerTransport

log = logging.getLogger(__name__)

UNKNOWN = "This picture's job is not on file any more; ask for the picture again."
NO_RECORD = "The picture queue cannot write its record; ask again in a moment."
POSITIONS_S = 0.25
"""Positions and ETAs are worked out again at most this often."""
ETA_S = 5.0
"""While something waits its ETA is worked out again this often, also when nothing has begun or ended."""
OVERDUE_S = 30.0
"""How often jobs that have waited beyond their deadline are looked for."""
GIVE_UP = 2
"""Failed starts in a row of every worker after which what waits is told so, instead of waiting for a mended host."""
KEEP_TRYING_S = 60.0
"""How long a locked record is waited for with a finished picture in hand."""
UNWRITABLE_S = 1.0
"""Between tries to claim a job while the record cannot be written."""
PRUNED_AT_ONCE = 500
"""Rows of one transaction: others wait no longer than that."""
REMEMBERED = 200
"""Ended jobs from which a start learns how long pictures take."""


class JobQueue:
    """Implements `handlers.ports.Pictures`. Use it with `async with`, or `start` and `stop`."""

    def __init__(
        self,
        ledger: JobLedger,
        files: PictureFiles,
        workers: Sequence[WorkerTransport],
        engine: EngineSpec,
        *,
        home: Path,
        limits: QueueLimits | None = None,
        idle_stop_s: float | None = None,
        silence_s: float = SILENCE_S,
        warm: bool = False,
        observer: QueueObserver | None = None,
    ) -> None:
        """
        Args:
            home: Where the engine may keep what it measured.
            idle_stop_s, silence_s, warm: See `imaging.runner.Runner`.

        Raises:
            ValueError: two workers have the same name.
            EngineError: the engine's files are missing.
        """
        self._records = Records(ledger)
        self._files = files
        self._limits = limits or QueueLimits()
        self._observer = observer or NoObserver()
        self._abilities = build_engine(engine, home).abilities
        self._line = WaitingLine()
        self._estimates = Estimates()
        self._feeds: dict[str, Feed] = {}
        self._jobs: dict[str, Job] = {}
        self._crashed_on: dict[str, frozenset[str]] = {}
        self._runners = {
            transport.name: Runner(transport, self, idle_stop_s=idle_stop_s, silence_s=silence_s, warm=warm)
            for transport in workers
        }
        if len(self._runners) < len(workers):
            raise ValueError("two workers have the same name")
        self._tasks: list[asyncio.Task[None]] = []
        self._work = asyncio.Event()
        self._moved = asyncio.Event()
        self._problem: str | None = None

    @property
    def abilities(self) -> Abilities:
        return self._abilities

    def estimate(self, recipe: Recipe) -> float:
        """Device seconds that the recipe will take, from what earlier ones took."""
        return self._estimates.seconds(recipe)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Take up what an earlier program left, then serve.

        Raises:
            RecordRefused: the ledger cannot be read or written.
        """
        try:
            for result in await self._records.run(lambda ledger: ledger.latest_results(REMEMBERED)):
                self._estimates.learn(result.recipe, result.device_seconds)
            left = await self._records.run(JobLedger.recover)
        except sqlite3.Error as error:
            raise RecordRefused(record_sentence(error)) from error
        for job in left:
            self._wait(job)
        self._tasks = [asyncio.create_task(one.run(), name=f"runner {one.name}") for one in self._runners.values()]
        self._tasks.append(asyncio.create_task(self._keep_positions(), name="queue positions"))
        for task in self._tasks:
            task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._problem = "A part of the picture queue has failed; restart the program."
            log.critical("%s failed", task.get_name(), exc_info=task.exception())

    async def stop(self) -> None:
        """End the workers; what they were drawing goes back and is drawn after the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self._records.close()

    # What the handlers call

    async def submit(self, request: ImageRequest) -> None:
        """Accept durably; the same id again is the same job.

        Raises:
            QueueFull: a limit is reached, no device can draw, or the job cannot be written down; with the sentence.
        """
        if request.id in self._jobs:
            return
        if sentence := self._hopeless():
            raise QueueFull(sentence)
        self._check_limits(request.owner)
        try:
            job = await self._records.run(lambda ledger: ledger.submit(request))
        except sqlite3.Error as error:
            raise QueueFull(NO_RECORD) from error
        if job.state is JobState.QUEUED and job.id not in self._jobs:
            self._observer.submitted(request)
            log.info("job %s waits", job.id)
            self._wait(job)

    def _check_limits(self, owner: Owner) -> None:
        limits = self._limits
        owners = [job.request.owner for job in self._jobs.values()]
        mine = sum(_same_person(o, owner) for o in owners)
        here = sum(o.thread == owner.thread for o in owners)
        if len(owners) >= limits.length:
            raise QueueFull(f"The queue is full ({limits.length} pictures wait); ask again in a few minutes.")
        if mine >= limits.per_person:
            raise QueueFull(f"You have {mine} pictures waiting, which is the limit; wait for one, or cancel some.")
        if here >= limits.per_thread:
            raise QueueFull(f"This thread has {here} pictures waiting, which is the limit; wait for one of them.")

    async def events(self, id: str) -> AsyncIterator[JobEvent]:
        """What happens to the job from now on, ending with its outcome; see `handlers.ports.Pictures`."""
        feed = self._feeds.get(id)
        if feed is None:
            yield await self._past(id)
            return
        async for event in feed.listen():
            yield event

    async def _past(self, id: str) -> JobEvent:
        """The outcome of a job that is not open here."""
        job = await self._records.insist(lambda ledger: ledger.get(id), for_s=KEEP_TRYING_S)
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
            if not await self._records.run(lambda ledger: ledger.cancel(id, by)):
                return False
        except sqlite3.Error as error:
            raise RecordRefused(NO_RECORD) from error
        self._line.remove(id)
        for runner in self._runners.values():
            await runner.cancel(id)
        self._close(id, Cancelled(by))
        return True

    async def cancel_where(self, by: str, *, thread: str | None = None, person: Owner | None = None) -> int:
        """Cancel every open job of a thread, of a person, or (with neither) of all; returns how many."""
        chosen = [
            job.id
            for job in self._jobs.values()
            if (thread is None or job.request.owner.thread == thread)
            and (person is None or _same_person(job.request.owner, person))
        ]
        return sum([await self.cancel(id, by) for id in chosen])

    def snapshot(self) -> list[QueueEntry]:
        """Everything open: running first, then in the order in which it will be served."""
        entries = [self._entry(claimed.job, None) for runner in self._runners.values() for claimed in runner.held]
        for position, waiting in enumerate(self._line.order()):
            entries.append(self._entry(self._jobs[waiting.id], position))
        return entries

    def _entry(self, job: Job, position: int | None) -> QueueEntry:
        newest = self._feeds[job.id].newest if job.id in self._feeds else None
        eta = newest.eta_s if isinstance(newest, Queued) else None
        step, total = (newest.step, newest.total) if isinstance(newest, Step) else (0, 0)
        return QueueEntry(job.id, job.request.owner, job.request.recipe.description, position, eta, step, total)

    def health(self) -> QueueHealth:
        """How the devices and the record are now."""
        workers = tuple(
            WorkerHealth(r.name, r.state, r.problem, len(r.held), r.busy_s, r.failures) for r in self._runners.values()
        )
        running = sum(worker.running for worker in workers)
        return QueueHealth(workers, len(self._line), running, self._problem or self._records.problem)

    async def probe(self) -> None:
        """Use the record, so that health tells the truth about it.

        Raises:
            sqlite3.Error: it refuses.
        """
        await self._records.run(JobLedger.probe)

    def waiting(self) -> list[WaitingClass]:
        """How many wait and since when, by class."""
        found: dict[str, list[float]] = {}
        for job in self._jobs.values():
            if job.id in self._line:
                found.setdefault(job.request.priority.value, []).append(job.submitted)
        now = self._records.ledger.now()
        return [WaitingClass(name, len(since), max(0.0, now - min(since))) for name, since in sorted(found.items())]

    async def wanted_files(self) -> set[str]:
        """Files that jobs made and that their listeners may not have taken over yet."""
        return await self._records.run(JobLedger.wanted_files)

    async def forget(self, tenant: str, person: str, threads: Sequence[str]) -> int:
        """Delete what the record has of a person's ended jobs; see `JobLedger.forget`.

        Raises:
            RecordRefused: it cannot be written.
        """
        try:
            return await self._records.run(lambda ledger: ledger.forget(tenant, person, threads))
        except sqlite3.Error as error:
            raise RecordRefused(NO_RECORD) from error

    async def prune(self, before: float) -> int:
        """Forget jobs that ended before a Unix time."""
        gone = 0
        while some := await self._records.run(lambda ledger: ledger.prune(before, PRUNED_AT_ONCE)):
            gone += some
        return gone

    # Waiting and positions

    def _wait(self, job: Job) -> None:
        self._jobs[job.id] = job
        self._feeds.setdefault(job.id, Feed())
        waiting = self._waiting(job)
        if job.crashes:
            self._line.add_again(waiting, self._crashed_on.get(job.id, frozenset()))
        else:
            # One that was taken before (its worker was stopped) goes before its owner's others.
            self._line.add(waiting, front=job.fence > 0)
        self._work.set()
        self._moved.set()

    def _waiting(self, job: Job) -> Waiting:
        cost = self._estimates.seconds(job.request.recipe)
        return Waiting(job.id, job.request.owner, job.request.priority, cost)

    def _close(self, id: str, event: Done | Failed | Cancelled) -> None:
        """A job has its outcome: tell the listeners and forget it here (the ledger keeps it)."""
        job = self._jobs.pop(id, None)
        feed = self._feeds.pop(id, None)
        self._crashed_on.pop(id, None)
        if feed is not None:
            feed.publish(event)
        if job is not None:
            seconds = self._records.ledger.now() - job.submitted
            self._observer.ended(job.request, event, seconds)
            with trace(of_job(id)):
                log.info("job %s is %s after %.2f s", id, type(event).__name__.lower(), seconds)
        self._moved.set()

    async def _keep_positions(self) -> None:
        """Positions and ETAs follow what happens, and waits that have lasted too long end."""
        loop = asyncio.get_running_loop()
        looked = loop.time()
        while True:
            # Not wait_for: before Python 3.12 it can swallow a cancellation that comes with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ETA_S if len(self._line) else OVERDUE_S):
                    await self._moved.wait()
            if loop.time() - looked >= OVERDUE_S:
                looked = loop.time()
                await self._end_overdue()
            self._moved.clear()
            self._publish_positions()
            await asyncio.sleep(POSITIONS_S)

    def _publish_positions(self) -> None:
        order = [self._jobs[waiting.id].request.recipe for waiting in self._line.order()]
        running = [self._left(claimed) for runner in self._runners.values() for claimed in runner.held]
        devices = sum(runner.able for runner in self._runners.values())
        ends = forecast([*map(self._estimates.seconds, order)], running, devices * self._abilities.parallel)
        for position, (waiting, recipe, end) in enumerate(zip(self._line.order(), order, ends, strict=True)):
            eta = round(end, 1) if self._estimates.known(recipe) else None
            self._feeds[waiting.id].publish(Queued(position, eta))

    def _left(self, claimed: Claimed) -> float:
        newest = self._feeds[claimed.job.id].newest if claimed.job.id in self._feeds else None
        share = 1 - newest.step / newest.total if isinstance(newest, Step) and newest.total else 1.0
        return self._estimates.seconds(claimed.job.request.recipe) * share

    async def _end_overdue(self) -> None:
        oldest = self._records.ledger.now() - self._limits.deadline_s
        for job in [job for job in self._jobs.values() if job.submitted < oldest and job.id in self._line]:
            sentence = "This picture has waited for hours without being drawn; ask for it again."
            await self._fail_waiting(job, sentence, FailureKind.OVERDUE)

    async def _fail_waiting(self, job: Job, sentence: str, kind: FailureKind) -> None:
        if self._line.remove(job.id):
            await self._record_failure(lambda ledger: ledger.fail(job.id, sentence))
            self._close(job.id, Failed(sentence, kind=kind))

    async def _record_failure(self, call: Callable[[JobLedger], bool]) -> bool:
        """Write down a failure that is told in any case: at once, or as soon as the record can be written."""
        try:
            return await self._records.run(call)
        except sqlite3.Error:
            log.exception("the ledger cannot record a failure yet")
            self._records.later(call)
            return True

    def _hopeless(self) -> str | None:
        """Why no device can be had, for people; None while one can. The host's log and health have the whole of it."""
        if any(r.failed_starts < GIVE_UP or r.state is WorkerState.READY for r in self._runners.values()):
            return None
        return next((without_places(r.problem) for r in self._runners.values() if r.problem), None)

    # What the runners call

    def _able(self) -> frozenset[str]:
        return frozenset(name for name, runner in self._runners.items() if runner.able)

    def _has_work(self, worker: str) -> bool:
        """A worker that sleeps is woken only for what those with their weights loaded have no room for."""
        if not self._line.has_work(worker, self._able()):
            return False
        if self._runners[worker].state is WorkerState.READY:
            return True
        room = sum(runner.free for runner in self._runners.values())
        return len(self._line) > room or self._line.next_is_alone(worker, self._able())

    async def wait_for_work(self, worker: str) -> None:
        while not self._has_work(worker):
            self._work.clear()
            await self._work.wait()

    async def changed(self, worker: str) -> None:
        self._work.set()
        self._moved.set()
        sentence = self._hopeless()
        if sentence is not None and not any(runner.held for runner in self._runners.values()):
            for waiting in self._line.order():
                await self._fail_waiting(self._jobs[waiting.id], sentence, FailureKind.NO_DEVICE)

    def must_run_alone(self, worker: str) -> bool:
        return self._line.next_is_alone(worker, self._able())

    async def take(self, worker: str) -> tuple[Claimed, dict[str, bytes]] | None:
        waiting = self._line.take(worker, self._able())
        if waiting is None:
            return None
        job = self._jobs[waiting.id]
        try:
            fence = await self._records.run(lambda ledger: ledger.claim(job.id))
        except sqlite3.Error as error:
            log.warning("job %s cannot be claimed (%s) and waits", job.id, error)
            if job.id in self._jobs:
                self._wait(replace(job, fence=max(1, job.fence)))
            await asyncio.sleep(UNWRITABLE_S)
            return None
        if fence is None or job.id not in self._jobs:
            return None  # cancelled while it was looked at
        waited = self._records.ledger.now() - job.submitted
        self._observer.claimed(job.request, worker, waited)
        with trace(of_job(job.id)):
            log.info("job %s goes to the worker on %s after %.2f s", job.id, worker, waited)
        claimed = Claimed(job, fence)
        try:
            images = await asyncio.to_thread(self._inputs, job.request.recipe)
        except (OSError, ValueError):
            sentence = "The picture that this one builds on is gone from the disk; start from another."
            await self._fail(claimed, Failed(sentence, retryable=False, kind=FailureKind.INPUT))
            return None
        self._moved.set()
        return (claimed, images) if job.id in self._jobs else None

    def _inputs(self, recipe: Recipe) -> dict[str, bytes]:
        """The bytes of every picture that a recipe and its sources look at."""
        found: dict[str, bytes] = {}
        at: Recipe | None = recipe
        while at is not None:
            if at.source_image is not None and at.source_image not in found:
                found[at.source_image] = self._files.get(at.source_image)
            at = at.source
        return found

    def started(self, claimed: Claimed, worker: str) -> None:
        self._publish(claimed, Started(worker))

    def stepped(self, claimed: Claimed, message: Stepped) -> None:
        self._publish(claimed, Step(message.step, message.total, message.preview))

    def _publish(self, claimed: Claimed, event: JobEvent) -> None:
        feed = self._feeds.get(claimed.job.id)
        if feed is not None:
            feed.publish(event)

    async def finished(self, claimed: Claimed, picture: RenderedPicture) -> None:
        """Bytes first, then the row, then the word: whoever hears of a picture can have it."""
        job = claimed.job
        self._estimates.learn(job.request.recipe, picture.device_seconds)
        try:
            sha256 = await asyncio.to_thread(self._files.put, picture.data)
            result = Result(
                sha256, picture.media_type, picture.width, picture.height, picture.recipe, picture.device_seconds,
                dict(picture.metrics),
            )  # fmt: skip
            kept = await self._keep(lambda ledger: ledger.done(job.id, claimed.fence, result))
        except (OSError, sqlite3.Error) as error:
            await self._fail(claimed, Failed(picture_sentence(error), kind=FailureKind.DISK))
            return
        if kept:
            self._close(job.id, Done(picture))

    async def _keep(self, call: Callable[[JobLedger], bool]) -> bool:
        """A lock passes: a finished picture is worth waiting for it. A full disk is told at once."""
        try:
            return await self._records.run(call)
        except sqlite3.Error as error:
            if trouble(error) is not Trouble.LOCKED:
                raise
        return await self._records.insist(call, for_s=KEEP_TRYING_S)

    async def refused(self, claimed: Claimed, message: Refused) -> None:
        kind = FailureKind.ENGINE if message.retryable else FailureKind.REFUSED
        sentence = without_places(message.sentence)
        if sentence != message.sentence:
            log.warning("job %s failed: %s", claimed.job.id, message.sentence)
        await self._fail(claimed, Failed(sentence, message.retryable, kind))

    async def _fail(self, claimed: Claimed, failed: Failed) -> None:
        id, fence = claimed.job.id, claimed.fence
        if await self._record_failure(
            lambda ledger: ledger.fail(id, failed.sentence, fence=fence, retryable=failed.retryable)
        ):
            self._close(id, failed)

    async def dropped(self, claimed: Claimed, worker: str, *, crashed: bool) -> None:
        id = claimed.job.id
        state = await self._records.insist(lambda ledger: ledger.release(id, claimed.fence, crashed=crashed))
        if state is None or id not in self._jobs:
            return
        if crashed:
            self._crashed_on[id] = self._crashed_on.get(id, frozenset()) | {worker}
        fresh = await self._records.insist(lambda ledger: ledger.get(id))
        if fresh is None:
            return
        if state is JobState.FAILED:
            told = outcome(fresh)
            self._close(id, replace(told, kind=FailureKind.CRASHED) if isinstance(told, Failed) else Failed(UNKNOWN))
        else:
            self._observer.given_back(claimed.job.request, "crash" if crashed else "stop")
            self._wait(replace(fresh, fence=claimed.fence))


def _same_person(one: Owner, other: Owner) -> bool:
    return one.counts_as == other.counts_as
