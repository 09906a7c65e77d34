"""A round of a brainstorm: one message, whatever happens to it.

Eight ideas take 22 of Discord's 40 components at most, and `MAX_TEXT` of its 4,000 characters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import discord

from bot.chats.discord.ids import MORE, ButtonId, button_id, menu_value
from bot.chats.discord.outgoing.markup import plain
from bot.chats.discord.outgoing.views import Block, Button, Buttons, Gallery, Menu, Shown, Words
from handlers.english import Sentence, closes, dot_label, idea_notes, round_head, round_state
from handlers.links import guarded
from handlers.model import Action, ThreadKey
from handlers.presentation import LABELS, Idea, Missing, offered_round, shorten
from handlers.round import MAX_TITLE, Card, Phase, RoundPart

MAX_TEXT = 3600
"""Characters of all words, counted as UTF-16: nobody says how Discord counts emoji."""
ROOM = ((160, 120), (100, 120), (60, 80), (0, 80), (0, 0))
"""Characters of a card's reason and of a note on it: the first that leave room for all cards. Titles always fit."""
ROW = 5
"""Buttons of a row, and most cards that one row of votes is worth: more stand in two rows of the same length."""


def round_blocks(
    part: RoundPart, ideas: Sequence[Idea], shown: Sequence[Shown], thread: ThreadKey
) -> tuple[Block, ...]:
    """What a round shows; `shown` are its drafts as far as there is something to see."""
    head, foot = _head(part), _foot(part)
    cards = _cards(ideas, MAX_TEXT - _length(head) - _length(foot))
    blocks: list[Block] = [Words(head)]
    if shown:
        blocks.append(Gallery(tuple(shown)))
    if cards:
        blocks.append(Words(cards))
    blocks += _votes(ideas, thread)
    blocks.append(Words(foot))
    blocks += _facilitator(part, thread)
    blocks += _menu(ideas, thread)
    return tuple(blocks)


def _head(part: RoundPart) -> str:
    took = f"\n{_said(part.took_up, 240)}" if part.took_up else ""
    return f"### {_said(round_head(part), 220)}{took}"


def _foot(part: RoundPart) -> str:
    state = round_state(part)
    if part.phase is Phase.OPEN and part.closes is not None:
        state = f"{state} {closes(discord.utils.format_dt(part.closes, 'R'))}"
    return "\n".join((state, *(f"-# ⚠️ {_said(remark, 160)}" for remark in part.remarks[:4])))


def _said(text: str, most: int) -> str:
    """Words of people and models, of about so many characters."""
    return guarded(plain(shorten(text, most)))


def _cards(ideas: Sequence[Idea], room: int) -> str:
    texts = ("\n".join(_card(idea, *most) for idea in ideas) for most in ROOM)
    return next((text for text in texts if _length(text) <= room), "")


def _card(idea: Idea, most_why: int, most_note: int) -> str:
    title = f"{'🏆 ' if idea.card.winner else ''}**#{idea.card.picture}** {_said(idea.card.title, MAX_TITLE)}"
    notes = [_said(note, most_note) for note in idea_notes(idea)] if most_note else []
    why = f"\n-# {_said(idea.card.why, most_why)}" if most_why and idea.card.why.strip() else ""
    return " · ".join((title, *notes)) + why


def _length(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _votes(ideas: Sequence[Idea], thread: ThreadKey) -> Iterator[Block]:
    buttons = [
        Button(dot_label(idea.card), button_id(Action.DOT, thread, idea.card.picture)) for idea in ideas if idea.open
    ]
    rows = -(-len(buttons) // ROW)
    for row in _parted(buttons, -(-len(buttons) // max(1, rows))):
        yield Buttons(tuple(row))


def _facilitator(part: RoundPart, thread: ThreadKey) -> Iterator[Block]:
    offers = [offer for offer in offered_round(part) if offer.action is not Action.DOT]
    if offers and part.cards:
        named = part.cards[0].picture
        yield Buttons(tuple(Button(offer.label, button_id(offer.action, thread, named)) for offer in offers))


def _menu(ideas: Sequence[Idea], thread: ThreadKey) -> Iterator[Block]:
    """A draft is picked as one of many pictures is; one that is not there yet can be cancelled."""
    there = [idea for idea in ideas if idea.draft is not None and not isinstance(idea.said, Missing)]
    entries = [_entry(idea.card, Action.PICK if idea.said is None else Action.CANCEL) for idea in there]
    if entries:
        id = ButtonId(MORE, thread.channel, thread.thread, ideas[0].card.picture)
        yield Menu(str(id), Sentence.MORE, tuple(entries))


def _entry(card: Card, action: Action) -> tuple[str, str]:
    label = "" if action is Action.PICK else f"{LABELS[action]} "
    return shorten(f"{label}#{card.picture} {card.title}", 100), menu_value(action, card.picture)


def _parted(buttons: Sequence[Button], size: int) -> Iterator[Sequence[Button]]:
    for start in range(0, len(buttons), max(1, size)):
        yield buttons[start : start + size]
