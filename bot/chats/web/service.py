"""The page on its address: the server that browsers and other platforms' requests come to."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from bot.chats import ChatNotStarted
from bot.chats.web.address import WebAddress
from bot.chats.web.chat import WebChat
from bot.chats.web.connections import Doorman, room
from bot.chats.web.server import Pages, build
from bot.platforms import Routes, Service
from bot.readiness import Readiness
from handlers.commands import COMMANDS
from handlers.model import CommandSpec, Person
from handlers.ports import Handlers

http_log = logging.getLogger(f"{__name__}.http")
http_log.addFilter(lambda record: not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError)))
"""aiohttp's own, without a traceback for each request that is no HTTP: scanners send them all day."""


@dataclass(frozen=True, slots=True)
class About:
    """What the page says of itself: which models answer, honestly, and what to begin with."""

    lines: tuple[str, ...] = ()
    ideas: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ("square",)
    """Of new pictures, of which people may choose."""
    share_days: int = 0
    """How long a link to a thread may be good; 0: there are none."""

    def to_json(self) -> dict[str, Any]:
        return {
            "lines": list(self.lines),
            "ideas": list(self.ideas),
            "shapes": list(self.shapes),
            "share_days": self.share_days,
        }


class WebService(Service):
    """The web page and its server."""

    def __init__(
        self,
        chat: WebChat,
        handlers: Handlers,
        address: WebAddress,
        *,
        max_upload_bytes: int,
        readiness: Callable[[], Awaitable[Readiness]] | None = None,
        metrics: Callable[[], bytes] = bytes,
        about: About | None = None,
        routes: Mapping[str, Routes] | None = None,
        commands: Sequence[CommandSpec] = COMMANDS,
    ) -> None:
        self._chat = chat
        self._handlers = handlers
        self._address = address
        self._routes = routes or {}
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self.doorman = Doorman(room(), is_proxy=chat.visitors.is_proxy)
        self.port = 0
        said = (about or About()).to_json()
        self._pages = Pages(chat, self.doorman, readiness or _nothing_wrong, metrics, max_upload_bytes, said, commands)

    @property
    def chat(self) -> WebChat:
        return self._chat

    async def start(self) -> None:
        await self.chat.begin(self._handlers)
        server = build(self._pages)
        for add_routes in self._routes.values():
            add_routes(server)
        # Nothing of a browser comes compressed, and small bodies that unfold to large ones never do.
        self._runner = web.AppRunner(
            server, access_log=None, shutdown_timeout=2.0, auto_decompress=False, logger=http_log
        )
        await self._runner.setup()
        try:
            self._server = await self._listen(self._runner)
        except OSError as error:
            await self._runner.cleanup()
            # asyncio puts a sentence of its own in place of the system's word.
            why = os.strerror(error.errno).lower() if error.errno else str(error)
            raise ChatNotStarted(
                f"Port {self._address.port} on {self._address.host} cannot be used: {why}. "
                "Choose another with --port or EASEL_WEB_PORT."
            ) from None
        self.port = int(self._server.sockets[0].getsockname()[1])
        self.doorman.open()
        self.chat.resume()

    async def _listen(self, runner: web.AppRunner) -> asyncio.Server:
        factory = runner.server
        assert factory is not None
        loop = asyncio.get_running_loop()
        return await loop.create_server(self.doorman.guard(factory), self._address.host, self._address.port)

    async def stop(self) -> None:
        self.chat.hub.close()
        self.doorman.close()
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        await self.chat.close()

    async def problem(self) -> str | None:
        return None if self._runner is not None else "The web page is not running."

    async def forget(self, person: Person) -> None:
        self.chat.names.forget(person.id)
        await self.chat.residents.forget(person)

    @property
    def url(self) -> str:
        host = f"[{self._address.host}]" if ":" in self._address.host else self._address.host
        return f"http://{host}:{self.port}/"

    @property
    def host_url(self) -> str:
        """The same for whoever may read the home: with a key, so that they are told more."""
        return self.url.replace("://", f"://host:{self.chat.gate.host_key}@", 1)


async def _nothing_wrong() -> Readiness:
    return Readiness()
