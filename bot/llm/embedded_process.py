"""The process of the embedded language model: started when it is first needed, again when it died, and ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
import sys
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bot.llm.events import EventReader
from bot.llm.pieces import Piece, read_piece
from handlers.errors import LanguageModelError
from imaging.places import without_places

log = logging.getLogger(__name__)

START_TIMEOUT_S = 120.0
SILENCE_S = 60.0


class _Gone(Exception):
    """The process or its connection went away."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the model's process listens, and the key that callers must show."""

    url: str
    key: str


class EmbeddedProcess:
    """Runs `bot.llm.embedded_server`, one at a time.

    Args:
        cache: Folder for the unpacked weights.
        adapter: The trained LoRA; None for the base model as it is.
        used: Is told of the tokens of each completion, read and written.
        on_port: Let it listen on a port of the loopback instead of a socket in a folder of its own.
    """

    def __init__(
        self, cache: Path, adapter: Path | None, used: Callable[[int, int], None], *, threads: int, on_port: bool
    ) -> None:
        self._cache = cache
        self._adapter = adapter
        self._used = used
        self._threads = threads
        self._on_port = on_port
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._lock = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._address: Address | None = None
        self._client: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """End the process."""
        async with self._lock:
            await self._stop()

    async def complete(
        self,
        asked: list[dict[str, str]],
        *,
        max_tokens: int,
        adapter: float,
        slot: int,
        grammar: str | None = None,
        repeat: float = 1.0,
        bias: tuple[tuple[str, float], ...] = (),
        stop: tuple[str, ...] = (),
    ) -> AsyncGenerator[str, None]:
        """Stream one completion; a process that died before the first word is started again, once.

        Args:
            adapter: How much of the adapter is on, 0 to 1.
            slot: Of the runtime; what was read before is kept in each.
            grammar: What may be written, in llama.cpp's GBNF.

        Raises:
            LanguageModelError: it cannot run, or stopped in the middle.
        """
        body: dict[str, Any] = {
            "messages": asked, "max_tokens": max_tokens, "temperature": 0, "stream": True, "cache_prompt": True,
            "id_slot": slot, "repeat_penalty": repeat, "stream_options": {"include_usage": True},
        }  # fmt: skip
        if self._adapter is not None:
            body["lora"] = [{"id": 0, "scale": adapter}]
        if grammar is not None:
            body["grammar"] = grammar
        if bias:
            body["logit_bias"] = [list(one) for one in bias]
        if stop:
            body["stop"] = list(stop)
        for attempt in (1, 2):
            started = False
            try:
                async for piece in self._post(await self.address(), body):
                    started = True
                    yield piece
                return
            except _Gone as error:
                log.warning("the embedded language model went away: %s", error)
                if started or attempt == 2:
                    raise LanguageModelError("The embedded language model stopped; please try again.") from error
                async with self._lock:
                    await self._stop()

    async def _post(self, address: Address, body: dict[str, Any]) -> AsyncIterator[str]:
        assert self._client is not None
        headers = {"Authorization": f"Bearer {address.key}"}
        try:
            async with self._client.post(f"{address.url}/v1/chat/completions", json=body, headers=headers) as answer:
                if answer.status != 200:
                    log.error("the embedded language model answered %s", answer.status)
                    log.debug("it says: %s", (await answer.text())[:300])
                    raise LanguageModelError("The embedded language model could not work on this message.")
                reader = EventReader()
                async for data in answer.content.iter_any():
                    for event in reader.feed(data):
                        if isinstance(event, dict) and (text := self._heard(read_piece(event))):
                            yield text
        except (aiohttp.ClientError, ConnectionError) as error:
            raise _Gone(str(error) or type(error).__name__) from error
        except TimeoutError as error:
            raise LanguageModelError("The embedded language model took too long; please try again.") from error

    def _heard(self, piece: Piece) -> str:
        if piece.error is not None:
            raise _Gone(str(piece.error))
        if piece.usage is not None:
            self._used(*piece.usage)
        return piece.text

    async def address(self) -> Address:
        """Where it listens, once it runs.

        Raises:
            LanguageModelError: when it cannot run here.
        """
        async with self._lock:
            alive = self._process is not None and self._process.returncode is None
            if not alive or self._address is None:
                await self._stop()
                self._address = await self._launch()
            return self._address

    async def _launch(self) -> Address:
        key = secrets.token_hex(16)
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot.llm.embedded_server",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=Path(__file__).parents[2],
        )
        # Nobody else may enter a folder that is made this way.
        self._folder = (
            None if self._on_port else tempfile.TemporaryDirectory(prefix="easel-", ignore_cleanup_errors=True)
        )
        socket = f"{self._folder.name}/llm.sock" if self._folder is not None else ""
        config = {
            "cache": str(self._cache), "adapter": str(self._adapter or ""), "threads": self._threads, "key": key,
            "socket": socket,
        }  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(config).encode() + b"\n")
        try:
            await self._process.stdin.drain()
            line = await asyncio.wait_for(self._process.stdout.readline(), START_TIMEOUT_S)
            answer = json.loads(line)
        except (TimeoutError, ValueError, ConnectionError) as error:
            await self._stop()
            raise LanguageModelError(
                "The embedded language model did not start; `easel doctor` may tell why."
            ) from error
        if "error" in answer:
            await self._stop()
            log.error("the embedded language model cannot run: %s", answer["error"])
            why = without_places(str(answer["error"]))
            raise LanguageModelError(f"The embedded language model cannot run: {why}")
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=SILENCE_S)
        # The runtime closes connections after a stream; reusing one would look like a crash.
        connector: aiohttp.BaseConnector = aiohttp.TCPConnector(force_close=True)
        if socket:
            connector = aiohttp.UnixConnector(socket, force_close=True)
        self._client = aiohttp.ClientSession(timeout=timeout, connector=connector, trust_env=False)
        return Address("http://localhost" if socket else str(answer["address"]), key)

    async def _stop(self) -> None:
        """Leave nothing behind: connection, pipe, process."""
        self._address = None
        if self._client is not None:
            await self._client.close()
            self._client = None
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        if process.returncode is None:
            try:
                await asyncio.wait_for(process.wait(), 2)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
