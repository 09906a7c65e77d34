"""A loopback server that answers like OpenAI's `/moderations`, with delays, failures and nonsense on demand."""

from __future__ import annotations

import asyncio
import base64
import io
from collections import deque
from collections.abc import Mapping
from typing import Any, Self

from aiohttp import web
from PIL import Image

CATEGORIES = (
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
    "self-harm/intent", "self-harm/instructions", "sexual", "sexual/minors", "violence", "violence/graphic",
)  # fmt: skip
OF_PICTURES = frozenset({"sexual", "violence", "violence/graphic", "self-harm", "self-harm/intent"})
FLAGGED_FROM = 0.5


def result(scores: Mapping[str, float], *, picture: bool = False) -> dict[str, Any]:
    """One judgement in the endpoint's shape; of a picture only some categories have a score."""
    known = {name: scores.get(name, 0.0001) for name in CATEGORIES}
    if picture:
        known = {name: score if name in OF_PICTURES else 0.0 for name, score in known.items()}
    flags = {name: score >= FLAGGED_FROM for name, score in known.items()}
    kind = ["image" if picture else "text"]
    applied = {name: kind if not picture or name in OF_PICTURES else [] for name in CATEGORIES}
    return {
        "flagged": any(flags.values()), "categories": flags, "category_scores": known,
        "category_applied_input_types": applied,
    }  # fmt: skip


class ModerationPeer:
    """Use as an async context manager. `words` and `colours` say what it finds in which text or picture."""

    def __init__(self) -> None:
        self.words: dict[str, dict[str, float]] = {}
        self.colours: dict[str, dict[str, float]] = {}
        """By the colour (`red`, `green`, `blue`) that a picture has most of."""
        self.scripted: deque[web.Response | float | None] = deque()
        """Answers in place of its own: a response, seconds of silence before its own, or None for a cut line."""
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.base_url = ""
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=32 << 20)
        app.add_routes([web.post("/v1/moderations", self._judge)])
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, *details: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _judge(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        self.headers.append(dict(request.headers))
        match self.scripted.popleft() if self.scripted else 0.0:
            case web.Response() as response:
                return response
            case None:
                assert request.transport is not None
                request.transport.abort()
            case float(seconds):
                await asyncio.sleep(seconds)
        return web.json_response({"id": "modr-1", "model": body["model"], "results": [self._result(body["input"])]})

    def _result(self, given: Any) -> dict[str, Any]:
        if isinstance(given, str):
            found = next((scores for word, scores in self.words.items() if word in given), {})
            return result(found)
        (part,) = given
        head, _, data = part["image_url"]["url"].partition(",")
        assert head == "data:image/jpeg;base64"
        with Image.open(io.BytesIO(base64.b64decode(data, validate=True))) as image:
            assert not image.getexif()
            pixel = image.convert("RGB").resize((1, 1)).getpixel((0, 0))
        assert isinstance(pixel, tuple)
        most = max(zip(pixel, ("red", "green", "blue"), strict=True))[1]
        return result(self.colours.get(most, {}), picture=True)
