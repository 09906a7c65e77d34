"""The state of one picture while it is denoised, and of one job: a picture with the sources beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from PIL import Image
from torch import Tensor

from imaging.controls.control import Control
from imaging.controls.prompt import Prompt
from imaging.engines.schedules import Schedule
from imaging.engines.trajectories import Trajectory
from imaging.model import Recipe, Technique

MAX_SOURCES = 3
"""Sources of sources that run beside an edit. An older ancestor is drawn without its own control."""


@dataclass(slots=True)
class Row:
    """One picture on its way. `latents` are float32 [1, C, h, w] on the device."""

    recipe: Recipe
    prompt: Prompt
    negative: Prompt | None
    """None where guidance is off (1 or less): the UNet then runs one row instead of two."""
    schedule: Schedule
    latents: Tensor
    index: int
    draw: torch.Generator
    """On the CPU, so that every device gets the same noise."""
    past: tuple[Tensor, ...] = ()
    """What a solver remembers, newest first; new tensors each step, so that a step can be taken back."""
    rescale: float = 0.0
    """How far guidance is brought back to the deviation of the conditional prediction, 0–1."""
    source: Row | None = None
    controls: tuple[Control, ...] = ()
    trajectory: dict[int, Tensor] = field(default_factory=dict)
    """Step → the latents before it, as far as this row has run."""
    known: Trajectory | None = None
    """The trajectory of an earlier rendering, so that this row needs to run only where it is read."""

    @property
    def guided(self) -> bool:
        return self.negative is not None

    @property
    def share(self) -> float:
        """How much of the whole schedule lies behind, 0–1."""
        return self.index / len(self.schedule)

    @property
    def positions(self) -> int:
        """Text positions of the encoded prompt."""
        return int(self.prompt.embeds.shape[0])

    @property
    def ran_whole(self) -> bool:
        """Whether the trajectory has every step up to the last."""
        return len(self.schedule) - 1 in self.trajectory and len(self.trajectory) == len(self.schedule) - min(
            self.trajectory
        )

    @property
    def can_sleep(self) -> bool:
        """Whether this row, and every source of it, can enter at any step."""
        above = self.source is None or self.source.can_sleep
        resumable = self.schedule.memory is None and not any(self.schedule.noise)
        return above and self.known is not None and resumable

    def wants_source(self) -> bool:
        """Whether the source has to run in the coming step: it is read there, or later and cannot sleep till then."""
        if self.source is None:
            return False
        steps = range(self.index, self.index + 1 if self.source.can_sleep else len(self.schedule))
        return any(control.reads(step) for control in self.controls for step in steps)

    def wake(self, step: int) -> None:
        """Stand at a step, after having slept."""
        if self.index != step:
            assert self.known is not None
            self.latents, self.index = self.known[step].to(self.latents.device), step


@dataclass(slots=True)
class Job:
    """One request. `rows` run together, sources first; the last one is the picture that was asked for."""

    id: str
    recipe: Recipe
    images: Mapping[str, bytes]
    rows: list[Row]
    parent: Image.Image | bytes | None
    """What the change is measured against, where it is known before the end."""
    served: int = 0
    """The engine's step in which the job was advanced last; the lowest goes next."""
    done: int = 0
    """Steps of earlier tries."""
    retries: int = 0
    preview_at: float = 0.0
    device_seconds: float = 0.0
    begun: int = 0

    @property
    def target(self) -> Row:
        return self.rows[-1]

    @property
    def key(self) -> tuple[int, int, int]:
        """What rows must have in common to run together: latent size and text positions."""
        height, width = self.target.latents.shape[-2:]
        return int(height), int(width), self.target.positions

    def active_rows(self) -> list[Row]:
        """The rows of the coming step, sources first."""
        rows = [self.target]
        while rows[-1].wants_source() and (source := rows[-1].source) is not None:
            source.wake(self.target.index)
            rows.append(source)
        return rows[::-1]

    @property
    def unet_rows(self) -> int:
        return sum(1 + row.guided for row in self.active_rows())

    @property
    def step(self) -> int:
        return self.done + self.target.index - self.begun

    @property
    def total(self) -> int:
        return self.done + len(self.target.schedule) - self.begun

    @property
    def finished(self) -> bool:
        return self.target.index >= len(self.target.schedule)


def trimmed(recipe: Recipe, sources: int = MAX_SOURCES) -> Recipe:
    """The recipe with only those sources that are rendered beside it, so that a long history of edits
    does not grow every file.

    Of a longer history the newest and the first stay: the first was drawn by its own words and is the same again, where
    an edit without what it was edited from would be another picture. So what nobody mentions stays over many edits.
    """
    chain = [recipe]
    while _beside(chain[-1]) and (source := chain[-1].source) is not None:
        chain.append(source)
    kept = dataclasses.replace(chain[-1], source=None)
    if len(chain) > 1 and _beside(kept):
        # It would read a source that it has not.
        rest = dataclasses.replace(kept.control, technique=Technique.NONE) if kept.control and kept.references else None
        kept = dataclasses.replace(kept, control=rest)
    newest = chain[:-1] if len(chain) <= sources + 1 else chain[:sources]
    for each in reversed(newest):
        kept = dataclasses.replace(each, source=kept)
    return kept


def _beside(recipe: Recipe) -> bool:
    return recipe.control is not None and recipe.control.technique.traits.beside


def lineage(recipe: Recipe) -> list[Recipe]:
    """The recipes that run together for a trimmed recipe, oldest source first.

    Sources take their child's size, steps and sampler, because they are denoised in step with it.
    """
    chain = [recipe]
    while chain[-1].source is not None:
        chain.append(chain[-1].source)
    aligned = [
        dataclasses.replace(
            each,
            width=recipe.width,
            height=recipe.height,
            num_inference_steps=recipe.num_inference_steps,
            sampler=recipe.sampler,
        )
        for each in chain
    ]
    return aligned[::-1]
