"""One request and the bytes that come back: waits, silences, and when the line is let go."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import aiohttp

from bot.llm.endpoint import MAX_ERROR, Endpoint
from bot.llm.events import EventReader
from bot.llm.hearing import EndpointRefused, Hearing
from bot.llm.patience import Patience
from bot.llm.refusals import Refusal, read_refusal

log = logging.getLogger(__name__)

LET_GO_S: Final = 0.05


class Line:
    """To one endpoint. `clock` in seconds."""

    def __init__(self, endpoint: Endpoint, patience: Patience, clock: Callable[[], float]) -> None:
        self._endpoint = endpoint
        self._patience = patience
        self._clock = clock

    async def heard(self, body: Mapping[str, Any], hearing: Hearing) -> AsyncIterator[list[str]]:
        """The pieces for people, as they come.

        Raises:
            EndpointRefused: an error instead of a reply, or within it.
            TimeoutError: too long a silence, or nothing but thoughts for too long.
            aiohttp.ClientError, OSError, ValueError: the line broke, or never was.
        """
        patience = self._patience
        reader = EventReader()
        posting = self._endpoint.post("chat/completions", body)
        async with asyncio.timeout(patience.first_token_s):
            response = await posting.__aenter__()
        try:
            if response.status != 200:
                raise EndpointRefused(await self._error(response))
            wordless = self._clock() + patience.wordless_s
            while not hearing.done:
                data = await self._next(response, hearing, wordless)
                if data is None:
                    yield hearing.due()
                    continue
                for event in reader.feed(data) if data else reader.close():
                    if pieces := hearing.hear(event):
                        wordless = self._clock() + patience.wordless_s
                        yield pieces
                if not data:
                    return
        finally:
            await _let_go(response)

    async def _next(self, response: aiohttp.ClientResponse, hearing: Hearing, wordless: float) -> bytes | None:
        """More bytes; empty at the end of the line; None when words that were held back are due."""
        patience = self._patience
        if hearing.ended:
            wait = patience.grace_s
        else:
            wait = patience.idle_s if hearing.begun else patience.first_token_s
            wait = max(0.0, min(wait, wordless - self._clock()))
        due = hearing.due_s
        try:
            async with asyncio.timeout(wait if due is None else min(wait, due)):
                data: bytes = await response.content.readany()
                return data
        except TimeoutError:
            if hearing.ended:
                return b""
            if due is not None and due < wait:
                return None
            raise

    async def _error(self, response: aiohttp.ClientResponse) -> Refusal:
        data = b""
        try:
            async with asyncio.timeout(self._patience.idle_s):
                while len(data) < MAX_ERROR and (more := await response.content.read(MAX_ERROR)):
                    data += more
        except (aiohttp.ClientError, TimeoutError):
            log.debug("the error's body did not come whole")
        text = data.decode("utf-8", "replace")
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            body = text
        return read_refusal(response.status, body, response.headers)


async def _let_go(response: aiohttp.ClientResponse) -> None:
    """Keep the connection for the next request where the reply's end is there; what else comes is not waited for."""
    with suppress(aiohttp.ClientError, TimeoutError, OSError):
        async with asyncio.timeout(LET_GO_S):
            while await response.content.read(MAX_ERROR):
                pass
    response.close()
