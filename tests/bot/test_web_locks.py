"""Who guesses, who makes up cookies, who comes through a proxy, and what strangers are told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chats.web.slowing import GUESSES_IN_ALL, Guesses, Newcomers
from bot.doctor import running
from bot.memory import Memory
from bot.settings import parse_networks
from handlers.limits import Limits
from handlers.quota_rules import read_rules
from tests.bot.web_site import NAMES, THREAD, Site
from tests.waiting import until

PROXY = parse_networks("127.0.0.1")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def shown(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"anyone:{password}".encode()).decode()}


@contextlib.asynccontextmanager
async def page(site: Site) -> AsyncIterator[Site]:
    await site.start()
    try:
        yield site
    finally:
        await site.stop()


# Passwords


async def test_guesses_are_slowed_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with page(Site(tmp_path, "the right one")) as site:
        clock = site.chat.gate.guesses.clock = Clock()
        heard = 0
        for n in range(200):
            status, _, headers = await site.get("/", headers=shown(f"guess {n}"))
            heard += status == 401
            assert status in (401, 429)
            assert status == 401 or int(headers["Retry-After"]) >= 1
            clock.now += 1
        assert heard <= 12  # of 200 in 200 seconds
        # The right one is not heard either before its time: or it could be guessed as fast as ever.
        assert (await site.get("/", headers=shown("the right one")))[0] == 429
        clock.now += 1000
        assert (await site.get("/", headers=shown("the right one")))[0] == 200
    assert sum("a wrong password from 127.0.0.1" in line for line in caplog.messages) == heard
    assert "guess 1" not in caplog.text


async def test_who_knows_the_password_goes_on_while_others_guess(tmp_path: Path) -> None:
    async with page(Site(tmp_path, "the right one")) as site:
        assert (await site.get("/", headers=shown("the right one")))[0] == 200
        async with aiohttp.ClientSession(site.page.url) as guesser:
            for _ in range(20):
                async with guesser.get("/", headers=shown("wrong")) as answer:
                    assert answer.status in (401, 429)
            async with guesser.get("/", headers=shown("the right one")) as answer:
                assert answer.status == 429
        assert (await site.get("/api/threads", headers=shown("the right one")))[0] == 200


async def test_readiness_is_no_way_around_the_wait(tmp_path: Path) -> None:
    async with page(Site(tmp_path, "the right one")) as site:
        site.problems.append("The disk of /home/anna/.easel is full.")
        for n in range(20):
            assert b"disk" not in (await site.get("/readyz", headers=shown(f"guess {n}")))[1]
        assert b"disk" not in (await site.get("/readyz", headers=shown("the right one")))[1]
        assert (await site.get("/", headers=shown("the right one")))[0] == 429


def test_guesses_from_everywhere_are_slowed_too() -> None:
    clock = Clock()
    guesses = Guesses(clock)
    guesses.right("192.0.2.1", "anna")
    for n in range(GUESSES_IN_ALL):
        assert not guesses.wait(f"198.51.100.{n}", "x")
        guesses.wrong(f"198.51.100.{n}", "x")
    assert guesses.wait("203.0.113.1", "y")
    assert not guesses.wait("192.0.2.1", "anna")
    clock.now += 61
    assert not guesses.wait("203.0.113.1", "y")


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 5)), max_size=300))
def test_however_it_is_mixed_an_address_guesses_rarely(steps: list[tuple[int, float]]) -> None:
    clock = Clock()
    guesses, heard = Guesses(clock), [0] * 4
    for address, seconds in steps:
        clock.now += seconds
        if not guesses.wait(str(address), f"new {clock.now}"):
            guesses.wrong(str(address), f"new {clock.now}")
            heard[address] += 1
    assert max(heard) <= 15  # 1,500 seconds at most: doubling from the third on


# Where somebody comes from


async def accounts(site: Site, *addresses: str) -> set[str]:
    """Whom limits mean after somebody without a cookie has written from each of these addresses."""
    for address in addresses:
        site.model.scripts.append("Hello.")
        headers = shown("the right one") | {"X-Easel": "1", "X-Forwarded-For": address}
        form = aiohttp.FormData({"text": "hi"}, default_to_multipart=True)
        async with (
            aiohttp.ClientSession(site.page.url, headers=headers) as guest,
            guest.post(f"/api/threads/{THREAD}/messages", data=form) as answer,
        ):
            assert answer.status == 202
        await site.answered(**shown("the right one"))
    turns = await site.store.turns(site.chat.key(THREAD))
    return {turn.person.account for turn in turns if turn.person is not None}


async def test_who_drops_the_cookie_stays_the_same_for_limits(tmp_path: Path) -> None:
    memory = await Memory.open(tmp_path / "memory.db")
    site = Site(tmp_path, "the right one", proxies=PROXY)
    site.memory = memory
    async with page(site):
        # What stands before the last proxy's word was written by the visitor.
        assert len(await accounts(site, "192.0.2.1", "192.0.2.1", "192.0.2.99, 192.0.2.1", "192.0.2.1:4711")) == 1
        assert len(await accounts(site, "2001:db8:1:2::3", "2001:db8:1:2:ffff::4")) == 2
        assert len(found := await accounts(site, "192.0.2.2")) == 3
        assert not any("192.0.2" in account for account in found)
    async with page(site):
        assert await accounts(site, "192.0.2.2") == found
    await memory.close()


async def test_messages_a_minute_are_those_of_an_address(tmp_path: Path) -> None:
    site = Site(tmp_path, "the right one")
    site.limits = Limits(quotas=read_rules("2 messages in 1 min per person"))
    async with page(site):
        stream = site.follow(**shown("the right one"))
        await anext(stream)
        headers = shown("the right one") | {"X-Easel": "1"}
        for n in range(4):
            site.model.scripts.append("Hello.")
            form = aiohttp.FormData({"text": f"hi {n}"}, default_to_multipart=True)
            async with (
                aiohttp.ClientSession(site.page.url, headers=headers) as guest,  # a new cookie each time
                guest.post(f"/api/threads/{THREAD}/messages", data=form) as answer,
            ):
                assert answer.status == 202
        finished = 0
        async with asyncio.timeout(20):
            async for message in stream:
                finished += message["type"] == "reply" and message["turn"]["final"]
                if finished == 2:
                    break
        await asyncio.sleep(0.2)
        assert len(site.model.requests) == 2


async def test_only_named_proxies_are_believed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for proxies, known in ((PROXY, "192.0.2.7"), ((), "127.0.0.1"), (parse_networks("10.0.0.0/8"), "127.0.0.1")):
        async with page(Site(tmp_path, "the right one", proxies=proxies)) as site:
            await site.get("/", headers=shown("wrong") | {"X-Forwarded-For": "192.0.2.7"})
            assert list(site.chat.gate.guesses._tries) == [known]
            assert ("which EASEL_WEB_PROXIES does not name" in caplog.text) is (known == "127.0.0.1")
            caplog.clear()


async def test_an_address_has_so_many_new_people_an_hour(tmp_path: Path) -> None:
    async with page(Site(tmp_path, "the right one")) as site:
        site.chat.gate.newcomers.most = 3
        clock = site.chat.gate.newcomers.clock = Clock()
        headers = shown("the right one") | {"X-Easel": "1"}

        async def writes(cookie: str) -> int:
            async with (
                aiohttp.ClientSession(site.page.url, cookies={"easel_person": cookie}, headers=headers) as guest,
                guest.post("/api/threads") as answer,
            ):
                return answer.status

        assert [await writes(f"made-up-cookie-{n:04}") for n in range(5)] == [201, 201, 201, 429, 429]
        assert await writes("made-up-cookie-0001") == 201
        clock.now += 3601
        assert await writes("made-up-cookie-0009") == 201


def test_newcomers_of_many_addresses_do_not_fill_the_memory() -> None:
    newcomers = Newcomers(most=1)
    for n in range(10_000):
        assert newcomers.admits(str(n), "x")
    assert len(newcomers._seen) < 5000


async def test_uploads_on_their_way_in_hold_so_much_and_no_more(tmp_path: Path) -> None:
    async with page(Site(tmp_path)) as site:
        site.chat.hands._each = 150_000
        _, writer = await asyncio.open_connection("127.0.0.1", site.page.port)
        head = (
            "POST /api/threads/thread-0002/messages HTTP/1.1\r\nHost: localhost\r\nX-Easel: 1\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 190000\r\n\r\n"
            '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        )
        writer.write(head.encode() + b"a" * 140_000)
        await until(lambda: site.chat.hands.held >= 100_000)
        assert await site.say("look", ("a.png", b"x" * 60_000)) == 503
        writer.close()
        await until(lambda: site.chat.hands.held == 0)
        assert await site.say("look", ("a.png", b"x" * 60_000)) == 202


async def test_uploads_count_until_their_message_is_answered(tmp_path: Path) -> None:
    """Whoever sends files faster than they are opened would fill the memory with those that wait."""
    async with page(Site(tmp_path)) as site:
        site.chat.hands._each = 150_000
        goes_on = asyncio.Event()
        site.model.scripts.append(["Well", goes_on, "."])
        assert await site.say("look", ("a.png", b"x" * 100_000)) == 202
        await until(lambda: bool(site.model.requests))
        assert await site.say("look", ("a.png", b"x" * 100_000)) == 503
        goes_on.set()
        await until(lambda: site.chat.hands.held == 0)
        assert await site.say("look", ("a.png", b"x" * 100_000)) == 202


# What strangers are told


async def test_strangers_are_told_whether_it_is_ready_and_no_more(tmp_path: Path) -> None:
    sentence = "Nothing can be written to /home/anna/.easel: read-only."
    for site in (Site(tmp_path, "the right one"), Site(tmp_path, public=True, names=NAMES)):
        async with page(site):
            site.problems.append(sentence)
            status, body, _ = await site.get("/readyz")
            assert (status, json.loads(body)) == (503, {"status": "not ready"})
            if site.address.password:
                _, body, _ = await site.get("/readyz", headers=shown("the right one"))
                assert "Nothing can be written" in body.decode()
                assert "/home" not in body.decode()
            # Whoever may read the home is told.
            found = await running.examine(site.page.host_url)
            assert [sentence == finding.sentence for finding in found] == [True]
            assert site.chat.gate.host_key not in str(found)


async def test_cookies_are_for_tls_alone_where_it_is_there(tmp_path: Path) -> None:
    async with page(Site(tmp_path, "the right one", names=NAMES, public=True, tls_name="easel.example")) as site:
        for host, secure in (("easel.example", True), ("localhost", False)):
            async with aiohttp.ClientSession(site.page.url) as guest:
                async with guest.get("/", headers=shown("the right one") | {"Host": host}) as answer:
                    assert answer.status == 200
                    assert ("; Secure" in answer.headers["Set-Cookie"]) is secure
                    assert ("Strict-Transport-Security" in answer.headers) is secure
                async with guest.get("/nothing", headers=shown("the right one") | {"Host": host}) as answer:
                    assert answer.status == 404
                    assert ("Strict-Transport-Security" in answer.headers) is secure
    async with page(Site(tmp_path, "the right one", proxies=PROXY)) as site:
        _, _, headers = await site.get("/", headers=shown("the right one") | {"X-Forwarded-Proto": "https"})
        assert "; Secure" in headers["Set-Cookie"]


async def test_who_follows_a_link_from_elsewhere_stays_who_they_are(tmp_path: Path) -> None:
    """A browser sends no strict cookie then; a new one in the answer would take the old one's place."""
    async with page(Site(tmp_path)) as site:
        status, _, headers = await site.get(f"/t/{THREAD}", headers={"Sec-Fetch-Site": "cross-site"})
        assert status == 200
        assert "Set-Cookie" not in headers


async def test_what_is_no_http_is_no_traceback_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with page(Site(tmp_path)) as site:
        for sends in (b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", site.page.port)
            writer.write(sends + b"\r\n\r\n")
            assert b" 400 " in await reader.readline()
            writer.close()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
