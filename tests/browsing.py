"""A browser of one person on a running page whose language model and pictures are fakes."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.bot.web_site import THREAD, Site

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-quic", "--disable-background-networking"]

MARKS = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.timeout(180),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here (on Debian: apt-get install chromium)"),
]


class Visit:
    """A browser of one person, and the page's server."""

    def __init__(self, site: Site, browser: Any, context: Any, shots: Path | None) -> None:
        self.site = site
        self.browser = browser
        self.context = context
        self.shots = shots
        self.errors: list[str] = []
        self.written: str | None = None
        """What is written when the browser asks."""

    async def guest(self) -> Any:
        """The page of somebody else, who does not sit at this machine."""
        return await self.open(context=await self.browser.new_context(extra_http_headers={"X-Real-IP": "192.0.2.7"}))

    async def open(self, thread: str = THREAD, context: Any = None, **size: int) -> Any:
        page = await (context or self.context).new_page()
        await page.set_viewport_size({"width": 1280, "height": 860} | size)
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", lambda dialog: dialog.accept(self.written))
        await page.goto(f"{self.site.page.url}t/{thread}")
        await page.locator("#message").wait_for()
        return page

    async def say(self, page: Any, text: str, answer: str = "") -> None:
        """Write a message; `answer` is what the language model writes."""
        if answer:
            self.site.model.scripts.append(answer)
        await page.locator("#message").fill(text)
        await page.keyboard.press("Enter")

    async def shot(self, page: Any, name: str) -> None:
        if self.shots is not None:
            await page.wait_for_timeout(400)
            await page.screenshot(path=self.shots / f"page-{name}.png")


async def holds(page: Any, condition: str) -> None:
    """Wait for a condition; the page's policy forbids Playwright's own way."""
    async with asyncio.timeout(20):
        while not await page.evaluate(condition):
            await page.wait_for_timeout(30)


@asynccontextmanager
async def visiting(home: Path, **address: Any) -> AsyncIterator[Visit]:
    from playwright.async_api import async_playwright

    site = Site(home, **address)
    site.max_upload_bytes = 2**21
    site.share_days = 30
    await site.start()
    async with async_playwright() as tools:
        browser = await tools.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        shots = os.environ.get("SCREENSHOTS")
        made = Visit(site, browser, await browser.new_context(), Path(shots) if shots else None)
        try:
            yield made
        finally:
            await browser.close()
            await site.stop()
    assert made.errors == []


def two(first: str = "a fox", second: str = "a hat") -> str:
    return f'Two: <image id="1"> {first} </image> and <image id="2"> {second} </image>'


TOO_SMALL = """() => [...document.querySelectorAll("button, summary, select, .attach, .side a, .menu a")]
  .filter(each => each.checkVisibility({ visibilityProperty: true }) && !each.closest(".side:not(.open)"))
  .map(each => [each.getBoundingClientRect(), each.id || each.textContent.trim() || each.className])
  .filter(([box]) => box.width < 43.5 || box.height < 43.5)
  .map(([box, name]) => `${name} ${box.width}x${box.height}`)"""
OUT_OF_SIGHT = """() => [...document.querySelectorAll("details[open] > div > *")].filter(each => {
  const box = each.getBoundingClientRect();
  return box.left < 0 || box.top < 0 || box.right > innerWidth || box.bottom > innerHeight;
}).map(each => each.textContent)"""


async def faults(page: Any) -> list[str]:
    """What axe finds wrong with the page as it stands."""
    from axe_playwright_python.async_playwright import Axe

    found = (await Axe().run(page)).response["violations"]
    return [f"{rule['id']}: {node['html'][:160]}" for rule in found for node in rule["nodes"]]
