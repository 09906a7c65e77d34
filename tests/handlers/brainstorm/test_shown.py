"""What people see of a round: what it offers, what it says, and that it outlives a restart."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.store.rows import part_from_json, part_to_json
from handlers.english import round_lines
from handlers.model import Action
from handlers.presentation import offered_round
from handlers.round import Card, Phase, RoundPart

CARDS = (
    Card(3, "Flour fox", "Friendly and soft.", votes=2, winner=True),
    Card(4, "Oven owl", "Awake at four.", (1, 2)),
)
ROUND = RoundPart(
    "b1", 2, "mascots", Phase.OPEN, CARDS, closes=datetime(2026, 1, 2, tzinfo=UTC), voters=1, took_up="Calmer colours.",
    remarks=("The model had one idea of two.",),
)  # fmt: skip


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("last", [True, False])
def test_a_round_is_stored_as_it_is(phase: Phase, last: bool) -> None:
    part = replace(ROUND, phase=phase, last=last)
    assert part_from_json(json.loads(json.dumps(part_to_json(part)))) == part


@pytest.mark.parametrize(
    ("part", "wanted"),
    [
        (replace(ROUND, phase=Phase.THINKING, cards=()), set()),
        (replace(ROUND, phase=Phase.DRAWING), {Action.STATE, Action.SETTINGS}),
        (ROUND, {Action.DOT, Action.CLOSE, Action.STATE, Action.SETTINGS}),
        (
            replace(ROUND, phase=Phase.CLOSED),
            {Action.OPEN, Action.NEXT, Action.FINISH, Action.STATE, Action.SETTINGS},
        ),
        (replace(ROUND, phase=Phase.OVER), set()),
        (replace(ROUND, phase=Phase.CLOSED, last=True), {Action.LEAD}),
    ],
)
def test_each_phase_offers_what_can_be_done_in_it(part: RoundPart, wanted: set[Action]) -> None:
    assert {offer.action for offer in offered_round(part)} == wanted


def test_a_round_is_told_in_lines() -> None:
    told = "\n".join(round_lines(ROUND))
    for words in (
        "mascots",
        "round 2",
        "Calmer colours.",
        "Flour fox · 2 votes · winner",
        "#1, #2",
        "1 person has",
        "one idea",
    ):
        assert words in told
    hidden = "\n".join(round_lines(replace(ROUND, anonymous=True, cards=(replace(CARDS[0], votes=None),))))
    assert "2 votes ·" not in hidden
    assert "when it closes" in hidden
