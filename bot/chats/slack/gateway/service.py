"""Connects `SlackChat` to Slack through Bolt: Socket Mode, or signed HTTP with OAuth install.

Bolt verifies, authorises and acknowledges; `listeners.py` says what happens with what comes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.chats.slack import manifest
from bot.chats.slack.chat import SlackChat
from bot.chats.slack.clients import web_client
from bot.chats.slack.gateway.connection import Connection, SlackRefused, unreachable
from bot.chats.slack.gateway.install import InstallFlow
from bot.chats.slack.gateway.listeners import Listeners
from bot.chats.slack.gateway.signed import asks_for_certificate, is_signed
from bot.chats.slack.trouble import FAILURES, NO_ACCESS, code
from bot.platforms import Routes, Service
from handlers.ports import ChatUnavailable
from imaging.tasks import Tasks

log = logging.getLogger(__name__)

REMOVED = "The app was removed from Slack; install it again and set EASEL_SLACK_BOT_TOKEN anew."


class SlackService(Service):
    """Starts, watches and stops the connection; `chat` is the port that the handlers see."""

    def __init__(self, chat: SlackChat) -> None:
        self._chat = chat
        self._config = chat.config
        self._who: AsyncSlackResponse | None = None
        self.app = AsyncApp(
            client=web_client(self._config, None), signing_secret=self._config.signing_secret or "socket-mode",
            authorize=self._authorize(), ignoring_self_events_enabled=True,
        )  # fmt: skip
        self._install = InstallFlow(self._config, chat.clients, self._served) if self._config.oauth else None
        self._connection = Connection(self.app, self._config) if self._config.socket_mode else None
        self._problem: str | None = "Slack is not connected yet."
        self._tasks = Tasks(self._start_failed)
        Listeners(chat, self.left).register(self.app)

    @property
    def chat(self) -> SlackChat:
        return self._chat

    def _authorize(self) -> Callable[..., Awaitable[Any]]:
        """Who we are in a workspace, from memory: Bolt's own way asks Slack again with every event, before it
        acknowledges, and rotates tokens beside us."""

        async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult | None:
            if self.chat.clients.store is None:
                return AuthorizeResult.from_auth_test_response(
                    bot_token=self._config.bot_token, auth_test_response=await self._identity()
                )
            try:
                bot = await self.chat.clients.bot(team_id or "")
            except ChatUnavailable as error:
                log.warning("an event of workspace %s is dropped: %s", team_id, error)
                return None
            return AuthorizeResult(
                enterprise_id=enterprise_id, team_id=team_id, bot_token=bot.bot_token, bot_id=bot.bot_id,
                bot_user_id=bot.bot_user_id,
            )  # fmt: skip

        return authorize

    async def _identity(self) -> AsyncSlackResponse:
        if self._who is None:
            client = self.chat.clients.default
            assert client is not None
            self._who = await client.auth_test()
        return self._who

    async def bot_user(self, team: str) -> str:
        """
        Raises:
            ChatUnavailable: the workspace has uninstalled the app.
        """
        if self.chat.clients.store is not None:
            return str((await self.chat.clients.bot(team)).bot_user_id)
        return str((await self._identity())["user_id"])

    def _served(self, team: str) -> str | None:
        allowed = self._config.workspaces_allowed
        if not allowed or team in allowed:
            return None
        return f"This Easel does not serve the workspace {team}; ask the person who runs it."

    # Start and stop

    async def start(self) -> None:
        """Connect and take up what an earlier process left; where Slack cannot be reached now, go on trying.

        Raises:
            SlackRefused: a token is no good; one sentence with the way out.
        """
        try:
            await self._begin()
        except FAILURES as error:
            self._problem = unreachable(error)
            log.warning("%s", self._problem)
            self._tasks.spawn(self._keep_beginning(), "slack-start")

    def _start_failed(self, _: BaseException) -> None:
        self._problem = "Slack could not be started; restart the program."

    async def _begin(self) -> None:
        await self._greet()
        if self._connection is not None:
            await self._connection.open()
        self._problem = None
        await self.chat.take_up(self.bot_user)

    async def _keep_beginning(self) -> None:
        wait = self._config.patience.retry
        while True:
            await asyncio.sleep(wait)
            wait = min(60.0, wait * 2)
            try:
                await self._begin()
                return
            except SlackRefused as error:
                self._problem = str(error)
                log.error("%s", error)
            except FAILURES as error:
                self._problem = unreachable(error)
                log.warning("%s", self._problem)

    async def _greet(self) -> None:
        if self.chat.clients.default is None:
            return
        try:
            who = await self._identity()
        except SlackApiError as error:
            if code(error) in NO_ACCESS:
                raise SlackRefused(
                    f"Slack refuses EASEL_SLACK_BOT_TOKEN ({code(error)}); copy the Bot User OAuth Token again."
                ) from error
            raise
        granted = str(who.headers.get("x-oauth-scopes", ""))
        lacking = manifest.missing_scopes(granted) if granted else []
        if lacking:
            log.warning("the Slack app lacks scopes: %s; update it with `easel slack manifest`", "; ".join(lacking))

    async def problem(self) -> str | None:
        """None when events can arrive, else one sentence."""
        return self._problem or (self._connection.problem if self._connection is not None else None)

    async def stop(self) -> None:
        await self._tasks.close()
        if self._connection is not None:
            await self._connection.close()
        await self.chat.close()

    async def left(self, team: str) -> None:
        """The workspace removed the app or revoked its token."""
        log.warning("workspace %s has removed the app or revoked its token", team)
        await self.chat.clients.forget(team)
        if self.chat.clients.store is None:
            self._problem = REMOVED

    # HTTP mode

    @property
    def routes(self) -> Routes:
        return self.mount

    def mount(self, server: web.Application) -> None:
        """HTTP mode: events, commands and clicks on `/slack/events`; install and its return for OAuth."""
        if self._config.socket_mode:
            return
        server.router.add_post("/slack/events", self._http)
        if self._install is not None:
            server.router.add_get("/slack/install", self._install_page)
            server.router.add_get("/slack/oauth_redirect", self._callback)

    async def _http(self, request: web.Request) -> web.Response:
        body = (await request.read()).decode("utf-8", errors="replace")
        return _answer(await self.hear(body, {name.lower(): value for name, value in request.headers.items()}))

    async def hear(self, body: str, headers: Mapping[str, str]) -> BoltResponse:
        """One request, `headers` by names in small letters."""
        if asks_for_certificate(body):
            return BoltResponse(status=200, body="")
        if not is_signed(self._config.signing_secret or "", headers, body):
            return BoltResponse(status=401, body="")
        try:
            request = AsyncBoltRequest(body=body, headers={name: [value] for name, value in headers.items()})
        except (ValueError, RecursionError, AttributeError):
            return BoltResponse(status=400, body="")
        return await self.app.async_dispatch(request)

    async def _install_page(self, request: web.Request) -> web.Response:
        assert self._install is not None
        return _answer(await self._install.handle_installation(await _bolt(request)))

    async def _callback(self, request: web.Request) -> web.Response:
        assert self._install is not None
        return _answer(await self._install.handle_callback(await _bolt(request)))


async def _bolt(request: web.Request) -> AsyncBoltRequest:
    headers: dict[str, str | Sequence[str]] = {name: [value] for name, value in request.headers.items()}
    body = (await request.read()).decode("utf-8", errors="replace")
    return AsyncBoltRequest(body=body, query=request.query_string, headers=headers)


def _answer(response: BoltResponse) -> web.Response:
    headers = {name: values[0] for name, values in response.headers.items() if name.lower() != "content-length"}
    kind = headers.pop("content-type", headers.pop("Content-Type", "text/plain")).split(";")[0]
    cookies = headers.pop("set-cookie", None)
    made = web.Response(
        status=response.status, text=response.body or "", content_type=kind, charset="utf-8", headers=headers
    )
    if cookies:
        made.headers["Set-Cookie"] = cookies
    return made
