"""Picture files that leave the program: PNGs that carry their recipe, previews, smaller copies, sheets."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from imaging.decoding.scan import MAX_SIDE, is_png, known, png_pixels, png_text
from imaging.errors import BadPicture
from imaging.model import Recipe

__all__ = [
    "RECIPE_KEY",
    "as_jpeg",
    "compare_pair",
    "contact_sheet",
    "encode_picture",
    "enlarged",
    "for_document",
    "open_kept",
    "posted_size",
    "preview_bytes",
    "read_recipe",
    "shrink_to",
    "smaller",
    "thumbnail",
    "with_recipe",
]

RECIPE_KEY = "easel.recipe"
"""The iTXt keyword under which a PNG of ours carries its recipe as JSON."""
PREVIEW_SIDE = 256
"""Longest side of a preview, pixels."""
SMALL_SIDE = 512
"""Chats show a picture whose sides are shorter as a stamp, so it is posted …"""
TIMES = 4
"""… so many times as large."""
THUMBNAIL_SIDE = 512
"""Longest side of a picture in a list of many, pixels."""
THUMBNAIL_BYTES = 64_000
"""Of its file, at most."""
MAX_RECIPE_BYTES = 1 << 20
MAX_KEPT_PIXELS = 64_000_000
"""Of a sheet; pictures are smaller."""
NO_PICTURE = "This file is not a picture that can be opened."
_GAP = 8
_CAPTION = 18
_PAPER = (250, 249, 246)
_INK = (40, 40, 44)


def encode_picture(image: Image.Image, recipe: Recipe) -> bytes:
    """A PNG with the recipe inside; the same image and recipe give the same bytes."""
    info = PngImagePlugin.PngInfo()
    info.add_itxt(RECIPE_KEY, json.dumps(recipe.to_json(), ensure_ascii=False, sort_keys=True))
    out = io.BytesIO()
    image.convert("RGB").save(out, "PNG", pnginfo=info, compress_level=6)
    return out.getvalue()


def with_recipe(data: bytes, recipe: Recipe) -> bytes:
    """The same pixels with another recipe inside, as PNG.

    Raises:
        BadPicture: not a picture.
    """
    return encode_picture(open_kept(data), recipe)


def read_recipe(data: bytes) -> Recipe:
    """The recipe inside a PNG of ours.

    Raises:
        BadPicture: not a picture, no recipe in it, or one that cannot be read; one sentence.
    """
    if not known(data):
        raise BadPicture(NO_PICTURE)
    try:
        text = png_text(data, RECIPE_KEY, MAX_RECIPE_BYTES)
    except ValueError as error:
        raise BadPicture("The recipe in this picture is too long to be one of ours.") from error
    if text is None:
        raise BadPicture("This picture carries no recipe; only PNG files made here do.")
    try:
        return Recipe.from_json(json.loads(text))
    except (ValueError, RecursionError) as error:
        detail = "" if isinstance(error, json.JSONDecodeError | RecursionError) else f" {error}"
        raise BadPicture(f"The recipe in this picture cannot be read.{detail}") from error


def preview_bytes(image: Image.Image, side: int = PREVIEW_SIDE) -> bytes:
    """A small JPEG; pictures smaller than `side` keep their size. WebP is half as large and takes eight times as long,
    which pictures of a small model would feel."""
    small = image.convert("RGB")
    small.thumbnail((side, side))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=75)
    return out.getvalue()


def posted_size(width: int, height: int) -> tuple[int, int]:
    """Pixels of the copy that a chat posts of a picture."""
    times = TIMES if max(width, height) < SMALL_SIDE else 1
    return width * times, height * times


def enlarged(image: Image.Image) -> Image.Image:
    """A picture as a chat posts it. Bicubic: single pixels become no stairs, and edges get less of a halo than by
    Lanczos, whose sharper details nobody sees at this size."""
    size = posted_size(*image.size)
    return image if size == image.size else image.resize(size, Image.Resampling.BICUBIC)


def thumbnail(data: bytes, side: int = THUMBNAIL_SIDE) -> bytes:
    """A PNG of at most `side` pixels, without its recipe.

    Raises:
        BadPicture: not a picture.
    """
    image = open_kept(data)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=2)
    return out.getvalue()


def shrink_to(data: bytes, max_bytes: int) -> tuple[bytes, str]:
    """A copy of a picture file of ours that fits an upload limit, and its media type.

    Files that fit already come back as they are. Quality falls before size does.

    Raises:
        BadPicture: not a picture, or a limit that no picture fits.
    """
    if len(data) <= max_bytes and is_png(data):
        return data, "image/png"
    return smaller(open_kept(data), max_bytes)


def smaller(image: Image.Image, max_bytes: int, xmp: bytes = b"") -> tuple[bytes, str]:
    """The picture as WebP or JPEG of at most so many bytes, with an XMP packet where one is given, and its media type.

    Raises:
        BadPicture: a limit that no picture fits.
    """
    more = {"xmp": xmp} if xmp else {}
    while min(image.size) >= 16:
        for kind, quality in (("WEBP", 90), ("JPEG", 85), ("WEBP", 70), ("JPEG", 60)):
            out = io.BytesIO()
            image.save(out, kind, quality=quality, **more)
            if out.tell() <= max_bytes:
                return out.getvalue(), f"image/{kind.lower()}"
        image = image.resize((max(1, image.width * 3 // 4), max(1, image.height * 3 // 4)), Image.Resampling.LANCZOS)
    raise BadPicture(f"The picture cannot be made smaller than {max_bytes} bytes.")


def for_document(image: Image.Image, side: int) -> Image.Image:
    """The picture with a longest side of at most so many pixels; a smaller one as it is."""
    small = image.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return small


def as_jpeg(image: Image.Image, xmp: bytes = b"") -> bytes:
    """RGB pixels as every program that shows documents opens them, with an XMP packet where one is given."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85, **({"xmp": xmp} if xmp else {}))
    return out.getvalue()


def contact_sheet(pictures: Sequence[tuple[str, bytes]], columns: int | None = None, cell: int = 256) -> bytes:
    """Pictures in a grid with a caption under each, as PNG.

    Args:
        pictures: (caption, picture file) pairs.
        columns: Pictures a row; the squarest grid if None.
        cell: Longest side of one picture, pixels.

    Raises:
        BadPicture: one of the files is not a picture, or there are none.
    """
    if not pictures:
        raise BadPicture("There are no pictures for a sheet.")
    columns = columns or math.ceil(math.sqrt(len(pictures)))
    columns = max(1, min(columns, len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    step_x, step_y = cell + _GAP, cell + _CAPTION + _GAP
    sheet = Image.new("RGB", (columns * step_x + _GAP, rows * step_y + _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(12)
    for index, (caption, data) in enumerate(pictures):
        left, top = _GAP + index % columns * step_x, _GAP + index // columns * step_y
        image = open_kept(data)
        scale = min(cell / image.width, cell / image.height)
        image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
        sheet.paste(image, (left + (cell - image.width) // 2, top + (cell - image.height) // 2))
        draw.text((left, top + cell + 2), _fitted(draw, caption, cell, font), fill=_INK, font=font)
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def compare_pair(parent: bytes, child: bytes, labels: tuple[str, str] = ("before", "after")) -> bytes:
    """Two pictures side by side, at the height of the taller as a chat posts it, as PNG.

    Raises:
        BadPicture: one of the files is not a picture.
    """
    height = max(posted_size(*open_kept(data).size)[1] for data in (parent, child))
    return contact_sheet([(labels[0], parent), (labels[1], child)], columns=2, cell=max(96, min(height, 1024)))


def open_kept(data: bytes) -> Image.Image:
    """RGB pixels of a file that the program made and keeps: a PNG, which costs no more than its pixels.

    What comes from outside goes through `imaging.decoding.pool` first.

    Raises:
        BadPicture: it is no such file; a folder or a backup may hold what somebody put there.
    """
    try:
        with Image.open(io.BytesIO(png_pixels(data)), formats=("PNG",)) as image:
            if max(image.size) > MAX_SIDE or image.width * image.height > MAX_KEPT_PIXELS:
                raise BadPicture("The picture has far too many pixels to be one of ours.")
            return image.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadPicture(NO_PICTURE) from error


def _fitted(
    draw: ImageDraw.ImageDraw, text: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont
) -> str:
    """The caption, cut with an ellipsis to the width of its picture."""
    text = " ".join(text.split())[:200]
    if draw.textlength(text, font=font) <= width:
        return text
    while text and draw.textlength(text + "…", font=font) > width:
        text = text[:-1]
    return text + "…"
