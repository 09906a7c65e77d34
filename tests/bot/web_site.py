"""A running page for tests: a real socket, a real store, the desk on fakes of the model and the picture side."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from bot.chats.web.address import WebAddress
from bot.chats.web.chat import WebChat
from bot.chats.web.residents import ProxyLogin
from bot.chats.web.service import About, WebService
from bot.marking.build import marks
from bot.measured import MeasuredHandlers, MeasuredLanguageModel
from bot.memory import Memory
from bot.metrics import Metrics
from bot.people import People
from bot.readiness import Readiness
from bot.settings import Login, Settings
from bot.store.store import SqliteStore
from handlers.desk import Desk
from handlers.limits import Limits
from handlers.model import Person, ThreadKey
from handlers.sharing import SharePolicy
from tests.fakes import FakePictures, FolderFiles, ScriptedModel

THREAD = "thread-0001"
NAMES = frozenset({"easel.example"})


class Site:
    """A running page and a browser's session on it."""

    def __init__(self, home: Path, password: str = "", **address: Any) -> None:
        self.home = home
        self.address = WebAddress("127.0.0.1", 0, password, **address)
        self.model = ScriptedModel()
        self.pictures = FakePictures()
        self.metrics = Metrics()
        self.problems: list[str] = []
        self.password = password
        self.memory: Memory | None = None
        self.people: People | None = None
        self.limits = Limits()
        self.share_days = 0
        self.max_upload_bytes = 200_000
        self.proxy_login = ProxyLogin("Remote-User", frozenset({"root"}), frozenset({"mod"}))

    async def start(self) -> None:
        self.store = await SqliteStore.open(self.home / "easel.db", FolderFiles(self.home / "pictures"))
        if self.address.login is not Login.NONE or await asyncio.to_thread((self.home / "people.db").exists):
            self.people = await People.open(self.home / "people.db")
        self.marking = await marks(Settings(_env_file=None, home=self.home), self.home, self.store)
        self.chat = WebChat(
            self.store,
            self.address,
            marking=self.marking,
            memory=self.memory,
            people=self.people,
            proxy_login=self.proxy_login,
            audit=self.store,
        )
        model = MeasuredLanguageModel(self.model, self.metrics)
        self.desk = Desk(
            self.store,
            model,
            self.pictures,
            {"web": self.chat},
            self.limits,
            also_forget=(self.forget_member,),
            marking=self.marking,
            sharing=SharePolicy(self.share_days, lambda chat: self.page.url.rstrip("/")),
        )
        self.page = WebService(
            self.chat,
            MeasuredHandlers(self.desk, self.metrics),
            self.address,
            max_upload_bytes=self.max_upload_bytes,
            readiness=self.readiness,
            metrics=self.metrics.text,
            about=About(("An honest line.",), ("an idea",), ("square", "wide", "tall"), self.share_days),
        )
        await self.page.start()
        jar = aiohttp.CookieJar(unsafe=True)
        self.browser = aiohttp.ClientSession(self.page.url, cookie_jar=jar, headers={"X-Easel": "1"})

    async def forget_member(self, thread: ThreadKey, person: Person, threads: Sequence[str]) -> None:
        await self.page.forget(person)

    async def readiness(self) -> Readiness:
        return Readiness(tuple(self.problems))

    async def stop(self) -> None:
        await self.browser.close()
        await self.page.stop()
        await self.desk.close()
        await self.store.close()
        self.marking.close()
        if self.people is not None:
            await self.people.close()

    async def get(self, path: str, **options: Any) -> tuple[int, bytes, Any]:
        async with self.browser.get(path, **options) as answer:
            return answer.status, await answer.read(), answer.headers

    async def say(self, text: str, *files: tuple[str, bytes], thread: str = THREAD, **fields: str) -> int:
        form = aiohttp.FormData(default_to_multipart=True)
        form.add_field("text", text)
        for name, value in fields.items():
            form.add_field(name, value)
        for name, data in files:
            form.add_field("file", data, filename=name, content_type="image/png")
        async with self.browser.post(f"/api/threads/{thread}/messages", data=form) as answer:
            return answer.status

    async def press(self, action: str, **details: Any) -> tuple[int, Any]:
        address = f"/api/threads/{THREAD}/press"
        async with self.browser.post(address, json={"action": action, **details}) as answer:
            return answer.status, await answer.json() if answer.status == 200 else await answer.text()

    async def follow(self, thread: str = THREAD, **headers: str) -> AsyncIterator[dict[str, Any]]:
        async with self.browser.get(f"/api/threads/{thread}/events", headers=headers) as answer:
            assert answer.content_type == "text/event-stream"
            async for line in answer.content:
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])

    async def answered(self, **headers: str) -> dict[str, Any]:
        """The next answer that is finished."""
        async with asyncio.timeout(20):
            async for message in self.follow(**headers):
                turns = [message["turn"]] if message["type"] == "reply" else message.get("turns", [])
                for turn in turns:
                    if turn["role"] == "assistant" and turn["final"] and turn["parts"]:
                        return turn
        raise AssertionError("the stream ended")
