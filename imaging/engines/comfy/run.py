"""The life of one prompt at a ComfyUI server: sent, followed, fetched; taken back when nobody wants it any more."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from imaging.engines.comfy.marks import Mark
from imaging.engines.comfy.refusals import (
    LOST,
    NOTHING,
    SILENT,
    STOPPED,
    ComfyRefused,
    FileGone,
    Unreachable,
    of_failure,
)
from imaging.engines.comfy.server import File, Server
from imaging.engines.comfy.socket import Event, Kind, Socket
from imaging.engines.comfy.workflow import Workflow

log = logging.getLogger(__name__)

Tell = Callable[[int, int, bytes | None], None]
"""Step, total, and a preview as the server sent it."""
_MISSED: Final = 5
"""Looks in a row at which a prompt is neither in the queue nor on record until it counts as lost."""


class Lost(ComfyRefused):
    """The server was restarted, or its record was cleared."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds."""

    poll_s: float = 10.0
    """Between looks at queue and history while the socket tells nothing."""
    settle_s: float = 0.1
    """Between looks once the end was told: it is on record a moment later."""
    silence_s: float = 900.0
    """Until a prompt that runs without a word is given up; loading a large model may take minutes."""
    away_s: float = 120.0
    """For which a server may be away (a restart) before a prompt is given up."""
    backoff_s: float = 2.0
    socket_s: float = 3.0
    tries: int = 3


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be drawn. `pictures` are PNGs by the mark whose input they go to; `secret` are people's words."""

    workflow: Workflow
    values: Mapping[Mark, Any]
    pictures: Mapping[Mark, tuple[str, bytes]]
    secret: tuple[str, ...]


class Run:
    """Draws one order. `seconds` is how long the server drew, as far as it told."""

    def __init__(
        self, order: Order, server: Server, socket: Socket, ours: set[str], tell: Tell, patience: Patience
    ) -> None:
        self._order = order
        self._server = server
        self._socket = socket
        self._ours = ours
        self._tell = tell
        self._patience = patience
        self._steps: dict[str, tuple[int, int]] = {}
        self._started: float | None = None
        self._broke = False
        self.seconds = 0.0

    async def picture(self) -> bytes:
        """The file that the workflow's last node gave. What can be mended by sending it again is, once.

        Raises:
            ComfyRefused: the sentence for people.
        """
        mended: set[type[ComfyRefused] | str] = set()
        while True:
            try:
                return await self._once(renamed=FileGone in mended)
            except ComfyRefused as error:
                why = "memory" if error.memory else type(error)
                if why not in ("memory", Lost, FileGone) or why in mended:
                    raise
                mended.add(why)
            log.warning("a picture is sent to ComfyUI again: %s", why if isinstance(why, str) else why.__name__)
            if why == "memory":
                await self._server.free()

    async def _once(self, *, renamed: bool) -> bytes:
        self._steps, self._started, self._broke = {}, None, False
        await self._socket.ready(self._patience.socket_s)
        id = await self._sent(await self._nodes(renamed))
        begun = time.monotonic()
        try:
            entry = await self._followed(id)
            self.seconds = time.monotonic() - (self._started or begun)
        except (asyncio.CancelledError, Silent):
            await self._taken_back(id)
            raise
        finally:
            self._ours.discard(id)
            self._socket.forget(id)
        return await self._server.view(self._file(entry))

    # Sending

    async def _nodes(self, renamed: bool) -> dict[str, Any]:
        """The workflow with everything in its place; the pictures are at the server then."""
        values = dict(self._order.values)
        for mark, (name, data) in self._order.pictures.items():
            values[mark] = await self._patiently(lambda name=name, data=data: self._server.upload(name, data))  # type: ignore[misc]
        nodes = self._order.workflow.filled(values)
        inputs = nodes[self._order.workflow.output]["inputs"]
        if renamed and isinstance(prefix := inputs.get("filename_prefix"), str):
            # Otherwise the server would answer from its cache, with the name of the file that is gone.
            inputs["filename_prefix"] = f"{prefix}-{uuid.uuid4().hex[:8]}"
        return nodes

    async def _patiently(self, ask: Callable[[], Any]) -> Any:
        for left in reversed(range(self._patience.tries)):
            try:
                return await ask()
            except Unreachable:
                if not left:
                    raise
            await asyncio.sleep(self._patience.backoff_s)
        raise AssertionError

    async def _sent(self, nodes: Mapping[str, Any]) -> str:
        """The id of the prompt in the queue. A cancelled one is taken back however far it came."""
        sending = asyncio.ensure_future(self._submitted(nodes, str(uuid.uuid4())))
        try:
            return await asyncio.shield(sending)
        except asyncio.CancelledError:
            with contextlib.suppress(ComfyRefused):
                await self._taken_back(await sending)
            raise

    async def _submitted(self, nodes: Mapping[str, Any], wanted: str) -> str:
        self._socket.listen(wanted)
        for left in reversed(range(self._patience.tries)):
            try:
                id = await self._server.submit(nodes, wanted)
            except ComfyRefused as error:
                busy = isinstance(error, Unreachable) or (error.retryable and not error.memory)
                if not left or not busy:
                    self._socket.forget(wanted)
                    raise
                await asyncio.sleep(self._patience.backoff_s)
                if not await self._there(wanted):
                    continue
                id = wanted  # it had arrived; only the answer was lost
            if id != wanted:
                self._socket.forget(wanted)
                self._socket.listen(id)
            self._ours.add(id)
            return id
        raise AssertionError

    async def _there(self, id: str) -> bool:
        try:
            queue = await self._server.queue()
            return id in queue.running | queue.pending or await self._server.history(id) is not None
        except ComfyRefused:
            return False

    async def _taken_back(self, id: str) -> None:
        with contextlib.suppress(ComfyRefused):
            await asyncio.shield(self._server.withdraw(id, frozenset(self._ours)))
        self._socket.forget(id)

    # Following

    async def _followed(self, id: str) -> dict[str, Any]:
        """What is on record when it has ended."""
        events = self._socket.listen(id)
        heard = away = time.monotonic()
        missed, ended = 0, False
        self._say(None)
        while True:
            wait = self._patience.settle_s if ended or missed else self._patience.poll_s
            event = await _next(events, wait)
            if event is not None and event.kind is not Kind.ENDED:
                heard = time.monotonic()
                self._take(event)
                if event.kind is not Kind.LINE:
                    continue
            ended = ended or (event is not None and event.kind is Kind.ENDED)
            try:
                queue = await self._server.queue()
                entry = await self._server.history(id)
            except Unreachable:
                self._broke = True
                if time.monotonic() - away > self._patience.away_s:
                    raise
                await asyncio.sleep(self._patience.backoff_s)
                continue
            now = away = time.monotonic()
            if entry is not None:
                return entry
            if id in queue.pending:
                heard = now
            missed = 0 if id in queue.running | queue.pending else missed + 1
            if missed >= _MISSED:
                raise Lost(LOST) if self._broke or ended else ComfyRefused(STOPPED)
            if now - heard > self._patience.silence_s:
                raise Silent(SILENT, retryable=False)
            if not missed:
                self._say(None)  # a sign of life: it waits in a line that others share

    def _take(self, event: Event) -> None:
        match event.kind:
            case Kind.STARTED | Kind.CACHED:
                self._started = self._started or time.monotonic()
            case Kind.STEP:
                self._steps[event.node] = (event.value, event.most)
                self._say(None)
            case Kind.PREVIEW:
                self._say(event.preview)
            case Kind.LINE:
                self._broke = True
            case Kind.ENDED:
                pass

    def _say(self, preview: bytes | None) -> None:
        """Steps over all nodes that have some; a workflow may sample twice, and decode in tiles."""
        done, known = (sum(pair[at] for pair in self._steps.values()) for at in (0, 1))
        self._tell(done, max(known, self._order.workflow.steps()), preview)

    # Fetching

    def _file(self, entry: Mapping[str, Any]) -> File:
        """
        Raises:
            ComfyRefused: it failed, was stopped, or gave no picture.
        """
        for kind, data in _messages(entry):
            if kind == "execution_interrupted":
                raise ComfyRefused(STOPPED)
            if kind == "execution_error":
                refused, host = of_failure(data, self._order.secret)
                log.warning("ComfyUI: %s", host)
                raise refused
        outputs = entry.get("outputs")
        outputs = outputs if isinstance(outputs, dict) else {}
        wanted = self._order.workflow.output
        found = next(_files(outputs.get(wanted)), None)
        if found is None:
            others = [file for id in outputs if id != wanted for file in _files(outputs[id])]
            found = min(others, key=lambda file: file.type != "output", default=None)
            log.warning("ComfyUI: node %s gave no picture%s", wanted, ", another one is taken" if found else "")
        if found is None:
            raise ComfyRefused(NOTHING)
        return found


class Silent(ComfyRefused):
    """It runs, or says so, and nothing comes of it."""


async def _next(events: asyncio.Queue[Event], wait: float) -> Event | None:
    try:
        async with asyncio.timeout(wait):  # wait_for of Python 3.11 may lose a cancellation to an event
            return await events.get()
    except TimeoutError:
        return None


def _messages(entry: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What happened, as far as the record says; older servers keep no status."""
    status = entry.get("status")
    rows = status.get("messages") if isinstance(status, dict) else None
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, list) and len(row) == 2 and isinstance(row[0], str):
            yield row[0], row[1]


def _files(output: Any) -> Iterator[File]:
    """Pictures of one node, in its order."""
    rows = output.get("images") if isinstance(output, dict) else None
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and isinstance(name := row.get("filename"), str) and name:
            folder, kind = row.get("subfolder"), row.get("type")
            yield File(
                name,
                folder if isinstance(folder, str) else "",
                kind if kind in ("output", "temp", "input") else "output",
            )
