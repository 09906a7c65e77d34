"""Any server that answers like OpenAI's `/moderations`: words, and pictures as data URIs.

`omni-moderation-latest` judges sexual scenes with minors in words alone: descriptions are screened before anything is
drawn, whatever becomes of the picture.
"""

from __future__ import annotations

import asyncio
import base64
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import aiohttp
from PIL import Image

from bot.llm.endpoint import Endpoint
from handlers.moderation.model import Category, Finding, Subject, Weight
from handlers.ports import ModeratorUnavailable

CATEGORIES: Final = {
    "sexual": Category.SEXUAL,
    "sexual/minors": Category.MINORS,
    "violence": Category.VIOLENCE,
    "violence/graphic": Category.VIOLENCE,
    "hate": Category.HATE,
    "hate/threatening": Category.HATE,
    "harassment": Category.HATE,
    "harassment/threatening": Category.HATE,
    "self-harm": Category.SELF_HARM,
    "self-harm/intent": Category.SELF_HARM,
    "self-harm/instructions": Category.SELF_HARM,
}
"""The endpoint's words and ours; what it flags besides (`illicit`) is no matter of pictures."""
MILD: Final = frozenset({"violence", "harassment"})
"""Flagged for a battle and for a jeer as well: borderline, however sure it is."""
CLEAR_FROM: Final = 0.7
"""A flagged category with a lower score (0 to 1) is borderline."""
BORDERLINE_FROM: Final = 0.35
"""One that is not flagged is borderline from here on."""
LONGEST_SIDE: Final = 768
"""Pixels; larger pictures are made smaller before they are sent."""
LONGEST_TEXT: Final = 20_000
TRIES: Final = 2
AGAIN_S: Final = 0.5
_PASSING: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


class ModerationEndpoint:
    """
    Args:
        timeout_s: Of one judgement, its second try included.
        sees: What is sent there.
    """

    name = "endpoint"

    def __init__(
        self,
        base_url: str,
        api_key: str,
        model: str,
        *,
        timeout_s: float,
        sees: Literal["both", "words", "pictures"] = "both",
    ) -> None:
        self._endpoint = Endpoint(base_url.strip().rstrip("/").removesuffix("/moderations"), api_key)
        self._model = model
        self._timeout_s = timeout_s
        self._sees = sees

    async def close(self) -> None:
        await self._endpoint.close()

    async def look(self, subject: Subject) -> Sequence[Finding]:
        """A picture is judged without its words, which were judged before it was drawn.

        Raises:
            ModeratorUnavailable: no answer in time, or none that can be read.
        """
        if not self._endpoint.key_fits:
            raise ModeratorUnavailable("EASEL_MODERATION_API_KEY has characters that no key has")
        try:
            async with asyncio.timeout(self._timeout_s):
                parts = await self._parts(subject)
                return self._read(await self._asked(parts)) if parts else ()
        except TimeoutError:
            raise ModeratorUnavailable(f"no answer from {self._endpoint.host} in {self._timeout_s:g} s") from None

    async def _parts(self, subject: Subject) -> list[dict[str, Any]]:
        if subject.picture is not None:
            if self._sees == "words":
                return []
            uri = await asyncio.to_thread(_data_uri, subject.picture)
            return [{"type": "image_url", "image_url": {"url": uri}}]
        if self._sees == "pictures" or not subject.text.strip():
            return []
        return [{"type": "text", "text": subject.text[:LONGEST_TEXT]}]

    async def _asked(self, parts: list[dict[str, Any]]) -> object:
        # A text alone is sent as servers that know no parts take it.
        given = parts[0]["text"] if len(parts) == 1 and "text" in parts[0] else parts
        body = {"model": self._model, "input": given}
        for left in reversed(range(TRIES)):
            try:
                status, answer = await self._endpoint.ask("moderations", body)
            except (aiohttp.ClientError, OSError, ValueError) as error:
                status, answer = 0, type(error).__name__
            if status == 200:
                return answer
            if not left or (status and status not in _PASSING):
                why = f"status {status}" if status else f"it cannot be reached ({answer})"
                raise ModeratorUnavailable(f"{self._endpoint.host}: {why}")
            await asyncio.sleep(AGAIN_S)
        raise AssertionError("the last try returns or raises")

    def _read(self, answer: object) -> list[Finding]:
        results = answer.get("results") if isinstance(answer, dict) else None
        if not isinstance(results, list) or not results or not all(isinstance(one, dict) for one in results):
            raise ModeratorUnavailable(f"{self._endpoint.host} answers with no results")
        return [finding for one in results for finding in self._findings(one)]

    def _findings(self, result: Mapping[str, Any]) -> list[Finding]:
        flags, scores = result.get("categories"), result.get("category_scores")
        flags = flags if isinstance(flags, dict) else {}
        scores = scores if isinstance(scores, dict) else {}
        if not CATEGORIES.keys() & {*flags, *scores} and result.get("flagged") is not False:
            raise ModeratorUnavailable(f"{self._endpoint.host} names no categories that are known")
        found: list[Finding] = []
        for name, category in CATEGORIES.items():
            flag, score = flags.get(name), _number(scores.get(name))
            weight = _weight(name, flag is True, score)
            if weight is not None:
                told = "" if score is None else f" {score:.2f}"
                found.append(Finding(category, weight, self.name, f"{name}{told}"))
        return found


def _number(value: object) -> float | None:
    fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if fits else None  # type: ignore[arg-type]


def _weight(name: str, flagged: bool, score: float | None) -> Weight | None:
    if not flagged:
        return Weight.BORDERLINE if score is not None and score >= BORDERLINE_FROM else None
    if CATEGORIES[name] is Category.MINORS:
        return Weight.CLEAR
    if name in MILD:
        return Weight.BORDERLINE
    return Weight.CLEAR if score is None or score >= CLEAR_FROM else Weight.BORDERLINE


def _data_uri(picture: bytes) -> str:
    """As a JPEG: without its recipe, and no larger than it needs to be for a look."""
    try:
        with Image.open(io.BytesIO(picture)) as image:
            image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            out = io.BytesIO()
            image.convert("RGB").save(out, "JPEG", quality=90)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise ModeratorUnavailable(f"the picture cannot be opened ({type(error).__name__})") from error
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
