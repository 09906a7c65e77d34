"""Logging in, staying connected, and leaving: one client after the other, until told to stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import discord

from bot.chats import ChatNotStarted
from bot.chats.discord.config import DiscordConfig
from bot.chats.discord.gateway.client import EaselClient
from bot.chats.discord.gateway.endpoints import point
from bot.chats.discord.health import NO_INTENT
from bot.chats.discord.outgoing.pace import Pace
from bot.chats.discord.trouble import FAILURES
from imaging.tasks import Tasks

log = logging.getLogger(__name__)
BAD_TOKEN = 4004
"""With this code the gateway closes when a token was revoked while the bot ran."""
AGAIN_S = 0.5


class DiscordRefused(ChatNotStarted):
    """Discord will not let the bot in; `str(error)` is the sentence for whoever runs it."""


class Connection:
    """`make` builds a client that is wired but not connected, with the message content intent or without."""

    def __init__(self, config: DiscordConfig, make: Callable[[bool], EaselClient]) -> None:
        self._config = config
        self._make = make
        self.pace = Pace(config.requests_per_s)
        self._message_content = config.message_content
        self.client = make(self._message_content)
        self.problem: str | None = None
        self._tasks = Tasks(self._failed)
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Log in and go on in the background; an unreachable Discord is tried again.

        Raises:
            DiscordRefused: the token is wrong.
        """
        self._prepare()
        try:
            await self.client.login(self._config.token)
        except discord.LoginFailure:
            await self.client.close()
            raise DiscordRefused(
                "Discord refuses the token: copy it again from the developer portal (Bot, Reset Token) into "
                "EASEL_DISCORD_TOKEN."
            ) from None
        except FAILURES as error:
            self._unreachable(error)
        self._task = self._tasks.spawn(self._run(), "discord connection")

    async def ended(self) -> None:
        """Wait until it has given up, or was stopped."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def stop(self) -> None:
        self._stopping = True
        await self.client.close()
        while self._task is not None and not self._task.done():
            # discord.py swallows a cancellation that comes while a shard logs in again.
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=AGAIN_S)

    def _failed(self, _: BaseException) -> None:
        self.problem = "The connection to Discord has failed; restart the program."

    def _prepare(self) -> None:
        point(self.client, self._config)
        self.pace.hold(self.client)

    async def _broke(self) -> None:
        """In a way that nobody foresaw: the next client may do better."""
        self.problem = "The connection to Discord has failed; it is being opened again."
        log.exception("%s", self.problem)
        await self.client.close()

    def _unreachable(self, error: BaseException) -> None:
        self.problem = f"Discord cannot be reached: {error}"
        log.warning("%s", self.problem)

    async def _run(self) -> None:
        while not self._stopping:
            try:
                if self.client.is_closed() or self.client.application_id is None:
                    # A client that was closed cannot be used again.
                    await self.client.close()
                    self.client = self._make(self._message_content)
                    self._prepare()
                    await self.client.login(self._config.token)
                await self.client.connect(reconnect=True)
            except discord.PrivilegedIntentsRequired:
                log.warning("%s", NO_INTENT)
                self._message_content = False
                await self.client.close()
                continue
            except FAILURES as error:
                if isinstance(error, discord.LoginFailure) or getattr(error, "code", None) == BAD_TOKEN:
                    self.problem = "Discord refuses the token; copy it again into EASEL_DISCORD_TOKEN and start again."
                    log.error("%s", self.problem)
                    return
                self._unreachable(error)
            except Exception:  # noqa: BLE001 - nothing may leave the bot deaf until a restart
                await self._broke()
            await asyncio.sleep(self._config.reconnect_s)
