"""The real program in its own process: started, killed in every way, and looked for when it should be gone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import psutil

STOPS_IN_S = 30.0


class Victim(StrEnum):
    CHAT = "chat process"
    WORKER = "worker"
    BOTH = "both"
    ASKED = "chat process, by SIGTERM"


class Easel:
    """`easel serve` over one home. `settings` are environment variables without their prefix.

    `before` are words of a command line that run the program: its own place to live in, for example.
    """

    def __init__(self, home: Path, settings: dict[str, str], before: Sequence[str] = ()) -> None:
        self.home = home
        self._before = before
        self._scratch = home.with_name("tmp")
        self._scratch.mkdir()
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("EASEL_")}
        given = {f"EASEL_{key}": value for key, value in (settings | {"HOME": str(home)}).items()}
        self._environment = inherited | given | {"TMPDIR": str(self._scratch), "PYTHONFAULTHANDLER": "1"}
        self._process: asyncio.subprocess.Process | None = None
        self.starts = 0
        self.struck: Victim | None = None
        """Who was struck last."""

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        self.starts += 1
        root = Path(__file__).parents[2]
        with self.home.with_name("serve.log").open("ab") as log:
            log.write(f"--- start {self.starts}\n".encode())
            log.flush()
            self._process = await asyncio.create_subprocess_exec(
                *self._before,
                sys.executable,
                "-m",
                "bot",
                "serve",
                env=self._environment,
                cwd=root,
                stdout=log,
                stderr=log,
            )

    async def ended(self) -> None:
        """Wait until the chat process has ended, by itself or not."""
        if self._process is not None:
            await self._process.wait()

    def last_words(self) -> str:
        return self.home.with_name("serve.log").read_text(errors="replace")[-2000:]

    def log_lines(self) -> list[str]:
        return self.home.with_name("serve.log").read_text(errors="replace").splitlines()

    def strike(self, victim: Victim) -> None:
        """Send the signals, at once; a worker that is not there is replaced by the chat process."""
        workers = self._workers()
        if victim is Victim.WORKER and not workers:
            victim = Victim.CHAT
        self.struck = victim
        if victim is not Victim.WORKER and self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM if victim is Victim.ASKED else signal.SIGKILL)
        if victim in (Victim.WORKER, Victim.BOTH):
            for pid in workers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _workers(self) -> list[int]:
        if self._process is None:
            return []
        try:
            pid = self._process.pid
            return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except OSError:
            with contextlib.suppress(psutil.NoSuchProcess):
                return [child.pid for child in psutil.Process(self._process.pid).children()]
        return []

    async def gone(self) -> int | None:
        """Wait for the end of a chat process that was struck: its exit code, None when it does not end."""
        if self._process is None:
            return 0
        try:
            async with asyncio.timeout(STOPS_IN_S):
                return await self._process.wait()
        except TimeoutError:
            self._process.send_signal(signal.SIGABRT)  # it writes into the log where it hangs
            await asyncio.sleep(1)
            return None
        finally:
            if self._process.returncode is None:
                self._process.kill()
                await self._process.wait()
            self._process = None

    async def stop(self) -> int | None:
        """As whoever runs it stops it."""
        self.strike(Victim.ASKED)
        return await self.gone()

    async def leaks(self) -> list[str]:
        """Processes and scratch folders that are left although the program has gone, after a moment's grace."""
        for _ in range(50):
            found = self._left()
            if not found:
                return []
            await asyncio.sleep(0.1)
        return found

    def _left(self) -> list[str]:
        found = [f"folder {path.name}" for path in self._scratch.iterdir()]
        for process in psutil.process_iter(["pid"]):
            with contextlib.suppress(psutil.Error):
                if process.environ().get("EASEL_HOME") == str(self.home):
                    found.append(f"process {process.pid}: {' '.join(process.cmdline()[-3:])}")
        return found

    async def destroy(self) -> None:
        """Leave nothing behind, whatever has happened."""
        if self.runs:
            self.strike(Victim.BOTH)
            await self.gone()
        for process in psutil.process_iter(["pid"]):
            with contextlib.suppress(psutil.Error):
                if process.environ().get("EASEL_HOME") == str(self.home):
                    process.kill()
