"""What a technique's file holds, and the protocol by which engines drive it.

A file in `imaging/controls/` named by a row of `imaging.techniques` has three things:

- `NUMBERS`: its published numbers by family of checkpoints (`Family.name`; `sdxl` is taken for others);
- `options(strength, numbers, steps)`: from a strength of 0–1 to the options that a recipe records;
- `make(making)`: the controls of one row, made once a rendering; none where the recipe has no source for them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from PIL import Image
from torch import Tensor

from imaging.controls.attention import NOTHING, KeysValues, Probe, RowControl
from imaging.controls.prompt import Prompt
from imaging.model import Role

Numbers = Mapping[str, float]
Options = Mapping[str, float | str]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a row and the source beside it stand in the batch of one UNet call; None where they do not."""

    target: int | None
    """The row's conditional place."""
    unconditional: int | None
    source: int | None
    source_unconditional: int | None

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """(target, source) places that stand in this call together, conditional first."""
        both = ((self.target, self.source), (self.unconditional, self.source_unconditional))
        return tuple((row, source) for row, source in both if row is not None and source is not None)


@dataclass(frozen=True, slots=True)
class ImageTokens:
    """One row's pictures, ready for every cross-attention layer, conditional and unconditional."""

    conditional: KeysValues
    unconditional: KeysValues


class PictureReader(Protocol):
    """What makes pictures into a prompt, where the engine has the weights for it (`imaging.controls.ip_adapter`)."""

    def tokens(self, images: Sequence[Image.Image], joined: str) -> ImageTokens: ...
    def scales(self, scale: float, blocks: str) -> Mapping[int, float]: ...


@dataclass(frozen=True, slots=True)
class Making:
    """What the controls of one row are made of."""

    options: Options
    numbers: Numbers
    steps: int
    words: str
    prompt: Prompt
    source: tuple[str, Prompt] | None
    """The source's words and their encoding, in as many chunks as the row's own."""
    length: int
    """Text positions of one chunk."""
    latent_size: tuple[int, int]
    """Height and width of the latents."""
    picture: Callable[[], Image.Image]
    """The parent's pixels; raises `EngineError` where they are gone."""
    references: Callable[[], Sequence[tuple[Role, Image.Image]]]
    """The pictures that serve as prompts, in their order; raises `EngineError` where one is gone."""
    ip_adapter: PictureReader | None
    like: Tensor
    """Any tensor of the UNet's device and dtype. What a step needs of ours is put there once, not in every step."""


class Control(Protocol):
    """One technique at work on one row. What is not overridden does nothing."""

    def reads(self, step: int) -> bool:
        """Whether it looks at the source's attention in a step, 0 being the first; the source then runs beside."""
        return False

    def at(self, step: int, standing: Standing) -> RowControl:
        """What it wants of a UNet call in a step."""
        return NOTHING

    def probes(self, standing: Standing) -> Mapping[str, Probe]:
        """Maps that it wants to see of a UNet call, by names of its own."""
        return {}

    def after(self, share: float, seen: Mapping[str, Probe], latents: Tensor, source: Tensor | None) -> Tensor:
        """The row's latents after a step, [1, C, h, w].

        Args:
            share: How much of the schedule lies behind, 0–1.
            seen: The probes of the step, filled.
            source: The source's latents after the same step, where it ran beside.
        """
        return latents


class TechniqueFile(Protocol):
    """The module of a technique."""

    NUMBERS: Mapping[str, Numbers]

    @staticmethod
    def options(strength: float, numbers: Numbers, steps: int) -> dict[str, float | str]: ...

    @staticmethod
    def make(making: Making) -> tuple[Control, ...]: ...


class ReferenceFile(Protocol):
    """What the module that reads references says of them besides."""

    @staticmethod
    def references(roles: Collection[Role], family: str) -> dict[str, float | str]: ...


def like(device: torch.device, dtype: torch.dtype) -> Tensor:
    """A tensor that says where controls keep what they need."""
    return torch.empty(0, device=device, dtype=dtype)
