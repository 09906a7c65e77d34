"""The program's side of a worker: start it, talk to it, notice at once when it dies.

`WorkerTransport` and `WorkerLink` are the interface; a subprocess over a Unix socket implements it
here. Another transport carries the same messages.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from imaging import wire
from imaging.engine_table import EngineSpec
from imaging.errors import EngineError
from imaging.model import Recipe, RenderedPicture
from imaging.tasks import Tasks

log = logging.getLogger(__name__)

START_SECONDS = 60.0
"""Until the process has said hello; loading weights afterwards may take as long as it takes."""
STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Room:
    """How many more jobs the worker takes, beyond the `taken` ones that had reached it by then."""

    room: int
    taken: int


@dataclass(frozen=True, slots=True)
class Accepted:
    id: str


@dataclass(frozen=True, slots=True)
class Stepped:
    id: str
    step: int
    total: int
    preview: bytes | None


@dataclass(frozen=True, slots=True)
class Finished:
    id: str
    picture: RenderedPicture


@dataclass(frozen=True, slots=True)
class JobRefused:
    """The engine could not do this job; the worker goes on."""

    id: str
    sentence: str
    retryable: bool
    moderated: bool = False


WorkerMessage: TypeAlias = Room | Accepted | Stepped | Finished | JobRefused


class WorkerLink(Protocol):
    """A live worker with its engine loaded."""

    async def submit(self, id: str, recipe: Recipe, images: Mapping[str, bytes]) -> None:
        """
        Raises:
            ConnectionError: the worker has died.
        """

    async def cancel(self, id: str) -> None:
        """Likewise; unknown ids are ignored."""

    def messages(self) -> AsyncIterator[WorkerMessage]:
        """What the worker says, until it dies or is closed."""

    async def close(self) -> None: ...


class WorkerTransport(Protocol):
    """A place where a worker can run: one device."""

    @property
    def name(self) -> str: ...

    async def open(self) -> WorkerLink:
        """Start a worker and load its engine.

        Raises:
            EngineError: the engine cannot be loaded there; one sentence.
            ConnectionError: the worker died before it was ready.
        """


class SubprocessWorker:
    """One worker process a device on this machine."""

    def __init__(
        self, engine: EngineSpec, home: Path, device: str | None = None, *, threads: int = 1, name: str = ""
    ) -> None:
        """`name` tells workers on the same device apart."""
        self._name = name or device or "default device"
        self._engine = engine
        self._home = home
        self._device = device
        self._threads = threads

    @property
    def name(self) -> str:
        return self._name

    async def open(self) -> SubprocessLink:
        """See `WorkerTransport.open`."""
        link = SubprocessLink()
        try:
            await link.start(self._environment())
            await link.load({"engine": self._engine.to_json(), "home": str(self._home), "device": self._device})
        except BaseException:
            await link.close()
            raise
        return link

    def _environment(self) -> dict[str, str]:
        """Thread counts are set before any library starts its pool; the parent's path stays importable."""
        threads = str(self._threads)
        root = str(Path(__file__).resolve().parent.parent)
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "OMP_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
            "TOKENIZERS_PARALLELISM": "false",
        }


class SubprocessLink:
    """`WorkerLink` to a child process."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._loading_over = False
        self._stderr: deque[str] = deque(maxlen=40)
        self._tasks = Tasks()

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    async def start(self, environment: Mapping[str, str]) -> None:
        """Start the process and wait for its hello.

        Raises:
            ConnectionError: it died, or said no hello in time.
        """
        # Inherited, not opened by name: nothing lies about on the disk when this process is killed.
        ours, theirs = socket.socketpair()
        with theirs:
            self._reader, self._writer = await asyncio.open_unix_connection(sock=ours, limit=1 << 20)
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "imaging.worker", str(theirs.fileno()),  # -P: see imaging.decoding.pool
                env=environment, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
                pass_fds=[theirs.fileno()], start_new_session=True,
            )  # fmt: skip
        self._tasks.spawn(self._keep_stderr(), "worker-stderr")
        hello = await self._unless_dead(wire.read(self._reader))
        if hello is None or hello.kind != "hello":
            raise ConnectionError(f"The worker did not start: {self.last_words()}")

    async def _unless_dead(self, awaited: Any) -> Any:
        """Await something from the process, or notice that it has died.

        Raises:
            ConnectionError: it has died, with the end of what it wrote.
        """
        assert self._process is not None
        wanted = asyncio.ensure_future(awaited)
        dead = asyncio.ensure_future(self._process.wait())
        try:
            await asyncio.wait({wanted, dead}, timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if wanted.done():
                return wanted.result()
            raise ConnectionError(f"The worker did not start: {self.last_words()}")
        finally:
            for task in (wanted, dead):
                task.cancel()
            await asyncio.gather(wanted, dead, return_exceptions=True)

    async def load(self, header: dict[str, Any]) -> None:
        """Have the engine loaded.

        Raises:
            EngineError: it cannot be; one sentence.
            ConnectionError: the process died over it.
        """
        assert self._reader is not None
        await self._send(wire.encode("load", header))
        answer = await wire.read(self._reader)
        if answer is None:
            raise ConnectionError(f"The worker died while it loaded its model: {self.last_words()}")
        self._loading_over = True
        if answer.kind == "fatal":
            raise EngineError(str(answer.header.get("sentence")))

    async def submit(self, id: str, recipe: Recipe, images: Mapping[str, bytes]) -> None:
        header = {"id": id, "recipe": recipe.to_json(), "images": list(images)}
        await self._send(wire.encode("job", header, list(images.values())))

    async def cancel(self, id: str) -> None:
        await self._send(wire.encode("cancel", {"id": id}))

    async def _send(self, frame: bytes) -> None:
        if self._writer is None or self._writer.is_closing():
            raise ConnectionError("The worker has gone.")
        self._writer.write(frame)
        await self._writer.drain()

    async def messages(self) -> AsyncIterator[WorkerMessage]:
        assert self._reader is not None
        while True:
            try:
                message = await wire.read(self._reader)
                if message is None:
                    return
                read = _understand(message)
            except (wire.WireError, LookupError, TypeError, ValueError, AttributeError, OverflowError):
                log.exception("a worker's message cannot be read; it is let go")
                return
            if read is not None:
                yield read

    async def close(self) -> None:
        """End the process: closing the socket asks it, a kill makes sure. One that loads its weights does not look at
        the socket and has nothing in hand."""
        if self._writer is not None:
            self._writer.close()
        process = self._process
        if process is not None:
            try:
                async with asyncio.timeout(STOP_SECONDS if self._loading_over else 0.1):
                    await process.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        await self._tasks.idle()

    async def _keep_stderr(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        level = logging.DEBUG
        async for raw in _lines(self._process.stderr):
            self._stderr.append(raw.strip())
            level = _level(raw, level)
            log.log(level, "worker: %s", raw)

    def last_words(self) -> str:
        """The end of what the process wrote, for the log and the doctor."""
        return self._stderr[-1] if self._stderr else "it left no message"


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    """Lines of any length (a reader of lines refuses long ones), cut at 500 characters."""
    rest = b""
    while chunk := await stream.read(1 << 16):
        *whole, rest = (rest + chunk).split(b"\n")
        rest = rest[-4096:]
        for line in whole:
            if text := line.decode(errors="replace").rstrip():
                yield text[:500]


def _level(line: str, before: int) -> int:
    """How serious a line of the worker is. It writes warnings and errors with their level in front, and what follows
    such a line (a traceback) belongs to it; libraries write what they like, which is for the curious."""
    word = line.partition(" ")[0]
    if word in ("WARNING", "ERROR", "CRITICAL"):
        return int(getattr(logging, word))
    if word in ("INFO", "DEBUG"):
        return logging.DEBUG
    if line.startswith(("Traceback (most", "Fatal Python error")):
        return logging.ERROR
    return before


def _understand(message: wire.Message) -> WorkerMessage | None:
    header = message.header
    match message.kind:
        case "room":
            return Room(int(header["room"]), int(header["taken"]))
        case "accepted":
            return Accepted(str(header["id"]))
        case "step":
            preview = message.blobs[0] if message.blobs else None
            return Stepped(str(header["id"]), int(header["step"]), int(header["total"]), preview)
        case "done":
            picture = RenderedPicture(
                data=message.blobs[0],
                media_type=str(header["media_type"]),
                width=int(header["width"]),
                height=int(header["height"]),
                recipe=Recipe.from_json(header["recipe"]),
                device_seconds=float(header["device_seconds"]),
                metrics={str(k): float(v) for k, v in header["metrics"].items()},
            )
            return Finished(str(header["id"]), picture)
        case "failed":
            said, moderated = str(header["sentence"]), bool(header.get("moderated"))
            return JobRefused(str(header["id"]), said, bool(header["retryable"]), moderated)
        case _:
            return None
