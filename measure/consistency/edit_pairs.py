"""Edits in the miniature world, in four groups, with what must stay and what must change in each."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Group = Literal["attribute", "arrangement", "scene", "subject"]
GROUPS: tuple[Group, ...] = ("attribute", "arrangement", "scene", "subject")
_SCENES = ("meadow", "beach", "snow", "desert", "city", "forest")
_WHERE = {"meadow": "in a meadow", "beach": "on the beach", "snow": "in the snow", "desert": "in the desert"} | {
    "city": "in the city",
    "forest": "in the forest",
}

KEPT: dict[Group, tuple[str, ...]] = {
    "attribute": ("thing", "art set", "mirrored", "size", "place", "background", "sky"),
    "arrangement": ("thing", "art set", "colour", "size", "background", "sky"),
    "scene": ("thing", "art set", "mirrored", "colour", "size", "place"),
    "subject": ("background", "sky", "size", "place"),
}
"""Facts that must be as they are in the parent's picture; most of them no caption says."""


@dataclass(frozen=True, slots=True)
class EditPair:
    """A picture and the edit of it, in words. `keep` and `change` name facts that the judge reads."""

    group: Group
    parent: str
    child: str
    change: str
    """What the language model would say: `small` or `large`."""
    facts: tuple[tuple[str, str], ...]
    """(fact, wanted value) for what must change."""
    keep: tuple[str, ...]
    """Facts that must be as they are in the parent's picture."""
    seed: int


def edit_pairs(count: int, seed: int = 77) -> list[EditPair]:
    """`count` pairs, the groups in turn; captions leave art set, mirroring, size and often hue unsaid."""
    rng = random.Random(seed)
    made = _made(rng)
    return [next(made) for _ in range(count)]


def _made(rng: random.Random) -> Iterator[EditPair]:
    from measure.mini import sprites, world

    tints = tuple(sprites.TINTS)
    while True:
        for group in GROUPS:
            scene, other_scene = rng.sample(_SCENES, 2)
            where, elsewhere = _WHERE[scene], _WHERE[other_scene]
            thing, other = rng.sample(world.THINGS, 2)
            seed = rng.randrange(2**31)
            keep = KEPT[group]
            match group:
                case "attribute":
                    thing = rng.choice(sprites.TINTABLE)
                    old, new = rng.sample(tints, 2)
                    texts = f"a {old} {thing} {where}", f"a {new} {thing} {where}"
                    yield EditPair(group, *texts, "small", (("colour", new),), keep, seed)
                case "arrangement":
                    old, new = rng.sample(("left", "right"), 2)
                    texts = f"a {thing} on the {old} {where}", f"a {thing} on the {new} {where}"
                    yield EditPair(group, *texts, "small", (("place", new),), keep, seed)
                case "scene":
                    texts = f"a {thing} {where}", f"a {thing} {elsewhere}"
                    facts = (("background", other_scene),)
                    yield EditPair(group, *texts, "large", facts, keep, seed)
                case "subject":
                    texts = f"a {thing} {where}", f"a {other} {where}"
                    yield EditPair(group, *texts, "large", (("thing", other),), keep, seed)
