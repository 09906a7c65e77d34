"""Directions of a brainstorm: what a language model is asked, and what is read of its answer in any shape."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from imaging.model import Vocabulary
from imaging.words import FUNCTION, split_words

MAX_TITLE: Final = 40
MAX_WHY: Final = 200
MAX_DESCRIPTION: Final = 600
LONGEST: Final = 40_000
"""Characters of an answer that are read."""
ALIKE: Final = 0.6
"""From this likeness (`likeness`, 0 to 1) on, a direction repeats another one."""

LEAST: Final = 2
"""So many words with a meaning has an idea that stands on a line by itself."""

_SYSTEM = (
    "You lead a team's visual brainstorm. Write exactly {count} directions that are as different from each other as "
    "they can be: another idea each, another medium, mood, viewpoint and setting. Answer with one JSON array only, of "
    'objects {{"title": "…", "why": "…", "description": "…"}}. title: a name of at most 40 characters; why: one short '
    "sentence, why it may work; description: one line for an image generator, the subject first, then medium, "
    "setting, light. Write in the language of the topic."
)
_KNOWN = (
    " The image generator knows only these things: {things}; these backgrounds: {backgrounds}; these colours: "
    "{colours}. Write descriptions in English with these words alone, at most two things each."
)
_OF_EACH = (
    " Direction 1 to {count} must be, in this order:\n{wanted}\nTake up what people wrote, where they wrote of it; "
    "a description always says the whole picture."
)
_FIELDS: Final = {
    "title": ("title", "name", "titel", "titre", "título", "标题", "タイトル"),
    "why": ("why", "reason", "rationale", "because", "warum", "pourquoi", "por qué", "理由"),
    "description": ("description", "prompt", "image", "picture", "beschreibung", "descripción", "描述", "説明"),
}
_NAMES: Final = {name: field for field, names in _FIELDS.items() for name in names}
_LABEL = re.compile(rf"^\W*({'|'.join(map(re.escape, _NAMES))})\W*[:：]\s*(.*)$", re.IGNORECASE)
_ITEM = re.compile(r"^\s*(?:#+\s*)?(?:\*\*\s*)?(?:(?:\d{1,2}|[a-h])\s*[.)、:：]|[-*•–]\s)\s*(.+)$", re.IGNORECASE)
_SPLIT = re.compile(r"\s+[—–|-]\s+|\s*[:：]\s+|\*\*\s*[:：—–-]?\s*")
_DECODER = json.JSONDecoder(strict=False)


@dataclass(frozen=True, slots=True)
class Direction:
    """One idea in words, each on one line: at most `MAX_TITLE`, `MAX_WHY` and `MAX_DESCRIPTION` characters."""

    title: str
    why: str
    description: str


def system_text(count: int, vocabulary: Vocabulary | None = None, wanted: Sequence[str] = ()) -> str:
    """What the model is told. `wanted`: what each of the first directions must be, for a later round."""
    text = _SYSTEM.format(count=count)
    if vocabulary is not None:
        known = {name: ", ".join(getattr(vocabulary, name)) for name in ("things", "backgrounds", "colours")}
        text += _KNOWN.format(**known)
    if wanted:
        listed = "\n".join(f"{number}. {what}" for number, what in enumerate(wanted, 1))
        text += _OF_EACH.format(count=len(wanted), wanted=listed)
    return text


def read_directions(answer: str) -> list[Direction]:
    """All directions of an answer, in order: a JSON array, objects one by one, in fences or with chatter around them,
    cut off, or a list in words. Empty where there is none."""
    text = answer[:LONGEST]
    found = [direction for data in _objects(text) if (direction := _of_fields(data)) is not None]
    return found or [direction for item in _items(text) if (direction := _of_lines(item)) is not None]


def likeness(one: Direction, other: Direction) -> float:
    """How much two directions say the same, 0 to 1: of the words of the shorter description, those that both have; or
    1 for the same title."""
    if one.title.casefold() == other.title.casefold():
        return 1.0
    a, b = _marks(one.description), _marks(other.description)
    return len(a & b) / min(len(a), len(b)) if a and b else 0.0


def different(directions: Sequence[Direction], from_: Sequence[Direction] = (), shared: str = "") -> list[Direction]:
    """Those that repeat neither an earlier one nor any of `from_`. Words of the topic (`shared`) are everybody's."""
    kept: list[Direction] = []
    common = _marks(shared)
    for direction in directions:
        bare = Direction(direction.title, "", _without(direction.description, common))
        earlier = (Direction(o.title, "", _without(o.description, common)) for o in (*from_, *kept))
        if all(likeness(bare, other) < ALIKE for other in earlier):
            kept.append(direction)
    return kept


def _without(description: str, marks: frozenset[str]) -> str:
    left = _marks(description) - marks
    return " ".join(sorted(left)) if len(left) > 1 else description


def _marks(text: str) -> frozenset[str]:
    """Content words; where words are not set apart (Chinese, Japanese, Thai), pairs of characters."""
    words = [word for word in split_words(text) if word not in FUNCTION]
    return frozenset(
        mark
        for word in words
        for mark in ([word] if word.isascii() or len(word) < 4 else [word[at : at + 2] for at in range(len(word) - 1)])
    )


def _objects(text: str) -> Iterator[Mapping[str, Any]]:
    """Every JSON object that is whole and holds no other."""
    at = text.find("{")
    while at >= 0:
        try:
            data, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            data, end = None, at + 1
        if isinstance(data, dict):
            lists = [value for value in data.values() if isinstance(value, list)]
            yield from [one for value in lists for one in value if isinstance(one, dict)] or [data]
        at = text.find("{", end)


def _of_fields(data: Mapping[str, Any]) -> Direction | None:
    told = {_NAMES.get(str(key).strip().casefold(), ""): value for key, value in data.items()}
    return _direction(*(str(told.get(field) or "") for field in _FIELDS))


def _items(text: str) -> Iterator[list[str]]:
    """The lines of each item of a list."""
    item: list[str] = []
    for line in text.splitlines():
        begins = _ITEM.match(line)
        labelled = begins is not None and _LABEL.match(begins[1]) is not None
        if begins is not None and not (labelled and item and not _is_title(begins[1])):
            if item:
                yield item
            item = [begins[1]]
        elif item and line.strip():
            item.append(begins[1] if begins else line.strip())
    if item:
        yield item


def _is_title(line: str) -> bool:
    label = _LABEL.match(line)
    return label is not None and _NAMES[label[1].casefold()] == "title"


def _of_lines(lines: Sequence[str]) -> Direction | None:
    told = dict.fromkeys(_FIELDS, "")
    free: list[str] = []
    for line in lines:
        label = _LABEL.match(line)
        if label is not None:
            told[_NAMES[label[1].casefold()]] = label[2]
        else:
            free += [part for part in _SPLIT.split(line) if part and part.strip(" *_")]
    for field in ("title", "why", "description") if len(free) + sum(map(bool, told.values())) > 2 else (
        "title", "description", "why"
    ):  # fmt: skip
        if not told[field] and free:
            told[field] = free.pop(0)
    if free:
        told["description"] = " ".join((told["description"], *free))
    if not told["why"] and not told["description"] and len(_marks(told["title"])) < LEAST:
        return None  # a line of a list that is no idea
    return _direction(told["title"], told["why"], told["description"])


def _direction(title: str, why: str, description: str) -> Direction | None:
    title, why, description = (_plain(text) for text in (title, why, description))
    description = description or why or title
    if not description:
        return None
    return Direction(cut(title or description, MAX_TITLE), cut(why, MAX_WHY), cut(description, MAX_DESCRIPTION))


def _plain(text: str) -> str:
    """One line without tags, marks and what nobody sees."""
    bare = re.sub(r"<[^<>]{0,200}>", " ", text)
    return " ".join("".join(char if char.isprintable() else " " for char in bare).split()).strip(' *_`"“”<>')


def cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip(" ,;:") + "…"
