"""The latents that a picture had on its way, kept for a while, so that an edit of it need not run it again.

An edit reads its source's attention in some steps only (MasaCtrl from its first step on, Prompt-to-Prompt up to its
last). With the source's latents at hand it is denoised in those steps alone; without, from the beginning.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping

from torch import Tensor

from imaging.model import Recipe

LIMIT_BYTES = 256 * 2**20
"""Of main memory. A picture of 1024 × 1024 in 30 steps takes 7.9 MB."""

Trajectory = Mapping[int, Tensor]
"""Step → the latents before it, float32 [1, C, h, w] on the CPU."""


class Trajectories:
    """The newest trajectories, within `limit_bytes`."""

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit = limit_bytes
        self._held = 0
        self._trajectories: OrderedDict[str, Trajectory] = OrderedDict()

    def get(self, recipe: Recipe, positions: int) -> Trajectory | None:
        """The trajectory of exactly this recipe, its prompts encoded in so many text positions."""
        key = _key(recipe, positions)
        if key in self._trajectories:
            self._trajectories.move_to_end(key)
        return self._trajectories.get(key)

    def put(self, recipe: Recipe, positions: int, trajectory: Trajectory) -> None:
        """Keep a whole trajectory; the oldest ones make room."""
        key = _key(recipe, positions)
        self._drop(key)
        # A slice of a batch would keep the whole batch.
        self._trajectories[key] = {step: latents.detach().cpu().clone() for step, latents in trajectory.items()}
        self._held += _size(self._trajectories[key])
        while self._held > self._limit and self._trajectories:
            self._drop(next(iter(self._trajectories)))

    def _drop(self, key: str) -> None:
        if key in self._trajectories:
            self._held -= _size(self._trajectories.pop(key))


def _size(trajectory: Trajectory) -> int:
    return sum(latents.numel() * latents.element_size() for latents in trajectory.values())


def _key(recipe: Recipe, positions: int) -> str:
    return hashlib.sha256(f"{positions} {json.dumps(recipe.to_json(), sort_keys=True)}".encode()).hexdigest()
