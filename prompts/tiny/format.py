"""The compact format: what the tiny model reads, the one line it writes, and its grammar.

The prompt is a picture table and the user's message::

    1: a red fox in the snow
    2<1: a red fox in the snow at night
    3*: a round fox badge
    4* (current): a one-line fox logo
    User: make the first one blue

``2<1`` is picture 2 derived from 1, ``*`` marks the pictures of the last batch, and ``(current)`` the
selected picture where that is not the newest. After a turn without pictures the message before is shown
too (``Before: …``), so that "draw one" has an antecedent. The answer is one line::

    reply                reply: a few words
    image: d            image x3: d          image x2: d1 | d2
    edit 4 small: full new description
    variation 3         variation 3 x2       select 2           refine 4

Operations can be joined by `` ; ``. A bare ``reply`` leaves the answer to the base model, which knows more than the
tuned one; small talk is answered on the line itself, because the base model makes up too much. Everything here is
pure: no files, no model, no clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from prompts.lexicon.glossary import gloss

Size = Literal["square", "wide", "tall"]
"""Not written by the model: `prompts.tiny.sentences.size_wanted` reads it from the message."""

SYSTEM = "Write the command."
TABLE_LENGTH = 6
MAX_DESCRIPTION = 320
MAX_WORDS = 360
MAX_USER = 700
MAX_BEFORE = 160
MAX_WRITTEN_COUNT = 9
MAX_OPERATIONS = 4

_MARKUP = re.compile(r"&(?:lt|gt|#0*6[02]|#x0*3[ce]);|[<>＜＞‹›]", re.IGNORECASE)
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class TinyPicture:
    """One row of the picture table."""

    id: int
    description: str
    parent: int | None = None
    batch: bool = False
    """One of the pictures that the last reply with new pictures brought."""
    current: bool = False


@dataclass(frozen=True, slots=True)
class TinyTurn:
    """All that the model is told about a turn."""

    user: str
    pictures: tuple[TinyPicture, ...] = ()
    last_user: str | None = None
    """The user's previous message, if the reply to it had no picture."""


def cut(text: str, limit: int) -> str:
    """Shorten ``text`` to at most ``limit`` characters, at a word boundary where there is one."""
    if len(text) <= limit:
        return text
    head = text[:limit]
    if not text[limit].isspace() and " " in head:
        head = head[: head.rindex(" ")]
    return head.rstrip(" ,;:-") or text[:limit]


def harmless(text: str, limit: int) -> str:
    """Make any text one short line without markup.

    Line breaks could forge rows of the table, and ``<`` could open a tag of the protocol or a control
    token of the chat template, so neither reaches the model. Only the first few thousand characters are
    looked at: a pasted novel costs nothing.
    """
    text = text[: limit * 4]
    text = _MARKUP.sub(" ", text)
    text = "".join(c if c.isprintable() else " " for c in text)
    text = _SPACE.sub(" ", text).strip()
    # Letters outside the Latin alphabets cost this tokenizer two or three tokens each.
    heavy = sum(ord(c) > 0x24F for c in text[:limit])
    return cut(text, max(limit // 3, limit - heavy))


def table_row(picture: TinyPicture, *, show_current: bool) -> str:
    """One line of the picture table."""
    parent = f"<{picture.parent}" if picture.parent is not None else ""
    batch = "*" if picture.batch else ""
    current = " (current)" if show_current and picture.current else ""
    return f"{picture.id}{parent}{batch}{current}: {harmless(picture.description, MAX_DESCRIPTION)}"


def shown(pictures: Sequence[TinyPicture]) -> tuple[TinyPicture, ...]:
    """Pick the pictures that fit the table: the newest ones, and the current one however old it is."""
    ordered = sorted(pictures, key=lambda p: p.id)
    tail = ordered[-TABLE_LENGTH:]
    if any(p.current for p in tail):
        return tuple(tail)
    older = [p for p in ordered if p.current]
    return tuple([*older[-1:], *tail[1:]] if older and len(tail) == TABLE_LENGTH else tail)


def english(text: str, limit: int) -> str:
    """One harmless line in (word-by-word) English; the translation may be longer, so it is cut again."""
    return cut(gloss(harmless(text, limit)), limit)


def user_prompt(turn: TinyTurn) -> str:
    """Build the user message of the prompt."""
    rows = shown(turn.pictures)
    newest = rows[-1].id if rows else None
    lines = [table_row(p, show_current=p.id != newest) for p in rows]
    if turn.last_user:
        lines.append("Before: " + english(turn.last_user, MAX_BEFORE))
    lines.append("User: " + english(turn.user, MAX_USER))
    return "\n".join(lines)


def messages(turn: TinyTurn) -> list[dict[str, str]]:
    """Build the chat messages that ask the model for a command line."""
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": user_prompt(turn)}]


def grammar(
    ids: Iterable[int],
    max_count: int = MAX_WRITTEN_COUNT,
    *,
    change: Sequence[int] = (),
    choose: Sequence[int] = (),
) -> str:
    """Write the GBNF grammar of a command line in a thread that has the pictures ``ids``.

    Where there are no pictures only ``reply`` and ``image`` remain, so a reference to nothing cannot be
    written at all. ``max_count`` is what may be *written*; how many are made is decided with the reply,
    which can then say honestly that some were left out. ``change`` and ``choose`` narrow what may be pointed
    at where rules already know it (`prompts.tiny.resolve`): by edit, variation and refine, and by select.
    """
    known = sorted(set(ids))
    counts = "|".join(f'"{n}"' for n in range(2, max(2, min(max_count, MAX_WRITTEN_COUNT)) + 1))
    rules = [
        f'root ::= "reply" (": " words)? | op (" ; " op){{0,{MAX_OPERATIONS - 1}}}',
        f"words ::= [^<>\\n\\r ] [^<>\\n\\r]{{0,{MAX_WORDS - 1}}}",
        'image ::= "image" (": " d | " x" count ": " d (" | " d){0,8})',
        f"count ::= {counts}",
        f"d ::= [^|;<>\\n\\r ] [^|;<>\\n\\r]{{0,{MAX_DESCRIPTION - 1}}}",
    ]
    if known:
        rules += [
            "op ::= image | edit | variation | select | refine",
            'edit ::= "edit " changed (" small" | " large") ": " d',
            'variation ::= "variation " changed (" x" count)?',
            'select ::= "select " chosen',
            'refine ::= "refine " changed',
            "changed ::= " + _either([n for n in known if n in change] or known),
            "chosen ::= " + _either([n for n in known if n in choose] or known),
        ]
    else:
        rules.append("op ::= image")
    return "\n".join(rules) + "\n"


def _either(numbers: Iterable[int]) -> str:
    return " | ".join(f'"{n}"' for n in numbers)
