"""What one event of a chat stream says, in the shapes of all the servers that say it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final


class End(Enum):
    """Why a reply ended."""

    STOP = auto()
    LENGTH = auto()
    FILTER = auto()
    TOOLS = auto()
    ERROR = auto()


_ENDS: Final = {
    End.LENGTH: ("length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded"),
    End.FILTER: ("content_filter", "content_filtered", "safety", "recitation", "prohibited_content", "blocklist",
                 "spii", "sensitive", "guardrail_intervened", "refusal", "moderation"),
    End.TOOLS: ("tool_calls", "tool_call", "function_call", "tool_use", "malformed_function_call"),
    End.ERROR: ("error", "abort", "aborted", "cancelled", "insufficient_system_resource", "network_error"),
}  # fmt: skip
_BY_NAME: Final = {name: end for end, names in _ENDS.items() for name in names}
_THOUGHT_FIELDS: Final = ("reasoning_content", "reasoning", "thinking")


@dataclass(frozen=True, slots=True)
class Piece:
    """`text` is for people (thoughts may still be marked in it), `thought` counts characters of separate thoughts."""

    text: str = ""
    thought: int = 0
    refusal: str = ""
    end: End | None = None
    tools: bool = False
    error: Any = None
    usage: tuple[int, int] | None = None
    """Tokens read and written so far."""
    whole: bool = False
    """The server ignored `stream`: this is the reply, all of it."""


def read_piece(event: dict[str, Any]) -> Piece:
    """Never raises, whatever the event holds."""
    choices = event.get("choices")
    choice = next((one for one in choices if isinstance(one, dict)), {}) if isinstance(choices, list) else {}
    message = choice.get("message")
    whole = isinstance(message, dict) and not isinstance(choice.get("delta"), dict)
    delta = message if whole else choice.get("delta")
    delta = delta if isinstance(delta, dict) else {}
    text, thought = _content(delta.get("content", choice.get("text")))
    refusal = delta.get("refusal")
    return Piece(
        text=text,
        thought=thought + _thought(delta),
        refusal=refusal if isinstance(refusal, str) else "",
        end=_blocked(event) or _end(choice, delta),
        tools=bool(delta.get("tool_calls") or delta.get("function_call")),
        error=choice.get("error") or _error(event, bool(choice)),
        usage=_usage(event) or _usage(choice),
        whole=whole,
    )


def _content(content: Any) -> tuple[str, int]:
    """Text, or a list of parts of which some are thoughts."""
    if isinstance(content, str):
        return content, 0
    words, thought = [], 0
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, str):
            words.append(part)
        elif isinstance(part, dict):
            kind, text = part.get("type", "text"), part.get("text")
            if kind in ("text", "output_text") and isinstance(text, str):
                words.append(text)
            else:
                thought += _weight(part)
    return "".join(words), thought


def _thought(delta: dict[str, Any]) -> int:
    """The same thoughts may stand in several fields: the longest counts."""
    details = delta.get("reasoning_details")
    fields = [delta.get(name) for name in _THOUGHT_FIELDS]
    return max(_weight(field) for field in [*fields, details])


def _weight(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(_weight(value.get(key)) for key in ("text", "thinking", "summary", "content"))
    return sum(map(_weight, value)) if isinstance(value, list) else 0


def _blocked(event: dict[str, Any]) -> End | None:
    """Google's word for a prompt that it does not answer: there are no choices then."""
    feedback = event.get("promptFeedback") or event.get("prompt_feedback")
    blocked = isinstance(feedback, dict) and (feedback.get("blockReason") or feedback.get("block_reason"))
    return End.FILTER if blocked else None


def _end(choice: dict[str, Any], delta: dict[str, Any]) -> End | None:
    for holder in (choice, delta):
        for key in ("finish_reason", "finishReason", "stop_reason"):
            reason = holder.get(key)
            if isinstance(reason, str) and reason.strip() and reason.strip().casefold() not in ("null", "none"):
                end = _BY_NAME.get(reason.partition(":")[0].strip().casefold(), End.STOP)
                return End.ERROR if end is End.STOP and _died(choice) else end
    return None


def _died(choice: dict[str, Any]) -> bool:
    """A router may call an upstream's failure a normal end, and tell the truth beside it."""
    native = choice.get("native_finish_reason")
    return isinstance(native, str) and _BY_NAME.get(native.casefold()) is End.ERROR


def _error(event: dict[str, Any], chosen: bool) -> Any:
    if event.get("error"):
        return event["error"]
    kind = event.get("object") == "error" or event.get("type") == "error"
    if not chosen and (kind or event.get("detail") or event.get("errors")):
        return event
    return None


def _usage(event: dict[str, Any]) -> tuple[int, int] | None:
    """None where nothing is counted: `{}` and nulls are common."""
    groq = event.get("x_groq")
    usage = event.get("usage") or (groq.get("usage") if isinstance(groq, dict) else None)
    if not isinstance(usage, dict):
        return None
    read = _count(usage, "prompt_tokens", "input_tokens")
    written = _count(usage, "completion_tokens", "output_tokens")
    return (read, written) if read or written else None


def _count(usage: dict[str, Any], *names: str) -> int:
    for name in names:
        value = usage.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e12:
            return int(value)
    return 0
