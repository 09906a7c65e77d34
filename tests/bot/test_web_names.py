"""What guests of the page are called: by themselves, by nobody else's name, and never so that it misleads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.chats.web import names
from bot.memory import Memory
from tests.bot.web_site import THREAD, Site


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(tmp_path)
    memory = await Memory.open(tmp_path / "memory.db")
    made.memory = memory.corner("web")
    await made.start()
    yield made
    await made.stop()
    await memory.close()


async def call(browser: aiohttp.ClientSession, name: Any) -> tuple[int, str]:
    async with browser.post("/api/me/name", json={"name": name}) as answer:
        return answer.status, (await answer.json())["name"] if answer.status == 200 else await answer.text()


def guest(site: Site) -> aiohttp.ClientSession:
    jar = aiohttp.CookieJar(unsafe=True)
    return aiohttp.ClientSession(site.page.url, cookie_jar=jar, headers={"X-Easel": "1", "X-Real-IP": "192.0.2.7"})


async def test_a_name_is_kept_with_the_cookie_and_over_a_restart(site: Site) -> None:
    assert await call(site.browser, "  Zoë \n Müller ") == (200, "Zoë Müller")
    cookie = {each.key: each.value for each in site.browser.cookie_jar}
    await site.page.stop()
    await site.browser.close()
    await site.start()
    site.browser.cookie_jar.update_cookies(cookie)
    await site.say("hello")
    await site.answered()
    (asked, _) = await site.store.turns(site.chat.key(THREAD))
    assert asked.person is not None
    assert asked.person.name == "Zoë Müller"
    status, name = await call(site.browser, "")
    assert (status, name[:6]) == (200, "Guest ")


@pytest.mark.parametrize(
    "name",
    [
        "Anna", "ANNA", "А\u200bnna", "Аnna", "Αnna", "ａｎｎａ", "Ann\u0430", "Änna", "4nna", "an\u00adna",
        "Easel", "easel", "admin", "Guest 1234", "GUEST", "Guеst 12", "\u202eannA", "x\u202ey", "x\u2067y",
        "\u200b", "\u3164", "\x00\x07", "\ud800", "x" * 41, "x" * 2000, "\u0338" * 2000,
    ],
)  # fmt: skip
async def test_no_name_misleads_and_nobody_has_anothers(site: Site, name: str) -> None:
    assert await call(site.browser, "Anna") == (200, "Anna")
    async with guest(site) as other:
        status, told = await call(other, name)
        assert status == 409, told
        assert len(told) < 100
        assert "\n" not in told
        async with other.get("/api/me") as answer:
            assert (await answer.json())["name"].startswith("Guest ")


@pytest.mark.parametrize("name", [7, None, ["Anna"], {"a": 1}, True])
async def test_what_is_no_name_is_none(site: Site, name: Any) -> None:
    status, told = await call(site.browser, name)
    assert status == 200
    assert told.startswith("Guest ")


@pytest.mark.parametrize("name", ["محمد", "שרה", "李小龍", "Ольга", "Ünal Öztürk", "José", "🦊 Fox"])
async def test_names_of_all_languages_are_names(site: Site, name: str) -> None:
    assert await call(site.browser, name) == (200, name)


async def test_a_name_that_is_given_back_is_free_again(site: Site) -> None:
    async with guest(site) as other:
        await call(site.browser, "Anna")
        await call(site.browser, "Berta")
        assert await call(other, "Anna") == (200, "Anna")
        async with other.post("/api/me/forget", json={"confirm": "yes"}) as answer:
            assert answer.status == 200
    assert await call(site.browser, "Anna") == (200, "Anna")


async def test_so_many_names_are_kept_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "MOST", 2)
    kept = names.Names(None)
    for number, name in enumerate(("Anna", "Berta", "Carla")):
        await kept.give(f"{number}" * 16, name)
    assert [kept.of(f"{number}" * 16) for number in range(3)] == ["Guest 0000", "Berta", "Carla"]
    assert await kept.give("4" * 16, "Anna") == "Anna"
