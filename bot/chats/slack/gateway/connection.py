"""The Socket Mode connection: opened, watched, and replaced when it is dead or deaf.

slack_sdk reconnects by itself when Slack asks for it or a socket breaks. What it does not see: a socket that is
open but was never greeted, one that went deaf later, and a reconnect that fails for good.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError

from bot.chats import ChatNotStarted
from bot.chats.slack.clients import web_client
from bot.chats.slack.config import SlackConfig
from bot.chats.slack.trouble import FAILURES, NO_ACCESS, code
from imaging.tasks import Tasks

log = logging.getLogger(__name__)

CONNECT_S = 20.0
REFUSED = NO_ACCESS | {"not_allowed_token_type", "missing_scope", "no_permission"}
Json = dict[str, Any]


class SlackRefused(ChatNotStarted):
    """Slack does not let us in; `str()` is one sentence with the way out."""


class Connection:
    """One connection at a time; `problem` says why nothing can be heard now."""

    def __init__(self, app: AsyncApp, config: SlackConfig) -> None:
        self._app = app
        self._config = config
        self._patience = config.patience
        self._handler: AsyncSocketModeHandler | None = None
        self._session: object = None
        self._since = 0.0
        self._greeted: object = None
        self._heard = 0.0
        self._tasks = Tasks(self._watch_failed)
        self.problem: str | None = "Slack is not connected yet."

    async def open(self) -> None:
        """Connect, and watch the connection from then on.

        Raises:
            SlackRefused: the app-level token is no good.
            What slack_sdk and the network raise: Slack cannot be reached now.
        """
        await self._replace()
        if not self._tasks:
            self._tasks.spawn(self._watch(), "slack-watch")

    async def close(self) -> None:
        await self._tasks.close()
        await self._drop(self._handler)
        self._handler = None

    def _watch_failed(self, _: BaseException) -> None:
        self.problem = "The connection to Slack is not watched any more; restart the program."

    async def _replace(self) -> None:
        """A fresh client with a fresh address; the old one goes when the new one stands, so nothing is missed."""
        handler = AsyncSocketModeHandler(
            self._app, self._config.app_token, web_client=web_client(self._config, None),
            ping_interval=self._patience.ping,
        )  # fmt: skip
        handler.client.message_listeners.append(self._noticed)
        try:
            handler.client.wss_uri = await self._address(handler)
            # connect() itself would try the same address for ever.
            await asyncio.wait_for(handler.client.connect(), CONNECT_S)  # type: ignore[no-untyped-call]
        except BaseException:
            await self._drop(handler)
            raise
        old, self._handler = self._handler, handler
        self._session, self._since = handler.client.current_session, _now()
        self._heard = _now()
        self.problem = None
        await self._drop(old)

    async def _address(self, handler: AsyncSocketModeHandler) -> str:
        try:
            answer = await handler.client.web_client.apps_connections_open(app_token=str(self._config.app_token))
        except SlackApiError as error:
            if code(error) in REFUSED:
                raise SlackRefused(
                    f"Slack refuses EASEL_SLACK_APP_TOKEN ({code(error)}); make an app-level token with "
                    "connections:write (Basic Information page)."
                ) from error
            raise
        return str(answer["url"])

    async def _drop(self, handler: AsyncSocketModeHandler | None) -> None:
        if handler is None:
            return
        try:
            await asyncio.wait_for(handler.close_async(), 5)  # type: ignore[no-untyped-call]
        except (*FAILURES, RuntimeError) as error:
            # An old socket that cannot be closed is abandoned; whatever is wrong with it, a new one stands.
            log.info("an old slack socket could not be closed: %s", error)

    async def _noticed(self, client: Any, message: Json, _raw: str | None) -> None:
        if message.get("type") == "hello":
            self._greeted = client.current_session
        else:
            self._heard = _now()

    async def _watch(self) -> None:
        wait = self._patience.retry
        while True:
            await asyncio.sleep(self._patience.look)
            why = await self._trouble()
            if why is None:
                wait = self._patience.retry
                continue
            log.warning("%s; connecting anew", why)
            try:
                await self._replace()
            except (SlackRefused, *FAILURES) as error:
                self.problem = str(error) if isinstance(error, SlackRefused) else unreachable(error)
                log.warning("%s", self.problem)
                await asyncio.sleep(wait)
                wait = min(60.0, wait * 2)

    async def _trouble(self) -> str | None:
        """Why the connection must be replaced, or None."""
        assert self._handler is not None
        client, now = self._handler.client, _now()
        if client.current_session is not self._session:
            # The SDK has reconnected: the new session has to be greeted too.
            self._session, self._since, self._heard = client.current_session, now, now
        if not await client.is_connected():
            self.problem = "The Slack socket is not connected; it is being opened again."
            return "the Slack socket is dead" if now - self._since > self._patience.dead else None
        if self._greeted is not client.current_session:
            deaf = now - self._since > self._patience.hello
            self.problem = "The Slack socket is open but hears nothing." if deaf else self.problem
            return "the Slack socket is open but said no hello" if deaf else None
        self.problem = None
        if now - self._heard > self._patience.quiet:
            return "the Slack socket has been silent for long"
        return None


def unreachable(error: BaseException) -> str:
    """One sentence for Slack being away."""
    why = code(error) if isinstance(error, SlackApiError) else str(error) or type(error).__name__
    return f"Slack cannot be reached ({why}); it is tried again."


def _now() -> float:
    return asyncio.get_running_loop().time()
