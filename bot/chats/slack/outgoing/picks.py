"""The rows below an answer with many pictures, from which one of them is picked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bot.chats.slack import ids
from bot.chats.slack.outgoing.blocks import Block, button, plain
from handlers.english import Sentence
from handlers.model import Action, PicturePart, Reply
from handlers.presentation import IN_A_ROW, LABELS, apart, picked_from, shorten, there, to_come

ENTRIES = 100
"""Of one menu at most (Block Kit, select menu of static options)."""
LONGEST_ENTRY = 75


def rows(reply: Reply, files: Mapping[str, str]) -> Iterator[list[Block]]:
    """The rows below an answer with many pictures: what is under way can be cancelled, what is there can be picked."""
    parts = apart(reply.parts)
    if not picked_from(parts):
        return
    if coming := to_come(parts):
        yield [row(f"{ids.CANCEL}{coming[0].number}", Action.CANCEL, coming, Sentence.CANCEL_ONE)]
    shown = [part for part in there(parts) if part.spoiler or part.slot in files]
    if shown:
        yield [choice(Action.PICK, shown)]


def choice(action: Action, parts: Sequence[PicturePart], thread: str | None = None) -> Block:
    """One row that means one of these pictures."""
    return row(ids.row_id("pick", parts[0].number, thread), action, parts, Sentence.PICK)


def row(block_id: str, action: Action, parts: Sequence[PicturePart], placeholder: str) -> Block:
    if len(parts) <= IN_A_ROW:
        elements = [button(action, part.number, _name(action, part)) for part in parts]
        return {"type": "actions", "block_id": block_id, "elements": elements}
    options = [
        {"text": plain(shorten(f"#{part.number} {part.description}", LONGEST_ENTRY)),
         "value": ids.action_id(action, part.number)}
        for part in parts[:ENTRIES]
    ]  # fmt: skip
    menu: dict[str, Any] = {"type": "static_select", "action_id": f"easel.menu.{parts[0].number}", "options": options}
    return {"type": "actions", "block_id": block_id, "elements": [menu | {"placeholder": plain(f"{placeholder}…")}]}


def _name(action: Action, part: PicturePart) -> str:
    return f"{LABELS[action]} #{part.number}" if action is Action.CANCEL else f"#{part.number}"
