"""Which picture a message points at, as far as plain rules can tell.

"The second one", "#4", "the submarine", "undo both" are decided here from the picture table, and the grammar
then lets the model write no other number. Where the rules cannot tell, the model chooses; what is to be
done with the picture is always the model's part.
"""

# ruff: noqa: E501 -- patterns and word lists read better unwrapped

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from prompts.tiny.data import words as w
from prompts.tiny.format import TinyPicture

_ORDINALS = {
    "first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "fifth": 5, "5th": 5,
    "sixth": 6, "6th": 6, "former": 1,
}  # fmt: skip
_NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_BY_ID = re.compile(r"(?:#\s?|\b(?:picture|image|pic)\s?#?)(\d{1,4}|one|two|three|four|five|six)\b")
_BY_EITHER = re.compile(r"\b(?:number|no\.?|nr\.?|option|variant|version)\s?#?(\d{1,4}|one|two|three|four|five|six)\b")
_BARE_NUMBER = re.compile(r"^(\d{1,4})(?=$|[,.:!]| please| but| again| it is| wins)")
_ORDINAL = re.compile(
    r"\b(first|second|third|fourth|fifth|sixth|1st|2nd|3rd|4th|5th|6th|former|latter|last|left|leftmost|right|rightmost|middle|center)\b"
    r"(?= (?:one|picture|image|version|logo|idea|option|of|is|has|looks|please|but|and|wins|in|with|gets|from|to|for|on|again|needs"
    r"|should|could|can|a|as|at|was|best|better|most|then|instead|too|it|gets|got)\b|[,.!:?;)]|$)"
)
_SIDE = re.compile(r"\bone (?:on|in|at|to) the (left|right|middle|center)\b")
_UNDO = re.compile(
    r"\b(?:undo|undone|revert|rewind|roll(?:ed)? back|ctrl ?\+? ?z|scrap|previous (?:version|picture|one|state)"
    r"|(?:one|two|a|\d) (?:steps?|versions?) back|back (?:one|two|a|\d) (?:steps?|versions?)|take (?:that|it|this) back|go back(?! to )|step back"
    r"|back to (?:before|how|the (?:original|start|beginning|first version))"
    r"|(?:better|nicer|preferred it|liked it|like it|was|one|version|picture|how it was) before|earlier (?:one|version)|old (?:one|version)"
    r"|original|beginning|very first|(?:drop|cancel|forget|discard|reverse) (?:that|this|it|the last|both|all|the)?\s?(?:change|edit|both|all)"
    r"|bring (?:it|that|the old one) back)\b"
)
_TWICE = re.compile(
    r"\b(?:both|twice|(?:last|latest) two|two (?:changes|edits|steps|versions|latest|last)|undo\b.*\bundo|one before too)\b"
)
_ROOT = re.compile(
    r"\b(?:original|very first|beginning|from the start|everything|all (?:the |of )?(?:changes|edits|it)|first version)\b"
)
_WITHOUT = re.compile(
    r"\b(?:version|picture|one|image|was|back|before|return|prefer\w*|liked?)\b.*"
    r"\b(?:without|before|no|had no) (?:(?:the|that|any|a|you added the) )?(\w+)"
)
_DEFINITE = re.compile(r"\b(?:the|that|this|these|those|with) (?=((?:[\w'-]+ ?){1,3}))")
_PRONOUNS = {"her": "f", "she": "f", "hers": "f", "him": "m", "he": "m", "his": "m"}
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
_GENDERED = {"f": frozenset(_WOMEN), "m": frozenset(_MEN)}
_PERSONS = frozenset([*w.PEOPLE, *_OTHERS, *_WOMEN, *_MEN])
_LIVING = _PERSONS | frozenset([*w.ANIMALS, *w.MYTHS])
_COMMON = frozenset(
    w.terms(
        """a an the one ones it its this that picture image version color colour background style thing part way light scene same other rest more
    first second third last left right middle top bottom side back front new next previous before original idea change edit with without of in
    on at and or to for from is be as by like please now make add put look size number two three four all both whole very little bit lot sky
    ground colors details quality resolution mood"""
    )
)


@dataclass(frozen=True, slots=True)
class Targets:
    """Pictures that an operation may point at; empty means any."""

    change: tuple[int, ...] = ()
    """For edit, variation and refine."""
    choose: tuple[int, ...] = ()
    """For select."""


def stem(word: str) -> str:
    """Fold a plural into its singular, roughly; both sides of a comparison are folded alike."""
    word = word.lower().removesuffix("'s")
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def words_of(text: str) -> set[str]:
    """The telling words of a text, folded."""
    return {stem(w) for w in re.findall(r"[^\W_]+", text.lower())} - _COMMON


def resolve(message: str, pictures: Sequence[TinyPicture]) -> Targets:
    """Find what a message (in English words) points at in a picture table."""
    if not pictures:
        return Targets()
    text = " ".join(message.lower().split())
    current = next((p for p in pictures if p.current), pictures[-1])
    if _ROOT.search(text) and (line := _ancestors(current, pictures)):
        return Targets((line[-1].id,), (line[-1].id,))
    named = _by_place(text, pictures)
    if named:
        return Targets(named, named)
    left_out = _without(text, current, pictures)
    if left_out:
        return Targets((left_out,), (left_out,))
    shown = _by_words(text, pictures, current)
    if shown:
        return Targets((shown,), (shown,))
    if _UNDO.search(text) and not _DEFINITE_CURRENT.search(text):
        back = _ancestor(text, current, pictures)
        return Targets((back,), (back,)) if back is not None else Targets((current.id,))
    person = _by_pronoun(text, pictures, current)
    loose = _loosely(text, pictures)
    return Targets((person or current.id,), (loose,) if loose else ())


_DEFINITE_CURRENT = re.compile(r"^(?:i )?(?:really )?(?:like|love|keep)\b")


def _by_place(text: str, pictures: Sequence[TinyPicture]) -> tuple[int, ...]:
    """Numbers and ordinals: of the last batch where there is one, of the table otherwise."""
    known = {p.id for p in pictures}
    together = [p.id for p in pictures if p.batch]
    batch = together or [p.id for p in pictures]
    found: list[int] = []
    for match in [*_BY_ID.finditer(text), *_BARE_NUMBER.finditer(text)]:
        number = _NUMBERS.get(match[1]) or int(match[1])
        place = batch[number - 1 : number] if number else []
        found += [number] if number in known else place
    for match in _BY_EITHER.finditer(text):
        # "Number two" may be the picture's own number or its place among those that came together.
        number = _NUMBERS.get(match[1]) or int(match[1])
        found += [number] if number in known else []
        found += together[number - 1 : number] if number and (together or number not in known) else []
    if found:
        return tuple(dict.fromkeys(found))
    if len(pictures) < 2:
        return ()
    if len(batch) > 1 and re.search(r"\b(?:second (?:to|from) last|next to last|last but one)\b", text):
        return (batch[-2],)
    for match in [*_ORDINAL.finditer(text), *_SIDE.finditer(text)]:
        word = match[1]
        if word in ("last", "latter", "right", "rightmost"):
            found.append(batch[-1])
        elif word in ("left", "leftmost"):
            found.append(batch[0])
        elif word in ("middle", "center"):
            found += [batch[1]] if len(batch) == 3 else []
        elif (together or pictures[0].id == 1) and _ORDINALS[word] <= len(batch):
            found.append(batch[_ORDINALS[word] - 1])
    return tuple(dict.fromkeys(found))


def _without(text: str, current: TinyPicture, pictures: Sequence[TinyPicture]) -> int | None:
    """ "The version without the boat": the nearest ancestor that does not mention it."""
    match = _WITHOUT.search(text)
    if match is None:
        return None
    gone = stem(match[1])
    if gone not in words_of(current.description):
        return None
    return next((p.id for p in _ancestors(current, pictures) if gone not in words_of(p.description)), None)


def _by_words(text: str, pictures: Sequence[TinyPicture], current: TinyPicture) -> int | None:
    """ "The submarine" where the current picture shows none and another does: the newest that does."""
    here = words_of(current.description)
    for match in _DEFINITE.finditer(text):
        telling = [stem(w) for w in re.findall(r"[^\W_]+", match[1])]
        telling = [w for w in telling if w not in _COMMON][:2]
        if not telling:
            continue
        if any(w in here for w in telling):
            return None if not _better_elsewhere(telling, pictures, current) else _newest_with(telling, pictures)
        found = _newest_with(telling, pictures)
        if found is not None:
            return found
    return None


def _newest_with(telling: Sequence[str], pictures: Sequence[TinyPicture]) -> int | None:
    scores = [(sum(w in words_of(p.description) for w in telling), p.id) for p in pictures]
    best = max(scores)
    return best[1] if best[0] else None


def _better_elsewhere(telling: Sequence[str], pictures: Sequence[TinyPicture], current: TinyPicture) -> bool:
    """Whether another picture fits more of the words than the current one does."""
    fits = {p.id: sum(w in words_of(p.description) for w in telling) for p in pictures}
    return max(fits.values()) > fits.get(current.id, 0)


def _loosely(text: str, pictures: Sequence[TinyPicture]) -> int | None:
    """For a choice only: words of the message that stand in exactly one picture."""
    said = words_of(text)
    scores = sorted(((len(said & words_of(p.description)), p.id) for p in pictures), reverse=True)
    if len(scores) > 1 and scores[0][0] > scores[1][0]:
        return scores[0][1]
    return None


def _by_pronoun(text: str, pictures: Sequence[TinyPicture], current: TinyPicture) -> int | None:
    """ "Give her a hat" where the current picture shows nobody: the newest picture with a fitting person."""
    genders = {_PRONOUNS[w] for w in re.findall(r"\w+", text) if w in _PRONOUNS}
    if len(genders) != 1:
        return None
    if words_of(current.description) & _LIVING:
        return None
    for wanted in (_GENDERED[genders.pop()], _PERSONS, _LIVING):
        fitting = [p.id for p in pictures if words_of(p.description) & wanted]
        if fitting:
            return fitting[-1]
    return None


def _ancestors(current: TinyPicture, pictures: Sequence[TinyPicture]) -> list[TinyPicture]:
    """Parent, grandparent and so on, as far as the table shows them."""
    by_id = {p.id: p for p in pictures}
    found: list[TinyPicture] = []
    here: TinyPicture | None = current
    while here is not None and here.parent is not None and len(found) <= len(pictures):
        here = by_id.get(here.parent)
        if here is not None:
            found.append(here)
    return found


def _ancestor(text: str, current: TinyPicture, pictures: Sequence[TinyPicture]) -> int | None:
    """What undoing leads back to."""
    line = _ancestors(current, pictures)
    if not line:
        older = [p.id for p in pictures if p.id < current.id]
        return older[-1] if older else None
    if _ROOT.search(text):
        return line[-1].id
    if _TWICE.search(text) and len(line) > 1:
        return line[1].id
    return line[0].id
