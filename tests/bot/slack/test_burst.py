"""A burst of 1,000 events over 200 threads, written down on a real disk before each ack."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import cast

import psutil

from bot.chats.slack.chat import SlackChat
from bot.chats.slack.gateway.service import SlackService
from bot.memory import Memory
from handlers.model import Incoming
from handlers.ports import Handlers, Store
from tests.bot.slack.conftest import SPECS, World

EVENTS, THREADS, PEOPLE = 1_000, 200, 50
FLAT_BYTES = 32 * 2**20
"""What a second burst may add, the records of the peer and the test included."""


async def test_a_burst_is_acknowledged_before_any_work_and_nothing_is_lost(world: World, tmp_path: Path) -> None:
    await world.service.stop()
    work = asyncio.Event()

    async def wait(_: Incoming) -> None:
        await work.wait()

    world.handlers.on_receive = wait
    memory = await Memory.open(tmp_path / "memory.db")
    config = world.service.chat.config
    chat = SlackChat(
        config, cast(Handlers, world.handlers), cast(Store, world.store), memory, SPECS, tmp_path / "slack.db"
    )
    service = SlackService(chat)
    await service.start()
    try:
        first = await burst(world, memory, work)
        second = await burst(world, memory, work)
    finally:
        await service.stop()
        await memory.close()
    assert len(world.handlers.received) == len(world.peer.acks) == 2 * EVENTS
    asked = Counter(method for method, _ in world.peer.calls)
    assert asked["auth.test"] == 2  # once a start, and the fixture started one too
    assert asked["users.info"] == PEOPLE
    assert second - first < FLAT_BYTES
    print(f"slowest ack {world.peer.slowest_ack_s:.2f} s; memory {first / 2**20:.0f}, {second / 2**20:.0f} MiB")


async def burst(world: World, memory: Memory, work: asyncio.Event) -> int:
    """Send it, let the work begin only once every event is acknowledged, and return the memory held, in bytes."""
    work.clear()
    roots = [str(world.peer.said("hello")["ts"]) for _ in range(THREADS)]
    world.store.known.update(roots)
    asked = [
        world.peer.said(f"wish {number}", thread_ts=roots[number % THREADS], user=f"U{number % PEOPLE}")
        for number in range(EVENTS)
    ]
    await world.peer.send_burst(asked)
    await world.peer.until(lambda: len(world.peer.acks) == len(world.peer.pushed_at), 60)
    work.set()
    async with asyncio.timeout(60):
        while await memory.items("slack/inbox/"):  # noqa: ASYNC110 — the disk has no bell
            await asyncio.sleep(0.05)
    heard = {incoming.event.rsplit("/", 1)[1] for incoming in world.handlers.received}
    assert heard >= {event["ts"] for event in asked}
    return int(psutil.Process().memory_info().rss)
