"""Scenes of the miniature world: what there is, where it may stand, and how it is drawn.

A scene is data (`Scene`, `Figure`); `draw` turns it into pixels. Everything stands on a grid (`GRID`), so that a thing
has the same latents wherever it stands. What a caption may leave unsaid (art set, mirroring, hue, size, place, weather,
sometimes the background) is drawn at random by `random_scene`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from measure.mini import backgrounds, sprites
from measure.mini.backgrounds import BACKGROUNDS, INDOOR, OUTDOOR, PLAIN, SIZE
from measure.mini.sprites import SETS, THINGS, TINTABLE, TINTS

Size = Literal["small", "big"]
Place = Literal["left", "center", "right"]

GRID = 16
"""Pixels: the stride of the UNet's coarse level, to which a thing then looks the same wherever it stands. On a grid of
8 it would have four looks there, each to be learned."""
PIXELS: dict[Size, int] = {"small": 2 * GRID, "big": 4 * GRID}
XS: dict[tuple[Size, Place], tuple[int, ...]] = {
    ("small", "left"): (0, 16),
    ("small", "center"): (48,),
    ("small", "right"): (80, 96),
    ("big", "left"): (0,),
    ("big", "center"): (32,),
    ("big", "right"): (64,),
}
GROUND_YS: dict[Size, tuple[int, ...]] = {"small": (64, 80), "big": (32, 48)}
AIR_YS: dict[Size, tuple[int, ...]] = {"small": (16, 32), "big": (0, 16)}
FREE_YS: dict[Size, tuple[int, ...]] = {"small": (32, 48, 64), "big": (16, 32, 48)}
FLYING = frozenset({"airplane", "rocket", "balloon", "butterfly", "bee", "star", "rainbow", "heart"})


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing in a scene; `x`, `y` are its top left pixel."""

    thing: str
    size: Size
    place: Place
    x: int
    y: int
    colour: str | None = None
    mirrored: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """A whole picture, before it is drawn."""

    background: str
    time: str
    sky: str
    mirrored: bool
    art_set: str
    figures: tuple[Figure, ...]


def _held_out() -> frozenset[tuple[str, str]]:
    """Three backgrounds a thing is never trained on, the same in every run."""
    rng = random.Random(7)
    return frozenset((thing, place) for thing in THINGS for place in rng.sample(BACKGROUNDS, 3))


HELD_OUT = _held_out()
"""(thing, background) pairs kept out of training; the evaluation asks for them."""


def stand(rng: random.Random, thing: str, size: Size, place: Place, background: str) -> tuple[int, int]:
    """Where a thing of this size may stand: its top left pixel."""
    x = rng.choice(XS[size, place])
    if background in PLAIN or background == "space":
        return x, rng.choice(FREE_YS[size])
    if thing in FLYING and background in OUTDOOR:
        return x, rng.choice(AIR_YS[size])
    return x, rng.choice(GROUND_YS[size])


def random_background(rng: random.Random) -> tuple[str, str]:
    """A background and a time of day."""
    roll = rng.random()
    if roll < 0.32:
        return rng.choice(tuple(PLAIN)), "day"
    if roll < 0.42:
        return rng.choice(INDOOR), "day"
    return rng.choice(OUTDOOR), rng.choices(backgrounds.TIMES, (0.5, 0.3, 0.2))[0]


def figure(rng: random.Random, thing: str, size: Size, place: Place, background: str, colour: str | None) -> Figure:
    """A thing with the rest drawn at random."""
    x, y = stand(rng, thing, size, place, background)
    return Figure(thing, size, place, x, y, colour, rng.random() < 0.5)


def _colour(rng: random.Random, thing: str, share: float) -> str | None:
    return rng.choice(tuple(TINTS)) if thing in TINTABLE and rng.random() < share else None


def random_scene(rng: random.Random, two: float = 0.6, held_out: bool = False) -> Scene:
    """A scene of the training world; with `held_out`, pairs kept out of training may occur too."""
    while True:
        place, time = random_background(rng)
        roll = rng.random()
        tinted = rng.random() < 0.2
        pool = TINTABLE if tinted else THINGS
        share = 0.9 if tinted else 0.65
        things: list[str] = []
        figures: tuple[Figure, ...] = ()
        if roll < two:
            things = rng.sample(pool, 2)
            sides: tuple[Place, Place] = ("left", "right")
            figures = tuple(
                figure(rng, thing, "small" if rng.random() < 0.25 else "big", side, place, _colour(rng, thing, share))
                for thing, side in zip(things, sides, strict=True)
            )
        elif roll < 0.98:
            thing = rng.choice(pool)
            things = [thing]
            size: Size = "small" if rng.random() < 0.35 else "big"
            side = rng.choices(("left", "center", "right"), (0.25, 0.5, 0.25))[0]
            figures = (figure(rng, thing, size, side, place, _colour(rng, thing, share)),)  # type: ignore[arg-type]
        if held_out or not any((thing, place) in HELD_OUT for thing in things):
            sky, mirrored = backgrounds.random_variant(rng, place, time)
            return Scene(place, time, sky, mirrored, rng.choice(SETS), figures)


def draw(scene: Scene) -> NDArray[np.uint8]:
    """The picture, `[SIZE, SIZE, 3]`."""
    picture = backgrounds.background(scene.background, scene.time, scene.sky, scene.mirrored).copy()
    for it in scene.figures:
        side = PIXELS[it.size]
        drawn = sprites.sprite(it.thing, scene.art_set, side, it.colour, it.mirrored)
        window = picture[it.y : it.y + side, it.x : it.x + side]
        window *= 1 - drawn[..., 3:]
        window += drawn[..., :3]
    return np.clip(picture, 0, 255).astype(np.uint8)


__all__ = ["BACKGROUNDS", "HELD_OUT", "SIZE", "THINGS", "Figure", "Scene", "draw", "figure", "random_scene", "stand"]
