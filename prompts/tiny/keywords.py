"""The keywords of messages and descriptions, and which picture shows what a message calls "the …"."""

# ruff: noqa: E501 -- patterns and word lists read better unwrapped

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from prompts.lexicon import words as w
from prompts.lexicon.words import words
from prompts.tiny.format import TinyPicture

_DEFINITE = re.compile(
    r"\b(?:(?:the|that|this|these|those)|one (?:with|in|on|at|of|from|by|under|near|behind|wearing|holding|showing)(?: the| an?)?) (?=((?:[\w'-]+ ?){1,3}))"
)
_WOMEN = w.terms(
    """woman girl lady queen princess nurse grandmother grandma mother mom sister bride witch mermaid ballerina waitress actress nun
    aunt daughter wife goddess heroine fairy hen duchess"""
)
_MEN = w.terms(
    """man boy king prince grandfather grandpa father dad brother knight wizard monk fisherman cowboy uncle son husband god hero
    gentleman duke groom samurai"""
)
_OTHERS = w.terms(
    "person child kid baby dancer player captain driver rider warrior monster actor singer student judge host"
)


def stem(word: str) -> str:
    """Fold a plural into its singular, roughly; both sides of a comparison are folded alike."""
    word = word.lower().removesuffix("'s")
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _folded(names: Iterable[str]) -> frozenset[str]:
    return frozenset(map(stem, names))


GENDERED = {"f": _folded(_WOMEN), "m": _folded(_MEN)}
PERSONS = _folded([*w.PEOPLE, *_OTHERS, *_WOMEN, *_MEN, *(name.split()[-1] for name in words("nouns person"))])
LIVING = PERSONS | _folded(
    [*w.ANIMALS, *w.MYTHS, *(name.split()[-1] for kind in ("animal", "myth") for name in words(f"nouns {kind}"))]
)
_COLOURS = frozenset(w.COLOURS)
_OF_ANY_PICTURE = frozenset(w.terms("background foreground sky light color colour style scene rest size whole"))
"""What every picture has: "the background white" names no white picture."""
_VERBS = frozenset(
    map(
        stem,
        w.terms("is was looks needs should could will would has can must ought might may are were does did isn wasn"),
    )
)
"""After "this" and "that" they say something about the picture and name none."""
_ORDINARY = frozenset(
    w.terms("there their these those where which would could should please picture image another again about other")
)
_COMMON = frozenset(
    w.terms(
        """a an the one ones it its this that picture image version color colour background style thing part way light scene same other rest more
    first second third last left right middle top bottom side back front new next previous before original idea change edit with without of in
    on at and or to for from is be as by like please now make add put look size number two three four all both whole very little bit lot sky
    ground colors details quality resolution mood"""
    )
)


def words_of(text: str) -> set[str]:
    """The keywords of a text, folded."""
    return {stem(w) for w in re.findall(r"[^\W_]+", text.lower())} - _COMMON


def spelled(text: str, pictures: Sequence[TinyPicture]) -> str:
    """Mend a slip of the pen in a word of a description, so that "the cloevr" finds the clover."""
    known = sorted({word for p in pictures for word in re.findall(r"[^\W\d_]{5,}", p.description.lower())})
    for word in re.findall(r"[^\W\d_]{5,}", text):
        if word not in known and word not in _ORDINARY and stem(word) not in _COMMON:
            meant = next((other for other in known if _slip(word, other)), None)
            text = text.replace(word, meant) if meant else text
    return text


def _slip(word: str, other: str) -> bool:
    """Letters swapped, or one lost in a long word; "house" is no misspelt "horse"."""
    if word[0] != other[0] or abs(len(word) - len(other)) > 1:
        return False
    return sorted(word) == sorted(other) or SequenceMatcher(None, word, other).ratio() >= 0.9


def named(text: str, pictures: Sequence[TinyPicture], current: TinyPicture) -> int | None:
    """The picture that shows what a text first calls "the …"; the current one where that fits as well."""
    here = words_of(current.description)
    for match in _DEFINITE.finditer(text):
        keywords = [stem(w) for w in re.findall(r"[^\W_]+", match[1])]
        if keywords and keywords[0] in _OF_ANY_PICTURE | _VERBS:
            continue
        keywords = [w for w in keywords if w not in _COMMON][:2]
        if not keywords:
            continue
        if any(w in here for w in keywords) and not _better_elsewhere(keywords, pictures, current):
            return current.id
        found = _newest_with(keywords, pictures)
        if found is not None:
            return found
    return None


def others_named(text: str, pictures: Sequence[TinyPicture], current: TinyPicture, first: int) -> tuple[int, ...]:
    """ "Make the lion golden, the turtle grey": what other clauses of the message point at."""
    clauses = re.split(r"[,;]| and ", text)[1:]
    found = (named(clause, pictures, current) for clause in clauses)
    return tuple(dict.fromkeys(number for number in found if number not in (None, first) and number is not None))


def _fit(keywords: Sequence[str], description: str) -> tuple[int, int]:
    """How much of a phrase a picture shows: things count before colours, for "the gong green" names a gong."""
    there = words_of(description)
    found = [w for w in keywords if w in there]
    return sum(w not in _COLOURS for w in found), len(found)


def _newest_with(keywords: Sequence[str], pictures: Sequence[TinyPicture]) -> int | None:
    best = max((_fit(keywords, p.description), p.id) for p in pictures)
    return best[1] if best[0] > (0, 0) else None


def _better_elsewhere(keywords: Sequence[str], pictures: Sequence[TinyPicture], current: TinyPicture) -> bool:
    """Whether another picture fits more of the words than the current one does."""
    return max(_fit(keywords, p.description) for p in pictures) > _fit(keywords, current.description)
