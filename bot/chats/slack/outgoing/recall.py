"""What Slack has of an answer, written down while it grows, so that a restart goes on in the same messages.

A native stream carries no metadata until it is stopped: killed in between, nothing in Slack tells whose
words those are. So the intent is stored before the first post, and the message's `ts` right after it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from bot.chats.slack.ports import KeyValue
from handlers.ports import Store

PREFIX = "slack/post/"
WORDS = 60
"""So many letters and digits of a stream's beginning are kept to know it again."""


@dataclass(slots=True)
class Posted:
    """One message, and what it shows (a digest of its blocks; empty: unknown)."""

    ts: str
    shown: str = ""


@dataclass(slots=True)
class Known:
    """The messages of an answer in order, and its uploaded files by slot."""

    messages: list[Posted] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    sent: dict[str, str] = field(default_factory=dict)
    """Ids that Slack gave for files whose bytes may not have arrived, by slot."""
    words: str = ""
    """How a stream that was asked for begins."""

    def dump(self) -> str:
        return json.dumps({"ts": [m.ts for m in self.messages], "files": self.files}, separators=(",", ":"))


def read_reference(text: str | None) -> Known:
    """What an earlier process stored; anything unreadable counts as nothing known."""
    try:
        data = json.loads(text or "{}")
        return Known(
            [Posted(str(ts)) for ts in data.get("ts", [])],
            {str(k): str(v) for k, v in data.get("files", {}).items()},
            {str(k): str(v) for k, v in data.get("sent", {}).items()},
            str(data.get("words", "")),
        )
    except (ValueError, AttributeError, TypeError):
        return Known()


def opening(text: str) -> str:
    """The beginning of a text without its marks, which Slack writes in its own way."""
    return "".join(letter for letter in text if letter.isalnum())[:WORDS]


def begins_alike(message: dict[str, Any], words: str) -> bool:
    """Is this a bot's message without metadata that begins with these words (or with the first of them)?"""
    found = opening(str(message.get("text") or ""))
    return bool(message.get("bot_id") and not message.get("metadata") and words and found.startswith(words))


class Recall:
    """The durable note of one turn's answer; gone once the answer is finished."""

    def __init__(self, memory: KeyValue, turn: str) -> None:
        self._memory = memory
        self._key = PREFIX + turn
        self._written = ""

    async def read(self) -> Known | None:
        """None: no earlier process began to post this answer."""
        text = await self._memory.get(self._key)
        return None if text is None else read_reference(text)

    async def write(self, known: Known) -> None:
        data = json.loads(known.dump()) | {"words": known.words, "sent": known.sent}
        text = json.dumps(data, separators=(",", ":"))
        if text != self._written:
            await self._memory.put(self._key, text)
            self._written = text

    async def forget(self) -> None:
        await self._memory.delete(self._key)
        self._written = ""


async def known_of(store: Store, memory: KeyValue, turn: str) -> Known:
    """What Slack has of an answer, over or still growing.

    Raises:
        StoreError: it cannot be read.
    """
    noted = await Recall(memory, turn).read()
    if noted is not None:
        return noted
    stored = await store.turn(turn)
    return read_reference(stored.post if stored else None)
