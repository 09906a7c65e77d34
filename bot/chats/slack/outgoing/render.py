"""A reply as Slack messages: pure, and within the limits of Block Kit by construction.

Limits (Block Kit reference): 50 blocks a message, 3,000 characters a section, 2,000 an alt text or
a context element, 25 elements of an actions block, 75 characters a button, 5 options of an overflow.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

from bot.chats.slack import ids
from bot.chats.slack.outgoing import markdown, markup
from bot.chats.slack.outgoing.blocks import Block, button, context, plain, section
from bot.chats.slack.outgoing.picks import rows
from bot.chats.slack.outgoing.rounds import round_blocks
from bot.chats.slack.outgoing.sheets import of_answer, shown_of, slot_of
from handlers.english import Sentence, alt_text, round_lines, sheet_alt, words
from handlers.model import Action, NoticePart, PicturePart, Reply, ReplyPart, SelectPart, SlotState, TextPart
from handlers.presentation import Busy, Drawing, Made, Offer, apart, caption, offered, picked_from, shorten, together
from handlers.round import RoundPart

MAX_BLOCKS = 45
"""Slack takes 50; the rest is room for what a workspace app may add."""
MAX_CHARS = 12_000
"""Of all words of a message: Slack refuses longer ones (`msg_blocks_too_long`)."""
MAX_TEXT = 3_900
"""The fallback text of a message; Slack recommends at most 4,000 characters."""
ALT_LIMIT = 1_900

SHORT = 120
"""Characters of a description beside other words."""
BUTTONS = (Action.SHOW, Action.SELECT, Action.VARY, Action.EDIT, Action.REFINE, Action.VOTE)
"""Those of the offered actions that are buttons; the last of the others, as many as fit, are a menu."""
MAX_MENU = 5


@dataclass(frozen=True, slots=True)
class Message:
    """One Slack message: its blocks, and the plain text for notifications and screen readers."""

    blocks: tuple[Block, ...]
    text: str


def _menu(offers: Sequence[Offer], number: int) -> dict[str, Any]:
    options = [{"text": plain(offer.label), "value": ids.action_id(offer.action, number)} for offer in offers]
    return {"type": "overflow", "action_id": f"easel.menu.{number}", "options": options}


def under_way(part: PicturePart) -> str:
    """What a placeholder says; every number is true when it is shown."""
    name = f"*#{part.number}* {markup.escape(shorten(part.description, SHORT))}"
    doing = caption(part)
    if isinstance(doing, Drawing):
        filled = round(10 * doing.step / doing.total) if doing.total else 0
        bar = f" {'▓' * filled}{'░' * (10 - filled)}" if doing.total else " —"
        return f":art: {name}{bar} {words(doing)}"
    return f":hourglass_flowing_sand: {name} — {words(doing)}"


def _image(part: PicturePart, file_id: str) -> Block:
    return {
        "type": "image",
        "block_id": ids.card_id(part.number),
        "slack_file": {"id": file_id},
        "alt_text": alt_text(part.description or f"Picture {part.number}", part.operation, ALT_LIMIT),
        "title": plain(f"#{part.number} {shorten(part.description, 150)}"),
    }


def _name(part: PicturePart) -> str:
    return f"*#{part.number}* {markup.escape(shorten(part.description, SHORT))}"


def _covered(part: PicturePart) -> Block:
    """Slack cannot cover a picture: it is shown to who asks for it, and is no file of the channel."""
    return section(f":see_no_evil: {_name(part)} — {Sentence.COVERED}")


def _origin(part: PicturePart) -> Iterator[str]:
    """What is said of a picture besides what it shows."""
    for said in filter(None, (words(Made(part.operation, part.parents, part.again)), part.sentence)):
        yield markup.escape(said)


def picked(part: PicturePart, file_id: str | None, thread: str | None) -> list[Block]:
    """One picture with what can be done with it, for who picked it in `thread`."""
    if part.spoiler or file_id is None:
        shown = _covered(part) if part.spoiler else section(_name(part))
    else:
        shown = _image(part, file_id)
    return [shown, *_beside(part, thread)]


def _beside(part: PicturePart, thread: str | None = None) -> list[Block]:
    """What it is, and what can be done with it."""
    blocks = [context(said) for said in _origin(part)]
    offers = offered(part)
    rest = [offer for offer in offers if offer.action not in BUTTONS]
    placed = [offer for offer in offers if offer.action in BUTTONS] + rest[:-MAX_MENU]
    elements = [*(button(offer.action, part.number) for offer in placed), _menu(rest[-MAX_MENU:], part.number)]
    blocks.append({"type": "actions", "block_id": ids.row_id("buttons", part.number, thread), "elements": elements})
    return blocks


def _picture(part: PicturePart, files: Mapping[str, str], refused: Collection[str], many: bool) -> list[Block]:
    """`many`: what can be done with it stands elsewhere."""
    name = _name(part)
    match part.state:
        case SlotState.READY if part.slot in refused:
            return [section(f":warning: {name} is drawn, but Slack does not show it; `/easel export` has it.")]
        case SlotState.READY if part.spoiler:
            return [_covered(part), *_controls(part, many)]
        case SlotState.READY if part.slot in files:
            return [_image(part, files[part.slot]), *_controls(part, many)]
        case SlotState.READY:
            return [context(f":outbox_tray: {name} — uploading")]
        case SlotState.FAILED:
            return [section(markup.clip(":warning: " + markup.escape(words(caption(part))), 3_000))]
        case SlotState.CANCELLED:
            return [context(f":no_entry_sign: *#{part.number}* {words(caption(part))}.")]
        case SlotState.WAITING | SlotState.RENDERING:
            cancel = {"type": "actions", "block_id": f"{ids.CANCEL}{part.number}"}
            rest = [] if many else [cancel | {"elements": [button(Action.CANCEL, part.number)]}]
            return [context(under_way(part)), *rest]
        case _:
            assert_never(part.state)


def _controls(part: PicturePart, many: bool) -> list[Block]:
    return [context(said) for said in _origin(part)] if many else _beside(part)


def _group(
    group: tuple[PicturePart, ...], files: Mapping[str, str], refused: Collection[str], sheet: str | None, many: bool
) -> Iterator[list[Block]]:
    """Pictures that stand together; `sheet` is the file that shows them in one."""
    if sheet is None:
        yield from (_picture(part, files, refused, many) for part in group)
        return
    shown = shown_of(group)
    told = [" · ".join((_name(part), *_origin(part))) for part in shown]
    image = {"type": "image", "block_id": ids.sheet_id(part.number for part in shown), "slack_file": {"id": sheet}}
    yield [image | {"alt_text": sheet_alt(shown, ALT_LIMIT)}, context("\n".join(told))]
    yield from (_picture(part, files, refused, many) for part in group if part not in shown)


def _unit(
    part: ReplyPart | tuple[PicturePart, ...], files: Mapping[str, str], refused: Collection[str],
    sheets: Mapping[str, str], many: bool,
    parts: Sequence[ReplyPart],
) -> list[list[Block]]:  # fmt: skip
    """Groups of blocks that stay together in one message; `parts` are all of the answer."""
    match part:
        case tuple():
            return list(_group(part, files, refused, sheets.get(slot_of(shown_of(part))), many))
        case TextPart(text):
            return [[section(piece)] for piece in markup.split(markdown.to_mrkdwn(text))]
        case PicturePart():
            return [_picture(part, files, refused, many)]
        case SelectPart(number, description):
            chosen = f":point_right: *#{number}* {Sentence.CURRENT}: {markup.escape(shorten(description, SHORT))}"
            return [[context(chosen)]]
        case NoticePart(sentence):
            return [[context(":information_source: " + markup.escape(shorten(sentence, 1_500)))]]
        case RoundPart():
            return [round_blocks(part, parts, files, refused)]
        case _:
            assert_never(part)


def _spoken(part: ReplyPart) -> str:
    match part:
        case TextPart(text):
            return markup.escape(text)
        case PicturePart():
            return f"[picture #{part.number}: {markup.escape(shorten(part.description, SHORT))}]"
        case SelectPart(number, _):
            return f"[picture #{number} selected]"
        case NoticePart(sentence):
            return markup.escape(sentence)
        case RoundPart():
            return markup.escape(" ".join(round_lines(part)))
        case _:
            assert_never(part)


def _fallback(parts: Iterable[ReplyPart]) -> str:
    text = " ".join(filter(None, (_spoken(part).strip() for part in parts)))
    return markup.clip(text, MAX_TEXT) or "…"


@dataclass(slots=True)
class _Page:
    """A message under construction."""

    blocks: list[Block] = field(default_factory=list)
    parts: list[ReplyPart] = field(default_factory=list)
    chars: int = 0

    def takes(self, group: list[Block]) -> bool:
        return len(self.blocks) + len(group) <= MAX_BLOCKS and self.chars + _chars(group) <= MAX_CHARS

    def add(self, group: list[Block], *parts: ReplyPart) -> None:
        self.blocks += group
        self.chars += _chars(group)
        self.parts += [part for part in parts if part not in self.parts]


def _chars(group: list[Block]) -> int:
    texts = (element for block in group for element in (block.get("text"), *block.get("elements", ())))
    return sum(len(text["text"]) for text in texts if text and isinstance(text.get("text"), str))


def _parted(parts: Sequence[ReplyPart], cuts: Sequence[int]) -> list[list[ReplyPart]]:
    """The parts by message: `cuts` are places in the words that the answer begins with, at which a stream ended."""
    leading = next((at for at, part in enumerate(parts) if not isinstance(part, TextPart)), len(parts))
    words = "".join(part.text for part in parts[:leading] if isinstance(part, TextPart))
    inside = [cut for cut in cuts if cut < len(words)]
    if not inside:
        return [list(parts)]
    pieces: list[list[ReplyPart]] = [[TextPart(piece)] for piece in markup.parted(words, inside)]
    pieces[-1] += parts[leading:]
    return pieces


def render(
    reply: Reply, files: Mapping[str, str], *, cuts: Sequence[int] = (), refused: Collection[str] = ()
) -> Sequence[Message]:
    """The messages that show this snapshot.

    A reply is one message until it has more than `MAX_BLOCKS` blocks or `MAX_CHARS` characters; a picture and its
    buttons are never parted. A reply without anything yet is one message that says so.

    Args:
        files: Slots (and names of sheets) and their processed Slack file ids.
        cuts: Where, in the words that the answer begins with, a stream has ended and another message begins.
        refused: Slots that Slack will not show.
    """
    if not reply.parts:
        thinking = reply.thinking and not reply.final
        quiet = f"{words(Busy.THINKING).capitalize()}…" if thinking else Sentence.NOTHING.value
        return (Message((context(f":thought_balloon: {quiet}"),), quiet),)
    pages: list[_Page] = []
    many = picked_from(apart(reply.parts))
    sheets = {slot: files[slot] for slot in of_answer(reply) if slot in files and slot not in refused}
    for parts in _parted(apart(reply.parts), cuts):
        pages.append(_Page())
        for part in together(parts):
            for group in _unit(part, files, refused, sheets, many, reply.parts):
                if not pages[-1].takes(group):
                    pages.append(_Page())
                pages[-1].add(group, *(part if isinstance(part, tuple) else (part,)))
    for group in rows(reply, files):
        if not pages[-1].takes(group):
            pages.append(_Page())
        pages[-1].add(group)
    shown = [Message(tuple(page.blocks), _fallback(page.parts)) for page in pages if page.blocks]
    return shown or (Message((context("…"),), "…"),)
