"""Events and errors from anybody: any cut gives the same, and nothing that comes breaks the reading."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.llm.events import MAX_EVENT, EventReader, Malformed
from bot.llm.manner import Manner, adapted
from bot.llm.pieces import read_piece
from bot.llm.refusals import read_refusal
from tests.peers.endpoint_quirks import QUIRKS

KEYS = st.sampled_from(
    [
        "choices",
        "delta",
        "message",
        "content",
        "finish_reason",
        "error",
        "usage",
        "prompt_tokens",
        "completion_tokens",
        "reasoning",
        "reasoning_details",
        "text",
        "type",
        "refusal",
        "tool_calls",
        "detail",
        "loc",
        "param",
        "code",
        "index",
    ]
)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["stop", "length"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=10,
)
LINES = st.sampled_from(
    [
        b"data: ",
        b"data:",
        b'{"choices": []}',
        b'{"a":',
        b"1}",
        b"\n",
        b"\r\n",
        b"\r",
        b": ping",
        b"event: error",
        b"[DONE]",
        b"<html>",
        b"null",
        b"\xff",
        "ü".encode(),
        b" ",
        b"id: 3",
        b"\xef\xbb\xbf",
    ]
)


def events(data: bytes, size: int) -> list[object]:
    reader = EventReader()
    found: list[object] = []
    for at in range(0, len(data), size):
        found += reader.feed(data[at : at + size])
    return found + list(reader.close())


@given(st.lists(LINES, max_size=30), st.integers(1, 7))
def test_any_cut_gives_the_same_events(lines: list[bytes], size: int) -> None:
    data = b"".join(lines)
    assert events(data, size) == events(data, max(1, len(data)))


def test_every_recorded_stream_is_read_the_same_byte_by_byte() -> None:
    for quirk in QUIRKS:
        for answer in quirk.answers:
            data = b"".join(step for step in answer.body if isinstance(step, bytes))[:5000]
            assert events(data, 1) == events(data, max(1, len(data))), quirk.name


@settings(max_examples=100)
@given(st.dictionaries(KEYS, ANY, max_size=6))
def test_no_event_breaks_the_reading(event: dict[str, Any]) -> None:
    piece = read_piece(event)
    assert isinstance(piece.text, str)
    assert piece.usage is None or min(piece.usage) >= 0


@settings(max_examples=100)
@given(st.integers(0, 600), ANY)
def test_no_error_breaks_the_reading(status: int, body: object) -> None:
    refusal = read_refusal(status, body)
    assert refusal.sentence("m")
    assert isinstance(refusal.words("key"), str)
    adapted(Manner(), refusal)


def test_an_event_without_end_is_given_up() -> None:
    reader = EventReader()
    found: list[object] = []
    for _ in range(MAX_EVENT // 65536 + 2):
        found += reader.feed(b"x" * 65536)
    assert any(isinstance(event, Malformed) for event in found)


def test_the_echo_of_what_people_wrote_and_keys_are_not_logged() -> None:
    body = {"detail": [{"loc": ["body", "messages"], "msg": "bad key sk-abcdefghijklmnop", "input": "a secret wish"}]}
    words = read_refusal(422, json.dumps(body)).words("my-key")
    assert "bad" in words
    assert "secret" not in words
    assert "sk-abc" not in words
    assert "my-key" not in read_refusal(401, {"error": "Wrong key my-key"}).words("my-key")
