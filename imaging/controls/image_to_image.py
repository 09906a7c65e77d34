"""Image-to-image: denoising begins at the parent's noised pixels (SDEdit, Meng et al. 2021, arXiv 2108.01073).

The engine enters the schedule late by `denoising_strength`; nothing is left to do in its steps.
"""

from __future__ import annotations

from collections.abc import Mapping

from imaging.controls.control import Control, Making, Numbers
from imaging.techniques import denoising_strength

NUMBERS: Mapping[str, Numbers] = {"sdxl": {}}


def options(strength: float, numbers: Numbers, steps: int) -> dict[str, float | str]:
    """See `imaging.techniques.denoising_strength`."""
    return {"denoising_strength": denoising_strength(strength)}


def make(making: Making) -> tuple[Control, ...]:
    return ()
