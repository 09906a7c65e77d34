"""A small Discord on the loopback: REST, gateway and CDN, with what goes wrong there on demand.

One server with one text channel and one person. It answers in Discord's shapes, and refuses what Discord refuses
where a bot would notice: wrong tokens, unknown messages, enforced nonces, limits of Components V2.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import WSMsgType, web

APP, BOT, GUILD, CHANNEL, ANN = "1000", "1000", "2000", "3000", "4000"
TOKEN = "right-token"
COMPONENTS_V2 = 1 << 15
HELLO, RESUMED_TOO_LATE = 10, 9
IDENTIFY, RESUME, HEARTBEAT, ACK = 2, 6, 1, 11

Json = dict[str, Any]


@dataclass
class Fault:
    """The next `times` matching requests fail."""

    method: str
    part: str
    status: int
    body: Json
    headers: dict[str, str]
    times: int


@dataclass
class Session:
    events: list[Json] = field(default_factory=list)
    socket: web.WebSocketResponse | None = None


class DiscordPeer:
    def __init__(self, *, heartbeat_interval_ms: int = 40_000) -> None:
        self.heartbeat_interval_ms = heartbeat_interval_ms
        self.messages: dict[str, dict[str, Json]] = {CHANNEL: {}}
        self.threads: dict[str, Json] = {}
        self.files: dict[str, bytes] = {}
        self.commands: list[Json] = []
        self.synced = 0
        self.callbacks: list[Json] = []
        self.sessions: dict[str, Session] = {}
        self.identified = 0
        self.resumed = 0
        self.deaf = False
        """Heartbeats get no answer."""
        self.shut = False
        """The gateway takes nobody in."""
        self.privileged = True
        """Whether the message content intent is approved."""
        self.requests: list[tuple[str, str]] = []
        self._faults: list[Fault] = []
        self._nonces: dict[tuple[str, str], str] = {}
        self._last_id = 0
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._runner: web.AppRunner | None = None
        self.port = 0

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

    @property
    def cdn(self) -> str:
        return f"http://127.0.0.1:{self.port}/cdn"

    def _routes(self) -> list[tuple[str, str, Callable[[web.Request], Any]]]:
        message = "/channels/{channel}/messages/{message}"
        hook = "/webhooks/{app}/{token}"
        return [
            ("GET", "/users/@me", self._me),
            ("GET", "/oauth2/applications/@me", self._application),
            ("GET", "/gateway/bot", self._gateway_bot),
            ("PUT", "/applications/{app}/commands", self._put_commands),
            ("GET", "/channels/{channel}", self._get_channel),
            ("PATCH", "/channels/{channel}", self._get_channel),
            ("GET", "/channels/{channel}/messages", self._history),
            ("POST", "/channels/{channel}/messages", self._create),
            ("GET", message, self._get),
            ("PATCH", message, self._edit),
            ("DELETE", message, self._delete),
            ("POST", message + "/threads", self._open_thread),
            ("POST", "/interactions/{id}/{token}/callback", self._callback),
            ("POST", hook, self._followup),
            ("PATCH", hook + "/messages/@original", self._followup),
            ("GET", hook + "/messages/{message}", self._get),
            ("PATCH", hook + "/messages/{message}", self._edit),
        ]

    # ---------------------------------------------------------- what tests do

    def fail(
        self, method: str, part: str, status: int, body: Json | None = None, *, times: int = 1, **headers: str
    ) -> None:
        """Requests of `method` whose path contains `part` fail so often."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        self._faults.append(Fault(method, part, status, body or {"code": 0, "message": "no"}, names, times))

    async def say(self, text: str, channel: str = CHANNEL, **more: Any) -> Json:
        """Ann writes a message; everybody who is connected hears it."""
        message = self._message(channel, self.person(ANN, "ann"), text) | more
        if f"<@{BOT}>" in text:
            message["mentions"] = [self.person(BOT, "easel", bot=True)]
        self.messages[channel][message["id"]] = message
        await self.dispatch("MESSAGE_CREATE", message | {"guild_id": GUILD, "member": self._member()})
        return message

    async def click(self, message: Json, custom_id: str) -> None:
        """Ann presses a button."""
        data = {"component_type": 2, "custom_id": custom_id}
        await self._interact(3, data, message["channel_id"], message=message)

    async def slash(self, name: str, *, server: str = GUILD, **options: str) -> None:
        """Ann gives a command; in another `server` than ours, as one who installed the bot for herself."""
        given = [{"name": key, "type": 3, "value": value} for key, value in options.items()]
        await self._interact(
            2,
            {"id": "1", "name": name, "type": 1, "options": given},
            CHANNEL,
            guild_id=server,
            authorizing_integration_owners={"0": GUILD} if server == GUILD else {"1": ANN},
        )

    async def _interact(self, kind: int, data: Json, channel: str, **more: Any) -> None:
        event = {
            "id": self._next(), "application_id": APP, "type": kind, "token": f"hook{self._next()}", "version": 1,
            "guild_id": GUILD, "channel_id": channel, "channel": self._channel(channel), "data": data,
            "member": self._member() | {"user": self.person(ANN, "ann"), "permissions": "0"}, "locale": "en-US",
            "app_permissions": "8", "entitlements": [], "authorizing_integration_owners": {"0": GUILD}, "context": 0,
            "attachment_size_limit": 10 * 2**20,
        }  # fmt: skip
        await self.dispatch("INTERACTION_CREATE", event | more)

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

    def said(self, channel: str) -> list[Json]:
        """The bot's messages there, oldest first."""
        return [m for m in self.messages.get(channel, {}).values() if m["author"]["id"] == BOT]

    def bytes_of(self, attachment: Json) -> bytes:
        return self.files[attachment["id"]]

    async def drop(self, code: int = 4000) -> None:
        """Cut the connection; what happens meanwhile is replayed to a session that resumes."""
        for session in self.sessions.values():
            if session.socket is not None:
                socket, session.socket = session.socket, None
                await socket.close(code=code)

    async def dispatch(self, name: str, data: Json) -> None:
        for session in self.sessions.values():
            event = {"op": 0, "t": name, "s": len(session.events) + 1, "d": data}
            session.events.append(event)
            if session.socket is not None and not session.socket.closed:
                with contextlib.suppress(ConnectionError):  # it is just going away
                    await session.socket.send_json(event)
        self.changed()

    # ------------------------------------------------------------------ shapes

    def next_id(self) -> str:
        """For a message that is given its id before it is said."""
        return self._next()

    def _next(self) -> str:
        """Ids carry the time, as Discord's do: catching up compares them."""
        now = int(datetime.now(UTC).timestamp() * 1000 - 1420070400000) << 22
        self._last_id = max(self._last_id + 1, now)
        return str(self._last_id)

    @staticmethod
    def person(id: str, name: str, *, bot: bool = False) -> Json:
        return {
            "id": id,
            "username": name,
            "global_name": name.title(),
            "discriminator": "0",
            "avatar": None,
            "bot": bot,
        }

    @staticmethod
    def _member() -> Json:
        return {"roles": [], "joined_at": "2026-01-01T00:00:00+00:00", "deaf": False, "mute": False, "flags": 0}

    def _message(self, channel: str, author: Json, content: str) -> Json:
        return {
            "id": self._next(), "channel_id": channel, "author": author, "content": content, "type": 0, "flags": 0,
            "timestamp": datetime.now(UTC).isoformat(), "edited_timestamp": None, "tts": False, "pinned": False,
            "mention_everyone": False, "mentions": [], "mention_roles": [], "attachments": [], "embeds": [],
            "components": [],
        }  # fmt: skip

    def _channel(self, id: str) -> Json:
        if id in self.threads:
            return self.threads[id]
        return {
            "id": CHANNEL, "guild_id": GUILD, "type": 0, "name": "ideas", "position": 0, "permission_overwrites": [],
            "nsfw": False, "rate_limit_per_user": 0, "topic": None, "parent_id": None, "last_message_id": None,
        }  # fmt: skip

    def _guild(self) -> Json:
        everyone = {
            "id": GUILD, "name": "@everyone", "permissions": str((1 << 50) - 1), "position": 0, "color": 0,
            "hoist": False, "managed": False, "mentionable": False,
        }  # fmt: skip
        me = self._member() | {"user": self.person(BOT, "easel", bot=True)}
        threads = [thread | {"last_message_id": self._last(id)} for id, thread in self.threads.items()]
        return {
            "id": GUILD, "name": "Studio", "owner_id": ANN, "roles": [everyone],
            "channels": [self._channel(CHANNEL) | {"last_message_id": self._last(CHANNEL)}],
            "members": [me], "threads": threads, "emojis": [], "stickers": [], "features": [], "presences": [],
            "voice_states": [], "stage_instances": [], "guild_scheduled_events": [], "soundboard_sounds": [],
            "member_count": 2, "large": False, "premium_tier": 0, "verification_level": 0,
            "default_message_notifications": 0, "explicit_content_filter": 0, "mfa_level": 0, "afk_timeout": 0,
            "nsfw_level": 0, "preferred_locale": "en-US", "system_channel_flags": 0, "unavailable": False,
        }  # fmt: skip

    def _last(self, channel: str) -> str | None:
        return max(self.messages.get(channel, {}), key=int, default=None)

    # ----------------------------------------------------------------- gateway

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        if self.shut:
            raise web.HTTPServiceUnavailable
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"op": HELLO, "d": {"heartbeat_interval": self.heartbeat_interval_ms}})
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
        return socket

    async def _identify(self, socket: web.WebSocketResponse, data: Json) -> None:
        if not self.privileged and data["intents"] & (1 << 15):
            await socket.close(code=4014)
            return
        id = f"session{len(self.sessions)}"
        self.sessions.clear()
        self.sessions[id] = Session([], socket)
        self.identified += 1
        ready = {
            "v": 10, "user": self.person(BOT, "easel", bot=True), "guilds": [{"id": GUILD, "unavailable": True}],
            "session_id": id, "resume_gateway_url": self.gateway, "application": {"id": APP, "flags": 0},
            "shard": [0, 1],
        }  # fmt: skip
        await self.dispatch("READY", ready)
        await self.dispatch("GUILD_CREATE", self._guild())

    async def _resume(self, socket: web.WebSocketResponse, data: Json) -> None:
        session = self.sessions.get(data["session_id"])
        if session is None:
            await socket.send_json({"op": RESUMED_TOO_LATE, "d": False})
            return
        self.resumed += 1
        session.socket = socket
        for event in session.events[data["seq"] :]:
            await socket.send_json(event)
        await self.dispatch("RESUMED", {})

    # -------------------------------------------------------------------- REST

    @web.middleware
    async def _gate(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path.startswith("/api"):
            self.requests.append((request.method, request.path.removeprefix("/api")))
            public = request.path.startswith(("/api/webhooks", "/api/interactions"))
            if not public and request.headers.get("Authorization") != f"Bot {TOKEN}":
                return _refuse(401, 0, "401: Unauthorized")
            for fault in self._faults:
                if fault.times and request.method == fault.method and fault.part in request.path:
                    fault.times -= 1
                    return _json(fault.body, status=fault.status, headers=fault.headers)
        response: web.StreamResponse = await handler(request)
        self.changed()
        return response

    async def _me(self, _: web.Request) -> web.Response:
        return _json(self.person(BOT, "easel", bot=True))

    async def _application(self, _: web.Request) -> web.Response:
        found: Json = {
            "id": APP, "name": "Easel", "description": "", "icon": None, "bot_public": True, "team": None,
            "flags": 1 << 19 if self.privileged else 0, "bot_require_code_grant": False, "verify_key": "",
            "owner": self.person(ANN, "ann"), "rpc_origins": [],
        }  # fmt: skip
        return _json(found)

    async def _gateway_bot(self, _: web.Request) -> web.Response:
        limits = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
        return _json({"url": self.gateway, "shards": 1, "session_start_limit": limits})

    async def _put_commands(self, request: web.Request) -> web.Response:
        self.synced += 1
        extra = {"application_id": APP, "version": "1", "default_member_permissions": None}
        self.commands = [
            {"id": self._next(), "description": "", **command, **extra} for command in await request.json()
        ]
        return _json(self.commands)

    async def _get_channel(self, request: web.Request) -> web.Response:
        return _json(self._channel(request.match_info["channel"]))

    async def _history(self, request: web.Request) -> web.Response:
        after = int(request.query.get("after", 0))
        found = [m for id, m in self.messages[request.match_info["channel"]].items() if int(id) > after]
        newest_first = sorted(found, key=lambda message: -int(message["id"]))
        return _json(newest_first[-int(request.query.get("limit", 50)) :])

    async def _create(self, request: web.Request) -> web.Response:
        channel = request.match_info["channel"]
        body, files = await _body(request)
        if channel not in self.messages:
            return _refuse(404, 10003, "Unknown Channel")
        if problem := _invalid(body):
            return _refuse(400, 50035, problem)
        nonce = channel, str(body.get("nonce"))
        if body.get("enforce_nonce") and nonce in self._nonces:
            return _json(self.messages[channel][self._nonces[nonce]])
        message = self._message(channel, self.person(BOT, "easel", bot=True), body.get("content") or "")
        self._fill(message, body, files)
        self.messages[channel][message["id"]] = message
        self._nonces[nonce] = message["id"]
        return _json(message)

    async def _get(self, request: web.Request) -> web.Response:
        message = self._find(request)
        return _json(message) if message else _refuse(404, 10008, "Unknown Message")

    async def _edit(self, request: web.Request) -> web.Response:
        message = self._find(request)
        body, files = await _body(request)
        if message is None:
            return _refuse(404, 10008, "Unknown Message")
        if problem := _invalid(body):
            return _refuse(400, 50035, problem)
        self._fill(message, body, files)
        message["edited_timestamp"] = datetime.now(UTC).isoformat()
        return _json(message)

    async def _delete(self, request: web.Request) -> web.Response:
        self.messages[request.match_info["channel"]].pop(request.match_info["message"], None)
        return web.Response(status=204)

    def _find(self, request: web.Request) -> Json | None:
        wanted = request.match_info["message"]
        if "channel" in request.match_info:
            return self.messages.get(request.match_info["channel"], {}).get(wanted)
        return next((found[wanted] for found in self.messages.values() if wanted in found), None)

    def _fill(self, message: Json, body: Json, files: dict[str, tuple[str, bytes]]) -> None:
        message["content"] = body.get("content") or message["content"]
        message["components"] = body.get("components", message["components"])
        message["flags"] = body.get("flags", message["flags"])
        if "attachments" in body:
            there = {attachment["id"]: attachment for attachment in message["attachments"]}
            message["attachments"] = [
                there[str(entry["id"])] if str(entry["id"]) in there else self._keep(entry, files)
                for entry in body["attachments"]
            ]

    def _keep(self, entry: Json, files: dict[str, tuple[str, bytes]]) -> Json:
        name, data = files[str(entry["id"])]
        id = self._next()
        self.files[id] = data
        url = f"{self.cdn}/{id}/{name}"
        return {"id": id, "filename": name, "size": len(data), "url": url, "proxy_url": url,
                "description": entry.get("description")}  # fmt: skip

    async def _open_thread(self, request: web.Request) -> web.Response:
        id = request.match_info["message"]
        if id in self.threads:
            return _refuse(400, 160004, "A thread has already been created for this message")
        now = datetime.now(UTC).isoformat()
        thread = {
            "id": id, "guild_id": GUILD, "parent_id": request.match_info["channel"], "owner_id": BOT, "type": 11,
            "name": (await request.json())["name"], "message_count": 0, "member_count": 1, "last_message_id": None,
            "rate_limit_per_user": 0, "flags": 0, "total_message_sent": 0,
            "thread_metadata": {"archived": False, "auto_archive_duration": 1440, "archive_timestamp": now,
                                "locked": False, "create_timestamp": now},
        }  # fmt: skip
        self.threads[id] = thread
        self.messages[id] = {}
        await self.dispatch("THREAD_CREATE", thread | {"newly_created": True})
        return _json(thread)

    async def _callback(self, request: web.Request) -> web.Response:
        body, _ = await _body(request)
        self.callbacks.append(body)
        return _json({"interaction": {"id": request.match_info["id"], "type": body["type"]}})

    async def _followup(self, request: web.Request) -> web.Response:
        body, files = await _body(request)
        message = self._message(CHANNEL, self.person(BOT, "easel", bot=True), body.get("content") or "")
        self._fill(message, body, files)
        if not (body.get("flags") or 0) & 64:
            self.messages[CHANNEL][message["id"]] = message
        return _json(message)

    async def _file(self, request: web.Request) -> web.Response:
        return web.Response(body=self.files[request.match_info["id"]])


def _json(data: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Exactly `application/json`: with a charset behind it discord.py sees text."""
    return web.Response(body=json.dumps(data).encode(), status=status, headers=headers, content_type="application/json")


def _refuse(status: int, code: int, message: str) -> web.Response:
    return _json({"code": code, "message": message}, status=status)


async def _body(request: web.Request) -> tuple[Json, dict[str, tuple[str, bytes]]]:
    """The JSON of a request and its files by number."""
    if request.content_type != "multipart/form-data":
        return await request.json(), {}
    body: Json = {}
    files = {}
    async for part in await request.multipart():
        assert isinstance(part, aiohttp.BodyPartReader)
        if part.name == "payload_json":
            body = json.loads(await part.text())
        else:
            number = str(part.name).removeprefix("files[").removesuffix("]")
            files[number] = part.filename or "file", bytes(await part.read())
    return body, files


def _invalid(body: Json) -> str | None:
    """What Discord would refuse about a message with components."""
    components = body.get("components") or []
    if not (body.get("flags") or 0) & COMPONENTS_V2:
        return "content too long" if len(body.get("content") or "") > 2000 else None
    every = list(_walk(components))
    if body.get("content") or body.get("embeds"):
        return "components v2 come without content and embeds"
    if len(every) > 40:
        return "more than 40 components"
    if sum(len(component.get("content", "")) for component in every) > 4000:
        return "more than 4000 characters"
    ids = [component["custom_id"] for component in every if "custom_id" in component]
    return "duplicate custom_id" if len(ids) != len(set(ids)) else None


def _walk(components: list[Json]) -> Iterator[Json]:
    for component in components:
        yield component
        yield from _walk(component.get("components", []))
