"""The buttons and menus under pictures: where the actions stand that a picture offers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.chats.discord.ids import MORE, ButtonId, button_id, menu_value
from bot.chats.discord.outgoing.views import Block, Button, Buttons, Menu
from handlers.model import Action, PicturePart, ThreadKey
from handlers.presentation import LABELS, OFFERS, offered

EMOJI = {
    Action.EDIT: "✏️",
    Action.VARY: "🎲",
    Action.REFINE: "🔍",
    Action.REDO: "🔁",
    Action.SELECT: "👉",
}
"""The actions that are buttons under a single picture, in their order; the others stand in its menu."""
BESIDE = (Action.EDIT, Action.VARY)
"""Those that are a row of buttons under pictures that stand side by side, one for each picture."""
FIRST = (Action.SELECT, Action.REFINE, Action.REDO, Action.UNDO)
"""Those of their first menu."""
MENU_ACTIONS = 5
"""For five pictures that is Discord's 25 entries."""


def controls(part: PicturePart, thread: ThreadKey) -> Iterable[Block]:
    number = part.number
    offers = {offer.action: offer for offer in offered(part, covers=True)}
    placed = [offers.pop(action) for action in EMOJI if action in offers]
    yield Buttons(
        tuple(Button(o.label, button_id(o.action, thread, number), EMOJI[o.action]) for o in placed),
    )
    yield Menu(
        str(ButtonId(MORE, thread.channel, thread.thread, number)),
        f"More with #{number}…",
        tuple((offer.told, menu_value(offer.action, number)) for offer in offers.values()),
    )


def group_controls(parts: Sequence[PicturePart], thread: ThreadKey) -> Iterable[Block]:
    takes = {part.number: {offer.action for offer in offered(part, covers=True)} for part in parts}
    for action in BESIDE:
        yield Buttons(
            tuple(
                Button(f"#{part.number}", button_id(action, thread, part.number), EMOJI[action])
                for part in parts
                if action in takes[part.number]
            )
        )
    for at, (placeholder, actions) in enumerate(_menus({action for offers in takes.values() for action in offers})):
        entries = [
            (f"{LABELS[action]} #{part.number}", menu_value(action, part.number))
            for action in actions
            for part in parts
            if action in takes[part.number]
        ]
        if entries:
            id = ButtonId(MORE, thread.channel, thread.thread, parts[0].number, str(at) if at else "")
            yield Menu(str(id), placeholder, tuple(entries))


def _menus(wanted: set[Action]) -> Iterable[tuple[str, Sequence[Action]]]:
    yield "Go on with… (✏️ edits, 🎲 varies)", FIRST
    others = [offer.action for offer in OFFERS if offer.action in wanted.difference(BESIDE, FIRST)]
    for start in range(0, len(others), MENU_ACTIONS):
        yield "More…", others[start : start + MENU_ACTIONS]


def cancels(parts: Sequence[PicturePart], thread: ThreadKey) -> Iterable[Block]:
    if parts:
        label = LABELS[Action.CANCEL]
        yield Buttons(
            tuple(
                Button(f"{label} #{p.number}", button_id(Action.CANCEL, thread, p.number, p.slot), danger=True)
                for p in parts
            )
        )
