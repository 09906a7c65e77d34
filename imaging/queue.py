"""The job queue: accepts durably, serves fairly, and gives every job exactly one outcome.

`JobQueue` joins the ledger (what survives), the schedule (whose turn it is), the runners (one a
device) and the feeds (what listeners see). It lives on one event loop; the ledger is spoken to from
one thread of its own, in the order in which things happened.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Self, TypeVar

from imaging.engine_table import EngineSpec, build_engine
from imaging.errors import QueueFull
from imaging.estimates import Estimates
from imaging.fairness import FairSchedule, Waiting
from imaging.feeds import Feed
from imaging.files import PictureFiles
from imaging.ledger import Job, JobLedger, JobState, Result, outcome
from imaging.model import (
    Abilities,
    Cancelled,
    Done,
    Failed,
    ImageRequest,
    JobEvent,
    Owner,
    Queued,
    Recipe,
    RenderedPicture,
    Started,
    Step,
)
from imaging.queue_types import NoObserver, QueueEntry, QueueHealth, QueueLimits, QueueObserver, WorkerHealth
from imaging.runner import Claimed, Runner, WorkerState
from imaging.worker_client import Refused, Stepped, WorkerTransport

log = logging.getLogger(__name__)
T = TypeVar("T")

UNKNOWN = "This picture's job is not on file any more; ask for the picture again."
POSITIONS_S = 0.25
"""Positions and ETAs are worked out again at most this often."""
OVERDUE_S = 30.0
"""How often jobs that have waited beyond their deadline are looked for."""
GIVE_UP = 2
"""Failed starts of every worker after which what waits is told so, instead of waiting for a mended host."""


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
        warm: bool = False,
        observer: QueueObserver | None = None,
    ) -> None:
        self._ledger = ledger
        self._files = files
        self._limits = limits or QueueLimits()
        self._observer = observer or NoObserver()
        self._abilities = build_engine(engine, home).abilities
        self._schedule = FairSchedule()
        self._estimates = Estimates()
        self._feeds: dict[str, Feed] = {}
        self._jobs: dict[str, Job] = {}
        self._runners = [Runner(transport, self, idle_stop_s=idle_stop_s, warm=warm) for transport in workers]
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._tasks: list[asyncio.Task[None]] = []
        self._work = asyncio.Event()
        self._moved = asyncio.Event()
        self._problem: str | None = None

    @property
    def abilities(self) -> Abilities:
        return self._abilities

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Take up what an earlier program left, then serve."""
        for job in await self._in_ledger(self._ledger.recover):
            self._wait(job)
        self._tasks = [asyncio.create_task(runner.run(), name=f"runner {runner.name}") for runner in self._runners]
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
        await self._in_ledger(self._ledger.close)
        self._thread.shutdown()

    async def _in_ledger(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    # What the handlers call

    async def submit(self, request: ImageRequest) -> None:
        """Accept durably; the same id again is the same job.

        Raises:
            QueueFull: a limit is reached, or the job cannot be written down; with the sentence.
        """
        if request.id in self._jobs:
            return
        self._check_limits(request.owner)
        try:
            job = await self._in_ledger(lambda: self._ledger.submit(request))
        except sqlite3.Error as error:
            raise QueueFull(f"The picture queue cannot write its record ({error}); ask again in a moment.") from error
        if job.state is JobState.QUEUED and job.id not in self._jobs:
            self._observer.submitted(request)
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
        job = await self._in_ledger(lambda: self._ledger.get(id))
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
        """False when the job has already ended or never was."""
        if not await self._in_ledger(lambda: self._ledger.cancel(id, by)):
            return False
        self._schedule.remove(id)
        for runner in self._runners:
            await runner.cancel(id)
        self._close(id, Cancelled(by))
        return True

    async def cancel_where(self, by: str, *, thread: str | None = None, person: Owner | None = None) -> int:
        """Cancel every open job of a thread, of a person, or (with neither) of all; returns how many."""
        chosen = [
            job.id
            for job in self._jobs.values()
            if (thread is None or job.request.owner.thread == thread)
            and (
                person is None or (job.request.owner.tenant, job.request.owner.person) == (person.tenant, person.person)
            )
        ]
        return sum([await self.cancel(id, by) for id in chosen])

    def snapshot(self) -> list[QueueEntry]:
        """Everything open: running first, then in the order in which it will be served."""
        entries = [self._entry(claimed.job, None) for runner in self._runners for claimed in runner.held]
        for position, waiting in enumerate(self._schedule.order()):
            entries.append(self._entry(self._jobs[waiting.id], position))
        return entries

    def _entry(self, job: Job, position: int | None) -> QueueEntry:
        newest = self._feeds[job.id].newest if job.id in self._feeds else None
        eta = newest.eta_s if isinstance(newest, Queued) else None
        step, total = (newest.step, newest.total) if isinstance(newest, Step) else (0, 0)
        return QueueEntry(job.id, job.request.owner, job.request.recipe.description, position, eta, step, total)

    def health(self) -> QueueHealth:
        workers = tuple(WorkerHealth(r.name, r.state, r.problem) for r in self._runners)
        running = sum(len(r.held) for r in self._runners)
        return QueueHealth(workers, len(self._schedule), running, self._problem)

    async def wanted_files(self) -> set[str]:
        """Files that jobs made and that their listeners may not have taken over yet."""
        return await self._in_ledger(self._ledger.wanted_files)

    async def prune(self, before: float) -> int:
        """Forget jobs that ended before a Unix time."""
        return await self._in_ledger(lambda: self._ledger.prune(before))

    # Waiting and positions

    def _wait(self, job: Job, *, front: bool = False) -> None:
        cost = self._estimates.seconds(job.request.recipe)
        self._jobs[job.id] = job
        self._feeds.setdefault(job.id, Feed())
        self._schedule.add(Waiting(job.id, job.request.owner, job.request.priority, cost), front=front)
        self._work.set()
        self._publish_positions()

    def _close(self, id: str, event: JobEvent) -> None:
        """A job has its outcome: tell the listeners and forget it here (the ledger keeps it)."""
        job = self._jobs.pop(id, None)
        feed = self._feeds.pop(id, None)
        if feed is not None:
            feed.publish(event)
        if job is not None:
            seconds = event.picture.device_seconds if isinstance(event, Done) else 0.0
            self._observer.ended(job.request, type(event).__name__.lower(), seconds)
        self._moved.set()

    async def _keep_positions(self) -> None:
        """Positions and ETAs follow what happens, and waits that have lasted too long end."""
        loop = asyncio.get_running_loop()
        looked = loop.time()
        while True:
            # Not wait_for: before Python 3.12 it can swallow a cancellation that comes with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(OVERDUE_S):
                    await self._moved.wait()
            if loop.time() - looked >= OVERDUE_S:
                looked = loop.time()
                await self._end_overdue()
            self._moved.clear()
            self._publish_positions()
            await asyncio.sleep(POSITIONS_S)

    def _publish_positions(self) -> None:
        ahead = sum(self._left(claimed) for runner in self._runners for claimed in runner.held)
        devices = max(1, len(self._runners))
        for position, waiting in enumerate(self._schedule.order()):
            recipe = self._jobs[waiting.id].request.recipe
            known = self._estimates.known(recipe)
            ahead += self._estimates.seconds(recipe)
            self._feeds[waiting.id].publish(Queued(position, round(ahead / devices, 1) if known else None))

    def _left(self, claimed: Claimed) -> float:
        newest = self._feeds[claimed.job.id].newest if claimed.job.id in self._feeds else None
        share = 1 - newest.step / newest.total if isinstance(newest, Step) and newest.total else 1.0
        return self._estimates.seconds(claimed.job.request.recipe) * share

    async def _end_overdue(self) -> None:
        oldest = self._ledger.now() - self._limits.deadline_s
        for job in [job for job in self._jobs.values() if job.submitted < oldest and job.id in self._schedule]:
            await self._fail_waiting(job, "This picture has waited for hours without being drawn; ask for it again.")

    async def _fail_waiting(self, job: Job, sentence: str) -> None:
        if self._schedule.remove(job.id) and await self._in_ledger(lambda: self._ledger.fail(job.id, sentence)):
            self._close(job.id, Failed(sentence))

    # What the runners call

    async def wait_for_work(self) -> None:
        while not len(self._schedule):
            self._work.clear()
            await self._work.wait()

    def must_run_alone(self) -> bool:
        first = self._schedule.peek()
        return first is not None and self._jobs[first.id].crashes > 0

    async def take(self) -> tuple[Claimed, dict[str, bytes]] | None:
        waiting = self._schedule.next()
        if waiting is None:
            return None
        job = self._jobs[waiting.id]
        fence = await self._in_ledger(lambda: self._ledger.claim(job.id))
        if fence is None:
            return None  # cancelled while it was looked at
        claimed = Claimed(job, fence)
        try:
            images = await asyncio.to_thread(self._inputs, job.request.recipe)
        except (OSError, ValueError):
            sentence = "The picture that this one builds on is gone from the disk; start from another."
            await self._fail(claimed, sentence, retryable=False)
            return None
        self._moved.set()
        return claimed, images

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
            kept = await self._in_ledger(lambda: self._ledger.done(job.id, claimed.fence, result))
        except (OSError, sqlite3.Error) as error:
            await self._fail(claimed, _cannot_keep(error), retryable=True)
            return
        if kept:
            self._close(job.id, Done(picture))

    async def refused(self, claimed: Claimed, message: Refused) -> None:
        await self._fail(claimed, message.sentence, retryable=message.retryable)

    async def _fail(self, claimed: Claimed, sentence: str, *, retryable: bool) -> None:
        job = claimed.job
        try:
            ended = await self._in_ledger(
                lambda: self._ledger.fail(job.id, sentence, fence=claimed.fence, retryable=retryable)
            )
        except sqlite3.Error:
            # The record refuses too (a full disk): the person is told; after a restart the job is drawn again.
            log.exception("the ledger cannot record a failure")
            ended = True
        if ended:
            self._close(job.id, Failed(sentence, retryable))

    async def dropped(self, claimed: Claimed, *, crashed: bool) -> None:
        job = claimed.job
        state = await self._in_ledger(lambda: self._ledger.release(job.id, claimed.fence, crashed=crashed))
        if state is None:
            return
        fresh = await self._in_ledger(lambda: self._ledger.get(job.id))
        if state is JobState.FAILED and fresh is not None:
            self._close(job.id, outcome(fresh) or Failed(UNKNOWN))
        elif fresh is not None and job.id in self._jobs:
            self._wait(replace(fresh, fence=claimed.fence), front=True)

    async def cannot_start(self, worker: str, sentence: str, failures: int) -> None:
        """When no worker can be had, what waits is told why instead of waiting for a mended host."""
        hopeless = all(r.failures >= GIVE_UP and r.state is not WorkerState.READY for r in self._runners)
        if not hopeless or any(r.held for r in self._runners):
            return
        for job in [self._jobs[waiting.id] for waiting in self._schedule.order()]:
            await self._fail_waiting(job, sentence)


def _same_person(one: Owner, other: Owner) -> bool:
    return (one.tenant, one.person) == (other.tenant, other.person)


def _cannot_keep(error: OSError | sqlite3.Error) -> str:
    full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "full" in str(error).lower()
    if full:
        return "The disk is full, so this picture could not be kept; the host must free some space."
    return "This picture could not be written to the disk; the host should look at `easel doctor`."
