"""The peers of the fault harness: Discord, a language model and an images endpoint that note every moment."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.faults.moments import Moment
from tests.peers.discord_peer import DiscordPeer, Json
from tests.peers.openai_peer import OpenAIPeer, picture

Note = Callable[[Moment], None]
CHUNK_S = 0.015
DRAWING_S = (0.1, 0.4)


class NotedDiscord(DiscordPeer):
    """A kill at `POSTING` comes before the post is there, at `POSTED` after it, but before the answer to it."""

    def __init__(self, note: Note) -> None:
        super().__init__()
        self._note = note

    async def dispatch(self, name: str, data: Json) -> None:
        await super().dispatch(name, data)
        if name == "MESSAGE_CREATE":
            self._note(Moment.HEARD)

    async def _identify(self, socket: web.WebSocketResponse, data: Json) -> None:
        await super()._identify(socket, data)
        self._note(Moment.STARTING)

    async def _open_thread(self, request: web.Request) -> web.Response:
        response = await super()._open_thread(request)
        self._note(Moment.THREADED)
        return response

    async def _create(self, request: web.Request) -> web.Response:
        self._note(Moment.POSTING)
        response = await super()._create(request)
        self._note(Moment.POSTED)
        return response

    async def _edit(self, request: web.Request) -> web.Response:
        self._note(Moment.EDITING)
        response = await super()._edit(request)
        self._note(Moment.EDITED)
        return response


class NotedModels(OpenAIPeer):
    """Answers by the load's script at a steady pace. No picture is drawn the same way twice, as with hosted models."""

    def __init__(self, note: Note, reply_to: Callable[[dict[str, Any]], list[str]], dice: random.Random) -> None:
        super().__init__()
        self._note = note
        self._reply_to = reply_to
        self._dice = dice

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self._note(Moment.ASKED)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for words in self._reply_to(body):
            delta = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": body["model"]}
            delta |= {"choices": [{"index": 0, "delta": {"content": words}, "finish_reason": None}]}
            try:
                await response.write(b"data: " + json.dumps(delta).encode() + b"\n\n")
            except ConnectionError:  # the program was killed
                return response
            self._note(Moment.STREAMING)
            await asyncio.sleep(CHUNK_S)
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _generate(self, request: web.Request) -> web.Response:
        await request.read()
        return await self._draw()

    async def _edit(self, request: web.Request) -> web.Response:
        await request.post()
        return await self._draw()

    async def _draw(self) -> web.Response:
        self._note(Moment.RENDERING)
        await asyncio.sleep(self._dice.uniform(*DRAWING_S))
        colour = f"#{self._dice.randrange(1 << 24):06x}"
        self._note(Moment.RENDERED)
        data = base64.b64encode(picture(colour, (32, 32))).decode()
        return web.json_response({"created": 0, "data": [{"b64_json": data}]})
