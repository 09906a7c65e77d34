"""Links to a thread: who makes and ends them, what is seen by them, and that nothing else is."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from bot.app import _page_of
from bot.chats.web import shared
from bot.chats.web.checkup import page
from bot.chats.web.slowing import Lookers
from bot.settings import Login, Settings
from handlers.model import Action, CommandCall, Incoming, Person, Press, Role, ThreadKey, Turn, TurnState
from handlers.round import Card, Phase, RoundPart
from handlers.sharing import MOST, link_hash
from handlers.unnamed import Names, names_of
from tests.bot.web_site import THREAD, Site

KEY = ThreadKey("web", "-", "web", THREAD)
OTHER = ThreadKey("web", "-", "web", "thread-0002")
ANNA, BEN = Person("anna", "Anna"), Person("ben", "Ben")
MODERATOR = Person("mo", "Mo", moderator=True)


@contextlib.asynccontextmanager
async def shared_site(home: Path, password: str = "", **address: Any) -> AsyncIterator[Site]:
    site = Site(home, password, **address)
    site.share_days = 30
    await site.start()
    for key, word in ((KEY, "fox"), (OTHER, "secretword")):
        site.model.scripts.append(f'Anna, here is a {word}: <image id="1"> a {word} </image>')
        await site.desk.receive(Incoming(f"e-{word}", key, ANNA, f"a {word}, says <b>Anna</b> & co"))
    try:
        yield site
    finally:
        await site.stop()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with shared_site(tmp_path) as made:
        yield made


async def share(site: Site, person: Person = ANNA, **arguments: int) -> str:
    call = CommandCall("c", KEY, person, "share", dict(arguments))
    return (await site.desk.command(call)).text


async def link(site: Site, days: int = 7) -> str:
    """The path of a fresh link."""
    told = await share(site, days=days)
    found = re.search(r"http://[^/]+(/s/[0-9a-f]{40})\b", told)
    assert found, told
    return found[1]


@contextlib.asynccontextmanager
async def stranger(site: Site, **headers: str) -> AsyncIterator[aiohttp.ClientSession]:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(site.page.url, cookie_jar=jar, headers=headers) as client:
        yield client


async def look(site: Site, path: str, **headers: str) -> tuple[int, str, Any]:
    async with stranger(site) as client, client.get(path, headers=headers, allow_redirects=False) as answer:
        assert not path.startswith("/s/") or "Set-Cookie" not in answer.headers
        return answer.status, (await answer.read()).decode("utf-8", "replace"), answer.headers


# What is seen


async def test_whoever_has_a_link_sees_the_thread_and_its_pictures(site: Site) -> None:
    path = await link(site)
    status, page, headers = await look(site, path)
    assert status == 200
    assert "a fox, says &lt;b&gt;Anna&lt;/b&gt; &amp; co" in page
    assert '<h2 dir="auto">Anna</h2>' in page
    assert "secretword" not in page
    assert "<script" not in page
    assert headers["X-Robots-Tag"].startswith("noindex")
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "private, no-store"
    assert "script-src" not in headers["Content-Security-Policy"]
    assert '<meta name="robots" content="noindex' in page
    picture = re.search(r'<img src="([^"]+)" alt="a fox \(made with AI\)" width="64" height="64"', page)
    assert picture
    status, _, headers = await look(site, picture[1])
    assert (status, headers["Content-Type"]) == (200, "image/png")
    assert "X-Robots-Tag" in headers
    assert (await look(site, "/s/shared.css"))[0] == 200


async def test_nothing_but_that_thread_is_reached(tmp_path: Path) -> None:
    async with shared_site(tmp_path, "the right one") as site:
        path = await link(site)
        assert (await look(site, path))[0] == 200, "the link is its own key"
        (other,) = await site.store.gallery(OTHER)
        for way in (
            "/", "/api/about", "/api/threads", "/api/me", "/gallery", f"/t/{THREAD}", f"/api/threads/{THREAD}/events",
            f"/pictures/{other.sha256}", "/static/app.js", "/metrics", f"{path}/../../api/threads", "/s/../api/threads",
            "/s/%2e%2e/api/threads", "/s/..%2fapi/threads", f"{path}/pictures/1/..", "//api/threads",
        ):  # fmt: skip
            async with aiohttp.ClientSession(site.page.url) as client:
                url = URL(site.page.url.rstrip("/") + way, encoded=True)
                async with client.get(url) as answer:
                    assert answer.status in (401, 404), way
                    assert "secretword" not in await answer.text()
        for way in ("2", "0", "-1", "1e3", "999999999", "9" * 30, "x", "１"):
            assert (await look(site, f"{path}/pictures/{way}"))[0] == 404
        async with stranger(site) as client:
            for method in ("POST", "PUT", "DELETE", "PATCH"):
                async with client.request(method, path, json={}) as answer:
                    assert answer.status in (401, 403, 405)


@pytest.mark.parametrize(
    "token", ["x", "x" * 40, "a" * 39, "A" * 40, "a" * 40, "", "%00", "' OR 1=1 --", "a" * 5000, "é" * 32]
)
async def test_what_is_no_link_shows_nothing(site: Site, token: str) -> None:
    await link(site)
    status, told, _ = await look(site, f"/s/{token}")
    assert status == 404
    assert "fox" not in told


async def test_neither_password_nor_login_nor_a_closed_page_is_in_the_way(tmp_path: Path) -> None:
    for name, address in (("login", {"login": Login.INVITATION}), ("closed", {"public": True})):
        async with shared_site(tmp_path / name, **address) as site:
            path = await link(site)
            assert (await look(site, path))[0] == 200, name
            assert (await look(site, f"/t/{THREAD}"))[0] in (200, 403), "the empty page, before one is signed in"
            assert (await look(site, "/api/threads"))[0] in (401, 403), name


async def test_what_is_deleted_or_hidden_is_seen_by_no_link(site: Site) -> None:
    path = await link(site)
    await site.desk.press(Press("r", KEY, MODERATOR, Action.REPORT, 1))
    page = (await look(site, path))[1]
    assert "Picture #1 was reported and is hidden." in page
    assert "<img" not in page
    assert (await look(site, f"{path}/pictures/1"))[0] == 404
    await site.store.delete_thread(KEY)
    assert (await look(site, path))[0] == 404


async def test_what_may_be_sensitive_is_covered(site: Site) -> None:
    (picture,) = await site.store.gallery(KEY)
    sight = shared.Sight("t", {1: replace(picture, spoiler=True)}, (), Names())
    page = shared.document(await site.store.turns(KEY), sight, datetime.now(UTC))
    assert "<details><summary>#1 may be sensitive</summary><img" in page


async def test_an_anonymous_brainstorm_names_nobody(site: Site) -> None:
    turns = list(await site.store.turns(KEY))
    cards = (Card(1, "Fox", "Because Anna likes it."),)
    asked = replace(turns[0], id="b", role=Role.ASSISTANT, state=TurnState.DONE, text="")
    named = [*turns, replace(asked, parts=(RoundPart("b", 1, "mascots", Phase.OPEN, cards),))]
    hushed = [*turns, replace(asked, parts=(RoundPart("b", 1, "mascots", Phase.OPEN, cards, anonymous=True),))]
    for said, names in ((named, True), (hushed, False)):
        sight = shared.Sight("t", {}, (), names_of(said))
        page = shared.document(said, sight, datetime.now(UTC))
        assert ("Anna" in page) is names
        assert "Brainstorm: mascots" in page


async def test_an_anonymous_brainstorm_of_long_ago_names_nobody(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = await site.store.turns(KEY)
    shown = replace(turns[1], parts=(*turns[1].parts, RoundPart("b", 1, "mascots", Phase.OVER, anonymous=True)))
    assert shown.parts

    async def old(*_: Any, **__: Any) -> list[Turn]:
        return [turns[0], shown, *[replace(turns[0], id=f"t{n}") for n in range(shared.TURNS)]]

    path = await link(site)
    monkeypatch.setattr(site.store, "turns", old)
    status, page, _ = await look(site, path)
    assert status == 200
    assert "Anna" not in page
    assert page.count("<article") == shared.TURNS


# Who, how long, how much


async def test_links_are_off_unless_the_host_allows_them(tmp_path: Path) -> None:
    site = Site(tmp_path)
    await site.start()
    try:
        assert "switched off" in await share(site, days=1)
        assert not await site.store.share_links(KEY)
    finally:
        await site.stop()


async def test_a_link_ends_by_its_date_and_when_it_is_ended(site: Site) -> None:
    path, second = await link(site), await link(site)
    assert (await look(site, path))[0] == 200
    listed = await share(site)
    assert "1: until" in listed
    assert "made by Anna" in listed
    assert path.removeprefix("/s/") not in listed
    assert "is ended" in await share(site, revoke=1)
    assert (await look(site, path))[0] == 404
    assert (await look(site, second))[0] == 200
    assert "There is no link 1" in await share(site, revoke=1)
    now = datetime.now(UTC)
    await site.store.add_share_link(KEY, ANNA, link_hash("a" * 40), now, now - timedelta(seconds=1))
    assert (await look(site, "/s/" + "a" * 40))[0] == 404


async def test_only_who_began_the_thread_or_moderates_decides(site: Site) -> None:
    await site.desk.receive(Incoming("e9", KEY, BEN, "hello"))
    path = await link(site)
    for arguments in ({}, {"days": 1}, {"revoke": 1}):
        assert "Only who began this thread" in await share(site, BEN, **arguments)
    assert (await look(site, path))[0] == 200
    assert "is ended" in await share(site, MODERATOR, revoke=1)
    async with site.browser.get(f"/api/threads/{THREAD}/shares", headers={"X-Real-IP": "192.0.2.7"}) as answer:
        assert answer.status == 403


async def test_a_link_of_another_thread_is_not_ended_here(site: Site) -> None:
    path = await link(site)
    call = CommandCall("c", OTHER, ANNA, "share", {"revoke": 1})
    assert "There is no link 1" in (await site.desk.command(call)).text
    assert (await look(site, path))[0] == 200


async def test_so_long_and_so_many_and_no_more(site: Site) -> None:
    assert "30 days at most" in await share(site, days=31)
    for _ in range(MOST):
        await link(site)
    assert f"There are {MOST} links" in await share(site, days=1)


async def test_forgetting_ends_ones_links_and_keeps_no_key(site: Site) -> None:
    path = await link(site)
    token = path.removeprefix("/s/")
    assert not any(token.encode() in file.read_bytes() for file in site.home.glob("easel.db*"))
    await site.store.forget("web", "-", ANNA)
    assert (await look(site, path))[0] == 404


async def test_who_looks_too_much_is_slowed(site: Site) -> None:
    path = await link(site)
    site.chat.gate.lookers.each = 3
    assert [(await look(site, path))[0] for _ in range(5)] == [200, 200, 200, 429, 429]
    assert (await look(site, "/healthz"))[0] == 200, "others are served"


def test_lookers_of_many_addresses_share_a_limit_and_a_minute_forgives() -> None:
    now = [0.0]
    lookers = Lookers(each=2, all=3, clock=lambda: now[0])
    assert [lookers.admits(who) for who in ("a", "a", "a", "b", "c")] == [True, True, False, True, False]
    now[0] = 61.0
    assert lookers.admits("c")


@pytest.mark.parametrize(
    ("settings", "chat", "address"),
    [
        ({}, "web", "http://127.0.0.1:1"), ({}, "discord", ""),
        ({"web_host": "0.0.0.0", "web_password": "longenough"}, "web", ""),
        ({"web_public_url": "https://easel.example/", "web_password": "longenough"}, "slack", "https://easel.example"),
    ],
)  # fmt: skip
def test_a_link_leads_where_people_can_open_it(settings: dict[str, Any], chat: str, address: str) -> None:
    class Page:
        url = "http://127.0.0.1:1/"

    made = Settings(_env_file=None, **settings)
    assert _page_of(made, {"web": Page()})(chat) == address  # type: ignore[dict-item]
    assert not _page_of(made, {})(chat)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"web_share_days": 7}, "lead to this machine alone"),
        ({"web_share_days": 7, "web_public_url": "https://easel.example", "web_password": "longenough"}, ""),
        ({}, ""),
    ],
)  # fmt: skip
def test_doctor_says_where_links_do_not_lead(settings: dict[str, Any], told: str) -> None:
    found = " ".join(each.sentence for each in page(Settings(_env_file=None, **settings)))
    assert ("links to threads" in found) is bool(told)
    assert told in found
