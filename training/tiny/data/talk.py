"""Messages that must yield no picture: questions, thanks, praise, doubts, texts to write, small talk."""

# ruff: noqa: E501 -- phrase tables and their slots read better unwrapped

from __future__ import annotations

import random

from prompts.lexicon import words as lexicon
from training.tiny.data import make
from training.tiny.data import words as w
from training.tiny.data.phrases import choose, fill, headings, say
from training.tiny.data.picture import article, bare, plural
from training.tiny.data.table import Example, Table, as_typed, current_of, example


def question(rng: random.Random, table: Table) -> str:
    """A question built from parts, so that no two are alike."""
    return f"{say(rng, 'talk', 'auxiliaries')} {say(rng, 'talk', 'subjects')} {say(rng, 'talk', 'predicates')}?"


def _values(rng: random.Random, table: Table) -> dict[str, str]:
    subject = rng.choice(table).picture if table and rng.random() < 0.6 else make.plain(rng)
    n = subject.noun
    if table and subject.items and rng.random() < 0.35:
        n = bare(rng.choice(subject.items)).split(" in the ")[0].split(" next to ")[0]
    food = article(rng.choice(make.KINDS["food"]))
    return {
        "n": n, "an": article(n), "a_n": article(n), "pl": plural(n), "an2": article(make.noun(rng)), "n2": make.noun(rng), "c": rng.choice(w.COUNTRIES),
        "t": rng.choice(w.TOPICS), "p": rng.choice(w.FAMOUS) if rng.random() < 0.75 else make.artist(rng), "a": str(rng.randint(2, 99)), "b": str(rng.randint(2, 99)),
        "f": food, "fn": bare(food), "col": rng.choice(lexicon.COLOURS), "col2": rng.choice(lexicon.COLOURS), "biz": rng.choice(w.BUSINESSES),
        "k": rng.choice(["three", "five", "two", "ten", "a few", "some", "4"]), "job": article(rng.choice(make.KINDS["person"])),
        "rel": rng.choice(w.RELATIVES), "name": rng.choice(w.NAMES), "v": rng.choice(w.SKILLS), "pr": rng.choice(w.PRAISE),
        "h": rng.choice(["3", "noon", "half past five", "9", "quarter to eight"]), "adj": make.adjective(rng, subject.kind),
        "where": rng.choice(["school", "house", "office", "garage", "old harbour", "garden", "station", "town hall"]),
        "verbs": rng.choice(["swim", "hide", "sing", "fight", "hibernate", "migrate", "glow", "jump so high"]),
        "rn": rng.choice([plural(n), rng.choice(w.TOPICS), "Latin", "this place", "paper maps"]), "question": question(rng, table),
    }  # fmt: skip


_KNOWLEDGE = {"facts": 5.5, "art": 2.4, "texts": 5.0, "life": 2.4, "asking": 4.0}
"""Answered by the base model: the command is a bare `reply`."""
_SMALL = {
    "greet": 0.8, "how are you": 0.4, "who": 0.6, "what can you do": 0.9, "thanks": 1.0, "ack": 1.4, "bye": 0.4, "wait": 1.2, "sorry": 0.6,
    "others": 1.2, "me": 1.5, "statements": 3.0, "no picture": 0.4, "compliment": 0.5,
}  # fmt: skip
_ABOUT_PICTURES = {
    "about": 4.5, "about how made": 1.0, "about rights": 0.6, "about save": 0.7, "about opinion": 1.6, "about number": 0.8, "about what": 1.0, "about still": 0.3,
    "praise": 6.5, "doubt": 4.0,
}  # fmt: skip
"""Small talk is answered by the tuned model itself: `answers.txt` says how."""


def talk(rng: random.Random, table: Table) -> tuple[str, str]:
    """A message without any wish for a picture, and its heading; half of the time about the pictures that are there."""
    groups = _KNOWLEDGE | _SMALL | (_ABOUT_PICTURES if table else {})
    if rng.random() < 0.2:
        heading, pattern = "question", question(rng, table)
    else:
        heading = rng.choices(list(groups), list(groups.values()))[0]
        pattern = say(rng, "talk", heading)
    for _ in range(3):
        # A filled slot may bring slots of its own, as a question does.
        pattern = fill(choose(rng, pattern), **_values(rng, table))
    return pattern, heading


def answer(rng: random.Random, table: Table, heading: str) -> str:
    """The command that answers a message of a heading."""
    heading = "greet again" if heading == "greet" and table else "me" if heading == "statements" else heading
    if heading not in headings("answers"):
        return "reply"
    newest = current_of(table) if heading == "about what" and table else table[-1] if table else None
    values = {"i": str(newest.id), "d": str(newest.picture)} if newest else {}
    return f"reply: {say(rng, 'answers', heading, **values)}"


def remark(rng: random.Random, table: Table) -> str:
    """A talk message as typed: what stands in `Before`."""
    return as_typed(rng, talk(rng, table)[0])


_ASIDES = (
    "by the way",
    "quick question",
    "just asking",
    "without a picture",
    "in words please",
    "no drawing please",
    "only curious",
    "off topic",
)
_LEADS = (
    "by the way, ",
    "quick question: ",
    "before we go on: ",
    "off topic: ",
    "@easel ",
    "hey, ",
    "ok but ",
    "thanks! ",
    "nice. ",
    "cool, and ",
)


def reply(rng: random.Random, table: Table) -> Example:
    """One such message."""
    before = remark(rng, table) if rng.random() < 0.15 else None
    message, heading = talk(rng, table)
    roll = rng.random()
    if roll < 0.05 and heading not in headings("answers"):
        message = f"{message.rstrip('.!')} {rng.choice(_ASIDES)}"
    elif roll < 0.1:
        message = f"{rng.choice(_LEADS)}{message}"
    elif roll < 0.14:
        # Two remarks are still no wish for a picture; the second one is answered.
        first, _ = talk(rng, table)
        message = f"{first.rstrip('?.! ')}{rng.choice(['. ', '! ', ', ', ' - '])}{message}"
    return example(rng, "plain", table, message, answer(rng, table, heading), before)
