"""Names that a repeated delivery gets again: turns and slots are named after their event."""

from __future__ import annotations

from hashlib import sha256

from handlers.model import Incoming, Press, ThreadKey


def _digest(thread: ThreadKey, event: str) -> str:
    return sha256(f"{thread}\n{event}".encode("utf-8", "replace")).hexdigest()[:20]


def asked_id(incoming: Incoming) -> str:
    """The id of a person's turn."""
    return f"u{_digest(incoming.thread, incoming.event)}"


def turn_id(delivery: Incoming | Press) -> str:
    """The id of the assistant turn that answers a message or a button."""
    return f"a{_digest(delivery.thread, delivery.event)}"


def slot_id(turn: str, ordinal: int) -> str:
    """The id of a reply's `ordinal`-th picture (from 0), which is its job's id too."""
    return f"{turn}-{ordinal}"
