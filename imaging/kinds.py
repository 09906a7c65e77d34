"""What kind of picture file some bytes are, by how they begin. Knows no decoder, so chats may ask at any time."""

from __future__ import annotations

import re

KINDS = (
    (re.compile(rb"\x89PNG"), "image/png", "png"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp", "webp"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg", "jpg"),
    (re.compile(rb"GIF8"), "image/gif", "gif"),
)
"""First bytes, media type, ending of a name."""
UNKNOWN = ("application/octet-stream", "bin")


def kind_of(data: bytes) -> tuple[str, str]:
    """Media type and ending; `UNKNOWN` for anything else."""
    return next(((media_type, ending) for begins, media_type, ending in KINDS if begins.match(data)), UNKNOWN)


def media_type(data: bytes) -> str:
    return kind_of(data)[0]


def ending(data: bytes) -> str:
    return kind_of(data)[1]
