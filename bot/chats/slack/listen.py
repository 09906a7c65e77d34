"""Connects `SlackChat` to Slack through Bolt: Socket Mode, or signed HTTP with OAuth install.

Bolt verifies, authorises and acknowledges; each listener here only translates and delegates.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.oauth.state_store.sqlite3 import SQLite3OAuthStateStore
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.chats.slack import inbound, manifest, marks
from bot.chats.slack.chat import SlackChat
from bot.chats.slack.clients import web_client
from bot.chats.slack.posting import code

log = logging.getLogger(__name__)

HELLO_SECONDS = 20.0
"""A socket that is open and has said nothing for this long after connecting is deaf."""
WATCH_SECONDS = 5.0
SHORTCUTS = re.compile(r"^easel\.shortcut\.")
BUTTONS = re.compile(r"^easel\.")
Json = dict[str, Any]
Next = Callable[[], Awaitable[Any]]


class SlackService:
    """Starts, watches and stops the connection; `chat` is the port that the handlers see."""

    def __init__(self, chat: SlackChat) -> None:
        self.chat = chat
        self._config = chat.config
        self._bot_users: dict[str, str] = {}
        self._who: AsyncSlackResponse | None = None
        self.app = self._build()
        self._socket: AsyncSocketModeHandler | None = None
        self._heard = 0.0
        self._opened = 0.0
        self._problem: str | None = "not connected yet"
        self._watcher: asyncio.Task[None] | None = None

    def _build(self) -> AsyncApp:
        config, clients = self._config, self.chat.clients
        if clients.store is None:
            app = AsyncApp(
                client=web_client(config, None), signing_secret=config.signing_secret or "socket-mode",
                authorize=self._one_team(),
            )  # fmt: skip
        else:
            states = SQLite3OAuthStateStore(expiration_seconds=600, database=str(clients.store.database))
            settings = AsyncOAuthSettings(
                client_id=config.client_id,
                client_secret=config.client_secret,
                scopes=sorted(manifest.SCOPES),
                installation_store=clients.store,
                state_store=states,
                installation_store_bot_only=True,
            )
            app = AsyncApp(
                client=web_client(config, None), signing_secret=config.signing_secret, oauth_settings=settings,
            )  # fmt: skip
            app.enable_token_revocation_listeners()
        _register(app, self.chat)
        return app

    def _one_team(self) -> Callable[..., Awaitable[AuthorizeResult]]:
        """Who we are was asked once at the start; Bolt would ask for each event of a first burst again."""

        async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
            assert self._who is not None
            return AuthorizeResult.from_auth_test_response(
                bot_token=self._config.bot_token, auth_test_response=self._who
            )

        return authorize

    async def start(self) -> None:
        """Connect and take up what an earlier process left.

        Raises:
            RuntimeError: the token is refused; one sentence with the way out.
        """
        await self._greet()
        if self._config.socket_mode:
            handler = AsyncSocketModeHandler(
                self.app, self._config.app_token, web_client=web_client(self._config, None)
            )
            handler.client.message_listeners.append(self._noticed)
            self._socket = handler
            await self._connect()
            self._watcher = asyncio.create_task(self._watch(), name="slack-watch")
        self._problem = None
        await self.chat.take_up(self._bot_users)

    async def _greet(self) -> None:
        client = self.chat.clients.default
        if client is None:
            return
        try:
            who = await client.auth_test()
        except SlackApiError as error:
            raise RuntimeError(
                f"Slack refuses EASEL_SLACK_BOT_TOKEN ({code(error)}); copy the Bot User OAuth Token again."
            ) from error
        self._who = who
        self._bot_users[str(who["team_id"])] = str(who["user_id"])
        lacking = manifest.missing_scopes(str(who.headers.get("x-oauth-scopes", "")))
        if lacking and who.headers.get("x-oauth-scopes"):
            log.warning("the Slack app lacks scopes: %s; update it with `easel slack manifest`", "; ".join(lacking))

    async def _connect(self) -> None:
        assert self._socket is not None
        self._opened = asyncio.get_running_loop().time()
        self._heard = 0.0
        try:
            await self._socket.connect_async()  # type: ignore[no-untyped-call]
        except SlackApiError as error:
            raise RuntimeError(
                f"Slack refuses EASEL_SLACK_APP_TOKEN ({code(error)}); make an app-level token with connections:write."
            ) from error

    async def _noticed(self, _client: Any, _message: Json, _raw: str | None) -> None:
        self._heard = asyncio.get_running_loop().time()

    async def _watch(self) -> None:
        """A socket can be open and deaf: without a hello it is replaced by a new one."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            assert self._socket is not None
            now = asyncio.get_running_loop().time()
            deaf = self._heard < self._opened and now - self._opened > HELLO_SECONDS
            self._problem = "the Slack socket is open but hears nothing" if deaf else None
            if not deaf:
                continue
            log.warning("slack socket said no hello; connecting again")
            try:
                self._opened = now
                await self._socket.client.connect_to_new_endpoint(force=True)
            except (SlackClientError, OSError, TimeoutError) as error:
                self._problem = f"Slack cannot be reached ({type(error).__name__})"

    async def health(self) -> str | None:
        """None when events can arrive, else one sentence."""
        if self._problem is None and self._socket is not None and not await self._socket.client.is_connected():
            return "The Slack socket is not connected; it is being opened again."
        return self._problem

    async def stop(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
        if self._socket is not None:
            await self._socket.close_async()  # type: ignore[no-untyped-call]
        await self.chat.close()

    def mount(self, server: web.Application) -> None:
        """HTTP mode: events, commands and clicks on `/slack/events`; install and its return for OAuth."""
        if self._config.socket_mode:
            return
        server.router.add_post("/slack/events", self._http)
        if self._config.oauth:
            server.router.add_get("/slack/install", self._install)
            server.router.add_get("/slack/oauth_redirect", self._callback)

    async def _http(self, request: web.Request) -> web.Response:
        return _answer(await self.app.async_dispatch(await _bolt(request)))

    async def _install(self, request: web.Request) -> web.Response:
        assert self.app.oauth_flow is not None
        return _answer(await self.app.oauth_flow.handle_installation(await _bolt(request)))

    async def _callback(self, request: web.Request) -> web.Response:
        assert self.app.oauth_flow is not None
        return _answer(await self.app.oauth_flow.handle_callback(await _bolt(request)))


async def _bolt(request: web.Request) -> AsyncBoltRequest:
    headers: dict[str, str | Sequence[str]] = {name: [value] for name, value in request.headers.items()}
    body = (await request.read()).decode("utf-8", errors="replace")
    return AsyncBoltRequest(body=body, query=request.query_string, headers=headers)


def _answer(response: BoltResponse) -> web.Response:
    headers = {name: values[0] for name, values in response.headers.items() if name.lower() != "content-length"}
    kind = headers.pop("content-type", headers.pop("Content-Type", "text/plain")).split(";")[0]
    cookies = headers.pop("set-cookie", None)
    made = web.Response(status=response.status, text=response.body or "", content_type=kind, headers=headers)
    if cookies:
        made.headers["Set-Cookie"] = cookies
    return made


def _register(app: AsyncApp, chat: SlackChat) -> None:
    """Every listener in one place; each delegates at once."""

    async def write_down(body: Json, context: Any, next: Next) -> None:
        # A middleware runs before Bolt acknowledges: what is acknowledged is on disk.
        event = body.get("event") or {}
        if body.get("type") == "event_callback" and event.get("type") in ("message", "app_mention"):
            await chat.hear(event, str(context.team_id), str(context.bot_user_id))
        await next()

    async def nothing(**_: Any) -> None:
        return None

    async def click(ack: Any, body: Json, context: Any, client: Any) -> None:
        await ack()
        await chat.click(body, str(context.team_id), client)

    async def command(ack: Any, body: Json, context: Any, client: Any) -> None:
        await ack()
        await chat.command(body, str(context.team_id), client)

    async def shortcut(ack: Any, body: Json, context: Any, client: Any) -> None:
        await ack()
        await chat.shortcut(body, str(context.team_id), client)

    async def edited(ack: Any, body: Json, context: Any, client: Any) -> None:
        errors = inbound.read_edit_view(body)[2]
        await (ack(response_action="errors", errors=errors) if errors else ack())
        if not errors:
            await chat.edited(body, str(context.team_id), client)

    async def wished(ack: Any, body: Json, context: Any, client: Any) -> None:
        errors = inbound.read_edit_view(body)[2]
        await (ack(response_action="errors", errors=errors) if errors else ack())
        if not errors:
            await chat.wished(body, str(context.team_id), client)

    async def home(event: Json, context: Any, client: Any) -> None:
        if event.get("tab") == "home":
            await chat.show_home(str(event.get("user")), str(context.team_id), client)

    async def agent_opened(event: Json, client: Any) -> None:
        found = event.get("assistant_thread") or {}
        await chat.greet(str(found.get("channel_id")), str(found.get("thread_ts")), client)

    async def stopped(event: Json, context: Any, client: Any) -> None:
        await chat.stopped(event, str(context.team_id), client)

    app.use(write_down)
    for name in ("message", "app_mention", "reaction_added", "reaction_removed", "assistant_thread_context_changed"):
        app.event(name)(nothing)
    app.event("app_home_opened")(home)
    app.event("assistant_thread_started")(agent_opened)
    app.event("agent_session_stopped")(stopped)
    app.action(BUTTONS)(click)
    app.command("/easel")(command)
    app.shortcut(SHORTCUTS)(shortcut)
    app.view(marks.EDIT_VIEW)(edited)
    app.view(marks.NEW_VIEW)(wished)
