"""`easel parse`: one assistant reply in, its segments as one JSON array out."""

from __future__ import annotations

import json
from typing import BinaryIO, TextIO

from prompts.protocol import Segment, StreamParser, Text, segments_to_json


def run(stdin: BinaryIO, stdout: TextIO, chunk: int | None) -> int:
    """Parse everything from `stdin`, `chunk` characters at a time (None: at once); always exit status 0.

    Bytes that are no UTF-8 become U+FFFD, and the output is ASCII, so that any input gives valid JSON.
    """
    text = stdin.read().decode("utf-8", errors="replace")
    size = chunk or max(1, len(text))
    parser = StreamParser()
    segments: list[Segment] = []
    for start in range(0, len(text), size):
        segments += parser.feed(text[start : start + size])
    segments += parser.close()
    json.dump(segments_to_json(merged(segments)), stdout)
    stdout.write("\n")
    return 0


def merged(segments: list[Segment]) -> list[Segment]:
    """The same with neighbouring texts joined."""
    out: list[Segment] = []
    words: list[str] = []
    for segment in segments:
        if isinstance(segment, Text):
            words.append(segment.text)
            continue
        if words:
            out.append(Text("".join(words)))
            words = []
        out.append(segment)
    return [*out, Text("".join(words))] if words else out
