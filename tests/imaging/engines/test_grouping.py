"""Who goes next, and how lanes share the work."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imaging.controls.prompt import Prompt
from imaging.engines.grouping import groups
from imaging.engines.memory import Measured
from imaging.engines.rows import Job, Row
from imaging.engines.samplers import schedule
from imaging.engines.schedules import Schedule
from tests.imaging.engines.tiny import recipe

BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}


@cache
def steps() -> Schedule:
    return schedule("euler", 4, BETAS)


def job(id: int, *, guided: bool = True, side: int = 8, served: int = 0) -> Job:
    words = Prompt(torch.zeros(8, 4), torch.zeros(4), (), ())
    wanted = recipe("a cat", width=8 * side, height=8 * side)
    latents = torch.zeros(1, 4, side, side)
    row = Row(wanted, words, words if guided else None, steps(), latents, 0, torch.Generator())
    return Job(str(id), wanted, {}, [row], None, served=served)


def shape(found: list[Any]) -> list[tuple[list[str], bool]]:
    return [([each.id for each in group.jobs], group.halved) for group in found]


ALONE = Measured(16, alone=True)


@pytest.mark.parametrize(
    ("jobs", "lanes", "expected"),
    [
        (1, 1, [(1, False)]),
        (1, 2, [(1, True)]),
        (2, 2, [(1, False), (1, False)]),
        (3, 2, [(3, True)]),
        (4, 2, [(2, False), (2, False)]),
        (2, 4, [(1, True), (1, True)]),
        (3, 4, [(1, False), (1, False), (1, False)]),
        (5, 4, [(3, True), (2, True)]),
    ],
)
def test_lanes_share_where_that_brings_more(jobs: int, lanes: int, expected: list[tuple[int, bool]]) -> None:
    found = groups([job(each) for each in range(jobs)], lambda each: ALONE, lanes)
    assert [(len(group.jobs), group.halved) for group in found] == expected


def test_a_row_that_does_not_stand_alone_is_never_parted_from_its_other_half() -> None:
    found = groups([job(1)], lambda each: Measured(16), 2)
    assert shape(found) == [(["1"], False)]


jobs_in_flight = st.lists(
    st.tuples(st.booleans(), st.sampled_from([8, 12]), st.integers(0, 5)), min_size=1, max_size=9
).map(lambda each: [job(i, guided=guided, side=side, served=served) for i, (guided, side, served) in enumerate(each)])


@given(jobs_in_flight, st.integers(1, 5), st.sampled_from([1, 2, 6, 16]), st.booleans())
def test_turns_keep_their_promises(flying: list[Job], lanes: int, cap: int, alone: bool) -> None:
    found = groups(flying, lambda each: Measured(cap, alone=alone), lanes)
    ids = [each.id for group in found for each in group.jobs]
    assert len(set(ids)) == len(ids)
    assert found[0].jobs[0].served == min(each.served for each in flying)  # the longest waiting goes first
    assert sum(2 if group.halved else 1 for group in found) <= max(lanes, 1)
    for group in found:
        assert len({each.key for each in group.jobs}) == 1
        assert group.largest <= cap or len(group.jobs) == 1
        assert alone or not group.halved
    whole = groups(flying, lambda each: Measured(cap), lanes)

    def pace(some: list[Any]) -> float:
        return sum(each.unet_rows for group in some for each in group.jobs) / max(group.largest for group in some)

    assert pace(found) >= pace(whole)


def test_a_group_runs_its_rows_in_the_order_of_its_jobs() -> None:
    found = groups([job(1, served=2), job(2, served=1)], lambda each: dataclasses.replace(ALONE), 1)
    assert [row.recipe.prompt for row in found[0].rows] == ["a cat", "a cat"]
    assert shape(found) == [(["2", "1"], False)]
