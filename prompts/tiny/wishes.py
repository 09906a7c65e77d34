"""What plain words ask for beside a change: several pictures in one, a look, a part, more canvas, no background.

The tuned model was never taught these. Rules read them from the message, and either write the command themselves or say
what its tags get besides. Only what the engine at hand can do is ever found.
"""

# ruff: noqa: E501 -- patterns read better unwrapped

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from prompts.lexicon import words as w
from prompts.operations import MAX_PARENTS, Skill
from prompts.tiny.format import MAX_DESCRIPTION, TinyPicture, cut
from prompts.tiny.keywords import named
from prompts.tiny.places import by_place
from prompts.tiny.resolve import resolve

_BLEND = re.compile(
    r"\b(?:blend\w*|combin\w+|mix(?:ed|es|ing)?|merg\w+|fus(?:e|ed|ing|ion)|mash ?up|cross(?:ed)? between|put (?=.*\btogether\b)|put (?=.*\bin(?:to)? one\b)"
    r"|(?:ver)?misch\w*|kombinier\w*|mélange\w*|fusionn\w*|mezcla\w*|mescol\w*|mistur\w*)\b"
)
_BLEND_END = re.compile(r"\b(?:together|in(?:to)? one(?: picture| image)?|please|pls)\b")
_AMONG = re.compile(
    r"\s*(?:,|&|\+|\band\b|\bwith\b|\bor\b|\bund\b|\bmit\b|\bet\b|\bavec\b|\by\b|\bcon\b|\be\b|\bthere\b)\s*"
)
_NUMBER = re.compile(r"#?\s?(\d{1,4})")
_BOTH = re.compile(r"\b(?:both|the two|them|these|those)\b")
_TAIL = re.compile(r"\b(?:in|at|on|during|under|by|near|with) (?!one\b|to\b)(?:the |a |an )?[a-z][a-z ]*$")

_PICTURE = r"(?:#\s?\d{1,4}|(?:picture|image|number|pic) #?\d{1,4}|\d{1,4}|(?:the |that )?(?:first|second|third|fourth|last)(?: one| picture| image)?)"
_STYLE = re.compile(
    rf"\b(?:in|with|using) the (?:same )?(?:style|look|colou?rs|palette|manner) (?:of|as|from|like) (?:in )?(?P<picture>{_PICTURE})(?![\w:])"
)
_CHARACTER = re.compile(
    rf"\b(?:with|using|use|take) the (?:same )?(?:character|figure|person|hero|mascot) (?:of|as|from|in|like) (?:in )?(?P<picture>{_PICTURE})(?![\w:])"
)
_STOP = rf"(?:to|into|in|with|be|should|must|a|an|at|and|as|gets?|is|are|so|but|please|instead|{'|'.join(w.COLOURS)})"
_PART = rf"(?:the|his|her|its|their) (?P<part>(?!{_STOP}\b|first\b|second\b|third\b|last\b|one\b|picture\b|image\b)[a-z]+(?: (?!{_STOP}\b)[a-z]+){{0,2}})"
_ONLY = r"(?:only|just|nothing but)"
_VERB = r"(?:make|paint|turn|change|colou?r|recolou?r|edit|replace|redo|redraw)"
_REGION = (
    re.compile(rf"\b{_VERB} {_ONLY} {_PART}"),
    re.compile(rf"\b{_ONLY} {_VERB} {_PART}"),
    re.compile(rf"^(?:please )?{_ONLY} {_PART}(?=[,:]| (?!please\b){_STOP}\b)"),
)
_SIDES = {"left": "left", "right": "right", "top": "up", "up": "up", "bottom": "down", "down": "down"}
_SIDE = rf"(?P<side>{'|'.join(_SIDES)})"
_EXPAND = (
    re.compile(rf"\b(?:pan|extend|expand|outpaint)\b.{{0,20}}\b{_SIDE}\b"),
    re.compile(rf"\b(?:more|extra|add)(?: more)? (?:space|room|canvas|scenery|background)\b.{{0,12}}\b{_SIDE}\b"),
    re.compile(
        r"\b(?:zoom(?:ed)? (?:it )?out|zoom(?:e|en|t)? (?:\w+ )?(?:raus|heraus|aus)|dézoome\w*|outpaint|step back a bit|(?:wider|larger|bigger) (?:view|frame|canvas)"
        r"|(?:more|extra) (?:space|room|canvas) (?:around|everywhere|on all sides)|expand the (?:picture|image|canvas)|(?:show|see) more of the (?:scene|surroundings))\b"
    ),
)
_CUT_OUT = re.compile(
    r"\b(?:remove|delete|erase|drop|lose|take away|get rid of|cut (?:away|out)) (?:the|its|that) background\b|\bmake (?:the|its) background transparent\b"
    r"|\bcut (?:it|him|her|them|the \w+) out\b"
)
_FREE = re.compile(r"\b(?:transparent|no|without (?:a|any|the)?) ?background\b|\bbackground-?less\b")
_PLACE = re.compile(r",? (?:on|in|at|by|under|near|over|against|during|during the|before|beside) .*$")


@dataclass(frozen=True, slots=True)
class Wish:
    """What the tags get besides, or the whole command."""

    line: str | None = None
    """The command, where the rules know all of it and the model is not asked."""
    message: str | None = None
    """What the model is asked, without what is known already; None: the message as it is."""
    others: tuple[int, ...] = ()
    """Pictures beside the one that is changed, or beside none."""
    role: str | None = None
    region: str | None = None
    expand: str | None = None
    background: str | None = None


NOTHING = Wish()


def wish(message: str, pictures: Sequence[TinyPicture], skills: frozenset[Skill]) -> Wish:
    """Read it from a message in English words.

    Args:
        pictures: Those of the table.
        skills: What the engine at hand can do.
    """
    text = " ".join(message.lower().split())
    if not skills:
        return NOTHING
    free = "none" if Skill.FREE in skills and _FREE.search(text) else None
    if not pictures:
        return Wish(background=free)
    found = (
        (Skill.SEVERAL in skills and _blend(text, pictures))
        or (Skill.STYLE in skills and _taken_over(_STYLE, "style", message, pictures))
        or (Skill.CHARACTER in skills and _taken_over(_CHARACTER, "character", message, pictures))
        or (Skill.EXPAND in skills and _expand(text, pictures))
        or (Skill.FREE in skills and _cut_out(text, pictures))
        or (Skill.REGION in skills and _region(text))
    )
    return found or Wish(background=free)


def _blend(text: str, pictures: Sequence[TinyPicture]) -> Wish | None:
    verb = _BLEND.search(text)
    if verb is None:
        return None
    rest = _BLEND_END.sub("", text[verb.end() :]).strip(" .!?")
    tail = _TAIL.search(rest)
    meant = rest[: tail.start()] if tail else rest
    numbers = _meant(meant, pictures) or (_meant(rest, pictures) if tail else ())
    if not 1 < len(numbers) <= MAX_PARENTS:
        return None
    shown = {picture.id: picture.description for picture in pictures}
    subjects = [_PLACE.sub("", shown[number]).strip(" ,.") for number in numbers]
    place = (
        f" {tail[0]}" if tail and meant != rest and _meant(meant, pictures) else shown[numbers[0]][len(subjects[0]) :]
    )
    description = cut(" and ".join(dict.fromkeys(subjects)) + place, MAX_DESCRIPTION)
    return Wish(line=f"edit {numbers[0]} large: {description}", others=numbers[1:])


def _meant(text: str, pictures: Sequence[TinyPicture]) -> tuple[int, ...]:
    """Pictures that a list names, each of its parts one; empty where a part names none."""
    known = {picture.id for picture in pictures}
    if _BOTH.search(text):
        batch = [picture.id for picture in pictures if picture.batch]
        return tuple((batch if len(batch) == 2 else sorted(known))[-2:])
    found: list[int] = []
    current = next((picture for picture in pictures if picture.current), pictures[-1])
    for part in filter(None, _AMONG.split(text)):
        bare = _NUMBER.fullmatch(
            part.removeprefix("pictures ").removeprefix("picture ").removeprefix("images ").strip()
        )
        number = int(bare[1]) if bare else None
        if number is None:
            placed = by_place(part, pictures)
            number = placed[0] if len(placed) == 1 else named(part, pictures, current)
        if number not in known:
            return ()
        assert number is not None
        found.append(number)
    return tuple(dict.fromkeys(found))


def _taken_over(pattern: re.Pattern[str], role: str, message: str, pictures: Sequence[TinyPicture]) -> Wish | None:
    """ "Draw a boat in the style of #2": the model is asked for the boat."""
    found = pattern.search(message.lower())
    if found is None:
        return None
    numbers = _meant(found["picture"].strip(), pictures)
    if len(numbers) != 1:
        return None
    rest = (message[: found.start()] + message[found.end() :]).strip()
    return Wish(message=rest or message, others=numbers, role=role)


def _expand(text: str, pictures: Sequence[TinyPicture]) -> Wish | None:
    for pattern in _EXPAND:
        if found := pattern.search(text):
            side = found.groupdict().get("side")
            return _as_it_is(text, pictures, expand=_SIDES[side] if side else "all")
    return None


def _cut_out(text: str, pictures: Sequence[TinyPicture]) -> Wish | None:
    return _as_it_is(text, pictures, background="none") if _CUT_OUT.search(text) else None


def _as_it_is(
    text: str, pictures: Sequence[TinyPicture], *, expand: str | None = None, background: str | None = None
) -> Wish:
    """The picture that is talked about, what it shows unchanged."""
    (target, *_) = resolve(text, pictures).change or (pictures[-1].id,)
    description = next(picture.description for picture in pictures if picture.id == target)
    line = f"edit {target} small: {cut(description, MAX_DESCRIPTION)}"
    return Wish(line=line, expand=expand, background=background)


def _region(text: str) -> Wish | None:
    found = next(filter(None, (pattern.search(text) for pattern in _REGION)), None)
    return Wish(region=f"the {found['part'].strip()}") if found else None
