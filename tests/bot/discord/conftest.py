"""A Discord without a network: discord.py's real machinery against simcord's backend."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import discord
import pytest

from bot.chats.discord.build import build_discord
from bot.chats.discord.chat import DiscordChat
from bot.chats.discord.config import DiscordConfig, InMemoryKeyValue
from tests.bot.discord.fakes import SPECS, FakeHandlers, FakeStore, as_store
from tests.bot.discord.wire import Process
from tests.peers.discord_peer import DiscordPeer


@dataclass
class World:
    """One server with one channel, Ann in it, and the chat connected."""

    env: Any
    chat: DiscordChat
    handlers: FakeHandlers
    store: FakeStore
    memory: InMemoryKeyValue
    guild: Any = None
    channel: Any = None
    ann: Any = None
    bea: Any = None
    boss: Any = None

    @property
    def me(self) -> str:
        user = self.chat.client.user
        assert user is not None
        return user.mention

    def thread(self) -> Any:
        return self.channel.threads[-1]

    async def begin(self, text: str = "a red fox") -> Any:
        """Ann mentions the bot; the thread that it opens."""
        await self.ann.send(self.channel, f"{self.me} {text}")
        return self.thread()

    def chat_again(self, config: DiscordConfig | None = None) -> DiscordChat:
        """A new process over the same memory."""
        chat = build_discord(config or CONFIG, self.handlers, as_store(self.store), SPECS, self.memory)
        self.chat = self.handlers.chat = chat
        return chat


CONFIG = DiscordConfig(token="token", shard_count=1)


@pytest.fixture
def config() -> DiscordConfig:
    return CONFIG


@pytest.fixture
def chat(config: DiscordConfig) -> DiscordChat:
    store = FakeStore()
    handlers = FakeHandlers(store)
    made = build_discord(config, handlers, as_store(store), SPECS, InMemoryKeyValue())
    handlers.chat = made
    return made


@pytest.fixture
def simcord_bot(chat: DiscordChat) -> discord.Client:
    return chat.client


@pytest.fixture
def world(simcord_env: Any, chat: DiscordChat) -> World:
    handlers: Any = chat._handlers
    memory: Any = chat._memory
    made = World(simcord_env, chat, handlers, handlers.store, memory)
    made.guild = simcord_env.create_guild("Studio")
    made.channel = made.guild.create_text_channel("ideas")
    role = made.guild.create_role("Mods", permissions=discord.Permissions(manage_messages=True))
    made.ann = made.guild.add_member(simcord_env.create_user("ann", global_name="Ann"))
    made.bea = made.guild.add_member(simcord_env.create_user("bea", global_name="Bea"), roles=[role])
    return made


# Over real sockets


@pytest.fixture
async def peer() -> AsyncIterator[DiscordPeer]:
    made = DiscordPeer()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def process(peer: DiscordPeer) -> AsyncIterator[Process]:
    made = Process(peer)
    await made.start()
    yield made
    await made.chat.stop()
