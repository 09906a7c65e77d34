"""A record of jobs that lives as long as its process: for tests, and for measuring the queue without a disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from imaging.model import ImageRequest, Recipe
from imaging.record.port import CRASHED, ENDED, MAX_CRASHES, MAX_RESTARTS, Job, JobState, Result


class MemoryRecord:
    """See `imaging.record.port.JobRecord`. Closing keeps everything, as a file would."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._jobs: dict[str, Job] = {}
        self._ended: dict[str, float] = {}
        """When each ended, in the order in which they did."""

    def now(self) -> float:
        return self._clock()

    def probe(self) -> None:
        """Memory refuses nothing."""

    def close(self) -> None:
        """Nothing to let go."""

    def submit(self, request: ImageRequest) -> Job:
        new = Job(request, JobState.QUEUED, 0, 0, 0, self._clock())
        return self._jobs.setdefault(request.id, new)

    def get(self, id: str) -> Job | None:
        return self._jobs.get(id)

    def open_jobs(self) -> list[Job]:
        return sorted((job for job in self._jobs.values() if job.state not in ENDED), key=lambda job: job.submitted)

    def claim(self, id: str) -> int | None:
        job = self._jobs.get(id)
        if job is None or job.state is not JobState.QUEUED:
            return None
        self._jobs[id] = replace(job, state=JobState.RUNNING, fence=job.fence + 1)
        return job.fence + 1

    def done(self, id: str, fence: int, result: Result) -> bool:
        job = self._held(id, fence)
        return job is not None and self._end(replace(job, state=JobState.DONE, result=result))

    def fail(self, id: str, sentence: str, *, fence: int | None = None, retryable: bool = True) -> bool:
        job = self._jobs.get(id) if fence is None else self._held(id, fence)
        if job is None or (fence is None and job.state is not JobState.QUEUED):
            return False
        return self._end(replace(job, state=JobState.FAILED, sentence=sentence, retryable=retryable))

    def cancel(self, id: str, by: str) -> bool:
        job = self._jobs.get(id)
        open_ = job is not None and job.state not in ENDED
        return job is not None and open_ and self._end(replace(job, state=JobState.CANCELLED, by=by))

    def discard(self, id: str, sentence: str) -> str | None:
        job = self._jobs.get(id)
        if job is None or job.result is None:
            return None
        self._jobs[id] = replace(job, state=JobState.FAILED, sentence=sentence, retryable=False, result=None)
        return None if job.result.sha256 in self.wanted_files() else job.result.sha256

    def release(self, id: str, fence: int, *, crashed: bool) -> JobState | None:
        job = self._held(id, fence)
        if job is None:
            return None
        job = replace(job, crashes=job.crashes + crashed, state=JobState.QUEUED)
        if job.crashes >= MAX_CRASHES:
            job = replace(job, state=JobState.FAILED, sentence=CRASHED, retryable=False)
            self._end(job)
        self._jobs[id] = job
        return job.state

    def recover(self) -> list[Job]:
        for job in [job for job in self._jobs.values() if job.state is JobState.RUNNING]:
            if job.restarts + 1 >= MAX_RESTARTS:
                self._end(replace(job, state=JobState.FAILED, sentence=CRASHED, retryable=False))
            else:
                again = replace(job, state=JobState.QUEUED, restarts=job.restarts + 1, fence=job.fence + 1)
                self._jobs[job.id] = again
        return self.open_jobs()

    def prune(self, before: float, most: int = -1) -> int:
        old = sorted((at, id) for id, at in self._ended.items() if at < before)
        gone = old if most < 0 else old[:most]
        for _, id in gone:
            del self._jobs[id], self._ended[id]
        return len(gone)

    def latest_results(self, most: int) -> list[Result]:
        ended = sorted(self._ended.items(), key=lambda item: item[1])
        results = [made for id, _ in ended if (made := self._jobs[id].result) is not None]
        return results[-most:] if most else []

    def forget(self, tenant: str, person: str, threads: Sequence[str]) -> int:
        gone = 0
        for id in list(self._ended):
            owner = self._jobs[id].request.owner
            if (owner.tenant, owner.person) == (tenant, person):
                del self._jobs[id], self._ended[id]
                gone += 1
            elif owner.tenant == tenant and owner.thread in threads:
                self._jobs[id] = _without_parents(self._jobs[id])
        return gone

    def forget_thread(self, tenant: str, thread: str) -> int:
        owners = {id: self._jobs[id].request.owner for id in self._ended}
        gone = [id for id, owner in owners.items() if (owner.tenant, owner.thread) == (tenant, thread)]
        for id in gone:
            del self._jobs[id], self._ended[id]
        return len(gone)

    def wanted_files(self) -> set[str]:
        return {job.result.sha256 for job in self._jobs.values() if job.result is not None}

    def _held(self, id: str, fence: int) -> Job | None:
        """The job, where it runs and the token is its newest."""
        job = self._jobs.get(id)
        return job if job is not None and job.state is JobState.RUNNING and job.fence == fence else None

    def _end(self, job: Job) -> bool:
        self._jobs[job.id] = job
        self._ended[job.id] = self._clock()
        return True


def _without_parents(job: Job) -> Job:
    def alone(recipe: Recipe) -> Recipe:
        return replace(recipe, source=None)

    request = replace(job.request, recipe=alone(job.request.recipe))
    made = None if job.result is None else replace(job.result, recipe=alone(job.result.recipe))
    return replace(job, request=request, result=made)
