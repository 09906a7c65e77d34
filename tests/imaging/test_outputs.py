"""Files that leave: recipes survive in PNGs, garbage gets a sentence, limits are kept."""

from __future__ import annotations

import dataclasses
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from imaging.difference import change
from imaging.errors import BadPicture
from imaging.model import Control, Operation, Recipe, Technique
from imaging.outputs import (
    RECIPE_KEY,
    encode_picture,
    preview_bytes,
    read_recipe,
    shrink_to,
    with_recipe,
)
from imaging.sheets import contact_sheet
from tests.bombs import BOMBS

RECIPE = Recipe(
    engine="mini",
    model="m",
    operation=Operation.EDIT,
    description="ein Fuchs 🦊 “quoted”",
    prompt="a fox",
    negative_prompt="",
    seed=2**40,
    width=96,
    height=96,
    num_inference_steps=8,
    guidance_scale=4.0,
    sampler="euler",
    control=Control(Technique.MASACTRL, 0.6, "Why.", {"start_step": 4.0}),
)
CHILD = dataclasses.replace(RECIPE, source=RECIPE, loras=(("a", 0.5),))


def noise(size: tuple[int, int] = (96, 64), seed: int = 0) -> Image.Image:
    return Image.effect_noise(size, 80).convert("RGB") if seed == 0 else Image.new("RGB", size, (seed, 90, 200))


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def test_a_recipe_comes_back_out_of_its_png_and_bytes_repeat() -> None:
    image = noise()
    data = encode_picture(image, CHILD)
    assert read_recipe(data) == CHILD
    assert encode_picture(image, CHILD) == data
    assert Image.open(io.BytesIO(data)).tobytes() == image.tobytes()


@given(st.binary(max_size=200))
def test_garbage_is_refused_with_a_sentence(data: bytes) -> None:
    for read in (read_recipe, lambda it: shrink_to(it, 7), lambda it: contact_sheet([("x", it)])):
        with pytest.raises(BadPicture, match=r"\.$"):
            read(data)


@pytest.mark.parametrize("bomb", ["png claims", "png chunks", "wide webp", "scans", "gif comments"])
def test_files_that_somebody_put_into_the_store_are_refused_before_they_cost_anything(bomb: str) -> None:
    """A restored backup may hold anything under a picture's name."""
    data = BOMBS[bomb]()
    for read in (
        lambda it: shrink_to(it, 7),
        lambda it: contact_sheet([("x", it)]),
        lambda it: with_recipe(it, CHILD),
    ):
        with pytest.raises(BadPicture, match=r"\.$"):
            read(data)


def test_texts_in_a_kept_file_are_not_unpacked() -> None:
    data = BOMBS["png text"]()
    assert with_recipe(data, CHILD).startswith(b"\x89PNG")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"engine": 1}', "[" * 100_000])
def test_a_broken_recipe_is_refused_with_a_sentence(text: str) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_itxt(RECIPE_KEY, text)
    out = io.BytesIO()
    noise().save(out, "PNG", pnginfo=info)
    with pytest.raises(BadPicture):
        read_recipe(out.getvalue())


def test_a_png_without_a_recipe_says_so() -> None:
    with pytest.raises(BadPicture, match="no recipe"):
        read_recipe(png(noise()))


def test_previews_are_small_jpegs() -> None:
    data = preview_bytes(noise((1024, 512)))
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.size) == ("JPEG", (256, 128))


def test_shrinking_keeps_what_fits_and_meets_the_limit() -> None:
    data = png(noise((640, 480)))
    assert shrink_to(data, len(data)) == (data, "image/png")
    small, media_type = shrink_to(data, 20_000)
    assert len(small) <= 20_000
    assert media_type in {"image/webp", "image/jpeg"}
    with pytest.raises(BadPicture):
        shrink_to(data, 10)


def test_change_is_nought_for_the_same_and_grows() -> None:
    red, dark, other = Image.new("RGB", (96, 96), "red"), Image.new("RGB", (96, 96), (200, 0, 0)), noise((96, 96))
    assert change(red, red) == 0
    assert 0 < change(red, dark) < change(red, other) <= 1
    assert change(png(red), png(red)) == 0
