"""The buttons and menus under pictures: where the actions stand that a picture offers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.chats.discord.ids import MORE, ButtonId, button_id, menu_value
from bot.chats.discord.outgoing.views import Block, Button, Buttons, Menu, Words
from handlers.english import Sentence
from handlers.model import Action, PicturePart, ThreadKey
from handlers.presentation import IN_A_ROW, LABELS, OFFERS, offered, shorten

EMOJI = {
    Action.EDIT: "✏️",
    Action.VARY: "🎲",
    Action.REFINE: "🔍",
    Action.REDO: "🔁",
    Action.SELECT: "👉",
}
"""The actions that are buttons under a single picture, in their order; the others stand in its menu."""
BESIDE = (Action.EDIT, Action.VARY)
"""Those that are a row of buttons under two pictures that stand side by side, one for each picture."""
ENTRIES = 25
"""Of one menu at most."""


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
    entries = [
        (f"{offer.label} #{part.number}", menu_value(offer.action, part.number))
        for offer in OFFERS
        if offer.action not in BESIDE
        for part in parts
        if offer.action in takes[part.number]
    ]
    for at in range(0, len(entries), ENTRIES):
        placeholder = "More… (✏️ edits, 🎲 varies)"
        yield _menu(parts[0], thread, str(at) if at else "", placeholder, entries[at : at + ENTRIES])


def picks(parts: Sequence[PicturePart], thread: ThreadKey) -> Iterable[Block]:
    """One row for pictures that come together: what can be done with one is shown to who picks it."""
    if 0 < len(parts) <= IN_A_ROW:
        yield Words(f"-# {Sentence.PICK}:")
        yield Buttons(tuple(Button(f"#{p.number}", button_id(Action.PICK, thread, p.number)) for p in parts))
        return
    for at in range(0, len(parts), ENTRIES):
        some = parts[at : at + ENTRIES]
        entries = [(_entry(part), menu_value(Action.PICK, part.number)) for part in some]
        yield _menu(some[0], thread, Action.PICK, f"{Sentence.PICK}…", entries)


def cancels(parts: Sequence[PicturePart], thread: ThreadKey) -> Iterable[Block]:
    label = LABELS[Action.CANCEL]
    if 0 < len(parts) <= IN_A_ROW:
        yield Buttons(
            tuple(
                Button(f"{label} #{p.number}", button_id(Action.CANCEL, thread, p.number, p.slot), danger=True)
                for p in parts
            )
        )
        return
    for at in range(0, len(parts), ENTRIES):
        some = parts[at : at + ENTRIES]
        entries = [(_entry(part), menu_value(Action.CANCEL, part.number)) for part in some]
        yield _menu(some[0], thread, Action.CANCEL, f"{Sentence.CANCEL_ONE}…", entries)


def _menu(
    first: PicturePart, thread: ThreadKey, which: str, placeholder: str, entries: Sequence[tuple[str, str]]
) -> Menu:
    """`which` tells it from the other menus of the message."""
    return Menu(str(ButtonId(MORE, thread.channel, thread.thread, first.number, which)), placeholder, tuple(entries))


def _entry(part: PicturePart) -> str:
    return shorten(f"#{part.number} {part.description}", 100)
