"""Every route with every kind of nonsense: never a 500, never a traceback, and the page still works after it.

EASEL_FUZZ_EXAMPLES sets how many requests are made up (with --timeout=0 for many); a few hundred in the suite.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.settings import Login
from handlers.model import Action
from tests.bot.web_site import THREAD, Site

EXAMPLES = int(os.environ.get("EASEL_FUZZ_EXAMPLES", "150"))
HOSTS = ("localhost", "127.0.0.1")
LONG = "9" * 5000
TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["", "\x00", "\r\n", "\ud800", LONG, "-1", "1e999", "٣", "<image>", "../../easel.db", "%00", "💥" * 50]
    ),
)
PARTS = st.one_of(
    st.sampled_from(
        [
            THREAD,
            "x",
            "..",
            "%2e%2e",
            "%00",
            "%ff",
            "a%2fb",
            LONG,
            "0" * 64,
            "f" * 64,
            "app.js",
            "page.html",
            "snow%20",
            "💥",
        ]
    ),
    st.text(st.characters(exclude_characters=" \r\n#?", exclude_categories=["Cs"]), max_size=12),
)
PATHS = st.one_of(
    st.builds(
        lambda route, one, other: route.replace("{}", one, 1).replace("{}", other, 1),
        st.sampled_from(
            [
                "/",
                "/t/{}",
                "/static/{}",
                "/api/about",
                "/api/threads",
                "/api/threads/{}/events",
                "/api/threads/{}/messages",
                "/api/threads/{}/press",
                "/api/previews/{}/{}",
                "/pictures/{}",
                "/healthz",
                "/readyz",
                "/metrics",
                "/slack/events",
                "/slack/{}",
                "/{}",
                "//{}",
                "/slack/../api/threads",
                "/api/me",
                "/api/me/{}",
                "/api/me/forget",
                "/api/join",
                "/api/invitation",
                "/api/threads/{}/sharing",
                "/join",
                "/gallery",
                "/api/gallery?q={}&here={}",
                "/pictures/{}?small={}",
            ]
        ),
        PARTS,
        PARTS,
    ),
    st.just(f"/api/threads/{THREAD}/messages"),
    st.just(f"/api/threads/{THREAD}/press"),
)
METHODS = st.sampled_from(
    ["GET", "GET", "POST", "POST", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"]
)

NUMBERS = st.one_of(st.integers(-(10**30), 10**30), st.floats(), st.booleans(), st.none(), TEXTS)
VALUES = st.recursive(
    NUMBERS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)
PRESSES = st.fixed_dictionaries(
    {"action": st.sampled_from([action.value for action in Action]) | VALUES},
    optional={name: VALUES | st.integers(-2, 3) for name in ("picture", "slot", "text", "change", "event")},
).map(lambda press: json.dumps(press).encode())
JSONS = st.one_of(
    PRESSES,
    VALUES.map(lambda value: json.dumps(value).encode()),
    st.sampled_from(
        [
            b"[" * 100_000,
            b'{"action":' * 20_000,
            b'{"picture": ' + LONG.encode() + b"}",
            b'{"action": "redo", "picture": 1e999}',
        ]
    ),
    st.sampled_from(["utf-16", "utf-8-sig", "utf-7"]).map(lambda name: '{"action": "undo"}'.encode(name)),
    st.binary(max_size=60),
)

NAMES = st.sampled_from(["text", "event", "replies_to", "file", "", "x", "text\x00", "éé"])
PART_HEADERS = st.lists(
    st.sampled_from(
        [
            b"Content-Type: image/png", b"Content-Type: multipart/mixed; boundary=y", b"Content-Type: multipart/mixed",
            b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: quoted-printable",
            b"Content-Transfer-Encoding: x", b"Content-Encoding: gzip", b"Content-Encoding: x", b"Content-Length: 5",
            b"Content-Length: -5", b"Content-Length: x", b"Content-Type: text/plain; charset=x", b"nothing", b": x",
            b"X: " + b"y" * 9000, b"Content-Disposition: form-data", b"Content-Disposition: form-data; name*=x''%ff",
        ]
    ),
    max_size=2,
)  # fmt: skip
BODY_PARTS = st.builds(
    lambda name, filename, headers, data: b"\r\n".join(
        [f'Content-Disposition: form-data; name="{name}"{filename}'.encode(), *headers, b"", data]
    ),
    NAMES,
    st.sampled_from(
        ["", '; filename="a.png"', '; filename=""', "; filename*=utf-8''%e2%82", '; filename="' + "a" * 300 + '"']
    ),
    PART_HEADERS,
    TEXTS.map(lambda text: text.encode("utf-8", "replace")) | st.binary(max_size=30) | st.just(b"\x89PNG\r\n\x1a\n"),
)
FORMS = st.one_of(
    st.builds(
        lambda parts, end: b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + end,
        st.lists(BODY_PARTS, max_size=7),
        st.sampled_from([b"--x--\r\n", b"--x--", b"--x", b"", b"--x\r\n", b"junk"]),
    ),
    st.binary(max_size=60),
    st.just(b"--x\r\n" * 3000),
)
FORM_TYPES = st.sampled_from(
    [
        "multipart/form-data; boundary=x", "multipart/form-data; boundary=x", "multipart/form-data",
        "multipart/form-data; boundary=", 'multipart/form-data; boundary="x', "multipart/x; boundary=" + "y" * 90,
        "multipart/mixed; boundary=x", "multipart/", "text/plain", "multipart/form-data; boundary=\xff",
    ]
)  # fmt: skip
JSON_TYPES = st.sampled_from(["application/json", "application/json; charset=nonsense", "text/plain", "x", ""])
CONTENTS = st.one_of(st.tuples(FORM_TYPES, FORMS), st.tuples(JSON_TYPES, JSONS))

HEADERS = st.lists(
    st.sampled_from(
        [
            "Authorization: Basic !!!", "Authorization: Basic /////w==", "Authorization: " + "x" * 100,
            "Cookie: easel_person=\xff", "Cookie: " + ";" * 500, "Origin: http://localhost", "Origin: http://[",
            "Origin: null", "Sec-Fetch-Site: same-origin", "X-Forwarded-For: " + ",".join(["x"] * 100),
            "X-Forwarded-Proto: https", "Content-Encoding: gzip", "Content-Encoding: deflate", "Content-Encoding: x",
            "Expect: 100-continue", "Expect: x", "Range: bytes=" + LONG, "If-Modified-Since: x", "Upgrade: websocket",
            "Accept: text/html", "Host: [::1", "Host: evil.example", "Host: \xff",
        ]
    ),
    max_size=3,
)  # fmt: skip


@pytest.fixture(params=[Login.NONE, Login.INVITATION])
async def site(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    """With guests, and with somebody who is signed in."""
    made = Site(tmp_path, login=request.param)
    await made.start()
    made.chat.gate.newcomers.most = 10**9
    await made.get("/healthz", headers={"X-Forwarded-For": "x"})  # the log says once that this proxy is not named
    if made.people is not None:
        _, token = await made.people.ask(lambda register: register.invite())
        async with made.browser.post("/api/join", json={"token": token, "name": "Anna"}) as answer:
            assert answer.status == 201
    yield made
    await made.stop()


async def ask(site: Site, head: str, body: bytes) -> bytes:
    """The first bytes of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.page.port)
    try:
        async with asyncio.timeout(20):
            writer.write(head.encode("latin-1", "replace") + b"\r\n" + body)
            answer = await reader.read(4096)
            return (answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")) or await reader.read(4096)
    finally:
        writer.close()


@settings(
    max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES == 150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(METHODS, PATHS, HEADERS, CONTENTS)
async def test_no_request_is_too_much(
    site: Site, caplog: pytest.LogCaptureFixture, method: str, path: str, headers: list[str], content: tuple[str, bytes]
) -> None:
    caplog.clear()
    kind, body = content
    body = b"" if method in ("GET", "HEAD") else body
    own = [line.partition(":")[0] for line in headers]
    lines = [f"{method} {path} HTTP/1.1", *headers, f"Content-Length: {len(body)}", "X-Easel: 1"]
    lines += [f"Content-Type: {kind}"] if kind else []
    lines += [] if "Host" in own else ["Host: localhost"]
    cookies = [f"{cookie.key}={cookie.value}" for cookie in site.browser.cookie_jar]
    lines += ["Cookie: " + "; ".join(cookies)] if cookies and "Cookie" not in own else []
    answer = await ask(site, "\r\n".join(lines) + "\r\n", body)
    assert 200 <= int(answer.split(b" ", 2)[1]) < 500
    assert b"Traceback" not in answer
    assert not [
        record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING or record.exc_info
    ]


async def test_after_all_of_it_people_are_served(site: Site) -> None:
    site.model.scripts.append('Here: <image id="1"> a fox </image>')
    assert await site.say("a fox") == 202
    assert (await site.answered())["parts"]
