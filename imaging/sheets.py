"""Sheets: pictures side by side in one, with their numbers on them, or with captions under them."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from imaging.errors import BadPicture
from imaging.lettering import fitted, write
from imaging.outputs import open_kept, posted_size

CELL = 480
"""Side of a picture's place, pixels: what chats still show without cutting, times five."""
GAP = 12
PAPER = (250, 249, 246)
BADGE, INK = (24, 24, 28), (255, 255, 255)
IN_ONE_ROW = 3
SMALL_GAP, CAPTION, LETTERS = 8, 20, 13
TEXT = (40, 40, 44)


def columns_of(count: int) -> int:
    """How many stand in a row: up to three in one, all others in two rows."""
    return count if count <= IN_ONE_ROW else -(-count // 2)


def numbered_sheet(pictures: Sequence[tuple[int, bytes]], cell: int = CELL) -> bytes:
    """Files of ours with their numbers on them → one PNG.

    Raises:
        BadPicture: one of the files is not a picture, or there are none.
    """
    sheet, places = _laid_out([data for _, data in pictures], columns_of(len(pictures)), cell, GAP)
    for (number, _), place in zip(pictures, places, strict=True):
        _badge(sheet, f"#{number}", place, cell)
    return _png(sheet)


def contact_sheet(pictures: Sequence[tuple[str, bytes]], columns: int | None = None, cell: int = 256) -> bytes:
    """Files of ours with a caption under each → one PNG.

    Args:
        columns: Pictures a row; the squarest grid if None.
        cell: Longest side of one picture, pixels.

    Raises:
        BadPicture: one of the files is not a picture, or there are none.
    """
    wanted = columns or math.ceil(math.sqrt(len(pictures)))
    sheet, places = _laid_out([data for _, data in pictures], wanted, cell, SMALL_GAP, below=CAPTION)
    draw = ImageDraw.Draw(sheet)
    for at, (caption, _) in enumerate(pictures):
        left, top = _corner(at, _columns(wanted, len(places)), cell, SMALL_GAP, CAPTION)
        write(draw, (left, top + cell + CAPTION - 4), fitted(caption, cell, LETTERS), LETTERS, TEXT)
    return _png(sheet)


def compare_pair(parent: bytes, child: bytes, labels: tuple[str, str] = ("before", "after")) -> bytes:
    """Two pictures side by side, at the height of the taller as a chat posts it, as PNG.

    Raises:
        BadPicture: one of the files is not a picture.
    """
    height = max(posted_size(*open_kept(data).size)[1] for data in (parent, child))
    return contact_sheet([(labels[0], parent), (labels[1], child)], columns=2, cell=max(96, min(height, 1024)))


def _columns(wanted: int, count: int) -> int:
    return max(1, min(wanted, count))


def _corner(at: int, columns: int, cell: int, gap: int, below: int) -> tuple[int, int]:
    return gap + at % columns * (cell + gap), gap + at // columns * (cell + below + gap)


def _laid_out(
    files: Sequence[bytes], columns: int, cell: int, gap: int, below: int = 0
) -> tuple[Image.Image, list[tuple[int, int]]]:
    """Pictures in a grid, each in the middle of its place, with `below` pixels under it; and where each begins."""
    if not files:
        raise BadPicture("There are no pictures for a sheet.")
    columns = _columns(columns, len(files))
    rows = -(-len(files) // columns)
    sheet = Image.new("RGB", (columns * (cell + gap) + gap, rows * (cell + below + gap) + gap), PAPER)
    places = []
    for at, data in enumerate(files):
        left, top = _corner(at, columns, cell, gap, below)
        image = _scaled(open_kept(data), cell)
        places.append((left + (cell - image.width) // 2, top + (cell - image.height) // 2))
        sheet.paste(image, places[-1])
    return sheet, places


def _png(sheet: Image.Image) -> bytes:
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def _scaled(image: Image.Image, cell: int) -> Image.Image:
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
