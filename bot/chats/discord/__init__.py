"""Discord: threads as sessions, native components, nothing forgotten after a restart."""

from __future__ import annotations

from bot.chats.discord.build import build_discord
from bot.chats.discord.chat import DiscordChat, DiscordRefused
from bot.chats.discord.config import Access, AgeRestricted, DiscordConfig, InMemoryKeyValue, KeyValue

__all__ = [
    "Access",
    "AgeRestricted",
    "DiscordChat",
    "DiscordConfig",
    "DiscordRefused",
    "InMemoryKeyValue",
    "KeyValue",
    "build_discord",
]
