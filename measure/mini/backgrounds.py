"""Backgrounds of the miniature world: plain colours and drawn places, by day, by night and at sunset.

Everything is drawn with flat shapes at four times the size and shrunk, so that edges are smooth. What a caption leaves
unsaid varies here too: where the sun or the moon stands, clouds, and which way round the landscape lies.
"""

from __future__ import annotations

import functools
import random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Floats = NDArray[np.float32]
Colour = tuple[int, int, int]

SIZE = 128
"""Side of a picture in pixels."""
_S = 4
HORIZON = 80

PLAIN: dict[str, Colour] = {
    "white": (248, 248, 248),
    "black": (28, 28, 34),
    "gray": (150, 152, 158),
    "red": (214, 62, 62),
    "blue": (72, 122, 226),
    "green": (84, 172, 92),
    "yellow": (248, 214, 84),
    "pink": (246, 162, 192),
}
OUTDOOR = ("meadow", "beach", "sea", "snow", "desert", "city", "forest", "mountains")
INDOOR = ("room", "space")
BACKGROUNDS = (*PLAIN, *OUTDOOR, *INDOOR)
TIMES = ("day", "night", "sunset")

DAY_SKIES = ("clear", "sun left", "sun right", "clouds", "clouds and sun")
NIGHT_SKIES = ("stars", "moon left", "moon right")
SUNSET_SKIES = ("low sun left", "low sun right")
SKIES = {"day": DAY_SKIES, "night": NIGHT_SKIES, "sunset": SUNSET_SKIES}

_SKY: dict[str, tuple[Colour, Colour]] = {
    "day": ((120, 194, 248), (208, 236, 253)),
    "night": ((16, 20, 62), (54, 58, 118)),
    "sunset": ((120, 74, 150), (253, 172, 98)),
}
_GRADE: dict[str, tuple[float, float, float]] = {
    "day": (1, 1, 1),
    "night": (0.34, 0.38, 0.58),
    "sunset": (0.95, 0.72, 0.66),
}


def _blend(top: Colour, bottom: Colour, rows: int) -> Floats:
    t = np.linspace(0, 1, rows, dtype=np.float32)[:, None, None]
    mixed = np.asarray(top, np.float32) * (1 - t) + np.asarray(bottom, np.float32) * t
    return np.repeat(mixed, SIZE * _S, axis=1)


class _Canvas:
    """A picture four times too large, addressed in final pixels."""

    def __init__(self, top: Colour, bottom: Colour) -> None:
        self.image = Image.fromarray(_blend(top, bottom, SIZE * _S).astype(np.uint8))
        self.pen = ImageDraw.Draw(self.image)

    def band(self, y: int, top: Colour, bottom: Colour, until: int = SIZE) -> None:
        band = _blend(top, bottom, (until - y) * _S).astype(np.uint8)
        self.image.paste(Image.fromarray(band), (0, y * _S))

    def circle(self, x: float, y: float, r: float, colour: Colour, ry: float | None = None) -> None:
        ry = r if ry is None else ry
        self.pen.ellipse(((x - r) * _S, (y - ry) * _S, (x + r) * _S, (y + ry) * _S), fill=colour)

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        self.pen.rectangle((x0 * _S, y0 * _S, x1 * _S - 1, y1 * _S - 1), fill=colour)

    def shape(self, points: list[tuple[float, float]], colour: Colour) -> None:
        self.pen.polygon([(x * _S, y * _S) for x, y in points], fill=colour)

    def done(self) -> Floats:
        small = self.image.resize((SIZE, SIZE), Image.Resampling.BOX)
        return np.asarray(small).astype(np.float32)


def _graded(colour: Colour, time: str) -> Colour:
    r, g, b = (round(c * f) for c, f in zip(colour, _GRADE[time], strict=True))
    return r, g, b


def _sky(canvas: _Canvas, sky: str) -> None:
    if sky == "stars" or "moon" in sky:
        for x, y in ((12, 12), (40, 28), (68, 12), (92, 36), (116, 20), (28, 52), (76, 60), (108, 60), (52, 44)):
            canvas.circle(x, y, 1.2, (255, 250, 214))
    side = 20 if "left" in sky else 108
    if "moon" in sky:
        canvas.circle(side, 20, 11, (250, 240, 190))
        canvas.circle(side + 5, 17, 9, (26, 30, 74))
    elif "low sun" in sky:
        canvas.circle(side, 64, 14, (255, 226, 130))
    elif "sun" in sky:
        canvas.circle(side if sky != "clouds and sun" else 20, 20, 12, (255, 222, 80))
    if "clouds" in sky:
        for x, y in ((48, 20), (104, 36)) if sky == "clouds and sun" else ((28, 28), (88, 16)):
            for dx, dy, r in ((-11, 3, 6), (0, 0, 9), (11, 3, 6)):
                canvas.circle(x + dx, y + dy, r, (255, 255, 255))
            canvas.box(x - 11, y + 3, x + 11, y + 9, (255, 255, 255))


def _land(canvas: _Canvas, place: str, time: str) -> None:
    def g(colour: Colour) -> Colour:
        return _graded(colour, time)

    if place == "meadow":
        canvas.circle(28, 96, 52, g((130, 204, 100)), 26)
        canvas.band(HORIZON, g((116, 194, 82)), g((74, 154, 62)))
        for x, y in ((12, 100), (44, 116), (76, 100), (108, 116), (92, 88), (28, 88)):
            canvas.circle(x, y, 2, g((255, 240, 130)))
    elif place == "beach":
        canvas.band(64, g((66, 166, 224)), g((44, 136, 206)), HORIZON + 8)
        canvas.band(HORIZON + 8, g((248, 224, 164)), g((232, 198, 130)))
    elif place == "sea":
        canvas.band(64, g((48, 142, 214)), g((18, 78, 152)))
        for x, y in ((16, 76), (72, 84), (112, 76), (40, 100), (96, 108), (16, 116)):
            canvas.box(x - 9, y, x + 9, y + 2, g((120, 192, 240)))
    elif place == "snow":
        canvas.shape([(96, 56), (128, 76), (128, 84), (70, 84)], g((226, 236, 246)))
        canvas.band(HORIZON, g((252, 253, 255)), g((224, 234, 246)))
        for x, y in ((12, 44), (36, 72), (60, 44), (84, 68), (116, 48), (20, 100), (56, 116), (100, 100)):
            canvas.circle(x, y, 2, g((255, 255, 255)))
    elif place == "desert":
        canvas.circle(92, 92, 56, g((238, 190, 116)), 24)
        canvas.band(HORIZON, g((230, 174, 100)), g((200, 138, 74)))
    elif place == "city":
        for x, top, width, colour in (
            (0, 40, 20, (122, 132, 156)),
            (22, 56, 18, (156, 148, 160)),
            (42, 28, 20, (104, 116, 146)),
            (64, 48, 22, (142, 152, 172)),
            (88, 36, 18, (116, 124, 150)),
            (108, 52, 20, (150, 142, 156)),
        ):
            canvas.box(x, top, x + width, 100, g(colour))
            lit = (255, 226, 130) if time == "night" else g((222, 236, 248))
            for wy in range(top + 5, 88, 10):
                for wx in range(x + 4, x + width - 4, 7):
                    canvas.box(wx, wy, wx + 3, wy + 4, lit)
        canvas.band(96, g((112, 114, 122)), g((86, 88, 98)))
        for x in range(4, 128, 24):
            canvas.box(x, 110, x + 12, 113, g((240, 240, 232)))
    elif place == "forest":
        for x, top, colour in (
            (8, 20, (52, 122, 72)),
            (34, 36, (66, 140, 80)),
            (60, 24, (48, 114, 68)),
            (86, 36, (66, 140, 80)),
            (114, 20, (52, 122, 72)),
        ):
            canvas.box(x - 3, 72, x + 3, 96, g((110, 78, 54)))
            canvas.shape([(x, top), (x - 17, 80), (x + 17, 80)], g(colour))
        canvas.band(88, g((88, 150, 76)), g((58, 116, 56)))
    elif place == "mountains":
        for x, top, half in ((28, 40, 44), (96, 28, 52)):
            canvas.shape([(x, top), (x - half, 92), (x + half, 92)], g((126, 132, 156)))
            canvas.shape([(x, top), (x - half * 0.3, top + 18), (x + half * 0.3, top + 18)], g((248, 250, 254)))
        canvas.band(88, g((122, 178, 100)), g((86, 146, 78)))


def _inside(place: str) -> Floats:
    if place == "space":
        canvas = _Canvas((14, 12, 34), (34, 22, 70))
        for x, y in ((12, 12), (44, 20), (84, 8), (116, 52), (20, 60), (60, 100), (100, 116), (12, 108), (76, 68)):
            canvas.circle(x, y, 1.4, (255, 255, 255))
        canvas.circle(104, 24, 12, (226, 152, 96))
        canvas.circle(104, 24, 20, (240, 204, 150), 3)
        canvas.circle(104, 21, 10, (226, 152, 96), 7)
        return canvas.done()
    canvas = _Canvas((250, 226, 188), (246, 214, 170))
    canvas.box(16, 16, 56, 56, (255, 255, 255))
    canvas.box(20, 20, 52, 52, (150, 212, 248))
    canvas.box(34, 20, 38, 52, (255, 255, 255))
    canvas.box(88, 20, 116, 44, (150, 100, 64))
    canvas.box(91, 23, 113, 41, (140, 200, 170))
    canvas.band(88, (190, 132, 86), (160, 106, 66))
    canvas.box(0, 88, 128, 91, (238, 240, 240))
    return canvas.done()


@functools.lru_cache(maxsize=1024)
def background(place: str, time: str = "day", sky: str = "clear", mirrored: bool = False) -> Floats:
    """One background, RGB 0–255, `[SIZE, SIZE, 3]`. Plain colours and indoor places ignore `time` and `sky`."""
    if place in PLAIN:
        return np.broadcast_to(np.asarray(PLAIN[place], np.float32), (SIZE, SIZE, 3)).copy()
    if place in INDOOR:
        drawn = _inside(place)
        return drawn[:, ::-1].copy() if mirrored else drawn
    land = _Canvas(*_SKY[time])
    _sky(land, sky)
    _land(land, place, time)
    drawn = land.done()
    if not mirrored:
        return drawn
    # Mirror the landscape but keep the sun where `sky` says it stands: draw with the sun on the other side, then flip.
    other = {"left": "right", "right": "left"}
    swapped = " ".join(other.get(word, word) for word in sky.split())
    if swapped == sky:
        return drawn[:, ::-1].copy()
    return background(place, time, swapped, False)[:, ::-1].copy()


def variants(place: str, time: str) -> list[tuple[str, bool]]:
    """Every (sky, mirrored) that a place has at a time."""
    if place in PLAIN:
        return [("clear", False)]
    if place in INDOOR:
        return [("clear", False), ("clear", True)]
    return [(sky, mirrored) for sky in SKIES[time] for mirrored in (False, True)]


def times(place: str) -> tuple[str, ...]:
    """The times of day that a place has."""
    return TIMES if place in OUTDOOR else ("day",)


def random_variant(rng: random.Random, place: str, time: str) -> tuple[str, bool]:
    """A draw of what captions leave unsaid about a background."""
    return rng.choice(variants(place, time))
