"""A reply as it stands → what its messages show. Pure: no Discord object, no bytes but previews.

Limits of one message with Components V2: 40 components, 4,000 characters of text, 10 pictures a gallery.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias, assert_never

from bot.chats.discord.ids import button_id, file_name
from bot.chats.discord.outgoing.controls import cancels, controls, group_controls, picks
from bot.chats.discord.outgoing.markup import close_fence, plain, split_text
from bot.chats.discord.outgoing.rounds import round_blocks
from bot.chats.discord.outgoing.views import Block, Button, Buttons, Gallery, Menu, MessageView, Shown, Words
from handlers.english import Sentence, alt_text, words
from handlers.links import guarded
from handlers.model import (
    Action,
    NoticePart,
    PicturePart,
    Reply,
    ReplyPart,
    SelectPart,
    SlotState,
    TextPart,
    ThreadKey,
)
from handlers.presentation import (
    LABELS,
    Busy,
    Drawing,
    Made,
    Missing,
    Waiting,
    Why,
    apart,
    caption,
    ideas,
    picked_from,
    shorten,
    there,
    to_come,
    together,
)
from handlers.round import RoundPart

MAX_COMPONENTS = 39
"""One less than Discord takes, and a little text less: room for a word at the end."""
MAX_TEXT = 3800
MAX_ALT = 1024
UNFINISHED = "Unfinished "
CROWD = 5
"""Of more pictures side by side less is said: all that is said of ten has to fit into one message."""
NO_ROOM = "-# ⚠️ Discord takes no more messages here; invite me to the server for long answers."
NOTHING_GONE: Mapping[int, Why] = {}
THINKING = f"-# ✨ {words(Busy.THINKING)}…"


def render(
    reply: Reply,
    *,
    previews: bool = True,
    gone: Mapping[int, Why] = NOTHING_GONE,
    covered: frozenset[int] = frozenset(),
) -> tuple[MessageView, ...]:
    """The messages of an answer, at least one. `gone` are numbers of pictures that are not there any more, `covered`
    of those that are blurred until somebody clicks."""
    parts = apart(reply.parts)
    left = [part for part in parts if not (isinstance(part, PicturePart) and part.number in gone)]
    many = picked_from(left)
    blocks = [unit for part in together(parts) for unit in _units(part, reply, previews, gone, covered, many)]
    if many:
        blocks += [*map(_alone, cancels(to_come(left), reply.thread)), tuple(picks(there(left), reply.thread))]
    blocks = [tuple(map(_honest, unit)) for unit in blocks]
    if reply.thinking and not reply.final and not blocks:
        blocks = [(Words(THINKING),)]
    if not reply.final:
        stop = Button(LABELS[Action.STOP], button_id(Action.STOP, reply.thread, None, reply.turn), "⏹️")
        blocks.append((Buttons((stop,)),))
    views = _pack(blocks) or (MessageView((Words(f"-# {Sentence.NOTHING}"),)),)
    # The last words may still grow inside a code block. It is closed only now: messages are filled by what was written,
    # which never shrinks, so that a full one stays as it is.
    return views if reply.final else tuple(map(_closed, views))


def _honest(block: Block) -> Block:
    """Links in words say where they lead."""
    return Words(guarded(block.text)) if isinstance(block, Words) else block


def _closed(view: MessageView) -> MessageView:
    blocks = (Words(close_fence(block.text)) if isinstance(block, Words) else block for block in view.blocks)
    return dataclasses.replace(view, blocks=tuple(blocks))


def fitted(views: tuple[MessageView, ...], most: int | None) -> tuple[MessageView, ...]:
    """At most so many messages; the last one then says that there would be more."""
    if most is None or len(views) <= most:
        return views
    kept, last = views[: most - 1], views[most - 1]
    return (*kept, MessageView((*last.blocks, Words(NO_ROOM))))


Unit: TypeAlias = tuple[Block, ...]
"""Blocks that stay in one message."""


def _units(
    part: ReplyPart | tuple[PicturePart, ...],
    reply: Reply,
    previews: bool,
    gone: Mapping[int, Why],
    covered: frozenset[int],
    many: bool,
) -> Iterator[Unit]:
    match part:
        case TextPart(text):
            for piece in split_text(guarded(text.strip("\n")), MAX_TEXT):
                yield (Words(piece),)
        case SelectPart(number, description):
            yield (Words(f"-# 👉 **#{number}** {Sentence.CURRENT}: {plain(shorten(description, 200))}"),)
        case NoticePart(sentence):
            yield (Words(f"-# ⚠️ {shorten(sentence, 1500)}"),)
        case RoundPart():
            cards = ideas(reply.parts, gone)
            drafts = tuple(idea.draft for idea in cards if idea.draft is not None)
            yield round_blocks(part, cards, _all_shown(drafts, previews, gone, covered), reply.thread)
        case PicturePart():
            yield _pictures((part,), reply.thread, previews, gone, covered, many)
        case tuple():
            yield _pictures(part, reply.thread, previews, gone, covered, many)


def _pictures(
    parts: tuple[PicturePart, ...],
    thread: ThreadKey,
    previews: bool,
    gone: Mapping[int, Why],
    covered: frozenset[int],
    many: bool,
) -> Unit:
    """`many`: what can be done with them stands elsewhere."""
    crowd = len(parts) > CROWD
    blocks: list[Block] = [Words("\n".join(_caption(part, gone.get(part.number), crowd) for part in parts))]
    if shown := _all_shown(parts, previews, gone, covered):
        blocks.append(Gallery(shown))
    if many:
        return tuple(blocks)
    ready = [part for part in there(parts) if part.number not in gone]
    if len(ready) == 1:
        blocks += controls(ready[0], thread)
    elif ready:
        blocks += group_controls(ready, thread)
    blocks += cancels(to_come(parts), thread)
    return tuple(blocks)


def picked(part: PicturePart, thread: ThreadKey, url: str | None, *, covered: bool) -> MessageView:
    """One picture with what can be done with it, for who picked it. `url`: where Discord has it."""
    alt = alt_text(f"#{part.number}: {part.description}", part.operation, MAX_ALT)
    shown = [Gallery((Shown("", alt, url=url, covered=covered),))] if url else []
    return MessageView((_honest(Words(_caption(part, None))), *shown, *controls(part, thread)))


def _alone(block: Block) -> Unit:
    return (block,)


def _caption(part: PicturePart, gone: Why | None, crowd: bool = False) -> str:
    head = f"**#{part.number}** {plain(shorten(part.description, 80 if crowd else 160))}"
    said = caption(part, gone=gone)
    match said:
        case Waiting():
            return f"⏳ {head}\n-# {words(said)}"
        case Drawing():
            return f"🎨 {head}\n-# {words(said)}"
        case Made():
            origin = f" · {words(said)}" if words(said) else ""
            remark = f"\n-# {shorten(part.sentence, 100 if crowd else 200)}" if part.sentence else ""
            return f"{head}{origin}{remark}"
        case Missing(Why.FAILED):
            return f"❌ {head}\n-# {shorten(words(said), 120 if crowd else 300)}"
        case Missing(Why.CANCELLED):
            return f"-# 🚫 {head} {words(said)}"
        case Missing():
            return f"-# **#{part.number}** {words(said)}"
        case _:
            assert_never(said)


def _all_shown(
    parts: Sequence[PicturePart], previews: bool, gone: Mapping[int, Why], covered: frozenset[int]
) -> tuple[Shown, ...]:
    items = (_shown(part, previews, part.number in covered) for part in parts if part.number not in gone)
    return tuple(item for item in items if item is not None)


def _shown(part: PicturePart, previews: bool, covered: bool) -> Shown | None:
    alt = alt_text(f"#{part.number}: {part.description}", part.operation, MAX_ALT - len(UNFINISHED))
    if part.state is SlotState.READY and part.sha256:
        return Shown(file_name(part.number, part.sha256, "img"), alt, sha256=part.sha256, covered=covered)
    if previews and part.state is SlotState.RENDERING and part.preview:
        digest = hashlib.sha256(part.preview).hexdigest()
        return Shown(
            file_name(part.number, digest, "img").replace("picture", "preview"),
            f"{UNFINISHED}{alt}",
            preview=part.preview,
            covered=covered,
        )
    return None


def components(block: Block) -> int:
    """How many of the 40 components a block takes."""
    match block:
        case Words() | Gallery():
            return 1
        case Buttons(items):
            return 1 + len(items)
        case Menu():
            return 2


def _text_length(block: Block) -> int:
    return len(block.text) if isinstance(block, Words) else 0


def _pack(units: Sequence[Unit]) -> tuple[MessageView, ...]:
    """Fill messages in order; a unit never straddles two."""
    messages: list[MessageView] = []
    current: list[Block] = []
    for unit in units:
        size = sum(components(block) for block in [*current, *unit])
        length = sum(_text_length(block) for block in [*current, *unit])
        if current and (size > MAX_COMPONENTS or length > MAX_TEXT):
            messages.append(MessageView(tuple(current)))
            current = []
        current += unit
    if current:
        messages.append(MessageView(tuple(current)))
    return tuple(messages)
