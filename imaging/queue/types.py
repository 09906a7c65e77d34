"""What the queue is told and what it tells of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from imaging.model import ImageRequest, Outcome
from imaging.queue.runner import WorkerState


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """How many jobs may be open at once. At a limit the answer comes at once."""

    length: int = 500
    per_person: int = 40
    per_thread: int = 60
    deadline_s: float = 6 * 3600.0
    """A job that has waited this long is failed: nobody waits for it any more."""


@dataclass(frozen=True, slots=True)
class WorkerHealth:
    """One device. `busy_s` is how long it has had work since the program began."""

    name: str
    state: WorkerState
    problem: str | None
    running: int = 0
    busy_s: float = 0.0
    failures: int = 0

    @property
    def sentence(self) -> str | None:
        """What is wrong with it; None when it draws, or would at once."""
        match self.state:
            case WorkerState.READY | WorkerState.ASLEEP:
                return None
            case WorkerState.STARTING:
                return f"The picture model is being loaded on {self.name}."
            case WorkerState.BACKING_OFF:
                return f"The picture worker on {self.name} is being started again: {self.problem}"
            case WorkerState.TAKEN_OUT:
                times = f"after {self.failures} failures in a row"
                return f"The device {self.name} is taken out {times}, and tried again every minute: {self.problem}"


@dataclass(frozen=True, slots=True)
class WaitingClass:
    """What waits of one priority: how many, and for how long the oldest, seconds."""

    name: str
    count: int
    oldest_s: float


@dataclass(frozen=True, slots=True)
class QueueHealth:
    """The truth for `/readyz` and doctor."""

    workers: tuple[WorkerHealth, ...]
    waiting: int
    running: int
    problem: str | None
    """Of the queue as a whole: its record cannot be written, or a part of it has failed."""

    @property
    def problems(self) -> list[str]:
        """What keeps pictures from being made; empty as long as one device can."""
        whole = [self.problem] if self.problem else []
        wrong = [sentence for worker in self.workers if (sentence := worker.sentence)]
        return whole + (wrong if len(wrong) == len(self.workers) else [])

    @property
    def passing(self) -> list[str]:
        """Those of the problems that are over when a model is loaded."""
        starting = [worker.sentence for worker in self.workers if worker.state is WorkerState.STARTING]
        return [problem for problem in self.problems if problem in starting]

    @property
    def warnings(self) -> list[str]:
        """Devices that do not draw while others do."""
        wrong = [sentence for worker in self.workers if (sentence := worker.sentence)]
        return wrong if len(wrong) < len(self.workers) else []

    @property
    def ready(self) -> bool:
        return not self.problems


class QueueObserver(Protocol):
    """Told what happens, for metrics. Must not raise."""

    def submitted(self, request: ImageRequest) -> None: ...
    def claimed(self, request: ImageRequest, device: str, waited_s: float) -> None: ...
    def given_back(self, request: ImageRequest, why: str) -> None:
        """It waits again: its worker crashed (`crash`) or was stopped (`stop`)."""

    def ended(self, request: ImageRequest, outcome: Outcome, seconds: float) -> None:
        """`seconds` since it was submitted."""


class NoObserver:
    """Nobody watches."""

    def submitted(self, request: ImageRequest) -> None:
        """Nothing to count."""

    def claimed(self, request: ImageRequest, device: str, waited_s: float) -> None:
        """Nothing to count."""

    def given_back(self, request: ImageRequest, why: str) -> None:
        """Nothing to count."""

    def ended(self, request: ImageRequest, outcome: Outcome, seconds: float) -> None:
        """Nothing to count."""
