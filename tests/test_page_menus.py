"""The page's menus in a real browser: the thread's, one's own, comparing, and what reserves its place."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.browsing import MARKS, OUT_OF_SIGHT, TOO_SMALL, Visit, faults, holds, two, visiting

pytestmark = MARKS


@pytest.fixture
async def visit(tmp_path: Path) -> AsyncIterator[Visit]:
    async with visiting(tmp_path) as made:
        yield made


async def begun(visit: Visit, width: int = 1280) -> Any:
    """A page with two pictures."""
    page = await visit.open(width=width)
    await visit.say(page, "two, please", two())
    await page.locator(".card button.frame img").nth(1).wait_for()
    return page


async def entry(page: Any, name: str) -> None:
    """Choose in the thread's menu, by keyboard alone."""
    await page.locator("#thread-menu summary").focus()
    await page.keyboard.press("Enter")
    entries = page.locator("#thread-menu div > :not([hidden])")
    for _ in range(await entries.count()):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.textContent") == name:
            await page.keyboard.press("Enter")
            return
    raise AssertionError(f"{name} is not reached by Tab")


async def test_a_deleted_thread_is_gone_for_all_who_have_it_open(visit: Visit) -> None:
    page = await begun(visit)
    other = await visit.guest()
    await other.locator(".card button.frame img").nth(1).wait_for()
    await other.locator("#message").fill("half a thought")
    assert await other.locator("#thread-delete").get_attribute("hidden") is not None  # who did not begin it cannot
    address = page.url
    await entry(page, "Delete this thread…")
    for each in (page, other):
        await each.get_by_text("This thread was deleted.").wait_for()
        await holds(each, f"location.href !== {address!r}")
        await each.locator("#welcome").wait_for()
        assert await each.locator("#threads li").count() == 0
    assert await other.locator("#message").input_value() == "half a thought"
    await visit.say(other, "a fresh start", "Gladly.")
    await other.locator(".text", has_text="Gladly.").wait_for()
    await page.goto(address)  # a bookmark of it
    await page.get_by_text("This thread was deleted.").first.wait_for()
    await holds(page, f"location.href !== {address!r}")


@pytest.mark.parametrize("width", [390, 640, 1280])
async def test_menus_and_their_dialogs_are_for_everybody(visit: Visit, width: int) -> None:
    page = await begun(visit, width=width)
    await page.emulate_media(reduced_motion="reduce")
    found: list[str] = []

    async def look(name: str) -> None:
        await holds(page, f"!({OUT_OF_SIGHT})().length")
        if width < 1280:
            assert await page.evaluate(TOO_SMALL) == []
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            found.extend(await faults(page))
            await visit.shot(page, f"{name}-{width}-{scheme}")

    await page.locator("#thread-menu summary").click()
    await look("thread-menu")
    await page.keyboard.press("Escape")
    assert await page.locator("#thread-menu").get_attribute("open") is None
    await entry(page, "Settings…")
    await look("settings")
    await page.keyboard.press("Escape")
    await entry(page, "Share links…")
    await page.get_by_role("button", name="Make a link").click()
    await page.get_by_label("The new link").wait_for()
    await look("share")
    await page.keyboard.press("Escape")
    await page.locator(".card[data-number='2'] summary").click()
    await page.get_by_role("button", name="Compare with…").last.click()
    await look("compare")
    await page.keyboard.press("Escape")
    if width < 760:
        await page.locator("#open-threads").click()
    await page.locator("#me-open").click()
    await look("me")
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    assert found == []


async def test_a_link_is_made_looked_at_and_ended(visit: Visit) -> None:
    page = await begun(visit)
    await entry(page, "Share links…")
    await page.locator("#share-dialog").get_by_text("There is no link to this thread.").wait_for()
    await page.get_by_role("button", name="Make a link").click()
    link = await page.get_by_label("The new link").input_value()
    context = await visit.browser.new_context(java_script_enabled=False)
    seen = await context.new_page()
    await seen.goto(link)
    await seen.get_by_text("a fox").first.wait_for()
    assert await seen.locator("img").count() == 2
    for image in await seen.locator("img").all():
        await image.scroll_into_view_if_needed()
        assert await image.evaluate("image => image.decode().then(() => image.naturalWidth)")
    assert await context.cookies() == []
    assert await seen.locator("form, button, input, a, script").count() == 0
    looked = await visit.browser.new_page(bypass_csp=True)
    await looked.goto(link)
    for width, scheme in ((390, "light"), (390, "dark"), (1280, "light"), (1280, "dark")):
        await looked.set_viewport_size({"width": width, "height": 800})
        await looked.emulate_media(color_scheme=scheme)
        assert await faults(looked) == []
        await visit.shot(looked, f"shared-{width}-{scheme}")
        assert await looked.evaluate("document.documentElement.scrollWidth") == width
    await page.get_by_role("button", name="End link 1").click()
    await page.get_by_text("nobody sees the thread by it any more").wait_for()
    await seen.reload()
    await seen.get_by_text("This link is not good any more.").wait_for()


async def test_settings_usage_and_export_are_buttons(visit: Visit) -> None:
    page = await begun(visit)
    await entry(page, "Settings…")
    await page.locator("[name=style]").fill("noir size:tall")  # a value is a value, whatever stands in it
    await page.locator("[name=size]").select_option("wide")
    await page.keyboard.press("Enter")
    await page.get_by_text("From now on in this thread").wait_for()
    await holds(page, "document.getElementById('shape').value === 'wide'")
    session = await visit.site.store.session((await visit.site.store.threads("web", "-"))[0].key)
    assert session.settings == {"style": "noir size:tall", "size": "wide"}
    other = await visit.guest()
    await other.locator("#shape").select_option("tall")
    await holds(page, "document.getElementById('shape').value === 'tall'")
    await entry(page, "Settings…")
    assert await page.locator("[name=style]").input_value() == "noir size:tall"
    await page.locator("[name=style]").fill("")
    await page.keyboard.press("Enter")
    await page.get_by_text("style: default").wait_for()
    await entry(page, "Export…")
    await page.get_by_role("button", name="Export", exact=True).click()
    await page.locator("#show-dialog a").wait_for(timeout=60_000)  # what signs the copies is loaded first
    async with page.expect_download() as waiting:
        await page.locator("#show-dialog a").click()
    assert re.fullmatch(r"easel-.+\.zip", (await waiting.value).suggested_filename)
    await page.keyboard.press("Escape")
    await page.locator("#me-open").click()
    await page.get_by_role("button", name="What I have used").click()
    await page.locator("#show-dialog").get_by_text("Today you have had 2 pictures made").wait_for()


async def test_guests_say_what_they_are_called(visit: Visit) -> None:
    page = await begun(visit)
    other = await visit.guest()
    for each, name in ((page, "Zoë"), (other, "Ben")):
        await each.locator("#me-open").click()
        await each.get_by_label("What others call you").fill(name)
        await each.keyboard.press("Enter")
        await each.get_by_text(f"Others see you as {name}").wait_for()
    await other.get_by_label("What others call you").fill("ZOË")
    await other.keyboard.press("Enter")
    await other.locator("#me-problem", has_text="Somebody here has that name").wait_for()
    await other.keyboard.press("Escape")
    await visit.say(other, "hello from Ben", "Good day.")
    await page.locator(".turn .who", has_text="Ben").wait_for()
    await page.reload()
    await page.locator("#me-name", has_text="Zoë").wait_for()


async def test_any_two_pictures_are_compared_by_keyboard(visit: Visit) -> None:
    page = await begun(visit)
    await page.locator(".card[data-number='1'] summary").click()
    await page.get_by_role("button", name="Compare with…").first.click()
    slider = page.locator("#compare-slider")
    seen = "getComputedStyle(document.querySelector('#compare-stage .after')).clipPath"
    assert await page.evaluate("document.activeElement.id") == "compare-slider"
    assert await page.evaluate(seen) == "inset(0px 0px 0px 50%)"
    for _ in range(10):
        await page.keyboard.press("ArrowRight")
    assert await page.evaluate(seen) == "inset(0px 0px 0px 60%)"
    assert await slider.get_attribute("aria-valuetext") == "60 % of the first picture"
    await page.keyboard.press("End")
    assert await page.evaluate(seen) == "inset(0px 0px 0px 100%)"
    labels = page.locator("#compare-stage b")
    assert await labels.all_inner_texts() == ["#2", "#1"]
    await page.get_by_role("button", name="Swap the two pictures").press("Enter")
    assert await labels.all_inner_texts() == ["#1", "#2"]
    await page.locator("#compare-before").select_option("2")
    assert await labels.all_inner_texts() == ["#2", "#2"]


SHIFTS = """() => {
  window.shifts = [];
  new PerformanceObserver(list => list.getEntries().forEach(each => window.shifts.push(each.value)))
    .observe({ type: "layout-shift", buffered: true });
}"""
SHAPES = """() => [...document.querySelectorAll(".card .frame")]
  .map(each => each.getBoundingClientRect()).map(box => (box.width / box.height).toFixed(1))"""


async def test_pictures_reserve_their_place(visit: Visit) -> None:
    page = await visit.open(height=2000)
    await page.locator("#shape").select_option("wide")
    await visit.say(page, "two, please", two())
    await page.locator(".card button.frame img").nth(1).wait_for()
    shapes = await page.evaluate(SHAPES)
    assert shapes == ["1.5", "1.5"]
    late = asyncio.Event()

    async def slow(route: Any) -> None:
        await late.wait()
        await route.continue_()

    await page.route("**/pictures/*", slow)
    await page.reload()
    await page.locator(".card button.frame img").nth(1).wait_for()
    await page.evaluate(SHIFTS)
    before = await page.evaluate(SHAPES)
    late.set()
    await holds(page, '[...document.querySelectorAll(".card img")].every(each => each.complete && each.naturalWidth)')
    await page.wait_for_timeout(100)
    assert before == await page.evaluate(SHAPES) == shapes
    assert sum(await page.evaluate("window.shifts")) < 0.01


HEIGHTS = "() => [...document.querySelectorAll('.card')].map(card => card.getBoundingClientRect().height)"


async def test_nothing_moves_when_a_picture_is_there(visit: Visit) -> None:
    page = await visit.open(height=2000)
    for width in (1280, 640, 390):
        await page.set_viewport_size({"width": width, "height": 2000})
        await page.locator("#new-thread").evaluate("button => button.click()")
        await holds(page, "!document.querySelector('.card')")
        visit.site.pictures.held = True
        await visit.say(page, "two, please", two())
        await page.locator(".card.waiting").nth(1).wait_for()
        await page.wait_for_timeout(300)
        await page.evaluate(SHIFTS)
        await page.evaluate("window.shifts = []")
        before = await page.evaluate(HEIGHTS)
        visit.site.pictures.held = False
        await visit.site.pictures.complete_all()
        await page.locator(".card button.frame img").nth(1).wait_for()
        await page.wait_for_timeout(100)
        assert await page.evaluate(HEIGHTS) == before
        assert sum(await page.evaluate("window.shifts")) < 0.01
