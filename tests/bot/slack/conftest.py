"""A Slack service on the loopback peer, with handlers that record and a store that knows two threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from bot.chats.slack.chat import SlackChat
from bot.chats.slack.config import SlackConfig
from bot.chats.slack.listen import SlackService
from handlers.model import (
    Answer,
    CommandCall,
    CommandSpec,
    Incoming,
    Option,
    Person,
    Picture,
    Press,
    ThreadKey,
    Vote,
    Whereabouts,
)
from handlers.ports import Chat, Handlers, Store
from imaging.model import Operation
from tests.peers.slack_peer import APP_TOKEN, BOT_TOKEN, SlackPeer

SPECS = (
    CommandSpec("imagine", "Draw", (Option("text", "What", required=True),), opens_thread=True),
    CommandSpec("usage", "My quota"),
    CommandSpec("help", "Help"),
)


@dataclass
class Recorder:
    """Handlers that write down what they were asked and answer as told."""

    received: list[Incoming] = field(default_factory=list)
    pressed: list[Press] = field(default_factory=list)
    called: list[CommandCall] = field(default_factory=list)
    votes: list[Vote] = field(default_factory=list)
    refused: str | None = None
    resumed: int = 0
    answer: Answer = field(default_factory=lambda: Answer("Done."))
    on_receive: Callable[[Incoming], Awaitable[None]] | None = None

    async def receive(self, incoming: Incoming) -> None:
        self.received.append(incoming)
        if self.on_receive is not None:
            await self.on_receive(incoming)

    async def press(self, press: Press) -> Answer:
        self.pressed.append(press)
        return self.answer

    async def command(self, call: CommandCall) -> Answer:
        self.called.append(call)
        return self.answer

    async def vote(self, vote: Vote) -> None:
        self.votes.append(vote)

    async def refusal(self, where: Whereabouts, person: Person) -> str | None:
        return self.refused

    async def resume(self, chat: Chat) -> None:
        self.resumed += 1


class FewThings:
    """The part of the store that a chat reads."""

    def __init__(self) -> None:
        self.known: set[str] = set()

    async def turns(self, thread: ThreadKey, *, limit: int | None = None) -> list[str]:
        return ["a turn"] if thread.thread in self.known else []

    async def picture(self, thread: ThreadKey, number: int) -> Picture | None:
        if number != 1:
            return None
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        ada = Person("U1", "Ada")
        return Picture(thread, 1, Operation.IMAGE, (), "a red fox", None, "ab", "image/png", 8, 8, ada, moment, "t")

    async def picture_bytes(self, sha256: str) -> bytes:
        return b"bytes of " + sha256.encode()

    async def threads(self, chat: str, tenant: str, *, limit: int = 100) -> list[Any]:
        return []


class Memory:
    """`KeyValue` in a dictionary."""

    def __init__(self) -> None:
        self.data: dict[str, str] = {}

    async def get(self, key: str) -> str | None:
        return self.data.get(key)

    async def put(self, key: str, value: str) -> None:
        self.data[key] = value

    async def delete(self, key: str) -> None:
        self.data.pop(key, None)

    async def items(self, prefix: str) -> list[tuple[str, str]]:
        return sorted((k, v) for k, v in self.data.items() if k.startswith(prefix))


@dataclass
class World:
    peer: SlackPeer
    service: SlackService
    handlers: Recorder
    store: FewThings
    memory: Memory
    build: Callable[[], SlackService]

    async def until(self, true: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait for our own side, which has no bell: give way to the loop until it holds."""

        async with asyncio.timeout(seconds):
            while not true():  # noqa: ASYNC110 — our own objects have no bell; the peer has one
                await asyncio.sleep(0.01)


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with SlackPeer() as peer:
        handlers, store, memory = Recorder(), FewThings(), Memory()
        config = SlackConfig(
            bot_token=BOT_TOKEN,
            app_token=APP_TOKEN,
            api_base=peer.api_base,
            file_hosts=("127.0.0.1",),
            edit_seconds=0.01,
        )

        def build() -> SlackService:
            chat = SlackChat(config, cast(Handlers, handlers), cast(Store, store), memory, SPECS, tmp_path / "slack.db")
            return SlackService(chat)

        service = build()
        await service.start()
        try:
            yield World(peer, service, handlers, store, memory, build)
        finally:
            await service.stop()
