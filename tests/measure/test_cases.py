"""The evaluation cases, their judge, and that training never sees them."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from dataclasses import dataclass
from importlib import resources
from typing import Any

import pytest

from measure.score import Expectation, confusion, judge, shares
from prompts.lexicon.words import terms
from prompts.tiny.keywords import stem
from training.tiny.data.turns import examples
from training.tiny.line import parse_command

CASES = [
    json.loads(line)
    for line in (resources.files("measure") / "cases" / "protocol.jsonl").read_text("utf-8").splitlines()
]

# Messages so short and common that anybody's list has them; each is here on purpose.
GENERIC = {"again", "cat", "undo this"}


FUNCTION_WORDS = frozenset(
    terms(
        """a an the it this that of to in on at and or for with is are be i we you me us my our your can could would
        please do does did will what how one make let s t"""
    )
)


def normal(message: str) -> str:
    return " ".join(re.findall(r"\w+", message.lower()))


@dataclass(frozen=True)
class Read:
    operation: str
    source: int | None = None
    description: str = ""
    count: int = 1
    problem: str | None = None


def test_there_are_enough_cases_of_every_kind() -> None:
    counts = Counter(case["category"] for case in CASES)
    assert len(CASES) >= 150
    assert counts["plain"] >= 40
    wanted = {o for case in CASES for o in case["expect"]["operations"]}
    assert wanted == {"image", "edit", "variation", "select", "refine"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["user"])[:40])
def test_a_case_is_well_formed_and_points_at_a_picture_of_its_history(case: dict[str, Any]) -> None:
    assert set(case) == {"category", "history", "user", "expect"}
    expect = Expectation.from_json(case["expect"])
    assert expect.plain == (not expect.operations)
    numbers = {int(n) for said in case["history"] for n in re.findall(r'\bid="(\d+)"', said["text"])}
    assert expect.source is None or expect.source in numbers
    assert [said["role"] for said in case["history"]] == ["user", "assistant"] * (len(case["history"]) // 2)


def keywords(message: str) -> frozenset[str]:
    """What a message says, whatever the order, the number and the courtesy."""
    return frozenset(stem(word) for word in re.findall(r"[^\W_]+", message.lower())) - FUNCTION_WORDS


def test_no_case_is_in_the_training_data() -> None:
    """Thousands of generated turns against every case: neither as it stands nor with the same words in other order."""
    cases = {normal(case["user"]) for case in CASES}
    said = {keywords(case["user"]) for case in CASES if len(keywords(case["user"])) > 2}
    for seed in (1, 301):
        for example in itertools.islice(examples(seed), 6000):
            assert normal(example.turn.user) not in cases - GENERIC
            assert keywords(example.turn.user) not in said


def test_generated_turns_are_valid_and_reproducible() -> None:
    first = list(itertools.islice(examples(7), 1500))
    assert first == list(itertools.islice(examples(7), 1500))
    for example in first:
        shown = {p.id for p in example.turn.pictures}
        for operation in parse_command(example.command).operations:
            assert operation.target is None or operation.target in shown
    assert len({e.category for e in first}) >= 10


def wants(*operations: str, source: int | None = None, mention: tuple[str, ...] = ()) -> Expectation:
    return Expectation(operations, source, mention, plain=not operations)


@pytest.mark.parametrize(
    ("expect", "got", "passed"),
    [
        (wants("image"), [Read("image", description="a cat")], True),
        (wants("image", mention=("dog",)), [Read("image", description="a cat")], False),
        (wants("image", mention=("cat",)), [Read("image", description="two Cats")], True),
        (wants("image", mention=("cat",)), [Read("image", description="scattered")], False),
        (wants("image", "image"), [Read("image", count=2)], True),
        (wants("image", "image"), [Read("image"), Read("image")], True),
        (wants("image"), [Read("image", count=3)], True),
        (wants("image"), [Read("image"), Read("image")], False),
        (wants("edit", source=2), [Read("edit", 2, "x")], True),
        (wants("edit", source=2), [Read("edit", 1, "x")], False),
        (wants("edit", source=2), [], False),
        (wants("select", source=1), [Read("select", 1)], True),
        (wants("edit"), [Read("edit", 1, "", problem="empty")], False),
        (wants(), [], True),
        (wants(), [Read("select", 1)], False),
    ],
)
def test_the_judge(expect: Expectation, got: list[Read], passed: bool) -> None:
    verdict = judge(expect, got)
    assert verdict.passed == passed
    assert bool(verdict.reason) != passed


def test_shares_and_confusion_count_what_the_goals_name() -> None:
    verdicts = [
        judge(wants("edit", source=1), [Read("edit", 1)]),
        judge(wants("edit", source=1), [Read("image")]),
        judge(wants(), []),
        judge(wants(), [Read("edit", 1)]),
    ]
    figures = shares(verdicts)
    assert figures["operation_and_reference"] == 0.5
    assert figures["plain_without_tag"] == 0.5
    assert figures["passed"] == 0.5
    assert "| edit | 1 | 1 | · |" in confusion(verdicts)


def test_a_forbidden_word_and_a_failure_that_people_read_are_no_success() -> None:
    expect = Expectation(("edit",), 1, ("blue",), avoid=("red",))
    assert judge(expect, [Read("edit", 1, "a blue kite")]).passed
    assert not judge(expect, [Read("edit", 1, "a blue kite, red tail")]).passed
    assert not judge(expect, [Read("edit", 1, "a blue kite")], ["There is no picture 9 in this thread."]).passed
