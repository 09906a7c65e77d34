"""Cutting long text where a reader would: between paragraphs, lines, sentences, words; code blocks stay whole."""

from __future__ import annotations

import re

from handlers.links import plain_addresses

FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n`]*$", re.MULTILINE)
BREAKS = ("\n\n", "\n", ". ", "! ", "? ", "。", "; ", ", ", " ")


def split_text(text: str, limit: int) -> tuple[str, ...]:
    """Pieces of at most `limit` characters. A code block that must be cut is closed and opened again.

    `limit` is at least 40.
    """
    pieces: list[str] = []
    rest = text
    while len(rest) > limit:
        piece, rest = _cut(rest, limit)
        if piece.strip():
            pieces.append(piece)
    if rest.strip():
        pieces.append(rest)
    return tuple(pieces)


def _cut(text: str, limit: int) -> tuple[str, str]:
    """One piece and what follows it."""
    fence = open_fence(text[:limit])
    if fence is None:
        at = _break(text, limit)
        return text[:at].rstrip(), text[at:].lstrip("\n")
    start, opening = fence
    if start > limit // 3:
        # The block may fit whole into the next piece.
        return text[:start].rstrip(), text[start:]
    marker = opening.strip()[:3]
    room = limit - len(marker) - 1
    at = text.rfind("\n", start + len(opening) + 1, room) + 1
    if at <= start + len(opening) + 1:
        at = room
    return text[:at].rstrip("\n") + "\n" + marker, opening + "\n" + text[at:]


def _break(text: str, limit: int) -> int:
    for mark in BREAKS:
        at = text.rfind(mark, limit // 2, limit - len(mark) + 1)
        if at > 0:
            return at + len(mark)
    return limit


def open_fence(text: str) -> tuple[int, str] | None:
    """Where a code block that is still open at the end began, and its opening line."""
    found: tuple[int, str] | None = None
    for match in FENCE.finditer(text):
        if found is None:
            found = match.start(), match.group()
        elif match.group(1)[:3] == found[1].strip()[:3]:
            found = None
    return found


def close_fence(text: str) -> str:
    """The text of a reply that still grows, with its open code block closed so that it shows as one."""
    fence = open_fence(text)
    return text if fence is None else f"{text.rstrip()}\n{fence[1].strip()[:3]}"


def plain(text: str) -> str:
    """Words of a person inside our own markup: nothing in them formats, mentions or misleads."""
    return re.sub(r"([\\*_~`|>\[\]#@<])", r"\\\1", plain_addresses(text))
