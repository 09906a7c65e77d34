"""Putting the Discord chat together."""

from __future__ import annotations

from collections.abc import Sequence

from bot.chats.discord.chat import DiscordChat
from bot.chats.discord.config import DiscordConfig, InMemoryKeyValue, KeyValue, Shrink
from handlers.model import CommandSpec
from handlers.ports import Handlers, Store
from imaging.outputs import shrink_to


def build_discord(
    config: DiscordConfig,
    handlers: Handlers,
    store: Store,
    commands: Sequence[CommandSpec],
    memory: KeyValue | None = None,
    shrink: Shrink = shrink_to,
) -> DiscordChat:
    """A chat that is not connected yet: `await chat.start()`. Without `memory` it forgets at exit."""
    return DiscordChat(config, handlers, store, commands, memory or InMemoryKeyValue(), shrink)
