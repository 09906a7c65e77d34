"""Marks that stood around a tag and now stand around nothing: `**<image>…</image>**`, or a fence with only a tag in it.

Only what people see is tidied. While a reply grows, what may turn out to be such a mark is not shown yet, so that no
shown word is taken back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from handlers.model import ReplyPart, TextPart

_OPENS = re.compile(
    r"(?P<fence>^[ \t]*(?P<run>`{3,}|~{3,})[ \t]*[\w.+-]*[ \t]*\s*\Z)|(?P<mark>\*{1,3}|_{1,3}|~~|\|\|)[ \t]*\Z",
    re.MULTILINE,
)
_GROWING = re.compile(r"\s*[`~*_|]*[ \t]*\Z")


def without_orphans(parts: Sequence[ReplyPart], *, final: bool = True) -> tuple[ReplyPart, ...]:
    """The same parts; texts around what is no text lose the marks that belonged to it."""
    out = list(parts)
    for at, part in enumerate(out):
        if not isinstance(part, TextPart):
            continue
        last = at == len(out) - 1
        opened = _OPENS.search(part.text)
        if opened is None or not _unbalanced(part.text, opened):
            continue
        after = _next_text(out, at)
        if last or after is None:
            # Nothing follows yet, or nothing ever will.
            if not last or not final:
                out[at] = _cut(part, opened.start())
            continue
        following = out[after]
        assert isinstance(following, TextPart)
        closed = _closing(opened).match(following.text)
        if closed is not None:
            out[at] = _cut(part, opened.start())
            out[after] = replace(following, text=following.text[closed.end() :])
        elif not final and after == len(out) - 1 and _GROWING.match(following.text):
            out[at] = _cut(part, opened.start())
            out[after] = replace(following, text="")
    return tuple(part for part in out if not isinstance(part, TextPart) or part.text)


def _next_text(parts: Sequence[ReplyPart], at: int) -> int | None:
    """The text behind what follows this text, if that is no text itself."""
    after = at + 1
    while after < len(parts) and not isinstance(parts[after], TextPart):
        after += 1
    return after if at + 1 < after < len(parts) else None


def _unbalanced(text: str, opened: re.Match[str]) -> bool:
    """Whether the mark at the end opens something: it has no partner before it."""
    if opened["fence"]:
        return len(re.findall(r"^[ \t]*(?:`{3,}|~{3,})", text, re.MULTILINE)) % 2 == 1
    paragraph = text.rpartition("\n")[2]
    return len(re.findall(rf"(?<![*_~|]){re.escape(opened['mark'])}(?![*_~|])", paragraph)) % 2 == 1


def _closing(opened: re.Match[str]) -> re.Pattern[str]:
    if opened["fence"]:
        return re.compile(rf"\s*{re.escape(opened['run'][0])}{{{len(opened['run'])},}}[ \t]*(?=\n|\Z)")
    return re.compile(rf"\s*{re.escape(opened['mark'])}(?![*_~|])")


def _cut(part: TextPart, end: int) -> TextPart:
    return replace(part, text=part.text[:end])
