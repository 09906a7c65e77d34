"""Sheets: pictures side by side in one, each with its number on it, for chats that show one picture well."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from imaging.errors import BadPicture
from imaging.outputs import open_kept

CELL = 480
"""Side of a picture's place, pixels: what chats still show without cutting, times five."""
GAP = 12
PAPER = (250, 249, 246)
BADGE, INK = (24, 24, 28), (255, 255, 255)
IN_ONE_ROW = 3


def columns_of(count: int) -> int:
    """How many stand in a row: up to three in one, all others in two rows."""
    return count if count <= IN_ONE_ROW else -(-count // 2)


def numbered_sheet(pictures: Sequence[tuple[int, bytes]], cell: int = CELL) -> bytes:
    """Files of ours with their numbers → one PNG.

    Raises:
        BadPicture: one of the files is not a picture, or there are none.
    """
    if not pictures:
        raise BadPicture("There are no pictures for a sheet.")
    columns = columns_of(len(pictures))
    rows = -(-len(pictures) // columns)
    step = cell + GAP
    sheet = Image.new("RGB", (columns * step + GAP, rows * step + GAP), PAPER)
    for at, (number, data) in enumerate(pictures):
        left, top = GAP + at % columns * step, GAP + at // columns * step
        image = _fitted(open_kept(data), cell)
        place = left + (cell - image.width) // 2, top + (cell - image.height) // 2
        sheet.paste(image, place)
        _badge(sheet, f"#{number}", place, cell)
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def _fitted(image: Image.Image, cell: int) -> Image.Image:
    scale = min(cell / image.width, cell / image.height)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image if size == image.size else image.resize(size, Image.Resampling.BICUBIC)


def _badge(sheet: Image.Image, text: str, place: tuple[int, int], cell: int) -> None:
    """The number in the picture's corner, legible on whatever is drawn there, and where a phone shows it small."""
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(cell / 8)
    pad = cell // 32
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    x, y = place[0] + pad, place[1] + pad
    box = (x, y, x + right - left + 2 * pad, y + bottom - top + 2 * pad)
    draw.rounded_rectangle(box, radius=pad, fill=BADGE, outline=INK, width=max(1, cell // 200))
    draw.text((x + pad - left, y + pad - top), text, font=font, fill=INK)
