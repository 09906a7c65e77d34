"""How one process stands many threads: `easel bench discord`, or `python -m tests.bot.discord.load`.

The peer runs here, watches Discord's global limit, and counts what it refuses; the chat runs in a process of its own
with the real conversation core and database over scripted models. Every message of a round is answered by words that
stream for half a minute and, one time in ten, a picture; meanwhile people press buttons and give commands. Every thread
has a conversation behind it that is as long as what the language model is shown, as threads in use have: what grows
from then on is not history. The process reports how late its event loop was (sampled every 20 ms) and what it held in
memory.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil

from bot.chats.discord.build import build_discord
from bot.chats.discord.config import DiscordConfig
from bot.collector import settled
from bot.memory import Memory
from bot.store.store import SqliteStore
from handlers.commands import COMMANDS
from handlers.desk import Desk
from handlers.model import Incoming, Person, TextPart, ThreadKey, TurnState
from measure.report import machine
from prompts.request import LanguageRequest
from tests.fakes import FakePictures, FolderFiles
from tests.peers import discord_shapes as shapes
from tests.peers.discord_peer import CHANNEL, GUILD, TOKEN, DiscordPeer

SAMPLE_S = 0.02
CHUNKS = 30
"""Of one answer."""
ACT_EVERY = 20
"""Messages between two presses of a button, and between two commands."""
DEADLINE_S = 3.0
"""Discord's, for the first answer to an interaction."""
DISCORD_TAKES = 50
ANSWER = "word " * (CHUNKS - 1)
BEHIND = 12
"""Exchanges of each thread before the first round: as many turns as a session holds."""
PICTURE = "<image> a red fox </image>"


@dataclass
class Load:
    """What is asked for, and what came of it."""

    threads: int
    rounds: int
    per_second: float
    servers: int = 1
    stream_s: float = 30.0
    """How long the language model writes on one answer."""
    first_s: list[float] = field(default_factory=list)
    """From each message to the first sign of its answer."""
    figures: dict[str, float] = field(default_factory=dict)


async def measure(load: Load) -> dict[str, float]:
    """Run it; figures by name, times in milliseconds unless the name says otherwise."""
    peer = DiscordPeer()
    peer.requests_per_s = DISCORD_TAKES
    for number in range(1, load.servers):
        peer.add_server(str(10**6 + number), str(2 * 10**6 + number))
    await peer.start()
    for _ in range(load.threads):
        id = peer.next_id()
        peer.messages[id] = {}
        peer.threads[id] = shapes.thread(id, CHANNEL, GUILD, "t")
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "threads.json").write_text(json.dumps(list(peer.threads)))
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bot.discord.load", "bot", peer.api, peer.gateway, home, str(load.stream_s),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert child.stdin is not None
        try:
            await peer.until(lambda: peer.identified == 1, 300)
            await asyncio.sleep(4)
            loop = asyncio.get_running_loop()
            began = loop.time()
            for number in range(1, load.rounds + 1):
                await _round(peer, load, number)
                child.stdin.write(b"round\n")
                print(f"round {number} of {load.rounds}", file=sys.stderr, flush=True)
            took = loop.time() - began
            child.stdin.write_eof()
            out, _ = await child.communicate()
        finally:
            if child.returncode is None:
                child.kill()
            await peer.stop()
    acknowledged = sorted(peer.acknowledged)
    messages = load.threads * load.rounds
    return {
        "threads": float(load.threads),
        "servers": float(load.servers),
        "messages": float(messages),
        "messages_per_s": messages / took,
        "first_sign_ms.p50": 1000 * statistics.median(load.first_s),
        "interactions": float(len(acknowledged)),
        "acknowledged_ms.p50": 1000 * acknowledged[len(acknowledged) // 2],
        "acknowledged_ms.p99": 1000 * acknowledged[len(acknowledged) * 99 // 100],
        "acknowledged_ms.max": 1000 * acknowledged[-1],
        "deadlines_missed": float(sum(seconds > DEADLINE_S for seconds in acknowledged) + len(peer._asked)),
        "refused_by_the_global_limit": float(peer.limited),
        "requests": float(len(peer.requests)),
        **json.loads(out),
    }


async def _round(peer: DiscordPeer, load: Load, number: int) -> None:
    """One message in every thread, then wait until all of them are answered."""
    loop = asyncio.get_running_loop()
    waiting: dict[str, float] = {}
    watcher = asyncio.create_task(_first_signs(peer, load, waiting, number))
    began = loop.time()
    for at, id in enumerate(list(peer.threads)):
        waiting[id] = loop.time()
        await peer.say("make it blue", id)
        if at % ACT_EVERY == 0:
            await peer.slash("help", channel=CHANNEL)
            await _stop_one(peer)
        await asyncio.sleep(max(0.0, began + (at + 1) / load.per_second - loop.time()))
    while sum(_finished(peer, id, number) for id in peer.threads) < load.threads:  # noqa: ASYNC110
        await asyncio.sleep(0.5)  # looking at 1,000 threads at every event would cost more
    watcher.cancel()
    for id in peer.threads:  # the peer's own memory is not what is measured
        kept = peer.said(id)[-1]
        peer.messages[id] = {kept["id"]: kept}
    peer.files.clear()


async def _first_signs(peer: DiscordPeer, load: Load, waiting: dict[str, float], number: int) -> None:
    loop = asyncio.get_running_loop()
    while True:
        for id in [id for id in waiting if len(peer.said(id)) > (number > 1)]:
            load.first_s.append(loop.time() - waiting.pop(id))
        await asyncio.sleep(0.05)


def _finished(peer: DiscordPeer, id: str, number: int) -> bool:
    said = peer.said(id)
    return len(said) > (number > 1) and "e1:stop" not in str(said[-1]["components"])


async def _stop_one(peer: DiscordPeer) -> None:
    """Somebody stops an answer that is being written."""
    for id in peer.threads:
        for message in peer.said(id)[-1:]:
            ids = [part["custom_id"] for part in shapes.walk(message["components"]) if "custom_id" in part]
            stop = [custom_id for custom_id in ids if custom_id.startswith("e1:stop:")]
            if stop:
                await peer.click(message, stop[0])
                return


class Slow:
    """A language model that writes at a steady pace; one answer in ten has a picture."""

    name = "scripted"
    instructable = True

    def __init__(self, stream_s: float) -> None:
        self._answers = 0
        self._pause_s = stream_s / CHUNKS

    async def stream(self, request: LanguageRequest) -> AsyncIterator[str]:
        self._answers += 1
        picture = [PICTURE] if self._answers % 10 == 0 else ["Done."]
        for chunk in [*ANSWER.split(" ")[: CHUNKS - 1], *picture]:
            await asyncio.sleep(self._pause_s)
            yield f"{chunk} "


class Forgetful(FakePictures):
    """Draws at once, and keeps no record of it."""

    async def complete(self, id: str, outcome: Any = None) -> None:
        await super().complete(id, outcome)
        self.submissions.clear()
        if len(self.requests) > 100:
            done = list(self.requests)[:50]
            for old in done:
                self.requests.pop(old)
                self.outcomes.pop(old, None)


async def bot_side(api: str, gateway: str, home: Path, stream_s: float) -> None:
    store = await SqliteStore.open(home / "easel.db", FolderFiles(home / "pictures"))
    for id in json.loads((home / "threads.json").read_text()):
        await _talked(store, ThreadKey("discord", GUILD, CHANNEL, id))
    chats: dict[str, Any] = {}
    desk = Desk(store, Slow(stream_s), Forgetful(), chats)
    memory_file = await Memory.open(home / "memory.db")
    chat = build_discord(DiscordConfig(TOKEN, api, gateway), desk, store, COMMANDS, memory_file.corner("discord"))
    chats["discord"] = chat
    await chat.start()
    late: list[float] = []
    memory: list[float] = []
    ended = asyncio.Event()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    async def rounds() -> None:
        while await reader.readline():
            memory.append(psutil.Process().memory_info().rss / 2**20)
        ended.set()

    follower = asyncio.create_task(rounds())
    with settled():  # as `easel serve` does
        while not ended.is_set():
            before = loop.time()
            await asyncio.sleep(SAMPLE_S)
            late.append(loop.time() - before - SAMPLE_S)
    await follower
    await chat.stop()
    await desk.close()
    await store.close()
    await memory_file.close()
    print(json.dumps(_lag(late) | _memory(memory)))


async def _talked(store: SqliteStore, thread: ThreadKey) -> None:
    """A conversation that lies behind."""
    person = Person("77", "Somebody")
    for number in range(BEHIND):
        event = f"before-{thread.thread}-{number}"
        incoming = Incoming(event, thread, person, "make it blue")
        opened = (await store.accept(incoming, asked=f"{event}-asked", turn=event, uploads=[])).turn
        assert opened is not None
        await store.finish_turn(
            replace(opened, state=TurnState.DONE, text=ANSWER, parts=(TextPart(ANSWER),), written=True)
        )


def _lag(late: list[float]) -> dict[str, float]:
    late.sort()
    found = {f"loop_late_ms.p{p}": 1000 * late[len(late) * p // 100] for p in (50, 90, 99)}
    return found | {"loop_late_ms.max": 1000 * late[-1]}


def _memory(by_round: Sequence[float]) -> dict[str, float]:
    """In mebibytes; the first round fills caches."""
    settled = by_round[1:] or by_round
    return {
        "memory_mib.first_round": by_round[0],
        "memory_mib.second_round": settled[0],
        "memory_mib.last_round": settled[-1],
        "memory_growth": settled[-1] / settled[0],
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["bot"]:
        asyncio.run(bot_side(sys.argv[2], sys.argv[3], Path(sys.argv[4]), float(sys.argv[5])))
    else:
        defaults = ["1000", "10", "40"]
        given = [*sys.argv[1:4], *defaults[len(sys.argv) - 1 :]]
        figures = asyncio.run(measure(Load(int(given[0]), int(given[1]), float(given[2]))))
        print(json.dumps({"machine": machine(), "figures": figures}, indent=2))
