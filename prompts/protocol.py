"""The tag protocol: what an LLM writes between its words, and what it parses to.

One place to import from. The parts: `operations` (types and the table: a new tag is one row there),
`markup` (finding a tag), `parser` (the streaming scanner), `reading` (attributes and body to a
`Directive`), `tagging` (the way back: canonical tags, escaping, JSON).
"""

from __future__ import annotations

from imaging.model import Operation
from prompts.operations import OPERATIONS, Body, Directive, OperationRow, Segment, Text
from prompts.parser import StreamParser, parse
from prompts.tagging import escape_user_text, render_directive, segments_to_json, unescape_user_text

__all__ = [
    "OPERATIONS",
    "Body",
    "Directive",
    "Operation",
    "OperationRow",
    "Segment",
    "StreamParser",
    "Text",
    "escape_user_text",
    "parse",
    "render_directive",
    "segments_to_json",
    "unescape_user_text",
]
