"""MasaCtrl: mutual self-attention (Cao et al. 2023, arXiv 2304.08465, section 3.2).

From denoising step S and layer L on, the target's self-attention keeps its queries and reads the keys
and values [rows, h, N, d] of its source row, which is denoised beside it: arrangement comes from the
new words, looks from the source. Conditional rows read conditional rows, unconditional ones theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imaging.controls.settings import number
from imaging.engines.attention import MutualAttention


@dataclass(frozen=True, slots=True)
class MasaCtrl:
    """One edit's settings. `start_step` counts denoising steps from 0, `start_layer` layers from 0."""

    start_step: int
    start_layer: int

    @classmethod
    def of(cls, options: Mapping[str, float | str]) -> MasaCtrl:
        return cls(int(number(options, "start_step", 4)), int(number(options, "start_layer", 44)))

    def at(self, step: int, pairs: Sequence[tuple[int, int]]) -> tuple[MutualAttention, ...]:
        """What holds at a step, for (target, source) rows of the UNet's batch."""
        if step < self.start_step:
            return ()
        return tuple(MutualAttention(target, source, self.start_layer) for target, source in pairs)
