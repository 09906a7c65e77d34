"""A change of a part, as endpoints want it: picture and mask in a shape that they draw, and the answer put in place.

Endpoints draw a few shapes, and redraw all that they are given. So the parent, with more canvas where some is wanted,
lies in the middle of a picture of such a shape; of the answer only what may change is taken, the rest is the parent.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from imaging.errors import EngineError
from imaging.masks import kept_outside, read_mask
from imaging.model import LONGEST_SIDE, Recipe

SIDES: Final = ("left", "top", "right", "bottom")


@dataclass(frozen=True, slots=True)
class Canvas:
    """What is delivered before anything is drawn, and where it may change. Both of one size in pixels."""

    before: Image.Image
    mask: Image.Image

    @property
    def size(self) -> tuple[int, int]:
        return self.before.size

    def framed(self, width: int, height: int) -> tuple[bytes, bytes]:
        """Picture and mask (PNG) of so many pixels: the canvas in the middle, as large as it fits; the rest may change.

        The mask is transparent where the picture may change, as the images API has it.
        """
        box = self._box(width, height)
        whole = _around(np.asarray(self.before), box)
        may = Image.new("L", whole.size, 255)
        may.paste(self.mask, box[:2])
        may = may.resize((width, height), Image.Resampling.BILINEAR)
        clear = Image.new("RGBA", may.size, (0, 0, 0, 255))
        clear.putalpha(may.point(lambda level: 0 if level else 255))
        return _png(whole.resize((width, height), Image.Resampling.LANCZOS)), _png(clear)

    def placed(self, drawn: Image.Image) -> Image.Image:
        """The answer, of whatever size, taken back out of its frame and laid where the canvas may change."""
        left, top, width, height = self._box(*drawn.size)
        whole = drawn.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
        part = whole.crop((left, top, left + self.size[0], top + self.size[1]))
        return kept_outside(self.before, part, self.mask)

    def _box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Where the canvas lies in a frame of this shape, and the frame's size: left, top, width, height."""
        across, down = self.size
        if across * height < down * width:
            across = math.ceil(down * width / height)
        else:
            down = math.ceil(across * height / width)
        return (across - self.size[0]) // 2, (down - self.size[1]) // 2, across, down


def margins(recipe: Recipe) -> tuple[int, int, int, int]:
    """Pixels that are added left, top, right and bottom of the parent."""
    options: Mapping[str, float | str] = recipe.control.options if recipe.control else {}
    found = (options.get(side, 0) for side in SIDES)
    left, top, right, bottom = (max(0, round(side)) if isinstance(side, float | int) else 0 for side in found)
    return left, top, right, bottom


def canvas_of(recipe: Recipe, parent: Image.Image, mask: bytes | None) -> Canvas | None:
    """The canvas of a recipe that changes a part or adds some; None where all of the parent may change.

    Raises:
        EngineError: the mask does not fit its picture, or the picture would become too large.
    """
    left, top, right, bottom = added = margins(recipe)
    if mask is None and not any(added):
        return None
    may = Image.new("L", parent.size, 0) if mask is None else read_mask(mask, parent.size)
    box = left, top, parent.width + left + right, parent.height + top + bottom
    if max(box[2:]) > LONGEST_SIDE:
        raise EngineError(f"With so much more canvas the picture gets wider or higher than {LONGEST_SIDE} pixels.")
    whole = Image.new("L", box[2:], 255)
    whole.paste(may, box[:2])
    return Canvas(_around(np.asarray(parent), box), whole)


def _around(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], box: tuple[int, int, int, int]) -> Image.Image:
    """The pixels at a place of a larger picture, whose other pixels are the nearest ones of these: what continues a
    picture begins with its own colours."""
    left, top, width, height = box
    right, bottom = width - left - pixels.shape[1], height - top - pixels.shape[0]
    return Image.fromarray(np.pad(pixels, ((top, bottom), (left, right), (0, 0)), "edge"))


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=2)
    return out.getvalue()
