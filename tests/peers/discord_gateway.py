"""The gateway side of the Discord peer: sessions, shards, heartbeats, and what is replayed to who resumes."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from tests.peers import discord_shapes as shapes
from tests.peers.discord_shapes import APP, BOT, Json

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, REQUEST_MEMBERS = 0, 1, 2, 6, 7, 8
INVALID_SESSION, HELLO, ACK = 9, 10, 11
BAD_TOKEN, NOT_PRIVILEGED = 4004, 4014


@dataclass
class Session:
    events: list[Json] = field(default_factory=list)
    socket: web.WebSocketResponse | None = None
    shard: int = 0
    silent: bool = False
    """Heartbeats are answered, but nothing that happens is told, nor kept for a resume."""


class Gateway:
    """What a bot is connected to; `DiscordPeer` has the rest."""

    def __init__(self, token: str, *, heartbeat_interval_ms: int, shards: int) -> None:
        self.token = token
        """The one that is good; change it to revoke the bot's."""
        self.heartbeat_interval_ms = heartbeat_interval_ms
        self.shards = shards
        self.sessions: dict[str, Session] = {}
        self.sockets: list[web.WebSocketResponse] = []
        """All that are open, with a session or without."""
        self.identified = 0
        self.resumed = 0
        self.asked = 0
        """How often a bot asked for members of a server."""
        self.deaf = False
        """Heartbeats get no answer."""
        self.shut = False
        """The gateway takes nobody in."""
        self.stalled = False
        """The gateway does not answer who comes."""
        self.privileged = True
        """Whether the message content intent is approved."""
        self.public = False
        """Whether anybody may add the bot."""
        self.intents = 0
        """What the bot asked for last."""

    @property
    def gateway(self) -> str:
        raise NotImplementedError

    def servers_of(self, shard: int) -> Iterator[Json]:
        """The servers that a shard is told of, whole."""
        raise NotImplementedError

    def changed(self) -> None:
        raise NotImplementedError

    # ---------------------------------------------------------- what tests do

    async def drop(self, code: int = 4000) -> None:
        """Cut the connection; what happens meanwhile is replayed to a session that resumes."""
        for session in self.sessions.values():
            if session.socket is not None:
                socket, session.socket = session.socket, None
                await socket.close(code=code)

    async def ask_to_reconnect(self) -> None:
        """As Discord does before it takes a gateway down."""
        for session in self.sessions.values():
            if session.socket is not None:
                await session.socket.send_json({"op": RECONNECT, "d": None})

    async def forget_sessions(self) -> None:
        """Cut the connection; what a resume asks for is not known any more."""
        self.sessions.clear()
        for socket in list(self.sockets):
            await socket.close(code=4000)

    def fall_silent(self) -> None:
        """The sessions of now stay open and tell nothing any more."""
        for session in self.sessions.values():
            session.silent = True

    async def dispatch(self, name: str, data: Json) -> None:
        """Tell an event to the shard whose it is."""
        guild = data.get("guild_id")
        shard = (int(guild) >> 22) % self.shards if guild is not None else 0
        for session in list(self.sessions.values()):
            if session.shard == shard:
                await self._tell(session, name, data)
        self.changed()

    async def _tell(self, session: Session, name: str, data: Json) -> None:
        if session.silent:
            return
        event = {"op": DISPATCH, "t": name, "s": len(session.events) + 1, "d": shapes.outward(data)}
        session.events.append(event)
        if session.socket is not None and not session.socket.closed:
            with contextlib.suppress(ConnectionError):  # it is just going away
                await session.socket.send_json(event)

    # ------------------------------------------------------------- the socket

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        if self.stalled:
            await asyncio.Event().wait()
        if self.shut:
            raise web.HTTPServiceUnavailable
        socket = web.WebSocketResponse(max_msg_size=2**20)
        await socket.prepare(request)
        await socket.send_json({"op": HELLO, "d": {"heartbeat_interval": self.heartbeat_interval_ms}})
        self.sockets.append(socket)
        async for frame in socket:
            if frame.type is not WSMsgType.TEXT:
                continue
            payload = json.loads(frame.data)
            match payload["op"]:
                case op if op == HEARTBEAT and not self.deaf:
                    await socket.send_json({"op": ACK})
                case op if op == IDENTIFY:
                    await self._identify(socket, payload["d"])
                case op if op == RESUME:
                    await self._resume(socket, payload["d"])
                case op if op == REQUEST_MEMBERS:
                    await self._members(socket, payload["d"])
        self.sockets.remove(socket)
        return socket

    async def _identify(self, socket: web.WebSocketResponse, data: Json) -> None:
        if data["token"] != self.token:
            await socket.close(code=BAD_TOKEN)
            return
        self.intents = data["intents"]
        if not self.privileged and self.intents & (1 << 15):
            await socket.close(code=NOT_PRIVILEGED)
            return
        shard, of = data.get("shard") or (0, 1)
        assert of == self.shards
        for id, known in list(self.sessions.items()):
            if known.shard == shard:
                del self.sessions[id]
        self.identified += 1
        id = f"session{self.identified}"
        session = self.sessions[id] = Session([], socket, shard)
        servers = list(self.servers_of(shard))
        ready = {
            "v": 10, "user": shapes.person(BOT, "easel", bot=True), "session_id": id, "shard": [shard, of],
            "guilds": [{"id": server["id"], "unavailable": True} for server in servers],
            "resume_gateway_url": self.gateway, "application": {"id": APP, "flags": 0},
        }  # fmt: skip
        await self._tell(session, "READY", ready)
        for server in servers:
            await self._tell(session, "GUILD_CREATE", server)
        self.changed()

    async def _members(self, socket: web.WebSocketResponse, data: Json) -> None:
        """Named members of a server: that takes no privileged intent."""
        self.asked += 1
        found = [
            shapes.member() | {"user": shapes.person(BOT, "easel", bot=True)}
            for id in data["user_ids"]
            if str(id) == BOT
        ]
        chunk = {
            "guild_id": str(data["guild_id"]), "members": found, "chunk_index": 0, "chunk_count": 1,
            "nonce": data.get("nonce"),
        }  # fmt: skip
        for session in list(self.sessions.values()):
            if session.socket is socket:
                await self._tell(session, "GUILD_MEMBERS_CHUNK", chunk)
        self.changed()

    async def _resume(self, socket: web.WebSocketResponse, data: Json) -> None:
        session = self.sessions.get(data["session_id"])
        if session is None or data["token"] != self.token:
            await socket.send_json({"op": INVALID_SESSION, "d": False})
            return
        self.resumed += 1
        session.socket = socket
        for event in session.events[data["seq"] :]:
            await socket.send_json(event)
        await self._tell(session, "RESUMED", {})
        self.changed()
