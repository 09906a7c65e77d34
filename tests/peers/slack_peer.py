"""A loopback Slack: Web API, files, streams and Socket Mode, strict where Slack is strict.

It keeps what was posted, so tests ask it what people would see. Faults are scripted with `fail`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from tests.peers import block_kit

Json = dict[str, Any]
BOT_TOKEN = "xoxb-peer"
APP_TOKEN = "xapp-peer"
TEAM, BOT_USER = "T1", "UBOT"
BLOCK_METHODS = ("chat.postMessage", "chat.update", "views.publish", "views.open")


@dataclass
class _Fault:
    error: str
    status: int = 200
    retry_after: int | None = None
    times: int = 1


@dataclass
class PeerFile:
    id: str
    name: str
    length: int
    alt: str
    data: bytes = b""
    done: bool = False
    polls: int = 0


@dataclass
class SlackPeer:
    """`async with SlackPeer() as peer:`; `peer.api_base` goes into EASEL_SLACK_API_BASE."""

    polls_until_processed: int = 1
    scopes: str = "chat:write,files:write"
    messages: list[Json] = field(default_factory=list)
    files: dict[str, PeerFile] = field(default_factory=dict)
    streams: dict[str, bool] = field(default_factory=dict)
    ephemeral: list[Json] = field(default_factory=list)
    views: list[Json] = field(default_factory=list)
    calls: list[tuple[str, Json]] = field(default_factory=list)
    acks: dict[str, Json] = field(default_factory=dict)
    say_hello: bool = True
    statuses: list[str] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)
    titles: dict[str, str] = field(default_factory=dict)
    pushed_at: dict[str, float] = field(default_factory=dict)
    slowest_ack_s: float = 0.0
    """The longest that an envelope waited for its ack, by this side's clock; Slack allows three seconds."""

    def __post_init__(self) -> None:
        self._faults: dict[str, list[_Fault]] = defaultdict(list)
        self._ts = itertools.count(1)
        self._ids = itertools.count(1)
        self._sockets: list[web.WebSocketResponse] = []
        self._changed = asyncio.Condition()
        self.connections = 0

    async def __aenter__(self) -> SlackPeer:
        app = web.Application(client_max_size=32 * 2**20)
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_post("/upload/{id}", self._receive)
        app.router.add_get("/files/{id}", self._hand_out)
        app.router.add_get("/socket", self._socket)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.base = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.api_base = f"{self.base}/api/"
        return self

    async def __aexit__(self, *_: object) -> None:
        for socket in self._sockets:
            await socket.close()
        await self._runner.cleanup()

    # What tests do

    def fail(
        self, method: str, error: str, *, times: int = 1, status: int = 200, retry_after: int | None = None
    ) -> None:
        self._faults[method].append(_Fault(error, status, retry_after, times))

    def new_ts(self) -> str:
        return f"1700000000.{next(self._ts):06d}"

    def said(
        self, text: str, *, channel: str = "C1", thread_ts: str | None = None, user: str = "U1", **more: Any
    ) -> Json:
        """A person's message, kept in the channel; returns its event."""
        event = {"type": "message", "channel": channel, "user": user, "text": text, "ts": self.new_ts(), **more}
        if thread_ts:
            event["thread_ts"] = thread_ts
        self.messages.append(event)
        return event

    async def send(self, kind: str, payload: Json, *, envelope: str | None = None) -> str:
        """Push one Socket Mode envelope to the newest connection."""
        name = envelope or f"e{next(self._ids)}"
        await self.until(lambda: any(not s.closed for s in self._sockets))
        socket = next(s for s in reversed(self._sockets) if not s.closed)
        self.pushed_at[name] = asyncio.get_running_loop().time()
        await socket.send_json(
            {"envelope_id": name, "type": kind, "payload": payload, "accepts_response_payload": True}
        )
        return name

    async def send_event(self, event: Json, *, event_id: str | None = None) -> str:
        name = event_id or f"Ev{next(self._ids)}"
        auth = [{"team_id": TEAM, "user_id": BOT_USER, "is_bot": True}]
        payload = {"type": "event_callback", "team_id": TEAM, "event": event, "event_id": name, "authorizations": auth}
        return await self.send("events_api", payload)

    async def send_burst(self, events: list[Json]) -> None:
        """All at once, as after an outage: nothing is waited for between them."""
        await self.until(lambda: any(not s.closed for s in self._sockets))
        socket = next(s for s in reversed(self._sockets) if not s.closed)
        auth = [{"team_id": TEAM, "user_id": BOT_USER, "is_bot": True}]
        for event in events:
            number = next(self._ids)
            payload = {"type": "event_callback", "team_id": TEAM, "event": event, "event_id": f"Ev{number}"}
            self.pushed_at[f"e{number}"] = asyncio.get_running_loop().time()
            await socket.send_json(
                {"envelope_id": f"e{number}", "type": "events_api", "payload": payload | {"authorizations": auth}}
            )

    async def drop_sockets(self) -> None:
        for socket in self._sockets:
            await socket.close()

    async def until(self, true: Any, seconds: float = 20.0) -> None:
        """Wait until a condition on this peer's record holds."""
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(true), seconds)

    def answers(self, thread_ts: str) -> list[Json]:
        """The bot's messages in a thread, in order."""
        return [m for m in self.messages if m.get("thread_ts") == thread_ts and m["user"] == BOT_USER]

    # Web API

    async def _api(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        arguments = await self._arguments(request)
        fault = next((f for f in self._faults[method] if f.times > 0), None)
        if fault is not None:
            fault.times -= 1
            headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after is not None else {}
            return web.json_response({"ok": False, "error": fault.error}, status=fault.status, headers=headers)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or arguments.get("token")
        if method == "oauth.v2.access":  # the client's id and secret, no token
            self.calls.append((method, arguments))
            return web.json_response({"ok": True} | self._oauth_v2_access(arguments))
        if token != (APP_TOKEN if method == "apps.connections.open" else BOT_TOKEN):
            return web.json_response({"ok": False, "error": "invalid_auth"})
        self.calls.append((method, arguments))
        found = block_kit.problems(arguments["blocks"]) if method in BLOCK_METHODS and arguments.get("blocks") else []
        handler = getattr(self, "_" + method.replace(".", "_"), None)
        if found:
            answer: Json = {"ok": False, "error": "invalid_blocks", "response_metadata": {"messages": found}}
        elif handler is None:
            answer = {"ok": False, "error": "unknown_method"}
        else:
            answer = {"ok": True} | handler(arguments)
        async with self._changed:
            self._changed.notify_all()
        return web.json_response(answer, headers={"x-oauth-scopes": self.scopes})

    async def _arguments(self, request: web.Request) -> Json:
        given: Json = dict(request.query)
        if request.content_type == "application/json":
            given |= await request.json()
        elif request.method == "POST":
            given |= {k: v for k, v in (await request.post()).items() if isinstance(v, str)}
        for key in ("blocks", "metadata", "view", "files", "chunks", "prompts"):
            if isinstance(given.get(key), str):
                given[key] = json.loads(given[key])
        return given

    def _auth_test(self, _: Json) -> Json:
        return {"team_id": TEAM, "user_id": BOT_USER, "bot_id": "B1", "url": "https://peer.slack.com/", "team": "Peer"}

    def _oauth_v2_access(self, _: Json) -> Json:
        return {
            "app_id": "A1", "access_token": BOT_TOKEN, "token_type": "bot", "scope": self.scopes,
            "bot_user_id": BOT_USER, "team": {"id": TEAM, "name": "Peer"}, "enterprise": None,
            "authed_user": {"id": "U1"}, "is_enterprise_install": False,
        }  # fmt: skip

    def _users_info(self, given: Json) -> Json:
        return {
            "user": {"id": given["user"], "name": given["user"].lower(), "profile": {"display_name": given["user"]}}
        }

    def _find(self, given: Json) -> Json | None:
        return next(
            (m for m in self.messages if m["ts"] == given.get("ts") and m["channel"] == given.get("channel")), None
        )

    def _unprocessed(self, blocks: list[Json]) -> bool:
        ids = [b["slack_file"]["id"] for b in blocks or [] if "slack_file" in b]
        return any(i not in self.files or not self.files[i].done or not self._processed(self.files[i]) for i in ids)

    def _processed(self, file: PeerFile) -> bool:
        return file.polls >= self.polls_until_processed

    def _chat_postMessage(self, given: Json) -> Json:
        root = given.get("thread_ts")
        if root and not any(m["ts"] == root for m in self.messages):
            return {"ok": False, "error": "thread_not_found"}
        if self._unprocessed(given.get("blocks", [])):
            return {"ok": False, "error": "invalid_blocks"}
        message = {k: given.get(k) for k in ("channel", "thread_ts", "text", "blocks", "metadata")}
        message |= {"ts": self.new_ts(), "user": BOT_USER, "bot_id": "B1"}
        self.messages.append(message)
        return {"ts": message["ts"], "channel": message["channel"], "message": message}

    def _chat_update(self, given: Json) -> Json:
        message = self._find(given)
        if message is None:
            return {"ok": False, "error": "message_not_found"}
        if self.streams.get(str(message["ts"])):
            return {"ok": False, "error": "streaming_state_conflict"}
        if self._unprocessed(given.get("blocks", [])):
            return {"ok": False, "error": "invalid_blocks"}
        message |= {k: given[k] for k in ("text", "blocks", "metadata") if k in given}
        return {"ts": message["ts"], "channel": message["channel"]}

    def _chat_startStream(self, given: Json) -> Json:
        if given["channel"].startswith("C") and not given.get("recipient_user_id"):
            return {"ok": False, "error": "missing_recipient_user_id"}
        answer = self._chat_postMessage({**given, "text": given.get("markdown_text", "")})
        if "ts" in answer:
            self.streams[answer["ts"]] = True
        return answer

    def _chat_appendStream(self, given: Json) -> Json:
        message = self._find(given)
        if message is None or not self.streams.get(str(given["ts"])):
            return {"ok": False, "error": "message_not_in_streaming_state"}
        message["text"] += given["markdown_text"]
        return {"ts": given["ts"]}

    def _chat_stopStream(self, given: Json) -> Json:
        message = self._find(given)
        if message is None or not self.streams.get(str(given["ts"])):
            return {"ok": False, "error": "message_not_in_streaming_state"}
        self.streams[given["ts"]] = False
        message["metadata"] = given.get("metadata")
        return {"ts": given["ts"]}

    def _chat_postEphemeral(self, given: Json) -> Json:
        self.ephemeral.append(given)
        return {"message_ts": self.new_ts()}

    def _conversations_replies(self, given: Json) -> Json:
        found = [m for m in self.messages if given["ts"] in (m["ts"], m.get("thread_ts"))]
        return {"messages": found, "has_more": False} if found else {"ok": False, "error": "thread_not_found"}

    def _conversations_open(self, given: Json) -> Json:
        return {"channel": {"id": "D" + given["users"]}}

    def _views_open(self, given: Json) -> Json:
        self.views.append(given["view"])
        return {"view": {"id": f"V{next(self._ids)}"}}

    def _views_publish(self, given: Json) -> Json:
        self.views.append(given["view"])
        return {}

    def _assistant_threads_setStatus(self, given: Json) -> Json:
        self.statuses.append(given["status"])
        return {}

    def _agents_sessions_setStatus(self, given: Json) -> Json:
        if given["status"] not in ("processing", "active", "suspended", "closed"):
            return {"ok": False, "error": "invalid_arguments"}
        self.sessions.append(given["status"])
        return {}

    def _assistant_threads_setTitle(self, given: Json) -> Json:
        self.titles[given["thread_ts"]] = given["title"]
        return {}

    def _assistant_threads_setSuggestedPrompts(self, _: Json) -> Json:
        return {}

    # Files

    def _files_getUploadURLExternal(self, given: Json) -> Json:
        name = f"F{next(self._ids)}"
        self.files[name] = PeerFile(name, given["filename"], int(given["length"]), given.get("alt_txt", ""))
        return {"file_id": name, "upload_url": f"{self.base}/upload/{name}"}

    def _files_completeUploadExternal(self, given: Json) -> Json:
        for entry in given["files"]:
            self.files[entry["id"]].done = True
            if given.get("channel_id"):
                self.messages.append(
                    {
                        "channel": given["channel_id"],
                        "user": BOT_USER,
                        "ts": self.new_ts(),
                        "files": [entry],
                        "text": "",
                    }
                )
        return {"files": [{"id": entry["id"], "title": entry.get("title")} for entry in given["files"]]}

    def _files_info(self, given: Json) -> Json:
        file = self.files[given["file"]]
        file.polls += 1
        return {"file": {"id": file.id} | ({"original_w": 128} if self._processed(file) else {})}

    async def _receive(self, request: web.Request) -> web.Response:
        file = self.files[request.match_info["id"]]
        if request.content_type.startswith("multipart/"):
            part: Any = await (await request.multipart()).next()
            file.data = await part.read()
        else:
            file.data = await request.read()
        return web.Response(text=f"OK - {len(file.data)}")

    async def _hand_out(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {BOT_TOKEN}":
            return web.Response(text="<html>sign in</html>", content_type="text/html")
        return web.Response(body=self.files[request.match_info["id"]].data, content_type="image/png")

    # Socket Mode

    def _apps_connections_open(self, _: Json) -> Json:
        return {"url": self.base.replace("http://", "ws://") + "/socket"}

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(heartbeat=5)
        await socket.prepare(request)
        self.connections += 1
        if self.say_hello:
            await socket.send_json({"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A1"}})
        self._sockets.append(socket)
        async with self._changed:
            self._changed.notify_all()
        async for message in socket:
            if message.type is WSMsgType.TEXT and message.data.startswith("{"):
                data = json.loads(message.data)
                waited = asyncio.get_running_loop().time() - self.pushed_at[data["envelope_id"]]
                self.slowest_ack_s = max(self.slowest_ack_s, waited)
                self.acks[data["envelope_id"]] = data.get("payload") or {}
                async with self._changed:
                    self._changed.notify_all()
        return socket
