"""Masks that say where a picture may change: white may, black stays byte for byte."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image, ImageFilter

from imaging.errors import BadPicture, EngineError
from imaging.outputs import open_kept

SEAM: Final = 0.008
"""Width of the seam, of the picture's shorter side; it lies inside of what may change."""


def read_mask(data: bytes, size: tuple[int, int]) -> Image.Image:
    """Grey levels (`L`) of a stored mask for a picture of this size in pixels.

    Raises:
        EngineError: it has another size, or leaves nothing that may change.
    """
    try:
        mask = open_kept(data).convert("L")
    except BadPicture:
        raise EngineError("The mask of this change cannot be opened; please draw it again.") from None
    if mask.size != size:
        raise EngineError(
            f"The mask has {mask.width} × {mask.height} pixels, but its picture {size[0]} × {size[1]}; "
            "please draw it again."
        )
    if mask.getbbox() is None:
        raise EngineError("The mask leaves nothing that may change; please paint over what shall.")
    return mask


def seam(mask: Image.Image, width: int | None = None) -> Image.Image:
    """Weights (`L`) of what is new: 0 wherever the mask is black, rising inside over so many pixels to its own levels.

    A part that is narrower than the seam is taken over as it is.
    """
    width = max(1, round(min(mask.size) * SEAM)) if width is None else width
    levels = np.asarray(mask, np.float32)
    # Half of a blurred edge lies inside; twice that begins at the edge with nothing.
    blurred = np.asarray(mask.filter(ImageFilter.GaussianBlur(width)), np.float32)
    inside = np.clip(2 * blurred - 255, 0, levels)
    narrow = mask.filter(ImageFilter.MinFilter(3)).getbbox() is None or not inside.any()
    return mask if narrow else Image.fromarray(np.rint(inside).astype(np.uint8), "L")


def kept_outside(before: Image.Image, after: Image.Image, mask: Image.Image) -> Image.Image:
    """`after` where the mask allows it, with a seam inside; all else is `before`, byte for byte. RGB, of one size."""
    return Image.composite(after, before, seam(mask))
