"""An engine for queue and worker tests: pictures of one colour, and faults on demand by description.

`crash`: the process dies; `break`: the step raises; `refuse`: not admitted; `stumble`: admission raises;
`moderated`: refused by a moderation of its own; `slow`: waits for a file named by the recipe's prompt before each step.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from imaging.engine import Advance
from imaging.errors import EngineError
from imaging.model import Abilities, Operation, Recipe, RenderedPicture, Technique

ABILITIES = Abilities("fake", "fake-1", frozenset(Technique), {"square": (8, 8)}, 3, 1.0, "euler")


def recipe(
    description: str = "a fox", *, engine: str = "fake", prompt: str = "", seed: int = 1, steps: int = 3, **more: Any
) -> Recipe:
    return Recipe(
        engine=engine, model="fake-1", operation=Operation.IMAGE, description=description, prompt=prompt,
        negative_prompt="", seed=seed, width=8, height=8, num_inference_steps=steps, guidance_scale=1.0,
        sampler="euler", **more,
    )  # fmt: skip


def _picture(of: Recipe) -> RenderedPicture:
    data = io.BytesIO()
    Image.new("RGB", (8, 8), (of.seed % 256, 0, 0)).save(data, "PNG")
    return RenderedPicture(data.getvalue(), "image/png", 8, 8, of, 0.01, {})


class FakeEngine:
    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        self._flying: dict[str, tuple[Recipe, int]] = {}

    @property
    def abilities(self) -> Abilities:
        return replace(ABILITIES, name=self._options.get("name", ABILITIES.name))

    def load(self) -> None:
        if self._options.get("cannot_load"):
            raise EngineError("The model's folder is empty; name another.")

    def close(self) -> None:
        if "closed" in self._options:
            Path(self._options["closed"]).touch()

    @property
    def room(self) -> int:
        return int(self._options.get("rows", 2)) - len(self._flying)

    def admit(self, id: str, recipe: Recipe, images: Mapping[str, bytes]) -> None:
        if recipe.description == "refuse":
            raise EngineError("This engine does not draw that; use other words.")
        if recipe.description == "stumble":
            raise KeyError("a bug in admission")
        self._flying[id] = (recipe, 0)

    def cancel(self, id: str) -> None:
        self._flying.pop(id, None)

    def step(self) -> Sequence[Advance]:
        return [self._advance(id) for id in list(self._flying)]

    def _advance(self, id: str) -> Advance:
        wanted, done = self._flying[id]
        if wanted.description == "crash":
            os._exit(9)
        if wanted.description == "break":
            raise ZeroDivisionError("a bug in the engine")
        if wanted.description == "moderated":
            del self._flying[id]
            return Advance(id, 0, 1, error="The endpoint refuses that.", retryable=False, moderated=True)
        if wanted.description == "slow":
            for _ in range(1000):
                if Path(wanted.prompt).exists():
                    break
                time.sleep(0.01)
        done += 1
        if done < wanted.num_inference_steps:
            self._flying[id] = (wanted, done)
            return Advance(id, done, wanted.num_inference_steps, preview=b"preview")
        del self._flying[id]
        return Advance(id, done, wanted.num_inference_steps, picture=_picture(wanted))


def make(options: Mapping[str, Any], home: Path, device: str | None) -> FakeEngine:
    """The factory that an `EngineSpec` names."""
    return FakeEngine(options)
