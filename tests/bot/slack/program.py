"""`easel serve` in a process of its own, configured by its environment alone."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path


class Program:
    """`start` again after `kill` is a restart over the same home."""

    def __init__(self, home: Path, settings: Mapping[str, str]) -> None:
        """`settings` without their prefix."""
        self.home = home
        self._settings = {"HOME": str(home), "WEB_PORT": "0", **settings}
        self._process: asyncio.subprocess.Process | None = None

    @property
    def log(self) -> str:
        return (self.home / "serve.log").read_text(errors="replace")

    async def start(self) -> None:
        inherited = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("EASEL_", "SLACK_")) and "proxy" not in key.lower()
        }
        env = inherited | {f"EASEL_{key}": value for key, value in self._settings.items()}
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "serve.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "serve", env=env, stdout=log, stderr=log, cwd=Path(__file__).parents[3]
            )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def kill(self) -> None:
        """As the kernel does it when memory is short."""
        if self._process is not None:
            if self._process.returncode is None:
                self._process.kill()
            await self._process.wait()
            self._process = None

    async def stop(self) -> int:
        """As a service manager does it; returns the exit status."""
        assert self._process is not None
        self._process.terminate()
        code = await asyncio.wait_for(self._process.wait(), 30)
        self._process = None
        return code

    async def ended(self, seconds: float) -> int:
        """Wait until it ends by itself; returns the exit status."""
        assert self._process is not None
        return await asyncio.wait_for(self._process.wait(), seconds)
