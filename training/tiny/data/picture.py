"""A picture's description in parts, so that an edit can change one part and leave the others word for word."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, field

from prompts.lexicon import words as lexicon
from training.tiny.data import words as w
from training.tiny.data.phrases import words

_IRREGULAR = {
    "wolf": "wolves", "mouse": "mice", "goose": "geese", "sheep": "sheep", "deer": "deer", "man": "men",
    "woman": "women", "fish": "fish", "fisherman": "fishermen", "elf": "elves", "dwarf": "dwarves", "bison": "bison",
    "goldfish": "goldfish", "moose": "moose", "jellyfish": "jellyfish", "maple leaf": "maple leaves",
    "cup of coffee": "cups of coffee", "bowl of soup": "bowls of soup", "bowl of ramen": "bowls of ramen",
    "pot of honey": "pots of honey", "plate of pasta": "plates of pasta", "child": "children", "ox": "oxen",
    "twins": "twins", "knife": "knives", "fisherwoman": "fisherwomen", "businessman": "businessmen",
}  # fmt: skip
_ARTICLE = re.compile(r"(?:an?|some|the|one|two|three|four|five|many|several|most|your|our|my|his|her)\s")
COLOURS = (*sorted(words("fancy colours"), key=len, reverse=True), *lexicon.COLOURS)
"""Longest first: "dark blue" before "blue"."""
_COLOUR = re.compile(rf"\b(?:{'|'.join(map(re.escape, COLOURS))})\b ?")


def article(phrase: str) -> str:
    """Put the right indefinite article before a phrase that has none."""
    if _ARTICLE.match(phrase):
        return phrase
    vowel = phrase[0].lower() in "aeiou" and not phrase.lower().startswith(
        ("uni", "one", "eur", "ufo", "ukulele", "ute")
    )
    return ("an " if vowel else "a ") + phrase


def plural(noun: str) -> str:
    """Write the plural of a noun of the vocabulary."""
    if noun in _IRREGULAR:
        return _IRREGULAR[noun]
    first, of, rest = noun.partition(" of ")
    if of:
        return plural(first) + of + rest
    if re.search(r"(s|x|ch|sh)$", noun):
        return noun + "es"
    if re.search(r"[^aeiou]y$", noun):
        return noun[:-1] + "ies"
    return noun + "s"


def bare(phrase: str) -> str:
    """Strip article or number: what follows "the" when people point at the thing."""
    return re.sub(
        r"^(?:an?|some|the|one|two|three|four|many|several) ", "", re.sub(r"^a (?:pair|couple) of ", "", phrase)
    )


def head(phrase: str) -> str:
    """The thing itself: "books" of "a stack of old books on the floor"."""
    core = re.split(r" (?:with|in|on|at|for|from|behind|around) ", bare(phrase))[0]
    return core.split()[-1]


def with_adjective(phrase: str, adjective: str, *, instead_of: frozenset[str] = frozenset()) -> str:
    """A noun phrase with one more adjective, which replaces those of its kind."""
    lead = _ARTICLE.match(phrase)
    counted = lead[0].strip() if lead and lead[0].strip() not in ("a", "an") else ""
    rest = " ".join(x for x in bare(phrase).split() if x not in instead_of)
    return (
        f"{counted} {adjective} {rest}"
        if counted
        else article(f"{adjective} {rest}")
        if lead
        else f"{adjective} {rest}"
    )


def colourless(phrase: str) -> str:
    """A phrase without its colours; one that is nothing else stays."""
    return " ".join(_COLOUR.sub("", phrase).split()) or phrase


def recoloured(phrase: str, colour: str) -> str:
    """A noun phrase in another colour."""
    lead = _ARTICLE.match(phrase)
    return with_adjective((lead[0] if lead else "") + colourless(bare(phrase)), colour)


def listed(parts: list[str]) -> str:
    """Join as people do: "a, b and c"."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


@dataclass
class Picture:
    """One picture's content; `str()` is its description. Noun phrases carry their article."""

    noun: str
    kind: str
    gender: str = "it"
    adjectives: list[str] = field(default_factory=list)
    number: str = ""
    partner: tuple[str, str] | None = None
    """A second thing: (relation, noun phrase)."""
    act: str = ""
    wears: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    material: str = ""
    place: str = ""
    time: str = ""
    clauses: list[str] = field(default_factory=list)
    """Short remarks after commas: "grey sky", "soft light"."""
    medium: str = ""
    view: str = ""
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

    @property
    def living(self) -> bool:
        """Whether the main thing can do something and wear something."""
        return self.kind in w.LIVING

    @property
    def colours(self) -> list[str]:
        """The colours among the adjectives."""
        return [a for a in self.adjectives if a in COLOURS]

    def recolour(self, colour: str) -> None:
        """Give the main thing another colour."""
        self.adjectives = [a for a in self.adjectives if a not in COLOURS] + [colour]

    def copy(self) -> Picture:
        """Copy deeply, for an edit."""
        return copy.deepcopy(self)

    def _middle(self) -> list[str]:
        worn = "wearing " + listed(self.wears) if self.wears else ""
        there = "with " + listed([*self.parts, *self.items]) if self.parts or self.items else ""
        made = f"made of {self.material}" if self.material else ""
        return [made, self.act, worn, there]

    def __str__(self) -> str:
        main = " ".join([self.subject, *(self.partner or ())])
        lead = " ".join(x for x in (self.medium, self.view) if x)
        if self.layout == "commas":
            text = ", ".join(
                x for x in (" ".join(x for x in (lead, main) if x), *self._middle(), self.place, self.time) if x
            )
        elif self.layout == "place first" and self.place:
            text = f"{self.place}, " + " ".join(x for x in (lead, main, *self._middle(), self.time) if x)
        else:
            text = " ".join(x for x in (lead, main, *self._middle(), self.place, self.time) if x)
        text = ", ".join([text, *self.clauses])
        return text[0].upper() + text[1:] if self.layout == "capital" else text
