"""The jobs that have not ended: who waits in which order, and who listens to what becomes of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from imaging.model import Cancelled, Done, Failed, JobEvent, Owner, Queued, Step
from imaging.queue.crews import Lane
from imaging.queue.estimates import Estimates
from imaging.queue.fairness import Waiting
from imaging.queue.feeds import Feed
from imaging.queue.types import QueueObserver, WaitingClass
from imaging.record.patience import Records
from imaging.record.port import Job
from imaging.trace import of_job, trace

log = logging.getLogger(__name__)


class OpenJobs:
    """Everything of a job that only lives as long as this program does. On one event loop."""

    def __init__(self, records: Records, observer: QueueObserver, engines: Iterable[str]) -> None:
        self._records = records
        self._observer = observer
        self._jobs: dict[str, Job] = {}
        self._feeds: dict[str, Feed] = {}
        self._crashed_on: dict[str, frozenset[str]] = {}
        self.lanes = {name: Lane() for name in engines}
        self.estimates = Estimates()
        self.moved = asyncio.Event()
        """Positions may have changed."""

    def __contains__(self, id: str) -> bool:
        return id in self._jobs

    def __getitem__(self, id: str) -> Job:
        return self._jobs[id]

    @property
    def owners(self) -> list[Owner]:
        return [job.request.owner for job in self._jobs.values()]

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(len(lane.line) for lane in self.lanes.values())

    def _lane(self, job: Job) -> Lane:
        return self.lanes[job.request.recipe.engine]

    def _waits(self, job: Job) -> bool:
        return job.id in self._lane(job).line

    def stop_waiting(self, id: str) -> bool:
        """Take a job out of its line; False when it does not wait."""
        return any(lane.line.remove(id) for lane in self.lanes.values())

    def feed(self, id: str) -> Feed | None:
        """What listeners of a job see; None when it is not open here."""
        return self._feeds.get(id)

    def wait(self, job: Job) -> None:
        """A job waits (again), for an engine that is here."""
        self._jobs[job.id] = job
        self._feeds.setdefault(job.id, Feed())
        request = job.request
        waiting = Waiting(job.id, request.owner, request.priority, self.estimates.seconds(request.recipe))
        lane = self._lane(job)
        if job.crashes:
            lane.line.add_again(waiting, self._crashed_on.get(job.id, frozenset()))
        else:
            # One that was taken before (its worker was stopped) goes before its owner's others.
            lane.line.add(waiting, front=job.fence > 0)
        lane.work.set()
        self.moved.set()

    def crashed(self, id: str, worker: str) -> None:
        """A job took this worker down; another is tried next, where there is one."""
        self._crashed_on[id] = self._crashed_on.get(id, frozenset()) | {worker}

    def close(self, id: str, event: Done | Failed | Cancelled) -> None:
        """A job has its outcome: tell the listeners and forget it here (the record keeps it)."""
        job = self._jobs.pop(id, None)
        feed = self._feeds.pop(id, None)
        self._crashed_on.pop(id, None)
        if feed is not None:
            feed.publish(event)
        if job is not None:
            seconds = self._records.now() - job.submitted
            self._observer.ended(job.request, event, seconds)
            with trace(of_job(id)):
                log.info("job %s is %s after %.2f s", id, type(event).__name__.lower(), seconds)
        self.moved.set()

    def publish(self, id: str, event: JobEvent) -> None:
        """Tell the listeners of an open job."""
        if (feed := self._feeds.get(id)) is not None:
            feed.publish(event)

    def publish_positions(self, lane: Lane, ends: list[float]) -> None:
        """Tell everybody who waits there where they stand, and when they will be served: seconds, in the order of
        service."""
        for position, (waiting, end) in enumerate(zip(lane.line.order(), ends, strict=True)):
            known = self.estimates.known(self._jobs[waiting.id].request.recipe)
            self.publish(waiting.id, Queued(position, round(end, 1) if known else None))

    def seconds_waiting(self, lane: Lane) -> list[float]:
        """Device seconds that each waiting job will take there, in the order of service."""
        return [self.estimates.seconds(self._jobs[waiting.id].request.recipe) for waiting in lane.line.order()]

    def seconds_left(self, job: Job) -> float:
        """Device seconds that a running job still takes."""
        feed = self._feeds.get(job.id)
        newest = None if feed is None else feed.newest
        share = 1 - newest.step / newest.total if isinstance(newest, Step) and newest.total else 1.0
        return self.estimates.seconds(job.request.recipe) * share

    def waiting_since(self, before: float) -> list[Job]:
        """What waits and was submitted before a Unix time."""
        return [job for job in self._jobs.values() if job.submitted < before and self._waits(job)]

    def waiting_classes(self) -> list[WaitingClass]:
        """How many wait and since when, by class and engine."""
        found: dict[tuple[str, str], list[float]] = {}
        for job in self._jobs.values():
            if self._waits(job):
                name = job.request.priority.value, job.request.recipe.engine
                found.setdefault(name, []).append(job.submitted)
        now = self._records.now()
        return [WaitingClass(*name, len(since), max(0.0, now - min(since))) for name, since in sorted(found.items())]
