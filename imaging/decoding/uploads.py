"""Pictures that people bring: checked, turned the right way up, and stripped of everything but pixels.

This is the work itself; the program has it done in a process of its own (`imaging.decoding.pool`).
"""

from __future__ import annotations

import io
import struct
import warnings

from pi_heif import register_heif_opener
from PIL import Image, ImageOps, UnidentifiedImageError

from imaging.decoding.colours import as_rgb, eight_bits, white_is_zero
from imaging.decoding.scan import BROKEN, Scanned, check_size, known, scan
from imaging.errors import BadPicture
from imaging.model import CleanUpload

MAX_BYTES = 32 * 1024 * 1024
KEPT_SIDE = 2048
"""Longest side kept, pixels."""
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
UNUSUAL = (
    "The picture is cut off, or holds its pixels in a form that is not read here; "
    "please save it as PNG or JPEG and send that."
)

register_heif_opener(thumbnails=False)


def read_upload(data: bytes, kept_side: int = KEPT_SIDE, *, clear: bool = False) -> CleanUpload:
    """Check an uploaded file and make it ours.

    The first frame of an animation is taken, EXIF rotation is applied, transparency is laid on
    white, every colour space becomes sRGB, and location and all other metadata are dropped.

    Args:
        data: The file.
        kept_side: Longest side of the result, pixels.
        clear: Transparency stays (RGBA) where there is some.

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
            # Of sizes, which are checked below, and of damaged metadata, which is left out.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(scanned.data), formats=FORMATS) as opened:
                check_size(*opened.size)
                return _clean(opened, scanned, kept_side, clear=clear)
    except Image.DecompressionBombError as error:
        raise BadPicture("The picture has far too many pixels; please send a smaller one.") from error
    except UnidentifiedImageError as error:
        raise BadPicture(UNUSUAL if known(data) else BROKEN) from error
    except (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, SyntaxError, TypeError, ValueError,
            EOFError, struct.error) as error:  # fmt: skip
        raise BadPicture(BROKEN) from error


def _clean(opened: Image.Image, scanned: Scanned, kept_side: int, *, clear: bool) -> CleanUpload:
    notes = []
    if scanned.animated:
        notes.append("The first frame of the animation is used.")
    large = max(opened.size) > kept_side
    opened.draft(None, (kept_side, kept_side))  # a JPEG is decoded at a half or less, where that is large enough
    opened.load()
    image = eight_bits(_upright(opened), inverted=white_is_zero(opened))
    if large:
        image.thumbnail((kept_side, kept_side), Image.Resampling.LANCZOS)
        notes.append(f"The picture was made smaller, to {image.width} × {image.height} pixels.")
    image = as_rgb(image, clear=clear)
    # A copy of the bare pixels: nothing of `info` (EXIF, location, profiles, comments) can come along.
    bare = Image.frombytes(image.mode, image.size, image.tobytes())
    out = io.BytesIO()
    bare.save(out, "PNG")
    return CleanUpload(out.getvalue(), bare.width, bare.height, tuple(notes))


def _upright(image: Image.Image) -> Image.Image:
    """As the camera said; what it said unreadably turns nothing."""
    try:
        return ImageOps.exif_transpose(image)
    except (SyntaxError, ValueError, TypeError, KeyError, OSError, struct.error):
        return image
