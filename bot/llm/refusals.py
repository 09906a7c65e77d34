"""What an endpoint's error means, from its status and its words: servers share neither codes nor phrases.

A sentence is for people and says nothing of addresses, accounts or keys; what the host needs goes to the log.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Any, Final

from imaging.refused import error_texts


class Kind(Enum):
    """What went wrong; the value is the sentence for people. `{…}` are filled by `Refusal.sentence`."""

    KEY = "The language model's endpoint refuses the key; check EASEL_LLM_API_KEY."
    CREDIT = "The language model's account has no credit left; whoever runs this bot has to top it up."
    QUOTA = "The language model's quota is used up; please try again later, or whoever runs this bot raises it."
    BUSY = "The language model is busy; please try again in a minute."
    DECLINED = "The language model's provider refused this message as against its rules; please ask for something else."
    FORBIDDEN = "The language model's endpoint does not let this bot use the model; its log says why."
    MODEL = 'The endpoint has no model "{model}"; check EASEL_LLM_MODEL (easel doctor lists the models).'
    ADDRESS = (
        "The language model's address leads to no chat endpoint; check EASEL_LLM_BASE_URL (most end in /v1) "
        "and EASEL_LLM_MODEL."
    )
    OVERFLOW = "This is too long for the language model; please say it more shortly, or begin a new thread."
    SPENT = "The language model spent its whole answer on thinking; ask again, or raise EASEL_LLM_MAX_TOKENS."
    SLOW = (
        "The language model is taking too long; please try again later, or raise EASEL_LLM_TIMEOUT_S "
        "if it is always so slow."
    )
    TIMED_OUT = "The language model is taking too long for the server in front of it; please try again later."
    PAGE = "A web page came instead of the language model's answer, from a proxy or a login; check EASEL_LLM_BASE_URL."
    UNREACHABLE = "The language model cannot be reached; check EASEL_LLM_BASE_URL."
    REQUEST = "The language model's endpoint did not take the request; easel doctor checks the settings."
    TROUBLE = "The language model's endpoint has a problem{status}; please try again later."

    @property
    def passing(self) -> bool:
        """Whether asking again in a moment may help."""
        return self in (Kind.BUSY, Kind.TROUBLE, Kind.UNREACHABLE)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One error. `body` is JSON as read, or text."""

    kind: Kind
    status: int
    body: Any = None
    wait_s: float | None = None
    """How long the endpoint asks to wait."""
    limit: int | None = None
    """Overflow: the longest context in tokens, where it is told."""
    asked: Mapping[str, Any] = field(default_factory=dict)
    """The body of the request that was refused."""

    def sentence(self, model: str) -> str:
        status = f" (status {self.status})" if self.status else ""
        return self.kind.value.replace("{model}", model).replace("{status}", status)

    def words(self, key: str = "") -> str:
        """The endpoint's own message, for the host; the rest of the body may repeat what people wrote. No key."""
        text = " ".join(_message(self.body).split())
        if key:
            text = text.replace(key, "…")
        return _SECRET.sub("…", text)[:300]


_SECRET = re.compile(r"\b(?:sk|gsk|xai|AIza|pk|key)[-_*]?[\w*-]{12,}|(?<=://)[^/\s@]+@")


@cache
def _table() -> tuple[tuple[Kind, tuple[int, ...], re.Pattern[str]], ...]:
    """The rows of refusals.toml."""
    rows = tomllib.loads(files("bot.llm").joinpath("refusals.toml").read_text("utf-8"))["row"]
    return tuple(
        (Kind[row["kind"]], tuple(row.get("status", ())), re.compile("|".join(row.get("words", ())), re.IGNORECASE))
        for row in rows
    )


_N_CTX = re.compile(r"\bn_ctx\W{1,4}(\d+)")
_LIMITS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"maximum context length (?:is|of) ([\d,]+)",
        r"context (?:length|window|size)[^.\d]{0,40}?(?:of|is|only|:|\() ?(?:only )?([\d,]+)",
        r"> ([\d,]+) maximum",
        r"with ([\d,]+) maximum context",
        r"maximum number of tokens allowed \(?([\d,]+)",
        r"\(TPM\): Limit ([\d,]+)",
    )
)


def read_refusal(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Refusal:
    """Args:
    status: Of the response; 0 for an error inside a stream, whose own code counts then.
    body: JSON as read, or the text that came instead.
    """
    status = status if status not in (0, 200) else _code(body)
    if isinstance(body, str) and body.lstrip()[:1] == "<" and status not in (401, 404, 429) and status < 500:
        return Refusal(Kind.PAGE, status, body)
    said = "\n".join(error_texts(body))[:20_000]
    kind = next(kind for kind, statuses, words in _table() if _fits(status, statuses) and words.search(said))
    try:
        whole = f"{said}\n{json.dumps(body)[:8000]}"
    except (ValueError, TypeError, RecursionError):
        whole = said
    wait = _wait(headers or {}, whole)
    if kind is Kind.QUOTA and status == 429 and wait is not None and wait <= 90:
        kind = Kind.BUSY  # a quota of a minute
    limit = _limit(said, whole) if kind is Kind.OVERFLOW else None
    return Refusal(kind, status, body, wait, limit)


def _fits(status: int, statuses: tuple[int, ...]) -> bool:
    return not statuses or status in statuses


def _code(body: Any, depth: int = 0) -> int:
    """The status that an error inside a 200 tells of itself; 0 when none."""
    if isinstance(body, dict) and depth < 4:
        for key in ("code", "status", "status_code", "statusCode"):
            value = body.get(key)
            if isinstance(value, str | int) and str(value).isdecimal() and 400 <= int(value) < 600:
                return int(value)
        return _code(body.get("error"), depth + 1)
    return 0


def _limit(said: str, whole: str) -> int | None:
    """From the words, else from llama.cpp's own field; another number beside the words (a status) is none."""
    for pattern, text in [*((pattern, said) for pattern in _LIMITS), (_N_CTX, whole)]:
        if found := pattern.search(text):
            tokens = int(found[1].replace(",", ""))
            if 256 <= tokens < 10**8:
                return tokens
    return None


_DELAY = re.compile(r"(?:try again|retry) in (?:(\d+)m)?([\d.]+) ?(ms|s)|\bretryDelay\W{1,5}([\d.]+)s", re.IGNORECASE)


def _wait(headers: Mapping[str, str], said: str) -> float | None:
    """Seconds that the endpoint asks to wait, where it tells a sensible number."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * scale
        except ValueError:
            continue
        if seconds < 1e6:
            return max(0.001, seconds)
    found = _DELAY.search(said)
    if found is None:
        return None
    if found[4]:
        return max(0.001, float(found[4].rstrip(".") or 0))
    seconds = float(found[2].strip(".") or 0) * (0.001 if found[3] == "ms" else 1.0)
    return max(0.001, 60.0 * float(found[1] or 0) + seconds)


def _message(body: Any, depth: int = 0) -> str:
    """The endpoint's own sentence; a validation error's echo of the input is left out."""
    if isinstance(body, str):
        if body.lstrip()[:1] in ("{", "[") and depth < 6:
            try:
                return _message(json.loads(body), depth + 1)
            except (ValueError, RecursionError):
                return ""
        return re.sub(r"<[^>]*>", " ", body)
    if isinstance(body, list) and depth < 6:
        return "; ".join(filter(None, (_message(one, depth + 1) for one in body[:3])))
    if isinstance(body, dict) and depth < 6:
        for key in ("error", "message", "msg", "detail", "errors"):
            if body.get(key):
                where = ".".join(map(str, body["loc"])) + ": " if isinstance(body.get("loc"), list) else ""
                return where + _message(body[key], depth + 1)
    return ""
