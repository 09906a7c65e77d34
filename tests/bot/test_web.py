"""The page's server: a real socket, a real store, the desk on fakes of the model and the picture side."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.chats import ChatNotStarted
from bot.chats.web.address import WebAddress
from bot.chats.web.chat import WebChat
from bot.chats.web.service import WebService
from handlers.errors import StoreError
from handlers.model import SlotState
from tests.bot.web_site import NAMES, THREAD, Site
from tests.fakes import png
from tests.marking.reading import is_copy
from tests.waiting import until

# The conversation


async def test_a_message_is_answered_with_words_and_a_picture(site: Site) -> None:
    site.model.scripts.append('Here: <image id="1"> a fox </image> Enjoy.')
    stream = site.follow()
    assert (await anext(stream))["type"] == "snapshot"
    assert await site.say("a fox, please") == 202
    seen: list[dict[str, Any]] = []
    async with asyncio.timeout(20):
        async for message in stream:
            seen.append(message)
            if message["type"] == "reply" and message["turn"]["final"]:
                break
    assert next(message for message in seen if message["type"] == "said")["text"] == "a fox, please"
    kinds = [part["kind"] for part in seen[-1]["turn"]["parts"]]
    assert kinds == ["text", "picture", "text"]
    picture = seen[-1]["turn"]["parts"][1]
    assert (picture["state"], picture["number"]) == (SlotState.READY, 1)
    status, data, headers = await site.get(f"/pictures/{picture['sha256']}")
    assert status == 200
    assert is_copy(data, await site.store.picture_bytes(picture["sha256"])), "the page shows a marked copy"
    assert picture["alt"] == f"{picture['description']} (made with AI)"
    assert "immutable" in headers["Cache-Control"]
    await stream.aclose()  # type: ignore[attr-defined]


async def test_a_page_that_comes_back_catches_up(site: Site) -> None:
    site.model.scripts.append('One <image id="1"> a fox </image>')
    await site.say("hello")
    await site.answered()
    snapshot = await anext(site.follow())
    assert [turn["role"] for turn in snapshot["turns"]] == ["user", "assistant"]
    assert snapshot["current"] == 1
    assert snapshot["pictures"][0]["description"] == "a fox"
    status, body, _ = await site.get("/api/threads")
    assert status == 200
    assert json.loads(body)["threads"][0]["id"] == THREAD


async def test_a_message_sent_twice_is_answered_once(site: Site) -> None:
    site.model.scripts += ["Yes.", "Again."]
    await site.say("hello", event="same-event-1")
    await site.answered()
    await site.say("hello", event="same-event-1")
    snapshot = await anext(site.follow())
    assert len(snapshot["turns"]) == 2
    assert len(site.model.requests) == 1


async def test_buttons_do_what_words_do(site: Site) -> None:
    site.model.scripts.append('One <image id="1"> a fox </image>')
    await site.say("a fox")
    await site.answered()
    status, answer = await site.press("vary", picture=1)
    assert status == 200
    await site.desk.settle()
    snapshot = await anext(site.follow())
    assert [picture["parents"] for picture in snapshot["pictures"]] == [[], [1]]
    assert snapshot["pictures"][1]["operation"] == "variation"
    status, answer = await site.press("recipe", picture=1)
    assert "a fox" in answer["text"]
    status, answer = await site.press("delete", picture=2)
    assert len((await anext(site.follow()))["pictures"]) == 1
    status, answer = await site.press("select", picture=99)
    assert status == 200
    assert "99" in answer["text"]


async def test_what_cannot_be_refined_any_more_is_not_offered_to_be(site: Site) -> None:
    site.model.scripts.append('One <image id="1"> a fox </image>')
    await site.say("a fox", ("mine.png", png(7, 1024, 1024)))
    await site.answered()
    for number in (2, 3):
        await site.press("refine", picture=number)
        await site.desk.settle()
    turns = (await anext(site.follow()))["turns"]
    parts = {part["number"]: part for turn in turns for part in turn["parts"] if part["kind"] == "picture"}
    refines = {n: any(offer["action"] == "refine" for offer in part["offers"]) for n, part in parts.items()}
    assert refines == {1: False, 2: True, 3: True, 4: False}
    for number in (1, 4):
        _, answer = await site.press("refine", picture=number)
        assert answer["text"] == f"Picture {number} is as large as pictures get here; edit it or vary it instead."
    await site.desk.settle()
    assert len((await anext(site.follow()))["pictures"]) == 4


async def test_an_upload_becomes_a_numbered_picture(site: Site) -> None:
    site.model.scripts.append("Nice picture.")
    assert await site.say("look at this", ("mine.png", png(7, 64, 64))) == 202
    await site.answered()
    snapshot = await anext(site.follow())
    assert snapshot["pictures"][0]["operation"] == "upload"
    assert snapshot["turns"][0]["parts"][0]["kind"] == "picture"


async def test_a_refusal_waits_for_whoever_has_no_page_open(site: Site) -> None:
    await site.say("x" * 9000, event="event-too-long")
    await site.say("/help")
    await until(lambda: not any(task.get_name().startswith("web ") for task in asyncio.all_tasks()))
    assert site.chat.hub.subscribe(THREAD, "somebody else").take() == []
    seen: list[dict[str, Any]] = []
    async with asyncio.timeout(20):
        async for message in site.follow():
            seen.append(message)
            if {"notice", "answer"} <= {each["type"] for each in seen}:
                break
    assert seen[0]["type"] == "snapshot"
    [notice] = [message for message in seen if message["type"] == "notice"]
    assert "9,000 characters" in notice["sentence"]
    assert notice["event"].endswith(":event-too-long")
    assert site.chat.hub.subscribe(THREAD, seen[0]["me"]).take() == []  # told once


async def test_a_refusal_reaches_only_the_one_who_asked(site: Site) -> None:
    stream = site.follow()
    await anext(stream)
    await site.say("x" * 9000)
    said = []
    async with asyncio.timeout(20):
        async for message in stream:
            said.append(message)
            if message["type"] in ("notice", "reply") and "8" in json.dumps(message):
                break
    assert "Traceback" not in json.dumps(said)
    await stream.aclose()  # type: ignore[attr-defined]


# Bad input


@pytest.mark.parametrize(
    "path",
    [
        "/api/threads/../events", "/api/threads/a%2Fb/events", "/api/threads/x/events", "/pictures/..%2F..%2Feasel.db",
        "/pictures/" + "0" * 64, "/pictures/xyz", "/static/..%2Fserver.py", "/static/page.html", "/nothing",
        "/api/previews/none/1",
    ],
)  # fmt: skip
async def test_paths_that_do_not_exist_are_404(site: Site, path: str) -> None:
    import yarl

    address = yarl.URL(site.page.url.rstrip("/") + path, encoded=True)
    async with aiohttp.ClientSession() as client, client.get(address) as answer:
        assert answer.status == 404
        assert "Traceback" not in await answer.text()


async def test_a_picture_that_cannot_be_read_just_now_is_not_told_to_be_gone(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refusing(sha256: str) -> None:
        raise StoreError("The database is locked by another program; close it and ask again.")

    monkeypatch.setattr(site.store, "picture_of", refusing)
    monkeypatch.setattr("handlers.marking.AGAIN_S", ())
    address = f"{site.page.url.rstrip('/')}/pictures/{'0' * 64}"
    async with aiohttp.ClientSession() as client, client.get(address) as answer:
        assert answer.status == 503
        assert "ask again" in await answer.text()


async def test_a_message_that_is_too_large_is_refused_with_the_limit(site: Site) -> None:
    assert await site.say("big", ("big.png", b"x" * 300_000)) == 413
    assert await site.say("many", *[("a.png", png(1))] * 5) == 413


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"action": "explode"}',
        b'{"action": 3}',
        b"[" * 100_000,
        b'{"picture": ' + b"9" * 5000 + b"}",
    ],
)
async def test_a_press_that_makes_no_sense_is_400(site: Site, body: bytes) -> None:
    async with site.browser.post(f"/api/threads/{THREAD}/press", data=body) as answer:
        assert answer.status == 400


@pytest.mark.parametrize(
    "fields",
    [
        [(f"field{n}", "x") for n in range(2000)],
        [("text", "x")] * 3,
        [("event", "x" * 300)],
        [("replies_to", "9" * 5000)],
        [("other", "x" * 1_000_000)],
    ],
    ids=["many", "one again and again", "a long name of an event", "5,000 digits", "one that there is not"],
)
async def test_a_form_holds_what_a_message_has_and_no_more(site: Site, fields: list[tuple[str, str]]) -> None:
    form = aiohttp.FormData(default_to_multipart=True)
    for name, value in fields:
        form.add_field(name, value)
    async with site.browser.post(f"/api/threads/{THREAD}/messages", data=form) as answer:
        assert answer.status in (400, 413)
    assert not site.model.requests


async def test_a_compressed_body_is_not_unfolded(site: Site) -> None:
    import zlib

    bomb = zlib.compress(b'{"action": "' + b"x" * 50_000_000 + b'"}')
    headers = {"Content-Encoding": "deflate", "Content-Type": "application/json"}
    async with site.browser.post(f"/api/threads/{THREAD}/press", data=bomb, headers=headers) as answer:
        assert answer.status == 400


async def test_a_message_that_is_no_form_is_refused(site: Site) -> None:
    async with site.browser.post(f"/api/threads/{THREAD}/messages", json={"text": "x"}) as answer:
        assert answer.status == 415


# Strangers


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {},
    ],
)
async def test_another_site_cannot_write(site: Site, headers: dict[str, str]) -> None:
    address = f"{site.page.url}api/threads"
    async with aiohttp.ClientSession() as stranger, stranger.post(address, headers=headers) as answer:
        assert answer.status == 403


async def test_the_page_itself_can_write(site: Site) -> None:
    origin = site.page.url.rstrip("/")
    async with site.browser.post("/api/threads", headers={"Origin": origin, "Sec-Fetch-Site": "same-origin"}) as answer:
        assert answer.status == 201


async def test_a_proxy_may_ask_under_a_name_of_its_own(tmp_path: Path) -> None:
    """As nginx does where nothing else is said: the browser's Origin is the public name, the Host is not."""
    site = Site(tmp_path, "long enough", public=True, names=NAMES)
    await site.start()
    key = {"Authorization": "Basic " + b64encode(b":long enough").decode()}
    try:
        for origin, status in (("https://easel.example", 201), ("https://evil.example", 403)):
            headers = key | {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
            async with site.browser.post("/api/threads", headers=headers) as answer:
                assert answer.status == status
    finally:
        await site.stop()


async def test_a_foreign_name_for_this_machine_is_refused(site: Site) -> None:
    status, _, _ = await site.get("/", headers={"Host": "evil.example"})
    assert status == 403


async def test_strict_headers_are_on_every_answer(site: Site) -> None:
    for path in ("/", "/static/app.js", "/api/threads", "/nothing"):
        _, _, headers = await site.get(path)
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


async def test_a_password_stands_before_everything_but_health(tmp_path: Path) -> None:
    site = Site(tmp_path, password="pass wörd")
    await site.start()
    try:
        right = {"Authorization": "Basic " + b64encode("anyone:pass wörd".encode()).decode()}
        assert (await site.get("/api/threads"))[0] == 401
        assert (await site.get("/metrics"))[0] == 401
        assert (await site.get("/healthz"))[0] == 200
        for wrong in ("Basic !!!", "Bearer x", "Basic YTpi"):
            assert (await site.get("/", headers={"Authorization": wrong}))[0] == 401
        assert (await site.get("/api/threads", headers=right))[0] == 200
    finally:
        await site.stop()


async def closed_and_open(site: Site, **headers: str) -> dict[str, int]:
    paths = (
        "/",
        "/t/thread-0001",
        "/static/app.js",
        "/api/about",
        "/api/threads",
        "/metrics",
        "/slack/events",
        "/healthz",
        "/readyz",
    )
    return {path: (await site.get(path, headers=headers))[0] for path in paths}


@pytest.mark.parametrize("host", ["easel.example", "localhost", "127.0.0.1"])
async def test_a_public_page_without_a_password_serves_health_alone(tmp_path: Path, host: str) -> None:
    """By every name: a proxy may put this machine's own in the place of the public one."""
    site = Site(tmp_path, public=True, names=NAMES)
    await site.start()
    try:
        found = await closed_and_open(site, Host=host)
        assert {path for path, status in found.items() if status == 200} == {"/healthz", "/readyz"}
        assert set(found.values()) == {200, 403}
        assert await site.say("hello") == 403
        assert (await site.press("delete", picture=1))[0] == 403
        assert site.model.requests == []
    finally:
        await site.stop()


FORWARDING = ("X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "X-Real-IP", "Via", "CF-Connecting-IP")


async def anothers_picture_goes(site: Site, **headers: str) -> bool:
    """Whether a second guest can delete the first one's picture."""
    site.model.scripts.append('One <image id="1"> a fox </image>')
    key = {"Authorization": "Basic " + b64encode(f":{site.password}".encode()).decode()} if site.password else {}
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        site.browser,
        aiohttp.ClientSession(site.page.url, cookie_jar=jar, headers={"X-Easel": "1"} | key | headers) as second,
    ):
        form = aiohttp.FormData({"text": "a fox"}, default_to_multipart=True)
        async with site.browser.post(f"/api/threads/{THREAD}/messages", data=form, headers=key) as answer:
            assert answer.status == 202
        await site.answered(**key)
        (picture,) = await site.store.gallery(site.chat.key(THREAD))
        address = f"/api/threads/{THREAD}/press"
        async with second.post(address, json={"action": "delete", "picture": picture.number}) as answer:
            assert answer.status == 200
        return not await site.store.gallery(site.chat.key(THREAD))


async def test_whoever_sits_at_the_machine_alone_moderates(site: Site) -> None:
    assert await anothers_picture_goes(site)


@pytest.mark.parametrize("header", FORWARDING)
async def test_nobody_moderates_through_a_proxy(site: Site, header: str) -> None:
    assert not await anothers_picture_goes(site, **{header: "203.0.113.7"})


@pytest.mark.parametrize("public", [False, True])
async def test_a_password_or_a_public_address_means_that_others_come(tmp_path: Path, public: bool) -> None:
    site = Site(tmp_path, password="long enough", public=public)
    await site.start()
    try:
        assert not await anothers_picture_goes(site)
    finally:
        await site.stop()


async def test_the_cookie_is_not_shown_to_others(site: Site) -> None:
    await site.get("/")
    cookie = next(iter(site.browser.cookie_jar))
    snapshot = await anext(site.follow())
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"
    assert cookie.value not in json.dumps(snapshot)


# The machine room


async def test_health_readiness_and_numbers(site: Site) -> None:
    assert (await site.get("/healthz"))[0] == 200
    assert (await site.get("/readyz"))[0] == 200
    site.problems.append("The worker is dead.")
    status, body, _ = await site.get("/readyz")
    assert status == 503
    assert "The worker is dead." in body.decode()
    site.model.scripts.append("Hello.")
    await site.say("hi")
    await site.answered()
    numbers = (await site.get("/metrics"))[1].decode()
    assert "easel_turn_seconds_count" in numbers
    assert "easel_llm_first_chunk_seconds_count 1.0" in numbers


async def test_every_file_that_the_page_names_is_served(site: Site) -> None:
    import re

    _, page, headers = await site.get("/")
    assert headers["Content-Type"].startswith("text/html")
    wanted = set(re.findall(r'(?:src|href)="(/[^"]+)"', page.decode()))
    for path in sorted(wanted):
        status, body, _ = await site.get(path)
        assert status == 200, path
        for module in re.findall(r'from "\./([^"]+)"', body.decode()):
            assert (await site.get(f"/static/{module}"))[0] == 200, module


async def test_a_taken_port_is_one_sentence(site: Site) -> None:
    address = WebAddress("127.0.0.1", site.page.port)
    other = WebService(WebChat(site.store, address), site.desk, address, max_upload_bytes=1)
    with pytest.raises(ChatNotStarted, match=rf"Port {site.page.port} .*: address already in use. Choose another"):
        await other.start()


async def test_stopping_ends_the_streams(tmp_path: Path) -> None:
    site = Site(tmp_path)
    await site.start()
    stream = site.follow()
    await anext(stream)
    async with asyncio.timeout(10):
        await site.page.stop()
        async for _ in stream:
            pass
    await site.stop()
