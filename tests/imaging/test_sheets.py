"""Sheets of pictures with their numbers on them."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from imaging.errors import BadPicture
from imaging.lettering import fitted, length
from imaging.sheets import GAP, compare_pair, contact_sheet, numbered_sheet
from tests.fakes import png


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


@pytest.mark.parametrize(
    ("count", "columns", "rows"), [(1, 1, 1), (3, 3, 1), (4, 2, 2), (5, 3, 2), (8, 4, 2), (10, 5, 2)]
)
def test_up_to_three_stand_in_one_row_and_others_in_two(count: int, columns: int, rows: int) -> None:
    sheet = opened(numbered_sheet([(n, png(n)) for n in range(1, count + 1)], cell=64))
    assert sheet.size == (columns * (64 + GAP) + GAP, rows * (64 + GAP) + GAP)


def test_each_place_has_its_own_number_and_the_rest_of_the_picture_is_as_it_was() -> None:
    wide = io.BytesIO()
    Image.new("RGB", (192, 96), (10, 120, 200)).save(wide, "PNG")
    one, other = (opened(numbered_sheet([(number, wide.getvalue())])) for number in (1, 123456789))
    differing = [
        at
        for at in range(one.width)
        if one.crop((at, 0, at + 1, one.height)) != other.crop((at, 0, at + 1, other.height))
    ]
    assert differing
    assert max(differing) < one.width
    assert one.getpixel((one.width // 2, one.height // 2)) == (10, 120, 200)
    assert one.getpixel((one.width // 2, GAP + 1)) != (10, 120, 200)  # a wide one stands in the middle of its place


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(BadPicture):
        numbered_sheet([])
    with pytest.raises(BadPicture):
        numbered_sheet([(1, b"no picture")])


def test_a_sheet_with_captions_is_a_grid_and_a_pair_stands_side_by_side() -> None:
    pictures = [(f"picture {n} " * 20, png(n, 90 + n, 60)) for n in range(5)]
    sheet = opened(contact_sheet(pictures, cell=64))
    assert sheet.width < sheet.height * 3
    pair = opened(compare_pair(pictures[0][1], pictures[1][1]))
    assert pair.width > pair.height
    with pytest.raises(BadPicture):
        contact_sheet([])


@pytest.mark.parametrize(
    ("one", "other"),
    [("Käse", "Möwe"), ("日本", "中国"), ("ひと", "カニ"), ("한국", "서울"), ("حصان", "بستان"), ("סוס", "חתול"),
     ("घर", "फल"), ("แมว", "หมา"), ("🦊", "🐼"), ("Лис", "Сад")],
)  # fmt: skip
def test_captions_are_written_in_every_script(one: str, other: str) -> None:
    """Signs without a font are all the same box."""
    picture = png(1)
    first, second = (contact_sheet([(f"#1 {word} · 2 votes", picture)], cell=200) for word in (one, other))
    assert opened(first).tobytes() != opened(second).tobytes()
    assert 0 < length(fitted(f"#1 {one * 40}", 150, 13), 13) <= 150
