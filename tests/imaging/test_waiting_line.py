"""Whose turn it is among devices, and when it will be: pure rules."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from imaging.model import Owner, Priority
from imaging.queue.fairness import Waiting
from imaging.queue.forecast import forecast
from imaging.queue.waiting_line import WaitingLine

BOTH = ("one", "two")


def waiting(id: str, person: str = "ada", cost: float = 1.0) -> Waiting:
    return Waiting(id, Owner("T", person, "t"), Priority.INTERACTIVE, cost)


def test_what_crashed_a_device_goes_first_alone_and_to_another_one() -> None:
    line = WaitingLine()
    line.add(waiting("good"))
    line.add_again(waiting("bad"), frozenset({"one"}))
    assert not line.next_is_alone("one", BOTH)
    assert line.next_is_alone("two", BOTH)
    assert [one.id for one in line.order()] == ["bad", "good"]
    first, second = line.take("one", BOTH), line.take("two", BOTH)
    assert first is not None
    assert second is not None
    assert (first.id, second.id) == ("good", "bad")
    assert len(line) == 0


def test_where_no_other_device_is_able_it_is_tried_on_the_same() -> None:
    line = WaitingLine()
    line.add_again(waiting("bad"), frozenset({"one"}))
    assert line.take("one", BOTH) is None
    assert line.has_work("one", ["one"])
    assert line.take("one", ["one"]) is not None


def test_jobs_can_be_taken_out_wherever_they_stand() -> None:
    line = WaitingLine()
    line.add(waiting("a"))
    line.add_again(waiting("b"), frozenset())
    assert "a" in line
    assert "b" in line
    assert line.remove("a")
    assert line.remove("b")
    assert not line.remove("b")
    assert len(line) == 0


def test_a_job_alone_takes_its_own_time_however_many_devices_there_are() -> None:
    assert forecast([10.0], [], 4) == [10.0]


def test_jobs_begin_on_the_device_that_is_free_first() -> None:
    assert forecast([5.0, 5.0, 1.0], [8.0, 2.0], 2) == [7.0, 12.0, 9.0]


@given(st.lists(st.floats(0.1, 50), max_size=30), st.lists(st.floats(0.1, 50), max_size=8), st.integers(1, 6))
def test_no_forecast_is_before_the_jobs_own_time_or_after_all_the_work(
    jobs: list[float], running: list[float], servers: int
) -> None:
    ends = forecast(jobs, running, servers)
    assert len(ends) == len(jobs)
    for at, end in enumerate(ends):
        assert jobs[at] <= end <= sum(running) + sum(jobs[: at + 1]) + 1e-6
