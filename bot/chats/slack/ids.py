"""The names that Slack carries for us: action ids, callback ids, message metadata. No state but these."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from handlers.model import NOWHERE, Action

COMMAND = "/easel"
METADATA_TYPE = "easel_reply"
EDIT_VIEW = "easel.edit"
"""`callback_id` of the edit modal."""
NEW_VIEW = "easel.new"
"""`callback_id` of the modal that the global shortcut opens."""
SETTINGS_VIEW = "easel.settings"
"""The modal that App Home opens."""
ROUND_VIEW = "easel.round"
"""The modal with a brainstorm's settings."""
DIRECT = "dm"
"""The thread of a conversation that has none: direct messages without the agent view."""
"""No thread: a command in a channel without a session."""
_ACTION = re.compile(r"^easel\.(?P<action>[a-z]+)\.(?P<number>\d{1,9})$")

CANCEL = "cancel."
"""`block_id` of the button under a picture that is still being drawn, before its number."""
_CARD = re.compile(r"^pictures?((?:\.\d{1,9})+)$")
_BESIDE = re.compile(r"^(?:buttons|pick)\.\d{1,9}/(?P<thread>\d+\.\d+|dm)$")


@dataclass(frozen=True, slots=True)
class Mark:
    """Which button of which picture."""

    action: Action
    number: int


def action_id(action: Action, number: int) -> str:
    return f"easel.{action.value}.{number}"


def read_action_id(text: str) -> Mark | None:
    """None for anything that is not ours, however odd."""
    match = _ACTION.match(text)
    if match is None or match["action"] not in set(Action):
        return None
    return Mark(Action(match["action"]), int(match["number"]))


def card_id(number: int) -> str:
    """`block_id` of a picture's image."""
    return f"picture.{number}"


def sheet_id(numbers: Iterable[int]) -> str:
    """`block_id` of an image of several pictures."""
    return "pictures." + ".".join(map(str, numbers))


def read_card(block_id: Any) -> tuple[int, ...]:
    """The numbers of the pictures that a block shows; none for every other block."""
    match = _CARD.match(block_id) if isinstance(block_id, str) else None
    return tuple(map(int, match[1].split(".")[1:])) if match else ()


def row_id(kind: str, number: int, thread: str | None = None) -> str:
    """`block_id` of a row of buttons, `kind` buttons or pick. `thread` is named where the message of the row does not
    tell it: Slack does not promise that of a message for one person."""
    return f"{kind}.{number}" + (f"/{thread}" if thread else "")


def read_row(block_id: Any) -> str | None:
    """The thread that a row of buttons names."""
    match = _BESIDE.match(block_id) if isinstance(block_id, str) else None
    return match["thread"] if match else None


def thread_ts(thread: str) -> str | None:
    """What Slack is told of a thread; None where there is none."""
    return None if thread in (DIRECT, NOWHERE) else thread


def metadata(turn: str, index: int) -> dict[str, Any]:
    """Marks message `index` of the answer `turn`, so that a restart finds it instead of posting again."""
    return {"event_type": METADATA_TYPE, "event_payload": {"turn": turn, "index": index}}


def read_metadata(message: dict[str, Any], turn: str) -> int | None:
    """The index of a message of this turn, or None for any other message."""
    found = message.get("metadata") or {}
    payload = found.get("event_payload") or {}
    if found.get("event_type") != METADATA_TYPE or payload.get("turn") != turn:
        return None
    index = payload.get("index")
    return index if isinstance(index, int) else None
