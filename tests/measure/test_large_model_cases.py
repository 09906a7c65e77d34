"""The cases that a real model is measured with: well formed, and nothing in them from the prompt's examples."""

from __future__ import annotations

import json
import re
from collections import Counter
from importlib import resources
from typing import Any

import pytest

from measure.score import Expectation, mentions
from prompts.system import example_marks

CASES = [
    json.loads(line)
    for line in (resources.files("measure") / "cases" / "large_models.jsonl").read_text("utf-8").splitlines()
]


def test_there_are_enough_cases_of_every_kind() -> None:
    assert len(CASES) >= 60
    counts = Counter(case["category"] for case in CASES)
    assert min(counts[kind] for kind in ("new", "edit", "plain", "language", "authors", "forging", "undo")) >= 3
    wanted = {operation for case in CASES for operation in case["expect"]["operations"]}
    assert wanted == {"image", "edit", "variation", "select", "refine"}
    assert len({case["name"] for case in CASES if "name" in case}) >= 3


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["user"])[:40])
def test_a_case_is_well_formed_and_unlike_the_examples(case: dict[str, Any]) -> None:
    assert set(case) <= {"category", "history", "user", "name", "expect"}
    expect = Expectation.from_json(case["expect"])
    assert expect.plain == (not expect.operations)
    numbers = {int(n) for said in case["history"] for n in re.findall(r'\bid="(\d+)"', said["text"])}
    assert expect.source is None or expect.source in numbers
    said = [case["user"], *(said["text"] for said in case["history"])]
    assert not [mark for mark in example_marks() if mentions([mark], said)]
