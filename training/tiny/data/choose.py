"""Messages that choose, undo, vary and refine pictures."""

from __future__ import annotations

import random

from training.tiny.data.changes_parts import dressed, edit, pronounced
from training.tiny.data.phrases import say
from training.tiny.data.picture import bare, plural
from training.tiny.data.refer import pointer
from training.tiny.data.table import Example, Table, ancestors, current_of, example, number_words


def select(rng: random.Random, table: Table) -> Example | None:
    """ "The second one": a picture becomes current."""
    at, row = pointer(rng, table)
    if len(table) < 2 or (row is current_of(table) and not row.batch and rng.random() < 0.8):
        return None
    heading = "back" if (not row.batch and rng.random() < 0.8) or rng.random() < 0.12 else "choose"
    if rng.random() < 0.15:
        at = at.removeprefix("the ")
    return example(rng, "select", table, dressed(rng, say(rng, "points", heading, t=at)), f"select {row.id}")


def undo(rng: random.Random, table: Table) -> Example | None:
    """Undo is the choice of the parent, the grandparent, or the very first one."""
    current = current_of(table)
    line = ancestors(table, current)
    if not line:
        return None
    added = [
        x
        for x in [*current.picture.items, *current.picture.wears]
        if x not in [*line[0].picture.items, *line[0].picture.wears]
    ]
    if added and rng.random() < 0.35:
        name = bare(added[0]).split(" in the ")[0].split(" next to ")[0].split(" behind ")[0].split(" on the ")[0]
        return example(rng, "undo", table, say(rng, "points", "undo since", x=name), f"select {line[0].id}")
    if len(line) > 1 and rng.random() < 0.45:
        heading, to = ("undo two", line[1]) if rng.random() < 0.55 else ("undo all", line[-1])
        return example(rng, "undo", table, say(rng, "points", heading), f"select {to.id}")
    return example(rng, "undo", table, dressed(rng, say(rng, "points", "undo")), f"select {line[0].id}")


def undo_and_edit(rng: random.Random, table: Table) -> Example | None:
    """ "Undo that and make it green instead": an edit of the parent."""
    line = ancestors(table, current_of(table))
    if not line:
        return None
    change = edit(rng, line[0].picture)
    message = f"{say(rng, 'points', 'undo and')} {pronounced(change.message, line[0].picture)}"
    return example(rng, "undo", table, message, f"edit {line[0].id} {change.change}: {change.picture}")


def variation(rng: random.Random, table: Table) -> Example:
    """More like this one."""
    count = ""
    if rng.random() < 0.12:
        n = rng.choice([2, 2, 3, 3, 4, 5])
        row = rng.choice(table)
        at = rng.choice(["this", "it", "that"]) if row is current_of(table) else f"picture {row.id}"
        message = say(rng, "points", "vary n", n=number_words(rng, n), t=at).replace("different other", "other")
        count = f" x{n}"
    elif rng.random() < 0.5 or len(table) == 1:
        row = current_of(table)
        message = say(rng, "points", "vary", n=row.picture.noun, np=plural(row.picture.noun))
    else:
        at, row = pointer(rng, table)
        message = say(rng, "points", "vary at", t=at)
    return example(rng, "variation", table, dressed(rng, message), f"variation {row.id}{count}")


def refine(rng: random.Random, table: Table) -> Example:
    """The same picture, better."""
    if rng.random() < 0.55 or len(table) == 1:
        row = current_of(table)
        message = say(rng, "points", "refine", n=row.picture.noun)
    else:
        at, row = pointer(rng, table)
        message = say(rng, "points", "refine at", t=at)
    return example(rng, "refine", table, dressed(rng, message), f"refine {row.id}")
