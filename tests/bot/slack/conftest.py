"""A Slack service on the loopback peer, with handlers that record and a store that knows a few things."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from bot.chats.slack import ids
from bot.chats.slack.chat import SlackChat
from bot.chats.slack.config import Patience, SlackConfig
from bot.chats.slack.gateway.service import SlackService
from bot.chats.slack.outgoing.post import SlackPost
from handlers.access import Gate
from handlers.commands import COMMANDS
from handlers.errors import StoreError
from handlers.model import (
    Action,
    Answer,
    CommandCall,
    Incoming,
    Person,
    Picture,
    PicturePart,
    PictureState,
    Press,
    Role,
    Session,
    ThreadKey,
    Turn,
    TurnState,
    Vote,
    Whereabouts,
)
from handlers.ports import Chat, Handlers, Store
from imaging.model import Operation
from tests.peers.slack_peer import APP_TOKEN, BOT_TOKEN, TEAM, SlackPeer

SPECS = COMMANDS
FOX = PicturePart("slot1", 1, Operation.IMAGE, "a red fox")
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Recorder:
    """Handlers that write down what they were asked and answer as told."""

    received: list[Incoming] = field(default_factory=list)
    pressed: list[Press] = field(default_factory=list)
    called: list[CommandCall] = field(default_factory=list)
    votes: list[Vote] = field(default_factory=list)
    refused: str | None = None
    refuses: Callable[[Whereabouts, Person], str | None] | None = None
    gate: Gate | None = None
    asked: list[Whereabouts] = field(default_factory=list)
    resumed: int = 0
    answer: Answer = field(default_factory=lambda: Answer("Done."))
    on_receive: Callable[[Incoming], Awaitable[None]] | None = None
    on_press: Callable[[Press], Awaitable[None]] | None = None

    async def receive(self, incoming: Incoming) -> None:
        self.received.append(incoming)
        if self.on_receive is not None:
            await self.on_receive(incoming)

    async def press(self, press: Press) -> Answer:
        self.pressed.append(press)
        if self.on_press is not None:
            await self.on_press(press)
        return self.answer

    async def command(self, call: CommandCall) -> Answer:
        self.called.append(call)
        return self.answer

    async def vote(self, vote: Vote) -> None:
        self.votes.append(vote)

    async def refusal(self, where: Whereabouts, person: Person) -> str | None:
        self.asked.append(where)
        if self.gate is not None:
            return await self.gate.refusal(where, person)
        if self.refuses is not None:
            return self.refuses(where, person)
        return None if where.admin_act else self.refused

    async def resume(self, chat: Chat) -> None:
        self.resumed += 1


class FewThings:
    """The part of the store that a chat reads."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.pictures: dict[int, Picture] = {}
        self.stored: dict[str, Turn] = {}
        self.settings: dict[str, str] = {}
        self.broken = False
        self.asked = 0
        self.add_picture(1, "a red fox")

    def add_picture(self, number: int, description: str, *, thread: str = "1.1", turn: str = "turn-1") -> Picture:
        key = ThreadKey("slack", TEAM, "C1", thread)
        self.pictures[number] = Picture(
            key, number, Operation.IMAGE, (), description, None, "ab", "image/png", 8, 8, Person("U1", "Ada"), MOMENT,
            turn,
        )  # fmt: skip
        return self.pictures[number]

    def add_turn(self, id: str, thread: str, parts: tuple[Any, ...], post: str | None) -> None:
        key = ThreadKey("slack", TEAM, "C1", thread)
        self.stored[id] = Turn(
            id, key, 1, Role.ASSISTANT, None, "", MOMENT, TurnState.DONE, parts=parts, post=post, written=True
        )

    async def turns(self, thread: ThreadKey, *, limit: int | None = None) -> list[str]:
        self.asked += 1
        if self.broken:
            raise StoreError("The disk is full.")
        return ["a turn"] if thread.thread in self.known else []

    async def turn(self, turn: str) -> Turn | None:
        return self.stored.get(turn)

    async def picture(self, thread: ThreadKey, number: int) -> Picture | None:
        return self.pictures.get(number)

    async def picture_bytes(self, sha256: str) -> bytes:
        return b"bytes of " + sha256.encode()

    async def picture_of(self, sha256: str) -> Picture:
        """Whatever is asked for is there, with bytes that no decoder reads."""
        key = ThreadKey("slack", TEAM, "C1", "1.1")
        return Picture(
            key, 1, Operation.IMAGE, (), "", None, sha256, "image/png", 8, 8, Person("U1", "Ada"), MOMENT, ""
        )

    async def gallery(self, thread: ThreadKey, *, limit: int = 1000) -> list[Picture]:
        return [picture for picture in self.pictures.values() if picture.state is PictureState.READY]

    async def made_by(self, chat: str, tenant: str, person: Person, *, limit: int = 20) -> list[Picture]:
        return [picture for picture in self.pictures.values() if picture.person.id == person.id][:limit]

    async def session(self, thread: ThreadKey) -> Session:
        return Session(thread, (), None, 1, (), self.settings)

    async def threads(self, chat: str, tenant: str, *, limit: int = 100) -> list[Any]:
        raise AssertionError("what others do is shown to nobody")

    def delete(self, number: int) -> None:
        self.pictures[number] = replace(self.pictures[number], state=PictureState.DELETED)


class Memory:
    """`KeyValue` in a dictionary."""

    def __init__(self) -> None:
        self.data: dict[str, str] = {}

    async def get(self, key: str) -> str | None:
        return self.data.get(key)

    async def put(self, key: str, value: str) -> None:
        self.data[key] = value

    async def keep(self, key: str, value: str) -> None:
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
    build: Callable[..., SlackService]

    async def until(self, true: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait for our own side, which has no bell: give way to the loop until it holds."""

        async with asyncio.timeout(seconds):
            while not true():  # noqa: ASYNC110 — our own objects have no bell; the peer has one
                await asyncio.sleep(0.01)

    def open_entries(self) -> list[str]:
        """What is written down and not done yet."""
        return [key for key in self.memory.data if key.startswith("slack/inbox/")]

    async def mention(self, text: str = "<@UBOT> a fox", **more: Any) -> str:
        """A mention arrives and is handed over; returns its `ts`, the thread of the answer."""
        before = len(self.handlers.received)
        event = self.peer.said(text, **more)
        await self.peer.send_event(event | {"type": "app_mention"})
        await self.until(lambda: len(self.handlers.received) > before)
        return str(event.get("thread_ts") or event["ts"])

    def post(self, ts: str, *, turn: str = "turn-1", reference: str | None = None, fresh: bool = True) -> SlackPost:
        """The answer to the newest message; not `fresh`: as a restart takes it up."""
        key = ThreadKey("slack", TEAM, "C1", ts)
        person = self.handlers.received[-1].person if self.handlers.received else None
        incoming = Incoming("e", key, person, "hi") if fresh and person else None
        return self.service.chat.open_reply(turn, key, incoming, reference)

    async def restart(self) -> SlackService:
        """What was under way is dropped, and a new process begins over the same memory."""
        await self.service.stop()
        self.service = self.build()
        await self.service.start()
        return self.service


def slash(text: str, *, channel: str = "C1", user: str = "U1", trigger: str = "tr", url: str = "") -> dict[str, str]:
    """A slash command as Slack sends it."""
    return {
        "command": "/easel", "text": text, "team_id": TEAM, "user_id": user, "channel_id": channel,
        "trigger_id": trigger, "response_url": url,
    }  # fmt: skip


def click(action: Action, number: int, thread_ts: str | None, *, channel: str = "C1", stamp: str = "1.1") -> Any:
    """A button as Slack sends it."""
    container = {"type": "message", "channel_id": channel, "message_ts": "1700000000.000009"}
    container |= {"thread_ts": thread_ts} if thread_ts else {}
    button = {"type": "button", "action_id": ids.action_id(action, number), "action_ts": stamp, "block_id": "b"}
    return {
        "type": "block_actions", "team": {"id": TEAM}, "user": {"id": "U1"}, "trigger_id": f"tr{stamp}",
        "container": container, "channel": {"id": channel}, "actions": [button], "response_url": "",
    }  # fmt: skip


def submitted(view: Mapping[str, Any], values: Mapping[str, Any], *, id: str = "V1") -> dict[str, Any]:
    """A form as Slack sends it."""
    about = {"type": "view_submission", "team": {"id": TEAM}, "user": {"id": "U1"}}
    return about | {"view": {**view, "id": id, "hash": "h", "state": {"values": values}}}


def words_of(text: str) -> dict[str, Any]:
    """The state of a form's text field."""
    return {"value": {"type": "plain_text_input", "value": text}}


def answers_with_pictures(message: Mapping[str, Any]) -> list[str]:
    """The files that a message shows."""
    return [block["slack_file"]["id"] for block in message.get("blocks") or [] if block["type"] == "image"]


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
            edit_seconds=0.01,
            poll_seconds=0.03,
            patience=Patience(look=0.05, hello=1.0, dead=1.0, ping=1.0, retry=0.1),
        )

        def build(**changes: Any) -> SlackService:
            chat = SlackChat(
                replace(config, **changes), cast(Handlers, handlers), cast(Store, store), memory, SPECS,
                tmp_path / "slack.db",
            )  # fmt: skip
            return SlackService(chat)

        made = World(peer, build(), handlers, store, memory, build)
        await made.service.start()
        try:
            yield made
        finally:
            await made.service.stop()
