"""The modals: an edit with the full description to change, and how much of the picture should stay."""

from __future__ import annotations

import json
from typing import Any

from bot.chats.slack import marks
from handlers.model import Press, ThreadKey

_CHANGES = (
    (None, "Let Easel decide"),
    ("small", "Keep the layout, change a detail"),
    ("large", "Change more, keep the subject"),
)


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def edit_view(press: Press, description: str) -> dict[str, Any]:
    """A `views.open` payload; `private_metadata` names thread and picture, so no state is kept here."""
    options = [{"text": _plain(label), "value": value or "auto"} for value, label in _CHANGES]
    thread = press.thread
    return {
        "type": "modal",
        "callback_id": marks.EDIT_VIEW,
        "private_metadata": json.dumps(
            {"tenant": thread.tenant, "channel": thread.channel, "thread": thread.thread, "picture": press.picture}
        ),
        "title": _plain(f"Edit picture #{press.picture}"[:24]),
        "submit": _plain("Draw it"),
        "close": _plain("Close"),
        "blocks": [
            {
                "type": "input",
                "block_id": "description",
                "label": _plain("The whole picture that you want"),
                "hint": _plain("Change the words; what you leave stays."),
                "element": {
                    "type": "plain_text_input",
                    "action_id": "value",
                    "multiline": True,
                    "max_length": 2_000,
                    "initial_value": description[:2_000],
                },
            },
            {
                "type": "input",
                "block_id": "change",
                "optional": True,
                "label": _plain("How much should stay"),
                "element": {
                    "type": "radio_buttons",
                    "action_id": "value",
                    "options": options,
                    "initial_option": options[0],
                },
            },
        ],
    }


def new_view() -> dict[str, Any]:
    """What the global shortcut opens: it comes from no channel, so the answer is a direct message."""
    return {
        "type": "modal",
        "callback_id": marks.NEW_VIEW,
        "title": _plain("New picture"),
        "submit": _plain("Draw it"),
        "close": _plain("Close"),
        "blocks": [
            {
                "type": "input",
                "block_id": "description",
                "label": _plain("What shall I draw?"),
                "hint": _plain("The answer comes as a direct message."),
                "element": {"type": "plain_text_input", "action_id": "value", "multiline": True, "max_length": 2_000},
            }
        ],
    }


def read_private(text: str) -> tuple[ThreadKey, int] | None:
    """Thread and picture of an edit modal, or None when it is not one of ours."""
    try:
        data = json.loads(text)
        return ThreadKey("slack", str(data["tenant"]), str(data["channel"]), str(data["thread"])), int(data["picture"])
    except (ValueError, KeyError, TypeError):
        return None
