"""Socket Mode's side of the loopback Slack: hello, envelopes and acks, refresh, hard closes, deaf and mute sockets."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

from aiohttp import WSMsgType, web

Json = dict[str, Any]
TEAM, BOT_USER = "T1", "UBOT"
ACK_S = 3.0
"""Slack waits so long for an acknowledgement, and delivers again without one."""


class Sockets:
    """Every connection, and every envelope pushed into the newest one.

    `say_hello=False`: connections that come are never greeted and get nothing. `mute=True`: they answer no ping.
    """

    def __init__(self, changed: asyncio.Condition) -> None:
        self._changed = changed
        self._open: list[web.WebSocketResponse] = []
        self._names = itertools.count(1)
        self.connections = 0
        self.say_hello = True
        self.mute = False
        self.acks: dict[str, Json] = {}
        self.pushed_at: dict[str, float] = {}
        self.late: list[str] = []
        """Envelopes whose ack took longer than Slack waits, by this side's clock."""
        self.slowest_ack_s = 0.0
        self.waits: list[float] = []
        """Of every envelope for its ack, in seconds."""

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=not self.mute)
        await socket.prepare(request)
        self.connections += 1
        if self.say_hello:
            await socket.send_json({"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A1"}})
            self._open.append(socket)
        await self.notify()
        async for message in socket:
            if message.type is WSMsgType.TEXT and message.data.startswith("{"):
                self._acknowledged(json.loads(message.data))
                await self.notify()
        if socket in self._open:
            self._open.remove(socket)
        return socket

    def _acknowledged(self, data: Json) -> None:
        name = data["envelope_id"]
        waited = asyncio.get_running_loop().time() - self.pushed_at[name]
        self.slowest_ack_s = max(self.slowest_ack_s, waited)
        self.waits.append(waited)
        if waited > ACK_S:
            self.late.append(name)
        self.acks[name] = data.get("payload") or {}

    async def notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _newest(self) -> web.WebSocketResponse:
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(lambda: any(not socket.closed for socket in self._open)), 60)
        return next(socket for socket in reversed(self._open) if not socket.closed)

    async def push(self, kind: str, payload: Json, *, envelope: str | None = None, retry: int = 0) -> str:
        """One envelope; `retry`: the how manieth delivery after the first it is."""
        name = envelope or f"e{next(self._names)}"
        socket = await self._newest()
        self.pushed_at[name] = asyncio.get_running_loop().time()
        again = {"retry_attempt": retry, "retry_reason": "timeout"} if retry else {}
        await socket.send_json(
            {"envelope_id": name, "type": kind, "payload": payload, "accepts_response_payload": True, **again}
        )
        return name

    # What goes wrong

    async def refresh(self, reason: str = "refresh_requested") -> None:
        """Slack asks for a new connection; this one goes a moment later."""
        socket = await self._newest()
        await socket.send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": "peer"}})

    async def close(self) -> None:
        """All of them, as the protocol wants it."""
        for socket in tuple(self._open):
            await socket.close()

    def cut(self) -> None:
        """All of them, as a broken network does it: no goodbye."""
        for socket in self._open:
            transport = socket._req.transport if socket._req is not None else None  # aiohttp offers no other way
            if transport is not None:
                transport.abort()
        self._open.clear()


def event_payload(event: Json, event_id: str, **more: Any) -> Json:
    """An event as Slack wraps it."""
    auth = [{"team_id": TEAM, "user_id": BOT_USER, "is_bot": True, "is_enterprise_install": False}]
    return {
        "type": "event_callback", "team_id": TEAM, "api_app_id": "A1", "event": event, "event_id": event_id,
        "authorizations": auth, **more,
    }  # fmt: skip
