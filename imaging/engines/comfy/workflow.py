"""A host's own workflow, and which of its inputs are Easel's to set.

Those that are marked (`imaging.engines.comfy.marks`), and what can only be meant (`imaging.engines.comfy.finding`).
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

from imaging.engines.comfy.finding import slots_of
from imaging.engines.comfy.graph import Graph, Slot, called, links, read_graph
from imaging.engines.comfy.marks import IN_TEXT, Mark, marked_inputs
from imaging.errors import EngineError

T = TypeVar("T", str, float)


class Purpose(StrEnum):
    """What a workflow is for."""

    NEW = "new"
    EDIT = "edit"
    REFINE = "refine"

    @property
    def needs(self) -> tuple[Mark, ...]:
        return {
            Purpose.NEW: (Mark.PROMPT, Mark.SEED),
            Purpose.EDIT: (Mark.PROMPT, Mark.SEED, Mark.IMAGE),
            Purpose.REFINE: (Mark.IMAGE,),
        }[self]


_WHY: Final = {
    Mark.PROMPT: "takes no words",
    Mark.SEED: "takes no seed, so that it would draw the same picture again and again",
    Mark.IMAGE: "takes no picture",
}
_WHERE: Final = {
    Mark.PROMPT: "the node with the prompt's text",
    Mark.SEED: "the node with the seed",
    Mark.IMAGE: "the node that loads the picture (LoadImage)",
}


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow that can be run: what it takes, and which node gives the picture."""

    file: str
    purpose: Purpose
    graph: Graph
    slots: Mapping[Mark, tuple[Slot, ...]]
    output: str
    """Id of the node whose picture is taken."""
    sha256: str
    """Of its nodes, whatever the file's spaces and the titles of the nodes are."""

    def takes(self, mark: Mark) -> bool:
        return bool(self.slots.get(mark))

    def literal(self, mark: Mark) -> Any:
        """What the file itself says; None where it takes no such thing."""
        for id, name in self.slots.get(mark, ()):
            return self.graph[id]["inputs"].get(name)
        return None

    def said(self, name: str, other: str, kind: type[T]) -> T | None:
        """What the file says in the first input of a name, then of another, that is written in."""
        for wanted in (name, other):
            for node in self.graph.values():
                value = node["inputs"].get(wanted)
                if isinstance(value, kind) or (kind is float and type(value) is int):
                    return kind(value)
        return None

    def models(self) -> tuple[str, ...]:
        """Names of weight files in it, in the order of its nodes, without their folders."""
        found = (
            re.split(r"[\\/]", value)[-1]
            for node in self.graph.values()
            for value in node["inputs"].values()
            if isinstance(value, str) and value.casefold().endswith((".safetensors", ".ckpt", ".gguf", ".pt", ".sft"))
        )
        return tuple(dict.fromkeys(found))

    def steps(self) -> int:
        """Denoising steps of all its samplers together, as far as they stand in it; at least 1."""
        counted = (node["inputs"].get("steps") for node in self.graph.values())
        return max(1, sum(each for each in counted if type(each) is int and 0 < each <= 10_000))

    def filled(self, values: Mapping[Mark, Any]) -> dict[str, Any]:
        """The nodes to send, with what is given in the place of what the file says."""
        nodes: dict[str, Any] = copy.deepcopy(dict(self.graph))
        for mark, slots in self.slots.items():
            if mark in values:
                for id, name in slots:
                    nodes[id]["inputs"][name] = _placed(nodes[id]["inputs"].get(name), mark, values[mark])
        return nodes


def _placed(there: Any, mark: Mark, value: Any) -> Any:
    word = IN_TEXT.get(mark)
    return there.replace(word, value) if word and isinstance(there, str) and word in there else value


def read_workflow(text: str, file: str, purpose: Purpose) -> Workflow:
    """A workflow from its file's text.

    Raises:
        EngineError: all that is wrong with it, a sentence each.
    """
    graph = read_graph(text, file)
    problems: list[str] = []
    marked, outputs = marked_inputs(graph, file, problems)
    slots = slots_of(graph, marked)
    for mark in purpose.needs:
        if not slots.get(mark) and not problems:
            problems.append(
                f"The workflow {file} {_WHY[mark]} that can be told by itself; title {_WHERE[mark]} easel:{mark.value}."
            )
    output = _output(graph, file, outputs, problems)
    if problems:
        raise EngineError(" ".join(problems))
    bare = {id: {"class_type": node["class_type"], "inputs": node["inputs"]} for id, node in graph.items()}
    digest = hashlib.sha256(json.dumps(bare, sort_keys=True).encode()).hexdigest()
    return Workflow(file, purpose, graph, slots, output, digest)


def _output(graph: Graph, file: str, marked: Sequence[str], problems: list[str]) -> str:
    """The id of the node whose picture is taken: the marked one, else the only one that keeps pictures."""
    used = {source for node in graph.values() for _, (source, _) in links(node)}
    ends = [id for id, node in graph.items() if id not in used and {"images", "image"} & dict(links(node)).keys()]
    kept = [id for id in ends if graph[id]["class_type"] != "PreviewImage"] or ends
    found = list(marked) or kept
    if len(found) == 1:
        if graph[found[0]]["class_type"] == "SaveImageWebsocket":
            problems.append(
                f"The workflow {file} ends in node {called(graph, found[0])}, which keeps no picture that could be "
                "fetched; use SaveImage or PreviewImage."
            )
        return found[0]
    if not found:
        problems.append(f"The workflow {file} has no node that saves a picture; end it with SaveImage.")
    else:
        nodes = ", ".join(called(graph, id) for id in found[:4])
        which = f"has {len(found)} nodes that are marked easel:output" if marked else f"saves {len(found)} pictures"
        problems.append(f"The workflow {file} {which} ({nodes}); title the one to take easel:output.")
    return ""
