"""Pictures that people bring: checked, turned the right way up, and stripped of everything but pixels.

This is the work itself; the program has it done in a process of its own (`imaging.decoding.pool`).
"""

from __future__ import annotations

import io
import warnings

from PIL import Image, ImageOps

from imaging.decoding.scan import BROKEN, Scanned, check_size, scan
from imaging.errors import BadPicture
from imaging.model import CleanUpload

MAX_BYTES = 32 * 1024 * 1024
KEPT_SIDE = 2048
"""Longest side kept, pixels."""
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")


def read_upload(data: bytes, kept_side: int = KEPT_SIDE) -> CleanUpload:
    """Check an uploaded file and make it ours.

    The first frame of an animation is taken, EXIF rotation is applied, transparency is laid on
    white, CMYK and the like become RGB, and location and all other metadata are dropped.

    Args:
        data: The file.
        kept_side: Longest side of the result, pixels.

    Raises:
        BadPicture: one sentence that says what is wrong with the file.
    """
    if not data:
        raise BadPicture("The file is empty.")
    if len(data) > MAX_BYTES:
        raise BadPicture(f"The file is larger than {MAX_BYTES // (1024 * 1024)} MB; please send a smaller one.")
    scanned = scan(data)
    try:
        with warnings.catch_warnings():
            # The size is checked below, before decoding; Pillow's own threshold only warns.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(scanned.data), formats=FORMATS) as opened:
                check_size(*opened.size)
                return _clean(opened, scanned, kept_side)
    except Image.DecompressionBombError as error:
        raise BadPicture("The picture has far too many pixels; please send a smaller one.") from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, OverflowError, TypeError) as error:
        raise BadPicture(BROKEN) from error


def _clean(opened: Image.Image, scanned: Scanned, kept_side: int) -> CleanUpload:
    notes = []
    if scanned.animated or getattr(opened, "is_animated", False):
        opened.seek(0)
        notes.append("The first frame of the animation is used.")
    opened.load()
    image = ImageOps.exif_transpose(opened)
    large = max(image.size) > kept_side
    image = _on_white(_small(image, kept_side))
    if large:
        notes.append(f"The picture was made smaller, to {image.width} × {image.height} pixels.")
    # A copy of the bare pixels: nothing of `info` (EXIF, location, profiles, comments) can come along.
    bare = Image.frombytes("RGB", image.size, image.tobytes())
    out = io.BytesIO()
    bare.save(out, "PNG")
    return CleanUpload(out.getvalue(), bare.width, bare.height, tuple(notes))


def _small(image: Image.Image, side: int) -> Image.Image:
    """At most so large; colours that are numbers of a palette become colours first."""
    if image.mode.startswith("I;16"):
        image = image.point(lambda value: value / 256).convert("L")
    if "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode not in ("RGB", "RGBA", "LA", "L"):
        image = image.convert("RGBA" if image.mode in ("PA", "La", "RGBa") else "RGB")
    if max(image.size) > side:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return image


def _on_white(image: Image.Image) -> Image.Image:
    """RGB, transparency laid on white."""
    if image.mode not in ("RGBA", "LA"):
        return image.convert("RGB")
    clear = image.convert("RGBA")
    paper = Image.new("RGBA", clear.size, "white")
    return Image.alpha_composite(paper, clear).convert("RGB")
