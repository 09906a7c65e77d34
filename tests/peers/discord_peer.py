"""A small Discord on the loopback: REST, gateway and CDN, with what goes wrong there on demand.

One server with one text channel, two people and Ann's direct messages; more servers can be added. It answers in
Discord's shapes, and refuses what Discord refuses where a bot would notice: wrong tokens, unknown messages, enforced
nonces, archived and locked threads, too large files, too many requests, limits of Components V2.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.peers.discord_rest import NAMES, TOKEN, Fault, Rest
from tests.peers.discord_shapes import ANN, APP, BEN, BOT, CHANNEL, CLEO, DIRECT, GUILD, Json

__all__ = ["ANN", "APP", "BEN", "BOT", "CHANNEL", "CLEO", "DIRECT", "GUILD", "TOKEN", "DiscordPeer", "Json"]


class DiscordPeer(Rest):
    def __init__(self, *, heartbeat_interval_ms: int = 40_000, shards: int = 1) -> None:
        super().__init__(heartbeat_interval_ms=heartbeat_interval_ms, shards=shards)
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._runner: web.AppRunner | None = None

    # --------------------------------------------------------------- lifetime

    async def start(self) -> None:
        app = web.Application(middlewares=[self._gate], client_max_size=64 * 2**20)
        app.router.add_get("/gateway-socket", self._socket)
        app.router.add_get("/gateway-socket/", self._socket)
        app.router.add_get("/cdn/{id}/{name}", self._file)
        for method, path, handler in self._routes():
            app.router.add_route(method, "/api" + path, handler)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        for session in self.sessions.values():
            if session.socket is not None:
                await session.socket.close()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def gateway(self) -> str:
        return f"ws://127.0.0.1:{self.port}/gateway-socket"

    # ---------------------------------------------------------- what tests do

    def fail(
        self, method: str, part: str, status: int, body: Json | None = None, *, times: int = 1, **headers: str
    ) -> None:
        """Requests of `method` whose path contains `part` fail so often."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        self._faults.append(Fault(method, part, status, body or {"code": 0, "message": "no"}, names, times))

    def add_server(self, id: str, channel: str) -> None:
        """Before the bot connects."""
        self.servers[id] = channel
        self.messages[channel] = {}

    async def say(self, text: str, channel: str = CHANNEL, *, by: str = ANN, **more: Any) -> Json:
        """Somebody writes a message; everybody who is connected hears it."""
        message = self._message(channel, self.person(by, NAMES[by]), text) | more
        if f"<@{BOT}>" in text:
            message["mentions"] = [self.person(BOT, "easel", bot=True)]
        self.messages[channel][message["id"]] = message
        around = {} if channel == DIRECT else {"guild_id": self.server_of(channel), "member": self._member()}
        await self.dispatch("MESSAGE_CREATE", message | around)
        return message

    async def react(self, message: Json, emoji: str, *, by: str = ANN, given: bool = True) -> None:
        """Somebody reacts to a message, or takes it back."""
        event: Json = {
            "user_id": by, "channel_id": message["channel_id"], "message_id": message["id"], "burst": False,
            "guild_id": self.server_of(message["channel_id"]), "emoji": {"id": None, "name": emoji}, "type": 0,
        }  # fmt: skip
        if given:
            member = self._member() | {"user": self.person(by, NAMES[by])}
            event |= {"member": member, "message_author_id": message["author"]["id"]}
        await self.dispatch("MESSAGE_REACTION_ADD" if given else "MESSAGE_REACTION_REMOVE", event)

    async def click(self, message: Json, custom_id: str, *, by: str = ANN, permissions: int = 0) -> None:
        """Somebody presses a button; `permissions` are theirs in the channel."""
        data = {"component_type": 2, "custom_id": custom_id}
        member = self._member() | {"user": self.person(by, NAMES[by]), "permissions": str(permissions)}
        await self._interact(3, data, message["channel_id"], message=message, member=member)

    async def slash(self, name: str, *, server: str = GUILD, channel: str = CHANNEL, **options: str) -> None:
        """Ann gives a command; in another `server` than ours, as one who installed the bot for herself."""
        given = [{"name": key, "type": 3, "value": value} for key, value in options.items()]
        await self._interact(
            2,
            {"id": "1", "name": name, "type": 1, "options": given},
            channel,
            guild_id=server,
            authorizing_integration_owners={"0": server} if server in self.servers else {"1": ANN},
        )

    async def _interact(self, kind: int, data: Json, channel: str, **more: Any) -> None:
        id = self._next()
        event = {
            "id": id, "application_id": APP, "type": kind, "token": f"hook{self._next()}", "version": 1,
            "guild_id": GUILD, "channel_id": channel, "channel": self._channel(channel), "data": data,
            "member": self._member() | {"user": self.person(ANN, "ann"), "permissions": "0"}, "locale": "en-US",
            "app_permissions": str(self.permissions), "entitlements": [], "context": 0,
            "authorizing_integration_owners": {"0": GUILD}, "attachment_size_limit": self.upload_limit,
        }  # fmt: skip
        self._asked[id] = asyncio.get_running_loop().time()
        await self.dispatch("INTERACTION_CREATE", event | more)

    async def archive(self, thread: str, *, locked: bool = False) -> None:
        """Nobody wrote for long, or a moderator closed it."""
        self.threads[thread]["thread_metadata"] |= {"archived": True, "locked": locked}
        await self.dispatch("THREAD_UPDATE", self.threads[thread])

    async def kick(self, server: str = GUILD) -> None:
        """The bot has to leave a server."""
        del self.servers[server]
        await self.dispatch("GUILD_DELETE", {"id": server, "guild_id": server})

    async def until(self, condition: Callable[[], bool], timeout_s: float = 20) -> None:
        """Wait until what has happened makes the condition true."""
        if condition():
            return
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((condition, future))
        await asyncio.wait_for(future, timeout_s)

    def changed(self) -> None:
        """Something happened: let those who wait look again."""
        for condition, future in self._waiting:
            if not future.done() and condition():
                future.set_result(None)
        self._waiting = [(condition, future) for condition, future in self._waiting if not future.done()]

    def said(self, channel: str) -> list[Json]:
        """The bot's messages there, oldest first."""
        return [m for m in self.messages.get(channel, {}).values() if m["author"]["id"] == BOT]

    def forget_nonces(self) -> None:
        """Some minutes pass: a message that is sent again is another one now."""
        self._nonces.clear()

    def bytes_of(self, attachment: Json) -> bytes:
        return self.files[attachment["id"]]
