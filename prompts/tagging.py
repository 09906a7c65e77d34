"""The way back: canonical tags, a person's words as harmless data, and segments as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Final

from imaging.model import Operation
from prompts.operations import OPERATIONS, Body, Directive, Segment, Text
from prompts.reading import escape, unescape

_WRITTEN: Final = {"role": "as"}
"""Attributes that have another name in a tag."""


def escape_user_text(text: str) -> str:
    r"""A person's words for the model: each tag gets a backslash before its name and is no tag any more.

    `<image>` becomes `<\image>`: readable for the model, plain text when the model repeats it.
    `unescape_user_text` is the exact inverse.
    """
    return escape(text)


def unescape_user_text(text: str) -> str:
    """What the person had written, for display."""
    return unescape(text)


def render_directive(directive: Directive) -> str:
    """The canonical tag; `parse` reads it back to the same directive.

    Free words are escaped, so that no description can forge another tag.

    Raises:
        ValueError: the operation has no tag (an upload).
    """
    row = OPERATIONS.get(directive.operation.value)
    if row is None:
        raise ValueError(f"There is no tag for the operation {directive.operation.value}.")
    referred = ",".join(map(str, directive.sources)) or None
    values = {
        "id": directive.id,
        "prev_id": referred,
        "from": referred,
        "as": directive.role,
        "count": directive.count if directive.count != 1 else None,
        "size": directive.size,
        "change": directive.change,
        "style": directive.style,
        "negative": directive.negative,
        "region": directive.region,
        "expand": directive.expand,
        "background": directive.background,
    }
    reference = referred or ""
    source = ""
    body = reference
    if row.body is Body.DESCRIPTION:
        body = f" {escape(directive.description)} "
    elif directive.description:
        source = f' ref="{reference}"' if reference else ""
        body = f" {escape(directive.description)} "
    attributes = "".join(f' {name}="{_value(values[name])}"' for name in row.attributes if values.get(name) is not None)
    return f"<{row.name}{attributes}{source}>{body}</{row.name}>"


def _value(value: object) -> str:
    text = escape(str(value)).replace("&", "&amp;")
    for char, entity in (('"', "&quot;"), ("<", "&#x3C;"), (">", "&#62;")):
        text = text.replace(char, entity)
    return "".join(f"&#{ord(char)};" if char in "“”„«»＂" else char for char in text)


def segments_to_json(segments: Iterable[Segment]) -> list[dict[str, Any]]:
    """The black-box form of `easel parse`: one plain object a segment, in order."""
    return [_json(segment) for segment in segments]


def _json(segment: Segment) -> dict[str, Any]:
    if isinstance(segment, Text):
        return {"kind": "text", "text": segment.text}
    fields = asdict(segment)
    operation: Operation = fields.pop("operation")
    newer = {_WRITTEN.get(name, name): fields.pop(name) for name in ("role", "region", "expand", "background")}
    if fields.pop("others"):
        newer["sources"] = list(segment.sources)
    newer = {name: value for name, value in newer.items() if value is not None}
    return {"kind": "directive", "operation": operation.value, **fields, **newer}
