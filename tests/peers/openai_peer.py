"""A loopback server that speaks the OpenAI API: chat completions (SSE), models, images. Faults on demand."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web
from PIL import Image


@dataclass(frozen=True, slots=True)
class Reply:
    """One scripted answer to a chat request.

    `hang_after`/`break_after`: stop sending, or cut the connection, after so many chunks.
    """

    chunks: Sequence[str] = ("Hello",)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hang_after: int | None = None
    break_after: int | None = None
    endless: bool = False


def picture(colour: str = "red", size: tuple[int, int] = (64, 64)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


class OpenAIPeer:
    """Use as an async context manager; `base_url` is its address. Without a script it answers `Hello`."""

    def __init__(self, models: Sequence[str] = ("peer-model",), key: str | None = None) -> None:
        self.models = list(models)
        self.key = key
        self.replies: deque[Reply] = deque()
        self.images: deque[web.Response] = deque()
        self.as_url = False
        self.redirect_to: str | None = None
        self.cuts = 0
        """Requests for pictures to be read and then left without an answer."""
        self.requests: list[dict[str, Any]] = []
        self.edits: list[dict[str, Any]] = []
        self.url_headers: list[dict[str, str]] = []
        self.release = asyncio.Event()
        self.paints = asyncio.Event()
        """While it is clear, new pictures wait to be drawn."""
        self.paints.set()
        self.base_url = ""
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 << 20)
        app.add_routes(
            [
                web.post("/v1/chat/completions", self._chat),
                web.get("/v1/models", self._models),
                web.post("/v1/images/generations", self._generate),
                web.post("/v1/images/edits", self._edit),
                web.get("/files/{name}", self._file),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.base_url = f"http://127.0.0.1:{port}/v1"
        return self

    async def __aexit__(self, *details: object) -> None:
        self.release.set()
        if self._runner is not None:
            await self._runner.cleanup()

    def _refusal(self, request: web.Request) -> web.Response | None:
        if self.key is not None and request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"error": {"message": "bad key"}}, status=401)
        return None

    async def _models(self, request: web.Request) -> web.Response:
        listed = [{"id": name, "object": "model", "created": 0, "owned_by": "peer"} for name in self.models]
        return self._refusal(request) or web.json_response({"object": "list", "data": listed})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        if refusal := self._refusal(request):
            return refusal
        if body["model"] not in self.models:
            return web.json_response({"error": {"message": "no such model"}}, status=404)
        reply = self.replies.popleft() if self.replies else Reply()
        if reply.status != 200:
            return web.json_response({"error": {"message": "scripted"}}, status=reply.status, headers=reply.headers)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        sent = 0
        while True:
            for words in reply.chunks:
                if sent == reply.hang_after:
                    await self.release.wait()
                    return response
                if sent == reply.break_after:
                    assert request.transport is not None
                    request.transport.abort()
                    return response
                delta = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": body["model"]}
                delta |= {"choices": [{"index": 0, "delta": {"content": words}, "finish_reason": None}]}
                await response.write(b"data: " + json.dumps(delta).encode() + b"\n\n")
                sent += 1
            if not reply.endless:
                break
        if (body.get("stream_options") or {}).get("include_usage"):
            usage = {"prompt_tokens": 7, "completion_tokens": sent, "total_tokens": 7 + sent}
            last = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": body["model"], "choices": []}
            await response.write(b"data: " + json.dumps(last | {"usage": usage}).encode() + b"\n\n")
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _generate(self, request: web.Request) -> web.Response:
        self.requests.append(await request.json())
        if self.cuts:
            self.cuts -= 1
            assert request.transport is not None
            request.transport.abort()
        await self.paints.wait()
        return self._refusal(request) or self._picture("red")

    async def _edit(self, request: web.Request) -> web.Response:
        form = await request.post()
        read: dict[str, Any] = {}
        for name, value in form.items():
            read[name] = value.file.read() if isinstance(value, web.FileField) else value
        self.edits.append(read)
        return self._refusal(request) or self._picture("blue")

    def _picture(self, colour: str) -> web.Response:
        if self.images:
            return self.images.popleft()
        if self.as_url:
            url = self.base_url.replace("/v1", f"/files/{colour}")
            return web.json_response({"created": 0, "data": [{"url": url}]})
        return web.json_response({"created": 0, "data": [{"b64_json": base64.b64encode(picture(colour)).decode()}]})

    async def _file(self, request: web.Request) -> web.Response:
        self.url_headers.append(dict(request.headers))
        if self.redirect_to is not None:
            return web.Response(status=302, headers={"Location": self.redirect_to})
        return web.Response(body=picture(request.match_info["name"]), content_type="image/png")
