"""What the queue needs of a record of jobs. What was accepted survives any crash, and ends once.

States and the only transitions between them:

    queued → running → done | failed | cancelled
    queued → failed | cancelled
    running → queued          (its worker or the program died; attempts are counted)
    done → failed             (what it made may not be kept)

Each time a job is taken, its fencing token grows; whoever comes with an older one is refused, so that
a worker believed dead cannot end a job that another one has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from imaging.model import Cancelled, Failed, ImageRequest, Outcome, Recipe

MAX_CRASHES = 2
"""A job that was running when its worker died this often is failed."""
MAX_RESTARTS = 5
"""The same for the whole program, where the culprit is less clear."""
CRASHED = "This picture stopped the renderer twice; change its words or its size and ask again."


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})


@dataclass(frozen=True, slots=True)
class Result:
    """A finished picture as the record keeps it: the bytes lie in `PictureFiles` under `sha256`."""

    sha256: str
    media_type: str
    width: int
    height: int
    recipe: Recipe
    device_seconds: float
    metrics: dict[str, float]


@dataclass(frozen=True, slots=True)
class Job:
    """One job. `crashes` and `restarts` count how often it was running when a worker or the program died."""

    request: ImageRequest
    state: JobState
    fence: int
    crashes: int
    restarts: int
    submitted: float
    result: Result | None = None
    sentence: str | None = None
    retryable: bool = True
    by: str | None = None

    @property
    def id(self) -> str:
        return self.request.id


def outcome(job: Job) -> Outcome | None:
    """How an ended job ended, other than in a picture (whose bytes the record does not have)."""
    if job.state is JobState.FAILED:
        return Failed(job.sentence or CRASHED, job.retryable)
    if job.state is JobState.CANCELLED:
        return Cancelled(job.by or "somebody")
    return None


class JobRecord(Protocol):
    """Every method is one short transaction, called from one thread at a time. Each may raise
    `imaging.errors.RecordRefused`, which says in what way the record refuses; nothing is then half written."""

    def now(self) -> float:
        """Unix time, by the record's clock; never refuses."""

    def probe(self) -> None:
        """Whether it can be written now; nothing is."""

    def submit(self, request: ImageRequest) -> Job:
        """Accept a job; the same id again returns what is on file, unchanged."""

    def get(self, id: str) -> Job | None: ...

    def open_jobs(self) -> list[Job]:
        """What has not ended, oldest first."""

    def claim(self, id: str) -> int | None:
        """queued → running. Returns the fencing token, None when the job is not queued (any more)."""

    def done(self, id: str, fence: int, result: Result) -> bool:
        """running → done. False for a token that is not the newest: somebody else has the job."""

    def fail(self, id: str, sentence: str, *, fence: int | None = None, retryable: bool = True) -> bool:
        """running (with its token) or queued → failed, with the sentence that people read."""

    def cancel(self, id: str, by: str) -> bool:
        """queued or running → cancelled. False when it has ended or never was."""

    def discard(self, id: str, sentence: str) -> str | None:
        """done → failed, and what it made is forgotten. Returns the name of its file where no other job made the same;
        None when there is none to delete."""

    def release(self, id: str, fence: int, *, crashed: bool) -> JobState | None:
        """running → queued, or failed when its worker `crashed` over it too often. None for an old token."""

    def recover(self) -> list[Job]:
        """After a start: what a program that is gone left running is queued again, or failed when that has
        happened too often. Returns everything that waits now, oldest first."""

    def prune(self, before: float, most: int = -1) -> int:
        """Forget jobs that ended before a Unix time, oldest first, at most so many; returns how many."""

    def latest_results(self, most: int) -> list[Result]:
        """What the jobs that were done last made, oldest first."""

    def forget(self, tenant: str, person: str, threads: Sequence[str]) -> int:
        """Delete a person's ended jobs, and the recipes of parents in those of others in these threads; returns how
        many jobs were deleted."""

    def forget_thread(self, tenant: str, thread: str) -> int:
        """Delete the ended jobs of a thread; returns how many."""

    def wanted_files(self) -> set[str]:
        """Pictures that an ended job made and that its listener may not have taken over yet."""

    def close(self) -> None: ...
