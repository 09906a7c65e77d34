"""HTTP mode on real sockets: signed requests, OAuth install into the database, and revocation."""

from __future__ import annotations

import asyncio
import html
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from slack_sdk.signature import SignatureVerifier

from bot.chats import ChatNotStarted, rows
from bot.chats.slack.chat import SlackChat
from bot.chats.slack.config import SlackConfig
from bot.chats.slack.listen import SlackService
from bot.settings import Settings
from handlers.ports import Handlers, Store
from tests.bot.slack.conftest import SPECS, FewThings, Memory, Recorder
from tests.peers.slack_peer import BOT_USER, TEAM, SlackPeer

SECRET = "signing-secret"


@dataclass
class Site:
    """Easel's web side, and the Slack that calls it."""

    peer: SlackPeer
    handlers: Recorder
    service: SlackService
    client: TestClient[Any, Any]

    async def event(self, event: dict[str, Any], *, secret: str = SECRET) -> int:
        payload: dict[str, Any] = {
            "type": "event_callback",
            "team_id": TEAM,
            "api_app_id": "A1",
            "event": event,
            "event_id": "Ev1",
        }
        payload["authorizations"] = [{"team_id": TEAM, "user_id": BOT_USER, "is_bot": True}]
        body, now = json.dumps(payload), str(int(time.time()))
        signature = SignatureVerifier(secret).generate_signature(timestamp=now, body=body) or ""
        headers = {"X-Slack-Signature": signature, "X-Slack-Request-Timestamp": now}
        headers["Content-Type"] = "application/json"
        return (await self.client.post("/slack/events", data=body, headers=headers)).status

    async def install(self) -> int:
        """As a browser does it: to Slack with a state, and back with a code."""
        page = await self.client.get("/slack/install")
        text = await page.text()
        address = next(part.split('"')[0] for part in text.split('href="') if "state=" in part.split('"')[0])
        address = html.unescape(address)
        state = parse_qs(urlsplit(address).query)["state"][0]
        cookie = page.headers["Set-Cookie"].split(";")[0]
        answer = await self.client.get(f"/slack/oauth_redirect?code=c&state={state}", headers={"Cookie": cookie})
        return answer.status


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with SlackPeer() as peer:
        handlers = Recorder()
        config = SlackConfig(
            signing_secret=SECRET, client_id="1.2", client_secret="client-secret", api_base=peer.api_base
        )
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


@pytest.mark.parametrize(
    "gone", [{"type": "app_uninstalled"}, {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [BOT_USER]}}]
)
async def test_an_installed_workspace_is_heard_and_one_that_left_is_forgotten(site: Site, gone: dict[str, Any]) -> None:
    assert await site.install() == 200
    store = site.service.chat.clients.store
    assert store is not None
    bot = await store.async_find_bot(enterprise_id=None, team_id=TEAM)
    assert bot is not None
    assert bot.bot_token == "xoxb-peer"
    assert await site.event(site.peer.said("<@UBOT> a fox") | {"type": "app_mention"}) == 200
    assert [incoming.text for incoming in await received(site)] == ["a fox"]
    assert await site.event(gone) == 200
    await until(lambda: store.find_bot(enterprise_id=None, team_id=TEAM) is None)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 — our own objects have no bell
            await asyncio.sleep(0.01)


async def received(site: Site) -> list[Any]:
    await until(lambda: bool(site.handlers.received))
    return list(site.handlers.received)


async def test_a_wrong_signature_is_refused(site: Site) -> None:
    assert await site.install() == 200
    assert await site.event(site.peer.said("<@UBOT> a fox") | {"type": "app_mention"}, secret="other") == 401
    assert site.handlers.received == []


async def test_an_install_without_its_state_is_refused(site: Site) -> None:
    answer = await site.client.get("/slack/oauth_redirect?code=c&state=forged")
    assert answer.status == 400
    assert not any(method == "oauth.v2.access" for method, _ in site.peer.calls)


def slack_of(tmp_path: Path, **settings: Any) -> Any:
    parts = SimpleNamespace(
        settings=Settings(_env_file=None, **settings), handlers=Recorder(), store=FewThings(),
        memory=SimpleNamespace(corner=lambda _: Memory()), home=SimpleNamespace(root=tmp_path),
    )  # fmt: skip
    return rows.slack(cast(rows.Parts, parts))


def test_the_settings_say_where_it_may_talk_and_how_it_connects(tmp_path: Path) -> None:
    config = slack_of(
        tmp_path, slack_bot_token="xoxb-1", slack_app_token="xapp-1", slack_channels_allowed="C1, C2",
        slack_channels_denied="C3",
    ).service.chat.config  # fmt: skip
    assert (config.channels_allowed, config.channels_denied) == (frozenset({"C1", "C2"}), frozenset({"C3"}))
    assert config.socket_mode
    with pytest.raises(ChatNotStarted, match="HTTP mode needs"):
        slack_of(tmp_path, slack_signing_secret="s")
