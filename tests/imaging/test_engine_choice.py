"""Which engine carries a picture out, and why: the rules of docs/engines.md, row by row."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imaging.engine_choice import AtHand, Choice, Purposes, Standing, Wanted, alone, engine_for
from imaging.model import Abilities, Makes, Role, Technique

SIZES = {"square": (64, 64)}
CARD = Abilities(
    "card", "c", frozenset({Technique.PROMPT_TO_PROMPT, Technique.IMAGE_TO_IMAGE}), SIZES, 20, 4.0, "euler"
)
EDITOR = Abilities(
    "editor", "e", frozenset({Technique.INSTRUCTION, Technique.INPAINTING}), SIZES, 1, 0.0, "hosted",
    references=3, roles=frozenset({Role.STYLE}), transparent=True,
)  # fmt: skip
PAID = replace(EDITOR, name="paid", references=0)
NEW, EDIT = Wanted(Makes.NEW), Wanted(Makes.CHANGED, "card", beside=True)
BOTH = Purposes("card", "editor", choosable=("editor",))
SPILLS = Purposes("card", overflow="paid", overflow_after_s=30)


def host(purposes: Purposes, *, wait_s: float = 0.0, **problems: str) -> AtHand:
    known = {one.name: Standing(one, problem=problems.get(one.name)) for one in (CARD, EDITOR, PAID)}
    return AtHand(known | {"card": replace(known["card"], wait_s=wait_s)}, purposes)


@pytest.mark.parametrize(
    ("wanted", "purposes", "engine", "why"),
    [
        (NEW, BOTH, "card", ""),
        (EDIT, BOTH, "editor", "editor changes pictures here."),
        (EDIT, replace(BOTH, hard_edits_only=True), "card", "card drew the parent and changes it beside it."),
        (replace(EDIT, beside=False), replace(BOTH, hard_edits_only=True), "editor", "editor changes pictures here."),
        (replace(EDIT, region=True), replace(BOTH, hard_edits_only=True), "editor", "editor changes pictures here."),
        (Wanted(Makes.CHANGED, brought=True), BOTH, "editor", "editor changes pictures here."),
        (Wanted(Makes.REDRAWN, "card"), BOTH, "card", ""),
        (Wanted(Makes.REDRAWN, "editor"), BOTH, "editor", "editor drew the parent."),
        (Wanted(Makes.ENLARGED, "editor"), BOTH, "editor", "editor drew the parent."),
        (Wanted(Makes.REDRAWN, "gone"), BOTH, "card", ""),
        (Wanted(Makes.REDRAWN, "paid"), SPILLS, "card", ""),
        (EDIT, Purposes("card"), "card", ""),
        # What an engine cannot do, another does
        (Wanted(Makes.NEW, references=1, role=Role.STYLE), BOTH, "editor", "card cannot look at other pictures, so"),
        (Wanted(Makes.NEW, transparent=True), BOTH, "editor", "card cannot leave the background out, so editor"),
        (replace(EDIT, references=4), BOTH, "editor", "editor changes pictures here."),
        (EDIT, Purposes("editor", "card"), "card", "card changes pictures here."),
        (replace(EDIT, masked=True), Purposes("editor", "card"), "editor", "card cannot keep a part of a picture"),
        (replace(EDIT, region=True), Purposes("editor", "card"), "editor", "card cannot find a part by its name"),
    ],
)
def test_who_does_it_and_why(wanted: Wanted, purposes: Purposes, engine: str, why: str) -> None:
    found = engine_for(wanted, host(purposes))
    assert found.engine == engine
    assert found.reason.startswith(why)
    assert bool(found.reason) == bool(why)


def test_what_a_thread_has_chosen_does_all_of_it() -> None:
    for wanted in (NEW, EDIT, Wanted(Makes.REDRAWN, "card")):
        assert engine_for(wanted, host(BOTH), "editor") == Choice("editor", "editor is what this thread has chosen.")


def test_what_cannot_be_chosen_any_more_is_told() -> None:
    found = engine_for(NEW, host(BOTH), "paid")
    assert found == Choice("card", "paid, which this thread has chosen, cannot be chosen here any more.")
    found = engine_for(EDIT, host(Purposes("card", "editor")), "editor")
    assert found.engine == "editor"
    assert found.reason.endswith("cannot be chosen here any more. editor changes pictures here.")


def test_who_only_changes_pictures_draws_none_from_words() -> None:
    only = replace(EDITOR, edits_only=True)
    at_hand = replace(host(BOTH), engines={**host(BOTH).engines, "editor": Standing(only)})
    assert engine_for(EDIT, at_hand, "editor").engine == "editor"
    for wanted in (NEW, Wanted(Makes.REDRAWN, "editor")):
        found = engine_for(wanted, at_hand, "editor")
        assert found.engine == "card"
        assert found.reason.startswith("editor, which this thread has chosen, only changes pictures.")
    found = engine_for(Wanted(Makes.REDRAWN, "editor"), at_hand)
    assert found == Choice("card", "editor only changes pictures, so card does it.")


def test_an_engine_that_is_down_is_stood_in_for_where_that_costs_nothing_new() -> None:
    found = engine_for(EDIT, host(BOTH, editor="The key is refused."))
    assert found == Choice("card", "editor draws nothing just now, so card does it.")
    chosen = engine_for(NEW, host(BOTH, editor="The key is refused."), "editor")
    assert chosen == Choice("card", "editor, which this thread has chosen, draws nothing just now.")
    assert engine_for(NEW, host(BOTH, card="No memory.")).engine == "card"  # who is for edits draws no new pictures


def test_a_busy_engine_spills_over_where_the_host_wants_that() -> None:
    assert engine_for(NEW, host(SPILLS, wait_s=30)).engine == "card"
    found = engine_for(NEW, host(SPILLS, wait_s=31))
    assert (found.engine, found.home) == ("paid", "card")
    assert found.reason == "card is busy for 31 s, so paid draws this one."
    assert found.home_reason == "card is busy for 31 s, but what may be spent on paid is used up, so it waits."
    assert engine_for(NEW, host(SPILLS, card="No memory.")).engine == "paid"
    assert engine_for(NEW, host(replace(SPILLS, overflow=""), wait_s=999)).engine == "card"


@pytest.mark.parametrize("wanted", [EDIT, Wanted(Makes.REDRAWN, "card"), Wanted(Makes.NEW, references=1)])
def test_only_plain_new_pictures_spill_over(wanted: Wanted) -> None:
    assert engine_for(wanted, host(SPILLS, wait_s=999)).engine == "card"


def test_nothing_spills_over_for_what_can_wait_or_for_whom_nobody_answers() -> None:
    assert engine_for(NEW, host(SPILLS, wait_s=999), waited_for=False).engine == "card"
    assert engine_for(NEW, host(SPILLS, wait_s=999, paid="It does not answer.")).engine == "card"


def test_a_thread_is_told_what_the_engines_do_together() -> None:
    both, chosen = host(BOTH).together(None), host(BOTH).together("editor")
    assert (both.name, both.references, both.transparent) == ("card", 3, True)
    assert {Technique.PROMPT_TO_PROMPT, Technique.INSTRUCTION} <= both.techniques
    assert chosen == EDITOR
    assert alone(CARD).together("editor") == CARD
    assert host(SPILLS).together(None) == CARD  # an overflow promises nothing
