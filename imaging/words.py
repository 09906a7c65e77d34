"""Words of descriptions: splitting, content words, the subject, and words about arrangement."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTION = _set(
    """a an the this that these those of and or but with without in on at by for from to into onto over under above
    below beside behind between near through its his her their is are was be being as it he she they one some very
    while which who there here then now also just same"""
)
"""Words that say nothing about what is in a picture."""

PREPOSITIONS = _set(
    """of with without in on at by for from to into onto over under above below beside behind between near through
    while wearing holding and or as next"""
)
"""Words that end the subject's own phrase."""

ARRANGEMENT = _set(
    """sitting sits sit standing stands stand lying lies lie running runs run walking walks walk jumping jumps jump
    sleeping sleeps dancing flying swimming kneeling crouching leaning looking facing turning turned turns waving
    stretching raising raised bending holding upright left right center centre middle side top bottom front back
    behind above below beside under between near corner profile closer farther further closeup close-up away up down
    small smaller big bigger large larger tiny huge"""
)
"""Words about pose, place, size and view: the arrangement changes, the look stays."""


def split_words(text: str) -> list[str]:
    """Lower-case words of a description, in order."""
    return [match.group().lower() for match in _WORD.finditer(text)]


def content_words(words: Sequence[str]) -> list[str]:
    """Those words that say something about a picture, in order."""
    return [word for word in words if word not in FUNCTION]


def head_noun(words: Sequence[str]) -> str:
    """The last content word of the subject's phrase: `dog` of "a small red dog on the grass"; "" if none.

    Poses that follow the noun ("a dog sitting") do not count, nor do "a photo of" and its like.
    """
    rest = list(words)
    while "of" in rest[:4] and rest[: rest.index("of")] and set(rest[: rest.index("of")]) & MEDIA:
        rest = rest[rest.index("of") + 1 :]
    head = ""
    for word in rest:
        if word in PREPOSITIONS and head:
            break
        if word in FUNCTION or word in PREPOSITIONS:
            continue
        if head and word in ARRANGEMENT:
            break
        head = word
    return head


MEDIA = _set(
    """photo photograph picture painting drawing sketch illustration image portrait watercolor watercolour render
    logo sticker closeup close-up view poster icon"""
)
"""Words that name a medium in front of the subject: "a painting of …"."""
