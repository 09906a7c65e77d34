"""What goes to which worker of an engine, and how it ends there: the queue's side of `runner.Dispatch`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from imaging.disk import Trouble, picture_sentence
from imaging.errors import RecordRefused
from imaging.files import PictureFiles
from imaging.model import Abilities, Done, Failed, FailureKind, JobEvent, Recipe, RenderedPicture, Started, Step
from imaging.places import without_places
from imaging.queue.forecast import forecast
from imaging.queue.open_jobs import OpenJobs
from imaging.queue.runner import Claimed, Runner, WorkerState
from imaging.queue.types import QueueObserver
from imaging.record.patience import Records
from imaging.record.port import Job, JobRecord, JobState, Result, outcome
from imaging.trace import of_job, trace
from imaging.worker_client import JobRefused, Stepped

log = logging.getLogger(__name__)

UNKNOWN = "This picture's job is not on file any more; ask for the picture again."
GIVE_UP = 2
"""Failed starts in a row of every worker after which what waits is told so, instead of waiting for a mended host."""
FAILING = 3
"""Pictures in a row that failed, after which others are asked to draw where they may."""
FAILING_S = 60.0
"""After the last of them; then it is tried again."""
KEEP_TRYING_S = 60.0
"""How long a locked record is waited for with a finished picture in hand."""
UNWRITABLE_S = 1.0
"""Between tries to claim a job while the record cannot be written."""


class Dispatcher:
    """One for all runners of an engine, which are put in once they are made."""

    def __init__(
        self, abilities: Abilities, jobs: OpenJobs, records: Records, files: PictureFiles, observer: QueueObserver
    ) -> None:
        self.abilities = abilities
        self._jobs = jobs
        self._lane = jobs.lanes[abilities.name]
        self._records = records
        self._files = files
        self._observer = observer
        self.runners: Mapping[str, Runner] = {}
        self._failures: tuple[int, float, str] = (0, 0.0, "")
        """In a row, of pictures for which another try may do; when the last was, Unix time, and its sentence."""

    def hopeless(self) -> str | None:
        """Why no device can be had, for people; None while one can. The host's log and health have the whole of it."""
        if any(r.failed_starts < GIVE_UP or r.state is WorkerState.READY for r in self.runners.values()):
            return None
        return next((without_places(r.problem) for r in self.runners.values() if r.problem), None)

    @property
    def problem(self) -> str | None:
        """Why nothing is drawn now, for people; None where something is, or will be once a worker has started. A
        worker may be well where what it asks (an endpoint) is not."""
        count, at, sentence = self._failures
        if count >= FAILING and self._records.now() - at < FAILING_S:
            return sentence
        if any(runner.able for runner in self.runners.values()):
            return None
        out = [r.problem for r in self.runners.values() if r.state is WorkerState.TAKEN_OUT and r.problem]
        return self.hopeless() or (without_places(out[0]) if len(out) == len(self.runners) > 0 else None)

    def ends(self, more: Sequence[float] = ()) -> list[float]:
        """In how many seconds each waiting job will be finished, in the order of service; then so much more work."""
        runners = self.runners.values()
        running = [self._jobs.seconds_left(claimed.job) for runner in runners for claimed in runner.held]
        servers = sum(runner.able for runner in runners) * self.abilities.parallel
        return forecast([*self._jobs.seconds_waiting(self._lane), *more], running, servers)

    def publish_positions(self) -> None:
        self._jobs.publish_positions(self._lane, self.ends())

    async def fail_waiting(self, job: Job, sentence: str, kind: FailureKind) -> None:
        """End a job that has not been taken."""
        if self._jobs.stop_waiting(job.id):
            await self._record_failure(lambda record: record.fail(job.id, sentence))
            self._jobs.close(job.id, Failed(sentence, kind=kind))

    async def _record_failure(self, call: Callable[[JobRecord], bool]) -> bool:
        """Write down a failure that is told in any case: at once, or as soon as the record can be written."""
        try:
            return await self._records.run(call)
        except RecordRefused:
            log.exception("the record cannot take a failure yet")
            self._records.later(call)
            return True

    # Before a job is taken

    def _able(self) -> frozenset[str]:
        return frozenset(name for name, runner in self.runners.items() if runner.able)

    def _has_work(self, worker: str) -> bool:
        """A worker that sleeps is woken only for what those with their weights loaded have no room for."""
        line = self._lane.line
        if not line.has_work(worker, self._able()):
            return False
        if self.runners[worker].state is WorkerState.READY:
            return True
        room = sum(runner.free for runner in self.runners.values())
        return len(line) > room or line.next_is_alone(worker, self._able())

    async def wait_for_work(self, worker: str) -> None:
        while not self._has_work(worker):
            self._lane.work.clear()
            await self._lane.work.wait()

    async def changed(self, worker: str) -> None:
        self._lane.work.set()
        self._jobs.moved.set()
        sentence = self.hopeless()
        if sentence is not None and not any(runner.held for runner in self.runners.values()):
            for waiting in self._lane.line.order():
                await self.fail_waiting(self._jobs[waiting.id], sentence, FailureKind.NO_DEVICE)

    def must_run_alone(self, worker: str) -> bool:
        return self._lane.line.next_is_alone(worker, self._able())

    async def take(self, worker: str) -> tuple[Claimed, dict[str, bytes]] | None:
        waiting = self._lane.line.take(worker, self._able())
        if waiting is None:
            return None
        job = self._jobs[waiting.id]
        claimed = await self._claimed(job, worker)
        if claimed is None:
            return None
        try:
            images = await asyncio.to_thread(self._inputs, job.request.recipe)
        except (OSError, ValueError):
            sentence = "The picture that this one builds on is gone from the disk; start from another."
            await self._fail(claimed, Failed(sentence, retryable=False, kind=FailureKind.INPUT))
            return None
        self._jobs.moved.set()
        return (claimed, images) if job.id in self._jobs else None

    async def _claimed(self, job: Job, worker: str) -> Claimed | None:
        try:
            fence = await self._records.run(lambda record: record.claim(job.id))
        except RecordRefused as error:
            log.warning("job %s cannot be claimed (%s) and waits", job.id, error)
            if job.id in self._jobs:
                self._jobs.wait(replace(job, fence=max(1, job.fence)))
            await asyncio.sleep(UNWRITABLE_S)
            return None
        if fence is None or job.id not in self._jobs:
            return None  # cancelled while it was looked at
        waited = self._records.now() - job.submitted
        self._observer.claimed(job.request, worker, waited)
        with trace(of_job(job.id)):
            log.info("job %s goes to the worker on %s after %.2f s", job.id, worker, waited)
        return Claimed(job, fence)

    def _inputs(self, recipe: Recipe) -> dict[str, bytes]:
        """The bytes of every picture that a recipe and its sources look at."""
        found: dict[str, bytes] = {}
        at: Recipe | None = recipe
        while at is not None:
            found |= {image: self._files.get(image) for image in at.images if image not in found}
            at = at.source
        return found

    # What a worker says of it

    def started(self, claimed: Claimed, worker: str) -> None:
        self._publish(claimed, Started(worker))

    def stepped(self, claimed: Claimed, message: Stepped) -> None:
        self._publish(claimed, Step(message.step, message.total, message.preview))

    def _publish(self, claimed: Claimed, event: JobEvent) -> None:
        self._jobs.publish(claimed.job.id, event)

    async def finished(self, claimed: Claimed, picture: RenderedPicture) -> None:
        """Bytes first, then the row, then the word: whoever hears of a picture can have it."""
        job = claimed.job
        self._jobs.estimates.learn(job.request.recipe, picture.device_seconds)
        try:
            sha256 = await asyncio.to_thread(self._files.put, picture.data)
            result = Result(
                sha256, picture.media_type, picture.width, picture.height, picture.recipe, picture.device_seconds,
                dict(picture.metrics),
            )  # fmt: skip
            kept = await self._keep(lambda record: record.done(job.id, claimed.fence, result))
        except (OSError, RecordRefused) as error:
            await self._fail(claimed, Failed(picture_sentence(error), kind=FailureKind.DISK))
            return
        self._failures = (0, 0.0, "")
        if kept:
            self._jobs.close(job.id, Done(picture))

    async def _keep(self, call: Callable[[JobRecord], bool]) -> bool:
        """A lock passes: a finished picture is worth waiting for it. A full disk is told at once."""
        try:
            return await self._records.run(call)
        except RecordRefused as error:
            if error.trouble is not Trouble.LOCKED:
                raise
        return await self._records.insist(call, for_s=KEEP_TRYING_S)

    async def refused(self, claimed: Claimed, message: JobRefused) -> None:
        kind = FailureKind.ENGINE if message.retryable else FailureKind.REFUSED
        if message.moderated:
            kind = FailureKind.MODERATED
        sentence = without_places(message.sentence)
        if sentence != message.sentence:
            log.warning("job %s failed: %s", claimed.job.id, message.sentence)
        if kind is FailureKind.ENGINE:
            self._failures = (self._failures[0] + 1, self._records.now(), sentence)
        await self._fail(claimed, Failed(sentence, message.retryable, kind))

    async def _fail(self, claimed: Claimed, failed: Failed) -> None:
        id, fence = claimed.job.id, claimed.fence
        if await self._record_failure(
            lambda record: record.fail(id, failed.sentence, fence=fence, retryable=failed.retryable)
        ):
            self._jobs.close(id, failed)

    async def dropped(self, claimed: Claimed, worker: str, *, crashed: bool) -> None:
        id = claimed.job.id
        state = await self._records.insist(lambda record: record.release(id, claimed.fence, crashed=crashed))
        if state is None or id not in self._jobs:
            return
        if crashed:
            self._jobs.crashed(id, worker)
        fresh = await self._records.insist(lambda record: record.get(id))
        if fresh is None:
            return
        if state is JobState.FAILED:
            told = outcome(fresh)
            self._jobs.close(
                id, replace(told, kind=FailureKind.CRASHED) if isinstance(told, Failed) else Failed(UNKNOWN)
            )
        else:
            self._observer.given_back(claimed.job.request, "crash" if crashed else "stop")
            self._jobs.wait(replace(fresh, fence=claimed.fence))
