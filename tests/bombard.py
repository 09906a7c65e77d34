"""Hostile and damaged uploads sent through the running program, beside a conversation that must not notice.

`python -m tests.bombard 1000` prints the figures; the tests send a sample.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any

import aiohttp
import psutil

from bot.home import Home
from tests.bombs import BOMBS, fuzzed
from tests.faults.easel import Easel
from tests.peers.openai_peer import OpenAIPeer, Reply

SENDERS = 8
"""Strangers who send at once, one file a message, the next when it is answered."""
_SIZE = re.compile(r"\d+ × \d+ pixels")
ALONE = 20
"""Messages of the conversation before the first upload."""


@dataclass
class Figures:
    files: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    """`opened`, or the sentence that was told."""
    quiet_s: list[float] = field(default_factory=list)
    """Seconds from a message to its answer with a picture in it, before the uploads."""
    busy_s: list[float] = field(default_factory=list)
    """The same while they come."""
    ready_s: list[float] = field(default_factory=list)
    """Seconds that `/readyz` took meanwhile."""
    unanswered: list[str] = field(default_factory=list)
    chat_mib: float = 0.0
    """The most that the chat process held."""
    decoders_mib: float = 0.0
    """The most that its decoders held together."""
    seconds: float = 0.0
    survived: bool = False
    """Whether it was the same process at the end."""

    def lines(self) -> Iterator[str]:
        yield f"{self.files} files in {self.seconds:.0f} s; the same process to the end: {self.survived}"
        for name, times in (("quiet", self.quiet_s), ("busy", self.busy_s), ("readyz", self.ready_s)):
            middle, late = quantiles(times, n=20)[9], quantiles(times, n=20)[18]
            yield f"{name}: {len(times)} times, median {middle:.2f} s, 95 % {late:.2f} s, longest {max(times):.2f} s"
        yield f"unanswered: {self.unanswered or 'none'}"
        yield f"chat process at most {self.chat_mib:.0f} MiB, its decoders {self.decoders_mib:.0f} MiB"
        for outcome, count in self.outcomes.most_common():
            yield f"{count:6} {outcome}"


class Visitor:
    """A browser without a page: its own cookie, a thread, and what the thread shows."""

    def __init__(self, session: aiohttp.ClientSession, thread: str) -> None:
        self._session = session
        self._thread = thread
        self._answers = 0

    async def say(self, text: str, name: str = "", data: bytes = b"") -> list[dict[str, Any]]:
        """Send a message; returns the parts of its answer."""
        form = aiohttp.FormData(default_to_multipart=True)
        form.add_field("text", text)
        if name:
            form.add_field("file", data, filename=name, content_type="image/png")
        async with self._session.post(f"/api/threads/{self._thread}/messages", data=form) as taken:
            assert taken.status == 202, await taken.text()
        self._answers += 1
        async with self._session.get(f"/api/threads/{self._thread}/events") as events:
            async for line in events.content:
                if line.startswith(b"data: ") and (parts := self._newest(json.loads(line[6:]))) is not None:
                    return parts
        raise AssertionError("The page ended its stream.")

    def _newest(self, message: dict[str, Any]) -> list[dict[str, Any]] | None:
        """The answer to the newest message, when it is whole."""
        if message["type"] == "snapshot":
            turns = [turn for turn in message["turns"] if turn["role"] == "assistant"]
            whole = len(turns) >= self._answers and _whole(turns[-1])  # one that is being written is shown too
            return turns[-1]["parts"] if whole else None
        turn = message.get("turn", {})
        return turn["parts"] if message["type"] == "reply" and turn["final"] and _whole(turn) else None

    async def ready(self) -> None:
        async with self._session.get("/readyz") as answer:
            assert answer.status == 200, await answer.text()


def _whole(turn: dict[str, Any]) -> bool:
    """Every answer here ends with a picture or is a sentence of the program's own."""
    last = turn["parts"][-1] if turn["parts"] else {"kind": "text"}
    return last["kind"] == "notice" or (last["kind"] == "picture" and last["state"] == "ready")


def files(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """One in eight is a bomb, the others are damaged."""
    bombs, damaged = list(BOMBS.items()), fuzzed(count, seed)
    for at in range(count):
        if at % 8 == 0:
            name, make = bombs[at // 8 % len(bombs)]
            yield name, make()
        else:
            yield next(damaged)


async def bombard(folder: Path, count: int, seed: int = 1, alone: int = ALONE) -> Figures:
    """Start a program in an empty folder, send `count` files, stop it."""
    figures = Figures()
    (folder / "home").mkdir()
    async with OpenAIPeer() as peer, contextlib.AsyncExitStack() as stack:
        settings = {"LLM_BASE_URL": peer.base_url, "LLM_MODEL": "peer-model", "WEB_PORT": "0"}
        easel = Easel(folder / "home", settings | {"ENGINE": "openai", "IMAGES_BASE_URL": peer.base_url})
        await easel.start()
        stack.push_async_callback(easel.destroy)
        url = await _address(easel)

        async def visitor(name: str) -> Visitor:
            jar = aiohttp.CookieJar(unsafe=True)
            session = aiohttp.ClientSession(url, cookie_jar=jar, headers={"X-Easel": "1"})
            await stack.enter_async_context(session)
            return Visitor(session, f"thread-{name}")

        talker = await visitor("talker")
        for at in range(alone):
            await _talk(peer, talker, at, figures.quiet_s, figures)
        pid, began = easel.pid, time.monotonic()
        over = asyncio.Event()
        talking = asyncio.create_task(_go_on(peer, talker, figures, psutil.Process(pid), over))
        waiting = files(count, seed)
        try:
            async with asyncio.TaskGroup() as senders:
                for number in range(SENDERS):
                    senders.create_task(_send(await visitor(f"sender-{number}"), waiting, figures))
        finally:
            over.set()
            await talking
        figures.seconds = time.monotonic() - began
        figures.survived = easel.runs and easel.pid == pid
        await easel.stop()
    return figures


async def _address(easel: Easel) -> str:
    async with asyncio.timeout(60):
        while not (found := Home(easel.home).running()):  # noqa: ASYNC110 — a file has no bell
            await asyncio.sleep(0.1)
    return found


async def _talk(peer: OpenAIPeer, talker: Visitor, at: int, times: list[float], figures: Figures) -> None:
    peer.replies.append(Reply((f"Number {at}: ", "<image> a fox </image>")))
    began = time.monotonic()
    try:
        async with asyncio.timeout(60):
            parts = await talker.say(f"number {at}")
        if f"Number {at}" not in json.dumps(parts) or not any(part["kind"] == "picture" for part in parts):
            figures.unanswered.append(json.dumps(parts))
    except (TimeoutError, aiohttp.ClientError, AssertionError) as error:
        figures.unanswered.append(repr(error))
    times.append(time.monotonic() - began)


async def _go_on(
    peer: OpenAIPeer, talker: Visitor, figures: Figures, chat: psutil.Process, over: asyncio.Event
) -> None:
    at = 1000
    while at < 1002 or not over.is_set():
        at += 1
        await _talk(peer, talker, at, figures.busy_s, figures)
        began = time.monotonic()
        await talker.ready()
        figures.ready_s.append(time.monotonic() - began)
        figures.chat_mib = max(figures.chat_mib, chat.memory_info().rss / 2**20)
        figures.decoders_mib = max(figures.decoders_mib, _decoders(chat) / 2**20)


def _decoders(chat: psutil.Process) -> int:
    total = 0
    for child in chat.children():
        with contextlib.suppress(psutil.Error):
            if "imaging.decoding.child" in child.cmdline():
                total += child.memory_info().rss
    return total


async def _send(sender: Visitor, waiting: Iterator[tuple[str, bytes]], figures: Figures) -> None:
    for name, data in waiting:
        name = name.replace(" ", "-")
        parts = await sender.say("", f"{name}.png", data)
        told = " ".join(str(part.get("text")) for part in parts)
        figures.files += 1
        opened = "in this thread" in told
        figures.outcomes["opened" if opened else _SIZE.sub("… pixels", told.removeprefix(f"{name}.png: "))] += 1


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="easel-bombard-") as scratch:
        for line in asyncio.run(bombard(Path(scratch), int(sys.argv[1]))).lines():
            print(line)
