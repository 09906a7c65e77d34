"""A Discord thread as it looks: `python -m tests.peers.discord_page OUT.png`. Not a test.

Runs `easel serve` against the peer, holds a conversation with a scripted language model and the bundled pictures,
and shows the peer's state while the last ones were being drawn in simcord's preview
(`pip install 'simcord[preview]'`) with the system's Chromium.
"""

from __future__ import annotations

import asyncio
import copy
import re
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import discord
import simcord
from playwright.async_api import async_playwright

from tests.bot.discord.test_process import serving
from tests.peers.discord_peer import ANN, BEN, BOT, DiscordPeer, Json
from tests.peers.openai_peer import Reply

PATIENCE_S = 600
PEOPLE = {ANN: "Ann", BEN: "Ben"}
Answer = tuple[str, ...]
TALK: tuple[tuple[str, str, int, Answer], ...] = (
    (ANN, f"<@{BOT}> a balloon, two ideas please", 2,
     ("Here are two: one in the **snow**, one on the beach.",
      '<image id="1"> a red balloon in the snow </image>', '<image id="2"> a red balloon on the beach </image>',
      " Which one speaks to you?")),
    (BEN, "the first one in blue, at night, and in the desert", 5,
     ("Three of it: ", '<edit id="3" prev_id="1" change="small"> a blue balloon in the snow </edit>',
      '<edit id="4" prev_id="1" change="large"> a red balloon in the snow at night </edit>',
      '<edit id="5" prev_id="1" change="large"> a red balloon in the desert </edit>')),
)  # fmt: skip
LAST = (
    ANN,
    "the blue one at sea, please",
    ("It is on its way.", '<edit id="6" prev_id="3" change="large"> a blue balloon at sea </edit>'),
)  # fmt: skip


def ready(peer: DiscordPeer, thread: str, pictures: int) -> bool:
    said = peer.said(thread)
    shown = sum(len(message["attachments"]) for message in said)
    return shown == pictures and "e1:stop" not in str([message["components"] for message in said])


class Watcher:
    """Remembers the thread as it was when most of the last pictures was drawn, but not all."""

    def __init__(self, peer: DiscordPeer, thread: str, pictures: int) -> None:
        self._peer = peer
        self._thread = thread
        self._pictures = pictures
        self._steps = -1
        self.best: list[Json] = []

    def over(self) -> bool:
        """Look, whenever something has changed."""
        last = self._peer.said(self._thread)[-1]
        steps = sum(map(int, re.findall(r"step (\d+) of", str(last["components"]))))
        if steps > self._steps and any("preview" in file["filename"] for file in last["attachments"]):
            self._steps, self.best = steps, copy.deepcopy(list(self._peer.messages[self._thread].values()))
        return ready(self._peer, self._thread, self._pictures)


async def talk(home: Path) -> tuple[DiscordPeer, list[Json]]:
    """Hold the conversation; the peer, and the thread's messages as people see them then."""
    async with serving(home) as serve:
        peer, thread = serve.discord, ""
        for person, words, pictures, answer in TALK:
            serve.llm.replies.append(Reply(answer))
            message = await (peer.say(words, thread, by=person) if thread else peer.say(words, by=person))
            thread = thread or message["id"]
            await peer.until(partial(ready, peer, thread, pictures), PATIENCE_S)
        person, words, answer = LAST
        serve.llm.replies.append(Reply(answer))
        await peer.say(words, thread, by=person)
        watcher = Watcher(peer, thread, 6)
        await peer.until(watcher.over, PATIENCE_S)
        return peer, watcher.best or list(peer.messages[thread].values())


async def photograph(peer: DiscordPeer, messages: list[Json], title: str, out: Path, size: tuple[int, int]) -> None:
    bot = discord.Client(intents=discord.Intents.default())
    async with simcord.run(bot) as env, async_playwright() as playwright:
        env.backend.bot_user.name = env.backend.bot_user.global_name = "Easel"
        guild = env.create_guild("Studio")
        channel = guild.create_text_channel("ideas")
        people = {id: guild.add_member(env.create_user(name.lower(), global_name=name)) for id, name in PEOPLE.items()}
        thread = env.backend.create_thread(channel.id, title, bot.user.id, broadcast=False)  # type: ignore[union-attr]
        await env.settle()
        for message in messages:
            author = people[message["author"]["id"]].id if message["author"]["id"] in people else bot.user.id  # type: ignore[union-attr]
            files = [(file["filename"], peer.bytes_of(file)) for file in message["attachments"]]
            kept = env.backend.store_attachments(thread.id, files)
            for stored, file in zip(kept, message["attachments"], strict=True):
                stored["description"] = file["description"]
            env.backend.create_message(
                thread.id, author, message["content"].replace(f"<@{BOT}>", "@Easel"), attachments=kept,
                components=message["components"], flags=message["flags"],
            )  # fmt: skip
        await env.settle()
        shown = simcord.builders.ChannelHandle(env, guild, thread)
        ann = people[ANN]
        async with env.preview(shown, viewers=[ann], layout="channel", width=size[0], height=size[1]) as preview:
            browser: Any = await playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-background-networking"]
            )
            preview._capture_manager._browser = browser
            await preview.screenshot(out, mode="viewport", allow_incomplete=True)


async def main(out: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        peer, messages = await talk(Path(folder))
    await photograph(peer, messages, "a balloon, two ideas please", out, (720, 1390))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]).resolve()))
