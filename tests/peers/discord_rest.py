"""The REST and CDN side of the Discord peer: what it keeps, and what it refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from tests.peers import discord_shapes as shapes
from tests.peers.discord_gateway import Gateway
from tests.peers.discord_shapes import (
    ANN,
    APP,
    BEN,
    BOT,
    CHANNEL,
    CLEO,
    DIRECT,
    EVERYTHING,
    GUILD,
    Json,
    as_json,
    body_of,
    invalid,
    refuse,
)

TOKEN = "right-token"
NAMES = {ANN: "ann", BEN: "ben", CLEO: "cleo"}
UPLOAD_LIMIT = 10 * 2**20


@dataclass
class Fault:
    """The next `times` matching requests fail."""

    method: str
    part: str
    status: int
    body: Json
    headers: dict[str, str]
    times: int


class Rest(Gateway):
    def __init__(self, *, heartbeat_interval_ms: int = 40_000, shards: int = 1) -> None:
        super().__init__(TOKEN, heartbeat_interval_ms=heartbeat_interval_ms, shards=shards)
        self.messages: dict[str, dict[str, Json]] = {CHANNEL: {}, DIRECT: {}}
        self.threads: dict[str, Json] = {}
        self.files: dict[str, bytes] = {}
        self.commands: list[Json] = []
        self.synced = 0
        self.callbacks: list[Json] = []
        self.followups: list[Json] = []
        """What was answered through interactions, for the asker only or for all."""
        self.acknowledged: list[float] = []
        """Seconds from each interaction to its first answer."""
        self.servers: dict[str, str] = {GUILD: CHANNEL}
        """Each with its one channel."""
        self.permissions = EVERYTHING
        """Of everybody, the bot's too, in every server."""
        self.with_commands = True
        """Whether the bot was invited with the scope `applications.commands`."""
        self.upload_limit = UPLOAD_LIMIT
        self.too_old: set[str] = set()
        """Messages that Discord lets nobody edit any more, for so many seconds."""
        self.too_old_for_s = 0.01
        self.edits_refuse_files = False
        """Interactions' messages take no new pictures in an edit, as Discord's have been seen to do."""
        self.requests_per_s: int | None = None
        """The global limit, where it is watched; `limited` counts refusals."""
        self.limited = 0
        self.requests: list[tuple[str, str]] = []
        self._second, self._in_second = 0, 0
        self._asked: dict[str, float] = {}
        self._faults: list[Fault] = []
        self._nonces: dict[tuple[str, str], str] = {}
        self._last_id = 0
        self.port = 0

    @property
    def cdn(self) -> str:
        return f"http://127.0.0.1:{self.port}/cdn"

    def _routes(self) -> list[tuple[str, str, Callable[[web.Request], Any]]]:
        message = "/channels/{channel}/messages/{message}"
        hook = "/webhooks/{app}/{token}"
        return [
            ("GET", "/users/@me", self._me),
            ("GET", "/users/@me/guilds", self._my_servers),
            ("POST", "/users/@me/channels", self._open_direct),
            ("GET", "/users/{id}", self._user),
            ("GET", "/oauth2/applications/@me", self._application),
            ("GET", "/gateway/bot", self._gateway_bot),
            ("PUT", "/applications/{app}/commands", self._put_commands),
            ("GET", "/applications/{app}/guilds/{guild}/commands", self._server_commands),
            ("GET", "/channels/{channel}", self._get_channel),
            ("PATCH", "/channels/{channel}", self._change_channel),
            ("GET", "/channels/{channel}/messages", self._history),
            ("POST", "/channels/{channel}/messages", self._create),
            ("GET", message, self._get),
            ("PATCH", message, self._edit),
            ("DELETE", message, self._delete),
            ("POST", message + "/threads", self._open_thread),
            ("POST", "/interactions/{id}/{token}/callback", self._callback),
            ("POST", hook, self._followup),
            ("PATCH", hook + "/messages/@original", self._followup),
            ("DELETE", hook + "/messages/@original", self._delete),
            ("GET", hook + "/messages/{message}", self._get),
            ("PATCH", hook + "/messages/{message}", self._edit),
            ("DELETE", hook + "/messages/{message}", self._delete),
        ]

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
        return shapes.person(id, name, bot=bot)

    @staticmethod
    def _member() -> Json:
        return shapes.member()

    def _message(self, channel: str, author: Json, content: str) -> Json:
        return shapes.message(self._next(), channel, author, content)

    def server_of(self, channel: str) -> str | None:
        """The server of a channel or thread; None for direct messages, and where the bot was sent away."""
        around = self.threads[channel]["parent_id"] if channel in self.threads else channel
        return next((server for server, one in self.servers.items() if one == around), None)

    def _channel(self, id: str) -> Json:
        if id in self.threads:
            return self.threads[id]
        if id == DIRECT:
            return shapes.direct_channel(id, self.person(ANN, "ann"))
        return shapes.text_channel(id, self.server_of(id) or GUILD)

    def servers_of(self, shard: int) -> Iterator[Json]:
        for id, channel in self.servers.items():
            if (int(id) >> 22) % self.shards == shard:
                threads = [
                    thread | {"last_message_id": self._last(name)}
                    for name, thread in self.threads.items()
                    if thread["parent_id"] == channel and not thread["thread_metadata"]["archived"]
                ]
                room = shapes.text_channel(channel, id) | {"last_message_id": self._last(channel)}
                yield shapes.guild(id, "Studio", self.permissions, [room], threads)

    def _last(self, channel: str) -> str | None:
        return max(self.messages.get(channel, {}), key=int, default=None)

    # -------------------------------------------------------------------- REST

    @web.middleware
    async def _gate(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path.startswith("/api"):
            self.requests.append((request.method, request.path.removeprefix("/api")))
            refused = self._refused(request)
            if refused is not None:
                self.changed()
                return refused
        response: web.StreamResponse = await handler(request)
        self.changed()
        return response

    def _refused(self, request: web.Request) -> web.Response | None:
        public = request.path.startswith(("/api/webhooks", "/api/interactions"))
        if not public and request.headers.get("Authorization") != f"Bot {self.token}":
            return refuse(401, 0, "401: Unauthorized")
        for fault in self._faults:
            if fault.times and request.method == fault.method and fault.part in request.path:
                fault.times -= 1
                return as_json(fault.body, status=fault.status, headers=fault.headers)
        if not public and self.requests_per_s is not None and self._one_too_many(self.requests_per_s):
            self.limited += 1
            body = {"message": "You are being rate limited.", "retry_after": 0.5, "global": True}
            return as_json(body, status=429, headers={"Via": "1.1 peer", "Retry-After": "1"})
        channel = request.match_info.get("channel")
        if channel is not None and channel != DIRECT and self.server_of(channel) is None and not public:
            return refuse(403, 50001, "Missing Access")
        return None

    def _one_too_many(self, most: int) -> bool:
        """Counted in whole seconds, as Discord's windows are."""
        second = int(asyncio.get_running_loop().time())
        self._in_second = self._in_second + 1 if second == self._second else 1
        self._second = second
        return self._in_second > most

    async def _me(self, _: web.Request) -> web.Response:
        return as_json(self.person(BOT, "easel", bot=True))

    async def _my_servers(self, _: web.Request) -> web.Response:
        return as_json([{"id": id, "name": "Studio", "permissions": str(self.permissions)} for id in self.servers])

    async def _user(self, request: web.Request) -> web.Response:
        id = request.match_info["id"]
        return as_json(self.person(id, NAMES[id])) if id in NAMES else refuse(404, 10013, "Unknown User")

    async def _open_direct(self, request: web.Request) -> web.Response:
        if str((await request.json())["recipient_id"]) != ANN:
            return refuse(403, 50007, "Cannot send messages to this user")
        return as_json(self._channel(DIRECT))

    async def _application(self, _: web.Request) -> web.Response:
        found: Json = {
            "id": APP, "name": "Easel", "description": "", "icon": None, "bot_public": self.public, "team": None,
            "flags": 1 << 19 if self.privileged else 0, "bot_require_code_grant": False, "verify_key": "",
            "owner": self.person(ANN, "ann"), "rpc_origins": [],
        }  # fmt: skip
        return as_json(found)

    async def _gateway_bot(self, _: web.Request) -> web.Response:
        limits = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": self.shards}
        return as_json({"url": self.gateway, "shards": self.shards, "session_start_limit": limits})

    async def _put_commands(self, request: web.Request) -> web.Response:
        self.synced += 1
        extra = {"application_id": APP, "version": "1", "default_member_permissions": None}
        self.commands = [
            {"id": self._next(), "description": "", **command, **extra} for command in await request.json()
        ]
        return as_json(self.commands)

    async def _server_commands(self, _: web.Request) -> web.Response:
        return as_json([]) if self.with_commands else refuse(403, 50001, "Missing Access")

    async def _get_channel(self, request: web.Request) -> web.Response:
        return as_json(self._channel(request.match_info["channel"]))

    async def _change_channel(self, request: web.Request) -> web.Response:
        id = request.match_info["channel"]
        thread = self.threads.get(id)
        if thread is not None:
            if thread["thread_metadata"]["locked"]:
                return refuse(403, 50013, "Missing Permissions")
            thread["thread_metadata"]["archived"] = bool((await request.json()).get("archived"))
        return as_json(self._channel(id))

    async def _history(self, request: web.Request) -> web.Response:
        after = int(request.query.get("after", 0))
        found = [m for id, m in self.messages[request.match_info["channel"]].items() if int(id) > after]
        newest_first = sorted(found, key=lambda message: -int(message["id"]))
        return as_json(newest_first[-int(request.query.get("limit", 50)) :])

    async def _create(self, request: web.Request) -> web.Response:
        channel = request.match_info["channel"]
        body, files = await body_of(request)
        if channel not in self.messages:
            return refuse(404, 10003, "Unknown Channel")
        closed = self.threads.get(channel, {}).get("thread_metadata", {})
        if closed.get("locked"):
            return refuse(403, 160005, "Thread is locked")
        if problem := self._too_much(body, files):
            return problem
        nonce = channel, str(body.get("nonce"))
        if body.get("enforce_nonce") and nonce in self._nonces:
            return as_json(self.messages[channel][self._nonces[nonce]])
        if closed:
            closed["archived"] = False  # a new message opens it again
        message = self._message(channel, self.person(BOT, "easel", bot=True), body.get("content") or "")
        if "message_reference" in body:
            message["message_reference"] = body["message_reference"] | {"type": 0}
        self._fill(message, body, files)
        self.messages[channel][message["id"]] = message
        self._nonces[nonce] = message["id"]
        return as_json(message)

    def _too_much(self, body: Json, files: dict[str, tuple[str, bytes]]) -> web.Response | None:
        if any(len(data) > self.upload_limit for _, data in files.values()):
            return refuse(413, 40005, "Request entity too large")
        problem = invalid(body)
        return refuse(400, 50035, problem) if problem else None

    async def _get(self, request: web.Request) -> web.Response:
        message = self._find(request)
        return as_json(message) if message else refuse(404, 10008, "Unknown Message")

    async def _edit(self, request: web.Request) -> web.Response:
        message = self._find(request)
        body, files = await body_of(request)
        if message is None:
            return refuse(404, 10008, "Unknown Message")
        if message["id"] in self.too_old:
            body = {"code": 30046, "message": "Maximum number of edits to messages older than 1 hour reached"}
            body |= {"retry_after": self.too_old_for_s, "global": False}
            return as_json(body, status=429, headers={"Via": "1.1 peer"})
        if self.threads.get(message["channel_id"], {}).get("thread_metadata", {}).get("archived"):
            return refuse(400, 50083, "Thread is archived")
        if self.edits_refuse_files and files and "token" in request.match_info:
            return refuse(400, 50035, "Invalid Form Body: the media item was not found")
        if problem := self._too_much(body, files):
            return problem
        self._fill(message, body, files)
        message["edited_timestamp"] = datetime.now(UTC).isoformat()
        return as_json(message)

    async def _delete(self, request: web.Request) -> web.Response:
        channel, message = request.match_info.get("channel", CHANNEL), request.match_info.get("message")
        self.messages[channel].pop(message or "", None)
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
        return self.attach(name, data) | {"description": entry.get("description")}

    def attach(self, name: str, data: bytes) -> Json:
        """Put a file on the CDN; the attachment for a message."""
        id = self._next()
        self.files[id] = data
        url = f"{self.cdn}/{id}/{name}"
        return {"id": id, "filename": name, "size": len(data), "url": url, "proxy_url": url, "description": None}

    async def _open_thread(self, request: web.Request) -> web.Response:
        id, channel = request.match_info["message"], request.match_info["channel"]
        if id in self.threads:
            return refuse(400, 160004, "A thread has already been created for this message")
        thread = shapes.thread(id, channel, self.server_of(channel) or GUILD, (await request.json())["name"])
        self.threads[id] = thread
        self.messages[id] = {}
        await self.dispatch("THREAD_CREATE", thread | {"newly_created": True})
        return as_json(thread)

    async def _callback(self, request: web.Request) -> web.Response:
        body, _ = await body_of(request)
        self.callbacks.append(body)
        asked = self._asked.pop(request.match_info["id"], None)
        if asked is not None:
            self.acknowledged.append(asyncio.get_running_loop().time() - asked)
        return as_json({"interaction": {"id": request.match_info["id"], "type": body["type"]}})

    async def _followup(self, request: web.Request) -> web.Response:
        body, files = await body_of(request)
        message = self._message(CHANNEL, self.person(BOT, "easel", bot=True), body.get("content") or "")
        self._fill(message, body, files)
        self.followups.append(message)
        if not (body.get("flags") or 0) & 64:
            self.messages[CHANNEL][message["id"]] = message
        return as_json(message)

    async def _file(self, request: web.Request) -> web.Response:
        return web.Response(body=self.files[request.match_info["id"]])
