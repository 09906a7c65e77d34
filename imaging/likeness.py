"""How alike pictures are at a first glance: where they are light and dark, and of which colours.

The colour layout of MPEG-7 (ISO/IEC 15938-3) in its plainest form: the means of a small grid.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

GRID = 6
"""Fields across and down."""
ALIKE = 30.0
"""So far apart (root mean square of the differences, 0 to 255) two pictures are still taken for alike."""
Glance = npt.NDArray[np.float32]


def glance(data: bytes) -> Glance:
    """Of a stored picture: the mean YCbCr of each field, as `GRID * GRID * 3` numbers from 0 to 255.

    Raises:
        OSError: it cannot be read as a picture.
    """
    with Image.open(io.BytesIO(data)) as image:
        shown = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    small = shown.convert("YCbCr").resize((GRID, GRID), Image.Resampling.BOX)
    return np.asarray(small, np.float32).reshape(-1)


def apart(one: Glance, other: Glance) -> float:
    """0 for the same, up to 255."""
    return float(np.sqrt(np.mean((one - other) ** 2)))


def groups(glances: Sequence[Glance], most: float = ALIKE) -> list[int]:
    """The group of each picture, from 0 in the order in which groups begin: it joins the nearest group's first picture
    that it is not further apart from than `most`, else it begins one."""
    if not glances:
        return []
    flat = np.stack(glances)
    firsts = np.empty_like(flat)
    begun, found = 0, []
    for each in flat:
        far = np.sqrt(np.mean((firsts[:begun] - each) ** 2, axis=1))  # `apart` from all of them at once
        nearest = int(np.argmin(far)) if begun else -1
        if nearest < 0 or far[nearest] > most:
            nearest = begun
            firsts[begun] = each
            begun += 1
        found.append(nearest)
    return found
