"""Block Kit's rules as Slack documents them, checked on what the bot sends. Our own validator.

Strict where Slack is: unknown blocks, elements and fields, wrong lengths and counts, ids used twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]
MESSAGE_BLOCKS, VIEW_BLOCKS = 50, 100
MESSAGE_CHARS = 13_200
"""Of all texts of a message's blocks; beyond it Slack says `msg_blocks_too_long`."""


def _text(where: str, value: Any, limit: int, *, plain: bool = False) -> Iterator[str]:
    if not isinstance(value, Mapping) or value.get("type") not in (
        ("plain_text",) if plain else ("plain_text", "mrkdwn")
    ):
        yield f"{where}: text object missing or of the wrong type"
        return
    allowed = {"type", "text", "emoji"} if value["type"] == "plain_text" else {"type", "text", "verbatim"}
    yield from (f"{where}: unknown field {name}" for name in value if name not in allowed)
    words = value.get("text")
    if not isinstance(words, str) or not 1 <= len(words) <= limit:
        yield f"{where}: text must have 1 to {limit} characters"


def _fields(where: str, value: Json, required: set[str], optional: set[str]) -> Iterator[str]:
    yield from (f"{where}: {name} is missing" for name in sorted(required - value.keys()))
    known = required | optional | {"type", "block_id", "action_id", "focus_on_load", "confirm"}
    yield from (f"{where}: unknown field {name}" for name in value if name not in known)


def _length(where: str, value: Any, limit: int, least: int = 0) -> Iterator[str]:
    if not isinstance(value, str) or not least <= len(value) <= limit:
        yield f"{where} must have {least} to {limit} characters"


def _options(where: str, value: Json, most: int, *, named: str = "options") -> Iterator[str]:
    options = value.get(named) or []
    if not 1 <= len(options) <= most:
        yield f"{where}: 1 to {most} options"
    for option in options:
        yield from _text(f"{where}.option", option.get("text"), 75)
        yield from _length(f"{where}.option.value", option.get("value"), 150, 1)
    initial = value.get("initial_option")
    if initial is not None and initial not in options:
        yield f"{where}: initial_option is none of the options"


def _button(where: str, value: Json) -> Iterator[str]:
    yield from _fields(where, value, {"text"}, {"value", "style", "url", "accessibility_label"})
    yield from _text(f"{where}.text", value.get("text"), 75, plain=True)
    yield from _length(f"{where}.value", value.get("value", ""), 2_000)
    if value.get("style", "primary") not in ("primary", "danger"):
        yield f"{where}: style"


def _overflow(where: str, value: Json) -> Iterator[str]:
    yield from _fields(where, value, {"options"}, set())
    yield from _options(where, value, 5)


def _select(where: str, value: Json) -> Iterator[str]:
    yield from _fields(where, value, {"options"}, {"placeholder", "initial_option"})
    yield from _options(where, value, 100)


def _radio(where: str, value: Json) -> Iterator[str]:
    yield from _fields(where, value, {"options"}, {"initial_option"})
    yield from _options(where, value, 10)


def _input_words(where: str, value: Json) -> Iterator[str]:
    yield from _fields(
        where, value, {"action_id"}, {"multiline", "max_length", "min_length", "initial_value", "placeholder"}
    )
    most = value.get("max_length", 3_000)
    if not 1 <= most <= 3_000:
        yield f"{where}: max_length is 1 to 3000"
    yield from _length(f"{where}.initial_value", value.get("initial_value", ""), min(most, 3_000))


def _input_files(where: str, value: Json) -> Iterator[str]:
    yield from _fields(where, value, {"action_id"}, {"filetypes", "max_files"})
    if not 1 <= value.get("max_files", 10) <= 10:
        yield f"{where}: max_files is 1 to 10"
    if not all(isinstance(kind, str) and kind for kind in value.get("filetypes", ["png"])):
        yield f"{where}: filetypes"


Check = Callable[[str, Json], Iterator[str]]
ACTION_ELEMENTS: Mapping[str, Check] = {"button": _button, "overflow": _overflow, "static_select": _select}
INPUT_ELEMENTS: Mapping[str, Check] = {
    "plain_text_input": _input_words, "radio_buttons": _radio, "static_select": _select, "file_input": _input_files,
}  # fmt: skip


def _element(where: str, value: Any, known: Mapping[str, Check]) -> Iterator[str]:
    kind = str(value.get("type")) if isinstance(value, Mapping) else ""
    if kind not in known:
        yield f"{where}: unknown element {kind!r}"
        return
    yield from _length(f"{where}.action_id", value.get("action_id", "x"), 255, 1)
    yield from known[kind](where, value)


def _section(where: str, block: Json) -> Iterator[str]:
    yield from _fields(where, block, {"text"}, {"accessory", "expand"})
    yield from _text(where, block.get("text"), 3_000)
    if "accessory" in block:
        yield from _element(f"{where}.accessory", block["accessory"], ACTION_ELEMENTS)


def _header(where: str, block: Json) -> Iterator[str]:
    yield from _fields(where, block, {"text"}, set())
    yield from _text(where, block.get("text"), 150, plain=True)


def _context(where: str, block: Json) -> Iterator[str]:
    yield from _fields(where, block, {"elements"}, set())
    elements = block.get("elements") or []
    if not 1 <= len(elements) <= 10:
        yield f"{where}: a context block has 1 to 10 elements"
    for element in elements:
        yield from _text(where, element, 2_000)


def _actions(where: str, block: Json) -> Iterator[str]:
    yield from _fields(where, block, {"elements"}, set())
    elements = block.get("elements") or []
    if not 1 <= len(elements) <= 25:
        yield f"{where}: an actions block has 1 to 25 elements"
    names = [element.get("action_id") for element in elements]
    if len(set(names)) != len(names):
        yield f"{where}: action_id used twice"
    for element in elements:
        yield from _element(where, element, ACTION_ELEMENTS)


def _image(where: str, block: Json) -> Iterator[str]:
    yield from _fields(where, block, {"alt_text"}, {"image_url", "slack_file", "title"})
    yield from _length(f"{where}.alt_text", block.get("alt_text"), 2_000, 1)
    if ("image_url" in block) == ("slack_file" in block):
        yield f"{where}: exactly one of image_url and slack_file"
    if "slack_file" in block and set(block["slack_file"]) not in ({"id"}, {"url"}):
        yield f"{where}: slack_file has an id or a url"
    if "title" in block:
        yield from _text(f"{where}.title", block["title"], 2_000, plain=True)


def _divider(where: str, block: Json) -> Iterator[str]:
    yield from _fields(where, block, set(), set())


def _input(where: str, block: Json) -> Iterator[str]:
    yield from _fields(where, block, {"label", "element"}, {"hint", "optional", "dispatch_action"})
    yield from _text(f"{where}.label", block.get("label"), 2_000, plain=True)
    if "hint" in block:
        yield from _text(f"{where}.hint", block["hint"], 2_000, plain=True)
    yield from _element(f"{where}.element", block.get("element"), INPUT_ELEMENTS)


BLOCKS: Mapping[str, Check] = {
    "section": _section, "header": _header, "context": _context, "actions": _actions, "image": _image,
    "divider": _divider, "input": _input,
}  # fmt: skip


def problems(blocks: Sequence[Json], *, limit: int = MESSAGE_BLOCKS, message: bool = True) -> list[str]:
    """Everything Slack would answer `invalid_blocks` for; empty when the blocks are fine."""
    found = [] if len(blocks) <= limit else [f"{len(blocks)} blocks; at most {limit}"]
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    if len(set(ids)) != len(ids):
        found.append("block_id used twice")
    for index, block in enumerate(blocks):
        where, kind = f"blocks[{index}]", str(block.get("type"))
        if kind not in BLOCKS or (message and kind == "input"):
            found.append(f"{where}: no block {kind!r} here")
            continue
        found += _length(f"{where}.block_id", block.get("block_id", ""), 255)
        found += BLOCKS[kind](where, block)
    if message and chars(blocks) > MESSAGE_CHARS:
        found.append(f"{chars(blocks)} characters; at most {MESSAGE_CHARS}")
    return found


def chars(value: Any) -> int:
    """Characters of all texts."""
    if isinstance(value, Mapping):
        own = value.get("text")
        return (len(own) if isinstance(own, str) else 0) + sum(chars(v) for v in value.values())
    return sum(map(chars, value)) if isinstance(value, (list, tuple)) else 0


def view_problems(view: Json) -> list[str]:
    """Everything Slack would refuse of a modal or a home page."""
    found = problems(view.get("blocks") or [], limit=VIEW_BLOCKS, message=False)
    if view.get("type") not in ("modal", "home"):
        return [*found, "type is modal or home"]
    allowed = {"type", "blocks", "callback_id", "private_metadata", "external_id"}
    if view["type"] == "modal":
        allowed |= {"title", "submit", "close", "clear_on_close", "notify_on_close"}
        for name in ("title", "submit", "close"):
            if name == "title" or name in view:
                found += _text(name, view.get(name), 24, plain=True)
        if "submit" not in view and any(block.get("type") == "input" for block in view["blocks"]):
            found.append("a modal with inputs needs submit")
    found += [f"unknown field {name}" for name in view if name not in allowed]
    found += _length("callback_id", view.get("callback_id", ""), 255)
    found += _length("private_metadata", view.get("private_metadata", ""), 3_000)
    if len(json.dumps(view)) > 250_000:
        found.append("view_too_large")
    return found
