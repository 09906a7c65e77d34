"""Directions without a language model that thinks of any: a topic, told by medium, mood, viewpoint and setting.

The same topic and round give the same directions, so that a restart goes on with what was begun.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from imaging.model import Vocabulary
from imaging.words import split_words
from prompts.directions import Direction, cut
from prompts.nearest import into_vocabulary

MEDIA = (
    "flat vector logo", "watercolour sketch", "clay figure", "pixel art", "paper cut-out", "line drawing in ink",
    "retro travel poster", "studio photograph", "children's book illustration", "embroidered patch", "linocut print",
    "isometric 3D render",
)  # fmt: skip
MOODS = (
    "calm", "playful", "bold", "mysterious", "warm", "elegant", "wild", "dreamy", "funny", "solemn", "fresh", "cosy",
)  # fmt: skip
VIEWPOINTS = (
    "a close-up", "seen from above", "a wide view", "from a low angle", "in profile", "straight from the front",
    "through a window", "from far away",
)  # fmt: skip
SETTINGS = (
    "on a plain white ground", "on a rainy street at night", "in a sunlit garden", "by the sea at sunset",
    "in deep snow", "among stars", "in a busy workshop", "in a quiet forest", "on a stage", "in golden morning light",
)  # fmt: skip

_WHERE = {
    "beach": "on the beach",
    "sea": "on the sea",
    "space": "in space",
    "room": "in a room",
    "meadow": "in a meadow",
}
_TIMES = ("at night", "at sunset", "during the day")
_FEELING = {
    "beach": "sunny", "sea": "adventurous", "space": "dreamy", "room": "cosy", "meadow": "fresh", "snow": "quiet",
    "desert": "bold", "city": "lively", "forest": "mysterious", "mountains": "grand",
}  # fmt: skip


_MEANT = {"mascot": "animal", "character": "animal", "hero": "animal", "pet": "animal", "team": "animal"}
"""Words of topics that stand for any thing of a kind."""


def templated(topic: str, count: int, pick: int, vocabulary: Vocabulary | None = None) -> list[Direction]:
    """So many different directions for a topic, by chance from `pick`.

    Args:
        vocabulary: The engine's, where it has one: only what it can draw is used.
    """
    chance = random.Random(f"{topic}\n{pick}")
    if vocabulary is not None and vocabulary.things:
        return _of_things(topic, count, chance, vocabulary)
    rows = zip(*(_shuffled(names, count, chance) for names in (MEDIA, MOODS, VIEWPOINTS, SETTINGS)), strict=True)
    return [
        Direction(
            cut(f"{mood.capitalize()} {medium}", 40),
            f"{mood.capitalize()}, {viewpoint}, {setting}.",
            f"{' '.join(topic.split())[:300]}, {medium}, {mood}, {viewpoint}, {setting}",
        )
        for medium, mood, viewpoint, setting in rows
    ]


def _of_things(topic: str, count: int, chance: random.Random, known: Vocabulary) -> list[Direction]:
    """In the words of a small model: a thing of the topic, a companion that it does not expect, a place and a time."""
    drawn = into_vocabulary(topic, known).text
    named = [thing for thing in known.things if f" {thing} " in f" {drawn} "]
    kinds = {kind for word, kind in _MEANT.items() if word in topic.lower()} & known.kinds.keys()
    wanted = [thing for thing in known.things if any(thing in known.kinds[kind] for kind in kinds)]
    if wanted and not set(named) & set(wanted):
        named = _shuffled(wanted, count, chance)
    others = _shuffled([thing for thing in known.things if thing not in named], count, chance)
    places = [place for place in known.backgrounds if not place.endswith("background")] or list(known.backgrounds)
    rows = zip(
        others, _shuffled(places, count, chance), _shuffled(_TIMES, count, chance),
        _shuffled(known.colours or ("",), count, chance), strict=True,
    )  # fmt: skip
    found = []
    for at, (other, place, time, colour) in enumerate(rows):
        where = _where(place)
        if not named:
            what, title = _a(f"{colour} {other}".strip()), f"{colour} {other}".strip()
        else:
            thing = named[at % len(named)]
            what, title = (
                (f"{_a(f'{colour} {thing}'.strip())}", f"{colour} {thing}".strip()),
                (f"{_a(thing)} next to {_a(other)}", f"{thing} and {other}"),
                (f"{_a(f'big {thing}')} and {_a(f'small {other}')}", f"big {thing}, small {other}"),
            )[at % 3]
        feeling = _FEELING.get(place, "simple")
        found.append(
            Direction(
                cut(f"{title.capitalize()}, {place}", 40),
                f"{feeling.capitalize()}: {where}, {time}.",
                f"{what} {where} {time}",
            )
        )
    return found


def _shuffled(names: Sequence[str], count: int, chance: random.Random) -> list[str]:
    """So many of them, each as seldom as can be."""
    out: list[str] = []
    while len(out) < count:
        out += chance.sample(list(names), len(names))
    return out[:count]


def _a(words: str) -> str:
    return f"{'an' if words[:1] in 'aeiou' else 'a'} {words}"


def twisted(
    description: str, title: str, said: Sequence[str], pick: int, vocabulary: Vocabulary | None = None
) -> Direction:
    """A picture's description with what people wrote about it, or with something else about it changed.

    Args:
        said: What people wrote, the newest last.
        pick: Another one changes something else.
    """
    chance = random.Random(f"{description}\n{pick}")
    told = " ".join(said)
    if vocabulary is None or not vocabulary.things:
        change = " ".join(told.split())[:200] or f"{chance.choice(MOODS)}, {chance.choice(SETTINGS)}"
        return Direction(cut(f"{title}, changed", 40), cut(f"Changed: {change}.", 200), f"{description}, {change}")
    heard = f" {' '.join(split_words(told))} {into_vocabulary(told, vocabulary).text if told else ''} "
    scene = _Scene.of(description, vocabulary)
    places = [place for place in vocabulary.backgrounds if not place.endswith("background")]
    place = next((one for one in vocabulary.backgrounds if f" {one} " in heard), None)
    time = next((one for one in _TIMES if f" {one.split()[-1]} " in heard), None)
    colour = next((one for one in vocabulary.colours if f" {one} " in heard), None)
    if not (place or time or colour):
        place, time = chance.choice([one for one in places if one != scene.place] or places), chance.choice(_TIMES)
    new = _Scene(scene.subject, place or scene.place, time or scene.time).told(colour, vocabulary)
    what = ", ".join(filter(None, (colour, place, time)))
    return Direction(cut(f"{title.partition(',')[0]}, {what}", 40), f"Now {what}.", new)


def blended(descriptions: tuple[str, str], titles: tuple[str, str], vocabulary: Vocabulary | None = None) -> Direction:
    """Two pictures' words in one; the first one's scene."""
    title, why = cut(f"{titles[0].partition(',')[0]} + {titles[1].partition(',')[0]}", 40), "The two best in one."
    if vocabulary is None or not vocabulary.things:
        return Direction(title, why, f"{descriptions[0]}, combined with {descriptions[1]}")
    first, second = (_Scene.of(text, vocabulary) for text in descriptions)
    things = [_first_thing(scene.subject, vocabulary) for scene in (first, second)]
    both = f"{_a(things[0])} next to {_a(things[1])}" if things[0] != things[1] else first.subject
    return Direction(title, why, _Scene(both, second.place or first.place, first.time).told(None, vocabulary))


@dataclass(frozen=True, slots=True)
class _Scene:
    """A description of a small model: what, where, when."""

    subject: str
    place: str | None = None
    time: str | None = None

    @classmethod
    def of(cls, description: str, known: Vocabulary) -> _Scene:
        text = f" {' '.join(description.lower().split())} "
        place = next((one for one in known.backgrounds if f" {one} " in text), None)
        time = next((one for one in _TIMES if f" {one} " in text), None)
        ends = [text.find(f" {phrase} ") for phrase in (place and _where(place), time) if phrase]
        cut_at = min((end for end in ends if end > 0), default=len(text))
        return cls(text[:cut_at].strip() or description, place, time)

    def told(self, colour: str | None, known: Vocabulary) -> str:
        subject = self.subject
        if colour is not None:
            bare = " ".join(word for word in subject.split() if word not in known.colours)
            thing = _first_thing(bare, known)
            subject = bare.replace(thing, f"{colour} {thing}", 1)
            subject = f"{_a(subject.partition(' ')[2])}" if subject.split()[0] in ("a", "an") else subject
        return " ".join(filter(None, (subject, self.place and _where(self.place), self.time)))


def _where(place: str) -> str:
    return _WHERE.get(place, f"on a {place}" if place.endswith("background") else f"in the {place}")


def _first_thing(subject: str, known: Vocabulary) -> str:
    found = [(at, thing) for thing in known.things if (at := f" {subject} ".find(f" {thing} ")) >= 0]
    return min(found)[1] if found else subject.removeprefix("a ").removeprefix("an ")
