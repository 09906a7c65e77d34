"""HTTP mode on real sockets: signed requests, OAuth install into the database, and revocation."""

from __future__ import annotations

import asyncio
import html
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from slack_sdk.signature import SignatureVerifier

from bot.chats import ChatNotStarted
from bot.chats.slack import declaration
from bot.chats.slack.chat import SlackChat
from bot.chats.slack.clients import Installations
from bot.chats.slack.config import SlackConfig
from bot.chats.slack.gateway.install import SignedStates
from bot.chats.slack.gateway.service import SlackService
from bot.chats.slack.manifest import SCOPES
from bot.platforms import Parts
from bot.settings import Settings
from handlers.model import Action
from handlers.ports import ChatUnavailable, Handlers, Store
from tests.bot.slack.conftest import SPECS, FewThings, Memory, Recorder, click, slash
from tests.fakes import FakePictures
from tests.peers.slack_peer import BOT_USER, TEAM, SlackPeer
from tests.peers.slack_socket import event_payload

SECRET = "signing-secret"


@dataclass
class Site:
    """Easel's web side, and the Slack that calls it."""

    peer: SlackPeer
    handlers: Recorder
    service: SlackService
    client: TestClient[Any, Any]

    async def event(self, event: dict[str, Any], *, secret: str = SECRET, age_s: int = 0, **more: Any) -> int:
        payload = event_payload(event, "Ev1", **more)
        return (await self.post(json.dumps(payload), "application/json", secret=secret, age_s=age_s)).status

    async def post(
        self, body: str, kind: str, *, secret: str = SECRET, age_s: int = 0, headers: dict[str, str] | None = None
    ) -> Any:
        """A request as Slack signs it."""
        moment = str(int(time.time()) - age_s)
        signature = SignatureVerifier(secret).generate_signature(timestamp=moment, body=body) or ""
        signed = {"X-Slack-Signature": signature, "X-Slack-Request-Timestamp": moment, "Content-Type": kind}
        return await self.client.post("/slack/events", data=body, headers=signed | (headers or {}))

    async def install(self) -> Any:
        """As a browser does it: to Slack with a state, and back with a code."""
        page = await self.client.get("/slack/install")
        text = await page.text()
        address = next(part.split('"')[0] for part in text.split('href="') if "state=" in part.split('"')[0])
        asked = parse_qs(urlsplit(html.unescape(address)).query)
        assert address.startswith(f"{self.peer.base}/oauth/v2/authorize")
        assert asked["redirect_uri"] == ["https://easel.example/slack/oauth_redirect"]
        assert set(asked["scope"][0].split(",")) == set(SCOPES)
        cookie = page.headers["Set-Cookie"].split(";")[0]
        back = f"/slack/oauth_redirect?code=c&state={asked['state'][0]}"
        return await self.client.get(back, headers={"Cookie": cookie})

    @property
    def store(self) -> Installations:
        store = self.service.chat.clients.store
        assert store is not None
        return store


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with SlackPeer() as peer:
        handlers = Recorder()
        config = SlackConfig(
            signing_secret=SECRET, client_id="1.2", client_secret="client-secret", api_base=peer.api_base,
            public_url="https://easel.example/", workspaces_allowed=frozenset({TEAM, "T2"}), edit_seconds=0.01,
            poll_seconds=0.03,
        )  # fmt: skip
        chat = SlackChat(
            config, cast(Handlers, handlers), cast(Store, FewThings()), Memory(), SPECS, tmp_path / "slack.db"
        )
        service = SlackService(chat)
        server = web.Application()
        service.mount(server)
        # No jar: the state's cookie is `Secure`, and the loopback is not.
        jar = aiohttp.DummyCookieJar()
        async with TestClient(TestServer(server), cookie_jar=jar) as client:
            await service.start()
            try:
                yield Site(peer, handlers, service, client)
            finally:
                await service.stop()


GONE: list[dict[str, Any]] = [
    {"type": "app_uninstalled"},
    {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [BOT_USER]}},
]


def mention(site: Site, text: str = "<@UBOT> a fox") -> dict[str, Any]:
    return site.peer.said(text) | {"type": "app_mention"}


@pytest.mark.parametrize("gone", GONE, ids=lambda event: str(event["type"]))
async def test_an_installed_workspace_is_heard_and_one_that_left_is_forgotten(site: Site, gone: dict[str, Any]) -> None:
    page = await site.install()
    assert page.status == 200
    assert "Easel is installed" in await page.text()
    bot = site.store.find_team(TEAM)
    assert bot is not None
    assert bot.bot_token == "xoxb-peer"
    assert await site.event(mention(site)) == 200
    assert [incoming.text for incoming in await received(site)] == ["a fox"]
    assert await site.event(gone) == 200
    await until(lambda: site.store.find_team(TEAM) is None)
    with pytest.raises(ChatUnavailable, match="not installed in this workspace any more"):
        await site.service.chat.clients.of(TEAM)
    await site.event(mention(site))
    assert len(site.handlers.received) == 1
    assert (await site.install()).status == 200
    await site.event(mention(site))
    await until(lambda: len(site.handlers.received) == 2)


async def test_a_persons_revoked_token_is_not_the_bots(site: Site) -> None:
    await site.install()
    await site.event({"type": "tokens_revoked", "tokens": {"oauth": ["U1"], "bot": []}})
    await site.event(mention(site))
    await received(site)


async def test_slack_is_not_asked_who_we_are_with_every_event(site: Site) -> None:
    await site.install()
    before = len(site.peer.called("auth.test"))
    for _ in range(5):
        await site.event(mention(site))
    await until(lambda: len(site.handlers.received) == 5)
    assert len(site.peer.called("auth.test")) == before


async def test_a_workspace_of_an_organisation_is_found_by_its_own_id(site: Site) -> None:
    site.peer.oauth = {"enterprise": {"id": "E1", "name": "Org"}}
    assert (await site.install()).status == 200
    await site.event(mention(site), enterprise_id="E1")
    (incoming,) = await received(site)
    await site.service.chat.tell(incoming.thread, incoming.person, "Hello")
    assert site.peer.ephemeral[0]["text"] == "Hello"


# Rotation


async def rotating(site: Site, *, left_s: int) -> None:
    site.peer.oauth = {"refresh_token": "xoxe-1", "expires_in": left_s}
    site.peer.secrets["xoxe-1"] = "xoxb-second"
    assert (await site.install()).status == 200


async def test_a_token_that_expires_soon_is_rotated_once_by_any_number_of_events(site: Site) -> None:
    await rotating(site, left_s=600)
    await asyncio.gather(*(site.event(mention(site)) for _ in range(8)))
    await until(lambda: len(site.handlers.received) == 8)
    renewals = [c for c in site.peer.called("oauth.v2.access") if c.get("grant_type") == "refresh_token"]
    assert len(renewals) == 1
    bot = site.store.find_team(TEAM)
    assert bot is not None
    assert (bot.bot_token, bot.bot_user_id) == ("xoxb-second", BOT_USER)
    assert str(bot.bot_refresh_token).startswith("xoxe-fresh-")
    with closing(sqlite3.connect(site.store.database)) as database:
        assert database.execute("SELECT bot_token FROM slack_bots").fetchall() == [("xoxb-second",)]
    (incoming, *_) = site.handlers.received
    await site.service.chat.tell(incoming.thread, incoming.person, "with the new token")
    assert len(site.peer.ephemeral) == 1


async def test_a_token_with_hours_to_live_is_left_alone(site: Site) -> None:
    await rotating(site, left_s=40_000)
    await site.event(mention(site))
    await received(site)
    assert not [c for c in site.peer.called("oauth.v2.access") if c.get("grant_type")]


async def test_while_slack_does_not_renew_a_token_the_old_one_serves(site: Site) -> None:
    await rotating(site, left_s=600)
    site.peer.secrets.clear()
    for _ in range(3):
        await site.event(mention(site))
    await until(lambda: len(site.handlers.received) == 3)
    assert len([c for c in site.peer.called("oauth.v2.access") if c.get("grant_type")]) == 1, "not with every event"


async def test_a_token_that_has_expired_and_is_not_renewed_ends_the_service_there(site: Site) -> None:
    await rotating(site, left_s=0)
    site.peer.secrets.clear()
    with pytest.raises(ChatUnavailable, match="install the app again"):
        await site.service.chat.clients.of(TEAM)


# What is refused


async def test_a_workspace_that_is_not_served_is_told_at_the_door(site: Site) -> None:
    site.peer.oauth = {"team": {"id": "T666", "name": "Others"}}
    page = await site.install()
    assert page.status == 403
    assert "does not serve the workspace T666" in await page.text()
    assert site.store.teams() == []


async def test_a_whole_organisation_is_asked_to_choose_a_workspace(site: Site) -> None:
    site.peer.oauth = {"team": None, "enterprise": {"id": "E1", "name": "Org"}, "is_enterprise_install": True}
    page = await site.install()
    assert page.status == 403
    assert "choose a workspace" in await page.text()
    assert site.store.teams() == []


async def test_somebody_who_does_not_allow_it_is_told_that_nothing_was_installed(site: Site) -> None:
    page = await site.client.get("/slack/oauth_redirect?error=access_denied&state=x")
    assert "Nothing was installed" in await page.text()


async def test_a_code_that_slack_does_not_take_is_told(site: Site) -> None:
    site.peer.oauth = {"ok": False, "error": "invalid_code"}
    page = await site.install()
    assert page.status == 401
    assert "Slack did not take the code" in await page.text()


async def test_an_install_without_its_state_is_refused(site: Site) -> None:
    answer = await site.client.get("/slack/oauth_redirect?code=c&state=forged")
    assert answer.status == 400
    assert not site.peer.called("oauth.v2.access")


async def test_the_install_page_leaves_nothing_behind(site: Site, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "slack.db")) as connection:
        before = list(connection.iterdump())
        for _ in range(20):
            assert (await site.client.get("/slack/install")).status == 200
        assert list(connection.iterdump()) == before
        assert "oauth_states" not in str(before)


async def test_a_state_is_taken_once_and_not_for_long() -> None:
    now = 1000.0
    states = SignedStates("client-secret", lambda: now)
    first, second = await states.async_issue(), await states.async_issue()
    assert await SignedStates("client-secret", lambda: now).async_consume(first)
    assert await states.async_consume(first)
    assert not await states.async_consume(first)
    now += 601
    assert not await states.async_consume(second)
    assert not await SignedStates("another", lambda: 0.0).async_consume(second)
    for forged in ("", ".", "x.y.z", second[:-1], "9" * 5000, second.replace(second[0], "9", 1), None):
        assert not await states.async_consume(cast(str, forged))


async def test_wrong_and_stale_signatures_are_refused(site: Site) -> None:
    assert (await site.install()).status == 200
    assert await site.event(mention(site), secret="other") == 401
    assert await site.event(mention(site), age_s=600) == 401
    unsigned = await site.client.post("/slack/events", json=event_payload(mention(site), "Ev1"))
    assert unsigned.status == 401
    assert site.handlers.received == []


@pytest.mark.parametrize("body", ["", "{", "[]", "null", "payload=%7B", "\x00"])
async def test_signed_rubbish_is_no_reason_to_fall_over(site: Site, body: str) -> None:
    await site.install()
    for kind in ("application/json", "application/x-www-form-urlencoded"):
        assert (await site.post(body, kind)).status in (200, 400, 404, 500)
    await site.event(mention(site))
    await received(site)


async def test_slacks_question_for_the_address_is_answered(site: Site) -> None:
    body = json.dumps({"type": "url_verification", "challenge": "abc", "token": "t"})
    answer = await site.post(body, "application/json")
    assert (answer.status, json.loads(await answer.text())) == (200, {"challenge": "abc"})


async def test_a_retry_is_known_by_its_message_whatever_its_number(site: Site) -> None:
    await site.install()
    body = json.dumps(event_payload(mention(site), "Ev1"))
    for number in range(3):
        retry = {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": "http_timeout"} if number else {}
        assert (await site.post(body, "application/json", headers=retry)).status == 200
    await received(site)
    assert len(site.handlers.received) == 1


async def test_commands_and_clicks_come_by_http_too(site: Site) -> None:
    await site.install()
    await site.post(urlencode(slash("imagine a fox")), "application/x-www-form-urlencoded")
    assert [incoming.text for incoming in await received(site)] == ["a fox"]
    body = urlencode({"payload": json.dumps(click(Action.VARY, 1, "5.5"))})
    await site.post(body, "application/x-www-form-urlencoded")
    await until(lambda: bool(site.handlers.pressed))


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 — our own objects have no bell
            await asyncio.sleep(0.01)


async def received(site: Site) -> list[Any]:
    await until(lambda: bool(site.handlers.received))
    return list(site.handlers.received)


async def test_after_a_crash_an_installed_workspaces_message_is_read_as_before(site: Site, tmp_path: Path) -> None:
    await site.install()

    async def crash(_: object) -> None:
        raise SystemError("killed here")

    site.handlers.on_receive = crash
    await site.event(mention(site))
    await received(site)
    site.handlers.on_receive = None
    old = site.service.chat
    again = SlackChat(
        site.service._config, cast(Handlers, site.handlers), cast(Store, FewThings()), old._memory, SPECS,
        tmp_path / "slack.db",
    )  # fmt: skip
    service = SlackService(again)
    await service.start()
    try:
        await until(lambda: len(site.handlers.received) == 2)
    finally:
        await service.stop()
    assert [incoming.text for incoming in site.handlers.received] == ["a fox", "a fox"]


async def test_one_workspace_by_http_needs_its_token_and_the_signing_secret_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What other programs of the same machine are told by their environment is not meant for this one.
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-other")
    monkeypatch.setenv("SLACK_CLIENT_ID", "9.9")
    monkeypatch.setenv("SLACK_CLIENT_SECRET", "other")
    monkeypatch.setenv("HOME", str(tmp_path))
    async with SlackPeer() as peer:
        handlers = Recorder()
        config = SlackConfig(bot_token="xoxb-peer", signing_secret=SECRET, api_base=peer.api_base)
        assert config.problems() == []
        chat = SlackChat(
            config, cast(Handlers, handlers), cast(Store, FewThings()), Memory(), SPECS, tmp_path / "slack.db"
        )
        service = SlackService(chat)
        server = web.Application()
        service.mount(server)
        async with TestClient(TestServer(server)) as client:
            await service.start()
            try:
                site = Site(peer, handlers, service, client)
                assert await site.event(mention(site)) == 200
                assert [incoming.text for incoming in await received(site)] == ["a fox"]
                assert (await client.get("/slack/install")).status == 404
                await site.event(GONE[0])
                await until(lambda: "was removed from Slack" in str(service._problem))
            finally:
                await service.stop()
    assert not (tmp_path / "slack.db").exists()


def slack_of(tmp_path: Path, **settings: Any) -> Any:
    parts = SimpleNamespace(
        settings=Settings(_env_file=None, **settings), handlers=Recorder(), store=FewThings(),
        memory=SimpleNamespace(corner=lambda _: Memory()), home=SimpleNamespace(root=tmp_path), marking=None,
        pictures=FakePictures(),
    )  # fmt: skip
    return declaration.build(cast(Parts, parts))


def test_the_settings_say_how_it_connects(tmp_path: Path) -> None:
    config = slack_of(
        tmp_path, slack_bot_token="xoxb-1", slack_app_token="xapp-1", slack_client_id="1.2",
        slack_client_secret="s",
    ).chat.config  # fmt: skip
    assert config.socket_mode
    assert not config.oauth
    with pytest.raises(ChatNotStarted, match="HTTP mode needs"):
        slack_of(tmp_path, slack_signing_secret="s")
