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
    """One device of one engine. `busy_s` is how long it has had work since the program began."""

    engine: str
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
    """What waits of one priority for one engine: how many, and for how long the oldest, seconds."""

    name: str
    engine: str
    count: int
    oldest_s: float


@dataclass(frozen=True, slots=True)
class EngineHealth:
    """One engine, what waits for it, and why it draws nothing now (`imaging.engine_choice.Standing`)."""

    name: str
    workers: tuple[WorkerHealth, ...]
    waiting: int
    problem: str | None

    @property
    def sentences(self) -> list[str]:
        """What is wrong with its devices."""
        return [sentence for worker in self.workers if (sentence := worker.sentence)]

    @property
    def failing(self) -> list[str]:
        """Its devices are well, and it draws nothing."""
        return [f"{self.name} fails every picture: {self.problem}"] if self.draws and self.problem else []

    @property
    def draws(self) -> bool:
        """Whether one of its devices does, or would at once."""
        return len(self.sentences) < len(self.workers)


@dataclass(frozen=True, slots=True)
class QueueHealth:
    """The truth for `/readyz` and doctor."""

    engines: tuple[EngineHealth, ...]
    """The first draws new pictures."""
    problem: str | None
    """Of the queue as a whole: its record cannot be written, or a part of it has failed."""
    relief: str = ""
    """The engine that draws new pictures where the first does not."""

    @property
    def workers(self) -> tuple[WorkerHealth, ...]:
        return tuple(worker for engine in self.engines for worker in engine.workers)

    @property
    def waiting(self) -> int:
        return sum(engine.waiting for engine in self.engines)

    @property
    def running(self) -> int:
        return sum(worker.running for worker in self.workers)

    @property
    def _without(self) -> list[str]:
        """What is wrong where no new pictures can be made."""
        drawing = any(engine.draws for engine in self.engines[1:] if engine.name == self.relief)
        return [] if drawing or self.engines[0].draws else self.engines[0].sentences

    @property
    def problems(self) -> list[str]:
        """What keeps pictures from being made; empty as long as one device can draw new ones."""
        return ([self.problem] if self.problem else []) + self._without

    @property
    def passing(self) -> list[str]:
        """Those of the problems that are over when a model is loaded."""
        starting = [worker.sentence for worker in self.workers if worker.state is WorkerState.STARTING]
        return [problem for problem in self.problems if problem in starting]

    @property
    def warnings(self) -> list[str]:
        """Devices that do not draw while others do, and engines that fail."""
        told = self._without
        wrong = [one for engine in self.engines for one in (*engine.sentences, *engine.failing)]
        return [one for one in wrong if one not in told]

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
