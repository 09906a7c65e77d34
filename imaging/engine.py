"""The engine port: what renders pictures. One file in `imaging/engines/` implements it.

An engine lives in the worker process, on the one thread that owns the device. It is driven step by
step: requests join between steps, leave when they are done or cancelled, and every step advances all
of them together (an engine that cannot batch advances one). Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from imaging.model import Abilities, Recipe, RenderedPicture


@dataclass(frozen=True, slots=True)
class Advance:
    """What one `step` call did for one request. Exactly one of `picture`/`error` is set when it has ended."""

    id: str
    step: int
    total: int
    preview: bytes | None = None
    picture: RenderedPicture | None = None
    error: str | None = None
    retryable: bool = True


class Engine(Protocol):
    """Renders recipes. Not thread-safe: only the worker's device thread calls it, after `load`."""

    @property
    def abilities(self) -> Abilities: ...

    def load(self) -> None:
        """Bring weights onto the device.

        Raises:
            imaging.errors.EngineError: one sentence that says what is wrong and the way out.
        """

    def admit(self, id: str, recipe: Recipe, images: Mapping[str, bytes]) -> None:
        """Take a request in; it takes part from the next `step` on.

        `images` maps SHA-256 (hex) to the bytes of every picture that the recipe's `source_image`
        fields name (its own and its sources').

        Raises:
            imaging.errors.EngineError: the recipe cannot run here (unknown sampler, size, …).
        """

    def cancel(self, id: str) -> None:
        """Drop a request; its row is free at the next step. Unknown ids are ignored."""

    def step(self) -> Sequence[Advance]:
        """Advance what is in flight by one denoising step; empty when nothing is in flight."""

    @property
    def room(self) -> int:
        """How many more requests can be admitted now."""
