"""The page's gallery over HTTP: who sees which pictures, small copies, and what it says of bad searches."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bot.settings import Login
from tests.bot.test_web_people import Browser, people
from tests.bot.web_site import THREAD, Site


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(tmp_path, login=Login.INVITATION)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def open_site(tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(tmp_path)
    await made.start()
    yield made
    await made.stop()


async def hung(browser: Browser, **query: str) -> list[str]:
    """The threads of the pictures that are found."""
    async with browser.client.get("/api/gallery", params=query) as answer:
        assert answer.status == 200
        return [one["thread"] for one in (await answer.json())["hung"]]


async def test_each_member_finds_their_own_and_the_houses_pictures(site: Site) -> None:
    async with people(site, "Anna", "Ben") as [anna, ben]:
        private, house, linked = [await anna.new_thread() for _ in range(3)]
        for thread in (private, house, linked):
            assert await anna.say(thread, f"a fox in {thread}") == 202
        await anna.post(f"/api/threads/{private}/sharing", sharing="private")
        await anna.post(f"/api/threads/{house}/sharing", sharing="house")
        await anna.post(f"/api/threads/{linked}/sharing", sharing="link")
        assert sorted(await hung(anna)) == sorted([private, house, linked])
        for search in ("", "fox", "by:anna", f"in:{private}", "fox votes:0", f"in:here in:{private}"):
            assert set(await hung(ben, q=search)) <= {house}, search
        assert await hung(ben, q="fox") == [house]
        assert await hung(ben, q="in:here", here=linked) == [linked]
        assert (await ben.get(f"/api/gallery?q=in:here&here={private}"))[0] == 404
        assert (await ben.get("/api/gallery?here=../../x"))[0] == 404
        await anna.post(f"/api/threads/{house}/sharing", sharing="private")
        assert await hung(ben, q="fox") == []
        stranger = Browser(site)
        assert (await stranger.get("/api/gallery"))[0] == 401
        assert (await stranger.get("/gallery"))[0] == 200
        await stranger.client.close()


async def look(site: Site, **query: str) -> dict[str, Any]:
    async with site.browser.get("/api/gallery", params=query) as answer:
        assert answer.status == 200
        found: dict[str, Any] = await answer.json()
        return found


async def test_a_page_leads_on_and_says_what_is_wrong_with_a_search(open_site: Site) -> None:
    site = open_site
    assert (await look(site))["sentence"] == "There are no pictures yet that you can see here."
    for at in range(10):
        site.model.scripts.append('<image count="4"> a fox </image>')
        await site.say(f"foxes {at}")
        while len(await site.store.gallery(site.chat.key(THREAD))) < 4 * (at + 1):
            await site.answered()
    first = await look(site, q="fox")
    assert (len(first["hung"]), first["sentence"]) == (36, "")
    rest = await look(site, q=first["older"])
    assert (len(rest["hung"]), rest["older"]) == (4, None)
    numbers = [one["number"] for one in (*first["hung"], *rest["hung"])]
    assert sorted(numbers) == list(range(1, 41))
    one = first["hung"][0]
    assert one["thread"] == THREAD
    assert one["alt"] == "a fox (made with AI)"
    for search, said in {
        "votes:many": "votes:>2",
        "since:soon": "2026-11-01",
        "x" * 401: "400",
        "zebra": "fits that",
    }.items():
        found = await look(site, q=search)
        assert found["hung"] == []
        assert said in found["sentence"], search
    status, data, headers = await site.get(f"/pictures/{one['sha256']}?small")
    assert (status, headers["Content-Type"]) == (200, "image/png")
    assert "immutable" in headers["Cache-Control"]
    assert max(Image.open(io.BytesIO(data)).size) <= 512
    await site.store.delete_picture(site.chat.key(THREAD), one["number"])
    assert one["number"] not in [other["number"] for other in (await look(site))["hung"]]
    assert (await site.get(f"/pictures/{one['sha256']}?small"))[0] in (200, 404)


async def test_a_home_whose_login_was_taken_away_keeps_what_was_private(tmp_path: Path, site: Site) -> None:
    async with people(site, "Anna") as [anna]:
        thread = await anna.new_thread()
        assert await anna.say(thread, "a fox") == 202
        await anna.post(f"/api/threads/{thread}/sharing", sharing="private")
    await site.stop()
    again = Site(tmp_path, login=Login.NONE)
    await again.start()
    try:
        guest = Browser(again)
        assert await hung(guest, q="fox") == []
        await guest.client.close()
    finally:
        await again.stop()
    await site.start()
