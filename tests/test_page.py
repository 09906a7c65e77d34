"""The page in a real browser, on a running server whose language model and pictures are fakes: what people do there."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from handlers.commands import COMMANDS
from handlers.model import NOWHERE, Action, Incoming, Person, Press, ThreadKey
from tests.bot.web_site import THREAD
from tests.browsing import MARKS, OUT_OF_SIGHT, TOO_SMALL, Visit, faults, holds, two, visiting
from tests.fakes import png

pytestmark = MARKS
__all__ = ["OUT_OF_SIGHT", "TOO_SMALL", "Visit", "faults", "holds", "pytestmark", "two", "visit"]


@pytest.fixture
async def visit(tmp_path: Path) -> AsyncIterator[Visit]:
    async with visiting(tmp_path) as made:
        yield made


@pytest.mark.parametrize("number", [1, 2])
async def test_a_deleted_picture_stays_deleted_when_the_page_is_opened_again(visit: Visit, number: int) -> None:
    page = await visit.open()
    await visit.say(page, "two, please", two())
    await page.locator(".card button.frame img").nth(1).wait_for()
    card = page.locator(f".card[data-number='{number}']")
    await card.locator("summary").click()
    await card.get_by_role("button", name="Delete").click()
    await page.locator(".card.gone").wait_for()
    await page.reload()
    await page.locator(".card.gone").get_by_text("was deleted").wait_for()
    assert await page.locator(f".card[data-number='{number}'] button").count() == 0
    assert await page.locator(".card button.frame img").count() == 1
    await visit.shot(page, f"deleted-{number}")


async def test_a_reported_picture_is_hidden_and_comes_back_on_open_pages(visit: Visit) -> None:
    page = await visit.open()
    await visit.say(page, "two, please", two())
    await page.locator(".card button.frame img").nth(1).wait_for()
    other = Press("r", ThreadKey("web", "-", "web", THREAD), Person("mo", "Mo", moderator=True), Action.REPORT, 2)
    await visit.site.desk.press(other)
    await page.locator(".card[data-number='2'].gone").get_by_text("was reported and is hidden").wait_for()
    await page.reload()
    await page.locator(".card[data-number='2'].gone").get_by_text("was reported and is hidden").wait_for()
    await visit.say(page, "/moderation report:1 decide:show")
    await page.locator(".card[data-number='2'] button.frame img").wait_for()
    await page.locator("dialog[open]").press("Escape")
    card = page.locator(".card[data-number='1']")
    await card.locator("summary").click()
    await card.get_by_role("button", name="Report").click()
    await page.get_by_text("is yours: you can delete it").wait_for()


HIDDEN = """hidden => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
"""As a browser tells a tab that another one covers it; without a screen none is ever covered."""


async def test_any_number_of_tabs_and_a_hidden_one_catches_up(visit: Visit) -> None:
    first = await visit.open()
    await visit.say(first, "a fox", 'A fox: <image id="1"> a fox </image>')
    await first.locator(".card button.frame img").wait_for()
    tabs = [first]
    for _ in range(7):
        await tabs[-1].evaluate(HIDDEN, True)
        tabs.append(await visit.open())
        await tabs[-1].locator(".card button.frame img").wait_for()
    await visit.say(tabs[-1], "a hat", 'A hat: <image id="2"> a hat </image>')
    await tabs[-1].locator(".card button.frame img").nth(1).wait_for()
    assert visit.site.chat.hub.pages == 1
    await tabs[-1].evaluate(HIDDEN, True)
    await first.evaluate(HIDDEN, False)
    await first.locator(".card button.frame img").nth(1).wait_for()


def long(words: str) -> str:
    return "\n\n".join(f"{words} {line}" for line in range(60)) + ' <image id="1"> a fox </image>'


async def test_a_draft_stays_in_its_thread_and_the_box_has_the_focus(visit: Visit) -> None:
    page = await visit.open()
    await visit.say(page, "hello", "Good day.")
    await page.locator(".text", has_text="Good day.").wait_for()
    await page.locator("#message").fill("half a thought")
    await page.get_by_role("button", name="New thread").click()
    await holds(page, "document.getElementById('message').value === ''")
    assert await page.evaluate("document.activeElement.id") == "message"
    await visit.say(page, "other words", "Well.")
    await page.locator(".text", has_text="Well.").wait_for()
    await page.locator("#message").fill("another draft")
    await page.locator("#threads a", has_text="hello").click()
    await holds(page, "document.getElementById('message').value === 'half a thought'")
    assert await page.evaluate("document.activeElement.id") == "message"
    await page.reload()  # words outlive it
    await holds(page, "document.getElementById('message').value === 'half a thought'")
    await page.locator("#threads a", has_text="other words").click()
    await holds(page, "document.getElementById('message').value === 'another draft'")


AT_END = "(log => log.scrollHeight - log.scrollTop - log.clientHeight < 3)(document.getElementById('log'))"


async def test_the_log_stays_at_its_end_and_leads_back_to_it(visit: Visit) -> None:
    page = await visit.open(height=600)
    await visit.say(page, "tell me much", long("Line"))
    await page.locator(".card button.frame img").wait_for()
    await holds(page, AT_END)
    chooser = {"name": "mine.png", "mimeType": "image/png", "buffer": png(7, 64, 64)}
    await page.locator("#files").set_input_files(chooser)
    await holds(page, AT_END)  # the box has grown by the chip
    await visit.say(page, "look at this", "Nice.")
    await page.locator(".card button.frame img").nth(1).wait_for()
    await page.locator(".text", has_text="Nice.").wait_for()
    await holds(page, AT_END)
    latest = page.get_by_role("button", name="Jump to latest")
    assert await latest.is_hidden()
    # Who reads above is not pulled away, and finds the way back.
    await page.locator("#log").evaluate("log => log.scrollTo({ top: 0, behavior: 'instant' })")
    await latest.wait_for()
    await visit.site.say("from somebody else")
    await page.locator(".said", has_text="from somebody else").wait_for()
    assert await page.locator("#log").evaluate("log => log.scrollTop") == 0
    await visit.shot(page, "latest")
    await latest.click()
    await holds(page, AT_END)
    assert await latest.is_hidden()


@pytest.mark.parametrize("width", [390, 640, 1280])
async def test_everybody_can_use_it_on_a_phone_at_200_percent_and_by_ear(visit: Visit, width: int) -> None:
    page = await visit.open(width=width)
    await page.emulate_media(reduced_motion="reduce")
    found = await faults(page)
    await visit.say(page, "two, please", two())
    await page.locator(".card button.frame img").nth(1).wait_for()
    assert await page.get_by_role("button", name="Family tree", exact=True).is_visible()
    await page.get_by_role("button", name="Vary").nth(1).click()
    await page.locator(".card button.frame img").nth(2).wait_for()
    for number in (1, 2, 3):
        await page.locator(f".card[data-number='{number}'] summary").click()
        await holds(page, f"!({OUT_OF_SIGHT})().length")
        if width < 1280:
            assert await page.evaluate(TOO_SMALL) == []
    for opener in ("", "Edit…", "Compare"):
        if opener:
            await page.get_by_role("button", name=opener).last.click()
            await page.locator("dialog[open]").wait_for()
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            found += await faults(page)
            await visit.shot(page, f"{opener.strip('…').lower() or 'menu'}-{width}-{scheme}")
        if opener:
            await page.keyboard.press("Escape")
            await page.locator(".card[data-number='3'] summary").click()
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    assert found == []


async def test_the_viewer_goes_through_the_pictures_and_does_what_cards_do(visit: Visit) -> None:
    from playwright.async_api import expect

    page = await visit.open()
    await visit.say(page, "two, please", two('a red fox: "éclair" & 狐'))
    await page.locator(".card button.frame img").nth(1).wait_for()
    await page.locator(".card button.frame").first.click()
    title = page.locator("#view-title")
    assert await title.inner_text() == "#1"
    await page.keyboard.press("ArrowLeft")  # there is none before
    await page.keyboard.press("ArrowRight")
    assert await title.inner_text() == "#2"
    await page.keyboard.press("ArrowLeft")
    width = "document.querySelector('#view-scroll img').getBoundingClientRect().width"
    before = await page.evaluate(width)
    await page.keyboard.press("+")
    assert await page.evaluate(width) == pytest.approx(2 * before, rel=0.05)
    await page.keyboard.press("ArrowRight")  # moves what is seen
    assert await title.inner_text() == "#1"
    await page.keyboard.press("0")
    assert await page.evaluate(width) == pytest.approx(before, rel=0.05)
    assert await faults(page) == []
    await visit.shot(page, "viewer")
    async with page.expect_download() as waiting:
        await page.locator("#view-actions").get_by_text("Download").click()
    assert (await waiting.value).suggested_filename == "1-a-red-fox-éclair-狐.png"
    await page.locator("#view-actions [data-action=vary]").click()
    assert await page.locator("#view-dialog").is_hidden()
    made = page.locator(".card[data-number='3'] .made")
    await expect(made).to_have_text(re.compile(r"variation of #1 · .+"))


async def test_what_a_button_made_says_of_what_and_for_whom(visit: Visit) -> None:
    from playwright.async_api import expect

    page = await visit.open()
    await visit.say(page, "a fox", 'A fox: <image id="1"> a fox </image>')
    await page.locator(".card button.frame img").wait_for()
    await page.locator(".card summary").click()
    await page.get_by_role("button", name="Redo with a new seed").click()
    made = page.locator(".card[data-number='2'] .made")
    await made.wait_for()
    await page.reload()
    await expect(made).to_have_text(re.compile(r"#1 again, with a new seed · .+"))
    assert await page.locator(".card[data-number='1'] .made").count() == 0


async def test_commands_are_completed_from_the_table_of_commands(visit: Visit) -> None:
    page = await visit.open()
    box, options = page.locator("#message"), page.locator("#completions [role=option]")
    await box.press_sequentially("/")
    await options.first.wait_for()
    assert await options.locator("b").all_inner_texts() == [f"/{spec.name}" for spec in COMMANDS if not spec.admin_only]
    assert await faults(page) == []
    await visit.shot(page, "completion")
    await box.press_sequentially("set")
    await page.keyboard.press("Enter")
    assert await box.input_value() == "/settings "
    await box.press_sequentially("si")
    await page.keyboard.press("Tab")
    assert await box.input_value() == "/settings size:"
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    assert await box.input_value() == "/settings size:wide "
    await page.keyboard.press("Escape")
    await page.keyboard.press("Enter")  # what is whole is sent
    await page.locator("#show-dialog").get_by_text("wide").first.wait_for()
    await page.keyboard.press("Escape")
    await box.fill("/help")
    await page.keyboard.press("Enter")
    await page.locator("#show-dialog").get_by_text("/gallery").first.wait_for()
    await page.keyboard.press("Escape")
    for words in ("a/b", "look at this /h", "/usr/bin", "/nonsense"):
        await box.fill(words)
        assert await options.count() == 0


async def test_threads_are_searched_and_listed_beyond_a_hundred(visit: Visit) -> None:
    from playwright.async_api import expect

    for at in range(103):
        thread = ThreadKey("web", NOWHERE, "web", f"thread-{at:04}")
        incoming = Incoming(f"event-{at}", thread, Person("p", "Anna"), f"the {at}th FOX")
        await visit.site.store.accept(incoming, asked=f"asked-{at}", turn=f"answer-{at}", uploads=())
    page = await visit.open(thread="thread-0000")
    rows = page.locator("#threads li")
    await page.get_by_role("button", name="Show more").click()
    await expect(rows).to_have_count(103)
    await page.get_by_label("Search threads").fill("fox 10")
    await expect(rows).to_have_count(4)
    assert await page.locator("#title").inner_text() == "the 0th FOX"  # the open thread keeps its title
    assert await faults(page) == []
    await visit.shot(page, "search")
    await page.get_by_label("Search threads").fill("no such")
    await page.get_by_text("No thread is called so.").wait_for()
    await page.get_by_label("Search threads").fill("")
    await expect(rows).to_have_count(100)


async def test_a_thread_is_renamed_for_all_who_have_it_open(visit: Visit) -> None:
    page, other = await visit.open(), await visit.open()
    await visit.say(page, "hello", "Good day.")
    await page.locator(".text", has_text="Good day.").wait_for()
    visit.written = f"  Foxes\n& <b>hats</b> {'x' * 99}"
    title = "Foxes & <b>hats</b> xxx"
    await page.locator("#thread-menu summary").click()
    await page.get_by_role("button", name="Rename…").click()
    for each in (page, other):
        await each.locator("#threads b", has_text=title).wait_for()
        await holds(each, f"document.getElementById('title').textContent.startsWith({title!r})")
    visit.written = " "
    await page.locator("#thread-menu summary").click()
    await page.get_by_role("button", name="Rename…").click()
    await page.get_by_text("needs a word").wait_for()
    rows = await visit.site.store.threads("web", NOWHERE)
    assert [len(row.title) for row in rows] == [80]
