"""Putting the Discord chat together."""

from __future__ import annotations

from collections.abc import Sequence

from bot.chats.discord.chat import DiscordChat
from bot.chats.discord.config import DiscordConfig, InMemoryKeyValue, KeyValue
from handlers.marking import Unmarked
from handlers.model import CommandSpec
from handlers.ports import Handlers, Marking, Store


def build_discord(
    config: DiscordConfig,
    handlers: Handlers,
    store: Store,
    commands: Sequence[CommandSpec],
    memory: KeyValue | None = None,
    marking: Marking | None = None,
) -> DiscordChat:
    """A chat that is not connected yet: `await chat.start()`. Without `memory` it forgets at exit; without `marking`
    pictures go out as they are stored."""
    return DiscordChat(config, handlers, store, commands, memory or InMemoryKeyValue(), marking or Unmarked(store))
