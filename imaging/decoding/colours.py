"""Whatever numbers a picture holds, as eight bits of sRGB on white."""

from __future__ import annotations

import io
import math

from PIL import Image, ImageCms, ImageOps

from imaging.errors import BadPicture

_PHOTOMETRIC = 262
"""TIFF's tag of how grey is meant."""


def white_is_zero(opened: Image.Image) -> bool:
    """Whether a TIFF means its grey so; Pillow heeds it in eight bits only."""
    tags = getattr(opened, "tag_v2", {})
    return tags.get(_PHOTOMETRIC) == 0 and (opened.mode.startswith("I") or opened.mode == "F")


def eight_bits(image: Image.Image, *, inverted: bool = False) -> Image.Image:
    """A mode that can be resized and has a colour for every number: L, LA, RGB, RGBA, CMYK or LAB.

    Args:
        inverted: Grey in more than eight bits has its white at zero.

    Raises:
        BadPicture: pixels that are no numbers.
    """
    if image.mode.startswith("I") or image.mode == "F":
        return ImageOps.invert(_grey(image)) if inverted else _grey(image)
    if "transparency" in image.info:
        return image.convert("RGBA")
    if image.mode in ("PA", "La", "RGBa"):
        return image.convert("RGBA")
    return image if image.mode in ("L", "LA", "RGB", "RGBA", "CMYK", "LAB") else image.convert("RGB")


def _grey(image: Image.Image) -> Image.Image:
    """Grey in 16 or 32 bits or as floats, scaled by the range that its numbers use."""
    numbers = image if image.mode == "F" else image.convert("I").convert("F")
    low, high = numbers.getextrema()
    assert not isinstance(low, tuple)
    assert not isinstance(high, tuple)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise BadPicture("The picture holds values that are no numbers; please save it as PNG or JPEG and send that.")
    most = _range(image.mode, high)
    least = min(low, 0.0)
    scale = 255.0 / ((most - least) or 1.0)
    grey = numbers.point(lambda value: value * scale - least * scale + 0.5).convert("L")
    grey.info = dict(image.info)
    return grey


def _range(mode: str, high: float) -> float:
    """What stands for white."""
    if mode.startswith("I;16"):
        return 65535.0
    usual = (1.0, 255.0, 65535.0) if mode == "F" else (255.0, 65535.0)
    return next((most for most in usual if high <= most), high)


def as_rgb(image: Image.Image, *, clear: bool = False) -> Image.Image:
    """sRGB, by the picture's own profile where it has one that fits; transparency laid on white, or kept with `clear`
    (RGBA)."""
    image = _profiled(image)
    if image.mode not in ("RGBA", "LA"):
        return image.convert("RGB")
    shown = image.convert("RGBA")
    if clear:
        return shown
    paper = Image.new("RGBA", shown.size, "white")
    return Image.alpha_composite(paper, shown).convert("RGB")


def _profiled(image: Image.Image) -> Image.Image:
    """In sRGB, as far as its profile can be applied; a broken one, or another space's, changes nothing."""
    embedded = image.info.get("icc_profile")
    if image.mode != "LAB" and not embedded:
        return image
    try:
        if image.mode == "LAB":
            profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        else:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(embedded or b""))
            if "sRGB" in ImageCms.getProfileDescription(profile):
                return image
        clear = image.mode in ("RGBA", "LA")
        alpha = image.getchannel("A") if clear else None
        bare = image.convert("RGB" if image.mode == "RGBA" else "L") if clear else image
        made = ImageCms.profileToProfile(
            bare, profile, ImageCms.createProfile("sRGB"), ImageCms.Intent.RELATIVE_COLORIMETRIC, "RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    assert made is not None
    if alpha is not None:
        made.putalpha(alpha)
    return made
