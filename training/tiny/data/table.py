"""Picture tables as they stand after some turns, and one training example."""

# ruff: noqa: E501 -- phrase tables and their slots read better unwrapped

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from prompts.lexicon import words as lexicon
from prompts.tiny.format import MAX_DESCRIPTION, TABLE_LENGTH, TinyPicture, TinyTurn
from training.tiny.data import make
from training.tiny.data import words as w
from training.tiny.data.changes_parts import edit
from training.tiny.data.phrases import words
from training.tiny.data.picture import Picture


@dataclass(frozen=True, slots=True)
class Example:
    """One turn and the command line that answers it."""

    category: str
    turn: TinyTurn
    command: str


@dataclass
class Row:
    """A picture of the table with the parts behind its description."""

    id: int
    picture: Picture
    parent: int | None = None
    batch: bool = False
    current: bool = False


Table = list[Row]


def shown(table: Table) -> tuple[TinyPicture, ...]:
    """The table as the prompt's dataclasses."""
    return tuple(
        TinyPicture(r.id, str(r.picture)[:MAX_DESCRIPTION], r.parent, r.batch, r.current) for r in table[-TABLE_LENGTH:]
    )


def example(
    rng: random.Random, category: str, table: Table, message: str, command: str, before: str | None = None
) -> Example:
    """An example with the message as people type it."""
    if rng.random() < PIDGIN_SHARE:
        message = _pidgin(rng, message)
    return Example(category, TinyTurn(as_typed(rng, message), shown(table), before), command)


PIDGIN_SHARE = 0.04
_SMALL_WORDS = frozenset(lexicon.terms("a an the of to is are be it could would can you we i me do does"))


def _pidgin(rng: random.Random, message: str) -> str:
    """English as it comes out of a word-by-word translation: small words missing, strange ones left, the verb last."""
    said = [x for x in message.split() if x.lower() not in _SMALL_WORDS or rng.random() < 0.5]
    if len(said) > 3 and rng.random() < 0.4:
        said.append(said.pop(0).lower())
    for _ in range(rng.choice([0, 1, 1, 2])):
        parts = words("syllables")
        said.insert(rng.randrange(len(said) + 1), rng.choice(parts) + rng.choice(parts))
    return " ".join(said) or message


def first_id(rng: random.Random) -> int:
    """Threads mostly start at 1; old ones have left the start behind."""
    return 1 if rng.random() < 0.72 else rng.randint(2, 60)


def _newest(table: Table, rows: list[Row]) -> None:
    """Append rows as the newest reply's: only they are marked as a batch, and only if several."""
    for row in table:
        row.batch = False
    for row in rows:
        row.batch = len(rows) > 1
    table += rows


def some_table(rng: random.Random, size: int | None = None) -> Table:
    """A table after a few turns: new pictures, edits, variations, batches."""
    wanted = size or rng.choice([1, 1, 1, 2, 2, 3, 4, 5])
    table: Table = []
    number = first_id(rng)
    while len(table) < wanted:
        kind = rng.random()
        if table and kind < 0.5:
            parent = table[-1] if rng.random() < 0.8 else rng.choice(table)
            child = edit(rng, parent.picture).picture if rng.random() < 0.8 else parent.picture
            _newest(table, [Row(number, child, parent.id)])
        elif kind < 0.65 and wanted > 1:
            _newest(table, [Row(number + i, p) for i, p in enumerate(batch_pictures(rng))])
        else:
            _newest(table, [Row(number, make.picture(rng))])
        number = table[-1].id + 1
    if len(table) > 1 and rng.random() < 0.22:
        rng.choice(table[:-1]).current = True
    return table[-TABLE_LENGTH:]


def single_table(rng: random.Random) -> Table:
    """The most common state: one picture."""
    return [Row(first_id(rng), make.picture(rng))]


def batch_pictures(rng: random.Random) -> list[Picture]:
    """Pictures of one reply: the same words, variants of an idea, or different things."""
    n = rng.choice([2, 2, 3, 3, 4])
    kind = rng.random()
    first = make.picture(rng)
    if kind < 0.3:
        return [first] * n
    if kind < 0.6:
        return [first] + [edit(rng, first).picture for _ in range(n - 1)]
    if kind < 0.75:
        # Directions for one idea, each in another manner.
        return [make.picture(rng, 0.7, first.noun) for _ in range(n)]
    return [make.picture(rng, 0.3 if kind < 0.85 else None) for _ in range(n)]


def batch_table(rng: random.Random) -> Table:
    """A table whose newest pictures came together."""
    table = some_table(rng, rng.choice([1, 1, 2])) if rng.random() < 0.3 else []
    start = table[-1].id + 1 if table else first_id(rng)
    for row in table:
        row.current = False
    _newest(table, [Row(start + i, p) for i, p in enumerate(batch_pictures(rng))])
    return table[-TABLE_LENGTH:]


def different_table(rng: random.Random, n: int | None = None) -> Table:
    """Pictures of different subjects, some of them edited once."""
    n = n or rng.choice([2, 3, 3, 4, 5])
    table: Table = []
    number = first_id(rng)
    seen: set[str] = set()
    while len(table) < n:
        p = make.picture(rng)
        if p.noun in seen:
            continue
        seen.add(p.noun)
        _newest(table, [Row(number, p)])
        number += 1
        if rng.random() < 0.3 and len(table) < n:
            child = edit(rng, p).picture
            if child.noun == p.noun:
                _newest(table, [Row(number, child, number - 1)])
                number += 1
    if len(table) > 1 and rng.random() < 0.12:
        rng.choice(table[:-1]).current = True
    return table


def chain_table(rng: random.Random, n: int | None = None) -> Table:
    """One picture and its edits, one after the other."""
    n = n or rng.choice([2, 2, 3, 3, 4, 5])
    table: Table = []
    number = first_id(rng)
    if rng.random() < 0.25:
        _newest(table, [Row(number, make.picture(rng))])
        number += 1
    _newest(table, [Row(number, make.picture(rng))])
    for _ in range(n - 1):
        number += 1
        _newest(table, [Row(number, edit(rng, table[-1].picture).picture, number - 1)])
    return table[-TABLE_LENGTH:]


TABLES: dict[Callable[[random.Random], Table], float] = {
    single_table: 30, some_table: 22, batch_table: 20, different_table: 16, chain_table: 16,
}  # fmt: skip


def any_table(rng: random.Random) -> Table:
    """A table of any kind."""
    return rng.choices(list(TABLES), list(TABLES.values()))[0](rng)


def current_of(table: Table) -> Row:
    """What "it" means: the selected picture, else the newest."""
    return next((r for r in table if r.current), table[-1])


def ancestors(table: Table, row: Row) -> list[Row]:
    """Parent, grandparent and so on, as far as the table shows them."""
    by_id = {r.id: r for r in table}
    found: list[Row] = []
    while row.parent in by_id:
        row = by_id[row.parent]
        found.append(row)
    return found


_STARTS = ("hey, ", "ok, ", "please, ", "um, ", "so, ", "hi! ", "well, ", "great, ", "hmm, ", "now ")


def as_typed(rng: random.Random, message: str) -> str:
    """Write a message as people type: case, punctuation, a typo now and then."""
    text = " ".join(message.split())
    roll = rng.random()
    if roll > 0.4:
        text = text[0].upper() + text[1:]
    elif text[1:] == text[1:].lower() or roll < 0.06:
        # Names keep their capitals mostly: nobody can tell them back from small letters.
        text = text.lower()
    if text[-1] in "?.!":
        text = text[:-1] if rng.random() < 0.25 else text
    elif rng.random() < 0.3:
        text += rng.choice([".", "!", "."])
    if rng.random() < 0.03:
        text = rng.choice(_STARTS) + text[0].lower() + text[1:]
    if rng.random() < 0.01:
        text = text.upper()
    if rng.random() < 0.06 and len(text) > 6:
        text = _typo(rng, text)
    return text


def _typo(rng: random.Random, text: str) -> str:
    """One letter left out, doubled, or two swapped."""
    i = rng.randrange(4, len(text) - 1)
    if not (text[i].isalpha() and text[i + 1].isalpha()):
        return text
    kind = rng.random()
    if kind < 0.4:
        return text[:i] + text[i + 1 :]
    return text[:i] + text[i] + text[i:] if kind < 0.7 else text[:i] + text[i + 1] + text[i] + text[i + 2 :]


_COUNTS = {2: ["a couple of", "two", "two", "2", "a pair of", "two different"], 3: ["three", "three", "3", "a few", "three different"],
           4: ["four", "4", "several", "four different"], 5: ["five", "5"], 6: ["six", "6", "half a dozen"],
           7: ["seven", "7"], 8: ["eight", "8"], 9: ["nine", "9", "ten", "a dozen", "10", "twelve", "a whole bunch of", "twenty"]}  # fmt: skip


def number_words(rng: random.Random, n: int) -> str:
    """A count as people say it."""
    return rng.choice(_COUNTS.get(n, [w.NUMBERS[n] if n < len(w.NUMBERS) else str(n)]))
