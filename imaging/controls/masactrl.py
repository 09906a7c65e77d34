"""MasaCtrl: mutual self-attention (Cao et al. 2023, arXiv 2304.08465, section 3.2), and its mask-guided form (3.3).

From denoising step S and layer L on, the target's self-attention keeps its queries and reads the keys
and values [rows, h, N, d] of its source row, which is denoised beside it: arrangement comes from the
new words, looks from the source. Conditional rows read conditional rows, unconditional ones theirs.

Mask-guided, the subject's cross-attention maps cut both pictures into subject and surroundings, and each
part of the target reads only that part of the source, so that one does not take the other's looks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from imaging.controls.attended import Attended
from imaging.controls.settings import number
from imaging.engines.attention import MutualAttention, Probe
from imaging.engines.encoding import Prompt
from imaging.words import head_noun, split_words

SOURCE, TARGET = "source", "target"
_HALVINGS = 3
"""Layers read regions at the latent size and at so many halves of it less one."""


@dataclass(frozen=True, slots=True)
class Subjects:
    """Where both pictures' subjects are, by the maps of their head nouns."""

    columns: Mapping[str, Tensor]
    """`source` and `target` → [T], 1 at the text positions of the subject."""
    attended: Attended

    def probes(self, source: int, target: int, like: Tensor) -> tuple[tuple[str, Probe], ...]:
        """What the masks want to see, for rows of the UNet's batch."""
        positions = self.attended.height * self.attended.width
        rows = {SOURCE: source, TARGET: target}
        return tuple((name, Probe(rows[name], columns.to(like), positions)) for name, columns in self.columns.items())

    def regions(self, latent_size: tuple[int, int], device: torch.device) -> dict[int, tuple[Tensor, Tensor]]:
        """`MutualAttention.regions` as far as the maps go; nothing before the first step has been seen."""
        found: dict[int, tuple[Tensor, Tensor]] = {}
        if not {SOURCE, TARGET} <= self.attended.sums.keys():
            return found
        for halving in range(_HALVINGS):
            height, width = (side >> halving for side in latent_size)
            size = height, width
            masks = [self.attended.share(name, size).flatten().bool().to(device) for name in (SOURCE, TARGET)]
            # A picture that is all subject, or none, has no second part to read from.
            if 0 < int(masks[0].sum()) < height * width:
                found[height * width] = (masks[0], masks[1])
        return found


@dataclass(frozen=True, slots=True)
class MasaCtrl:
    """One edit's settings. `start_step` counts denoising steps from 0, `start_layer` layers from 0."""

    start_step: int
    start_layer: int
    subjects: Subjects | None = None

    @classmethod
    def of(
        cls,
        options: Mapping[str, float | str],
        source: tuple[str, Prompt],
        target: tuple[str, Prompt],
        *,
        length: int,
        latent_size: tuple[int, int],
        shrink: int,
    ) -> MasaCtrl:
        """Settings by their published names; `mask` is the threshold of the mask-guided form, 0 (off) to 1.

        Args:
            source, target: Each picture's words and their encoding, in chunks of `length` positions.
            latent_size: Height and width of the latents.
            shrink: Maps are read where there are latent area / `shrink` image positions.
        """
        threshold = number(options, "mask", 0.0)
        side = max(1, round(shrink**0.5))
        columns = {name: _subject(*each, length) for name, each in ((SOURCE, source), (TARGET, target))}
        height, width = latent_size
        fits = height % side == 0 and width % side == 0 and all(bool(each.any()) for each in columns.values())
        subjects = Subjects(columns, Attended(height // side, width // side, threshold)) if threshold and fits else None
        return cls(int(number(options, "start_step", 4)), int(number(options, "start_layer", 44)), subjects)

    def reads(self, step: int) -> bool:
        """Whether a step looks at the source's attention; masks want to see every step."""
        return self.subjects is not None or step >= self.start_step

    def at(
        self, step: int, pairs: Sequence[tuple[int, int]], latent_size: tuple[int, int], device: torch.device
    ) -> tuple[MutualAttention, ...]:
        """What holds at a step, for (target, source) rows of the UNet's batch."""
        if step < self.start_step:
            return ()
        regions = {} if self.subjects is None else self.subjects.regions(latent_size, device)
        return tuple(MutualAttention(target, source, self.start_layer, regions) for target, source in pairs)


def _subject(words: str, prompt: Prompt, length: int) -> Tensor:
    """[T]: 1 at the positions of the head noun."""
    columns = torch.zeros(prompt.embeds.shape[0])
    noun = head_noun(split_words(words))
    for word, places in prompt.spans(length):
        if noun and word == noun:
            columns[places] = 1.0
    return columns
