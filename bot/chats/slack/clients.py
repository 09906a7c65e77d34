"""Web API clients by workspace: one token, or many by OAuth with rotation."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from slack_sdk.http_retry.builtin_async_handlers import (
    AsyncConnectionErrorRetryHandler,
    AsyncRateLimitErrorRetryHandler,
)
from slack_sdk.oauth.installation_store.sqlite3 import SQLite3InstallationStore
from slack_sdk.oauth.token_rotation.async_rotator import AsyncTokenRotator
from slack_sdk.web.async_client import AsyncWebClient

from bot.chats.slack.config import SlackConfig
from handlers.ports import ChatUnavailable

log = logging.getLogger(__name__)

ROTATE_MINUTES = 120
"""A rotating token is renewed when it has less than this left (it lives for twelve hours)."""


def web_client(config: SlackConfig, token: str | None) -> AsyncWebClient:
    """A client that waits when Slack says 429 with Retry-After and retries a broken connection.

    `trust_env_in_session` stays off: a proxy variable must not see tokens by accident.
    """
    return AsyncWebClient(
        token=token,
        base_url=config.api_base,
        timeout=60,
        retry_handlers=[
            AsyncRateLimitErrorRetryHandler(max_retry_count=5),
            AsyncConnectionErrorRetryHandler(max_retry_count=2),
        ],
    )


class Installations(SQLite3InstallationStore):
    """slack_sdk's store, which lacks the asynchronous deletes that an uninstalled app needs."""

    async def async_delete_bot(self, *, enterprise_id: str | None, team_id: str | None) -> None:
        await asyncio.to_thread(self.delete_bot, enterprise_id=enterprise_id, team_id=team_id)

    async def async_delete_installation(
        self, *, enterprise_id: str | None, team_id: str | None, user_id: str | None = None
    ) -> None:
        await asyncio.to_thread(self.delete_installation, enterprise_id=enterprise_id, team_id=team_id, user_id=user_id)


class Clients:
    """The client of a workspace. Its token is looked up again each time an installation may have changed."""

    def __init__(self, config: SlackConfig, database: Path) -> None:
        self._config = config
        self._single = web_client(config, config.bot_token) if config.bot_token else None
        self.store = Installations(database=str(database), client_id=str(config.client_id)) if config.oauth else None
        self._rotation = asyncio.Lock()

    @property
    def default(self) -> AsyncWebClient | None:
        return self._single

    async def of(self, team: str) -> AsyncWebClient:
        """
        Raises:
            ChatUnavailable: the workspace has uninstalled the app.
        """
        if self._single is not None:
            return self._single
        return web_client(self._config, await self.token(team))

    async def token(self, team: str) -> str:
        """The bot token of a workspace, rotated when it is about to expire."""
        if self._single is not None:
            return str(self._single.token)
        if self.store is None:
            raise ChatUnavailable("No Slack workspace is connected.")
        async with self._rotation:
            bot = await self.store.async_find_bot(enterprise_id=None, team_id=team)
            if bot is None or not bot.bot_token:
                raise ChatUnavailable(f"The workspace {team} is not installed any more.")
            if bot.bot_refresh_token:
                rotator = AsyncTokenRotator(
                    client_id=str(self._config.client_id),
                    client_secret=str(self._config.client_secret),
                    client=web_client(self._config, None),
                )
                fresh = await rotator.perform_bot_token_rotation(bot=bot, minutes_before_expiration=ROTATE_MINUTES)
                if fresh is not None:
                    await self.store.async_save_bot(fresh)
                    bot = fresh
            return str(bot.bot_token)
