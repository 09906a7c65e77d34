"""Captions for scenes: many templates, synonyms, attributes left unsaid, and the filler words of ordinary sentences.

`caption(rng, scene)` never says anything untrue about a scene; it says a random part of what is true.
"""

from __future__ import annotations

import random

from measure.mini.backgrounds import OUTDOOR, PLAIN
from measure.mini.world import Figure, Scene

SYNONYMS: dict[str, tuple[str, ...]] = {
    "cat": ("kitty", "kitten"),
    "dog": ("puppy",),
    "rabbit": ("bunny",),
    "horse": ("pony",),
    "pig": ("piglet",),
    "sheep": ("lamb",),
    "bear": ("brown bear",),
    "panda": ("panda bear",),
    "monkey": ("ape",),
    "turtle": ("tortoise",),
    "dinosaur": ("sauropod",),
    "fish": ("tropical fish",),
    "bee": ("honeybee",),
    "burger": ("hamburger",),
    "cake": ("birthday cake",),
    "donut": ("doughnut",),
    "ice cream": ("ice cream cone",),
    "pizza": ("slice of pizza",),
    "mushroom": ("toadstool",),
    "car": ("automobile",),
    "bicycle": ("bike",),
    "boat": ("sailboat", "ship"),
    "airplane": ("plane",),
    "rocket": ("spaceship",),
    "train": ("locomotive",),
    "tree": ("oak tree",),
    "palm tree": ("palm",),
    "house": ("home", "cottage"),
    "ball": ("soccer ball", "football"),
    "teddy bear": ("teddy", "stuffed bear"),
    "gift": ("present", "gift box"),
    "sunflower": ("flower",),
    "chair": ("seat",),
}
"""Other words for a thing that captions use too."""

PLACES: dict[str, tuple[str, ...]] = {
    "meadow": ("in a meadow", "on grass", "on a lawn", "in a field", "in the park", "in a garden"),
    "beach": ("on the beach", "at the beach", "on a sandy beach", "by the seaside"),
    "sea": ("on the sea", "in the sea", "on the ocean", "in the water", "on the water"),
    "snow": ("in the snow", "on snow", "in winter", "in a snowy landscape"),
    "desert": ("in the desert", "in a desert", "on sand dunes"),
    "city": ("in the city", "in a city", "on a city street", "on a street", "in town"),
    "forest": ("in the forest", "in a forest", "in the woods"),
    "mountains": ("in the mountains", "in front of mountains", "near a mountain"),
    "room": ("in a room", "indoors", "inside a house", "at home", "in the living room"),
    "space": ("in space", "in outer space", "among the stars"),
}
BARE: dict[str, tuple[str, ...]] = {
    "meadow": ("a meadow", "a green field"),
    "beach": ("a beach",),
    "sea": ("the sea", "the ocean"),
    "snow": ("a snowy landscape",),
    "desert": ("a desert",),
    "city": ("a city", "a city street"),
    "forest": ("a forest",),
    "mountains": ("mountains", "a mountain landscape"),
    "room": ("a room", "a living room"),
    "space": ("outer space",),
}
TIMES: dict[str, tuple[str, ...]] = {
    "day": ("during the day", "by day", "in daylight"),
    "night": ("at night", "under the night sky", "in the moonlight", "by night"),
    "sunset": ("at sunset", "at dusk", "in the evening", "during sunset"),
}
WEATHER: dict[str, tuple[str, ...]] = {
    "sun left": ("in the sunshine", "on a sunny day"),
    "sun right": ("in the sunshine", "on a sunny day"),
    "clouds": ("under a cloudy sky", "with clouds", "on a cloudy day"),
}
POSES = ("sitting", "standing", "resting", "waiting", "placed", "alone", "")
FILLERS = ("cute", "beautiful", "nice", "happy", "lovely", "friendly", "pretty", "cheerful", "charming", "cozy")
OPENINGS = (
    "a picture of", "an image of", "a drawing of", "an illustration of", "a cartoon of", "a photo of", "a painting of",
    "a simple illustration of", "draw", "show me",
)  # fmt: skip
ENDINGS = (
    "cartoon style", "digital art", "illustration", "flat illustration", "high quality", "detailed", "bright colors",
    "emoji style", "vector art", "colorful", "simple style",
)  # fmt: skip
SMALL, BIG = ("small", "tiny", "little"), ("big", "large", "huge")
LINKS = ("and", "next to", "beside", "with", "near", "together with")
"""Between two things whose sides are not said."""
ARRANGED = ("on the left side", "to the right of", "in the center", "in the middle", "on a plain background")
"""What the templates below say of places."""
COLOUR_WORDS = {"gray": ("gray", "grey")}


def words_beside_things() -> frozenset[str]:
    """Every word that captions use for anything but the things themselves and their colours."""
    tables = (PLACES, BARE, TIMES, WEATHER)
    phrases = [phrase for table in tables for values in table.values() for phrase in values]
    phrases += [*POSES, *FILLERS, *OPENINGS, *ENDINGS, *SMALL, *BIG, *LINKS, *ARRANGED]
    return frozenset(word for phrase in phrases for word in phrase.split())


def article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def noun(rng: random.Random, it: Figure, alone: bool, colour_said: float = 0.85) -> str:
    """One thing in words, with its article and what is said of it."""
    name = rng.choice(SYNONYMS[it.thing]) if it.thing in SYNONYMS and rng.random() < 0.35 else it.thing
    words = []
    if rng.random() < (0.5 if alone or it.size == "small" else 0.05):
        words.append(rng.choice(SMALL if it.size == "small" else BIG))
    if rng.random() < 0.06:
        words.append(rng.choice(FILLERS))
    if it.colour and rng.random() < colour_said:
        words.append(it.colour)
    return article(" ".join([*words, name]))


def _pair(rng: random.Random, left: str, right: str) -> str:
    """Two things in words; mostly with clear sides, sometimes the right one first, sometimes without sides."""
    roll = rng.random()
    if roll < 0.5:
        return rng.choice(
            (
                f"{left} on the left and {right} on the right",
                f"{left} on the left and {right} on the right",
                f"{left} on the left, {right} on the right",
                f"on the left {left}, on the right {right}",
                f"{left} on the left side and {right} on the right side",
            )
        )
    if roll < 0.62:
        return rng.choice((f"{left} to the left of {right}", f"{left} left of {right}"))
    if roll < 0.82:
        return rng.choice(
            (
                f"{right} on the right and {left} on the left",
                f"{right} on the right, {left} on the left",
                f"{right} to the right of {left}",
                f"{right} right of {left}",
            )
        )
    first, second = (left, right) if rng.random() < 0.5 else (right, left)
    link = rng.choice(LINKS)
    return f"{first} {link} {second}"


def _single(rng: random.Random, it: Figure) -> str:
    words = noun(rng, it, alone=True)
    if it.place != "center":
        if rng.random() < 0.75:
            words += rng.choice((f" on the {it.place}", f" on the {it.place} side", f" at the {it.place}"))
    elif rng.random() < 0.2:
        words += rng.choice((" in the center", " in the middle"))
    elif rng.random() < 0.2:
        words += " " + rng.choice(POSES)
    return words.strip()


def _where(rng: random.Random, scene: Scene) -> str:
    """The background in words, or nothing; the time of day may be said with the place or alone."""
    place, time = scene.background, scene.time
    if place in PLAIN:
        word = rng.choice(COLOUR_WORDS.get(place, (place,)))
        return rng.choice(
            (f"on a {word} background", f"on a plain {word} background", f"with a {word} background",
             f"in front of a {word} background", f", {word} background")
        )  # fmt: skip
    where = rng.choice(PLACES[place])
    if place not in OUTDOOR:
        return where
    if time == "day":
        if scene.sky in WEATHER and rng.random() < 0.3:
            return f"{where} {rng.choice(WEATHER[scene.sky])}"
        return f"{where} {rng.choice(TIMES['day'])}" if rng.random() < 0.1 else where
    when = rng.choice(TIMES[time])
    roll = rng.random()
    if roll < 0.15:
        return when
    return f"{where} {when}" if roll < 0.85 else f"{when} {where}"


def caption(rng: random.Random, scene: Scene) -> str:
    """A true sentence about a scene."""
    if not scene.figures:
        if scene.background in PLAIN:
            return f"a plain {scene.background} background"
        bare = rng.choice(BARE[scene.background])
        return f"{bare} {rng.choice(TIMES[scene.time])}" if scene.time != "day" else bare
    if len(scene.figures) == 2:
        left, right = (noun(rng, it, alone=False) for it in scene.figures)
        what = _pair(rng, left, right)
    else:
        what = _single(rng, scene.figures[0])
    text = what
    if rng.random() > 0.06:
        where = _where(rng, scene)
        if where.startswith(","):
            text = what + where
        elif rng.random() < 0.08:
            text = f"{where}, {what}"
        else:
            text = f"{what} {where}"
    if rng.random() < 0.2:
        text = f"{rng.choice(OPENINGS)} {text}"
    if rng.random() < 0.12:
        text = f"{text}, {rng.choice(ENDINGS)}"
    return text
