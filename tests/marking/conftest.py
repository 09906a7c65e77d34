"""A desk that marks what leaves it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.marking import build
from bot.marking.marks import Marks
from bot.settings import Settings
from handlers.desk import Desk
from handlers.model import Attachment, Picture
from tests.fakes import THREAD, message
from tests.handlers.conftest import World


class Place(World):
    """The desk with marks as settings say."""

    def __init__(self, home: Path, **chosen: Any) -> None:
        super().__init__(home)
        self.chosen = chosen
        self.marks: Marks
        self.make_desk = self._marking_desk

    async def start(self) -> None:
        await super().start()
        settings = Settings(_env_file=None, home=self.home, **self.chosen)
        self.marks = await build.marks(settings, self.home, self.store)
        self.desk = self._marking_desk()

    async def stop(self) -> None:
        await super().stop()
        self.marks.close()

    def _marking_desk(self) -> Desk:
        marking = getattr(self, "marks", None)
        return Desk(self.store, self.model, self.pictures, {self.chat.name: self.chat}, self.limits, marking=marking)

    async def picture(self, number: int) -> Picture:
        found = await self.store.picture(THREAD, number)
        assert found is not None
        return found

    async def upload(self, text: str, data: bytes, *scripts: str) -> None:
        self.model.scripts.extend(scripts)
        await self.desk.receive(replace(message(text), attachments=(Attachment("cat.png", data),)))


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(tmp_path)
    await made.start()
    yield made
    await made.stop()
