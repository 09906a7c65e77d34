"""The invisible mark is found after what happens to pictures on their way, in no other picture, and is not seen."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from imaging.marking import watermark


def painted(side: int, seed: int = 1) -> Image.Image:
    """Soft shapes, some texture and a flat corner: what a drawing or a photograph has."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(20, 235, (9, 9, 3), dtype=np.uint8))
    coarse = coarse.resize((side, side), Image.Resampling.BICUBIC)
    fine = Image.fromarray(rng.integers(0, 30, (side // 3, side // 3, 3), dtype=np.uint8)).resize((side, side))
    pixels = np.asarray(coarse, np.int16) + np.asarray(fine, np.int16) - 15
    pixels[: side // 3, : side // 3] = (240, 240, 245)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def jpeg(image: Image.Image, quality: int = 75) -> Image.Image:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return Image.open(out)


def scaled(image: Image.Image, share: float) -> Image.Image:
    size = (round(image.width * share), round(image.height * share))
    return image.resize(size, Image.Resampling.BILINEAR)


def cut(image: Image.Image, share: float) -> Image.Image:
    """The middle, a little beside it: so much of the area."""
    width, height = (round(side * share**0.5) for side in image.size)
    left, top = (image.width - width) // 2 + 3, (image.height - height) // 2 + 5
    return image.crop((left, top, left + width, top + height))


WAYS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "as it is": lambda it: it,
    "JPEG 75": jpeg,
    "half the size": lambda it: scaled(it, 0.5),
    "a tenth cut off": lambda it: cut(it, 0.9),
    "a tenth left": lambda it: cut(it, 0.1),
    "a screenshot": lambda it: jpeg(scaled(cut(it, 0.95), 0.71), 80),
    "a larger copy": lambda it: jpeg(scaled(it, 1.4)),
}


@pytest.mark.parametrize("way", WAYS)
def test_it_is_found_after(way: str) -> None:
    assert watermark.detect(WAYS[way](watermark.embed(painted(768)))).found


@pytest.mark.parametrize("way", [way for way in WAYS if way != "a tenth left"])
def test_it_is_found_in_the_smallest_picture_after(way: str) -> None:
    assert watermark.detect(WAYS[way](watermark.embed(painted(watermark.MIN_SIDE)))).found


@pytest.mark.parametrize("side", [128, 300])
def test_it_is_in_no_picture_that_was_not_marked(side: int) -> None:
    for seed in range(6):
        found = watermark.detect(jpeg(painted(side, seed)))
        assert not found.found, found


def test_the_size_that_it_was_made_at_is_told() -> None:
    assert watermark.detect(scaled(watermark.embed(painted(512)), 0.5)).size == pytest.approx(0.5, rel=0.01)


@pytest.mark.parametrize("side", [128, 512])
def test_people_do_not_see_it(side: int) -> None:
    noisy = Image.fromarray(np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8))
    for image in (painted(side), noisy, Image.new("RGB", (side, side), "grey")):
        change = np.asarray(image, np.float64) - np.asarray(watermark.embed(image), np.float64)
        assert 10 * np.log10(255**2 / np.mean(change**2)) >= 38


def test_a_picture_that_is_too_small_stays_as_it_is() -> None:
    small = painted(watermark.MIN_SIDE - 1)
    assert watermark.embed(small) is small


def test_the_pattern_never_changes() -> None:
    """Pictures that are out there must be found by every later version."""
    grey = watermark.embed(Image.new("L", (256, 256), 128).convert("RGB")).getchannel(0)
    brightness = [sum(grey.crop((0, at, 64, at + 8)).tobytes()) - 128 * 64 * 8 for at in range(0, 64, 8)]
    assert brightness == pytest.approx(BRIGHTNESS, abs=4)


BRIGHTNESS = [-2, -55, -19, 42, -3, -26, -20, -6]
"""Of eight strips of a grey picture, against the grey, in grey levels summed up."""
