"""MasaCtrl: mutual self-attention (Cao et al. 2023, arXiv 2304.08465, section 3.2), and its mask-guided form (3.3).

From denoising step S and layer L on, the target's self-attention keeps its queries and reads the keys
and values [rows, h, N, d] of its source row, which is denoised beside it: arrangement comes from the
new words, looks from the source. Conditional rows read conditional rows, unconditional ones theirs.

Mask-guided, the subject's cross-attention maps cut both pictures into subject and surroundings, and each
part of the target reads only that part of the source, so that one does not take the other's looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from imaging.controls.attended import Attended
from imaging.controls.attention import NOTHING, MutualAttention, Probe, RowControl
from imaging.controls.control import Control, Making, Numbers, Standing
from imaging.controls.families import number
from imaging.controls.prompt import Prompt
from imaging.words import head_noun, split_words

SOURCE, TARGET = "source", "target"
_HALVINGS = 3
"""Layers read regions at the latent size and at so many halves of it less one."""


NUMBERS: Mapping[str, Numbers] = {
    # Section 4: step 4 of 50; its SDXL layer is about 44, in order of execution.
    "sdxl": {"start_layer": 44, "start_share": 0.08, "shrink": 16},
    "mini": {"start_layer": 0, "start_share": 0.25, "shrink": 1},
}
"""`start_share`: share of the steps before it starts, at strength 0.5; `shrink`: masks read cross-attention at latent
area / shrink positions."""


def options(strength: float, numbers: Numbers, steps: int) -> dict[str, float | str]:
    """The step and the layer from which the target reads its source."""
    start = round(steps * min(1.0, 2 * numbers["start_share"] * (1 - strength)))
    return {"start_step": float(start), "start_layer": float(numbers["start_layer"])}


def make(making: Making) -> tuple[Control, ...]:
    """Settings by their published names; `mask` is the threshold of the mask-guided form, 0 (off) to 1."""
    if making.source is None:
        return ()
    threshold = number(making.options, "mask", 0.0)
    side = max(1, round(making.numbers["shrink"] ** 0.5))
    texts = {SOURCE: making.source, TARGET: (making.words, making.prompt)}
    columns = {name: _subject(*each, making.length) for name, each in texts.items()}
    height, width = making.latent_size
    fits = height % side == 0 and width % side == 0 and all(bool(each.any()) for each in columns.values())
    subjects = None
    if threshold and fits:
        there = {name: each.to(making.like) for name, each in columns.items()}
        subjects = Subjects(there, Attended(height // side, width // side, threshold), making.latent_size)
    start_step, start_layer = number(making.options, "start_step", 4), number(making.options, "start_layer", 44)
    return (MasaCtrl(int(start_step), int(start_layer), subjects),)


@dataclass(frozen=True, slots=True)
class Subjects:
    """Where both pictures' subjects are, by the maps of their head nouns."""

    columns: Mapping[str, Tensor]
    """`source` and `target` → [T], 1 at the text positions of the subject."""
    attended: Attended
    latent_size: tuple[int, int]

    def regions(self) -> dict[int, tuple[Tensor, Tensor]]:
        """`MutualAttention.regions` as far as the maps go; nothing before the first step has been seen."""
        found: dict[int, tuple[Tensor, Tensor]] = {}
        if not {SOURCE, TARGET} <= self.attended.sums.keys():
            return found
        for halving in range(_HALVINGS):
            height, width = (side >> halving for side in self.latent_size)
            lender, borrower = (
                self.attended.share(name, (height, width)).flatten().bool() for name in (SOURCE, TARGET)
            )
            # A picture that is all subject, or none, has no second part to read from: everything then reads everything.
            # Decided where the masks are, because asking would make the device wait.
            whole = lender.all() | ~lender.any()
            found[height * width] = (lender | whole, borrower | whole)
        return found


@dataclass(frozen=True, slots=True)
class MasaCtrl(Control):
    """One edit's settings. `start_step` counts denoising steps from 0, `start_layer` layers from 0."""

    start_step: int
    start_layer: int
    subjects: Subjects | None = None

    def reads(self, step: int) -> bool:
        """Masks want to see every step."""
        return self.subjects is not None or step >= self.start_step

    def at(self, step: int, standing: Standing) -> RowControl:
        if step < self.start_step or not standing.pairs:
            return NOTHING
        regions = {} if self.subjects is None else self.subjects.regions()
        return RowControl(mutual=tuple(MutualAttention(*pair, self.start_layer, regions) for pair in standing.pairs))

    def probes(self, standing: Standing) -> Mapping[str, Probe]:
        if self.subjects is None or standing.target is None or standing.source is None:
            return {}
        positions = self.subjects.attended.height * self.subjects.attended.width
        rows = {SOURCE: standing.source, TARGET: standing.target}
        return {name: Probe(rows[name], columns, positions) for name, columns in self.subjects.columns.items()}

    def after(self, share: float, seen: Mapping[str, Probe], latents: Tensor, source: Tensor | None) -> Tensor:
        if self.subjects is not None:
            self.subjects.attended.take(seen)
        return latents


def _subject(words: str, prompt: Prompt, length: int) -> Tensor:
    """[T]: 1 at the positions of the head noun."""
    columns = torch.zeros(prompt.embeds.shape[0])
    noun = head_noun(split_words(words))
    for word, places in prompt.spans(length):
        if noun and word == noun:
            columns[places] = 1.0
    return columns
