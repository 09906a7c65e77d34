"""What the queue is told and what it tells of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from imaging.model import ImageRequest, Owner
from imaging.runner import WorkerState


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """How many jobs may be open at once. At a limit the answer comes at once."""

    length: int = 500
    per_person: int = 40
    per_thread: int = 60
    deadline_s: float = 6 * 3600.0
    """A job that has waited this long is failed: nobody waits for it any more."""


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """A job as `/queue` shows it. `position` is None when it is running."""

    id: str
    owner: Owner
    description: str
    position: int | None
    eta_s: float | None
    step: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class WorkerHealth:
    name: str
    state: WorkerState
    problem: str | None


@dataclass(frozen=True, slots=True)
class QueueHealth:
    """The truth for `/readyz` and doctor. Ready unless every device has been taken out or the ledger refuses."""

    workers: tuple[WorkerHealth, ...]
    waiting: int
    running: int
    problem: str | None

    @property
    def ready(self) -> bool:
        out = all(worker.state is WorkerState.TAKEN_OUT for worker in self.workers)
        return self.problem is None and not (self.workers and out)


class QueueObserver(Protocol):
    """Told what happens, for metrics. Must not raise."""

    def submitted(self, request: ImageRequest) -> None: ...
    def ended(self, request: ImageRequest, how: str, device_seconds: float) -> None:
        """`how` is done, failed or cancelled."""


class NoObserver:
    """Nobody watches."""

    def submitted(self, request: ImageRequest) -> None:
        """Nothing to count."""

    def ended(self, request: ImageRequest, how: str, device_seconds: float) -> None:
        """Nothing to count."""
