"""The chat in this process, connected to the peer by real sockets."""

from __future__ import annotations

import asyncio
from typing import Any

from bot.chats.discord.build import build_discord
from bot.chats.discord.chat import DiscordChat
from bot.chats.discord.config import DiscordConfig, InMemoryKeyValue
from handlers.model import PicturePart, Reply, ReplyPart, ThreadKey
from tests.bot.discord.fakes import SPECS, FakeHandlers, FakeStore, as_store, ready
from tests.peers.discord_peer import BOT, CHANNEL, TOKEN, DiscordPeer

MENTION = f"<@{BOT}>"


class Process:
    """What one process would hold; a second one over the same memory is a restart."""

    def __init__(self, peer: DiscordPeer, before: Process | None = None, **changes: Any) -> None:
        self.peer = peer
        self.store: FakeStore = before.store if before else FakeStore()
        self.memory: InMemoryKeyValue = before.memory if before else InMemoryKeyValue()
        self.handlers = FakeHandlers(self.store)
        self.handlers.changed = peer.changed
        quick: dict[str, Any] = {"edit_interval_s": 0, "retry_s": 0, "arriving_s": 0.05, "identify_s": 0}
        config = DiscordConfig(TOKEN, peer.api, peer.gateway, peer.cdn, **quick | changes)
        self.config = config
        self.chat = self.build(config)

    def build(self, config: DiscordConfig) -> DiscordChat:
        chat = build_discord(config, self.handlers, as_store(self.store), SPECS, self.memory)
        self.handlers.chat = chat
        return chat

    async def start(self) -> None:
        await self.chat.start()
        await self.peer.until(lambda: self.peer.identified >= self.peer.shards)
        await self.chat.client.wait_until_ready()

    async def done(self, name: str) -> None:
        """Wait until the chat's tasks of that name have ended."""
        await asyncio.gather(*(task for task in self.chat._tasks._running if task.get_name().startswith(name)))

    async def asked(self, text: str = "a red fox", channel: str = CHANNEL) -> ThreadKey:
        """Ann mentions the bot; the session that begins with it, with nothing said in it yet."""
        self.handlers.parts = ()
        before = len(self.handlers.received)
        await self.peer.say(f"{MENTION} {text}", channel)
        await self.peer.until(lambda: len(self.handlers.received) > before)
        return self.handlers.received[-1].thread

    def reply(self, turn: str, key: ThreadKey, *parts: ReplyPart, final: bool = False) -> Reply:
        return Reply(turn, key, parts, thinking=False, final=final)

    def picture(self, key: ThreadKey, number: int = 1, data: bytes | None = None) -> PicturePart:
        """A picture of that session that is ready."""
        return ready(number, self.store.add(key, number, "a red fox", data=data))
