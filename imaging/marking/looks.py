"""What a picture looks like in 64 bits: the same for a copy of any size and quality, far away for another picture.

The difference hash ("dHash") of Neal Krawetz, "Kind of Like That", The Hacker Factor Blog, 2013.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

ALIKE = 12
"""Bits of 64 that may differ between two copies of one picture."""


def look(image: Image.Image) -> str:
    """16 hexadecimal digits."""
    small = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX), np.int16)
    return np.packbits(small[:, 1:] > small[:, :-1]).tobytes().hex()


def alike(one: str, other: str) -> bool:
    """Whether two looks are those of one picture; what is no look is like nothing."""
    try:
        return (int(one, 16) ^ int(other, 16)).bit_count() <= ALIKE
    except ValueError:
        return False
