"""Words drawn into pictures, in whatever script they are written: each run of a script with a font that has it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import util
from pathlib import Path
from typing import TypeAlias

from PIL import ImageDraw, ImageFont

Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont
LONGEST = 200
"""Characters of a line; nobody reads more below a picture."""
WEIGHT = 400
_NOTO, _CJK = "manimgx_fonts", ("manimgx_fonts_cjk", "NotoSansCJK-VF.otf.ttc")
_FONTS: tuple[tuple[str, str, str, int], ...] = (
    # characters, package, file, and which font of a collection
    ("\u1100-\u11ff\u3130-\u318f\uac00-\ud7af", *_CJK, 1),
    ("\u3040-\u30ff", *_CJK, 0),
    ("\u2e80-\u303f\u31c0-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff", *_CJK, 2),
    ("\u0590-\u05ff", _NOTO, "NotoSansHebrew[wght].ttf", 0),
    ("\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufeff", _NOTO, "NotoSansArabic[wght].ttf", 0),
    ("\u0900-\u097f", _NOTO, "NotoSansDevanagari[wght].ttf", 0),
    ("\u0e00-\u0e7f", _NOTO, "NotoSansThai[wght].ttf", 0),
    ("\u2600-\u27bf\U0001f000-\U0001faff", _NOTO, "NotoEmoji[wght].ttf", 0),
)
_OTHERS = (_NOTO, "NotoSans[wght].ttf", 0)
_RUNS = re.compile("|".join(rf"([{signs}](?:[{signs}\s\u200d\ufe0f]*[{signs}\u200d\ufe0f])?)" for signs, *_ in _FONTS))


@lru_cache(maxsize=64)
def _font(package: str, file: str, index: int, size: float) -> Font:
    found = util.find_spec(package)
    if found is None or not found.origin:
        return ImageFont.load_default(size)
    try:
        font = ImageFont.truetype(str(Path(found.origin).parent / file), size, index=index)
        font.set_variation_by_axes([WEIGHT])  # the files have all weights, and begin at the thinnest
    except (OSError, NotImplementedError):
        return ImageFont.load_default(size)
    return font


def _runs(text: str, size: float) -> Iterator[tuple[Font, str]]:
    at = 0
    for match in _RUNS.finditer(text):
        if match.start() > at:
            yield _font(*_OTHERS, size), text[at : match.start()]
        _, package, file, index = _FONTS[(match.lastindex or 1) - 1]
        yield _font(package, file, index, size), match[0]
        at = match.end()
    if at < len(text):
        yield _font(*_OTHERS, size), text[at:]


def length(text: str, size: float) -> float:
    """Pixels of a line."""
    return sum(font.getlength(run) for font, run in _runs(text, size))


def fitted(text: str, width: int, size: float) -> str:
    """One line, cut with an ellipsis to so many pixels."""
    line = " ".join(text.split())[:LONGEST]
    if length(line, size) <= width:
        return line
    while line and length(line + "…", size) > width:
        line = line[:-1]
    return line + "…"


def write(draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, size: float, ink: tuple[int, ...]) -> None:
    """A line whose letters stand on one height, `place` being the left end of what they stand on."""
    left, base = place
    for font, run in _runs(text, size):
        anchor = "ls" if isinstance(font, ImageFont.FreeTypeFont) else "la"  # Pillow's own knows no other
        draw.text((left, base), run, fill=ink, font=font, anchor=anchor)
        left += font.getlength(run)
