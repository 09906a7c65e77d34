"""Which jobs take the coming step together, and in which UNet calls."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

from imaging.engines.memory import Measured
from imaging.engines.rows import Job, Row


@dataclass(frozen=True, slots=True)
class Group:
    """Jobs that take a step together: in one UNet call, or in two at once, one for each half of guidance."""

    jobs: list[Job]
    halved: bool = False

    @property
    def rows(self) -> list[Row]:
        """Every row of the coming step, sources before their targets."""
        return list(itertools.chain.from_iterable(job.active_rows() for job in self.jobs))

    @property
    def largest(self) -> int:
        """UNet rows of the larger call, which the step waits for."""
        return sum(_size(job, self.halved) for job in self.jobs)


def groups(jobs: list[Job], measured: Callable[[Job], Measured], lanes: int = 1) -> list[Group]:
    """Who goes next: at most one UNet call a lane, each of jobs that can share one.

    The longest waiting come first, with whoever has their size; several lanes part them evenly. Where that gives more,
    two lanes share a group: one has its unconditional rows, the other its conditional ones.

    Args:
        jobs: In flight, in any order.
        measured: What was found out about a job's size: UNet rows of one call (a job is never split, so one that is
            larger runs by itself), and whether a single row comes out as beside others, without which no lanes share.
        lanes: Calls that run at once.
    """
    whole = _grouped(jobs, measured, lanes, halved=False)
    if lanes < 2 or not all(measured(job).alone for job in jobs):
        return whole
    return max(whole, _grouped(jobs, measured, lanes // 2, halved=True), key=_rows_a_time)


def _rows_a_time(found: list[Group]) -> float:
    """UNet rows that a step brings on, by those of its largest call; equal ones keep their order in `max`."""
    return sum(job.unet_rows for group in found for job in group.jobs) / max(
        (each.largest for each in found), default=1
    )


def _size(job: Job, halved: bool) -> int:
    """UNet rows in the larger of its calls."""
    return len(job.active_rows()) if halved else job.unet_rows


def _grouped(jobs: list[Job], measured: Callable[[Job], Measured], lanes: int, *, halved: bool) -> list[Group]:
    waiting = sorted(jobs, key=lambda job: job.served)
    found: list[Group] = []
    while waiting and len(found) < lanes:
        same = [job for job in waiting if job.key == waiting[0].key]
        even = -(-sum(_size(job, halved) for job in same) // (lanes - len(found)))
        found.append(Group(_first(same, min(measured(same[0]).rows, even), halved), halved))
        taken = {job.id for job in found[-1].jobs}
        waiting = [job for job in waiting if job.id not in taken]
    return found


def _first(jobs: list[Job], rows: int, halved: bool) -> list[Job]:
    """The first job, and those after it that fit beside it."""
    group = jobs[:1]
    for job in jobs[1:]:
        if sum(_size(each, halved) for each in group) + _size(job, halved) > rows:
            break
        group.append(job)
    return group
