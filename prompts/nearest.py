"""Into a closed vocabulary: each word of a description → a word that the model knows, or nothing."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, replace
from typing import Final

from imaging.model import Vocabulary
from imaging.words import FUNCTION, MEDIA, PREPOSITIONS, head_noun, split_words

LONGEST: Final = 120
"""Words of a description that are looked at; a small model's encoder reads fewer."""
_PHRASE = 3
_SIMILAR = 0.84
_SHORTEST_TYPO = 5
_VAGUE = frozenset({"something", "anything", "someone", "somebody", "thing", "things", "scene", "world"})
"""Subjects that nobody misses."""


@dataclass(frozen=True, slots=True)
class Substitution:
    """`drawn` instead of `said`. `synonym`: only another form of the same word, not worth a remark."""

    said: str
    drawn: str
    synonym: bool = False


@dataclass(frozen=True, slots=True)
class Mapped:
    """A description in the vocabulary's words, what was replaced, and its subject where that is not drawn."""

    text: str
    changes: tuple[Substitution, ...] = ()
    left_out: str | None = None


def into_vocabulary(description: str, vocabulary: Vocabulary) -> Mapped:
    """Map a description; the result names at least one known thing or background."""
    return _Mapper(vocabulary).map(description)


@dataclass(slots=True)
class _Mapper:
    vocabulary: Vocabulary
    names: frozenset[str] = field(init=False)
    words: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        known = self.vocabulary
        self.names = frozenset(known.things) | frozenset(known.backgrounds) | known.understood
        parts = (part for name in self.names for part in name.split())
        self.words = known.words | frozenset(known.colours) | frozenset(parts) | FUNCTION

    def map(self, description: str) -> Mapped:
        words = split_words(description)[:LONGEST]
        if not self._knows_any(words):
            return self._stand_in(words)
        return replace(self._map(words), left_out=self._missing(words))

    def _knows_any(self, words: list[str]) -> bool:
        return any(self._phrase(words, at)[1] for at in range(len(words)))

    def _map(self, words: list[str]) -> Mapped:
        out: list[str] = []
        changes: list[Substitution] = []
        at = 0
        while at < len(words):
            size, drawn = self._phrase(words, at)
            if drawn is not None:
                said = " ".join(words[at : at + size])
                # The first noun of a compound says what kind: a "dragon boat" is a boat.
                compound = said not in self.names and self._is_thing(drawn) and self._thing_at(words, at + size)
                if not compound:
                    out.append(drawn)
                    if drawn != said:
                        changes.append(Substitution(said, drawn, synonym=_same_word(said, drawn)))
            elif words[at] in self.words:
                out.append(words[at])
            at += size
        return Mapped(_with_articles(out), tuple(dict.fromkeys(changes)))

    def _phrase(self, words: list[str], at: int) -> tuple[int, str | None]:
        """The longest known phrase that begins at a word: its length and what is drawn for it."""
        for size in range(min(_PHRASE, len(words) - at), 0, -1):
            phrase = " ".join(words[at : at + size])
            drawn = self._known(phrase)
            if drawn is not None:
                return size, drawn
        return 1, self._misspelt(words[at])

    def _known(self, phrase: str) -> str | None:
        for form in _singulars(phrase):
            if form in self.names:
                return form
            if form in self.vocabulary.colours or (
                form in self.vocabulary.words and form not in self.vocabulary.nearest
            ):
                return None
            if form in self.vocabulary.nearest:
                return self.vocabulary.nearest[form]
        return None

    def _misspelt(self, word: str) -> str | None:
        if len(word) < _SHORTEST_TYPO or word in self.words or not word.isascii():
            return None
        near = difflib.get_close_matches(word, [*self.names, *self.vocabulary.nearest], 1, _SIMILAR)
        return self.vocabulary.nearest.get(near[0], near[0]) if near else None

    def _thing_at(self, words: list[str], at: int) -> bool:
        return at < len(words) and self._is_thing(self._phrase(words, at)[1])

    def _is_thing(self, word: str | None) -> bool:
        known = self.vocabulary
        return word in known.things or (word in known.understood and known.nearest[word] in known.things)

    def _missing(self, words: list[str]) -> str | None:
        """The subject, when there is no word for it nor for anything that it is said to be."""
        said = head_noun(words)
        if not said or said in self.words or said in MEDIA or said in _VAGUE:
            return None
        return None if self._knows_any(words[: words.index(said) + 1]) else said

    def _stand_in(self, words: list[str]) -> Mapped:
        """Nothing of it is known: the thing whose name is most like it, with what else was said of it."""
        said = head_noun(words) or "".join(words[:1])
        near = difflib.get_close_matches(said, self.vocabulary.things, 1, 0.0)
        if not said or not near:
            return self._map(words)
        at = words.index(said)
        article = () if FUNCTION & {*words[:at]} else ("a",)
        mapped = self._map([*words[:at], *article, near[0], *words[at + 1 :]])
        return replace(mapped, changes=(Substitution(said, near[0]), *mapped.changes))


def _singulars(phrase: str) -> tuple[str, ...]:
    """The phrase and what it may be the plural of."""
    forms = [phrase]
    for ending, instead in (("ies", "y"), ("ves", "f"), ("es", ""), ("s", ""), ("men", "man")):
        if phrase.endswith(ending) and len(phrase) > len(ending) + 2:
            forms.append(phrase[: -len(ending)] + instead)
    return tuple(forms)


def _same_word(said: str, drawn: str) -> bool:
    return drawn in _singulars(said) or difflib.SequenceMatcher(None, said, drawn).ratio() >= _SIMILAR


def _with_articles(words: list[str]) -> str:
    """Join words, with `a` and `an` as the next word wants it and none left hanging."""
    out: list[str] = []
    for word, following in zip(words, [*words, ""][1:], strict=True):
        if word in ("a", "an"):
            if not following or following in FUNCTION:
                continue
            word = "an" if following[0] in "aeiou" else "a"
        out.append(word)
    while out and out[-1] in FUNCTION | PREPOSITIONS:
        out.pop()
    while out and out[0] == "of":  # what it was a picture of
        out.pop(0)
    return " ".join(out)
