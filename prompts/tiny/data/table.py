"""Picture tables as they stand after some turns, and one training example."""

from __future__ import annotations

import random
from dataclasses import dataclass

from prompts.tiny.data import words as w
from prompts.tiny.data.edits import edit
from prompts.tiny.data.scene import Scene, scene
from prompts.tiny.format import MAX_DESCRIPTION, TABLE_LENGTH, TinyPicture, TinyTurn


@dataclass(frozen=True, slots=True)
class Example:
    """One turn and the command line that answers it."""

    category: str
    turn: TinyTurn
    command: str


@dataclass
class Row:
    """A picture of the table with the scene behind its description."""

    id: int
    scene: Scene
    parent: int | None = None
    batch: bool = False
    current: bool = False


Table = list[Row]


def pictures(table: Table) -> tuple[TinyPicture, ...]:
    """The table as the prompt's dataclasses."""
    return tuple(
        TinyPicture(r.id, str(r.scene)[:MAX_DESCRIPTION], r.parent, r.batch, r.current) for r in table[-TABLE_LENGTH:]
    )


def first_id(rng: random.Random) -> int:
    """Threads mostly start at 1; old ones have left the start behind."""
    return 1 if rng.random() < 0.75 else rng.randint(2, 40)


def some_table(rng: random.Random, size: int | None = None) -> Table:
    """A table after a few turns: new pictures, edits, batches."""
    wanted = size or rng.choice([1, 1, 1, 2, 2, 3, 4, 5])
    table: Table = []
    number = first_id(rng)
    while len(table) < wanted:
        kind = rng.random()
        if table and kind < 0.5:
            parent = table[-1] if rng.random() < 0.8 else rng.choice(table)
            child = edit(rng, parent.scene).scene if rng.random() < 0.8 else parent.scene
            _newest(table, [Row(number, child, parent.id)])
        elif kind < 0.65 and wanted > 1:
            _newest(table, [Row(number + i, s) for i, s in enumerate(batch_scenes(rng))])
        else:
            _newest(table, [Row(number, scene(rng))])
        number = table[-1].id + 1
    if len(table) > 1 and rng.random() < 0.22:
        rng.choice(table[:-1]).current = True
    return table[-TABLE_LENGTH:]


def _newest(table: Table, rows: list[Row]) -> None:
    """Append rows as the newest reply's: only they are marked as a batch, and only if several."""
    for row in table:
        row.batch = False
    for row in rows:
        row.batch = len(rows) > 1
    table += rows


def batch_scenes(rng: random.Random) -> list[Scene]:
    """Pictures of one reply: the same words, variants of an idea, or different things."""
    n = rng.choice([2, 2, 3, 3, 4])
    kind = rng.random()
    first = scene(rng)
    if kind < 0.35:
        return [first] * n
    if kind < 0.65:
        return [first] + [edit(rng, first).scene for _ in range(n - 1)]
    return [scene(rng, 0.3 if kind < 0.8 else None) for _ in range(n)]


def batch_table(rng: random.Random) -> Table:
    """A table whose newest pictures came together."""
    table = some_table(rng, rng.choice([1, 1, 2])) if rng.random() < 0.3 else []
    start = table[-1].id + 1 if table else first_id(rng)
    for row in table:
        row.current = False
    _newest(table, [Row(start + i, s) for i, s in enumerate(batch_scenes(rng))])
    return table[-TABLE_LENGTH:]


def different_table(rng: random.Random, n: int) -> Table:
    """Pictures of different subjects, some of them edited once."""
    table: Table = []
    number = first_id(rng)
    seen: set[str] = set()
    while len(table) < n:
        s = scene(rng)
        if s.noun in seen:
            continue
        seen.add(s.noun)
        _newest(table, [Row(number, s)])
        number += 1
        if rng.random() < 0.3 and len(table) < n:
            child = edit(rng, s).scene
            if child.noun == s.noun:
                _newest(table, [Row(number, child, number - 1)])
                number += 1
    return table


def chain_table(rng: random.Random, n: int) -> Table:
    """One picture and its edits, one after the other."""
    table: Table = []
    number = first_id(rng)
    if rng.random() < 0.25:
        _newest(table, [Row(number, scene(rng))])
        number += 1
    _newest(table, [Row(number, scene(rng))])
    for _ in range(n - 1):
        number += 1
        _newest(table, [Row(number, edit(rng, table[-1].scene).scene, number - 1)])
    return table[-TABLE_LENGTH:]


def current_of(table: Table) -> Row:
    """What "it" means: the selected picture, else the newest."""
    return next((r for r in table if r.current), table[-1])


def maybe_table(rng: random.Random, chance: float = 0.45) -> Table:
    """A table, or none: the thread has no picture yet."""
    return some_table(rng) if rng.random() < chance else []


_STARTS = [
    "hey, ",
    "ok, ",
    "please, ",
    "um, ",
    "so, ",
    "hi! ",
    "well, ",
    "great, ",
    "nice! ",
    "thanks! ",
    "hmm, ",
    "now ",
]
_ENDS = [" pls", " thanks", " please", " :)", ", thank you", " for me", " plz", " now", "!!", " then"]


def as_typed(rng: random.Random, message: str) -> str:
    """Write a message as people type: case, punctuation, courtesy, a typo now and then."""
    text = " ".join(message.split())
    text = text.lower() if rng.random() < 0.4 else text[0].upper() + text[1:]
    if text[-1] in "?.!":
        text = text[:-1] if rng.random() < 0.25 else text
    elif rng.random() < 0.3:
        text += rng.choice([".", "!", "."])
    if rng.random() < 0.07:
        text = rng.choice(_STARTS) + text[0].lower() + text[1:]
    if rng.random() < 0.07 and text[-1] not in "?.!":
        text += rng.choice(_ENDS)
    if rng.random() < 0.06 and len(text) > 6:
        i = rng.randrange(4, len(text))
        if text[i].isalpha():
            text = text[:i] + text[i + 1 :] if rng.random() < 0.5 else text[:i] + text[i] + text[i:]
    return text


def number_words(rng: random.Random, n: int) -> str:
    """A count as people say it."""
    words = {2: ["a couple of", "two", "two", "2", "a pair of"], 3: ["three", "three", "3", "a few", "three different"],
             4: ["four", "4", "several", "four different"], 5: ["five", "5"], 6: ["six", "6", "half a dozen"],
             7: ["seven", "7"], 8: ["eight", "8"], 9: ["nine", "9", "ten", "a dozen", "10", "twelve"]}  # fmt: skip
    return rng.choice(words.get(n, [w.NUMBERS[n] if n < len(w.NUMBERS) else str(n)]))
