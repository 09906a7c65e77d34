"""A few processes that open pictures from outside, so that none of these can stall or end the program.

Each process limits its own memory and processor time (`imaging.decoding.child`), and is killed here when it does
not answer in time. Who sends a deadly file gets a sentence; the next file gets a new process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from imaging.decoding.child import MEMORY_REASON, read_frame, write_frame
from imaging.decoding.scan import BROKEN
from imaging.errors import BadPicture
from imaging.model import CleanUpload

R = TypeVar("R")
log = logging.getLogger(__name__)

TOO_LONG = "The picture takes too long to open; please save it again as an ordinary PNG or JPEG and send that."
TOO_MUCH = "The picture needs too much memory to open; please send a smaller one."


class Closed(Exception):
    """The program is stopping; the file was not looked at, or not to its end."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What one file may cost."""

    memory: int = 1 << 30
    """Bytes of address space; a lossless WebP of 25 megapixels, the costliest picture taken, needs over half of it."""
    cpu_s: int = 10
    """Seconds of processor time, where the platform counts it."""
    wall_s: float = 30.0
    """Seconds until a process is killed that has not answered."""


class Decoders:
    """Opens pictures, `size` at a time; more wait. Nothing is started before the first one comes."""

    def __init__(self, size: int = 2, budget: Budget | None = None) -> None:
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="decode")
        self._budget = budget or Budget()
        self._owners: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._mine = threading.local()
        self._processes: set[_Process] = set()
        self._closed = False

    async def read(self, data: bytes, *, owner: str) -> CleanUpload:
        """See `imaging.decoding.uploads.read_upload`. Files of one owner are opened one after another, so that a person
        whose files take long does not keep everybody's waiting.

        Raises:
            BadPicture: the file's fault, or it cost too much to open; one sentence.
            Closed: try again with the next start.
        """
        async with self._owners.setdefault(owner, asyncio.Lock()):
            return await asyncio.wrap_future(self._submit(data, {}, _understood))

    async def ask(self, data: bytes, work: str, options: dict[str, Any], *, owner: str) -> dict[str, Any]:
        """What other work of ours finds out about a file; the rest as `read`.

        Args:
            work: `module:function`, which takes the file and `options` and answers with what JSON can hold.
        """
        async with self._owners.setdefault(owner, asyncio.Lock()):
            return await asyncio.wrap_future(self._submit(data, {"work": work, "options": options}, _told))

    def ask_now(self, data: bytes, work: str, options: dict[str, Any]) -> dict[str, Any]:
        """The same, for threads."""
        return self._submit(data, {"work": work, "options": options}, _told).result()

    def read_now(self, data: bytes, **options: Any) -> CleanUpload:
        """The same, for threads."""
        return self._submit(data, options, _understood).result()

    def _submit(self, data: bytes, asked: dict[str, Any], answer: Callable[[dict[str, Any], bytes], R]) -> Future[R]:
        try:
            return self._threads.submit(self._read, data, asked, answer)
        except RuntimeError as error:  # shut down
            raise Closed from error

    def close(self) -> None:
        """End the processes; whoever waits for one is told that this is the end."""
        self._closed = True
        for process in list(self._processes):
            process.kill()
        self._threads.shutdown(wait=True, cancel_futures=False)
        for process in list(self._processes):
            process.bury()
        self._processes.clear()

    def _read(self, data: bytes, asked: dict[str, Any], answer: Callable[[dict[str, Any], bytes], R]) -> R:
        if self._closed:
            raise Closed
        process: _Process | None = getattr(self._mine, "process", None)
        if process is None or not process.alive:
            process = self._mine.process = self._started()
        try:
            header, blob = process.ask(asked, data, self._budget.wall_s)
        except _Gone as gone:
            self._let_go(process)
            if self._closed:
                raise Closed from gone
            log.warning("a picture of %d bytes ended the process that opened it: %s", len(data), gone)
            raise BadPicture(gone.sentence) from gone
        if header.get("last"):
            self._let_go(process)
            process.bury()
        if "refused" in header:
            raise BadPicture(header["refused"])
        if "reason" in header:
            log.warning("a picture of %d bytes could not be opened: %s", len(data), header["reason"])
            raise BadPicture(TOO_MUCH if header["reason"] == MEMORY_REASON else BROKEN)
        return answer(header, blob)

    def _let_go(self, process: _Process) -> None:
        self._processes.discard(process)
        self._mine.process = None

    def _started(self) -> _Process:
        process = _Process(self._budget)
        self._processes.add(process)
        if self._closed:  # meanwhile: the others are dead by now
            process.kill()
        return process


class _Gone(Exception):
    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(reason)
        self.sentence = sentence


class _Process:
    def __init__(self, budget: Budget) -> None:
        root = str(Path(__file__).resolve().parents[2])
        paths = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
        # No token of the program's own environment goes along; -P: no module from the folder that Easel was started in,
        # where others may have put one.
        known = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT") if name in os.environ}
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "imaging.decoding.child", str(budget.memory), str(budget.cpu_s)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**known, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}, start_new_session=True,
        )  # fmt: skip
        self._overdue = False

    @property
    def alive(self) -> bool:
        return self._child.poll() is None

    def ask(self, header: dict[str, Any], data: bytes, wall_s: float) -> tuple[dict[str, Any], bytes]:
        """
        Raises:
            _Gone: the process has died over it.
        """
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        late = threading.Timer(wall_s, self._expire)
        late.start()
        try:
            write_frame(self._child.stdin, header, data)
            answer = read_frame(self._child.stdout)
        except (OSError, ValueError):
            answer = None
        finally:
            late.cancel()
        if answer is None:
            self.kill()
            raise self._gone()
        return answer

    def _expire(self) -> None:
        self._overdue = True
        self.kill()

    def _gone(self) -> _Gone:
        code = self.bury()
        if self._overdue:
            return _Gone("it did not answer in time", TOO_LONG)
        if hasattr(signal, "SIGXCPU") and code == -signal.SIGXCPU:
            return _Gone("its processor time was used up", TOO_LONG)
        return _Gone(f"it ended with {code}", BROKEN)

    def kill(self) -> None:
        self._child.kill()

    def bury(self) -> int:
        """Wait for the end; returns the exit status."""
        code = self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        return code


def _understood(header: dict[str, Any], blob: bytes) -> CleanUpload:
    return CleanUpload(blob, header["width"], header["height"], tuple(header["notes"]))


def _told(header: dict[str, Any], blob: bytes) -> dict[str, Any]:
    return header
