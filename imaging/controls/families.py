"""Families of checkpoints, and from a control's strength to the published numbers of its technique.

No torch is loaded before `resolve`. A recipe that was rendered names the numbers that it used, so that a later change
of a technique's numbers never changes an old picture.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

from imaging.model import Control, Role
from imaging.techniques import Technique

if TYPE_CHECKING:
    from imaging.controls.control import Control as RowControls
    from imaging.controls.control import Making, Numbers, ReferenceFile, TechniqueFile


@dataclass(frozen=True, slots=True)
class Family:
    """Checkpoints that share a layout. Each technique's file has its numbers under this name."""

    name: str
    refine_strength: float
    """Denoising strength of a refinement that does not say its own."""
    layers: int | None = None
    """Of the attention of a whole UNet, each with the one beside it; None where the layout is always the same."""
    start_block: str = ""
    """Where MasaCtrl's first layer lies."""
    own: Mapping[str, float] = field(default_factory=dict)
    """Numbers of a pruned UNet, which go before those of the techniques' files."""

    def fitted(self, numbers: Mapping[str, int]) -> Family:
        """The same for a pruned UNet, whose layers are fewer, so that another number means the same layer.

        Args:
            numbers: Name of each attention → layer number, from 0.
        """
        inside = [number for name, number in numbers.items() if name.startswith(self.start_block)]
        if self.layers is None or not inside or max(numbers.values()) + 1 == self.layers:
            return self
        return replace(self, own={"start_layer": min(inside)})


# Numbers for SDXL are those of the papers until they are measured on a GPU. The miniature's come from
# `easel eval consistency --sweep`.
SDXL = Family("sdxl", refine_strength=0.35, layers=70, start_block="up_blocks.0.attentions.1.")
MINI = Family("mini", refine_strength=0.05)


REFERENCES = "ip_adapter"
"""The file that reads pictures as prompts: a technique's own parent, and whatever else a recipe names."""


def resolve(control: Control, family: Family, steps: int, roles: Collection[Role] = ()) -> dict[str, float | str]:
    """The numbers of a control on `steps` denoising steps, and of references with these roles; options that the
    control names win."""
    strength = min(1.0, max(0.0, control.strength))
    found: dict[str, float | str] = {}
    if roles:
        found |= cast("ReferenceFile", _file(REFERENCES)).references(roles, family.name)
    for file in files(control.technique):
        found |= file.options(strength, numbers(file, family), steps)
    return {**found, **control.options}


def make(
    technique: Technique, family: Family, making: Callable[[Numbers], Making], *, references: bool = False
) -> tuple[RowControls, ...]:
    """The controls of one row; where its recipe names references, one that reads them stands beside its technique's."""
    every = files(technique)
    if references and not reads_parent(technique):
        every = (*every, cast("TechniqueFile", _file(REFERENCES)))
    return tuple(control for file in every for control in file.make(making(numbers(file, family))))


def reads_parent(technique: Technique) -> bool:
    """Whether the parent's picture is one of those that serve as prompts."""
    return REFERENCES in technique.traits.files


def files(technique: Technique) -> tuple[TechniqueFile, ...]:
    """The modules that carry a technique out."""
    return tuple(cast("TechniqueFile", _file(name)) for name in technique.traits.files)


def _file(name: str) -> object:
    return importlib.import_module(f"imaging.controls.{name}")


def numbers(file: TechniqueFile, family: Family) -> Numbers:
    return {**file.NUMBERS.get(family.name, file.NUMBERS["sdxl"]), **family.own}


def number(options: Mapping[str, float | str], name: str, default: float) -> float:
    """An option as a finite number, or the default where it is missing or words."""
    value = options.get(name, default)
    return float(value) if isinstance(value, int | float) and value == value and abs(value) < 1e6 else default
