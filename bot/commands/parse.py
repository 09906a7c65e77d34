"""`easel parse`: one assistant reply in, its segments out (PROTOCOL: black-box contract of the parser)."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from typing import Any

from prompts.protocol import Directive, Segment, StreamParser, Text


def run(arguments: argparse.Namespace) -> int:
    # Any bytes are text here; what is no UTF-8 becomes replacement characters. A lone CR stays as it is.
    text = sys.stdin.buffer.read().decode("utf-8", "replace")
    # Bytes, not print: the answer is UTF-8 whatever the terminal's encoding says.
    sys.stdout.buffer.write((json.dumps(parse(text, arguments.chunk), ensure_ascii=False) + "\n").encode())
    sys.stdout.buffer.flush()
    return 0


def parse(text: str, chunk: int | None = None) -> list[dict[str, Any]]:
    """The segments of `text`, fed `chunk` characters at a time; adjacent texts are one segment."""
    parser = StreamParser()
    segments: list[Segment] = []
    size = chunk or max(1, len(text))
    for start in range(0, len(text), size):
        segments += parser.feed(text[start : start + size])
    segments += parser.close()
    return [segment_json(segment) for segment in _joined(segments)]


def _joined(segments: Iterable[Segment]) -> list[Segment]:
    joined: list[Segment] = []
    for segment in segments:
        last = joined[-1] if joined else None
        if isinstance(segment, Text) and isinstance(last, Text):
            joined[-1] = Text(last.text + segment.text)
        elif not (isinstance(segment, Text) and not segment.text):
            joined.append(segment)
    return joined


def segment_json(segment: Segment) -> dict[str, Any]:
    if isinstance(segment, Text):
        return {"kind": "text", "text": segment.text}
    assert isinstance(segment, Directive)
    return {
        "kind": "directive",
        "operation": segment.operation.value,
        "id": segment.id,
        "source": segment.source,
        "description": segment.description,
        "count": segment.count,
        "size": segment.size,
        "change": segment.change,
        "style": segment.style,
        "negative": segment.negative,
        "problem": segment.problem,
    }
