"""How long people wait under the fair schedule and under plain first come, first served: a simulation.

The schedule is the real one; the device is a clock that draws one picture after another, so the figures are the
same on every machine.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from imaging.model import Owner, Priority
from imaging.queue.fairness import FairSchedule, Waiting
from imaging.queue.forecast import forecast

PICTURE_S = 2.0
"""Device seconds of a plain picture."""


class Schedule(Protocol):
    def add(self, job: Waiting) -> None: ...
    def next(self) -> Waiting | None: ...
    def order(self) -> list[Waiting]: ...


class FirstCome:
    """The baseline."""

    def __init__(self) -> None:
        self._jobs: deque[Waiting] = deque()

    def add(self, job: Waiting) -> None:
        self._jobs.append(job)

    def next(self) -> Waiting | None:
        return self._jobs.popleft() if self._jobs else None

    def order(self) -> list[Waiting]:
        return list(self._jobs)


@dataclass(frozen=True, slots=True)
class Arrival:
    at: float
    person: str
    cost: float = PICTURE_S
    bulk: bool = False
    tenant: str = "T"


@dataclass(frozen=True, slots=True)
class Served:
    """What became of an arrival: seconds until it was there, and the ETA that was told when it came."""

    arrival: Arrival
    took: float
    foretold: float


def simulate(arrivals: Sequence[Arrival], schedule: Schedule) -> list[Served]:
    """Draw everything on one device."""
    coming = sorted(arrivals, key=lambda arrival: arrival.at)
    known: dict[str, tuple[Arrival, float]] = {}
    served: list[Served] = []
    now, at = 0.0, 0
    busy_until = 0.0

    def admit(until: float) -> None:
        nonlocal at
        while at < len(coming) and coming[at].at <= until:
            one, id = coming[at], f"j{at}"
            priority = Priority.BULK if one.bulk else Priority.INTERACTIVE
            schedule.add(Waiting(id, Owner(one.tenant, one.person, one.person), priority, one.cost))
            order = schedule.order()
            ends = forecast([job.cost for job in order], [max(0.0, busy_until - one.at)], 1)
            known[id] = one, ends[[job.id for job in order].index(id)]
            at += 1

    while at < len(coming) or schedule.order():
        admit(now)
        job = schedule.next()
        if job is None:
            now = coming[at].at
            continue
        busy_until = now + job.cost
        admit(busy_until)
        now = busy_until
        arrival, foretold = known[job.id]
        served.append(Served(arrival, now - arrival.at, foretold))
    return served


def heavy_and_light(dice: random.Random) -> list[Arrival]:
    """One person asks for forty pictures; twenty others ask for one each while these are drawn."""
    return [Arrival(0.0, "heavy") for _ in range(40)] + [Arrival(dice.uniform(0, 80), f"light{at}") for at in range(20)]


def threads_200(dice: random.Random) -> list[Arrival]:
    """Two hundred people, some far busier than others, at 80 % of what the device can do; a refinement costs more."""
    weights = sorted((dice.paretovariate(1.2) for _ in range(200)), reverse=True)
    people = [f"{'busy' if at < 10 else 'p'}{at}" for at in range(200)]
    count, span = 1000, 1000 * PICTURE_S * 1.3 / 0.8
    return [
        Arrival(dice.uniform(0, span), dice.choices(people, weights)[0], PICTURE_S * dice.choice((1, 1, 1, 2.2)))
        for _ in range(count)
    ]


def bursts(dice: random.Random) -> list[Arrival]:
    """Every few minutes a brainstorm asks for 24 pictures in bulk, while ten people edit one picture after another."""
    found = [Arrival(at * 200.0, f"brainstorm{at}", bulk=True) for at in range(5) for _ in range(24)]
    for at in range(10):
        moment = dice.uniform(0, 30)
        while moment < 1000:
            found.append(Arrival(moment, f"editor{at}"))
            moment += dice.expovariate(1 / 40)
    return found


SCENES: dict[str, tuple[Callable[[random.Random], list[Arrival]], Callable[[Arrival], bool]]] = {
    "heavy_and_light": (heavy_and_light, lambda one: one.person.startswith("light")),
    "threads_200": (threads_200, lambda one: not one.person.startswith("busy")),
    "bursts": (bursts, lambda one: not one.bulk),
}
"""Who asks when, and whose waiting is looked at."""


def figures(seed: int = 1) -> dict[str, float]:
    """Seconds until a picture is there, by scene and schedule: median, 95 % and longest of those who are looked at,
    and longest of all; how far the first ETA was off, as a share of the real time; and how many pictures of another
    begin before one's single picture does."""
    found: dict[str, float] = {}
    for name, (make, looked_at) in SCENES.items():
        arrivals = make(random.Random(seed))
        for kind, schedule in (("fifo", FirstCome()), ("fair", FairSchedule())):
            served = simulate(arrivals, schedule)
            took = sorted(one.took for one in served if looked_at(one.arrival))
            place = f"{name}.{kind}"
            found[f"{place}.p50_s"] = took[len(took) // 2]
            found[f"{place}.p95_s"] = took[int(len(took) * 0.95)]
            found[f"{place}.max_s"] = took[-1]
            found[f"{place}.all_max_s"] = max(one.took for one in served)
            off = sorted(abs(one.took - one.foretold) / one.took for one in served)
            found[f"{place}.eta_off"] = off[len(off) // 2]
        found[f"{name}.p95_ratio"] = found[f"{name}.fair.p95_s"] / found[f"{name}.fifo.p95_s"]
    found["pictures_before_one"] = _pictures_before_one()
    return found


def _pictures_before_one() -> float:
    """The most pictures of somebody's forty that begin between another's one picture's coming and beginning."""
    most = 0
    for served in range(40):
        schedule = FairSchedule()
        for at in range(40):
            schedule.add(Waiting(f"heavy{at}", Owner("T", "heavy", "t"), Priority.INTERACTIVE, PICTURE_S))
        for _ in range(served):
            schedule.next()
        schedule.add(Waiting("light", Owner("T", "light", "t"), Priority.INTERACTIVE, PICTURE_S))
        most = max(most, [one.id for one in schedule.order()].index("light"))
    return float(most)
