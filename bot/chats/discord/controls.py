"""The buttons and menus under pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.chats.discord.ids import MORE, ButtonId, button_id, menu_value
from bot.chats.discord.views import Block, Button, Buttons, Menu
from handlers.model import Action, PicturePart, ThreadKey


def controls(part: PicturePart, thread: ThreadKey) -> Iterable[Block]:
    number = part.number
    rows = (
        ("Edit…", Action.EDIT, "✏️"),
        ("Vary", Action.VARY, "🎲"),
        ("Refine", Action.REFINE, "🔍"),
        ("Redo", Action.REDO, "🔁"),
        ("Select", Action.SELECT, "👉"),
    )
    yield Buttons(tuple(Button(label, button_id(action, thread, number), emoji) for label, action, emoji in rows))
    entries = [("Vote for it", Action.VOTE), ("Recipe", Action.RECIPE), ("Undo", Action.UNDO)]
    if part.parents:
        entries.append(("Compare with what it came from", Action.COMPARE))
    entries.append(("Delete", Action.DELETE))
    yield Menu(
        str(ButtonId(MORE, thread.channel, thread.thread, number)),
        f"More with #{number}…",
        tuple((label, menu_value(action, number)) for label, action in entries),
    )


GROUP_MENUS: tuple[tuple[str, tuple[tuple[str, Action], ...]], ...] = (
    (
        "Go on with… (✏️ edits, 🎲 varies)",
        (("Select", Action.SELECT), ("Refine", Action.REFINE), ("Redo", Action.REDO), ("Undo", Action.UNDO)),
    ),
    (
        "More…",
        (
            ("Vote for", Action.VOTE),
            ("Recipe of", Action.RECIPE),
            ("Compare with its parent:", Action.COMPARE),
            ("Delete", Action.DELETE),
        ),
    ),
)
"""Menus under pictures that stand side by side: four entries each for five pictures are within Discord's 25."""
NEED_PARENTS = frozenset({Action.UNDO, Action.COMPARE})


def group_controls(parts: Sequence[PicturePart], thread: ThreadKey) -> Iterable[Block]:
    for action, emoji in ((Action.EDIT, "✏️"), (Action.VARY, "🎲")):
        yield Buttons(tuple(Button(f"#{part.number}", button_id(action, thread, part.number), emoji) for part in parts))
    for at, (placeholder, rows) in enumerate(GROUP_MENUS):
        yield Menu(
            str(ButtonId(MORE, thread.channel, thread.thread, parts[0].number, str(at) if at else "")),
            placeholder,
            tuple(
                (f"{label} #{part.number}", menu_value(action, part.number))
                for label, action in rows
                for part in parts
                if part.parents or action not in NEED_PARENTS
            ),
        )


def cancels(parts: Sequence[PicturePart], thread: ThreadKey) -> Iterable[Block]:
    if parts:
        yield Buttons(
            tuple(
                Button(f"Cancel #{p.number}", button_id(Action.CANCEL, thread, p.number, p.slot), danger=True)
                for p in parts
            )
        )
