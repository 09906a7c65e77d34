"""Pictures that a message points at by number and place: "#4", "number two", "the last one", "the left one"."""

# ruff: noqa: E501 -- patterns and word lists read better unwrapped

from __future__ import annotations

import re
from collections.abc import Sequence

from prompts.lexicon import words as w
from prompts.tiny.format import TinyPicture
from prompts.tiny.keywords import stem, words_of

_ORDINALS = {
    "first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "fifth": 5, "5th": 5,
    "sixth": 6, "6th": 6, "former": 1,
}  # fmt: skip
_NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_TEENS = {
    name: number
    for number, name in enumerate(
        w.terms(
            "seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty"
        ),
        start=7,
    )
}
_BY_ID = re.compile(r"(?:#\s?|\b(?:picture|image|pic)\s?#?)(\d{1,4}|one|two|three|four|five|six)\b")
_BY_EITHER = re.compile(r"\b(?:number|no\.?|nr\.?|option|variant|version)\s?#?(\d{1,4}|one|two|three|four|five|six)\b")
_AFTER_NUMBER = r"(?=$|[,.:;!?)]| (?:please|but|and|again|it is|is|was|wins|should|could|looks|has|in|with|at|as|then|too|instead|better|best|for)\b)"
_BARE_NUMBER = re.compile(rf"^(?:(\d{{1,4}})|({'|'.join(_TEENS)})){_AFTER_NUMBER}")
_LARGE_NUMBER = re.compile(rf"(?<![\w#.,:])(\d{{1,4}}){_AFTER_NUMBER}")
_AFTER_PLACE = (
    r"(?= (?:one|picture|image|version|idea|option|draft|concept|design|sketch|variant|proposal|suggestion|attempt|try|drawing|photo|pic|shot|direction"
    r"|of|is|has|looks|please|but|and|wins|in|with|gets|from|to|for|on|again|needs"
    r"|should|could|can|a|as|at|was|best|better|most|then|instead|too|it|gets|got)\b|[,.!:?;)]|$"
    rf"| (?:{'|'.join(w.COLOURS)})(?:$|[,.!;]| and\b| please\b))"
)
_ORDINAL = re.compile(
    rf"\b((?:first|second|third|fourth|fifth|sixth|last)\b{_AFTER_PLACE}|1st|2nd|3rd|4th|5th|6th|former|latter)"
)
_SIDE_WORD = re.compile(
    rf"\b(?:(?<=the )(?<!on the )(?<!in the )(?<!at the )(?<!to the )(?<!from the )(left|leftmost|right|rightmost|middle|center)\b{_AFTER_PLACE}"
    r"|(left|leftmost|right|rightmost|middle|center)\b(?= (?:one|picture|image|version|option|variant)\b))"
)
_ORDINAL_NOUN = re.compile(r"\b(first|second|third|fourth|fifth|sixth|last)(?= ([^\W\d_]+))")
_SEVERAL_ORDINALS = re.compile(r"\b(first|second|third|fourth|fifth|sixth|last)\b")
_SIDE = re.compile(r"\bone (?:on|in|at|to) the (left|right|middle|center)\b")


def by_place(text: str, pictures: Sequence[TinyPicture]) -> tuple[int, ...]:
    """Numbers and ordinals: of the last batch where there is one, of the table otherwise."""
    known = {p.id for p in pictures}
    together = [p.id for p in pictures if p.batch]
    batch = together or [p.id for p in pictures]
    found = _by_number(text, known, together, batch)
    if len(pictures) < 2:
        return tuple(dict.fromkeys(found))
    if len(batch) > 1 and not found and re.search(r"\b(?:second (?:to|from) last|next to last|last but one)\b", text):
        return (batch[-2],)
    counted = bool(together) or pictures[0].id == 1
    for match in [*_ORDINAL.finditer(text), *_SIDE_WORD.finditer(text), *_SIDE.finditer(text)]:
        found += _ordinal(match[1] or match[2], batch, counted=counted)
    described = {p.id: words_of(p.description) for p in pictures} if not found else {}
    for match in _ORDINAL_NOUN.finditer(text):
        # "The third sticker" is the third picture, if that one shows a sticker.
        found += [n for n in _ordinal(match[1], batch, counted=counted) if stem(match[2]) in described.get(n, ())]
    several = list(dict.fromkeys(_SEVERAL_ORDINALS.findall(text)))
    if len(several) > 1:
        found = [n for word in several for n in _ordinal(word, batch, counted=counted)]
    return tuple(dict.fromkeys(found))


def _by_number(text: str, known: set[int], together: list[int], batch: list[int]) -> list[int]:
    """ "#4", "picture 2", "number two", and a number that stands alone."""
    found: list[int] = []
    for match in _BY_ID.finditer(text):
        number = _NUMBERS.get(match[1]) or int(match[1])
        found += [number] if number in known else batch[number - 1 : number] if number else []
    if (bare := _BARE_NUMBER.match(text)) is not None:
        number = int(bare[1]) if bare[1] else _TEENS[bare[2]]
        found += [number] if number in known else batch[number - 1 : number] if number else []
    # In the middle of a sentence a small number counts things: "with 3 birds".
    found += [n for n in map(int, _LARGE_NUMBER.findall(text)) if n > len(_NUMBERS) and n in known]
    for match in _BY_EITHER.finditer(text):
        # "Number two" may be the picture's own number or its place among those that came together.
        number = _NUMBERS.get(match[1]) or int(match[1])
        found += [number] if number in known else []
        found += together[number - 1 : number] if number and (together or number not in known) else []
    return found


def _ordinal(word: str, batch: list[int], *, counted: bool) -> list[int]:
    """The picture at a place; `counted` says whether the first one shown is the first one there is."""
    if word in ("last", "latter", "right", "rightmost"):
        return [batch[-1]]
    if word in ("left", "leftmost"):
        return [batch[0]]
    if word in ("middle", "center"):
        return [batch[1]] if len(batch) == 3 else []
    place = _ORDINALS[word]
    return [batch[place - 1]] if counted and place <= len(batch) else []
