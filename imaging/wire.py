"""Messages between the program and a worker process: a JSON header and raw bytes, over a Unix socket.

A frame is the header's length (4 bytes, big-endian), the header (UTF-8 JSON object), then each blob whose
length the header lists under `blobs`. Both sides refuse what does not fit, so that a damaged stream ends
the connection instead of filling the memory.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MAX_HEADER = 8 * 2**20
MAX_BLOBS = 256 * 2**20
_LENGTH = struct.Struct(">I")


class WireError(Exception):
    """The other side sent something that is no message."""


@dataclass(frozen=True, slots=True)
class Message:
    """`kind` says what it is; `header` is plain JSON data; `blobs` are raw bytes."""

    kind: str
    header: dict[str, Any]
    blobs: tuple[bytes, ...] = ()


def encode(kind: str, header: dict[str, Any] | None = None, blobs: Sequence[bytes] = ()) -> bytes:
    """One frame.

    Raises:
        WireError: it is larger than the other side would take.
    """
    text = json.dumps(
        {"kind": kind, "head": header or {}, "blobs": [len(b) for b in blobs]}, separators=(",", ":")
    ).encode()
    if len(text) > MAX_HEADER or sum(map(len, blobs)) > MAX_BLOBS:
        raise WireError("The message is too large.")
    return b"".join([_LENGTH.pack(len(text)), text, *blobs])


def _header_length(raw: bytes) -> int:
    length = int(_LENGTH.unpack(raw)[0])
    if not 2 <= length <= MAX_HEADER:
        raise WireError("The message's header has an impossible length.")
    return length


def _read_header(raw: bytes) -> tuple[str, dict[str, Any], list[int]]:
    try:
        data = json.loads(raw)
        kind, header, sizes = data["kind"], data["head"], data["blobs"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise WireError("The message's header is no message.") from None
    sound = isinstance(kind, str) and isinstance(header, dict) and isinstance(sizes, list)
    if not sound or not all(type(size) is int and size >= 0 for size in sizes) or sum(sizes) > MAX_BLOBS:
        raise WireError("The message's header is no message.")
    return kind, header, sizes


async def read(reader: asyncio.StreamReader) -> Message | None:
    """The next message; None when the other side has gone.

    Raises:
        WireError: what came is no message.
    """
    try:
        raw = await reader.readexactly(_header_length(await reader.readexactly(_LENGTH.size)))
        kind, header, sizes = _read_header(raw)
        return Message(kind, header, tuple([await reader.readexactly(size) for size in sizes]))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def read_blocking(connection: socket.socket) -> Message | None:
    """`read` for a thread with a plain socket."""
    try:
        raw = _exactly(connection, _header_length(_exactly(connection, _LENGTH.size)))
        kind, header, sizes = _read_header(raw)
        return Message(kind, header, tuple(_exactly(connection, size) for size in sizes))
    except (EOFError, ConnectionError):
        return None


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = connection.recv(min(size - len(data), 1 << 20))
        if not piece:
            raise EOFError
        data += piece
    return bytes(data)
