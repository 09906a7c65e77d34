"""Image-to-image: denoising begins at the parent's noised pixels (SDEdit, Meng et al. 2021, arXiv 2108.01073).

The engine enters the schedule late by `denoising_strength`; nothing is left to do in its steps.
"""

from __future__ import annotations

from collections.abc import Mapping

from imaging.controls.control import Control, Making, Numbers

NUMBERS: Mapping[str, Numbers] = {"sdxl": {}}


def options(strength: float, numbers: Numbers, steps: int) -> dict[str, float | str]:
    """The share of the schedule that is run, 0.2 (all of the parent is kept) to 0.95."""
    return {"denoising_strength": round(0.95 - 0.75 * strength, 3)}


def make(making: Making) -> tuple[Control, ...]:
    return ()
