"""The judge: reads a picture of the miniature world back into words, by matching it against true renders only.

Analysis by synthesis. First the background that fits the most pixels; then, at every place where the world puts
things, how much of the remaining squared error each sprite (thing × art set × mirrored × tint) explains when composited
there. The best explanation wins. No model output was used to make it; `true_renders` measures it on fresh scenes.
"""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from measure.mini import backgrounds, sprites, world
from measure.mini.world import PIXELS, SIZE, Size

Floats = NDArray[np.float32]

_HALF = 2
"""Matching is done at half the resolution."""
_MISFIT = 0.03
"""A pixel's squared error counts no more than this for a background: something stands in front of it there."""


@dataclass(frozen=True, slots=True)
class Template:
    """A sprite that the judge knows."""

    thing: str
    colour: str
    art_set: str
    mirrored: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing as the judge sees it, at its top left pixel; `gain` is the squared error that it explains."""

    thing: str
    colour: str
    art_set: str
    mirrored: bool
    place: str
    size: Size
    x: int
    y: int
    gain: float


@dataclass(frozen=True, slots=True)
class Reading:
    """A picture read back: its background, the single best thing, and the best in each half."""

    background: str
    time: str
    sky: str
    mirrored: bool
    """The landscape's, not the things'."""
    best: Seen
    left: Seen
    right: Seen


def _shrink(image: NDArray[np.float32], by: int) -> Floats:
    h, w, c = image.shape
    return image.reshape(h // by, by, w // by, by, c).mean((1, 3)).astype(np.float32)


@functools.cache
def _backgrounds() -> tuple[list[tuple[str, str, str, bool]], Floats, Floats]:
    """Every background: its name, at a quarter of the resolution flat, and at half."""
    names = [
        (place, time, sky, mirrored)
        for place in backgrounds.BACKGROUNDS
        for time in backgrounds.times(place)
        for sky, mirrored in backgrounds.variants(place, time)
    ]
    full = [backgrounds.background(*name) / np.float32(255) for name in names]
    quarter = np.stack([_shrink(image, 4).reshape(-1, 3) for image in full])
    half = np.stack([_shrink(image, _HALF) for image in full])
    return names, quarter, half


@functools.cache
def natural_colour(thing: str, art_set: str) -> str:
    """The named tint that an untinted sprite looks most like."""

    def mean(colour: str | None) -> Floats:
        drawn = sprites.sprite(thing, art_set, 48, colour)
        total: Floats = drawn[..., :3].sum((0, 1)) / drawn[..., 3].sum()
        return total

    plain = mean(None)
    return min(sprites.TINTS, key=lambda colour: float(((mean(colour) - plain) ** 2).sum()))


@functools.cache
def _templates(size: Size) -> tuple[list[Template], Floats, Floats]:
    """Every template, the matching matrix `[features, templates]` and each template's own energy."""
    names: list[Template] = []
    columns, energies = [], []
    for thing in world.THINGS:
        tints: list[str | None] = [None, *(sprites.TINTS if thing in sprites.TINTABLE else ())]
        for art_set in sprites.SETS:
            for colour in tints:
                for mirrored in (False, True):
                    drawn = sprites.sprite(thing, art_set, PIXELS[size], colour, mirrored)
                    small = _shrink(drawn, _HALF)
                    ink, alpha = small[..., :3] / 255, np.repeat(small[..., 3:], 3, -1)
                    columns.append(np.concatenate([a.ravel() for a in (ink, alpha, ink * alpha, alpha * alpha)]))
                    energies.append(float((ink * ink).sum()))
                    named = thing in sprites.TINTABLE
                    shown = colour or (natural_colour(thing, art_set) if named else "")
                    names.append(Template(thing, shown, art_set, mirrored))
    return names, np.stack(columns, 1).astype(np.float32), np.asarray(energies, np.float32)


def _spots(size: Size) -> list[tuple[int, int]]:
    xs = sorted({x for (s, _), choices in world.XS.items() if s == size for x in choices})
    ys = sorted({*world.GROUND_YS[size], *world.AIR_YS[size], *world.FREE_YS[size]})
    return [(x, y) for x in xs for y in ys]


def _place(x: int, size: Size) -> str:
    middle = x + PIXELS[size] / 2
    return "left" if middle < SIZE / 2 - 4 else "right" if middle > SIZE / 2 + 4 else "center"


def _things(picture: Floats, behind: Floats, size: Size) -> list[Seen]:
    """The best thing of this size at every spot of a half-size picture 0–1, given its background."""
    names, matrix, energy = _templates(size)
    spots, side = _spots(size), PIXELS[size] // _HALF
    features = []
    for x, y in spots:
        window = np.s_[y // _HALF : y // _HALF + side, x // _HALF : x // _HALF + side]
        b = behind[window]
        d = picture[window] - b
        features.append(np.concatenate([a.ravel() for a in (2 * d, -2 * d * b, 2 * b, -b * b)]))
    # gain = |d|² − |d − (ink − alpha·b)|², linear in the four features
    gains = np.stack(features) @ matrix - energy
    seen = []
    for (x, y), row in zip(spots, gains, strict=True):
        at = int(row.argmax())
        it = names[at]
        place = _place(x, size)
        seen.append(Seen(it.thing, it.colour, it.art_set, it.mirrored, place, size, x, y, float(row[at])))
    return seen


def read(picture: NDArray[np.uint8]) -> Reading:
    """Read one picture `[SIZE, SIZE, 3]`."""
    names, quarter, half = _backgrounds()
    full: Floats = picture.astype(np.float32) / np.float32(255)
    errors = ((quarter - _shrink(full, 4).reshape(-1, 3)) ** 2).sum(-1)
    at = int(np.minimum(errors, _MISFIT).sum(1).argmin())
    place, time, sky, mirrored = names[at]
    small_picture = _shrink(full, _HALF)
    small = _things(small_picture, half[at], "small")
    big = _things(small_picture, half[at], "big")

    def best(seen: list[Seen]) -> Seen:
        return max(seen, key=lambda it: it.gain)

    return Reading(
        place,
        time,
        sky,
        mirrored,
        best([*small, *big]),
        best([it for it in (*small, *big) if it.place == "left"]),
        best([it for it in (*small, *big) if it.place == "right"]),
    )


def true_renders(n: int = 200, seed: int = 11) -> float:
    """Share of fresh true scenes that the judge reads wholly right: background, time, things, sides, colours."""
    rng = random.Random(seed)
    right = total = 0
    while total < n:
        scene = world.random_scene(rng, two=0.4, held_out=True)
        if not scene.figures:
            continue
        total += 1
        seen = read(world.draw(scene))
        pairs = zip(scene.figures, (seen.left, seen.right), strict=False)
        if len(scene.figures) == 1:
            pairs = zip(scene.figures, (seen.best,), strict=True)
        right += (seen.background, seen.time) == (scene.background, scene.time) and all(
            saw.thing == it.thing and saw.place == it.place and (it.colour is None or saw.colour == it.colour)
            for it, saw in pairs
        )
    return right / total
