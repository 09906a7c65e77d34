"""Who is who on a page with a login: invitations, a login proxy, private threads, roles, the ways out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.chats.web.residents import ProxyLogin
from bot.chats.web.slowing import PEOPLE_AN_HOUR
from bot.cli import main
from bot.people import DAY_S, House, NotInvited, Register, proper_name
from bot.settings import Login, parse_networks
from tests.bot.web_site import THREAD, Site

PROXY = parse_networks("127.0.0.1")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(tmp_path, login=Login.INVITATION)
    await made.start()
    yield made
    await made.stop()


class Browser:
    """Somebody's browser on the page."""

    def __init__(self, site: Site, **headers: str) -> None:
        jar = aiohttp.CookieJar(unsafe=True)
        self.site = site
        self.client = aiohttp.ClientSession(site.page.url, cookie_jar=jar, headers={"X-Easel": "1"} | headers)

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.client.get(path) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if answer.content_type == "application/json" else text

    async def post(self, path: str, **data: Any) -> tuple[int, Any]:
        async with self.client.post(path, json=data) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if answer.content_type == "application/json" else text

    async def say(self, thread: str, text: str) -> int:
        self.site.model.scripts.append('Here: <image id="1"> a fox </image>')
        form = aiohttp.FormData({"text": text}, default_to_multipart=True)
        async with self.client.post(f"/api/threads/{thread}/messages", data=form) as answer:
            status = answer.status
        if status == 202:
            async with asyncio.timeout(20):
                while not await self.site.store.gallery(self.site.chat.key(thread)):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        else:
            self.site.model.scripts.pop()
        return status

    async def threads(self) -> dict[str, dict[str, Any]]:
        _, told = await self.get("/api/threads")
        return {row["id"]: row for row in told["threads"]}

    async def new_thread(self) -> str:
        _, told = await self.post("/api/threads")
        return str(told["id"])

    async def sees(self, thread: str) -> bool:
        async with self.client.get(f"/api/threads/{thread}/events") as answer:
            return answer.status == 200


async def invited(site: Site, name: str, role: House = House.MEMBER, **how: Any) -> Browser:
    assert site.people is not None
    _, token = await site.people.ask(lambda register: register.invite(role, **how))
    browser = Browser(site)
    status, _ = await browser.post("/api/join", token=token, name=name)
    assert status == 201
    return browser


@contextlib.asynccontextmanager
async def people(site: Site, *names: str, **roles: House) -> AsyncIterator[list[Browser]]:
    browsers = [await invited(site, name, roles.get(name, House.MEMBER)) for name in names]
    try:
        yield browsers
    finally:
        for browser in browsers:
            await browser.client.close()


# Coming in


async def test_nobody_gets_in_without_an_invitation(site: Site) -> None:
    stranger = Browser(site)
    for path in (
        "/api/about", "/api/threads", "/api/me", f"/api/threads/{THREAD}/events", "/pictures/" + "0" * 64,
        "/api/previews/x/1", "/metrics", "/nothing",
    ):  # fmt: skip
        status, told = await stranger.get(path)
        assert (status, "invitation" in told) == (401, True), path
    for path in ("/api/threads", f"/api/threads/{THREAD}/press", f"/api/threads/{THREAD}/sharing", "/api/me/link"):
        assert (await stranger.post(path))[0] == 401, path
    assert await stranger.say(THREAD, "a fox") == 401
    for path in ("/", "/join", "/gallery", "/t/thread-0001", "/static/app.js", "/healthz", "/readyz"):
        assert (await stranger.get(path))[0] == 200, path
    for token in ("", "x", "9" * 5000, "\ud800"):
        assert (await stranger.post("/api/invitation", token=token))[0] == 404
        assert (await stranger.post("/api/join", token=token, name="Eve"))[0] == 409
    await stranger.client.close()


async def test_a_link_is_used_once_and_looking_at_it_uses_nothing_up(site: Site) -> None:
    assert site.people is not None
    _, token = await site.people.ask(lambda register: register.invite(House.MODERATOR, "Anna"))
    anna, eve = Browser(site), Browser(site)
    for _ in range(3):
        told = (await anna.post("/api/invitation", token=token))[1]
        assert told == {"role": "moderator", "name": "Anna", "asks_name": True}
    # A name that cannot be had uses nothing up either.
    for name in ("Easel", "x" * 41, "a\u202eb", "\x00"):
        assert (await anna.post("/api/join", token=token, name=name))[0] == 409
    assert (await anna.post("/api/join", token=token, name=""))[0] == 201
    assert (await anna.get("/api/me"))[1]["name"] == "Anna"
    assert (await anna.get("/api/me"))[1]["role"] == "moderator"
    assert (await eve.post("/api/join", token=token, name="Eve"))[0] == 409
    for browser in (anna, eve):
        await browser.client.close()


async def test_one_address_becomes_so_many_people_and_no_more(site: Site) -> None:
    """Each has limits of their own, and one cookie would do for all."""
    assert site.people is not None
    _, token = await site.people.ask(lambda register: register.invite(many=True))
    browser = Browser(site)
    came = [(await browser.post("/api/join", token=token, name=f"Anna {at}"))[0] for at in range(PEOPLE_AN_HOUR + 5)]
    assert 0 < came.count(201) <= PEOPLE_AN_HOUR
    assert set(came[came.count(201) :]) == {429}
    assert len(await site.people.ask(Register.people)) == came.count(201)
    await browser.client.close()


async def test_names_are_told_apart(site: Site) -> None:
    async with people(site, "Anna"):
        for name in ("anna", " ANNA ", "Ａｎｎａ", "Anna\ufe0f", "An\u034fna", "Anna\u2800"):
            with pytest.raises(AssertionError):
                await invited(site, name)


async def test_the_register_holds_no_key_to_the_page(site: Site, tmp_path: Path) -> None:
    assert site.people is not None
    _, open_link = await site.people.ask(lambda register: register.invite())
    async with people(site, "Anna") as (anna,):
        files = await asyncio.to_thread(lambda: list(tmp_path.glob("people.db*")))
        kept = b"".join(path.read_bytes() for path in files)
        cookies = {cookie.key: cookie.value for cookie in anna.client.cookie_jar}
        assert open_link.encode() not in kept
        assert cookies["easel_session"].encode() not in kept
        cookie = next(one for one in anna.client.cookie_jar if one.key == "easel_session")
        assert cookie["httponly"]
        assert cookie["samesite"] == "Strict"


def test_links_expire_are_revoked_and_sessions_end(tmp_path: Path) -> None:
    now = [1000.0]
    register = Register(tmp_path / "people.db", lambda: now[0])
    made, token = register.invite(many=True, seconds=DAY_S)
    anna, session = register.join(token, "Anna")
    register.join(token, "Ben")
    assert register.revoke(made.id)
    for link in (token, register.invite(seconds=-1)[1]):
        with pytest.raises(NotInvited):
            register.join(link, "Eve")
    assert register.session(session) == anna
    now[0] += 100 * DAY_S
    assert register.session(session) == anna  # used meanwhile
    now[0] += 181 * DAY_S
    assert register.session(session) is None
    register.close()


@pytest.mark.parametrize(
    "name",
    ["", "  ", "\u200b", "x" * 41, "easel", "EASEL", "a\nb\x07", "\ud800", "Easel\ufe0f", "\u2800", " \u3164 \u115f"],
)
def test_a_name_that_misleads_is_not_to_be_had(name: str) -> None:
    with pytest.raises(NotInvited):
        proper_name(name)


# What is whose


async def test_a_thread_is_its_makers_until_it_is_shared(site: Site) -> None:
    async with people(site, "Anna", "Ben", "Mod", Mod=House.ADMIN) as (anna, ben, mod):
        thread = await anna.new_thread()
        assert await anna.say(thread, "a fox") == 202
        assert (await anna.threads())[thread]["mine"] is True
        for other in (ben, mod):
            assert not await other.sees(thread)
            assert thread not in await other.threads()
            assert await other.say(thread, "hello") == 404
            for action in ("delete", "vary", "recipe"):
                assert (await other.post(f"/api/threads/{thread}/press", action=action, picture=1))[0] == 404
            assert (await other.post(f"/api/threads/{thread}/sharing", sharing="house"))[0] == 404

        assert (await anna.post(f"/api/threads/{thread}/sharing", sharing="link"))[0] == 200
        assert await ben.sees(thread)
        assert thread not in await ben.threads()
        assert (await ben.post(f"/api/threads/{thread}/sharing", sharing="house"))[0] == 404

        assert (await anna.post(f"/api/threads/{thread}/sharing", sharing="house"))[0] == 200
        assert (await ben.threads())[thread] | {"mine": False, "sharing": "house"} == (await ben.threads())[thread]
        assert (await ben.post(f"/api/threads/{thread}/title", title="Ben's"))[0] == 403
        assert (await anna.post(f"/api/threads/{thread}/title", title="Anna's"))[0] == 200
        assert (await ben.threads())[thread]["title"] == "Anna's"
        assert "Only who began" in (await ben.post(f"/api/threads/{thread}/delete", confirm="yes"))[1]["text"]
        assert (await anna.post(f"/api/threads/{thread}/sharing", sharing="nonsense"))[0] == 400

        assert (await anna.post(f"/api/threads/{thread}/sharing", sharing="private"))[0] == 200
        assert (await ben.post(f"/api/threads/{thread}/title", title="Ben's"))[0] == 404
        assert not await ben.sees(thread)
        for act in ({"name": "export"}, {"confirm": "yes"}):
            way = "command" if "name" in act else "delete"
            assert (await ben.post(f"/api/threads/{thread}/{way}", **act))[0] == 404
        assert (await anna.post(f"/api/threads/{thread}/delete", confirm="yes"))[1]["text"] == "The thread is deleted."
        assert not await anna.threads()


async def test_a_name_that_nobody_has_used_cannot_be_listened_at(site: Site) -> None:
    """Or whoever guesses it first hears what its later owner says."""
    async with people(site, "Anna", "Ben") as (anna, ben):
        assert not await ben.sees(THREAD)
        assert await anna.say(THREAD, "a fox") == 202
        assert not await ben.sees(THREAD)
        assert await ben.say(THREAD, "mine") == 404


async def test_a_stream_ends_with_the_right_to_it(site: Site) -> None:
    async with people(site, "Anna", "Ben") as (anna, ben):
        thread = await anna.new_thread()
        await anna.say(thread, "a fox")
        await anna.post(f"/api/threads/{thread}/sharing", sharing="link")
        async with ben.client.get(f"/api/threads/{thread}/events") as stream:
            assert (await stream.content.readline()).startswith(b"data: ")
            await anna.post(f"/api/threads/{thread}/sharing", sharing="private")
            await anna.say(thread, "a secret")
            async with asyncio.timeout(10):
                rest = await stream.content.read()
        assert b"a secret" not in rest


async def test_threads_that_are_older_than_the_login_stay_the_houses(tmp_path: Path) -> None:
    before = Site(tmp_path)
    await before.start()
    before.model.scripts.append("Hello.")
    await before.say("hi")
    await before.answered()
    await before.stop()
    after = Site(tmp_path, login=Login.INVITATION)
    await after.start()
    try:
        async with people(after, "Anna") as (anna,):
            assert (await anna.threads())[THREAD]["sharing"] == "house"
            assert await anna.sees(THREAD)
    finally:
        await after.stop()


async def test_a_lost_register_opens_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path, login=Login.INVITATION)
    await site.start()
    async with people(site, "Anna") as (anna,):
        thread = await anna.new_thread()
        await anna.say(thread, "my secret fox")
    await site.stop()
    for path in await asyncio.to_thread(lambda: list(tmp_path.glob("people.db*"))):
        path.unlink()
    await site.start()
    try:
        async with people(site, "Ben") as (ben,):
            assert not await ben.sees(thread)
            assert thread not in await ben.threads()
            assert await ben.say(thread, "mine") == 404
    finally:
        await site.stop()


async def test_without_the_login_private_threads_stay_closed(tmp_path: Path) -> None:
    site = Site(tmp_path, login=Login.INVITATION)
    await site.start()
    async with people(site, "Anna") as (anna,):
        secret, shared = await anna.new_thread(), await anna.new_thread()
        for thread in (secret, shared):
            await anna.say(thread, "a fox")
        await anna.post(f"/api/threads/{shared}/sharing", sharing="house")
    await site.stop()
    later = Site(tmp_path)
    await later.start()
    guest = Browser(later)
    try:
        assert list(await guest.threads()) == [shared]
        assert [await guest.sees(thread) for thread in (secret, shared, THREAD)] == [False, True, True]
        assert await guest.say(secret, "mine") == 404
        assert await guest.say(THREAD, "a fox") == 202
    finally:
        await guest.client.close()
        await later.stop()


@pytest.mark.parametrize(("role", "goes"), [(House.MEMBER, False), (House.MODERATOR, True), (House.ADMIN, True)])
async def test_roles_come_with_the_invitation(site: Site, role: House, goes: bool) -> None:
    async with people(site, "Anna", "Ben", Ben=role) as (anna, ben):
        thread = await anna.new_thread()
        await anna.say(thread, "a fox")
        await anna.post(f"/api/threads/{thread}/sharing", sharing="house")
        assert (await ben.post(f"/api/threads/{thread}/press", action="delete", picture=1))[0] == 200
        assert (not await site.store.gallery(site.chat.key(thread))) is goes
        assert ((await ben.get("/metrics"))[0] == 200) is (role is House.ADMIN)


# Going


async def test_signing_out_ends_the_session_and_its_streams(site: Site) -> None:
    async with people(site, "Anna") as (anna,):
        thread = await anna.new_thread()
        session = {cookie.key: cookie.value for cookie in anna.client.cookie_jar}["easel_session"]
        async with anna.client.get(f"/api/threads/{thread}/events") as stream:
            assert (await anna.post("/api/me/sign-out"))[0] == 200
            async with asyncio.timeout(10):
                await stream.content.read()
        assert (await anna.get("/api/me"))[0] == 401
        thief = Browser(site, Cookie=f"easel_session={session}")
        assert (await thief.get("/api/me"))[0] == 401
        await thief.client.close()


async def test_a_second_device_is_the_same_person(site: Site) -> None:
    async with people(site, "Anna") as (anna,):
        _, told = await anna.post("/api/me/link")
        token = told["path"].partition("#")[2]
        phone = Browser(site)
        assert (await phone.post("/api/invitation", token=token))[1]["asks_name"] is False
        assert (await phone.post("/api/join", token=token))[0] == 201
        assert (await phone.get("/api/me"))[1] == (await anna.get("/api/me"))[1]
        assert (await phone.post("/api/join", token=token))[0] == 409
        await phone.client.close()


async def test_who_wants_to_be_forgotten_is(site: Site, tmp_path: Path) -> None:
    async with people(site, "Anna", "Ben") as (anna, ben):
        thread = await anna.new_thread()
        await anna.say(thread, "my secret fox")
        await anna.post(f"/api/threads/{thread}/sharing", sharing="house")
        assert (await anna.post("/api/me/forget"))[0] == 400
        status, told = await anna.post("/api/me/forget", confirm="yes")
        assert status == 200
        assert told["text"].startswith("Deleted: ")
        assert (await anna.get("/api/me"))[0] == 401
        assert await ben.sees(thread)
        assert "secret" not in str(await site.store.turns(site.chat.key(thread)))
        files = await asyncio.to_thread(lambda: list(tmp_path.glob("people.db*")))
        assert b"Anna" not in b"".join(path.read_bytes() for path in files)


async def test_guests_can_be_forgotten_too(tmp_path: Path) -> None:
    site = Site(tmp_path, "the right one")
    await site.start()
    guest = Browser(site, Authorization=aiohttp.encode_basic_auth("", "the right one"))
    try:
        await guest.say(THREAD, "my secret fox")
        assert (await guest.get("/api/me"))[1]["can_forget"] is True
        assert (await guest.post("/api/me/forget", confirm="yes"))[0] == 200
        assert "secret" not in str(await site.store.turns(site.chat.key(THREAD)))
        for path in ("/api/join", "/api/invitation", "/api/me/link", f"/api/threads/{THREAD}/sharing"):
            assert (await guest.post(path, token="x", sharing="house"))[0] == 404
    finally:
        await guest.client.close()
        await site.stop()


# A login proxy


async def test_a_foreign_name_for_this_machine_brings_no_header(tmp_path: Path) -> None:
    """A name that somebody lets lead here (DNS rebinding) would let their script say who it is."""
    site = Site(tmp_path, login=Login.PROXY, proxies=PROXY, names=frozenset({"easel.example"}))
    await site.start()
    try:
        for host, status in (
            ("evil.example", 403), ("evil.example.", 403), ("evil.example:8765", 403),
            ("easel.example.evil.example", 403),
            ("easel.example", 200), ("EASEL.example:443", 200), ("127.0.0.1:8765", 200), ("[::1]:8765", 200),
            ("localhost", 200), ("easel_backend", 200),
        ):  # fmt: skip
            browser = Browser(site, **{"Remote-User": "root", "Host": host})
            assert (await browser.get("/api/me"))[0] == status, host
            assert (await browser.get("/healthz"))[0] == 200, host
            await browser.client.close()
    finally:
        await site.stop()


async def test_a_login_proxy_is_believed_where_it_is_named(tmp_path: Path) -> None:
    site = Site(tmp_path, login=Login.PROXY, proxies=PROXY)
    await site.start()
    roles = {"anna@house.example": "member", "mod": "moderator", "root": "admin"}
    try:
        for said, role in roles.items():
            browser = Browser(site, **{"Remote-User": said})
            assert (await browser.get("/api/me"))[1] | {"role": role, "login": "proxy"} == (
                await browser.get("/api/me")
            )[1]
            await browser.client.close()
        for headers in ({}, {"Remote-User": " "}, {"X-Remote-User": "root"}):
            browser = Browser(site, **headers)
            assert (await browser.get("/api/me"))[0] == 401
            await browser.client.close()
        twice = [("Remote-User", "anna"), ("Remote-User", "root")]
        async with aiohttp.ClientSession(site.page.url) as client, client.get("/api/me", headers=twice) as answer:
            assert answer.status == 401
    finally:
        await site.stop()


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ("anna@house.example", "anna"), ("x" * 2000, "x" * 40), ("@", "somebody"), ("\u200b@x", "somebody"),
        ("an\u202ena", "anna"), ("a\u2066b\u00adc", "abc"), ("ａｎｎａ", "anna"), ("A  B\tC", "A B C"),
    ],
)  # fmt: skip
def test_nothing_of_a_proxys_name_turns_or_hides(said: str, seen: str) -> None:
    assert ProxyLogin().member(said).name == seen


async def test_nobody_else_may_say_who_somebody_is(tmp_path: Path) -> None:
    for login, proxies in ((Login.PROXY, parse_networks("192.0.2.1")), (Login.INVITATION, PROXY), (Login.NONE, PROXY)):
        site = Site(tmp_path, login=login, proxies=proxies)
        await site.start()
        browser = Browser(site, **{"Remote-User": "root", "X-Forwarded-For": "192.0.2.1"})
        try:
            status, me = await browser.get("/api/me")
            assert status == 401 or me["role"] is None
        finally:
            await browser.client.close()
            await site.stop()


# The command


def test_the_command_makes_lists_revokes_and_removes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EASEL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EASEL_WEB_LOGIN", "invitation")
    monkeypatch.setenv("EASEL_WEB_PUBLIC_URL", "https://easel.example/")

    def said(*words: str, code: int = 0) -> str:
        assert main(["invite", *words]) == code
        captured = capsys.readouterr()
        return captured.out + captured.err

    link = said("Anna", "--role", "admin")
    found = re.search(r"^https://easel\.example/join#(\S+)$", link, re.MULTILINE)
    assert found
    register = Register(tmp_path / "home" / "people.db")
    anna, session = register.join(found[1], "")
    assert (anna.name, anna.role) == ("Anna", House.ADMIN)
    many = said("--many", "--days", "1").splitlines()
    ben, _ = register.join(many[0].partition("#")[2], "Ben")
    assert "Anna  admin" in said("--list")
    assert "used 1 times" in said("--list")
    assert found[1] not in said("--list")
    id = str(ben.invitation)
    assert "By it came Ben: they stay." in said("--revoke", id)
    assert "no open invitation" in said("--revoke", id, code=1)
    again = said("--again", "anna").partition("#")[2].split()[0]
    assert register.join(again, "somebody else")[0] == anna
    assert "Anna is signed out" in said("--remove", "Anna")
    assert register.session(session) is None
    assert "nobody called" in said("--remove", "Anna", code=1)
    assert "Signed out and removed: Ben" in said("--revoke", id, "--with-people")
    monkeypatch.delenv("EASEL_WEB_LOGIN")
    monkeypatch.delenv("EASEL_WEB_PUBLIC_URL")
    assert "set EASEL_WEB_LOGIN=invitation" in said("Carla")
    register.close()
