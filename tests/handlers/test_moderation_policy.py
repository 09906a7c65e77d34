"""Findings and policy → verdict: the whole table, and what no setting turns off."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.moderation.model import Category, Finding, Kind, Level, Weight
from handlers.moderation.policy import Borderline, Likeness, Policy, Verdict, judge, read_levels, strictest
from handlers.moderation.sentences import refusal

MILD, CLEAR = Weight.BORDERLINE, Weight.CLEAR
PASS, SPOILER, REFUSE = Verdict.PASS, Verdict.SPOILER, Verdict.REFUSE
SEXUAL, VIOLENCE, HATE, HARM, REAL, MINORS = Category
ORDINARY = (SEXUAL, VIOLENCE, HATE, HARM)


def found(category: Category, weight: Weight) -> Finding:
    return Finding(category, weight, "test")


def verdict(*findings: Finding, policy: Policy | None = None, kind: Kind = Kind.PICTURE) -> Verdict:
    return judge(findings, policy or Policy(), kind).verdict


@pytest.mark.parametrize("category", ORDINARY)
@pytest.mark.parametrize(
    ("level", "weight", "borderline", "expected"),
    [
        (Level.OFF, MILD, Borderline.REFUSE, PASS),
        (Level.OFF, CLEAR, Borderline.REFUSE, PASS),
        (Level.STANDARD, MILD, Borderline.SPOILER, SPOILER),
        (Level.STANDARD, MILD, Borderline.REFUSE, REFUSE),
        (Level.STANDARD, CLEAR, Borderline.SPOILER, REFUSE),
        (Level.STRICT, MILD, Borderline.SPOILER, REFUSE),
        (Level.STRICT, CLEAR, Borderline.SPOILER, REFUSE),
    ],
)
def test_level_and_weight_decide(
    category: Category, level: Level, weight: Weight, borderline: Borderline, expected: Verdict
) -> None:
    policy = Policy(level, borderline=borderline)
    for kind in (Kind.DESCRIPTION, Kind.UPLOAD, Kind.PICTURE, Kind.PREVIEW):
        assert verdict(found(category, weight), policy=policy, kind=kind) is expected
    of_a_message = verdict(found(category, weight), policy=policy, kind=Kind.MESSAGE)
    assert of_a_message is (expected if weight is CLEAR else PASS)


@pytest.mark.parametrize(
    ("level", "likeness", "weight", "expected"),
    [
        (Level.STANDARD, Likeness.ALLOW, MILD, PASS),
        (Level.STANDARD, Likeness.REFUSE, MILD, REFUSE),
        (Level.STRICT, Likeness.ALLOW, MILD, REFUSE),
        (Level.OFF, Likeness.ALLOW, MILD, PASS),
        (Level.OFF, Likeness.REFUSE, MILD, REFUSE),
        (Level.OFF, Likeness.ALLOW, CLEAR, REFUSE),
    ],
)
def test_likeness_is_policy_and_demeaning_scenes_are_not(
    level: Level, likeness: Likeness, weight: Weight, expected: Verdict
) -> None:
    policy = Policy(level, likeness=likeness)
    assert verdict(found(REAL, weight), policy=policy, kind=Kind.DESCRIPTION) is expected


@pytest.mark.parametrize(
    ("beside", "expected"),
    [
        (found(SEXUAL, MILD), REFUSE),
        (found(SEXUAL, CLEAR), REFUSE),
        (found(HATE, CLEAR), REFUSE),
        (found(VIOLENCE, CLEAR), REFUSE),
        (found(VIOLENCE, MILD), PASS),
        (found(HATE, MILD), PASS),
    ],
)
def test_a_real_person_in_a_demeaning_scene_is_refused_whoever_found_which_half(
    beside: Finding, expected: Verdict
) -> None:
    """At level off, where neither half would be refused alone."""
    for findings in itertools.permutations([found(REAL, MILD), beside]):
        judgement = judge(findings, Policy(Level.OFF), Kind.PICTURE)
        assert judgement.verdict is expected
        assert judgement.category is (REAL if expected is REFUSE else None)


FINDINGS = st.lists(st.builds(found, st.sampled_from(Category), st.sampled_from(Weight)), max_size=5)
LEVELS = st.sampled_from(Level)
POLICIES = st.builds(
    Policy,
    LEVELS,
    st.dictionaries(st.sampled_from(Category), LEVELS),
    st.sampled_from(Borderline),
    st.sampled_from(Likeness),
)


@given(FINDINGS, POLICIES, st.sampled_from(Kind))
def test_minors_are_refused_by_every_policy(findings: list[Finding], policy: Policy, kind: Kind) -> None:
    for weight in Weight:
        judgement = judge([*findings, found(MINORS, weight)], policy, kind)
        assert judgement.verdict is REFUSE
        assert judgement.category in {MINORS, REAL}


@given(FINDINGS, FINDINGS, POLICIES, st.sampled_from(Kind))
def test_the_strictest_finding_wins(one: list[Finding], more: list[Finding], policy: Policy, kind: Kind) -> None:
    together = judge([*one, *more], policy, kind).verdict
    assert together >= max(judge(one, policy, kind).verdict, judge(more, policy, kind).verdict)


@given(FINDINGS, POLICIES, st.sampled_from(Kind), LEVELS)
def test_what_admins_choose_is_never_looser(findings: list[Finding], policy: Policy, kind: Kind, chosen: Level) -> None:
    assert judge(findings, policy.at_least(chosen), kind).verdict >= judge(findings, policy, kind).verdict


def test_levels_of_single_categories_are_read() -> None:
    levels = read_levels(" violence=off, hate = strict,")
    assert levels == {VIOLENCE: Level.OFF, HATE: Level.STRICT}
    policy = Policy(Level.STANDARD, levels)
    assert [policy.of(category) for category in (VIOLENCE, HATE, SEXUAL)] == ["off", "strict", "standard"]
    assert strictest(Level.OFF, Level.STRICT, Level.STANDARD) is Level.STRICT


@pytest.mark.parametrize("wrong", ["violence", "violence=loud", "gore=off", "minors=off", "=off"])
def test_a_level_that_cannot_be_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError):
        read_levels(wrong)


def test_every_refusal_is_one_calm_sentence_without_a_way_around() -> None:
    for category, kind in itertools.product(Category, Kind):
        sentence = refusal(category, kind)
        assert sentence.endswith(".")
        assert len(sentence) < 250
        assert "!" not in sentence
        assert sentence.count(".") == 1
        assert ("crisis line" in sentence) is (category is Category.SELF_HARM)
        for word in ("instead of", "word", "score", "moderat", "level", "setting"):
            assert word not in sentence.lower()
