"""Picture files that leave the program: PNGs that carry their recipe, previews, smaller copies, sheets."""

from __future__ import annotations

import io
import json

from PIL import Image, PngImagePlugin

from imaging.decoding.scan import MAX_SIDE, is_png, known, png_pixels, png_text
from imaging.errors import BadPicture
from imaging.model import Recipe

__all__ = [
    "RECIPE_KEY",
    "as_jpeg",
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


def encode_picture(image: Image.Image, recipe: Recipe) -> bytes:
    """A PNG with the recipe inside; the same image and recipe give the same bytes. Transparency stays where the recipe
    asks for no background."""
    info = PngImagePlugin.PngInfo()
    info.add_itxt(RECIPE_KEY, json.dumps(recipe.to_json(), ensure_ascii=False, sort_keys=True))
    out = io.BytesIO()
    image.convert("RGBA" if recipe.background and is_clear(image) else "RGB").save(
        out, "PNG", pnginfo=info, compress_level=6
    )
    return out.getvalue()


def is_clear(image: Image.Image) -> bool:
    """Whether some of it can be seen through."""
    return image.mode in ("RGBA", "LA") and image.getchannel("A").getextrema() != (255, 255)


def on_white(image: Image.Image) -> Image.Image:
    """RGB pixels of it on white paper."""
    if image.mode not in ("RGBA", "LA", "P"):
        return image.convert("RGB")
    clear = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")


def with_recipe(data: bytes, recipe: Recipe) -> bytes:
    """The same pixels with another recipe inside, as PNG.

    Raises:
        BadPicture: not a picture.
    """
    return encode_picture(open_kept(data, clear=True), recipe)


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
            (image if kind == "WEBP" else on_white(image)).save(out, kind, quality=quality, **more)
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
    """Pixels as every program that shows documents opens them, with an XMP packet where one is given."""
    out = io.BytesIO()
    on_white(image).save(out, "JPEG", quality=85, **({"xmp": xmp} if xmp else {}))
    return out.getvalue()


def open_kept(data: bytes, *, clear: bool = False) -> Image.Image:
    """RGB pixels of a file that the program made and keeps: a PNG, which costs no more than its pixels.

    What is transparent lies on white; with `clear` it stays so (RGBA).

    What comes from outside goes through `imaging.decoding.pool` first.

    Raises:
        BadPicture: it is no such file; a folder or a backup may hold what somebody put there.
    """
    try:
        with Image.open(io.BytesIO(png_pixels(data)), formats=("PNG",)) as image:
            if max(image.size) > MAX_SIDE or image.width * image.height > MAX_KEPT_PIXELS:
                raise BadPicture("The picture has far too many pixels to be one of ours.")
            return image.convert("RGBA") if clear and image.mode == "RGBA" else on_white(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadPicture(NO_PICTURE) from error
