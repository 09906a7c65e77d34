"""The blocks that messages and pages are made of."""

from __future__ import annotations

from typing import Any

from bot.chats.slack import ids
from bot.chats.slack.outgoing import markup
from handlers.model import Action
from handlers.presentation import LABELS

Block = dict[str, Any]


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": True}


def section(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def context(text: str) -> Block:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": markup.clip(text, 2_000), "verbatim": True}]}


def button(action: Action, number: int, label: str | None = None, *, style: str | None = None) -> dict[str, Any]:
    """Of a picture; called as the action is everywhere, unless it has another `label` here."""
    made: dict[str, Any] = {
        "type": "button",
        "action_id": ids.action_id(action, number),
        "text": plain(label or LABELS[action]),
        "value": str(number),
    }
    return made | ({"style": style} if style else {})
