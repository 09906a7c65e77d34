"""A thread's board on the page, in a real browser."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from handlers.model import Person, Picture, PicturePart, Role, SlotState, Turn, TurnState
from handlers.round import Phase
from imaging.model import Operation
from tests.browsing import MARKS, TOO_SMALL, Visit, faults, holds, two
from tests.fakes import png
from tests.test_wall import KEY, ROUND, drafts, show, visit

__all__ = ["visit"]
pytestmark = MARKS

DROPPED = """([from, to]) => {
  const card = (number) => document.querySelector(`.pin[data-number='${number}']`);
  const how = { bubbles: true, cancelable: true, dataTransfer: new DataTransfer() };
  const send = (node, type, x = 0) => node.dispatchEvent(new DragEvent(type, { ...how, clientX: x }));
  const box = card(to).getBoundingClientRect();
  send(card(from), "dragstart");
  send(card(to), "dragover", box.left + 5);
  send(card(to), "drop", box.left + 5);
  send(card(from), "dragend");
}"""


async def order(page: Any) -> list[str]:
    found = await page.locator(".pin").evaluate_all("nodes => nodes.map(node => node.dataset.number)")
    return [str(number) for number in found]


async def stands(page: Any, *numbers: int) -> None:
    wanted = "".join(map(str, numbers))
    await holds(
        page, f"[...document.querySelectorAll('.pin')].map(node => node.dataset.number).join('') === '{wanted}'"
    )


async def test_cards_stand_where_somebody_put_them_for_all_who_look(visit: Visit) -> None:
    page = await drafts(visit)
    await show(visit, ROUND)
    await page.get_by_role("button", name="Board", exact=True).click()
    await stands(page, 1, 2, 3)
    assert page.url.endswith("/board")
    other = await visit.open(thread="thread-0001/board")
    await stands(other, 1, 2, 3)
    await page.evaluate(DROPPED, [3, 1])
    for each in (page, other):
        await stands(each, 3, 1, 2)
    # By keyboard, with the focus where it was.
    await other.locator(".pin[data-number='3'] [data-by='1']").focus()
    await other.keyboard.press("Enter")
    await stands(page, 1, 3, 2)
    await other.keyboard.press("Enter")
    await stands(page, 1, 2, 3)
    await other.keyboard.press("Enter")  # it is last
    await other.locator(".pin[data-number='1'] [data-by='1']").click()
    await stands(page, 2, 1, 3)
    await page.reload()
    await stands(page, 2, 1, 3)
    await page.get_by_label("Order").select_option("votes")
    await stands(page, 1, 3, 2)
    assert await page.locator(".movers").first.is_hidden()
    await page.get_by_label("Order").select_option("newest")
    await stands(page, 3, 2, 1)
    await page.keyboard.press("Escape")
    await page.locator(".round").wait_for()
    assert await page.locator("#board-view").is_hidden()
    await page.go_back()
    await page.locator("#board-view").wait_for()


async def test_the_board_grows_and_shrinks_with_the_thread(visit: Visit) -> None:
    board = await visit.open(thread="thread-0001/board")
    await board.get_by_text("Pictures of this thread hang here").wait_for()
    page = await visit.open()
    await visit.say(page, "two, please", two())
    await stands(board, 1, 2)
    await page.locator(".card[data-number='1'] summary").click()
    await page.locator(".card[data-number='1']").get_by_role("button", name="Delete").click()
    await stands(board, 2)


async def test_pictures_are_grouped_filtered_and_presented(visit: Visit) -> None:
    page = await drafts(visit)
    await show(visit, ROUND)
    await visit.say(page, "two more", two())
    await page.locator(".card button.frame img").nth(4).wait_for()
    await page.get_by_role("button", name="Board", exact=True).click()
    await stands(page, 1, 2, 3, 4, 5)
    await page.get_by_label("Groups").select_option("round")
    heads = page.locator(".pinned h2")
    await page.get_by_role("heading", name="Other pictures").wait_for()
    assert await heads.all_inner_texts() == ["Brainstorm: mascots for a bakery — round 1", "Other pictures"]
    await page.get_by_label("Groups").select_option("alike")
    await page.get_by_role("heading", name="look alike").first.wait_for()
    await page.get_by_label("Groups").select_option("none")
    people = page.get_by_label("Whose pictures")
    names = await people.locator("option").all_inner_texts()
    assert names[:2] == ["Everybody", "Anna"]
    await people.select_option(names[2])
    await stands(page, 4, 5)
    await people.select_option("Everybody")
    await page.get_by_role("button", name="Present").click()
    title = page.locator("#slides-title")
    assert await title.inner_text() == "#1 Flour fox"
    await holds(page, "document.fullscreenElement?.className === 'slides-body'")
    await page.keyboard.press("ArrowRight")
    assert (await title.inner_text()).startswith("#2")
    await page.keyboard.press("End")
    await page.keyboard.press("ArrowRight")
    assert (await title.inner_text()).startswith("#5")
    assert await faults(page) == []
    await visit.shot(page, "slides")
    await page.get_by_role("button", name="Close", exact=True).last.click()
    await page.locator(".slides").wait_for(state="hidden")
    assert await page.locator("#board-view").is_visible()


@pytest.mark.parametrize("width", [390, 640, 1280])
async def test_everybody_can_use_the_board(visit: Visit, width: int) -> None:
    page = await drafts(visit, width=width)
    await show(visit, ROUND)
    await page.emulate_media(reduced_motion="reduce")
    await page.goto(f"{page.url}/board")
    await stands(page, 1, 2, 3)
    found = []
    for group in ("none", "round"):
        await page.get_by_label("Groups").select_option(group)
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            found += await faults(page)
            await visit.shot(page, f"board-{group}-{width}-{scheme}")
        if width < 1280:
            found += await page.evaluate(TOO_SMALL)
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    assert found == []


async def test_an_anonymous_round_names_nobody_on_the_board(visit: Visit) -> None:
    page = await drafts(visit)
    cards = tuple(replace(card, votes=None) for card in ROUND.cards)
    await show(visit, replace(ROUND, anonymous=True, phase=Phase.OPEN, cards=cards))
    await page.get_by_role("button", name="Board", exact=True).click()
    await stands(page, 1, 2, 3)
    assert await page.locator(".pin .person").all_inner_texts() == ["", "", ""]
    assert await page.locator(".pin .votes").all_inner_texts() == ["", "", ""]
    assert "Anna" not in await page.locator("#board-view").inner_html()


async def test_three_hundred_pictures_are_loaded_as_they_come_into_sight(visit: Visit) -> None:
    asked: list[str] = []
    anna = Person("anna", "Anna")
    first = await visit.site.store.reserve_numbers(KEY, 300)
    for number in range(first, first + 300):
        picture = Picture(
            KEY, number, Operation.IMAGE, (), f"idea {number}", None, "", "image/png", 64, 64, anna,
            datetime.now(UTC), "turn-1",
        )  # fmt: skip
        await visit.site.store.add_picture(picture, png(1000 * number, 64, 64))
    page = await visit.open()
    page.on("request", lambda request: asked.append(request.url) if "/pictures/" in request.url else None)
    await page.get_by_role("button", name="Board", exact=True).click()
    await holds(page, "document.querySelectorAll('.pin').length === 300")
    await page.locator(".pin img").first.evaluate("image => image.decode()")
    assert len(asked) < 150
    assert all(url.endswith("?small") for url in asked)
    last = page.locator(".pin").last
    await last.scroll_into_view_if_needed()
    await last.locator("img").evaluate("image => image.decode()")
    await page.get_by_label("Groups").select_option("alike")
    await page.get_by_role("heading", name="look alike").first.wait_for()


async def test_a_long_thread_loads_what_is_in_sight(visit: Visit) -> None:
    asked: list[str] = []
    anna = Person("anna", "Anna")
    store = visit.site.store
    await store.reserve_numbers(KEY, 300)
    for first in range(1, 301, 10):
        parts = []
        for number in range(first, first + 10):
            picture = Picture(
                KEY, number, Operation.IMAGE, (), f"idea {number}", None, "", "image/png", 64, 64, anna,
                datetime.now(UTC), f"turn-{first}",
            )  # fmt: skip
            sha256 = (await store.add_picture(picture, png(1000 * number, 64, 64))).sha256
            parts.append(
                PicturePart(f"s{number}", number, Operation.IMAGE, "idea", state=SlotState.READY, sha256=sha256)
            )
        turn = Turn(f"turn-{first}", KEY, 0, Role.ASSISTANT, anna, "", datetime.now(UTC), TurnState.OPEN, tuple(parts))
        await store.begin(turn, f"event-{first}")
        await store.finish_turn(replace(turn, state=TurnState.DONE))
    page = await visit.open("none-0001")
    page.on("request", lambda request: asked.append(request.url) if "/pictures/" in request.url else None)
    await page.locator("#threads a").click()
    await holds(page, "document.querySelectorAll('.card').length === 300")
    last = page.locator(".card[data-number='300'] img")
    await last.evaluate("image => image.decode()")
    assert len(asked) < 150
    await page.locator(".card[data-number='1']").scroll_into_view_if_needed()
    await page.locator(".card[data-number='1'] img").evaluate("image => image.decode()")
