"""Which parameter of a request an OpenAI-compatible server has refused, read from its error.

Servers differ in everything but this: the parameter's name stands in `error.param`, in the `loc` of a
validation error, or somewhere in the words. Used for pictures and for language models alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Any, Final

_PLAIN_WORDS: Final = frozenset(
    {"stop", "size", "style", "quality", "user", "image", "mask", "model", "prompt", "messages", "background", "seed"}
)
"""Parameters whose names are also words of ordinary sentences: they count only where they are named as parameters."""
_BEFORE: Final = r"(?:param(?:eter)?|argument|field|key|propert(?:y|ie)|name|input)s?(?:\W{1,4}|[^.:\n]{1,60}: ?)"
_AFTER: Final = (
    r"\W{1,3}(?:parameter|param|argument|field|option)\b|(?:\W{0,2}:|\W{1,3}(?:is|are|isn't|not|cannot|must|does))\b"
)
_LONGEST_TEXT: Final = 20_000
_DEEPEST: Final = 8


def error_texts(body: object) -> Iterator[str]:
    """Every word of an error body that may be a message, the outermost first; JSON within strings is opened."""
    yield from (text for _, text in _leaves(_opened(body), "", 0) if text)


def refused_parameter(body: object, sent: Collection[str]) -> str | None:
    """The one of the parameters `sent` that the error `body` (JSON as read, or text) is about; None when it names none.

    Names of nested fields count for the parameter that they belong to (`stream_options.include_usage`). A sentence may
    also name the parameter to use instead: what was not sent is never taken for the refused one.
    """
    opened = _opened(body)
    for key, text in _leaves(opened, "", 0):
        if key in ("param", "loc", "parameter") and (found := _root(text, sent)):
            return found
    for _, text in _leaves(opened, "", 0):
        if found := _named(text, sent):
            return found
    return None


def _root(path: str, sent: Collection[str]) -> str | None:
    """`body.stream_options.include_usage`, `messages[0].role` → the parameter."""
    for part in re.split(r"[.\[\]/\s,]+", path):
        if part in sent:
            return part
    return None


def _named(text: str, sent: Collection[str]) -> str | None:
    """The parameter that stands first in the text; a longer name wins over one that it contains."""
    found: list[tuple[int, int, str]] = []
    for name in sent:
        pattern = bare = rf"(?<![\w.-]){re.escape(name)}(?![\w-])"
        if len(name) == 1:
            pattern = rf"[\"'`]{bare}[\"'`]"
        elif name in _PLAIN_WORDS:
            pattern = rf"[\"'`‘“]{bare}|(?:{_BEFORE}){bare}|{bare}(?:{_AFTER})"
        if match := re.search(pattern, text[:_LONGEST_TEXT], re.IGNORECASE):
            found.append((match.start(), -len(name), name))
    return min(found)[2] if found else None


def _opened(body: object) -> object:
    """Proxies wrap an upstream's JSON into a string of their own."""
    if isinstance(body, bytes):
        body = body.decode("utf-8", "replace")
    if isinstance(body, str) and body.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(body[:_LONGEST_TEXT])
        except (ValueError, RecursionError):
            return body
    return body


def _leaves(value: Any, key: str, depth: int) -> Iterator[tuple[str, str]]:
    """(key, text) of all that is text; a validation error's `loc` is one path."""
    value = _opened(value)
    if depth > _DEEPEST:
        return
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name == "loc" and isinstance(inner, list):
                yield "loc", ".".join(map(str, inner))
            else:
                yield from _leaves(inner, str(name), depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, key, depth + 1)
