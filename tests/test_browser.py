"""The real thing in a real browser: `easel demo` in its own process, a message typed, its picture seen."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-quic", "--disable-background-networking"]

CURRENT_IS_IN_SIGHT = """async () => {
  const { drawTree } = await import("/static/tree.js");
  const box = document.getElementById("tree"), sha256 = box.querySelector("img").src.split("/").pop();
  const root = { parents: [], operation: "image", description: "a cat", sha256 };
  const roots = Array.from({ length: 12 }, (_, n) => ({ number: n + 1, ...root }));
  drawTree(box, roots, 12, () => {});
  const [node, frame] = [box.querySelector(".current"), box].map((each) => each.getBoundingClientRect());
  return node.left >= frame.left && node.right <= frame.right;
}"""
"""A tree that is wider than its panel, drawn with its last picture as the current one."""

COVERED_UNTIL_CLICKED = """async (sha256) => {
  const { Card } = await import("/static/pictures.js");
  const part = { number: 90, slot: "s", description: "a cat", state: "ready", sha256, offers: [], parents: [] };
  part.covered = "#90 may be sensitive";
  const asked = [];
  const card = new Card(part, (action) => asked.push(action));
  document.getElementById("log").append(card.node);
  const blur = () => getComputedStyle(card.node.querySelector("img")).filter;
  const before = [blur(), card.node.querySelector("button.frame").getAttribute("aria-label")];
  card.node.querySelector("button.frame").click();
  const after = blur();
  card.node.querySelector("button.frame").click();
  card.node.remove();
  return [...before, after, asked];
}"""
"""A covered picture's card: how it is before a click, after one, and what a second one asks for."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.timeout(420),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here (on Debian: apt-get install chromium)"),
]


def environment(**settings: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("EASEL_")}
    return own | {f"EASEL_{name}": value for name, value in settings.items()}


async def easel(*words: str, **settings: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", *words,
        stdout=asyncio.subprocess.PIPE, env=environment(**settings), cwd=Path(__file__).parents[1],
    )  # fmt: skip


@contextlib.asynccontextmanager
async def running(*words: str, **settings: str) -> AsyncIterator[str]:
    """The address of a running program."""
    process = await easel(*words, **settings)
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
        found = re.search(r"http://\S+", line)
        assert found, line
        yield found[0]
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 60)
    assert process.returncode == 0


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[str]:
    async with running("demo", "--no-browser", "--port", "0", "--home", str(tmp_path / "home")) as address:
        yield address


async def test_a_typed_message_becomes_a_picture(demo: str, tmp_path: Path) -> None:
    from playwright.async_api import async_playwright

    errors: list[str] = []
    shots = Path(os.environ.get("SCREENSHOTS", tmp_path))
    async with async_playwright() as tools:
        browser = await tools.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            page = await browser.new_page(viewport={"width": 1280, "height": 860})
            page.set_default_timeout(180_000)
            page.on("pageerror", lambda error: errors.append(str(error)))
            await page.goto(demo)
            # What is refused comes back into the box, to be mended.
            box = page.get_by_label("Message", exact=True)
            await box.fill("/settings sizee wide")
            await page.keyboard.press("Enter")
            await page.get_by_text("does not take “sizee wide”").wait_for()
            assert await box.input_value() == "/settings sizee wide"
            await box.fill("draw a penguin in the snow")
            await page.keyboard.press("Enter")
            picture = page.locator(".card button.frame img").first
            await picture.wait_for()
            assert await picture.evaluate("image => image.decode().then(() => image.naturalWidth)") >= 64
            assert "penguin" in (await picture.get_attribute("alt") or "")

            # By keyboard alone: the dialog opens with the whole description, Escape gives the focus back.
            edit = page.get_by_role("button", name="Edit…").first
            await edit.focus()
            await page.keyboard.press("Enter")
            assert "penguin" in await page.locator("#edit-text").input_value()
            await page.locator("#edit-text").fill("a penguin on the beach")
            await page.get_by_role("button", name="Draw it").click()
            await page.locator(".card button.frame img").nth(1).wait_for()
            await page.get_by_label("Message", exact=True).fill("two ideas: a red car, a castle at night")
            await page.keyboard.press("Enter")
            await page.locator(".card button.frame img").nth(3).wait_for()
            await page.locator(".node").nth(3).wait_for()
            await page.wait_for_timeout(600)
            await page.screenshot(path=shots / "web.png")
            assert await page.evaluate(CURRENT_IS_IN_SIGHT)
            sha256 = (await picture.get_attribute("src") or "").rpartition("/")[2]
            covered = await page.evaluate(COVERED_UNTIL_CLICKED, sha256)
            assert covered == ["blur(22px)", "#90 may be sensitive; show it", "none", ["view"]]

            # A phone that opens the same address sees the same thread, and nothing sticks out.
            phone = await browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
            phone.on("pageerror", lambda error: errors.append(str(error)))
            await phone.goto(page.url)
            await phone.locator(".card button.frame img").nth(3).wait_for()
            assert await phone.evaluate("document.documentElement.scrollWidth") == 390
            await phone.wait_for_timeout(600)
            await phone.screenshot(path=shots / "web-phone.png")
        finally:
            await browser.close()
    assert errors == []


async def test_people_come_in_by_invitation_and_share_what_they_want(tmp_path: Path) -> None:
    from playwright.async_api import async_playwright, expect

    settings = {"HOME": str(tmp_path / "home"), "WEB_LOGIN": "invitation", "WEB_PORT": "0"}
    errors: list[str] = []
    shots = Path(os.environ.get("SCREENSHOTS", tmp_path))

    async def invitation(*words: str) -> str:
        process = await easel("invite", *words, **settings)
        return (await process.communicate())[0].decode().splitlines()[0]

    async def slow(route: Any) -> None:
        await asyncio.sleep(1.5)
        await route.continue_()

    async with running("serve", **settings) as address, async_playwright() as tools:
        browser = await tools.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:

            async def opened(url: str, **look: Any) -> Any:
                page = await (await browser.new_context(viewport={"width": 1180, "height": 760}, **look)).new_page()
                page.set_default_timeout(120_000)
                page.on("pageerror", lambda error: errors.append(str(error)))
                await page.goto(url)
                return page

            stranger = await opened(address)
            await expect(stranger.locator("#join-text")).to_contain_text("Open your invitation")
            await stranger.keyboard.press("Escape")
            await expect(stranger.locator("#join-dialog")).to_be_visible()
            await stranger.screenshot(path=shots / "web-stranger.png")

            link = await invitation("Anna", "--role", "admin")
            anna = await opened(link)
            await expect(anna.locator("#join-name")).to_have_value("Anna")
            assert "#" not in anna.url
            await anna.screenshot(path=shots / "web-join.png")
            await anna.get_by_role("button", name="Come in").click()
            await expect(anna.locator("#me-name")).to_have_text("Anna")
            await anna.get_by_label("Message", exact=True).fill("draw a penguin in the snow")
            await anna.keyboard.press("Enter")
            await anna.locator(".card button.frame img").first.wait_for()
            await expect(anna.locator("#sharing")).to_have_value("private")

            # Used once: the same link lets nobody else in.
            late = await opened(link)
            await expect(late.locator("#join-text")).to_contain_text("not good any more")

            ben = await opened(await invitation(), color_scheme="dark")
            await ben.locator("#join-name").fill("Ben")
            await ben.keyboard.press("Enter")
            await expect(ben.locator("#me-name")).to_have_text("Ben")
            assert await ben.locator("#threads li", has_text="penguin").count() == 0
            await anna.locator("#sharing").select_option("house")
            await ben.wait_for_timeout(500)
            await ben.reload()
            await ben.locator("#threads li", has_text="penguin").click()
            await ben.locator(".card button.frame img").first.wait_for()
            await expect(ben.locator("#sharing")).to_be_disabled()
            await anna.wait_for_timeout(600)
            await anna.screenshot(path=shots / "web-people.png")
            await ben.screenshot(path=shots / "web-people-other.png")

            await ben.locator("#me-open").click()
            await ben.get_by_role("button", name="Sign in on another device").click()
            phone = await opened(await ben.get_by_label("Link", exact=True).input_value())
            await ben.screenshot(path=shots / "web-me.png")
            await phone.get_by_role("button", name="Come in").click()
            await expect(phone.locator("#me-name")).to_have_text("Ben")

            await ben.get_by_role("button", name="Sign out").click()
            await expect(ben.locator("#join-dialog")).to_be_visible()
            phone.on("dialog", lambda dialog: dialog.accept())
            await phone.locator("#me-open").click()
            await phone.get_by_role("button", name="Forget me").click()
            await expect(phone.locator("#join-dialog")).to_be_visible()
        finally:
            await browser.close()
    assert errors == []
