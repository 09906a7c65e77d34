"""Server-sent events of a chat stream, read as servers really send them.

An event is what one `data:` carries as JSON. Comments, pings, empty and `null` events are only signs of life; several
`data:` lines may be one event, and an event may lack its blank line. A server that ignores `stream` sends one whole
JSON object, a proxy sends a page: both are read here too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final, TypeAlias

MAX_EVENT: Final = 4 << 20
"""Bytes of one event; more is no chat stream."""


class Sign(Enum):
    ALIVE = auto()
    """Something came that says nothing."""
    DONE = auto()
    """`[DONE]`: nothing more will come."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """Something that is no event. `page`: it is a web page."""

    start: str
    page: bool


Event: TypeAlias = dict[str, Any] | Sign | Malformed


class EventReader:
    """Feed it bytes as they come. One reader for one response."""

    def __init__(self) -> None:
        self._buffer = b""
        self._data: list[str] = []
        self._raw: list[str] = []
        self._size = 0
        self._name = ""

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete."""
        buffer = self._buffer + data
        held = b"\r" if buffer.endswith(b"\r") else b""  # a line feed may follow
        lines = buffer[: len(buffer) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._buffer = lines.pop() + held
        events = [event for line in lines for event in self._line(line.decode("utf-8", "replace"))]
        if len(self._buffer) > MAX_EVENT or self._size > MAX_EVENT:
            self._buffer, self._data, self._raw, self._size = b"", [], [], 0
            events.append(Malformed("", page=False))
        return events

    def close(self) -> list[Event]:
        """The line is closed: what is left."""
        events = self.feed(b"\n\n")
        if text := "\n".join(self._raw).strip():
            events.append(_whole(text))
            self._raw.clear()
        return events

    def _line(self, line: str) -> list[Event]:
        line = line.removeprefix("\ufeff")
        if not line.strip():
            return self._dispatch()
        if self._raw:
            return self._keep(line)
        field, colon, value = line.partition(":")
        match field.strip():
            case "data" if colon:
                return self._datum(value.removeprefix(" "))
            case "event" if colon:
                self._name = value.strip()
                return [Sign.ALIVE]
            case "" | "id" | "retry" if colon:
                return [Sign.ALIVE]
            case _:
                return self._keep(line)

    def _keep(self, line: str) -> list[Event]:
        """No event stream: lines of JSON, or one object over many lines, or a page."""
        self._raw.append(line)
        self._size += len(line)
        if len(self._raw) == 1 and isinstance(event := _json(line), dict):
            self._raw.clear()
            self._size = 0
            return [event]
        return []

    def _datum(self, value: str) -> list[Event]:
        if value.strip().strip("[]").upper() in ("DONE", "END"):
            return [Sign.DONE]
        if not self._data and not value.strip():
            return [Sign.ALIVE]
        self._data.append(value)
        self._size += len(value)
        event = _json("\n".join(self._data))
        if isinstance(event, Malformed):
            return []
        name, self._name, self._data, self._size = self._name, "", [], 0
        if not isinstance(event, dict) or not event:
            return [Sign.ALIVE]
        return [{"error": event} if name == "error" and "error" not in event else event]

    def _dispatch(self) -> list[Event]:
        text, name = "\n".join(self._data).strip(), self._name
        self._name, self._data = "", []
        if not text:
            return []
        self._size = 0
        return [{"error": text}] if name == "error" else [Malformed(text[:200], page=_is_page(text))]


def _whole(text: str) -> Event:
    event = _json(text)
    if isinstance(event, list) and event and isinstance(event[0], dict):  # Google's errors come in a list
        event = event[0]
    return event if isinstance(event, dict) else Malformed(text[:200], page=_is_page(text))


def _is_page(text: str) -> bool:
    return text.lstrip()[:1] == "<"


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        return {}  # nothing that anybody means; how deep is too deep depends on who is calling
    except ValueError:
        return Malformed(text[:200], page=False)
