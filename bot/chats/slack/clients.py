"""Web API clients by workspace: one token, or many by OAuth with rotation."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from time import time

from slack_sdk.oauth.installation_store import Bot
from slack_sdk.oauth.installation_store.sqlite3 import SQLite3InstallationStore
from slack_sdk.oauth.token_rotation.async_rotator import AsyncTokenRotator
from slack_sdk.web.async_client import AsyncWebClient

from bot.chats.slack.config import SlackConfig
from bot.chats.slack.trouble import FAILURES, ConnectionHandler, RateLimitHandler
from handlers.ports import ChatUnavailable

log = logging.getLogger(__name__)

ROTATE_MINUTES = 120
"""A rotating token is renewed when it has less than this left (it lives for twelve hours)."""
ROTATE_AGAIN_S = 60.0
"""Before the next try after Slack did not renew a token."""


def web_client(config: SlackConfig, token: str | None, limits: RateLimitHandler | None = None) -> AsyncWebClient:
    """A client that waits when Slack says 429 with Retry-After, and retries a broken connection where that is safe."""
    return AsyncWebClient(
        token=token,
        base_url=config.api_base,
        timeout=60,
        retry_handlers=[limits or RateLimitHandler(), ConnectionHandler(max_retry_count=2)],
    )


class Installations(SQLite3InstallationStore):
    """slack_sdk's store. A workspace is found by its own id, also where it belongs to an organisation (Enterprise
    Grid): events name the organisation, our thread keys do not."""

    def connect(self) -> sqlite3.Connection:
        """Tokens that were rotated away or taken back are overwritten on the disk."""
        connection = super().connect()
        connection.execute("PRAGMA secure_delete = ON")
        return connection

    def find_team(self, team: str) -> Bot | None:
        with closing(self.connect()) as connection:
            row = connection.execute(
                "SELECT enterprise_id FROM slack_bots WHERE client_id = ? AND team_id = ? "
                "ORDER BY installed_at DESC, id DESC LIMIT 1",
                (self.client_id, team),
            ).fetchone()
        return None if row is None else self.find_bot(enterprise_id=row[0] or None, team_id=team)

    def save_bot(self, bot: Bot) -> None:
        """The newest token only: what was rotated away is of no use to anybody but a thief."""
        super().save_bot(bot)
        with closing(self.connect()) as connection, connection:
            connection.execute(
                "DELETE FROM slack_bots WHERE client_id = ? AND team_id = ? AND id < "
                "(SELECT max(id) FROM slack_bots WHERE client_id = ? AND team_id = ?)",
                (self.client_id, bot.team_id or "") * 2,
            )

    def forget_team(self, team: str) -> None:
        """Every token of a workspace, whoever installed it."""
        with closing(self.connect()) as connection, connection:
            for table in ("slack_bots", "slack_installations"):
                connection.execute(
                    f"DELETE FROM {table} WHERE client_id = ? AND team_id = ?",
                    (self.client_id, team),
                )

    def teams(self) -> list[str]:
        with closing(self.connect()) as connection:
            found = connection.execute(
                "SELECT DISTINCT team_id FROM slack_bots WHERE client_id = ? ORDER BY team_id", (self.client_id,)
            )
            return [str(row[0]) for row in found if row[0]]


class Clients:
    """The client of a workspace. A token is read from the installation store once and kept until it must be
    rotated or the workspace leaves; many events at once never rotate it twice."""

    def __init__(self, config: SlackConfig, database: Path) -> None:
        self._config = config
        self._limits: dict[str, RateLimitHandler] = {}
        self._single = web_client(config, config.bot_token, self._limit("")) if config.bot_token else None
        self.store = Installations(database=str(database), client_id=str(config.client_id)) if config.oauth else None
        self._bots: dict[str, Bot] = {}
        self._rotation = asyncio.Lock()
        self._not_before: dict[str, float] = {}
        self._answers: dict[str, int] = {}

    @property
    def default(self) -> AsyncWebClient | None:
        return None if self.store is not None else self._single

    async def of(self, team: str) -> AsyncWebClient:
        """
        Raises:
            ChatUnavailable: the workspace has uninstalled the app.
        """
        if self.store is None and self._single is not None:
            return self._single
        return web_client(self._config, await self.token(team), self._limit(team))

    async def token(self, team: str) -> str:
        """The bot token of a workspace, rotated when it is about to expire.

        Raises:
            ChatUnavailable: the workspace has uninstalled the app.
        """
        if self.store is None:
            if self._single is None:
                raise ChatUnavailable("no Slack workspace is connected")
            return str(self._single.token)
        return str((await self.bot(team)).bot_token)

    async def bot(self, team: str) -> Bot:
        """The installation of a workspace.

        Raises:
            ChatUnavailable: there is none (any more).
        """
        assert self.store is not None
        bot = self._bots.get(team)
        if bot is None or _expires(bot):
            async with self._rotation:
                bot = self._bots.get(team) or await asyncio.to_thread(self.store.find_team, team)
                if bot is None or not bot.bot_token:
                    raise ChatUnavailable("the app is not installed in this workspace any more")
                if _expires(bot):
                    bot = await self._rotated(bot)
                self._bots[team] = bot
        return bot

    async def _rotated(self, bot: Bot) -> Bot:
        """A token with hours to live; the old one when Slack does not renew it just now and it still works."""
        assert self.store is not None
        team = str(bot.team_id)
        if time() < self._not_before.get(team, 0.0):
            return bot
        rotator = AsyncTokenRotator(
            client_id=str(self._config.client_id),
            client_secret=str(self._config.client_secret),
            client=web_client(self._config, None),
        )
        try:
            fresh = await rotator.perform_bot_token_rotation(bot=bot, minutes_before_expiration=ROTATE_MINUTES)
        except FAILURES as error:
            log.error("the token of workspace %s could not be rotated: %s", team, error)
            if (bot.bot_token_expires_at or 0) <= time():
                raise ChatUnavailable("Slack does not renew the app's token; install the app again") from error
            self._not_before[team] = time() + ROTATE_AGAIN_S
            return bot
        if fresh is None:
            return bot
        # Stored before it is used: the old refresh token is spent, and a crash must not lose the new one.
        await asyncio.to_thread(self.store.save_bot, fresh)
        log.info("the token of workspace %s was rotated", bot.team_id)
        return fresh

    async def forget(self, team: str) -> None:
        """The workspace removed the app, or revoked its token."""
        self._bots.pop(team, None)
        if self.store is not None:
            await asyncio.to_thread(self.store.forget_team, team)

    def installed(self, team: str) -> None:
        """There is a new installation; what is remembered of an older one no longer holds."""
        self._bots.pop(team, None)

    def teams(self) -> list[str]:
        """Workspaces that installed the app; unknown (empty) with a single token."""
        return [] if self.store is None else self.store.teams()

    # The pace of a workspace

    def _limit(self, team: str) -> RateLimitHandler:
        return self._limits.setdefault(team, RateLimitHandler())

    def closed_s(self, team: str, method: str) -> float:
        """How long Slack has asked not to call a method, in seconds."""
        return self._limit(team if self.store is not None else "").wait_s(method)

    def begin_answer(self, team: str) -> None:
        self._answers[team] = self._answers.get(team, 0) + 1

    def end_answer(self, team: str) -> None:
        self._answers[team] -= 1
        if not self._answers[team]:
            del self._answers[team]

    def pace_s(self, team: str, alone_s: float) -> float:
        """Between two updates of one answer: the rate limit is the workspace's, so its answers share it."""
        return alone_s * max(1, self._answers.get(team, 0))


def _expires(bot: Bot) -> bool:
    if not bot.bot_refresh_token or bot.bot_token_expires_at is None:
        return False
    return bot.bot_token_expires_at <= time() + ROTATE_MINUTES * 60


def installed_teams(database: Path, client_id: str) -> list[Bot]:
    """What `easel doctor` looks at; empty when nobody has installed the app."""
    if not database.exists():
        return []
    store = Installations(database=str(database), client_id=client_id)
    try:
        return [bot for team in store.teams() if (bot := store.find_team(team)) is not None]
    except sqlite3.Error:
        return []
