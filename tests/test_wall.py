"""A round of a brainstorm on the page, in a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from handlers.model import NOWHERE, Person, Picture, PicturePart, Role, SlotState, ThreadKey, Turn, TurnState
from handlers.round import Card, Phase, RoundPart
from imaging.model import Operation
from tests.bot.web_site import THREAD
from tests.browsing import MARKS, OUT_OF_SIGHT, TOO_SMALL, Visit, faults, holds, visiting
from tests.fakes import png

pytestmark = MARKS

KEY = ThreadKey("web", NOWHERE, "web", THREAD)
WHY = "Friendly and soft, it is awake at four in the morning like everybody who bakes."
CARDS = (
    Card(1, "Flour fox", WHY, votes=2),
    Card(2, "Oven owl that never sleeps and never ends", WHY, votes=0),
    Card(3, "面包房的小猫头鹰 🍞", "暖和。", votes=1),
)
ROUND = RoundPart("b1", 1, "mascots for a bakery", Phase.OPEN, CARDS, voters=2)


@pytest.fixture
async def visit(tmp_path: Path) -> AsyncIterator[Visit]:
    async with visiting(tmp_path) as made:
        yield made


async def show(visit: Visit, part: RoundPart) -> None:
    """Have the answer with the drafts show a round as it stands now."""
    turn = await visit.site.store.turn("round-1")
    assert turn is not None
    turn = replace(turn, parts=(*(each for each in turn.parts if isinstance(each, PicturePart)), part))
    await visit.site.store.save_assistant_turn(turn)
    await visit.site.chat.redraw(turn, {})


async def drafts(visit: Visit, width: int = 1280) -> Any:
    """A thread with a round of three ideas, opened."""
    store, anna = visit.site.store, Person("anna", "Anna")
    first = await store.reserve_numbers(KEY, len(CARDS))
    parts = []
    for number, card in enumerate(CARDS, first):
        kept = await store.add_picture(
            Picture(
                KEY, number, Operation.IMAGE, (), f"an idea: {card.title}", None, "", "image/png", 64, 64, anna,
                datetime.now(UTC), "round-1",
            ),
            png(number, 64, 64),
        )  # fmt: skip
        parts.append(
            PicturePart(
                f"slot-{number}", number, Operation.IMAGE, kept.description, state=SlotState.READY, sha256=kept.sha256
            )
        )
    drawing = replace(ROUND, phase=Phase.DRAWING, cards=tuple(replace(card, votes=None) for card in CARDS))
    turn = Turn("round-1", KEY, 0, Role.ASSISTANT, anna, "", datetime.now(UTC), TurnState.OPEN, (*parts, drawing))
    await store.begin(turn, "event-1")
    page = await visit.open(width=width)
    await page.locator(".idea button.frame img").nth(2).wait_for()
    return page


async def test_a_round_is_a_wall_that_changes_for_everybody_who_sees_it(visit: Visit) -> None:
    page = await drafts(visit)
    other = await visit.open()
    for each in (page, other):
        wall = each.get_by_role("region", name="Brainstorm: mascots for a bakery — round 1")
        await wall.wait_for()
        assert await wall.get_by_role("listitem").locator("h3").all_inner_texts() == [card.title for card in CARDS]
        assert await wall.locator(".idea img").count() == 3
        assert await wall.get_by_role("button", name="Vote").count() == 0
    await show(visit, replace(ROUND, closes=datetime.now(UTC) + timedelta(seconds=90), took_up="Calmer colours."))
    for each in (page, other):
        await each.get_by_text("It closes in 1:").wait_for()
        assert await each.get_by_text("Calmer colours.").is_visible()
        assert await each.locator(".votes").all_inner_texts() == ["2 votes", "0 votes", "1 vote"]
        assert await each.locator("#status").inner_text() != ""
    vote = page.get_by_role("button", name="Vote for #1: Flour fox")
    await vote.focus()
    winners = tuple(replace(card, winner=card.picture == 1) for card in CARDS)
    await show(visit, replace(ROUND, phase=Phase.CLOSED, cards=winners, remarks=("One idea is missing.",)))
    await page.get_by_text("Winner").wait_for()
    assert await vote.count() == 0
    assert await page.locator(".idea.winner h3").inner_text() == "Flour fox"
    assert await page.get_by_text("One idea is missing.", exact=True).is_visible()
    assert await page.locator(".clock").is_hidden()
    await page.locator(".idea summary").first.click()
    assert await page.locator(".idea [data-action=refine]").first.is_visible()


@pytest.mark.parametrize("width", [390, 640, 1280])
async def test_everybody_can_use_a_wall(visit: Visit, width: int) -> None:
    page = await drafts(visit, width=width)
    await page.emulate_media(reduced_motion="reduce")
    visit.site.chat.hub.publish(THREAD, "mine", {"type": "mine", "dots": [1], "leads": True})
    found = []
    for phase in (Phase.OPEN, Phase.CLOSED):
        cards = tuple(replace(card, winner=phase is Phase.CLOSED and card.picture == 1) for card in CARDS)
        await show(
            visit, replace(ROUND, phase=phase, cards=cards, took_up="The fox in calmer colours, and a wild card.")
        )
        await page.locator(f"[data-phase={phase}]").wait_for()
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            found += await faults(page)
            await page.locator(".round").scroll_into_view_if_needed()
            await visit.shot(page, f"wall-{phase}-{width}-{scheme}")
        if width < 1280:
            found += await page.evaluate(TOO_SMALL)
    for idea in range(3):
        await page.locator(".idea summary").nth(idea).click()
        await holds(page, f"!({OUT_OF_SIGHT})().length")
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    assert found == []
