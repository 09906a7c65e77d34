"""A workflow in ComfyUI's API format as a graph: nodes by id, links, and what lies upstream of an input.

A node is `{"class_type": …, "inputs": {name: literal or [node id, output slot]}, "_meta": {"title": …}}`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from imaging.errors import EngineError

Node: TypeAlias = Mapping[str, Any]
Graph: TypeAlias = Mapping[str, Node]
Link: TypeAlias = tuple[str, int]
Slot: TypeAlias = tuple[str, str]
"""A node's id and the name of one of its inputs."""

MAX_BYTES: Final = 2 << 20
"""Of a workflow file; those that people share have some ten thousand."""
_NOT_WORDS: Final = frozenset(
    {
        "model", "clip", "vae", "image", "images", "pixels", "latent", "latent_image", "samples", "mask", "control_net",
        "clip_vision", "clip_vision_output", "style_model", "noise", "sampler", "sigmas", "audio",
    }
)  # fmt: skip
"""Inputs behind which no words of a prompt stand."""


def read_graph(text: str, file: str) -> Graph:
    """The nodes of a workflow file.

    Raises:
        EngineError: what is wrong with it; one sentence with the file's name.
    """
    try:
        data: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise EngineError(f"The workflow {file} is not JSON; export it anew in ComfyUI with Export (API).") from None
    if isinstance(data, dict) and isinstance(data.get("nodes"), list):
        raise EngineError(
            f"The workflow {file} is in the format of ComfyUI's editor; export it with Export (API), "
            "which older versions call Save (API Format)."
        )
    if isinstance(data, dict) and isinstance(data.get("prompt"), dict):  # as it is sent to /prompt
        data = data["prompt"]
    if not isinstance(data, dict) or not data:
        raise EngineError(f"The workflow {file} has no nodes; export it in ComfyUI with Export (API).")
    for id, node in data.items():
        if not (isinstance(node, dict) and isinstance(node.get("class_type"), str)):
            raise EngineError(f"The workflow {file} has a node {id[:40]} without a class_type; export it anew.")
        if not isinstance(node.get("inputs"), dict):
            raise EngineError(f"The workflow {file} has a node {id[:40]} without inputs; export it anew.")
    for id, node in data.items():
        for name, (source, _) in links(node):
            if source not in data:
                raise EngineError(
                    f"The workflow {file} feeds {name} of node {called(data, id)} from a node {source[:40]} that is "
                    "not there; export it anew."
                )
    if (id := _in_a_circle(data)) is not None:
        raise EngineError(f"The workflow {file} goes in a circle at node {called(data, id)}.")
    return data


def link(value: object) -> Link | None:
    """Where an input comes from; None for a literal."""
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str | int) and type(value[1]) is int:
        return str(value[0]), value[1]
    return None


def links(node: Node) -> Iterator[tuple[str, Link]]:
    for name, value in node["inputs"].items():
        if (found := link(value)) is not None:
            yield str(name), found


def title(node: Node) -> str:
    meta = node.get("_meta")
    found = meta.get("title") if isinstance(meta, dict) else None
    return found if isinstance(found, str) else ""


def called(graph: Graph, id: str) -> str:
    """A node for whoever wrote the workflow: `3 (KSampler)`."""
    return f"{id[:40]} ({graph[id]['class_type'][:60]})"


def upstream(graph: Graph, start: Link) -> Iterator[str]:
    """All nodes that a link comes from, the nearest first; each once."""
    return _walk(graph, start, words=False)


def words_upstream(graph: Graph, start: Link) -> Iterator[str]:
    """The same, without what lies behind inputs that carry no words. A node that passes both kinds of conditioning on
    (ControlNetApplyAdvanced) is followed on the side that was asked for."""
    return _walk(graph, start, words=True)


def _walk(graph: Graph, start: Link, *, words: bool) -> Iterator[str]:
    waiting, seen = [start], {start}
    told = set()
    while waiting:
        id, slot = waiting.pop(0)
        if id not in told:
            told.add(id)
            yield id
        if words and graph[id]["class_type"] == "ConditioningZeroOut":
            continue  # what comes out of it says nothing
        found = dict(links(graph[id]))
        if words and "positive" in found and "negative" in found:
            found = {"": found["negative" if slot == 1 else "positive"]}
        for name, source in found.items():
            if source not in seen and not (words and name in _NOT_WORDS):
                seen.add(source)
                waiting.append(source)


def _in_a_circle(graph: Graph) -> str | None:
    """A node that lies upstream of itself."""
    done: set[str] = set()
    for first in graph:
        path: list[tuple[str, Iterator[tuple[str, Link]]]] = []
        on_path: set[str] = set()
        if first not in done:
            path.append((first, links(graph[first])))
            on_path.add(first)
        while path:
            id, rest = path[-1]
            following = next(rest, None)
            if following is None:
                path.pop()
                on_path.discard(id)
                done.add(id)
            elif (source := following[1][0]) in on_path:
                return source
            elif source not in done:
                path.append((source, links(graph[source])))
                on_path.add(source)
    return None
