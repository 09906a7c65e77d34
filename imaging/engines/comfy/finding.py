"""What Easel may set of a workflow without any mark, where there is one way to read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imaging.engines.comfy.graph import Graph, Slot, links, upstream, words_upstream
from imaging.engines.comfy.marks import Mark, fits, texts_of


def slots_of(graph: Graph, marked: Mapping[Mark, list[Slot]]) -> dict[Mark, tuple[Slot, ...]]:
    """The marked inputs, and for each kind without a mark what can only be meant."""
    slots = {mark: tuple(dict.fromkeys(each)) for mark, each in marked.items()}
    samplers = [id for id, node in graph.items() if {"latent_image", "guider"} & dict(links(node)).keys()]
    prompt = slots.get(Mark.PROMPT) or _words_found(graph, samplers, "positive", "conditioning")
    negative = slots.get(Mark.NEGATIVE) or _words_found(graph, samplers, "negative")
    if {id for id, _ in prompt} & {id for id, _ in negative} and Mark.NEGATIVE not in slots:
        negative = ()  # one text for both: it is what shall be seen
    found = {
        Mark.PROMPT: prompt,
        Mark.NEGATIVE: negative,
        Mark.SEED: _seeds(graph, samplers),
        Mark.IMAGE: _only(graph, "LoadImage"),
        Mark.MASK: _only(graph, "LoadImageMask"),
    }
    if Mark.WIDTH not in slots and Mark.HEIGHT not in slots:
        found |= _size(graph, samplers)
    if not (slots.get(Mark.IMAGE) or found[Mark.IMAGE]):
        found[Mark.MASK] = ()
    else:
        found[Mark.STRENGTH] = _strength(graph, samplers, slots.get(Mark.IMAGE) or found[Mark.IMAGE])
    return {mark: each for mark, each in (found | slots).items() if each}


def _words_found(graph: Graph, samplers: Sequence[str], *sides: str) -> tuple[Slot, ...]:
    """The one node with a text that all samplers get their words from."""
    found: dict[str, None] = {}
    for sampler in samplers:
        inputs = dict(links(graph[sampler]))
        if "guider" in inputs:
            inputs = dict(links(graph[inputs["guider"][0]]))
        for side in sides:
            if side in inputs:
                found |= dict.fromkeys(_nearest_texts(graph, inputs[side]))
    return tuple((id, name) for id in found for name in texts_of(graph[id])) if len(found) == 1 else ()


def _nearest_texts(graph: Graph, start: tuple[str, int]) -> list[str]:
    return [id for id in words_upstream(graph, start) if texts_of(graph[id])]


def _seeds(graph: Graph, samplers: Sequence[str]) -> tuple[Slot, ...]:
    """Of every sampler, or of the noise that is fed to it."""
    found: dict[Slot, None] = {}
    for sampler in samplers:
        inputs = dict(links(graph[sampler]))
        here = [sampler]
        for name in ("noise", "seed", "noise_seed"):
            here += list(upstream(graph, inputs[name])) if name in inputs else []
        found |= dict.fromkeys(_literals(graph, here, ("seed", "noise_seed", "value")))
    return tuple(found)


def _size(graph: Graph, samplers: Sequence[str]) -> dict[Mark, tuple[Slot, ...]]:
    """Width and height of the one empty latent that drawing begins with."""
    empty = {
        id: None
        for sampler in samplers
        if (start := dict(links(graph[sampler])).get("latent_image"))
        for id in upstream(graph, start)
        if "empty" in graph[id]["class_type"].casefold()
    }
    if len(empty) != 1:
        return {}
    width, height = (_literals(graph, list(empty), (name,)) for name in ("width", "height"))
    return {Mark.WIDTH: width, Mark.HEIGHT: height} if width and height else {}


def _strength(graph: Graph, samplers: Sequence[str], images: Sequence[Slot]) -> tuple[Slot, ...]:
    """How much the one sampler changes, where it begins with the picture; one that denoises all of it (1.0) looks at
    the picture in other ways."""
    if len(samplers) != 1 or (start := dict(links(graph[samplers[0]])).get("latent_image")) is None:
        return ()
    found = _literals(graph, samplers, ("denoise",))
    begins = {id for id, _ in images} & set(upstream(graph, start))
    return found if begins and found and graph[samplers[0]]["inputs"]["denoise"] < 1 else ()


def _literals(graph: Graph, ids: Sequence[str], names: Sequence[str]) -> tuple[Slot, ...]:
    """Numbers that are written in; of each node the first by these names."""
    found = []
    for id in ids:
        inputs = graph[id]["inputs"]
        name = next((name for name in names if fits(Mark.SEED, inputs.get(name))), None)
        if name is not None:
            found.append((id, name))
    return tuple(found)


def _only(graph: Graph, kind: str) -> tuple[Slot, ...]:
    """The one node of a class, and its picture."""
    found = [
        id for id, node in graph.items() if node["class_type"] == kind and isinstance(node["inputs"].get("image"), str)
    ]
    return ((found[0], "image"),) if len(found) == 1 else ()
