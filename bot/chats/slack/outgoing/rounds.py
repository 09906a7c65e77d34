"""A round of a brainstorm: one message of some twenty blocks, whatever happens to it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from bot.chats.slack import ids
from bot.chats.slack.outgoing import markup, sheets
from bot.chats.slack.outgoing.blocks import Block, button, context, plain, section
from handlers.english import closes, dot_label, idea_notes, more_with, round_head, round_state, sheet_alt
from handlers.model import Action, PicturePart, ReplyPart
from handlers.presentation import Idea, Missing, ideas, offered, offered_round, shorten
from handlers.round import MAX_TITLE, Phase, RoundPart

MAX_HEAD = 150
"""Of a header block."""
MAX_ALT = 1_900
TITLE, WHY, NOTES = 200, 400, 300
"""Most characters of a card's pieces once they are escaped: all of eight cards are in one message of 12,000."""
ROW = 5
"""Slack folds a row of more buttons away."""
ELSEWHERE = frozenset({Action.VOTE})
"""Actions of pictures that a draft has no use for: it is voted for in its round."""


def round_blocks(
    part: RoundPart, parts: Sequence[ReplyPart], files: Mapping[str, str], refused: Collection[str]
) -> list[Block]:
    """What a round shows; `parts` are those of its answer, `files` and `refused` slots as for pictures."""
    cards = ideas(parts, {})
    blocks: list[Block] = [{"type": "header", "text": plain(shorten(round_head(part), MAX_HEAD))}]
    if part.took_up:
        blocks.append(context(markup.clip(markup.escape(part.took_up), 800)))
    blocks += _sheet(parts, files, refused)
    blocks += map(_card, cards)
    blocks += _votes(cards)
    blocks.append(context("\n".join(_state(part))))
    offers = [offer for offer in offered_round(part) if offer.action is not Action.DOT]
    if offers and part.cards:
        named = part.cards[0].picture
        elements = [button(offer.action, named, offer.label) for offer in offers]
        blocks.append({"type": "actions", "block_id": f"round.{named}", "elements": elements})
    return blocks


def _sheet(parts: Sequence[ReplyPart], files: Mapping[str, str], refused: Collection[str]) -> Iterator[Block]:
    pictures = sheets.of_round(parts)
    slot = sheets.slot_of(pictures)
    if not pictures:
        return
    if slot in refused:
        yield context(":warning: The drafts are drawn, but Slack does not show them; `/easel export` has them.")
    elif slot in files:
        yield {"type": "image", "slack_file": {"id": files[slot]}, "alt_text": sheet_alt(pictures, MAX_ALT)}
    else:
        yield context(":outbox_tray: The drafts are uploading")


def _card(idea: Idea) -> Block:
    card = idea.card
    title = markup.clip(markup.escape(shorten(card.title, MAX_TITLE)), TITLE)
    notes = markup.clip(markup.escape(" · ".join(idea_notes(idea))), NOTES)
    head = f"{':trophy: ' if card.winner else ''}*#{card.picture}* {title}{' · ' if notes else ''}{notes}"
    why = markup.clip(markup.escape(shorten(card.why, 200)), WHY)
    shown = section(f"{head}\n{why}" if why else head) | {"block_id": f"idea.{card.picture}"}
    draft = idea.draft
    return shown if draft is None or isinstance(idea.said, Missing) else shown | _menu(draft)


def _menu(draft: PicturePart) -> Block:
    options = [
        {"text": plain(offer.told), "value": ids.action_id(offer.action, draft.number)}
        for offer in offered(draft)
        if offer.action not in ELSEWHERE
    ]
    select = {"type": "static_select", "action_id": f"easel.menu.{draft.number}", "options": options}
    return {"accessory": select | {"placeholder": plain(more_with([draft.number]))}} if options else {}


def _votes(cards: Sequence[Idea]) -> Iterator[Block]:
    buttons = [button(Action.DOT, idea.card.picture, dot_label(idea.card)) for idea in cards if idea.open]
    rows = -(-len(buttons) // ROW)
    size = -(-len(buttons) // max(1, rows))
    for at in range(0, len(buttons), max(1, size)):
        yield {"type": "actions", "block_id": f"votes.{at}", "elements": buttons[at : at + size]}


def _state(part: RoundPart) -> Iterator[str]:
    state = markup.escape(round_state(part))
    if part.phase is Phase.OPEN and part.closes is not None:
        state = f"{state} {closes(_moment(part.closes))}"
    yield state
    yield from (f":information_source: {markup.clip(markup.escape(remark), 400)}" for remark in part.remarks[:4])


def _moment(moment: Any) -> str:
    """As Slack writes it where somebody is; in UTC where it cannot."""
    return f"<!date^{int(moment.timestamp())}^{{date_short_pretty}} at {{time}}|{moment:%Y-%m-%d %H:%M} UTC>"
