"""How one endpoint wants one model to be asked: guessed from the name, corrected by what it refuses, remembered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bot.llm.efforts import effort_fields
from bot.llm.refusals import Kind, Refusal
from imaging.refused import error_texts, refused_parameter
from prompts.profiles import Profile
from prompts.request import LanguageRequest
from prompts.system import render_messages

MAX_STOPS: Final = 4
"""As many stop strings as OpenAI's API takes."""
LIMITS: Final = ("max_tokens", "max_completion_tokens")
_SMALLEST_PROMPT: Final = 256
_SMALLEST_REPLY: Final = 64

_REASONING = re.compile(r"(?:openai/)?(?:o\d|gpt-5)(?:\b|[.-])", re.IGNORECASE)
"""Models that take `max_completion_tokens` and neither temperature nor stop strings."""
_THINKS_FIRST = re.compile(r"\br1\b|qwq|think|reason|magistral|\bz1\b", re.IGNORECASE)
"""Models whose chat template often opens the thoughts, so that only their end is marked."""
_ALTERNATE = re.compile(r"\balternat|unexpected role \W?\w+\W? after role|consecutive (?:user|messages)", re.IGNORECASE)
_NO_SYSTEM = re.compile(
    r"\b(?:system|developer)\b[^.\n]{0,80}\b(?:not|unsupported|isn't|invalid)\b|not support[^.\n]{0,40}\bsystem\b"
    r"|only user,? (?:and|or)? ?assistant roles|\brole\b[^.\n]{0,20}'user'(?:,| or| and) 'assistant'",
    re.IGNORECASE,
)
_AT_MOST = re.compile(r"(?:at most|maximum(?: value)?(?: of| is|:)?|<=|less than or equal to) ([\d,]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """What the host has set for every request."""

    max_tokens: int = 1024
    temperature: float | None = 0.7
    effort: str = ""
    system: bool = True
    """False: the system text always opens the first message of a person."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the body by hand; they win, and null takes a field out."""


@dataclass(frozen=True, slots=True)
class Manner:
    """What is known of an endpoint and model. Values, so that a guess that did not help is let go."""

    dropped: frozenset[str] = frozenset()
    limit: str = LIMITS[0]
    """The name of the longest reply; empty: none is sent."""
    longest: int | None = None
    """Tokens of the longest reply that it takes, where it told."""
    system: bool = True
    alternate: bool = False
    """Neighbours of one role are joined."""
    context: int | None = None
    """Tokens of prompt and reply together, where it told."""
    opens: bool | None = None
    """Whether the chat template opens the thoughts, so that only `</think>` comes; None: nobody knows yet."""

    def changes(self) -> Iterator[str]:
        """What is done otherwise than usual, for the host."""
        if self.limit != LIMITS[0]:
            yield f"{self.limit} instead of {LIMITS[0]}" if self.limit else f"no {LIMITS[0]}"
        if self.dropped:
            yield f"no {', '.join(sorted(self.dropped))}"
        if self.longest:
            yield f"replies of at most {self.longest:,} tokens"
        if not self.system:
            yield "the system prompt in the first user message"
        elif self.alternate:
            yield "neighbours of one role joined"
        if self.opens:
            yield "words held back until the thoughts end"


def first_manner(model: str, *, parsed: bool) -> Manner:
    """Before anything is known. `parsed`: the endpoint keeps thoughts apart by itself."""
    opens = False if parsed else True if _THINKS_FIRST.search(model) else None
    if _REASONING.match(model):
        return Manner(frozenset({"temperature", "stop"}), LIMITS[1], opens=opens)
    return Manner(opens=opens)


def body_of(
    request: LanguageRequest,
    model: str,
    profile: Profile,
    manner: Manner,
    options: RequestOptions,
    *,
    hostname: str,
    local: bool,
    context_tokens: int,
) -> dict[str, Any]:
    """The request's JSON. `context_tokens` is the budget of prompt and reply together."""
    room = max(_SMALLEST_REPLY, context_tokens // 2)
    most = min(request.max_tokens, options.max_tokens, manner.longest or options.max_tokens, room)
    system = profile.system and manner.system and options.system
    family = replace(profile, system=system, merge=profile.merge or manner.alternate or not system)
    body: dict[str, Any] = {
        "model": model,
        "messages": render_messages(request, family, max(_SMALLEST_PROMPT, context_tokens - most)),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if manner.limit:
        body[manner.limit] = most
    if stops := list(dict.fromkeys((*request.stop, *profile.stop)))[:MAX_STOPS]:
        body["stop"] = stops
    if options.temperature is not None:
        body["temperature"] = options.temperature
    if options.effort:
        body |= effort_fields(options.effort, hostname, local=local)
    body |= options.extra
    gone = manner.dropped | ({"stream_options"} if "stream" in manner.dropped else set())
    return {name: value for name, value in body.items() if name not in gone and value is not None}


def adapted(manner: Manner, refusal: Refusal) -> Manner | None:
    """Another manner to try after a refusal; None when asking otherwise cannot help."""
    body = refusal.asked
    said = "\n".join(error_texts(refusal.body))
    roles = _roles(manner, said)
    if roles is not None and refusal.kind in (Kind.REQUEST, Kind.TROUBLE):
        return roles
    if refusal.kind not in (Kind.REQUEST, Kind.ADDRESS) or refusal.status not in (0, 400, 404, 405, 415, 422, 501):
        return None
    optional = [name for name in body if name not in ("model", "messages")]
    named = refused_parameter(refusal.body, optional)
    if named in LIMITS:
        return _other_limit(manner, said, int(body[named]), named)
    if named is not None:
        return replace(manner, dropped=manner.dropped | {named})
    if refused_parameter(refusal.body, ("messages",)) and manner.system and "role" in said:
        return replace(manner, system=False)
    if refusal.status in (400, 422) or "requested parameters" in said:
        return _without(manner, [name for name in optional if name not in (*LIMITS, "stream")])
    return None


def _roles(manner: Manner, said: str) -> Manner | None:
    if _ALTERNATE.search(said):
        if not manner.alternate:
            return replace(manner, alternate=True)
        return replace(manner, system=False) if manner.system else None
    if _NO_SYSTEM.search(said) and manner.system:
        return replace(manner, system=False, alternate=True)
    return None


def _other_limit(manner: Manner, said: str, wanted: int, named: str) -> Manner:
    """A smaller limit where the error tells one, else under the other name, else none."""
    told = [int(number.replace(",", "")) for number in _AT_MOST.findall(said)]
    smaller = [number for number in told if 0 < number < wanted]
    if smaller:
        return replace(manner, longest=max(smaller))
    other = LIMITS[1 - LIMITS.index(named)]
    if other in manner.dropped:
        return replace(manner, limit="", dropped=manner.dropped - {other})
    return replace(manner, limit=other, dropped=manner.dropped | {named})


def _without(manner: Manner, optional: list[str]) -> Manner | None:
    """The error names nothing: first without what older servers do not know, then without all that can be left out."""
    if "stream_options" in optional:
        return replace(manner, dropped=manner.dropped | {"stream_options"})
    return replace(manner, dropped=manner.dropped | set(optional)) if optional else None
