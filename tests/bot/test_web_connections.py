"""Connections that ask nothing, send slowly, read slowly or are too many: all of it before any password."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from bot.chats.web import connections
from bot.chats.web.connections import Patience, Room
from tests.bot.web_site import THREAD, Site
from tests.fakes import FolderFiles
from tests.waiting import until

HASTY = Patience(head_s=0.3, idle_s=0.3, grace_s=0.3, pace=1_000_000, look_s=0.05)
HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
UPLOAD = (
    b"POST /api/threads/thread-0001/messages HTTP/1.1\r\nHost: localhost\r\nX-Easel: 1\r\n"
    b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 150000\r\n\r\n--x\r\n"
)
STREAM = b"GET /api/threads/thread-0001/events HTTP/1.1\r\nHost: localhost\r\n"


@contextlib.asynccontextmanager
async def page(home: Path, room: Room | None = None, patience: Patience | None = None) -> AsyncIterator[Site]:
    site = Site(home)
    await site.start()
    site.page.doorman.room = room or site.page.doorman.room
    site.page.doorman.patience = patience or site.page.doorman.patience
    site.page.doorman.close()
    site.page.doorman.open()
    try:
        yield site
    finally:
        await site.stop()


class Stranger:
    """A bare connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def comes(cls, site: Site, sends: bytes, address: str = "127.0.0.1") -> Stranger:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.page.port, local_addr=(address, 0))
        writer.write(sends)
        return cls(reader, writer)

    async def dropped(self) -> bool:
        """Whether the connection ends, while a byte more is sent now and then."""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(20):
                while not self.reader.at_eof():
                    self.writer.write(b"a")
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self.reader.read(65536), 0.05)
        return True

    def leave(self) -> None:
        self.writer.close()


async def talks(site: Site) -> None:
    """A conversation goes on meanwhile."""
    site.model.scripts.append("Hello.")
    assert await site.say("hi") == 202
    assert (await site.answered())["parts"]


@pytest.mark.parametrize(
    "sends",
    [b"", HEAD, HEAD + b"X-A: ", HEAD + b"\r\n", UPLOAD, STREAM + b"Content-Length: 9000\r\n\r\n"],
    ids=["nothing", "a head", "a header", "nothing more", "a body", "a stream with a body"],
)
async def test_who_takes_too_long_is_shown_out(tmp_path: Path, sends: bytes) -> None:
    async with page(tmp_path, patience=HASTY) as site:
        assert await (await Stranger.comes(site, sends)).dropped()
        await until(lambda: site.page.doorman.connections == 0)


@pytest.mark.parametrize(("sends", "told"), [(HEAD + b"\r\n", False), (HEAD, True)], ids=["answered", "a head"])
async def test_the_log_counts_no_browser_that_only_fell_silent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, sends: bytes, told: bool
) -> None:
    async with page(tmp_path, patience=HASTY) as site:
        silent = await Stranger.comes(site, sends)
        with contextlib.suppress(ConnectionError):
            await silent.reader.read()
        await until(lambda: site.page.doorman.connections == 0)
        silent.leave()
        await asyncio.sleep(2 * HASTY.look_s)
        assert ("connections dropped" in caplog.text) is told


async def test_who_reads_too_slowly_is_shown_out(tmp_path: Path) -> None:
    async with page(tmp_path, patience=HASTY) as site:
        digest = FolderFiles(tmp_path / "pictures").put(b"\x89PNG" + bytes(30_000_000))
        with socket.socket() as reader:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.connect(("127.0.0.1", site.page.port))
            reader.sendall(b"GET /pictures/%b HTTP/1.1\r\nHost: localhost\r\n\r\n" % digest.encode())
            await until(lambda: site.page.doorman.connections == 1)
            await until(lambda: site.page.doorman.connections == 0)


async def test_an_open_page_may_be_silent_for_as_long_as_it_likes(tmp_path: Path) -> None:
    async with page(tmp_path, patience=HASTY) as site:
        stream = site.follow()
        assert (await anext(stream))["type"] == "snapshot"
        await asyncio.sleep(4 * HASTY.head_s)
        site.model.scripts.append("Hello.")
        assert await site.say("hi") == 202
        assert (await anext(stream))["type"] == "said"
        await stream.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize("sends", [HEAD, UPLOAD, b""], ids=["heads", "bodies", "nothing"])
@pytest.mark.parametrize("everywhere", [False, True])
async def test_a_crowd_that_asks_nothing_leaves_room_for_who_does(
    tmp_path: Path, sends: bytes, everywhere: bool
) -> None:
    async with page(tmp_path, Room(connections=30, per_address=10)) as site:
        crowd = [
            await Stranger.comes(site, sends, f"127.0.{n}.1" if everywhere else "127.0.0.1") for n in range(1, 101)
        ]
        await talks(site)
        assert site.page.doorman.connections <= 30
        if not everywhere:
            assert site.page.doorman.connections <= 10
        for one in crowd:
            one.leave()


async def test_when_everybody_is_being_served_the_next_is_told_so(tmp_path: Path) -> None:
    async with page(tmp_path, Room(connections=3)) as site:
        open_pages = [await Stranger.comes(site, STREAM + b"\r\n") for _ in range(3)]
        for one in open_pages:
            await one.reader.readuntil(b"data: ")
        late = await Stranger.comes(site, HEAD + b"\r\n")
        answer = (await late.reader.read()).decode()
        assert answer.startswith("HTTP/1.1 503 ")
        assert answer.endswith("please come back soon.")
        for one in open_pages:
            one.leave()


async def test_one_address_cannot_open_all_pages(tmp_path: Path) -> None:
    async with page(tmp_path, Room(streams=3, streams_per_address=2)) as site:
        here = [await Stranger.comes(site, STREAM + b"\r\n") for _ in range(2)]
        for one in here:
            await one.reader.readuntil(b"data: ")
        status, body, _ = await site.get(f"/api/threads/{THREAD}/events")
        assert (status, body) == (429, b"Too many pages are open; close some.")
        there = await Stranger.comes(site, STREAM + b"\r\n", "127.0.0.2")
        await there.reader.readuntil(b"data: ")
        elsewhere = await Stranger.comes(site, STREAM + b"\r\n", "127.0.0.3")
        assert b" 429 " in await elsewhere.reader.readline()
        for one in (*here, there, elsewhere):
            one.leave()
        await until(lambda: site.chat.hub.pages == 0)
        async with aiohttp.ClientSession(site.page.url) as guest, guest.get(f"/api/threads/{THREAD}/events") as answer:
            assert answer.status == 200
            assert json.loads((await answer.content.readline())[6:])["type"] == "snapshot"


def test_half_of_the_file_descriptors_are_for_everything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    for most in (64, 256, 1024, 100_000, resource.RLIM_INFINITY):
        monkeypatch.setattr(resource, "getrlimit", lambda _, most=most: (most, most))
        room = connections.room()
        assert most == resource.RLIM_INFINITY or room.connections <= most / 2
        assert room.streams < room.connections <= 512
        assert room.per_address <= room.connections
