"""A live preview becomes the picture, step by step; it never turns into noise."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from imaging.difference import ssim
from imaging.engines.loading import Parts
from imaging.engines.mini import mini_abilities
from imaging.engines.options import EngineOptions
from imaging.engines.runtime import Runtime
from tests.imaging.engines.tiny import drain, recipe

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("words", ["a red car on the beach", "a penguin in the snow", "a rocket at night"])
def test_the_last_preview_looks_like_the_picture_and_more_so_than_the_first(
    parts: Parts, options: EngineOptions, words: str
) -> None:
    ticks = itertools.count()
    runtime = Runtime(mini_abilities(), parts, options, clock=lambda: float(next(ticks)))
    try:
        wanted = recipe(words, 3, width=128, height=128, num_inference_steps=12, guidance_scale=4.0)
        runtime.admit("a", wanted, {})
        advances = drain(runtime)
    finally:
        runtime.close()
    previews = [each.preview for each in advances if each.preview]
    assert len(previews) == 11  # after every step but the last, which brings the picture
    picture = advances[-1].picture
    assert picture is not None
    likeness = [ssim(coarse(each), coarse(picture.data)) for each in (previews[0], previews[-1])]
    assert likeness[1] > 0.7
    assert likeness[1] > likeness[0]


def coarse(data: bytes) -> NDArray[np.float32]:
    """Grey [96, 96], 0 to 1, as fine as the latents: a preview knows no more."""
    with Image.open(io.BytesIO(data)) as image:
        cells = image.convert("RGB").resize((16, 16), Image.Resampling.BOX)
    large = cells.resize((96, 96), Image.Resampling.BICUBIC)
    grey: NDArray[np.float32] = np.asarray(large, dtype=np.float32) @ LUMA / np.float32(255)
    return grey
