"""What a ComfyUI server tells while it draws: messages of its socket, given to who waits for them.

The socket is only ever a help: what it does not tell, or tells while nobody listens, stands in queue and history.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from imaging.engines.comfy.server import Moved, Server
from imaging.tasks import Tasks

log = logging.getLogger(__name__)

RECONNECT_S: Final = (0.2, 1.0, 3.0, 10.0)
_HEADER: Final = struct.Struct(">I")
_PREVIEW, _PREVIEW_WITH_METADATA = 1, 4
_LONGEST_METADATA: Final = 1 << 16
_WAITING: Final = 256


class Kind(StrEnum):
    STARTED = "started"
    CACHED = "cached"
    """`nodes` come from an earlier run."""
    STEP = "step"
    PREVIEW = "preview"
    ENDED = "ended"
    """In whichever way: the history says how."""
    LINE = "line"
    """The socket broke, or is there again: something may have gone unheard."""


@dataclass(frozen=True, slots=True)
class Event:
    """`prompt` is empty where the server does not say whose it is: then it is the prompt that runs."""

    kind: Kind
    prompt: str = ""
    node: str = ""
    value: int = 0
    most: int = 0
    preview: bytes = b""


_ENDS: Final = ("execution_error", "execution_interrupted", "execution_success")


def read_text(text: str) -> list[Event]:
    """What a text message says; nothing where it is none of ours to read."""
    try:
        message = json.loads(text)
        kind, data = message["type"], message["data"]
        prompt = data.get("prompt_id")
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return []
    prompt = prompt if isinstance(prompt, str) else ""
    match kind:
        case "execution_start":
            return [Event(Kind.STARTED, prompt)]
        case "execution_cached":
            return [Event(Kind.CACHED, prompt)]
        case "executing":
            # The end, as older servers tell it; a node, as all do.
            return [Event(Kind.ENDED if data.get("node") is None else Kind.STARTED, prompt)]
        case "progress":
            return _steps(prompt, {str(data.get("node") or ""): data})
        case "progress_state":
            nodes = data.get("nodes")
            return _steps(prompt, nodes if isinstance(nodes, dict) else {})
        case _:
            return [Event(Kind.ENDED, prompt)] if kind in _ENDS else []


def _steps(prompt: str, nodes: dict[str, Any]) -> list[Event]:
    found = []
    for node, data in nodes.items():
        value, most = (data.get(key) if isinstance(data, dict) else None for key in ("value", "max"))
        if all(isinstance(each, int | float) and 0 <= each < 1_000_000 for each in (value, most)):
            assert value is not None
            assert most is not None
            if most > 1:  # a node without steps counts as one
                found.append(Event(Kind.STEP, prompt, str(node), min(int(value), int(most)), int(most)))
    return found


def read_binary(data: bytes) -> Event | None:
    """A preview: [4 bytes: 1][4 bytes: format][picture] or [4 bytes: 4][4 bytes: length][JSON][picture], big-endian."""
    if len(data) <= 2 * _HEADER.size:
        return None
    kind, number = _HEADER.unpack_from(data)[0], _HEADER.unpack_from(data, _HEADER.size)[0]
    rest = data[2 * _HEADER.size :]
    if kind == _PREVIEW:
        return Event(Kind.PREVIEW, preview=rest)
    if kind != _PREVIEW_WITH_METADATA or number > min(len(rest), _LONGEST_METADATA):
        return None
    try:
        prompt = json.loads(rest[:number])["prompt_id"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return None
    return Event(Kind.PREVIEW, prompt, preview=rest[number:]) if isinstance(prompt, str) else None


class Socket:
    """Keeps a socket open while anybody listens; breaks are mended, and told to all who listen."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._listeners: dict[str, asyncio.Queue[Event]] = {}
        self._running = ""
        self._tasks = Tasks()
        self._tried = asyncio.Event()

    async def ready(self, timeout_s: float) -> None:
        """Wait a moment for the line, so that the first steps are heard; drawing goes on where there is none."""
        if not len(self._tasks):
            self._tasks.spawn(self._keep(), "ComfyUI's socket")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._tried.wait()

    def listen(self, prompt: str) -> asyncio.Queue[Event]:
        return self._listeners.setdefault(prompt, asyncio.Queue(_WAITING))

    def forget(self, prompt: str) -> None:
        self._listeners.pop(prompt, None)

    async def close(self) -> None:
        await self._tasks.close()

    async def _keep(self) -> None:
        import aiohttp

        failed = 0
        while True:
            try:
                async with await self._server.socket() as line:
                    await line.send_json({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
                    failed = 0
                    self._tried.set()
                    self._tell_all(Event(Kind.LINE))
                    async for message in line:
                        self._hear(message)
                    self._tell_all(Event(Kind.LINE))
            except (TimeoutError, aiohttp.ClientError, Moved, OSError, ValueError) as error:
                if not failed:
                    log.warning("ComfyUI's socket cannot be opened or broke: %s", type(error).__name__)
            self._tried.set()
            await asyncio.sleep(RECONNECT_S[min(failed, len(RECONNECT_S) - 1)])
            failed += 1

    def _hear(self, message: Any) -> None:
        if isinstance(message.data, str):
            events = read_text(message.data)
        elif isinstance(message.data, bytes):
            preview = read_binary(message.data)
            events = [] if preview is None else [preview]
        else:
            return
        for event in events:
            if event.kind is Kind.STARTED and event.prompt:
                self._running = event.prompt
            self._tell(event.prompt or self._running, event)

    def _tell_all(self, event: Event) -> None:
        for prompt in list(self._listeners):
            self._tell(prompt, event)

    def _tell(self, prompt: str, event: Event) -> None:
        """A listener that is behind loses the oldest: the newest step and the end are what counts."""
        if (queue := self._listeners.get(prompt)) is not None:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(event)
