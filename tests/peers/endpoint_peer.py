"""A loopback endpoint that sends exactly the bytes of one recorded quirk; see `tests.peers.endpoint_quirks`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: float


@dataclass(frozen=True, slots=True)
class For:
    """The same bytes again and again, until the line is closed (at most so many times)."""

    data: bytes
    times: int = 1_000_000


class Hang:
    """The line stays open and nothing more comes."""


class Abort:
    """The line breaks."""


Step: TypeAlias = bytes | Pause | For | type[Hang] | type[Abort]


@dataclass(frozen=True, slots=True)
class Answer:
    """To one request for a chat."""

    body: Sequence[Step] = ()
    status: int = 200
    content_type: str = "text/event-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False
    """Not even a status comes."""


@dataclass(frozen=True, slots=True)
class Quirk:
    """What one family of endpoints does, and what Easel makes of it."""

    name: str
    family: str
    answers: Sequence[Answer]
    """To the first request, the second …; the last one is given from then on."""
    text: str = ""
    """All that people read of the model."""
    told: str = ""
    """Words of the sentence that people are told; empty: none."""
    asks: int = 1
    sent: Mapping[str, Any] = field(default_factory=dict)
    """What the last request has; None: it has it not."""
    used: tuple[int, int] | None = None
    models: Any = None
    """The answer of `/v1/models`; None: there is none."""
    routes: Mapping[str, Any] = field(default_factory=dict)
    """Other addresses, with the JSON that they answer."""
    model: str = "some-model"
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of `OpenAILanguageModel`."""
    report: str = ""
    """Which project's users reported it, where it was found in public."""


class EndpointPeer:
    """Use as an async context manager; `base_url` is its address."""

    def __init__(self, quirk: Quirk) -> None:
        self.quirk = quirk
        self.requests: list[dict[str, Any]] = []
        self.headers: list[Mapping[str, str]] = []
        self.connections: set[object] = set()
        self.base_url = ""
        self._release = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=16 << 20)
        app.add_routes([web.post("/v1/chat/completions", self._chat), web.route("*", "/{path:.*}", self._other)])
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, *details: object) -> None:
        self._release.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _other(self, request: web.Request) -> web.Response:
        routes = dict(self.quirk.routes)
        if self.quirk.models is not None:
            routes["/v1/models"] = self.quirk.models
        if request.path not in routes:
            return web.Response(status=404, text="404 page not found")
        return web.json_response(routes[request.path])

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(await request.json())
        assert request.transport is not None
        self.connections.add(request.transport.get_extra_info("peername"))
        self.headers.append(dict(request.headers))
        answer = self.quirk.answers[min(len(self.requests), len(self.quirk.answers)) - 1]
        if answer.hang:
            await self._release.wait()
        response = web.StreamResponse(status=answer.status, headers=dict(answer.headers))
        response.content_type = answer.content_type
        await response.prepare(request)
        try:
            for step in answer.body:
                if not await self._send(request, response, step):
                    return response
        except ConnectionError:  # whoever asked has heard enough
            return response
        return response

    async def _send(self, request: web.Request, response: web.StreamResponse, step: Step) -> bool:
        if isinstance(step, bytes):
            await response.write(step)
        elif isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
        elif isinstance(step, For):
            for _ in range(step.times):
                await response.write(step.data)
        elif step is Hang:
            await self._release.wait()
        else:
            assert request.transport is not None
            request.transport.abort()
            return False
        return True


def event(data: object) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"


def chunk(content: object = None, end: str | None = None, **delta: object) -> bytes:
    """One piece in OpenAI's shape; `delta` is what else stands in it."""
    inner = dict(delta) if content is None else {"content": content, **delta}
    return event(
        {"id": "x", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": inner, "finish_reason": end}]}
    )


def usage(value: object, choices: object = ()) -> bytes:
    return event({"id": "x", "choices": list(choices) if isinstance(choices, tuple) else choices, "usage": value})


def error(message: str, **more: object) -> dict[str, object]:
    return {"error": {"message": message, **more}}


def refusal(status: int, body: object, **headers: str) -> Answer:
    """An error with a JSON body (or the text as it is)."""
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    kind = "text/html" if isinstance(body, str) and body.startswith("<") else "application/json"
    return Answer((data,), status, kind, {name.replace("_", "-"): value for name, value in headers.items()})


DONE = b"data: [DONE]\n\n"
STOP = chunk("", "stop")
GOOD = Answer((chunk("Here."), STOP, DONE))
