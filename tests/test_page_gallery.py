"""The page's gallery in a real browser."""

from __future__ import annotations

from typing import Any

import pytest

from handlers.model import Vote
from tests.bot.web_site import THREAD
from tests.fakes import BEN, png
from tests.test_page import OUT_OF_SIGHT, TOO_SMALL, Visit, faults, holds, pytestmark, two, visit

__all__ = ["pytestmark", "visit"]
OTHER = "thread-0002"


async def hang(visit: Visit, width: int = 1280) -> Any:
    """Two threads with pictures; returns a page at the first."""
    page = await visit.open(OTHER)
    await visit.say(page, "Bakery signs", two("a golden croissant", "日落的猫"))
    await page.locator(".card button.frame img").nth(1).wait_for()
    await page.close()
    page = await visit.open(width=width)
    await visit.say(page, "two, please", two("a red fox at night", "a hat"))
    await page.locator(".card button.frame img").nth(1).wait_for()
    await visit.site.store.vote(Vote(visit.site.chat.key(OTHER), BEN, 1, True))
    return page


async def found(page: Any, count: int) -> list[str]:
    await holds(page, f"document.querySelectorAll('#gallery-grid li').length === {count}")
    return list(await page.locator("#gallery-grid p").all_inner_texts())


async def test_pictures_are_searched_and_open_their_thread_at_the_picture(visit: Visit) -> None:
    page = await hang(visit)
    await page.get_by_role("link", name="Gallery").click()
    assert set(await found(page, 4)) == {"a red fox at night", "a hat", "a golden croissant", "日落的猫"}
    box = page.locator("#gallery-search")
    for search, expected in {"fox": "a red fox at night", "猫": "日落的猫", "votes:>0": "a golden croissant"}.items():
        await box.fill(search)
        await holds(page, f"document.querySelector('#gallery-grid').innerText.startsWith({expected!r})")
        assert await found(page, 1) == [expected]
    await page.get_by_text("Filters").click()
    assert await page.locator("#gallery-votes").input_value() == ">0"
    await page.locator("#gallery-votes").select_option("")
    await found(page, 4)
    assert await box.input_value() == ""
    await page.locator("#gallery-in").fill("Bakery signs")
    await page.keyboard.press("Tab")
    await found(page, 2)
    assert await box.input_value() == 'in:"Bakery signs"'
    await box.fill("zebra")
    await page.get_by_text("No picture that you can see here fits that search.").wait_for()
    await box.fill("votes:many")
    await page.get_by_text("votes: takes a number").wait_for()
    await box.fill("croissant")
    await found(page, 1)
    assert page.url.endswith("/gallery?q=croissant")
    await page.reload()  # the address is the search
    await found(page, 1)
    await page.locator("#gallery-grid a").press("Enter")
    await holds(page, f"location.pathname === '/t/{OTHER}' && document.activeElement.dataset.number === '1'")
    await holds(page, f"!({OUT_OF_SIGHT})().length")
    await page.go_back()
    await found(page, 1)
    await page.keyboard.press("Escape")  # empties the box
    await found(page, 4)
    await page.keyboard.press("Escape")
    await holds(page, "location.pathname.startsWith('/t/') && !document.querySelector('dialog[open]')")


async def test_the_command_opens_it_and_a_link_to_a_picture_leads_there(visit: Visit) -> None:
    page = await hang(visit)
    await visit.say(page, "/gallery by:nobody")
    await page.get_by_text("No picture that you can see here").wait_for()
    assert await page.locator("#gallery-search").input_value() == "by:nobody"
    await page.goto(f"{visit.site.page.url}t/{OTHER}#picture-2")
    await holds(page, "document.activeElement.dataset.number === '2'")
    await page.goto(f"{visit.site.page.url}t/{THREAD}#picture-77")
    await page.get_by_text("Picture #77 is not on this page").wait_for()


async def test_older_pictures_come_behind_and_small_copies_only_as_they_are_looked_at(visit: Visit) -> None:
    from dataclasses import replace

    page = await hang(visit)
    model = await visit.site.store.picture(visit.site.chat.key(THREAD), 1)
    assert model is not None
    for number in range(3, 90):
        await visit.site.store.reserve_numbers(model.thread, 1)
        made = replace(model, number=number, description=f"picture {number}", width=64, height=64)
        await visit.site.store.add_picture(made, png(number, 64, 64))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "?small" in request.url else None)
    await page.get_by_role("link", name="Gallery").click()
    await found(page, 36)
    more = page.get_by_role("button", name="Show older ones")
    await more.press("Enter")
    names = await found(page, 72)
    assert len(set(names)) == 72
    await holds(page, "document.activeElement === document.querySelectorAll('#gallery-grid a')[36]")
    await more.click()
    await found(page, 91)
    assert await more.is_hidden()
    assert 0 < len(set(asked)) <= 91
    await visit.shot(page, "gallery-many")


@pytest.mark.parametrize("width", [390, 1280])
async def test_everybody_can_use_it(visit: Visit, width: int) -> None:
    page = await hang(visit, width)
    await page.emulate_media(reduced_motion="reduce")
    if width < 1280:
        await page.get_by_role("button", name="Threads", exact=True).click()
    await page.get_by_role("link", name="Gallery").click()
    await found(page, 4)
    wrong = []
    for filters in (False, True):
        if filters:
            await page.locator("#gallery-filters summary").press("Enter")
            await page.locator("#gallery-since").wait_for()
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            wrong += await faults(page)
            await visit.shot(page, f"gallery-{width}-{scheme}{'-filters' if filters else ''}")
    if width < 1280:
        assert await page.evaluate(TOO_SMALL) == []
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    assert wrong == []
