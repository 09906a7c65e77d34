"""Whose turn it is: deficit round robin over tenants and, within each, over people.

Shreedhar & Varghese 1996, "Efficient Fair Queuing Using Deficit Round Robin", with new flows served
before old ones (Nichols & Jacobson's FQ-CoDel, RFC 8290, section 4.1): somebody who asks for one
picture waits for at most the one that is being drawn, however many another person has waiting. The
unit of the deficit is estimated device seconds. Pure: no clock, no I/O.
"""

from __future__ import annotations

import copy
from collections import deque
from dataclasses import dataclass

from imaging.model import Owner, Priority

BULK_SHARE = 4.0
"""Interactive device seconds that may pass before a waiting bulk job has its turn, per second of that job."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that waits. `cost` is its estimated device seconds, more than 0."""

    id: str
    owner: Owner
    priority: Priority
    cost: float

    def __deepcopy__(self, memo: object) -> Waiting:
        return self  # a value: `FairSchedule.order` looks ahead on a copy of the rings alone


class _Person:
    """First come, first served."""

    def __init__(self) -> None:
        self._jobs: deque[Waiting] = deque()

    def push(self, job: Waiting, *, front: bool, path: tuple[str, ...]) -> None:
        (self._jobs.appendleft if front else self._jobs.append)(job)

    def head(self) -> Waiting | None:
        return self._jobs[0] if self._jobs else None

    def pop(self) -> Waiting:
        return self._jobs.popleft()

    def remove(self, job: Waiting, path: tuple[str, ...]) -> None:
        self._jobs.remove(job)


class _Ring:
    """Deficit round robin over children that are made when first needed."""

    def __init__(self) -> None:
        self._children: dict[str, _Ring | _Person] = {}
        self._deficit: dict[str, float] = {}
        self._new: deque[str] = deque()
        self._old: deque[str] = deque()
        self._quantum = 0.0

    def push(self, job: Waiting, *, front: bool, path: tuple[str, ...]) -> None:
        key, rest = path[0], path[1:]
        self._quantum = job.cost if not self._quantum else 0.9 * self._quantum + 0.1 * job.cost
        if key not in self._children:
            self._children[key] = _Ring() if rest else _Person()
            self._deficit[key] = self._quantum
            self._new.append(key)
        self._children[key].push(job, front=front, path=rest)

    def _turn(self) -> str | None:
        """The child whose turn it is; children that have nothing left leave the ring."""
        while self._new or self._old:
            ring = self._new or self._old
            key = ring[0]
            if self._children[key].head() is None:
                ring.popleft()
                if ring is self._new:
                    # It stays known for one round, so that asking again at once does not make it new again.
                    self._old.append(key)
                else:
                    del self._children[key], self._deficit[key]
            elif self._deficit[key] <= 0:
                self._deficit[key] += self._quantum
                ring.popleft()
                self._old.append(key)
            else:
                return key
        return None

    def head(self) -> Waiting | None:
        key = self._turn()
        return None if key is None else self._children[key].head()

    def pop(self) -> Waiting:
        key = self._turn()
        if key is None:
            raise IndexError("nothing waits")
        job = self._children[key].pop()
        self._deficit[key] -= job.cost
        return job

    def remove(self, job: Waiting, path: tuple[str, ...]) -> None:
        self._children[path[0]].remove(job, path[1:])


class FairSchedule:
    """What waits, and in which order it is served. Interactive jobs go before bulk jobs, which get
    their turn after `BULK_SHARE` times their own cost of interactive work: nobody starves."""

    def __init__(self) -> None:
        self._rings = {priority: _Ring() for priority in Priority}
        self._jobs: dict[str, Waiting] = {}
        self._since_bulk = 0.0

    def __len__(self) -> int:
        return len(self._jobs)

    def __contains__(self, id: str) -> bool:
        return id in self._jobs

    def add(self, job: Waiting, *, front: bool = False) -> None:
        """Let a job wait; `front` puts one that was taken before (its worker died) before its owner's others.

        Raises:
            ValueError: it waits already, or its cost is not more than 0.
        """
        if job.id in self._jobs or not job.cost > 0:
            raise ValueError(f"job {job.id!r} cannot be added")
        self._jobs[job.id] = job
        self._rings[job.priority].push(job, front=front, path=(job.owner.tenant, job.owner.person))

    def remove(self, id: str) -> bool:
        """Take a job out, wherever it stands; False when it does not wait."""
        job = self._jobs.pop(id, None)
        if job is not None:
            self._rings[job.priority].remove(job, (job.owner.tenant, job.owner.person))
        return job is not None

    def peek(self) -> Waiting | None:
        """The job whose turn it is; it stays."""
        first = self._rings[Priority.INTERACTIVE].head()
        bulk = self._rings[Priority.BULK].head()
        if first is None or (bulk is not None and self._since_bulk >= BULK_SHARE * bulk.cost):
            return bulk
        return first

    def next(self) -> Waiting | None:
        """Take out the job whose turn it is; None when nothing waits."""
        first = self.peek()
        if first is None:
            return None
        job = self._rings[first.priority].pop()
        if job.priority is Priority.BULK:
            self._since_bulk = 0.0
        elif self._rings[Priority.BULK].head() is not None:
            self._since_bulk += job.cost
        del self._jobs[job.id]
        return job

    def order(self) -> list[Waiting]:
        """Everything that waits, in the order in which it would be served if nothing more came."""
        future = copy.deepcopy(self)
        served: list[Waiting] = []
        while (job := future.next()) is not None:
            served.append(job)
        return served
