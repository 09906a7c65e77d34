"""Whose turn it is: nobody is passed over, nobody waits for all of another's pictures, nobody starves."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.model import Owner, Priority
from imaging.queue.fairness import BULK_SHARE, FairSchedule, Waiting

COSTS = st.floats(0.1, 20.0)


def job(id: str, person: str = "ada", cost: float = 1.0, tenant: str = "T", bulk: bool = False) -> Waiting:
    return Waiting(id, Owner(tenant, person, "t"), Priority.BULK if bulk else Priority.INTERACTIVE, cost)


JOBS = st.lists(
    st.tuples(st.sampled_from("TUV"), st.sampled_from("abcde"), COSTS, st.booleans()), min_size=1, max_size=60
).map(lambda rows: [job(f"j{at}", person, cost, tenant, bulk) for at, (tenant, person, cost, bulk) in enumerate(rows)])


def drain(schedule: FairSchedule) -> list[Waiting]:
    served = []
    while (one := schedule.next()) is not None:
        served.append(one)
    return served


@given(JOBS)
def test_everything_is_served_once_and_each_persons_in_order(jobs: list[Waiting]) -> None:
    schedule = FairSchedule()
    for one in jobs:
        schedule.add(one)
    told = schedule.order()
    assert len(schedule) == len(jobs)
    served = drain(schedule)
    assert served == told  # looking ahead tells the truth and changes nothing
    assert sorted(one.id for one in served) == sorted(one.id for one in jobs)
    for owner in {(one.owner, one.priority) for one in jobs}:
        mine = [one for one in jobs if (one.owner, one.priority) == owner]
        assert [one for one in served if (one.owner, one.priority) == owner] == mine


@pytest.mark.parametrize("served", range(5))
@pytest.mark.parametrize("tenant", ["T", "U"])
def test_one_picture_waits_for_at_most_one_however_many_another_person_has_waiting(served: int, tenant: str) -> None:
    schedule = FairSchedule()
    for at in range(40):
        schedule.add(job(f"heavy{at}", "heavy"))
    for _ in range(served):
        schedule.next()
    for again in range(5):  # also for one who asks for the next as soon as the last is there
        schedule.add(job(f"light{again}", "light", tenant=tenant))
        before = [one.id for one in schedule.order()].index(f"light{again}")
        assert before <= 1
        assert before == 0 or again or not served
        for _ in range(before + 1):
            schedule.next()


@given(st.lists(COSTS, min_size=20, max_size=60), st.lists(COSTS, min_size=20, max_size=60))
def test_two_who_both_wait_get_the_same_seconds(hers: list[float], his: list[float]) -> None:
    schedule = FairSchedule()
    for at, cost in enumerate(hers):
        schedule.add(job(f"a{at}", "ada", cost))
    for at, cost in enumerate(his):
        schedule.add(job(f"b{at}", "bob", cost))
    got = Counter[str]()
    left = Counter({"ada": len(hers), "bob": len(his)})
    while min(left.values()):
        one = schedule.next()
        assert one is not None
        got[one.owner.person] += one.cost  # type: ignore[assignment]
        left[one.owner.person] -= 1
        # Never further apart than the largest picture of each and one more.
        assert abs(got["ada"] - got["bob"]) <= 3 * max(hers + his) + 1e-6


def test_a_server_with_many_people_gets_no_more_than_one_with_few() -> None:
    schedule = FairSchedule()
    for at in range(20):
        schedule.add(job(f"crowd{at}", f"p{at}", tenant="crowd"))
        schedule.add(job(f"alone{at}", "one", tenant="alone"))
    first = [one.owner.tenant for one in drain(schedule)[:20]]
    assert 9 <= first.count("alone") <= 11


def test_interactive_goes_before_bulk_and_bulk_does_not_starve() -> None:
    schedule = FairSchedule()
    for at in range(3):
        schedule.add(job(f"bulk{at}", "ada", bulk=True))
    for at in range(40):
        schedule.add(job(f"now{at}", "bob"))
    served = [one.priority for one in drain(schedule)]
    assert served[:4] == [Priority.INTERACTIVE] * 4
    assert Priority.BULK in served[: int(BULK_SHARE) + 2]


@pytest.mark.parametrize("waiting", [1, 3, 10])
def test_people_who_always_come_anew_pass_nobody_for_long(waiting: int) -> None:
    """Everybody who comes has one picture, and as many come as are drawn."""
    schedule = FairSchedule()
    for person in range(waiting):
        schedule.add(job(f"first{person}", f"old{person}"))
        schedule.add(job(f"second{person}", f"old{person}"))
    for _ in range(waiting):
        schedule.next()
    served = []
    for at in range(20 * waiting):
        schedule.add(job(f"new{at}", f"new{at}"))
        one = schedule.next()
        assert one is not None
        served.append(one.id)
    assert {f"second{person}" for person in range(waiting)} <= set(served[: 4 * waiting])


@given(JOBS, st.data())
def test_what_is_taken_out_is_never_served(jobs: list[Waiting], data: st.DataObject) -> None:
    schedule = FairSchedule()
    for one in jobs:
        schedule.add(one)
    gone = data.draw(st.sets(st.sampled_from([one.id for one in jobs])))
    assert all(schedule.remove(id) for id in gone)
    assert not any(schedule.remove(id) for id in gone)
    assert {one.id for one in drain(schedule)} == {one.id for one in jobs} - gone


def test_a_job_waits_once_and_costs_something() -> None:
    schedule = FairSchedule()
    schedule.add(job("a"))
    for wrong in (job("a"), job("b", cost=0.0)):
        with pytest.raises(ValueError, match="cannot be added"):
            schedule.add(wrong)


def test_one_that_was_taken_before_goes_before_its_owners_others() -> None:
    schedule = FairSchedule()
    schedule.add(job("a"))
    schedule.add(job("b"))
    first = schedule.next()
    assert first is not None
    schedule.add(first, front=True)
    assert [one.id for one in drain(schedule)] == ["a", "b"]


# One person in several tenants


def abroad(id: str, tenant: str, account: str = "eve") -> Waiting:
    return Waiting(id, Owner(tenant, account, "t", account), Priority.INTERACTIVE, 1.0)


@pytest.mark.parametrize("tenants", [1, 2, 6])
@pytest.mark.parametrize("at_once", [1, 5])
def test_a_person_in_many_tenants_gets_no_more_than_in_one_of_their_own(tenants: int, at_once: int) -> None:
    """Eve asks again in the next tenant whenever she has had one; the others always have something waiting."""
    schedule = FairSchedule()
    others = [("crowd", f"p{at}") for at in range(5)] + [("alone", "one")]
    waiting = Counter[str]()
    asked = served = 0
    got = Counter[str]()
    while served < 300:
        for tenant, person in others:
            if not waiting[person]:
                asked += 1
                waiting[person] += 1
                schedule.add(abroad(f"{asked}", tenant, person))
        while waiting["eve"] < at_once:
            asked += 1
            waiting["eve"] += 1
            schedule.add(abroad(f"{asked}", f"eve's {asked % tenants}" if asked % 7 else "crowd"))
        one = schedule.next()
        assert one is not None
        waiting[one.owner.person] -= 1
        got[one.owner.person] += 1
        served += 1
    assert got["eve"] <= got["one"] + 2
    assert sum(got[f"p{at}"] for at in range(5)) >= got["one"] - 2


def test_a_person_who_moves_keeps_the_order_of_what_waits() -> None:
    schedule = FairSchedule()
    for at, tenant in enumerate(["a", "a", "b", "a", "c"]):
        schedule.add(abroad(f"{at}", tenant))
    assert schedule.remove("3")
    assert [one.id for one in schedule.order()] == ["0", "1", "2", "4"]
    assert [one.id for one in drain(schedule)] == ["0", "1", "2", "4"]


def test_a_person_who_was_elsewhere_long_ago_is_one_of_the_tenant_again() -> None:
    schedule = FairSchedule()
    schedule.add(abroad("0", "a"))
    schedule.next()
    for at in range(50):
        schedule.add(job(f"x{at}", f"p{at % 7}", tenant="c"))
        schedule.next()
    schedule.add(abroad("1", "crowd"))
    for at in range(20):
        schedule.add(job(f"y{at}", f"p{at % 7}", tenant="crowd"))
        schedule.add(job(f"z{at}", "one", tenant="alone"))
    first = [one.owner.tenant for one in drain(schedule)[:20]]
    assert 9 <= first.count("alone") <= 11  # and not a third for somebody who is in no other tenant now


STEPS = st.tuples(st.sampled_from(["add", "next", "remove"]), st.integers(0, 4), st.integers(0, 3))


@given(st.lists(STEPS, max_size=80))
def test_whatever_happens_nothing_is_lost_between_tenants(steps: list[tuple[str, int, int]]) -> None:
    schedule, left = FairSchedule(), set[str]()
    for at, (what, tenant, person) in enumerate(steps):
        if what == "add":
            schedule.add(abroad(f"{at}", f"t{tenant}", f"p{person}"))
            left.add(f"{at}")
        elif what == "next":
            one = schedule.next()
            assert (one is None) is (not left)
            left.discard(one.id if one else "")
        elif left:
            id = sorted(left)[tenant % len(left)]
            assert schedule.remove(id)
            left.remove(id)
        assert len(schedule) == len(left)
    assert {one.id for one in drain(schedule)} == left
