"""Where words look: cross-attention maps of some words, added up over the denoising steps.

Prompt-to-Prompt's LocalBlend and mask-guided MasaCtrl both cut a region out of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from imaging.controls.attention import Probe


@dataclass(slots=True)
class Attended:
    """Sums of maps by the name of the row they came from. Holds state, so there is one per rendering."""

    height: int
    """Of the layers whose maps are read, in image positions."""
    width: int
    threshold: float
    """0–1, of the strongest position: from there on a position belongs to the words."""
    sums: dict[str, Tensor] = field(default_factory=dict)

    def take(self, seen: Mapping[str, Probe]) -> None:
        """Add one step's maps of each row, by name. They stay on their device."""
        for name, probe in seen.items():
            if probe.maps:
                total = torch.stack(probe.maps).mean(0)
                self.sums[name] = self.sums[name] + total if name in self.sums else total

    def share(self, name: str, size: tuple[int, int]) -> Tensor:
        """[1, 1, h, w] of 0 and 1: the region of one row's words, a position wider than their maps say."""
        grid = F.max_pool2d(self.sums[name].view(1, 1, self.height, self.width), 3, 1, 1)
        grid = F.interpolate(grid, size=size, mode="bilinear", align_corners=False)
        return (grid / grid.max().clamp(min=1e-12) > self.threshold).float()
