"""Inputs that a host has marked, by the titles of their nodes or within a text.

A title, because that is what ComfyUI's editor lets people change on every node and keeps in the export
(`_meta.title`), while a number's field takes no placeholder: `easel:seed`, several by commas (`easel:seed,strength`),
with the input's name where a node has others (`easel:prompt=text_b`). Within a text `%prompt%` and `%negative%` mark
themselves.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from imaging.engines.comfy.graph import Graph, Node, Slot, called, link, title

_TEXTS: Final = (
    "text",
    "prompt",
    "text_g",
    "text_l",
    "clip_l",
    "t5xxl",
    "string",
    "value",
    "positive",
    "populated_text",
)
_NUMBER: Final = ("value", "number", "int", "float")
_LOADED: Final = ("image",)


class Mark(StrEnum):
    """What Easel sets, by the word in a title."""

    PROMPT = "prompt"
    NEGATIVE = "negative"
    SEED = "seed"
    WIDTH = "width"
    HEIGHT = "height"
    IMAGE = "image"
    MASK = "mask"
    STRENGTH = "strength"
    STEPS = "steps"
    GUIDANCE = "guidance"


SIZE: Final = "size"
"""Marks width and height of one node."""
OUTPUT: Final = "output"
"""Marks the node whose picture is taken."""
_NAMES: Final[Mapping[Mark, tuple[str, ...]]] = {
    Mark.PROMPT: _TEXTS,
    Mark.NEGATIVE: (*_TEXTS, "negative"),
    Mark.SEED: ("seed", "noise_seed", *_NUMBER),
    Mark.WIDTH: ("width", *_NUMBER),
    Mark.HEIGHT: ("height", *_NUMBER),
    Mark.IMAGE: _LOADED,
    Mark.MASK: _LOADED,
    Mark.STRENGTH: ("denoise", "strength", *_NUMBER),
    Mark.STEPS: ("steps", *_NUMBER),
    Mark.GUIDANCE: ("cfg", "guidance", *_NUMBER),
}
"""Under which names a marked node may have the input: the first that it has, all of them for words."""
_WORDS: Final = (Mark.PROMPT, Mark.NEGATIVE)
IN_TEXT: Final = {Mark.PROMPT: "%prompt%", Mark.NEGATIVE: "%negative%"}
_TITLE: Final = re.compile(r"easel\s*:\s*(.+)", re.IGNORECASE | re.DOTALL)


def marked_inputs(graph: Graph, file: str, problems: list[str]) -> tuple[dict[Mark, list[Slot]], list[str]]:
    """Inputs by their marks, and the nodes that are marked for their picture."""
    slots: dict[Mark, list[Slot]] = {}
    outputs: list[str] = []
    for id, node in graph.items():
        for word, wanted in _words_of(title(node)):
            if word == OUTPUT:
                outputs.append(id)
                continue
            marks = (Mark.WIDTH, Mark.HEIGHT) if word == SIZE else tuple(mark for mark in Mark if mark == word)
            if not marks:
                problems.append(_unknown(word, file, called(graph, id)))
            for mark in marks:
                names = _inputs(node, mark, wanted)
                problem = _unfit(graph, id, mark, names, wanted)
                if problem:
                    problems.append(f"The workflow {file} marks node {called(graph, id)} easel:{word}, but {problem}.")
                else:
                    slots.setdefault(mark, []).extend((id, name) for name in names)
        for mark, word in IN_TEXT.items():
            for name, value in node["inputs"].items():
                if isinstance(value, str) and word in value and (id, name) not in slots.get(mark, ()):
                    slots.setdefault(mark, []).append((id, name))
    return slots, outputs


def _words_of(text: str) -> Iterator[tuple[str, str]]:
    """`easel: seed, prompt=text_b` → (seed, ""), (prompt, text_b)."""
    if found := _TITLE.fullmatch(text.strip()):
        for part in found[1].split(","):
            word, _, name = part.partition("=")
            if word.strip():
                yield word.strip().casefold(), name.strip()


def _unknown(word: str, file: str, node: str) -> str:
    known = [*(mark.value for mark in Mark), SIZE, OUTPUT]
    near = difflib.get_close_matches(word, known, n=1)
    way_out = f"did you mean easel:{near[0]}?" if near else f"known are {', '.join(known)}."
    return f"The workflow {file} marks node {node} with easel:{word[:40]}, which is no mark; {way_out}"


def _inputs(node: Node, mark: Mark, wanted: str) -> tuple[str, ...]:
    if wanted:
        return (wanted,) if wanted in node["inputs"] else ()
    there = tuple(name for name in _NAMES[mark] if name in node["inputs"])
    return (texts_of(node) or there) if mark in _WORDS else there[:1]


def _unfit(graph: Graph, id: str, mark: Mark, names: Sequence[str], wanted: str) -> str:
    """Why these inputs cannot be set; empty where they can."""
    if not names:
        looked = wanted or " or ".join(_NAMES[mark][:2])
        return f"it has no input {looked[:60]}; name the right one (easel:{mark.value}=NAME)"
    for name in names:
        value = graph[id]["inputs"][name]
        if (fed := link(value)) is not None:
            return f"its {name} is fed by node {called(graph, fed[0])}; mark that one"
        if not fits(mark, value):
            return f"its {name} holds no {'text' if mark in (*_WORDS, Mark.IMAGE, Mark.MASK) else 'number'}"
    return ""


def fits(mark: Mark, value: Any) -> bool:
    if mark in (*_WORDS, Mark.IMAGE, Mark.MASK):
        return isinstance(value, str)
    return isinstance(value, int | float) and not isinstance(value, bool)


def texts_of(node: Node) -> tuple[str, ...]:
    """Its fields for text that are written in, not fed."""
    return tuple(name for name in _TEXTS if isinstance(node["inputs"].get(name), str))
