"""Block Kit's limits as Slack documents them, checked on what the bot sends. Our own validator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

BLOCKS = frozenset(
    {"section", "context", "actions", "image", "divider", "header", "input", "markdown", "context_actions", "file"}
)
Json = Mapping[str, Any]


def _text(where: str, value: Any, limit: int, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")) -> list[str]:
    if not isinstance(value, Mapping) or value.get("type") not in kinds:
        return [f"{where}: text object missing or of the wrong type"]
    words = value.get("text")
    if not isinstance(words, str) or not 1 <= len(words) <= limit:
        return [f"{where}: text must have 1 to {limit} characters"]
    return []


def _element(where: str, element: Json) -> list[str]:
    found: list[str] = []
    if not 1 <= len(str(element.get("action_id", "x"))) <= 255:
        found.append(f"{where}: action_id")
    if element.get("type") == "button":
        found += _text(f"{where}.text", element.get("text"), 75, ("plain_text",))
        if len(str(element.get("value", ""))) > 2_000:
            found.append(f"{where}: value")
    if element.get("type") == "overflow":
        options = element.get("options") or []
        if not 1 <= len(options) <= 5:
            found.append(f"{where}: an overflow menu has 1 to 5 options")
        for option in options:
            found += _text(f"{where}.option", option.get("text"), 75, ("plain_text",))
            if len(str(option.get("value", ""))) > 150:
                found.append(f"{where}: option value")
    return found


def _block(index: int, block: Json) -> list[str]:
    where = f"blocks[{index}]"
    kind = block.get("type")
    if kind not in BLOCKS:
        return [f"{where}: unknown block {kind!r}"]
    found = [] if len(str(block.get("block_id", ""))) <= 255 else [f"{where}: block_id"]
    if kind == "section":
        found += _text(where, block.get("text"), 3_000)
    elif kind == "header":
        found += _text(where, block.get("text"), 150, ("plain_text",))
    elif kind == "context":
        elements = block.get("elements") or []
        if not 1 <= len(elements) <= 10:
            found.append(f"{where}: a context block has 1 to 10 elements")
        for element in elements:
            found += _text(where, element, 2_000)
    elif kind == "actions":
        elements = block.get("elements") or []
        if not 1 <= len(elements) <= 25:
            found.append(f"{where}: an actions block has 1 to 25 elements")
        names = [e.get("action_id") for e in elements]
        if len(set(names)) != len(names):
            found.append(f"{where}: action_id used twice")
        for element in elements:
            found += _element(where, element)
    elif kind == "image":
        if not 1 <= len(str(block.get("alt_text") or "")) <= 2_000:
            found.append(f"{where}: alt_text")
        if ("image_url" in block) == ("slack_file" in block):
            found.append(f"{where}: exactly one of image_url and slack_file")
        if "title" in block:
            found += _text(f"{where}.title", block["title"], 2_000, ("plain_text",))
    return found


def problems(blocks: Sequence[Json], *, limit: int = 50) -> list[str]:
    """Everything Slack would answer `invalid_blocks` for; empty when the blocks are fine."""
    found = [] if len(blocks) <= limit else [f"{len(blocks)} blocks; at most {limit}"]
    ids = [b["block_id"] for b in blocks if "block_id" in b]
    if len(set(ids)) != len(ids):
        found.append("block_id used twice")
    for index, block in enumerate(blocks):
        found += _block(index, block)
    return found
