"""The Markdown that language models write, as Slack's mrkdwn: parsed by markdown-it, written by this.

Nothing in it can mention or link by accident: text is escaped where it becomes text, and a link whose words name
another place than it leads to says where it leads (`handlers/links.py`). mrkdwn knows bold, italic, struck, code,
quotes and links; headings become bold lines, lists get their marks, tables stand in a code block.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from bot.chats.slack.outgoing.markup import escape, without_broadcasts
from handlers import links

_BULLETS = "•◦▪"
_INDENT = "    "
_GAP = "\u200b"
_MARKS = {"strong": "*", "em": "_", "s": "~"}
_URL = re.compile(r"https?://[^\s<>]+[^\s<>.,;:!?'\"“”’)\]}*_~`]", re.IGNORECASE)
_LEFT_STARS = re.compile(r"\*\*(?=\S)([^*\n]+?)(?<=\S)\*\*")
_WIDEST = 24
"""Characters of a table's column; a longer cell makes only its own line longer."""

_BRACKETS = 300
"""With more of them than any real answer has, a parser of links takes time by their square: they stay text."""


def _parser(*without: str) -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False, "maxNesting": 100}).enable(["table", "strikethrough"])
    # Indented words behind a tag are no code, a line of dashes is no heading, and `[1]: …` must not vanish.
    return made.disable(["code", "lheading", "reference", "html_block", "html_inline", *without])


_PARSER, _LINKLESS = _parser(), _parser("link", "image")


def to_mrkdwn(text: str) -> str:
    """mrkdwn of the same words; a code block that is still open at the end is closed."""
    parser = _PARSER if text.count("[") <= _BRACKETS else _LINKLESS
    return without_broadcasts(_blocks(SyntaxTreeNode(parser.parse(text)).children, frozenset()))


def _blocks(nodes: Sequence[SyntaxTreeNode], bold: frozenset[str], level: int = 0) -> str:
    """Blocks one below the other, with an empty line where there was one."""
    pieces = [_block(node, bold, level) for node in nodes]
    gaps = ["\n\n" if _apart(before, after) else "\n" for before, after in pairwise(nodes)]
    return "".join(piece for pair in zip(pieces, [*gaps, ""], strict=True) for piece in pair) if pieces else ""


def _apart(before: SyntaxTreeNode, after: SyntaxTreeNode) -> bool:
    """Whether an empty line is between them; a list counts the one behind it as its own."""
    while before.children and before.children[-1].map:
        before = before.children[-1]
    return bool(before.map and after.map and after.map[0] > before.map[1])


def _block(node: SyntaxTreeNode, within: frozenset[str], level: int) -> str:
    match node.type:
        case "heading":
            return _wrapped("strong", _inline(node.children, within | {"strong"}), within)
        case "bullet_list" | "ordered_list":
            return _list(node, within, level)
        case "blockquote":
            return "\n".join(f"> {line}" for line in _blocks(node.children, within, level).split("\n"))
        case "fence" | "code_block":
            return _code_block(node.content)
        case "table":
            return _table(node)
        case "hr":
            return "———"
        case "inline":
            return _inline(node.children, within)
        case _:
            return _blocks(node.children, within, level)


def _code_block(text: str) -> str:
    return "```\n" + escape(text.rstrip("\n").replace("```", f"``{_GAP}`")) + "\n```"


def _list(node: SyntaxTreeNode, within: frozenset[str], level: int) -> str:
    first = int(node.attrs.get("start", 1))
    ordered = node.type == "ordered_list"
    lines: list[str] = []
    for at, item in enumerate(node.children):
        mark = f"{first + at}." if ordered else _BULLETS[min(level, len(_BULLETS) - 1)]
        parts = [_block(part, within, level + 1) for part in item.children]
        below = "\n".join(parts).split("\n")
        lines += [f"{mark} {below[0]}", *(_INDENT + line for line in below[1:])]
    return "\n".join(lines)


def _table(node: SyntaxTreeNode) -> str:
    """Columns under each other, as only a code block keeps them."""
    rows = [[_plain(cell.children) for cell in row.children] for part in node.children for row in part.children]
    columns = max(map(len, rows))
    widths = [min(_WIDEST, max(len(row[at]) for row in rows if at < len(row))) for at in range(columns)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows]
    return _code_block("\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]]))


# Within a line


def _inline(nodes: Sequence[SyntaxTreeNode], within: frozenset[str]) -> str:
    out = ""
    for node in nodes:
        piece = _piece(node, within)
        # Slack sees a mark only at the edge of a word; scripts without spaces have theirs right beside it.
        if out and piece and (_joins(out[-1], piece[0]) or _joins(piece[0], out[-1])):
            out += _GAP
        out += piece
    return out


def _joins(beside: str, mark: str) -> bool:
    return mark in "*_~`" and (beside.isalnum() or (not beside.isascii() and not beside.isspace()))


def _piece(node: SyntaxTreeNode, within: frozenset[str]) -> str:
    match node.type:
        case "text":
            return _text(node.content)
        case "softbreak" | "hardbreak":
            return "\n"
        case "strong" | "em" | "s":
            return _wrapped(node.type, _inline(node.children, within | {node.type}), within)
        case "code_inline":
            return f"`{escape(node.content.replace('`', 'ˋ'))}`"
        case "link":
            return _link(_plain(node.children), str(node.attrs.get("href", "")))
        case "image":
            return _link(_plain(node.children) or node.content or "picture", str(node.attrs.get("src", "")))
        case _:
            return _inline(node.children, within) if node.children else _text(node.content)


def _wrapped(kind: str, inside: str, within: frozenset[str]) -> str:
    """Marked line by line, which is how far a mark reaches in Slack; what is bold already is not made so again."""
    if kind in within:
        return inside
    return "\n".join(_marked(line, _MARKS[kind]) if line.strip() else line for line in inside.split("\n"))


def _marked(line: str, mark: str) -> str:
    """A closing mark behind a bracket or a full stop counts only with something between."""
    gap = "" if line[-1].isalnum() or line[-1] in "*_~`" else _GAP
    return f"{mark}{line}{gap}{mark}"


def _link(label: str, address: str) -> str:
    goal = links.destination(address)
    if label == address and goal is not None:
        return f"<{escape(goal)}>"
    if goal is None:
        return escape(f"{label} ({address})") if address and address != label else escape(label)
    if links.lies(label, address):
        return f"{escape(label)} (<{escape(goal)}>)"
    return f"<{escape(goal)}|{escape(label).replace('|', '¦')}>"


def _text(text: str) -> str:
    """Escaped, with its addresses as links."""
    out, begin = "", 0
    for found in _URL.finditer(text):
        goal = links.destination(found[0])
        out += _words(text[begin : found.start()]) + (escape(found[0]) if goal is None else f"<{escape(goal)}>")
        begin = found.end()
    return out + _words(text[begin:])


def _words(text: str) -> str:
    """Stars that CommonMark leaves as they are, because a full stop of another script stands inside, mean bold too."""
    return _LEFT_STARS.sub(lambda found: _GAP + _marked(found[1], "*") + _GAP, escape(text))


def _plain(nodes: Sequence[SyntaxTreeNode]) -> str:
    """The words alone, not escaped, in one line; of a link its address too where they name another place."""
    return " ".join("".join(_spoken(nodes)).split())


def _spoken(nodes: Sequence[SyntaxTreeNode]) -> Iterator[str]:
    for node in nodes:
        if node.type in ("softbreak", "hardbreak"):
            yield " "
        elif node.type == "link":
            label, address = _plain(node.children), str(node.attrs.get("href", ""))
            yield f"{label} ({address})" if links.lies(label, address) else label
        elif node.children:
            yield from _spoken(node.children)
        else:
            yield node.content
