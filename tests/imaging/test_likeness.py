"""Which pictures look alike at a first glance."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from imaging.likeness import ALIKE, Glance, apart, glance, groups


def drawn(back: str, front: str, where: tuple[int, int, int, int], size: int = 96, form: str = "PNG") -> bytes:
    image = Image.new("RGB", (96, 96), back)
    ImageDraw.Draw(image).ellipse(where, front)
    out = io.BytesIO()
    image.resize((size, size)).save(out, form)
    return out.getvalue()


MIDDLE, CORNER = (24, 24, 72, 72), (0, 0, 40, 40)


def test_the_same_picture_smaller_or_as_jpeg_is_alike() -> None:
    first = glance(drawn("navy", "gold", MIDDLE))
    for other in (drawn("navy", "gold", MIDDLE, 48), drawn("navy", "gold", MIDDLE, form="JPEG")):
        assert apart(first, glance(other)) < ALIKE / 3


@pytest.mark.parametrize("other", [("white", "gold", MIDDLE), ("navy", "navy", MIDDLE), ("gold", "navy", MIDDLE)])
def test_other_colours_are_not_alike(other: tuple[str, str, tuple[int, int, int, int]]) -> None:
    assert apart(glance(drawn("navy", "gold", MIDDLE)), glance(drawn(*other))) > ALIKE


def test_what_can_be_seen_through_is_seen_on_white() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(out, "PNG")
    assert apart(glance(out.getvalue()), glance(drawn("white", "white", MIDDLE))) == 0


def test_groups_are_numbered_as_they_begin() -> None:
    found = [glance(drawn(back, "gold", where)) for back, where in (("navy", MIDDLE), ("white", CORNER))]
    assert groups([found[0], found[1], found[0] + 1, found[1] - 1]) == [0, 1, 0, 1]
    assert groups([]) == []


def test_each_picture_joins_the_nearest_group_that_is_near_enough() -> None:
    random = np.random.default_rng(7)
    some = list(random.integers(60, 140, (60, 108)).astype(np.float32))
    firsts: list[Glance] = []
    for each, group in zip(some, groups(some), strict=True):
        far = [apart(each, first) for first in firsts]
        if group == len(firsts):
            assert all(one > ALIKE for one in far)
            firsts.append(each)
        else:
            assert far[group] == min(far) <= ALIKE
    assert 1 < len(firsts) < 60


def test_what_is_no_picture_says_so() -> None:
    with pytest.raises(OSError):
        glance(b"no picture")


def test_a_glance_has_bounds() -> None:
    found = glance(drawn("navy", "gold", CORNER))
    assert found.shape == (108,)
    assert 0 <= np.min(found) <= np.max(found) <= 255
