"""How one process stands many threads: `python -m tests.bot.discord.load [THREADS] [ROUNDS] [PER_SECOND]`. Not a test.

The peer runs here, the chat in a process of its own with handlers that answer at once; it reports how late its
event loop was (sampled every 20 ms) and what it held in memory, in mebibytes.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

import psutil

from bot.chats.discord import DiscordConfig, InMemoryKeyValue
from bot.chats.discord.build import build_discord
from tests.bot.discord.fakes import SPECS, FakeHandlers, FakeStore, as_store
from tests.peers.discord_peer import BOT, CHANNEL, GUILD, TOKEN, DiscordPeer

SAMPLE_S = 0.02


async def peer_side(threads: int, rounds: int, per_second: float) -> None:
    peer = DiscordPeer()
    await peer.start()
    now = datetime.now(UTC).isoformat()
    for _ in range(threads):
        id = peer._next()
        peer.messages[id] = {}
        peer.threads[id] = {
            "id": id, "guild_id": GUILD, "parent_id": CHANNEL, "owner_id": BOT, "type": 11, "name": "t", "flags": 0,
            "message_count": 0, "member_count": 1, "last_message_id": None, "rate_limit_per_user": 0,
            "total_message_sent": 0, "thread_metadata": {
                "archived": False, "auto_archive_duration": 1440, "archive_timestamp": now, "locked": False,
                "create_timestamp": now},
        }  # fmt: skip
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bot.discord.load", "bot", peer.api, peer.gateway, stdin=asyncio.subprocess.PIPE
    )
    assert child.stdin is not None
    await peer.until(lambda: peer.identified == 1, 60)
    await asyncio.sleep(4)
    started = time.perf_counter()
    for number in range(1, rounds + 1):
        for id in peer.threads:
            await peer.say("make it blue", id)
            await asyncio.sleep(1 / per_second)
        while sum(len(peer.said(id)) for id in peer.threads) < threads * number:  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # counting 1,000 threads at every event would cost more
        child.stdin.write(b"round\n")
    took = time.perf_counter() - started
    print(json.dumps({"threads": threads, "messages": threads * rounds, "messages_per_s": threads * rounds / took}))
    child.stdin.write_eof()
    await child.wait()
    await peer.stop()


async def bot_side(api: str, gateway: str) -> None:
    store = FakeStore()
    handlers = Forgetful(store)
    chat = build_discord(
        DiscordConfig(TOKEN, api, gateway, shard_count=1), handlers, as_store(store), SPECS, InMemoryKeyValue()
    )
    handlers.chat = chat
    await chat.start()
    late: list[float] = []
    ended = asyncio.Event()
    memory: list[int] = []
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    async def rounds() -> None:
        while await reader.readline():
            memory.append(psutil.Process().memory_info().rss // 2**20)
        ended.set()

    follower = asyncio.create_task(rounds())
    while not ended.is_set():
        before = time.perf_counter()
        await asyncio.sleep(SAMPLE_S)
        late.append(time.perf_counter() - before - SAMPLE_S)
    await follower
    await chat.stop()
    late.sort()
    figures: dict[str, Any] = {f"lag_ms_p{p}": round(1000 * late[len(late) * p // 100], 1) for p in (50, 90, 99)}
    print(json.dumps(figures | {"lag_ms_max": round(1000 * late[-1], 1), "rss_mib_by_round": memory}))


class Forgetful(FakeHandlers):
    """Answers and keeps nothing, so that what grows is the chat's."""

    async def receive(self, incoming: Any) -> None:
        await super().receive(incoming)
        self.received.clear()
        self.store.turns_.clear()


if __name__ == "__main__":
    if sys.argv[1:2] == ["bot"]:
        asyncio.run(bot_side(sys.argv[2], sys.argv[3]))
    else:
        defaults = ["1000", "10", "100"]
        threads, rounds, per_second = [*sys.argv[1:4], *defaults[len(sys.argv) - 1 :]]
        asyncio.run(peer_side(int(threads), int(rounds), float(per_second)))
