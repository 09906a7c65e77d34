"""Whose turn it is: fair queueing over tenants and, within each, over people.

Like deficit round robin (Shreedhar & Varghese 1996, "Efficient Fair Queuing Using Deficit Round Robin") it keeps
what each has had beyond their share, in estimated device seconds. The share is not handed out once a round but
with every picture: start-time fair queueing (Goyal, Vin & Cheng 1996) over the virtual time of Demers, Keshav &
Shenker 1989. So somebody who asks for one picture waits for at most the one that is being drawn, however many
another person has waiting, and people who come later and later pass nobody for long. Who asks in several tenants at
a time counts as one: they get what one tenant of their own would. Pure: no clock, no I/O.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from dataclasses import dataclass
from typing import TypeAlias

from imaging.model import Owner, Priority

FADES = 0.98
"""How fast a large picture is forgotten, with each picture that comes."""
BULK_SHARE = 4.0
"""Interactive device seconds that may pass before a waiting bulk job has its turn, per second of that job."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that waits. `cost` is its estimated device seconds, more than 0."""

    id: str
    owner: Owner
    priority: Priority
    cost: float


class _Person:
    """First come, first served."""

    def __init__(self, jobs: deque[Waiting] | None = None) -> None:
        self._jobs = jobs or deque()

    def copy(self) -> _Person:
        return _Person(self._jobs.copy())

    def __len__(self) -> int:
        return len(self._jobs)

    def push(self, job: Waiting, *, front: bool, path: tuple[str, ...]) -> None:
        (self._jobs.appendleft if front else self._jobs.append)(job)

    def peek(self) -> Waiting | None:
        return self._jobs[0] if self._jobs else None

    def pop(self) -> Waiting:
        return self._jobs.popleft()

    def remove(self, job: Waiting, path: tuple[str, ...]) -> None:
        self._jobs.remove(job)

    def jobs(self, path: tuple[str, ...]) -> list[Waiting]:
        return list(self._jobs)

    def knows(self, path: tuple[str, ...]) -> bool:
        return True


_Due: TypeAlias = tuple[float, int, int, str]
"""When a child's turn is due in virtual time; of equals who was served longest ago, then who came first; its key."""


class _Ring:
    """Fair queueing over children that are made when first needed.

    Virtual time goes on by a served job's cost divided among all who wait: it is what each of them should have had.
    """

    def __init__(self) -> None:
        self._children: dict[str, _Ring | _Person] = {}
        """Those for whom something waits."""
        self._dues: dict[str, _Due] = {}
        """Of each child."""
        self._heap: list[_Due] = []
        """The same, and some that are over."""
        self._resting: dict[str, tuple[_Due, _Ring | _Person]] = {}
        """Those for whom nothing waits, but who had a picture just now, with the turn that would be theirs."""
        self._now = 0.0
        self._lead = 0.0
        """A picture as large as any of late: so far may a child be ahead of its share or behind it."""
        self._count = 0

    def copy(self) -> _Ring:
        other = _Ring()
        other._children = {key: child.copy() for key, child in self._children.items()}
        other._dues, other._heap, other._resting = self._dues.copy(), self._heap.copy(), self._resting.copy()
        other._now, other._lead, other._count = self._now, self._lead, self._count
        return other

    def __len__(self) -> int:
        """How many children wait."""
        return len(self._children)

    def push(self, job: Waiting, *, front: bool, path: tuple[str, ...]) -> None:
        key, rest = path[0], path[1:]
        self._lead = max(job.cost, FADES * self._lead)
        if key not in self._children:
            newcomer = (-math.inf, 0, 0, key), _Ring() if rest else _Person()
            (due, served, *_), self._children[key] = self._resting.pop(key, newcomer)
            # Who comes goes before whoever has had a picture since, also where that one was kept waiting by others
            # who came; who asks again at once still has what they have had.
            self._line_up(key, max(self._now - self._lead, due), served)
        self._children[key].push(job, front=front, path=rest)

    def _line_up(self, key: str, due: float, served: int) -> None:
        self._count += 1
        self._dues[key] = (due, served, self._count, key)
        heapq.heappush(self._heap, self._dues[key])
        if len(self._heap) > 2 * len(self._dues) + 64:  # somebody asks and cancels again and again
            self._heap = sorted(self._dues.values())

    def _first(self) -> _Due | None:
        while self._heap and self._dues.get(self._heap[0][-1]) != self._heap[0]:
            heapq.heappop(self._heap)
        return self._heap[0] if self._heap else None

    def peek(self) -> Waiting | None:
        first = self._first()
        return None if first is None else self._children[first[-1]].peek()

    def pop(self) -> Waiting:
        first = self._first()
        if first is None:
            raise IndexError("nothing waits")
        due, _, _, key = first
        job = self._children[key].pop()
        before = self._now
        self._now += job.cost / len(self._children)
        self._line_up(key, max(due, before - self._lead) + job.cost, self._count)
        self._leave_if_done(key)
        return job

    def remove(self, job: Waiting, path: tuple[str, ...]) -> None:
        self._children[path[0]].remove(job, path[1:])
        self._leave_if_done(path[0])

    def jobs(self, path: tuple[str, ...]) -> list[Waiting]:
        """What waits there, in its order."""
        child = self._children.get(path[0])
        return [] if child is None else child.jobs(path[1:])

    def knows(self, path: tuple[str, ...]) -> bool:
        """Whether something waits there, or what was had there is still counted."""
        child = self._children.get(path[0])
        if child is None and path[0] in self._resting:
            (due, *_), resting = self._resting[path[0]]
            child = resting if due >= self._now - self._lead else None
        return child is not None and child.knows(path[1:])

    def _leave_if_done(self, key: str) -> None:
        if len(self._children[key]):
            return
        self._resting[key] = self._dues.pop(key), self._children.pop(key)
        over = self._now - self._lead
        self._resting = {key: rest for key, rest in self._resting.items() if rest[0][0] >= over}


class FairSchedule:
    """What waits, and in which order it is served. Interactive jobs go before bulk jobs, which get
    their turn after `BULK_SHARE` times their own cost of interactive work: nobody starves."""

    def __init__(self) -> None:
        self._rings = {priority: _Ring() for priority in Priority}
        self._jobs: dict[str, Waiting] = {}
        self._places: dict[tuple[Priority, str], str] = {}
        """In which tenant a person's jobs wait, or waited of late; all of a person's are in one."""
        self._many = 1024
        """Places from which on those that count no more are forgotten."""
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
        self._settle(job)
        self._rings[job.priority].push(job, front=front, path=self._path(job))

    def _path(self, job: Waiting) -> tuple[str, str]:
        return self._places[job.priority, job.owner.counts_as], job.owner.counts_as

    def _settle(self, job: Waiting) -> None:
        """Find the tenant in which the job counts: its own, unless its person is somewhere else just now. Then all of
        theirs move to one that is theirs alone."""
        ring, account = self._rings[job.priority], job.owner.counts_as
        name, tenant, alone = (job.priority, account), job.owner.tenant, f"\0{account}"
        known = self._places.get(name, tenant)
        if not ring.knows((known, account)):
            self._places[name] = tenant
        elif known not in (tenant, alone):
            waiting = ring.jobs((known, account))
            for one in waiting:
                ring.remove(one, (known, account))
            self._places[name] = alone
            for one in waiting:
                ring.push(one, front=False, path=(alone, account))
        if len(self._places) > self._many:
            self._places = {
                (priority, one): place
                for (priority, one), place in self._places.items()
                if self._rings[priority].knows((place, one)) or one == account
            }
            self._many = 2 * len(self._places) + 1024

    def remove(self, id: str) -> bool:
        """Take a job out, wherever it stands; False when it does not wait."""
        job = self._jobs.pop(id, None)
        if job is not None:
            self._rings[job.priority].remove(job, self._path(job))
        return job is not None

    def peek(self) -> Waiting | None:
        """The job whose turn it is; it stays."""
        first = self._rings[Priority.INTERACTIVE].peek()
        bulk = self._rings[Priority.BULK].peek()
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
        elif self._rings[Priority.BULK].peek() is not None:
            self._since_bulk += job.cost
        del self._jobs[job.id]
        return job

    def order(self) -> list[Waiting]:
        """Everything that waits, in the order in which it would be served if nothing more came."""
        future = FairSchedule()
        future._rings = {priority: ring.copy() for priority, ring in self._rings.items()}
        future._jobs, future._since_bulk = self._jobs.copy(), self._since_bulk
        served: list[Waiting] = []
        while (job := future.next()) is not None:
            served.append(job)
        return served
