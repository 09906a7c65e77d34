"""Messages that change pictures: the current one, or one that they point at."""

# ruff: noqa: E501 -- phrase tables and their slots read better unwrapped

from __future__ import annotations

import random

from prompts.lexicon import words as lexicon
from training.tiny.data import make
from training.tiny.data import words as w
from training.tiny.data.changes_parts import dressed, edit, glued, pronounced
from training.tiny.data.phrases import fill, say
from training.tiny.data.picture import bare
from training.tiny.data.table import Example, Row, Table, current_of, example
from training.tiny.data.talk import remark


def edit_current(rng: random.Random, table: Table) -> Example:
    """A change of the current picture: the newest, or the selected one."""
    row = current_of(table)
    change = edit(rng, row.picture)
    name = f"the {row.picture.noun}" if rng.random() < 0.22 else None
    message, size, result = pronounced(change.message, row.picture, name), change.change, change.picture
    if rng.random() < 0.15:
        further = edit(rng, result)
        message = glued(message, say(rng, "edits", "combine"), pronounced(further.message, result))
        result, size = further.picture, "large" if "large" in (size, further.change) else "small"
    before = remark(rng, table) if rng.random() < 0.08 else None
    return example(rng, "edit", table, dressed(rng, message), f"edit {row.id} {size}: {result}", before)


_BY_PLACE = w.phrases("""the {o} one|the {o} one|the {o} picture|number {n}|the {o}|option {d}|the {o} image|variant {n}|the {o} version|no. {d}|the {o} of them|the {nth} one
|number {d}|the {o} idea|the {o} option|picture number {n}|the {o} draft|version {d}|the {nth}""")


def pointer(rng: random.Random, table: Table) -> tuple[str, Row]:
    """A phrase that points at one picture: by place in the batch, by number, by what is on it."""
    batch = [r for r in table if r.batch]
    roll = rng.random()
    if batch and roll < 0.62:
        j = rng.randrange(len(batch))
        ways = [
            p.format(o=w.ORDINALS[j], n=w.NUMBERS[j + 1], d=j + 1, nth=f"{j + 1}{['st', 'nd', 'rd', 'th'][min(j, 3)]}")
            for p in _BY_PLACE
        ]
        if batch[0].id != 1 and any(r.id == j + 1 for r in table):
            ways = [x for x in ways if not x.startswith(("number", "no.", "picture number", "option", "version"))]
        if j == len(batch) - 1:
            ways += ["the last one", "the one on the right", "the last", "the rightmost one"]
        if j == 0:
            ways += ["the one on the left", "the leftmost one", "the left picture"]
        if len(batch) == 3 and j == 1:
            ways += ["the middle one", "the one in the middle", "the center one"]
        if len(batch) == 2:
            ways += (
                ["the former"]
                if j == 0
                else ["the latter", "the other one"]
                if current_of(table).id != batch[1].id
                else ["the latter"]
            )
        return rng.choice(ways), batch[j]
    named = name_of(rng, table)
    if named and roll < 0.82:
        return named
    row = rng.choice(table)
    ways = [f"picture {row.id}", f"#{row.id}", f"image {row.id}", f"picture no. {row.id}", f"#{row.id}"]
    ways += [] if batch and batch[0].id != 1 else [f"number {row.id}"]
    ways += [str(row.id)] if row.id > 6 else []
    ways += [f"picture {w.NUMBERS[row.id]}"] if row.id < len(w.NUMBERS) and not batch else []
    return rng.choice(ways), row


def name_of(rng: random.Random, table: Table, among: list[Row] | None = None) -> tuple[str, Row] | None:
    """A picture by what only it shows: "the fox", "the one with the lantern", "the watercolor"."""
    row = rng.choice(among or table)
    others = [r for r in table if r is not row]
    p = row.picture
    elsewhere = " ".join(str(r.picture).lower() for r in others)
    ways: list[str] = []
    # Of pictures that show the same thing the newest is meant.
    current = current_of(table)
    newer = " ".join(str(r.picture).lower() for r in others if r.id > row.id or r is current)
    last = p.noun.split()[-1]
    if p.noun not in newer:
        ways += [
            f"the {p.noun}",
            f"the {p.noun}",
            f"the picture of the {p.noun}",
            f"the {p.noun} picture",
            f"the {p.noun} one",
            f"the one with the {p.noun}",
        ]
    if last != p.noun and last not in newer:
        ways += [f"the {last}", f"the {last} one"]
    for thing in [*p.items, *p.wears, *p.parts, *([p.partner[1]] if p.partner else [])]:
        core = bare(thing).split(" in the ")[0].split(" next to ")[0].split(" behind ")[0]
        if core not in elsewhere and core.split()[-1] not in elsewhere:
            ways += [f"the one with the {core}"] * 2
    for adjective in p.adjectives:
        if adjective not in elsewhere:
            ways += [f"the {adjective} one", f"the {adjective} {last}"]
    if p.place and p.place.lower() not in elsewhere and "background" not in p.place:
        ways += [f"the one {p.place}"]
    medium = p.medium.removesuffix(" of").removesuffix(" with").removeprefix("a ").removeprefix("an ").lower()
    if medium and medium not in elsewhere:
        ways += [f"the {medium}", f"the {medium} one"]
    return (rng.choice(ways), row) if ways else None


def edit_other(rng: random.Random, table: Table) -> Example:
    """A change of a picture that the message points at."""
    at, row = pointer(rng, table)
    change = edit(rng, row.picture)
    if ("{o}" in change.message or "{s}" in change.message) and "{p}" not in change.message and rng.random() < 0.6:
        message = pronounced(change.message, row.picture, at)
    else:
        asked = pronounced(change.message, row.picture)
        if rng.random() < 0.85:
            message = f"{say(rng, 'points', 'lead', t=at)} {asked}"
        else:
            message = f"{asked.rstrip('?.!')}{fill(rng.choice([' in {t}', ' for {t}', ' ({t})', ', i mean {t}', ' - {t}']), t=at)}"
    return example(rng, "reference", table, message, f"edit {row.id} {change.change}: {change.picture}")


def edit_by_pronoun(rng: random.Random, table: Table) -> Example | None:
    """ "Give her a hat" means the picture with a woman, though another one is newer."""
    people = [r for r in table if r.picture.kind == "person"]
    alive = [
        r for r in table if r.picture.living or (r.picture.partner and make.kind_of(r.picture.partner[1]) in w.LIVING)
    ]
    if (
        len({r.picture.noun for r in people}) != 1
        or len({r.picture.noun for r in alive}) != 1
        or current_of(table) in alive
    ):
        return None
    row = people[-1]
    for _ in range(8):
        change = edit(rng, row.picture)
        message = pronounced(change.message, row.picture)
        if any(x in message.split() for x in ("him", "her", "he", "she", "his")):
            return example(rng, "reference", table, message, f"edit {row.id} {change.change}: {change.picture}")
    return None


def edit_by_noun(rng: random.Random, table: Table) -> Example | None:
    """ "Make the castle bigger" while the newest picture shows a dog."""
    newest: dict[str, Row] = {r.picture.noun: r for r in table}
    row = newest[rng.choice(list(newest))]
    current = current_of(table)
    if any(row.picture.noun in str(r.picture) for r in table if r.id > row.id or (r is current and r is not row)):
        return None
    for _ in range(8):
        change = edit(rng, row.picture)
        if any(slot in change.message for slot in ("{o}", "{s}", "{p}")):
            message = pronounced(change.message, row.picture, f"the {row.picture.noun}")
            return example(rng, "reference", table, message, f"edit {row.id} {change.change}: {change.picture}")
    return None


def edit_two(rng: random.Random, table: Table) -> Example | None:
    """Two pictures are changed by one message."""
    batch = [r for r in table if r.batch]
    if len(batch) < 2:
        return None
    a, b = batch[0], batch[1]
    if rng.random() < 0.45:
        return _two_colours(rng, table, a, b)
    ea, eb = edit(rng, a.picture), edit(rng, b.picture)
    x, y = (pronounced(e.message, r.picture).rstrip("?.! ") for e, r in ((ea, a), (eb, b)))
    if rng.random() < 0.4 and all(
        "{o}" in e.message and "{s}" not in e.message and "{p}" not in e.message for e in (ea, eb)
    ):
        first, second = (
            pronounced(e.message, r.picture, f"the {o} one") for e, r, o in ((ea, a, "first"), (eb, b, "second"))
        )
        message = f"{first.rstrip('?.!')} and {second}"
    else:
        message = say(rng, "points", "both", x=x, y=y)
    return example(
        rng,
        "several edits",
        table,
        message,
        f"edit {a.id} {ea.change}: {ea.picture} ; edit {b.id} {eb.change}: {eb.picture}",
    )


def _two_colours(rng: random.Random, table: Table, a: Row, b: Row) -> Example:
    batch = [r for r in table if r.batch]
    x, y = rng.sample(lexicon.COLOURS, 2)
    if len(batch) > 2 and rng.random() < 0.4:
        i, j = sorted(rng.sample(range(len(batch)), 2))
        a, b = batch[i], batch[j]
        message = rng.choice(
            ["the {a} in {x}, the {b} in {y}", "{a} one {x}, {b} one {y}", "make the {a} {x} and the {b} {y}"]
        ).format(a=w.ORDINALS[i], b=w.ORDINALS[j], x=x, y=y)
    else:
        names = {"a": a.picture.noun, "b": b.picture.noun}
        while True:
            message = say(rng, "points", "both colours", x=x, y=y, **(names if names["a"] != names["b"] else {}))
            if "{a}" not in message:
                break
    pictures = []
    for row, c in ((a, x), (b, y)):
        p = row.picture.copy()
        p.recolour(c)
        pictures.append(p)
    return example(
        rng, "several edits", table, message, f"edit {a.id} small: {pictures[0]} ; edit {b.id} small: {pictures[1]}"
    )


__all__ = ["edit_by_noun", "edit_by_pronoun", "edit_current", "edit_other", "edit_two", "make", "name_of", "pointer"]
