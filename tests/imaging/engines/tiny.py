"""Ways to make recipes and to drive engines."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import torch
from PIL import Image

from imaging.engine import Advance
from imaging.model import Control, Operation, Recipe, RenderedPicture, Technique
from measure.engine.random_sdxl import SIDE


class Renders(Protocol):
    """What it takes to run jobs: an engine, or its runtime alone."""

    def admit(self, id: str, recipe: Recipe, images: Mapping[str, bytes]) -> None: ...
    def step(self) -> Sequence[Advance]: ...


def recipe(prompt: str, seed: int = 1, **changes: Any) -> Recipe:
    """A recipe of few steps at the tiny checkpoint's size."""
    fields: dict[str, Any] = {
        "engine": "test",
        "model": "test",
        "operation": Operation.IMAGE,
        "description": prompt,
        "prompt": prompt,
        "negative_prompt": "",
        "seed": seed,
        "width": SIDE,
        "height": SIDE,
        "num_inference_steps": 4,
        "guidance_scale": 5.0,
        "sampler": "euler",
    }
    return Recipe(**(fields | changes))


def edit(
    parent: Recipe, prompt: str, technique: Technique, options: Mapping[str, float | str], **changes: Any
) -> Recipe:
    """An edit of `parent` with explicit numbers; `retried` keeps the engine from trying twice."""
    control = Control(technique, 0.5, "Test.", {"retried": 1.0, **options})
    return recipe(prompt, parent.seed, operation=Operation.EDIT, control=control, source=parent, **changes)


def render(
    engine: Renders, jobs: Mapping[str, Recipe], images: Mapping[str, bytes] | None = None
) -> dict[str, RenderedPicture]:
    """Run all jobs at once to their end."""
    for id, wanted in jobs.items():
        engine.admit(id, wanted, images or {})
    return pictures(drain(engine))


def drain(engine: Renders) -> list[Advance]:
    """Every advance until nothing is in flight."""
    found: list[Advance] = []
    while advances := engine.step():
        found += advances
    return found


def pictures(advances: Iterable[Advance]) -> dict[str, RenderedPicture]:
    """The pictures among advances; an error fails the test."""
    found = {}
    for advance in advances:
        assert advance.error is None, advance.error
        if advance.picture is not None:
            found[advance.id] = advance.picture
    return found


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    """Largest difference, relative to the largest value of `b`."""
    return float((a - b).abs().max() / b.abs().max())


def pixels(picture: RenderedPicture) -> bytes:
    """What is seen of a picture; its file names the model too."""
    with Image.open(io.BytesIO(picture.data)) as image:
        return image.tobytes()


def solo_bytes(engine: Renders, wanted: Sequence[Recipe], images: Mapping[str, bytes] | None = None) -> list[bytes]:
    """Each recipe rendered alone."""
    return [render(engine, {"solo": each}, images)["solo"].data for each in wanted]
