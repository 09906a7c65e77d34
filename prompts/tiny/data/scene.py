"""A picture's description in parts, so that an edit can change one part and leave the others word for word."""

from __future__ import annotations

import copy
import random
import re
from dataclasses import dataclass, field

from prompts.tiny.data import words as w

_IRREGULAR = {
    "wolf": "wolves", "mouse": "mice", "goose": "geese", "sheep": "sheep", "deer": "deer", "man": "men",
    "woman": "women", "fish": "fish", "fisherman": "fishermen", "elf": "elves", "dwarf": "dwarves", "bison": "bison",
    "goldfish": "goldfish", "moose": "moose", "jellyfish": "jellyfish", "maple leaf": "maple leaves",
    "cup of coffee": "cups of coffee", "bowl of soup": "bowls of soup", "bowl of ramen": "bowls of ramen",
    "pot of honey": "pots of honey", "plate of pasta": "plates of pasta", "child": "children",
}  # fmt: skip
_FEMALE = frozenset(w.terms("woman girl grandmother nurse queen princess ballerina witch mermaid waitress fairy"))
_MALE = frozenset(w.terms("man boy grandfather king prince fisherman cowboy wizard"))


def article(phrase: str) -> str:
    """Put the right indefinite article before a phrase that has none."""
    if re.match(r"(a|an|the|some|two|three|four|five)\b", phrase):
        return phrase
    vowel = phrase[0].lower() in "aeiou" and not phrase.startswith(("uni", "one", "eur"))
    return ("an " if vowel else "a ") + phrase


def plural(noun: str) -> str:
    """Write the plural of a noun of the vocabulary."""
    if noun in _IRREGULAR:
        return _IRREGULAR[noun]
    if re.search(r"(s|x|ch|sh)$", noun):
        return noun + "es"
    if re.search(r"[^aeiou]y$", noun):
        return noun[:-1] + "ies"
    return noun + "s"


def bare(phrase: str) -> str:
    """Strip the article: what follows "the" when people point at the thing."""
    return re.sub(r"^(an?|some|the|two|pair of) ", "", re.sub(r"^a pair of ", "", phrase))


@dataclass
class Scene:
    """One picture's content; `str()` is its description."""

    noun: str
    kind: str
    gender: str = "it"
    adjectives: list[str] = field(default_factory=list)
    number: str = ""
    other: tuple[str, str] | None = None
    """A second thing: (relation, noun phrase)."""
    action: str = ""
    features: list[str] = field(default_factory=list)
    place: str = ""
    time: str = ""
    style: str = ""
    camera: str = ""
    extras: list[str] = field(default_factory=list)
    layout: str = "sentence"

    @property
    def subject(self) -> str:
        """The noun phrase of the main thing."""
        if self.number:
            return " ".join([self.number, *self.adjectives, plural(self.noun)])
        return article(" ".join([*self.adjectives, self.noun]))

    @property
    def object_pronoun(self) -> str:
        """It, him, her or them."""
        return "them" if self.number else {"it": "it", "he": "him", "she": "her"}[self.gender]

    @property
    def subject_pronoun(self) -> str:
        """It, he, she or they."""
        return "they" if self.number else self.gender

    @property
    def possessive(self) -> str:
        """Its, his, her or their."""
        return "their" if self.number else {"it": "its", "he": "his", "she": "her"}[self.gender]

    def copy(self) -> Scene:
        """Copy deeply, for an edit."""
        return copy.deepcopy(self)

    def __str__(self) -> str:
        other = " ".join(self.other) if self.other else ""
        if self.layout == "commas":
            head = " ".join(x for x in (self.style, self.camera, self.subject, other) if x)
            return ", ".join(x for x in (head, self.action, *self.features, self.place, self.time, *self.extras) if x)
        joined = " and ".join(self.features)
        body = " ".join(x for x in (self.subject, other, self.action, joined, self.place, self.time) if x)
        head = " ".join(x for x in (self.style, self.camera, body) if x)
        return ", ".join([head, *self.extras])


def clothing(rng: random.Random) -> str:
    """Something to wear, at times with a colour."""
    item = rng.choice(w.CLOTHES)
    if rng.random() < 0.35 and not item.startswith("pair"):
        item = f"{rng.choice(w.COLOURS)} {item}"
    return article(item)


def other_thing(rng: random.Random, living: bool) -> tuple[str, str]:
    """A second thing and how it stands to the first."""
    noun = rng.choice(rng.choice([w.ANIMALS, w.PEOPLE, w.VEHICLES, w.OBJECTS, w.FOOD, w.PLANTS])).replace("_", " ")
    if rng.random() < 0.35:
        noun = f"{rng.choice(w.COLOURS)} {noun}"
    relations = w.RELATIONS + (w.LIVING_RELATIONS if living else [])
    return rng.choice(relations), article(noun)


def plain_scene(rng: random.Random, noun: str | None = None) -> Scene:
    """One noun and nothing else."""
    if noun is None:
        noun = rng.choice(w.MINI_WORLD) if rng.random() < 0.25 else rng.choice(w.NOUNS)
    kind = w.KIND_OF[noun]
    gender = "it"
    if kind == "person" or (kind in w.LIVING and rng.random() < 0.4):
        gender = rng.choice(["he", "she"])
    if noun in _FEMALE:
        gender = "she"
    if noun in _MALE:
        gender = "he"
    return Scene(noun, kind, gender)


def scene(rng: random.Random, richness: float | None = None, noun: str | None = None) -> Scene:
    """A random scene; `richness` 0 is nearly bare, 1 is a long prompt."""
    rich = rng.random() if richness is None else richness
    s = plain_scene(rng, noun)
    living = s.kind in w.LIVING
    if rng.random() < 0.4:
        s.adjectives.append(rng.choice(w.COLOURS if rng.random() < 0.5 else w.ADJECTIVES[s.kind]))
    if rich > 0.35:
        if living and rng.random() < 0.4:
            s.action = rng.choice(list(w.ACTIONS.values()))
        if rng.random() < 0.35:
            s.features.append(feature(rng, s))
        if s.kind != "place" and rng.random() < 0.45:
            s.place = rng.choice(w.SCENES)
        if rng.random() < 0.22:
            s.time = rng.choice(w.TIMES)
    if rng.random() < 0.18:
        s.other = other_thing(rng, living and not s.action)
    if rng.random() < 0.18:
        s.style = rng.choice(list(w.STYLES.values()))
    if rich > 0.72:
        s.extras = rng.sample(w.EXTRAS, 1 if rich < 0.9 else rng.choice([2, 2, 3]))
        if rng.random() < 0.35:
            s.layout = "commas"
    if rich > 0.93 and len(s.features) < 2:
        s.features.append(feature(rng, s))
    return s


def feature(rng: random.Random, s: Scene) -> str:
    """Something that the main thing wears or has, or that stands in the picture."""
    if s.kind in w.LIVING and rng.random() < 0.5:
        return f"wearing {clothing(rng)}" if rng.random() < 0.7 else f"with {rng.choice(w.PARTS)}"
    where = rng.choice(["", "", " in the background", f" next to {s.object_pronoun}", f" behind {s.object_pronoun}"])
    return f"with {rng.choice(w.THINGS)}{where}"


def feature_name(feature_text: str) -> str:
    """The words by which people point at a feature: "wearing a red hat" is "the red hat"."""
    text = re.sub(r"^(wearing|with|made of) ", "", feature_text)
    return bare(re.sub(r" (in the background|next to \w+|behind \w+|in front of \w+)$", "", text))
