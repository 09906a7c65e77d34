"""Discord: threads as sessions, native components, nothing forgotten after a restart."""

from __future__ import annotations

from bot.chats.discord.build import build_discord
from bot.chats.discord.chat import DiscordChat
from bot.chats.discord.config import DiscordConfig, InMemoryKeyValue, KeyValue
from bot.chats.discord.connection import DiscordRefused

__all__ = [
    "DiscordChat",
    "DiscordConfig",
    "DiscordRefused",
    "InMemoryKeyValue",
    "KeyValue",
    "build_discord",
]
