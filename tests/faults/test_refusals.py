"""The real program while its disk is full or its database is locked: people are told, and nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sqlite3
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.faults.check import words_of
from tests.faults.easel import Easel
from tests.peers.discord_peer import BOT, TOKEN, DiscordPeer, Json
from tests.peers.openai_peer import OpenAIPeer, Reply
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PATIENCE_S = 90.0
SMALL_DISK = ("unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=8m tmpfs "$EASEL_HOME" && exec "$@"', "sh")
"""Runs what follows with a home of its own on 8 MiB of memory."""


def private_disks() -> bool:
    """Whether this machine lets us mount a disk of our own."""
    probe = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/tmp"]
    return shutil.which("unshare") is not None and subprocess.run(probe, capture_output=True).returncode == 0


class Town:
    """One program, and the people and peers around it."""

    def __init__(self, discord: DiscordPeer, models: OpenAIPeer, easel: Easel) -> None:
        self.discord = discord
        self.models = models
        self.easel = easel

    @property
    def home(self) -> Path:
        """The home as the program sees it, where it has a disk of its own."""
        return Path(f"/proc/{self.easel.pid}/root{self.easel.home}")

    async def start(self) -> None:
        before = self.discord.identified
        await self.easel.start()
        await self.discord.until(lambda: self.discord.identified > before, PATIENCE_S)
        await until(lambda: "http" in (self.home / "easel.lock").read_text(), PATIENCE_S)

    async def ask(self, name: str, thread: str | None = None) -> Json:
        """Ask for a picture; the model will say so and draw one."""
        self.models.replies.append(Reply((f"Here is {name}: ", f"<image> {name} </image>", " Do you like it?")))
        text = f"draw {name}"
        return await self.discord.say(text if thread else f"<@{BOT}> {text}", **({"channel": thread} if thread else {}))

    def told(self, thread: str) -> str:
        return "\n".join(map(words_of, self.discord.said(thread)))

    def files(self, thread: str) -> list[Any]:
        return [file for message in self.discord.said(thread) for file in message["attachments"]]

    async def drawn(self, thread: str, pictures: int) -> None:
        await self.discord.until(
            lambda: len(self.files(thread)) == pictures and "e1:stop" not in self.told(thread), PATIENCE_S
        )

    async def ready(self) -> tuple[int, str]:
        url = (self.home / "easel.lock").read_text().split("\n")[1]
        async with aiohttp.ClientSession() as client, client.get(f"{url}readyz") as answer:
            return answer.status, await answer.text()

    async def becomes(self, status: int, words: str = "") -> None:
        """Wait until readiness is as it should be."""
        found: list[tuple[int, str]] = [(0, "")]
        for _ in range(60):
            found.append(await self.ready())
            if found[-1][0] == status and words in found[-1][1]:
                return
            await asyncio.sleep(0.5)
        raise AssertionError(found[-1])


def fill(path: Path) -> None:
    """Write until nothing more goes onto the disk."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * 512):
            pass


@asynccontextmanager
async def town(folder: Path, *before: str, **more: str) -> AsyncIterator[Town]:
    async with AsyncExitStack() as stack:
        discord = DiscordPeer()
        await discord.start()
        stack.push_async_callback(discord.stop)
        models = await stack.enter_async_context(OpenAIPeer())
        home = folder / "home"
        home.mkdir()
        settings = {
            "DISCORD_TOKEN": TOKEN, "DISCORD_API_BASE": discord.api, "DISCORD_GATEWAY": discord.gateway,
            "DISCORD_CDN": discord.cdn, "LLM_BASE_URL": models.base_url, "ENGINE": "openai",
            "IMAGES_BASE_URL": models.base_url, "WEB_PORT": "0", "MIN_FREE_MIB": "1",
        }  # fmt: skip
        easel = Easel(home, settings | more, before)
        stack.push_async_callback(easel.destroy)
        made = Town(discord, models, easel)
        await made.start()
        yield made


@pytest.mark.skipif(not private_disks(), reason="this machine does not let us mount a small disk of our own")
async def test_on_a_full_disk_people_are_told_and_all_goes_on_when_there_is_room(tmp_path: Path) -> None:
    async with town(tmp_path, *SMALL_DISK) as place:
        thread = (await place.ask("a red fox"))["id"]
        await place.drawn(thread, 1)
        await place.becomes(200)

        filler = place.home / "filler"
        fill(filler)
        await place.becomes(503, "disk")
        await place.ask("a blue cat", thread)
        await place.discord.until(lambda: "disk is full" in place.told(thread).lower(), PATIENCE_S)
        assert len(place.files(thread)) == 1

        filler.unlink()
        await place.becomes(200)
        place.models.replies.clear()
        await place.ask("a green owl", thread)
        await place.drawn(thread, 2)
        for name in ("easel.db", "jobs.db", "memory.db"):
            with closing(sqlite3.connect(place.home / name)) as database:
                assert database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert await place.easel.stop() == 0


async def test_while_the_databases_are_locked_people_are_told_and_what_was_under_way_is_finished(
    tmp_path: Path,
) -> None:
    async with town(tmp_path) as place:
        thread = (await place.ask("a red fox"))["id"]
        await place.drawn(thread, 1)

        locks = [sqlite3.connect(place.home / name, isolation_level=None) for name in ("easel.db", "jobs.db")]
        for lock in locks:
            lock.execute("BEGIN IMMEDIATE")
        await place.becomes(503, "locked")
        await place.ask("a blue cat", thread)
        await place.discord.until(lambda: "locked by another program" in place.told(thread), PATIENCE_S)
        for lock in locks:
            lock.execute("ROLLBACK")
            lock.close()

        await place.becomes(200)
        place.models.replies.clear()
        await place.ask("a green owl", thread)
        await place.drawn(thread, 2)
        assert await place.easel.stop() == 0


async def test_it_can_be_stopped_while_a_platform_does_not_answer(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        asked.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    home = tmp_path / "home"
    home.mkdir()
    easel = Easel(
        home, {"DISCORD_TOKEN": TOKEN, "DISCORD_API_BASE": address, "LLM_BASE_URL": f"{address}/v1", "WEB_PORT": "0"}
    )
    try:
        await easel.start()
        async with asyncio.timeout(PATIENCE_S):
            await asked.wait()
        assert await easel.stop() == 0
    finally:
        await easel.destroy()
        server.close()


async def test_one_id_leads_from_a_message_to_its_post_and_no_words_are_logged(tmp_path: Path) -> None:
    async with town(tmp_path, LOG_FORMAT="json") as place:
        asked = await place.ask("a zebra with secret stripes")
        await place.drawn(asked["id"], 1)
        assert await place.easel.stop() == 0
        lines = [json.loads(line) for line in place.easel.log_lines() if line.startswith("{")]
    [trace] = {line["trace"] for line in lines if line["message"].startswith("a message has come")}
    told = " | ".join(line["message"] for line in lines if line["trace"] == trace)
    for step in ("has come in", "language model wrote", "waits", "goes to the worker", "is done", "is posted"):
        assert step in told
    everything = "\n".join(place.easel.log_lines())
    for secret in ("zebra", "secret", TOKEN):
        assert secret not in everything
