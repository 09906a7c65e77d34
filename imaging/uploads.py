"""Pictures that people bring: checked, turned the right way up, and stripped of everything but pixels."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

from PIL import Image, ImageOps

from imaging.errors import BadPicture

MAX_BYTES = 32 * 1024 * 1024
MAX_SIDE = 16_384
"""Longest side taken, pixels; what is longer is refused before it is decoded."""
MAX_PIXELS = 64_000_000
MIN_SIDE = 8
KEPT_SIDE = 2048
"""Longest side kept, pixels."""
MAX_RATIO = 20
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")


@dataclass(frozen=True, slots=True)
class CleanUpload:
    """A picture that may be stored and shown: an RGB PNG without any metadata."""

    data: bytes
    width: int
    height: int
    notes: tuple[str, ...] = ()
    """What was done to it, one sentence each."""


def read_upload(data: bytes) -> CleanUpload:
    """Check an uploaded file and make it ours.

    The first frame of an animation is taken, EXIF rotation is applied, transparency is laid on
    white, CMYK and the like become RGB, and location and all other metadata are dropped.

    Raises:
        BadPicture: one sentence that says what is wrong with the file.
    """
    if not data:
        raise BadPicture("The file is empty.")
    if len(data) > MAX_BYTES:
        raise BadPicture(f"The file is larger than {MAX_BYTES // (1024 * 1024)} MB; please send a smaller one.")
    try:
        with warnings.catch_warnings():
            # The size is checked below, before decoding; Pillow's own threshold only warns.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
                return _clean(opened)
    except Image.DecompressionBombError as error:
        raise BadPicture("The picture has far too many pixels; please send a smaller one.") from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, OverflowError, TypeError) as error:
        raise BadPicture("The file is not a picture that can be opened, or it is cut off.") from error


def _clean(opened: Image.Image) -> CleanUpload:
    width, height = opened.size
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise BadPicture(
            f"The picture is {width} × {height} pixels; at most {MAX_SIDE} a side and "
            f"{MAX_PIXELS // 1_000_000} million in all are taken."
        )
    if min(width, height) < MIN_SIDE or max(width, height) > MAX_RATIO * min(width, height):
        raise BadPicture(f"The picture is {width} × {height} pixels, which is too small or too narrow to work with.")
    notes = []
    if getattr(opened, "is_animated", False):
        opened.seek(0)
        notes.append("The first frame of the animation is used.")
    image = _upright(opened)
    if max(image.size) > KEPT_SIDE:
        image.thumbnail((KEPT_SIDE, KEPT_SIDE), Image.Resampling.LANCZOS)
        notes.append(f"The picture was made smaller, to {image.width} × {image.height} pixels.")
    # A copy of the bare pixels: nothing of `info` (EXIF, location, profiles, comments) can come along.
    bare = Image.frombytes("RGB", image.size, image.tobytes())
    out = io.BytesIO()
    bare.save(out, "PNG")
    return CleanUpload(out.getvalue(), bare.width, bare.height, tuple(notes))


def _upright(opened: Image.Image) -> Image.Image:
    """RGB pixels, rotated as the camera said, transparency laid on white."""
    opened.load()
    image = ImageOps.exif_transpose(opened)
    if image.mode.startswith("I;16"):
        image = image.point(lambda value: value / 256).convert("L")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        clear = image.convert("RGBA")
        paper = Image.new("RGBA", clear.size, "white")
        return Image.alpha_composite(paper, clear).convert("RGB")
    return image.convert("RGB")
