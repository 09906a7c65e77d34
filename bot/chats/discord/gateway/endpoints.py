"""Pointing discord.py at other addresses than Discord's: a proxy, or a peer in a test."""

from __future__ import annotations

from typing import Any

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.chats.discord.config import DiscordConfig


def point(client: discord.Client, config: DiscordConfig) -> None:
    """Use the configured addresses. The library holds the REST address in one place for all clients of a process."""
    Route.BASE = config.api_base.rstrip("/")
    if not config.gateway:
        return
    gateway = yarl.URL(config.gateway)
    DiscordWebSocket.DEFAULT_GATEWAY = gateway
    ask = client.http.get_bot_gateway

    async def answer() -> tuple[int, str, Any]:
        shards, _, limits = await ask()
        return shards, str(gateway), limits

    client.http.get_bot_gateway = answer  # type: ignore[method-assign]
