"""A desk on fakes and a real store in a temporary folder, which can crash and come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.store.store import SqliteStore
from handlers.desk import Desk
from handlers.limits import Limits
from handlers.model import Person, Reply, ThreadKey
from handlers.quota_rules import read_rules
from tests.fakes import ANNA, THREAD, FakeChat, FakePictures, FolderFiles, Script, ScriptedModel, message


class World:
    """Everything that outlives a crash, and the desk that does not."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.files = FolderFiles(home / "pictures")
        self.chat = FakeChat()
        self.pictures = FakePictures()
        self.model = ScriptedModel()
        self.limits = Limits()
        self.store: SqliteStore
        self.desk: Desk
        self.make_desk = self._plain_desk

    def _plain_desk(self) -> Desk:
        return Desk(self.store, self.model, self.pictures, {self.chat.name: self.chat}, self.limits)

    async def start(self) -> None:
        self.store = await SqliteStore.open(self.home / "easel.db", self.files, busy_s=0.05)
        self.desk = self.make_desk()

    async def stop(self) -> None:
        await self.desk.close()
        await self.store.close()

    async def restart(self) -> None:
        """A new process on the same files: nothing in memory is left of the old one."""
        await self.stop()
        self.chat.opened.clear()
        await self.start()

    async def dies(self, *working: asyncio.Task[None]) -> None:
        """The process ends without a word; a new one begins on the same files."""
        old = self.store
        await self.desk.close()
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
        self.chat.opened.clear()
        await self.start()
        await old._thread.close()  # not of the store, which would write down that this was no death

    def tune(self, quotas: str = "", **limits: Any) -> None:
        self.limits = Limits(quotas=read_rules(quotas), **limits)
        self.desk = self.make_desk()

    async def say(
        self, text: str, *scripts: Script, event: str = "", person: Person = ANNA, thread: ThreadKey = THREAD
    ) -> Reply:
        """A message and the model's answers to it; returns what was posted."""
        self.model.scripts.extend(scripts)
        await self.desk.receive(message(text, event, person, thread))
        return self.chat.last


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.start()
    yield made
    await made.stop()
