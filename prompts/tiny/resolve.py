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

from prompts.tiny.format import TinyPicture
from prompts.tiny.keywords import GENDERED, LIVING, PERSONS, named, others_named, spelled, stem, words_of
from prompts.tiny.places import by_place

_UNDO = re.compile(
    r"\b(?:undo|undone|revert|rewind|roll(?:ed)? back|ctrl ?\+? ?z|scrap (?:that|this|it|the last|both|all)|previous (?:version|picture|one|state)"
    r"|(?:one|two|a|\d) (?:steps?|versions?) back|back (?:one|two|a|\d) (?:steps?|versions?)|take (?:that|it|this) back|take back|(?:last|latest) (?:two|2) (?:steps|changes|edits|versions)|go back(?! to )|step back"
    r"|back to (?:before|how|the (?:original|start|beginning|first version))"
    r"|(?:better|nicer|preferred it|liked it|like it|was|one|version|picture|how it was) before|earlier (?:one|version)|old (?:one|version)"
    r"|original|beginning|very first|(?:drop|cancel|forget|discard|reverse) (?:that|this|it|the last|both|all|the)?\s?(?:change|edit|both|all)"
    r"|bring (?:it|that|the old one) back)\b"
)
_TWICE = re.compile(
    r"\b(?:both|twice|(?:last|latest) (?:two|2)|(?:two|2) (?:changes|edits|steps|versions|latest|last)|undo\b.*\bundo|(?:two|2) (?:undos|ctrl)|one before (?:too|as well))\b"
)
_ROOT = re.compile(
    r"\b(?:the original|original (?:one|picture|version|image|state|drawing)|very first|(?:the|at|from) (?:the )?(?:beginning|start)|first (?:version|draft)|where (?:we|i|it) (?:started|began)"
    r"|(?:undo|undone|revert|drop|cancel|discard|forget|reset|reverse|scrap) (?:it all|everything|all)|all (?:the |of the |of these |these |those |of )?(?:changes|edits))\b"
)
_WITHOUT = re.compile(
    r"\b(?:version|picture|one|image|was|back|before|return|prefer\w*|liked?)\b.*"
    r"\b(?:without|before|no|had no) (?:(?:the|that|any|a|you added the) )?(\w+)"
)
_PRONOUNS = {"her": "f", "she": "f", "hers": "f", "him": "m", "he": "m", "his": "m"}


@dataclass(frozen=True, slots=True)
class Targets:
    """Pictures that an operation may point at; empty means any."""

    change: tuple[int, ...] = ()
    """For edit, variation and refine."""
    choose: tuple[int, ...] = ()
    """For select."""


def resolve(message: str, pictures: Sequence[TinyPicture]) -> Targets:
    """Find what a message (in English words) points at in a picture table."""
    if not pictures:
        return Targets()
    text = " ".join(message.lower().split())
    current = next((p for p in pictures if p.current), pictures[-1])
    if _ROOT.search(text) and (line := _ancestors(current, pictures)):
        return Targets((line[-1].id,), (line[-1].id,))
    numbered = by_place(text, pictures)
    if numbered:
        return Targets(numbered, numbered)
    text = spelled(text, pictures)
    left_out = _without(text, current, pictures)
    if left_out:
        return Targets((left_out,), (left_out,))
    shown = _by_words(text, pictures, current)
    if shown:
        others = others_named(text, pictures, current, shown)
        return Targets((shown, *others), (shown,))
    if named(re.split(r"[,;]| and ", text)[0], pictures, current) == current.id:
        others = others_named(text, pictures, current, current.id)
        if others:
            return Targets((current.id, *others))
    if undoes(text):
        back = _ancestor(text, current, pictures)
        return Targets((back,), (back,)) if back is not None else Targets((current.id,))
    person = _by_pronoun(text, pictures, current)
    loose = _loosely(text, pictures)
    return Targets((person or current.id,), (loose,) if loose else ())


def undoes(message: str) -> bool:
    """Whether a message (in English words) wants a change taken back."""
    text = " ".join(message.lower().split())
    return _UNDO.search(text) is not None and _DEFINITE_CURRENT.search(text) is None


_DEFINITE_CURRENT = re.compile(r"^(?:i )?(?:really )?(?:like|love|keep)\b")


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
    found = named(text, pictures, current)
    return None if found == current.id else found


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
    if words_of(current.description) & LIVING:
        return None
    for wanted in (GENDERED[genders.pop()], PERSONS, LIVING):
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
