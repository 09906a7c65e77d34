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

from aiohttp import web

from bot.chats.slack.manifest import SCOPES
from tests.peers import block_kit
from tests.peers.slack_scopes import lacking
from tests.peers.slack_socket import BOT_USER, TEAM, Sockets, event_payload

Json = dict[str, Any]
BOT_TOKEN = "xoxb-peer"
APP_TOKEN = "xapp-peer"
STREAM_S = 300.0
TRIGGER_S = 3.0
VIEW_METHODS = ("views.publish", "views.open")
LONGEST = {"text": 40_000, "markdown_text": 12_000}
__all__ = ["APP_TOKEN", "BOT_TOKEN", "BOT_USER", "TEAM", "PeerFile", "SlackPeer"]


@dataclass
class _Fault:
    error: str
    status: int = 200
    retry_after: int | None = None
    times: int = 1
    done: bool = False
    """It is carried out nevertheless: the answer is what gets lost."""


@dataclass
class PeerFile:
    id: str
    name: str
    length: int
    alt: str
    data: bytes = b""
    done: bool = False
    polls: int = 0
    denied: bool = False
    deleted: bool = False


@dataclass
class SlackPeer:
    """`async with SlackPeer() as peer:`; `peer.api_base` goes into EASEL_SLACK_API_BASE."""

    polls_until_processed: int = 1
    scopes: str = ",".join(SCOPES)
    token: str = BOT_TOKEN
    agents: bool = True
    """Whether the app is declared as an agent: sessions, Stop button, threads in direct messages."""
    stream_s: float = STREAM_S
    trigger_s: float = TRIGGER_S
    messages: list[Json] = field(default_factory=list)
    files: dict[str, PeerFile] = field(default_factory=dict)
    streams: dict[str, bool] = field(default_factory=dict)
    ephemeral: list[Json] = field(default_factory=list)
    responded: list[Json] = field(default_factory=list)
    views: list[Json] = field(default_factory=list)
    prompts: list[Json] = field(default_factory=list)
    calls: list[tuple[str, Json]] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)
    titles: dict[str, str] = field(default_factory=dict)
    people: dict[str, Json] = field(default_factory=dict)
    """What `users.info` says besides a person's name."""
    groups: list[Json] = field(default_factory=list)
    inside: dict[str, list[str]] = field(default_factory=dict)
    """Who is in a channel, as far as somebody asks."""
    archived: set[str] = field(default_factory=set)
    oauth: Json = field(default_factory=dict)
    """What `oauth.v2.access` says besides the installation."""
    secrets: dict[str, str] = field(default_factory=dict)
    """Refresh tokens that are good, and the access tokens that they give."""

    def __post_init__(self) -> None:
        self._faults: dict[str, list[_Fault]] = defaultdict(list)
        self._ts = itertools.count(1)
        self._ids = itertools.count(1)
        self._began: dict[str, float] = {}
        self._triggers: dict[str, float] = {}
        self.channels: dict[str, str] = {}
        """Names of channels by their ids, for who may know them."""
        self._changed = asyncio.Condition()
        self.sockets = Sockets(self._changed)

    async def __aenter__(self) -> SlackPeer:
        app = web.Application(client_max_size=32 * 2**20)
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_post("/upload/{id}", self._receive)
        app.router.add_get("/files/{id}", self._hand_out)
        app.router.add_post("/respond/{id}", self._respond)
        app.router.add_get("/socket", self.sockets.serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.base = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.api_base = f"{self.base}/api/"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.sockets.close()
        await self._runner.cleanup()

    # What tests do

    def fail(
        self, method: str, error: str, *, times: int = 1, status: int = 200, retry_after: int | None = None,
        done: bool = False,
    ) -> None:  # fmt: skip
        self._faults[method].append(_Fault(error, status, retry_after, times, done))

    def heal(self) -> None:
        """No fault any more."""
        self._faults.clear()

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

    def response_url(self) -> str:
        return f"{self.base}/respond/{next(self._ids)}"

    async def send(self, kind: str, payload: Json, *, envelope: str | None = None, retry: int = 0) -> str:
        """Push one Socket Mode envelope to the newest connection."""
        if "trigger_id" in payload:
            self._triggers[payload["trigger_id"]] = asyncio.get_running_loop().time()
        return await self.sockets.push(kind, payload, envelope=envelope, retry=retry)

    async def send_event(self, event: Json, *, event_id: str | None = None, retry: int = 0, **more: Any) -> str:
        payload = event_payload(event, event_id or f"Ev{next(self._ids)}", **more)
        return await self.send("events_api", payload, retry=retry)

    async def send_burst(self, events: list[Json]) -> None:
        """All at once, as after an outage: nothing is waited for between them."""
        for event in events:
            await self.send_event(event)

    async def drop_sockets(self) -> None:
        await self.sockets.close()

    @property
    def acks(self) -> dict[str, Json]:
        return self.sockets.acks

    @property
    def pushed_at(self) -> dict[str, float]:
        return self.sockets.pushed_at

    @property
    def connections(self) -> int:
        return self.sockets.connections

    @property
    def slowest_ack_s(self) -> float:
        return self.sockets.slowest_ack_s

    async def until(self, true: Any, seconds: float = 20.0) -> None:
        """Wait until a condition on this peer's record holds."""
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(true), seconds)

    def answers(self, thread_ts: str) -> list[Json]:
        """The bot's messages in a thread, in order."""
        return [m for m in self.messages if m.get("thread_ts") == thread_ts and m["user"] == BOT_USER]

    def called(self, method: str) -> list[Json]:
        """The arguments of every call of a method."""
        return [arguments for name, arguments in self.calls if name == method]

    # Web API

    async def _api(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        arguments = await self._arguments(request)
        fault = next((f for f in self._faults[method] if f.times > 0), None)
        if fault is not None:
            fault.times -= 1
            if fault.done:
                self._answer(method, arguments)
                await self.sockets.notify()
            if fault.error == "cut" and request.transport is not None:
                request.transport.abort()
            headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after is not None else {}
            return web.json_response({"ok": False, "error": fault.error}, status=fault.status, headers=headers)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or arguments.get("token")
        if method == "oauth.v2.access":  # the client's id and secret, no token
            self.calls.append((method, arguments))
            return web.json_response(self._oauth_v2_access(arguments))
        if token != (APP_TOKEN if method == "apps.connections.open" else self.token):
            return web.json_response({"ok": False, "error": "invalid_auth"})
        self.calls.append((method, arguments))
        answer = self._answer(method, arguments)
        await self.sockets.notify()
        return web.json_response(answer, headers={"x-oauth-scopes": self.scopes})

    def _answer(self, method: str, given: Json) -> Json:
        handler = getattr(self, "_" + method.replace(".", "_"), None)
        if handler is None:
            return {"ok": False, "error": "unknown_method"}
        scope = lacking(method, given, self.scopes)
        if scope:
            return {"ok": False, "error": "missing_scope", "needed": scope, "provided": self.scopes}
        for name, limit in LONGEST.items():
            if len(given.get(name) or "") > limit:
                return {"ok": False, "error": "msg_too_long"}
        found = block_kit.problems(given["blocks"]) if given.get("blocks") else []
        found += block_kit.view_problems(given["view"]) if method in VIEW_METHODS else []
        shown = [*(given.get("blocks") or []), *(given.get("view") or {}).get("blocks", [])]
        if found or self._unprocessed(shown):
            return {"ok": False, "error": "invalid_blocks", "response_metadata": {"messages": found}}
        return {"ok": True} | handler(given)

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

    def _oauth_v2_access(self, given: Json) -> Json:
        if given.get("grant_type") == "refresh_token":
            access = self.secrets.pop(given.get("refresh_token", ""), None)
            if access is None:
                return {"ok": False, "error": "invalid_refresh_token"}
            self.token = access
            fresh = f"xoxe-fresh-{next(self._ids)}"
            self.secrets[fresh] = f"xoxb-fresh-{next(self._ids)}"
            return {
                "ok": True, "access_token": access, "refresh_token": fresh, "token_type": "bot", "expires_in": 43_200,
            }  # fmt: skip
        return {
            "ok": True, "app_id": "A1", "access_token": self.token, "token_type": "bot", "scope": self.scopes,
            "bot_user_id": BOT_USER, "team": {"id": TEAM, "name": "Peer"}, "enterprise": None,
            "authed_user": {"id": "U1"}, "is_enterprise_install": False, **self.oauth,
        }  # fmt: skip

    def _users_info(self, given: Json) -> Json:
        user = given["user"]
        if self.people.get(user) == {"error": "user_not_found"}:
            return {"ok": False, "error": "user_not_found"}
        named = {"id": user, "team_id": TEAM, "name": user.lower(), "profile": {"display_name": user}}
        return {"user": named | self.people.get(user, {})}

    def _users_conversations(self, given: Json) -> Json:
        ids = [id for id, people in self.inside.items() if given["user"] in people]
        at = int(given.get("cursor") or 0)
        more = str(at + 1) if at + 1 < len(ids) else ""
        return {"channels": [{"id": id} for id in ids[at : at + 1]], "response_metadata": {"next_cursor": more}}

    def _usergroups_list(self, _: Json) -> Json:
        return {"usergroups": self.groups}

    # Messages

    def _find(self, given: Json) -> Json | None:
        return next(
            (m for m in self.messages if m["ts"] == given.get("ts") and m["channel"] == given.get("channel")), None
        )

    def _unprocessed(self, blocks: list[Json]) -> bool:
        ids = [b["slack_file"]["id"] for b in blocks if "slack_file" in b]
        return any(i not in self.files or not self.files[i].done or not self._processed(self.files[i]) for i in ids)

    def _processed(self, file: PeerFile) -> bool:
        return file.polls >= self.polls_until_processed and not file.deleted

    def _closed(self, given: Json) -> Json | None:
        """Why nothing can be posted there, or None."""
        channel, root = str(given["channel"]), given.get("thread_ts")
        if channel in self.archived:
            return {"ok": False, "error": "is_archived"}
        if root is not None and not any(m["ts"] == root and m["channel"] == channel for m in self.messages):
            return {"ok": False, "error": "thread_not_found"}
        return None

    def _chat_postMessage(self, given: Json) -> Json:
        if not (given.get("text") or given.get("blocks") or given.get("markdown_text")):
            return {"ok": False, "error": "no_text"}
        if given["channel"].startswith("U"):  # a person's id opens the conversation with them
            given = {**given, "channel": "D" + given["channel"]}
        closed = self._closed(given)
        if closed is not None:
            return closed
        message = {k: given.get(k) for k in ("channel", "thread_ts", "text", "blocks", "metadata")}
        message |= {"ts": self.new_ts(), "user": BOT_USER, "bot_id": "B1"}
        self.messages.append(message)
        return {"ts": message["ts"], "channel": message["channel"], "message": message}

    def _chat_update(self, given: Json) -> Json:
        message = self._find(given)
        if message is None:
            return {"ok": False, "error": "message_not_found"}
        if message["user"] != BOT_USER:
            return {"ok": False, "error": "cant_update_message"}
        if self._streaming(str(message["ts"])):
            return {"ok": False, "error": "streaming_state_conflict"}
        if given["channel"] in self.archived:
            return {"ok": False, "error": "is_archived"}
        message |= {k: given[k] for k in ("text", "blocks", "metadata") if k in given}
        return {"ts": message["ts"], "channel": message["channel"]}

    def _chat_delete(self, given: Json) -> Json:
        message = self._find(given)
        if message is None:
            return {"ok": False, "error": "message_not_found"}
        if message["user"] != BOT_USER:
            return {"ok": False, "error": "cant_delete_message"}
        self.messages.remove(message)
        return {"ts": given["ts"]}

    def _chat_getPermalink(self, given: Json) -> Json:
        message = next((m for m in self.messages if m["ts"] == given["message_ts"]), None)
        if message is None:
            return {"ok": False, "error": "message_not_found"}
        return {"permalink": f"https://peer.slack.com/archives/{given['channel']}/p{given['message_ts']}"}

    def _chat_postEphemeral(self, given: Json) -> Json:
        if given["channel"] in self.archived:
            return {"ok": False, "error": "is_archived"}
        self.ephemeral.append(given)
        return {"message_ts": self.new_ts()}

    def _conversations_info(self, given: Json) -> Json:
        if given["channel"] not in self.channels:
            return {"ok": False, "error": "channel_not_found"}
        return {"channel": {"id": given["channel"], "name": self.channels[given["channel"]], "is_channel": True}}

    def _conversations_replies(self, given: Json) -> Json:
        found = [m for m in self.messages if given["ts"] in (m["ts"], m.get("thread_ts"))]
        if not found:
            return {"ok": False, "error": "thread_not_found"}
        return {"messages": found[: int(given.get("limit") or 100)], "has_more": False}

    def _conversations_history(self, given: Json) -> Json:
        found = [m for m in self.messages if m["channel"] == given["channel"] and not m.get("thread_ts")]
        return {"messages": found[::-1], "has_more": False}

    # Streams

    def _streaming(self, ts: str) -> bool:
        young = asyncio.get_running_loop().time() - self._began.get(ts, 0.0) < self.stream_s
        return bool(self.streams.get(ts)) and young

    def _chat_startStream(self, given: Json) -> Json:
        if not given["channel"].startswith("D"):
            for needed in ("recipient_user_id", "recipient_team_id"):
                if not given.get(needed):
                    return {"ok": False, "error": f"missing_{needed}"}
            home = self.people.get(given["recipient_user_id"], {}).get("team_id", TEAM)
            if given["recipient_team_id"] != home:
                return {"ok": False, "error": "invalid_recipient_team_id"}
        answer = self._chat_postMessage({**given, "text": given.get("markdown_text", "")})
        if "ts" in answer:
            self.streams[answer["ts"]] = True
            self._began[answer["ts"]] = asyncio.get_running_loop().time()
        return answer

    def _chat_appendStream(self, given: Json) -> Json:
        message = self._find(given)
        if message is None or not self._streaming(str(given["ts"])):
            return {"ok": False, "error": "message_not_in_streaming_state"}
        if not given.get("markdown_text"):
            return {"ok": False, "error": "no_text"}
        message["text"] += given["markdown_text"]
        return {"ts": given["ts"]}

    def _chat_stopStream(self, given: Json) -> Json:
        message = self._find(given)
        if message is None or not self._streaming(str(given["ts"])):
            return {"ok": False, "error": "message_not_in_streaming_state"}
        self.streams[given["ts"]] = False
        message["text"] += given.get("markdown_text") or ""
        message["metadata"] = given.get("metadata")
        return {"ts": given["ts"]}

    # Views, agents

    def _views_open(self, given: Json) -> Json:
        sent = self._triggers.pop(given["trigger_id"], None)
        if sent is None:
            return {"ok": False, "error": "exchanged_trigger_id"}
        if asyncio.get_running_loop().time() - sent > self.trigger_s:
            return {"ok": False, "error": "expired_trigger_id"}
        self.views.append(given["view"])
        return {"view": {"id": f"V{next(self._ids)}"}}

    def _views_publish(self, given: Json) -> Json:
        self.views.append(given["view"])
        return {}

    def _assistant_threads_setStatus(self, given: Json) -> Json:
        if not given.get("thread_ts"):
            return {"ok": False, "error": "invalid_arguments"}
        self.statuses.append(given["status"])
        return {}

    def _agents_sessions_setStatus(self, given: Json) -> Json:
        if given["status"] not in ("processing", "active", "suspended", "closed"):
            return {"ok": False, "error": "invalid_arguments"}
        if not self.agents:
            return {"ok": False, "error": "not_an_agent"}
        self.sessions.append(given["status"])
        return {}

    def _assistant_threads_setTitle(self, given: Json) -> Json:
        self.titles[given["thread_ts"]] = given["title"]
        return {}

    def _assistant_threads_setSuggestedPrompts(self, given: Json) -> Json:
        if not 1 <= len(given["prompts"]) <= 4:
            return {"ok": False, "error": "invalid_arguments"}
        self.prompts.append(given)
        return {}

    def _apps_connections_open(self, _: Json) -> Json:
        return {"url": self.base.replace("http://", "ws://") + "/socket"}

    # Files

    def _files_getUploadURLExternal(self, given: Json) -> Json:
        name = f"F{next(self._ids)}"
        self.files[name] = PeerFile(name, given["filename"], int(given["length"]), given.get("alt_txt", ""))
        return {"file_id": name, "upload_url": f"{self.base}/upload/{name}"}

    def _files_completeUploadExternal(self, given: Json) -> Json:
        for entry in given["files"]:
            file = self.files[entry["id"]]
            if len(file.data) != file.length:
                return {"ok": False, "error": "file_not_found"}
            file.done = True
            if given.get("channel_id"):
                self.messages.append(
                    {
                        "channel": given["channel_id"], "user": BOT_USER, "ts": self.new_ts(), "files": [entry],
                        "text": "", "thread_ts": given.get("thread_ts"),
                    }
                )  # fmt: skip
        return {"files": [{"id": entry["id"], "title": entry.get("title")} for entry in given["files"]]}

    def _files_info(self, given: Json) -> Json:
        file = self.files.get(given["file"])
        if file is None or not file.done or file.deleted:
            return {"ok": False, "error": "file_not_found"}
        if file.denied:
            return {"ok": False, "error": "access_denied"}
        file.polls += 1
        told = {"id": file.id, "name": file.name, "mimetype": "image/png", "size": len(file.data)}
        told["url_private_download"] = f"{self.base}/files/{file.id}"
        return {"file": told | ({"original_w": 128} if self._processed(file) else {})}

    def _files_delete(self, given: Json) -> Json:
        file = self.files.get(given["file"])
        if file is None or file.deleted:
            return {"ok": False, "error": "file_not_found"}
        file.deleted = True
        return {}

    async def _receive(self, request: web.Request) -> web.Response:
        file = self.files[request.match_info["id"]]
        fault = next((f for f in self._faults["upload"] if f.times > 0), None)
        if fault is not None:
            fault.times -= 1
            return web.Response(status=fault.status)
        if request.content_type.startswith("multipart/"):
            part: Any = await (await request.multipart()).next()
            file.data = await part.read()
        else:
            file.data = await request.read()
        return web.Response(text=f"OK - {len(file.data)}")

    async def _hand_out(self, request: web.Request) -> web.Response:
        file = self.files.get(request.match_info["id"])
        fault = next((f for f in self._faults["download"] if f.times > 0), None)
        if fault is not None:
            fault.times -= 1
            headers = {"Location": fault.error} if fault.status in (301, 302, 307) else {}
            return web.Response(status=fault.status, headers=headers)
        if request.headers.get("Authorization") != f"Bearer {self.token}" or file is None or file.denied:
            return web.Response(text="<html>sign in</html>", content_type="text/html")
        return web.Response(body=file.data, content_type="image/png")

    async def _respond(self, request: web.Request) -> web.Response:
        self.responded.append(await request.json())
        await self.sockets.notify()
        return web.Response(text="ok")
