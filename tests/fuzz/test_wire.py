"""Messages between the program and its workers: understood, or the connection ends; nothing else happens."""

from __future__ import annotations

import asyncio
import json
import logging
import struct
from collections.abc import Iterator
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging import wire
from imaging.worker import Worker
from imaging.worker_client import SubprocessLink
from tests.fakes_engine import FakeEngine, recipe
from tests.fuzz import anything, damaged, fuzzed

RECIPE = recipe().to_json()
HEADS: dict[str, dict[str, Any]] = {
    "hello": {"pid": 1},
    "room": {"room": 1, "taken": 0},
    "accepted": {"id": "j"},
    "step": {"id": "j", "step": 1, "total": 2},
    "done": {
        "id": "j", "step": 1, "total": 1, "media_type": "image/png", "width": 8, "height": 8, "recipe": RECIPE,
        "device_seconds": 0.5, "metrics": {"change": 0.1},
    },
    "failed": {"id": "j", "sentence": "No.", "retryable": True},
    "job": {"id": "j", "recipe": RECIPE, "images": ["a"]},
    "cancel": {"id": "j"},
}  # fmt: skip
frames = {kind: wire.encode(kind, head, (b"12345",)) for kind, head in HEADS.items()}


def framed(kind: str, head: Any, sizes: Any, rest: bytes) -> bytes:
    text = json.dumps({"kind": kind, "head": head, "blobs": sizes}).encode()
    return struct.pack(">I", len(text)) + text + rest


def told(kind: str) -> st.SearchStrategy[bytes]:
    """A message whose values are anything."""
    head = st.fixed_dictionaries({}, optional={key: anything | st.just(value) for key, value in HEADS[kind].items()})
    sizes = st.lists(st.integers(-1, 8), max_size=3) | anything
    return st.builds(framed, st.just(kind), head | anything, sizes, st.binary(max_size=20))


streams = st.one_of(
    st.sampled_from(sorted(HEADS)).flatmap(told), st.sampled_from(sorted(HEADS)).flatmap(lambda k: damaged(frames[k])),
    st.binary(max_size=60),
)  # fmt: skip


class Pipe:
    """A socket that has received something, and then its end."""

    def __init__(self, data: bytes) -> None:
        self.left = data
        self.sent = bytearray()

    def recv(self, size: int) -> bytes:
        data, self.left = self.left[:size], self.left[size:]
        return data

    def sendall(self, data: bytes) -> None:
        self.sent += data


async def read_all(data: bytes) -> list[Any]:
    """What the program understands of a worker's stream."""
    link = SubprocessLink()
    link._reader = asyncio.StreamReader()
    link._reader.feed_data(data)
    link._reader.feed_eof()
    return [message async for message in link.messages()]


LOOP = asyncio.new_event_loop()


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Each refusal is a traceback in the log."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@fuzzed
@given(st.lists(streams, min_size=1, max_size=3).map(b"".join))
def test_the_program_understands_a_worker_or_lets_it_go(data: bytes) -> None:
    check_program(data)


def check_program(data: bytes) -> None:
    for message in LOOP.run_until_complete(read_all(data)):
        assert type(message).__module__ == "imaging.worker_client"


@fuzzed
@given(streams)
def test_both_readers_read_the_same(data: bytes) -> None:
    check_readers(data)


def check_readers(data: bytes) -> None:
    async def read() -> wire.Message | None:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        return await wire.read(reader)

    found: list[Any] = []
    for attempt in (lambda: LOOP.run_until_complete(read()), lambda: wire.read_blocking(cast(Any, Pipe(data)))):
        try:
            found.append(attempt())
        except wire.WireError as error:
            found.append(str(error))
    assert repr(found[0]) == repr(found[1])


@fuzzed
@given(st.lists(streams, min_size=1, max_size=3).map(b"".join))
def test_a_worker_takes_what_the_program_says_or_refuses_it(data: bytes) -> None:
    check_worker(data)


def check_worker(data: bytes) -> None:
    pipe = Pipe(data)
    worker = Worker(cast(Any, pipe), FakeEngine({}))
    worker._listen()  # ends with the stream
    assert worker._take_messages() is False
    answers = Pipe(bytes(pipe.sent))
    while (answer := wire.read_blocking(cast(Any, answers))) is not None:
        assert answer.kind == "failed"


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("room", {"room": None}),
        ("room", {"room": float("inf")}),
        ("step", {"total": [1]}),
        ("done", {"metrics": [1]}),
        ("done", {"metrics": {"a": None}}),
        ("done", {"device_seconds": {}}),
    ],
)
def test_what_was_found(kind: str, change: dict[str, Any]) -> None:
    """A worker that says it is let go; the rest of the program goes on."""
    broken = framed(kind, HEADS[kind] | change, [5], b"12345")
    assert LOOP.run_until_complete(read_all(broken + frames["accepted"])) == []
