"""Fakes of the handlers and the store, as far as a chat sees them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from handlers.access import Access, Gate
from handlers.commands import COMMANDS
from handlers.errors import PictureGone, StoreError
from handlers.model import (
    Action,
    Answer,
    CommandCall,
    CommandSpec,
    Incoming,
    Option,
    OptionKind,
    Person,
    Picture,
    PicturePart,
    PictureState,
    Press,
    Reply,
    ReplyPart,
    Role,
    SlotState,
    TextPart,
    ThreadKey,
    Turn,
    Vote,
    Whereabouts,
)
from handlers.ports import Chat, ChatUnavailable, Store
from imaging.model import Operation
from tests.fakes import png

SPECS = (
    *COMMANDS,
    # Rows of kinds that the table has none of yet.
    CommandSpec("credit", "What somebody used", (Option("person", "Of whom", OptionKind.PERSON),)),
    CommandSpec(
        "paint",
        "With what",
        (Option("colour", "Which", OptionKind.CHOICE, choices=tuple(f"colour-{n}" for n in range(40))),),
        admin_only=True,
    ),
)


class FakeStore:
    """Pictures and turns of a test; only what a chat reads."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.pictures: dict[tuple[str, int], Picture] = {}
        self.turns_: dict[str, Turn] = {}
        self.open: list[Turn] = []
        self.known: list[ThreadKey] = []
        """Threads with a session."""
        self.stuck = False
        self.broken = False

    def add(self, thread: ThreadKey, number: int, description: str, turn: str = "t", data: bytes | None = None) -> str:
        data = png(number) if data is None else data
        sha = hashlib.sha256(data).hexdigest()
        self.files[sha] = data
        self.pictures[str(thread), number] = Picture(
            thread, number, Operation.IMAGE, (), description, None, sha, "image/png", 16, 16,
            Person("1", "Ann"), datetime(2026, 1, 1, tzinfo=UTC), turn,
        )  # fmt: skip
        return sha

    async def _wait(self) -> None:
        if self.stuck:
            await asyncio.sleep(3600)
        if self.broken:
            raise StoreError("The disk is full.")

    async def chosen(self, scope: str) -> dict[str, str]:
        return {}

    async def picture(self, thread: ThreadKey, number: int) -> Picture | None:
        await self._wait()
        return self.pictures.get((str(thread), number))

    async def picture_bytes(self, sha256: str) -> bytes:
        await self._wait()
        if sha256 not in self.files:
            raise PictureGone("The picture's file is gone from the disk; ask for the picture again.")
        return self.files[sha256]

    async def picture_of(self, sha256: str) -> Picture | None:
        await self._wait()
        return next((one for one in self.pictures.values() if one.sha256 == sha256), None)

    async def gallery(self, thread: ThreadKey, *, limit: int = 1000) -> Sequence[Picture]:
        await self._wait()
        found = [p for (key, _), p in self.pictures.items() if key == str(thread)]
        return [p for p in found if p.state is PictureState.READY][:limit]

    async def threads(self, chat: str, tenant: str, *, limit: int = 100) -> Sequence[Any]:
        await self._wait()
        return [SimpleNamespace(key=key) for key in self.known if (key.chat, key.tenant) == (chat, tenant)][:limit]

    async def open_turns(self) -> Sequence[Turn]:
        return self.open

    async def turn(self, turn: str) -> Turn | None:
        return self.turns_.get(turn)


class FakeHandlers:
    """Records what came and answers as the test says."""

    def __init__(self, store: FakeStore) -> None:
        self.store = store
        self.received: list[Incoming] = []
        self.pressed: list[Press] = []
        self.called: list[CommandCall] = []
        self.votes: list[Vote] = []
        self.access = Access()
        self.asked: list[Whereabouts] = []
        self.resumed = 0
        self.answer = Answer("Noted.")
        self.parts: tuple[ReplyPart, ...] = (TextPart("Here you are."),)
        self.chat: Chat | None = None
        self.gone: list[str] = []
        self.changed: Callable[[], None] = lambda: None
        """Called when something came."""
        self.hold: asyncio.Event | None = None
        """Answers wait for it."""
        self.command_takes_s = 0.0
        self.refusal_late = False

    async def receive(self, incoming: Incoming) -> None:
        self.received.append(incoming)
        self.changed()
        if self.hold is not None:
            await self.hold.wait()
        if self.chat is not None and self.parts:
            await self.reply(f"turn-{incoming.event}", incoming.thread, self.parts, incoming)

    async def reply(
        self, turn: str, thread: ThreadKey, parts: Sequence[ReplyPart], to: Incoming | None = None
    ) -> str | None:
        assert self.chat is not None
        post = self.chat.open_reply(turn, thread, to, None)
        post.show(Reply(turn, thread))
        try:
            reference = await post.finish(Reply(turn, thread, tuple(parts), thinking=False, final=True))
        except ChatUnavailable as error:
            self.gone.append(str(error))
            return None
        self.store.turns_[turn] = Turn(
            turn, thread, 1, Role.ASSISTANT, None, "", datetime(2026, 1, 1, tzinfo=UTC), parts=tuple(parts),
            post=reference,
        )  # fmt: skip
        return reference

    async def rename(self, thread: ThreadKey, person: Person, title: str) -> Answer:
        return self.answer

    async def delete_thread(self, thread: ThreadKey, person: Person) -> Answer:
        return self.answer

    async def press(self, press: Press) -> Answer:
        self.pressed.append(press)
        self.changed()
        if press.action is Action.DELETE and press.picture is not None:
            place = str(press.thread), press.picture
            self.store.pictures[place] = replace(self.store.pictures[place], state=PictureState.DELETED)
        return self.answer

    async def command(self, call: CommandCall) -> Answer:
        self.called.append(call)
        self.changed()
        answer = self.answer
        if self.command_takes_s:
            await asyncio.sleep(self.command_takes_s)
        return answer

    async def vote(self, vote: Vote) -> None:
        self.votes.append(vote)
        self.changed()

    async def refusal(self, where: Whereabouts, person: Person) -> str | None:
        if self.refusal_late:
            raise TimeoutError  # as the chat's own watch would
        self.asked.append(where)
        chats = {} if self.chat is None else {"discord": self.chat}
        return await Gate(as_store(self.store), {"discord": self.access}, chats).refusal(where, person)

    async def resume(self, chat: Chat) -> None:
        self.resumed += 1
        self.changed()


def as_store(store: FakeStore) -> Store:
    return cast(Any, store)


def picture(number: int, description: str = "a red fox", **fields: Any) -> PicturePart:
    """A placeholder unless told otherwise."""
    return PicturePart(f"slot-{number}", number, Operation.IMAGE, description, **fields)


def ready(number: int, sha256: str, description: str = "a red fox", **fields: Any) -> PicturePart:
    return picture(number, description, state=SlotState.READY, sha256=sha256, **fields)
