"""A new chat platform is one package with its declaration and one row; doctor and `easel serve` follow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.newcomers.tree import Tree

SETTING = """
    pigeon_loft: str = _group("Pigeons", "Name of the loft; empty: no pigeons.", "")
"""
FILE = '''
"""Pigeons, declared."""

import asyncio
import os
import signal

import aiohttp
from aiohttp import web
from yarl import URL

from bot.platforms import Platform, Service, ids, with_direct
from handlers.access import Access
from handlers.model import CommandCall, Incoming, Person, ThreadKey, Whereabouts
from imaging.findings import ok


class PigeonChat:
    name = "pigeon"

    def open_reply(self, turn, thread, to, reference):
        raise NotImplementedError

    async def tell(self, thread, person, sentence):
        print("told", sentence, flush=True)

    async def answer(self, call, answer):
        print(call.thread.tenant, "is helped", flush=True)


class Pigeons(Service):
    def __init__(self, parts):
        self.parts = parts
        self._chat = PigeonChat()

    @property
    def chat(self):
        return self._chat

    @property
    def routes(self):
        return lambda server: server.router.add_get("/pigeon/coo", self.coo)

    async def coo(self, request):
        return web.Response(text="coo")

    async def start(self):
        self.task = asyncio.create_task(self.fly())

    async def fly(self):
        for loft in ("east", "west"):
            thread = ThreadKey("pigeon", loft, "roof", "1")
            anna = Person("anna", "Anna")
            if (refused := await self.parts.handlers.refusal(Whereabouts(thread), anna)) is not None:
                print(loft, "is refused", flush=True)
            else:
                await self.parts.handlers.receive(Incoming(loft, thread, anna, "/help"))
                yes = CommandCall("bye", thread, anna, "forget", {"confirm": "yes"})
                await self.parts.handlers.command(yes)
        while not (url := self.parts.home.running()):
            await asyncio.sleep(0.05)
        async with aiohttp.ClientSession(URL(url).with_user(None)) as client:
            async with client.get("/pigeon/coo") as answer:
                print("page says", await answer.text(), flush=True)
            async with client.get("/slack/events") as answer:
                print("Slack's path is", answer.status, flush=True)
        os.kill(os.getpid(), signal.SIGTERM)

    async def stop(self):
        await self.task

    async def problem(self):
        return None

    async def forget(self, person):
        print(person.name, "is forgotten", flush=True)


def access(settings):
    return with_direct(Access(allow_tenants=ids(settings.pigeon_loft)), "auto")


async def examine(settings):
    return [ok("pigeon", f"the loft {settings.pigeon_loft} is open")]


PIGEON = Platform("pigeon", lambda settings: bool(settings.pigeon_loft), Pigeons, examine, access)
'''
SCRIPT = """
import asyncio, json
from bot.app import others_come
from bot.doctor.doctor import examine
from bot.settings import load_settings
settings = load_settings(home=HOME, **HERE)
found = asyncio.run(examine(settings))
print(json.dumps([one.sentence for one in found if one.what == "pigeon"] + [others_come(settings)]))
"""


@pytest.mark.slow
def test_a_platform_is_one_package_and_one_row(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "easel")
    tree.add("bot/chats/pigeon/__init__.py", "")
    tree.add("bot/chats/pigeon/declaration.py", FILE)
    declared = "from bot.chats.discord.declaration import DISCORD\n"
    tree.after("bot/app.py", declared, "from bot.chats.pigeon.declaration import PIGEON\n")
    tree.after("bot/app.py", "    DISCORD,\n", "    PIGEON,\n")
    last = '    slack_api_base: str = _group("Slack", "Web API address.", "https://slack.com/api/")\n'
    tree.after("bot/settings.py", last, SETTING)
    files = {"bot/chats/pigeon/__init__.py", "bot/chats/pigeon/declaration.py", "bot/app.py", "bot/settings.py"}
    assert tree.touched == files

    nowhere = "http://127.0.0.1:9/v1"
    here: dict[str, Any] = {
        "pigeon_loft": "east",
        "engine": "openai",
        "llm_base_url": nowhere,
        "images_base_url": nowhere,
    }
    here["web_password"] = "long enough"
    served = tree.easel("serve", "--home", str(tmp_path / "home"), "--port", "0", **here)
    assert "(on: pigeon, web)" in served
    assert "east is helped" in served
    assert "Anna is forgotten" in served, "by the platform that keeps something of her"
    assert "west is refused" in served
    assert "page says coo" in served, "its own path is none of the page's lock"
    assert "Slack's path is 401" in served, "that of a platform which does not run is"

    script = SCRIPT.replace("HOME", repr(str(tmp_path / "home"))).replace("HERE", repr(here))
    assert json.loads(tree.run(script)) == ["the loft east is open", True]
