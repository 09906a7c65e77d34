"""Requests for new pictures: one, several of one idea, several different ones."""

# ruff: noqa: E501 -- phrase tables and their slots read better unwrapped

from __future__ import annotations

import random

from prompts.lexicon import words as lexicon
from prompts.tiny.format import TinyTurn
from training.tiny.data import make
from training.tiny.data import words as w
from training.tiny.data.phrases import say, words
from training.tiny.data.picture import Picture, article, plural
from training.tiny.data.table import Example, Table, as_typed, example, number_words, shown


def one(rng: random.Random, table: Table) -> Example:
    """A new picture; where there are pictures already, its wording mostly says that it is another one."""
    p = make.picture(rng)
    text = str(p)
    if table:
        old = rng.choice(table).picture.noun
        # A whole scene without any word of request is a new picture too, also in the middle of a thread.
        heading = "another" if rng.random() < 0.8 else "one"
        message = say(rng, "asks", heading, x=text, old=old)
    elif p.medium and rng.random() < 0.35:
        message = _as_medium(rng, p)
    else:
        message = say(rng, "asks", "one", x=text)
    return example(rng, "new", table, message, f"image: {text}")


def _as_medium(rng: random.Random, p: Picture) -> str:
    """ "Draw a fox as a woodcut": the medium after the thing."""
    name, a = make.style(rng)
    p.medium, p.layout = "", "sentence"
    said = str(p)
    p.medium = f"{a} of"
    pattern = rng.choice(["draw {x} as {a}", "{x}, {n} style", "make {a} of {x}", "{x} in {n} style", "i want {a} of {x}", "show me {x} as {a}",
                          "{n}: {x}", "create {a} of {x}", "{x} - {n}", "{x} as {a}, please"])  # fmt: skip
    return pattern.format(x=said, a=a, n=name)


def product(rng: random.Random, table: Table) -> Example:
    """A logo or poster for somebody."""
    kind, business = rng.choice(w.PRODUCTS), rng.choice(w.BUSINESSES)
    firm = f'"{rng.choice(words("firms"))}"' if rng.random() < 0.25 else ""
    whose = rng.choice(["my", "our", "a", "a"])
    owner = firm or (article(business) if whose == "a" else f"{whose} {business}")
    text, wish = f"{article(kind)} for {firm or article(business)}", ""
    if rng.random() < 0.6:
        c, d = make.colour(rng), make.colour(rng)
        wish = rng.choice([f"with {make.thing(rng)}", f"in {c} and {d}", f"showing {make.picture(rng, 0.2)}", f"mostly {c}", f"{rng.choice(words('clauses'))}"])  # fmt: skip
    n = rng.choice([2, 3, 3, 4]) if rng.random() < 0.35 else 1
    values = {"k": article(kind), "ks": plural(kind), "o": owner, "n": number_words(rng, n) if n > 1 else ""}
    asks = PRODUCTS if n == 1 else SOME_PRODUCTS
    message = rng.choice(asks).format(**values)
    if wish:
        message, text = f"{message.rstrip('?')}, {wish}", f"{text}, {wish}"
    head = f"image x{n}: " if n > 1 else "image: "
    return example(rng, "several" if n > 1 else "new", table, message, head + text)


PRODUCTS = w.phrases("""design {k} for {o}|i need {k} for {o}|can you make {k} for {o}?|create {k} for {o}|{k} for {o}|make {k} for {o}
|we want {k} for {o}|could you come up with {k} for {o}?|i'm looking for {k} for {o}|{o} needs {k}|we are searching {k} for {o}
|my sister runs {o}, draw {k} for it|please do {k} for {o}|what could {k} for {o} look like?""")
SOME_PRODUCTS = w.phrases("""{n} ideas for {k} for {o}|{n} {ks} for {o}|show me {n} {ks} for {o}|i want to choose between {n} {ks} for {o}
|brainstorm {n} {ks} for {o}|{k} for {o}, {n} versions|{n} suggestions for {k} for {o}|can we see {n} {ks} for {o}?|{n} drafts of {k} for {o}
|{o} needs {k}: {n} proposals please|give us {n} {ks} for {o} to discuss""")


def after_question(rng: random.Random, table: Table) -> Example:
    """ "Draw one" after a question about foxes."""
    p = make.plain(rng)
    before = say(rng, "asks", "before", p=plural(p.noun), a=p.subject)
    message = say(rng, "asks", "draw it")
    roll = rng.random()
    if roll < 0.25:
        c = make.colour(rng)
        message, p.adjectives = (
            rng.choice(
                [f"draw a {c} one", f"show me one in {c}", f"i want to see a {c} one", f"a {c} one, please draw it"]
            ),
            [c],
        )
    elif roll < 0.5 and p.kind != "place":
        p.place = rng.choice(make.PLACES)
        message = rng.choice(
            [f"draw one {p.place}", f"show me one {p.place}", f"paint one {p.place}", f"can i see one {p.place}?"]
        )
    elif roll < 0.65:
        # The thing itself is named again, shortly.
        message = rng.choice(
            [
                f"draw such {article(p.noun)}",
                f"paint me {article(p.noun)}",
                f"then show me {article(p.noun)}",
                f"so draw that {p.noun}",
            ]
        )
    elif roll < 0.75:
        other = make.picture(rng, 0.5)
        return Example(
            "new",
            TinyTurn(as_typed(rng, say(rng, "asks", "one", x=str(other))), shown(table), as_typed(rng, before)),
            f"image: {other}",
        )
    return Example("new", TinyTurn(as_typed(rng, message), shown(table), as_typed(rng, before)), f"image: {p}")


def long_prompt(rng: random.Random, table: Table) -> Example:
    """Many clauses and sentences: none may get lost."""
    parts = [str(make.picture(rng, 1.0))]
    limit = rng.choice([150, 200, 240, 290])
    while len(", ".join(parts)) < limit - 40:
        parts.append(_clause(rng))
    text = ", ".join(parts)
    if len(text) > 300:
        text = text[:300].rsplit(",", 1)[0]
    said = text
    if rng.random() < 0.45:
        # People write sentences; the description joins them.
        pieces = text.split(", ")
        cuts = {i for i in range(1, len(pieces)) if rng.random() < 0.35}
        said = pieces[0]
        for i, piece in enumerate(pieces[1:], start=1):
            said += f". {piece[0].upper()}{piece[1:]}" if i in cuts else f", {piece}"
    heading = "another" if table and rng.random() < 0.7 else "one"
    message = say(rng, "asks", heading, x=said, old=table[0].picture.noun if table else "")
    return example(rng, "long", table, message, f"image: {text}")


_CLAUSES = w.phrases("""the light comes from the left|there {are} in the distance|the sky is {c}|everything is covered in {m}
|the ground is wet and reflects the lights|on the right stands {t}|in the foreground lies {t}|the colors are {c} and {c2}|a small {n} watches from the side
|the mood is calm and a little sad|far away you can see {t}|the walls are painted {c}|it looks like an old photograph|above hangs {t}|the roof is {c}
|on the left sits a {c} {n}|behind it {t}|next to it {t}|{t} in front|a {n} looks out of the window|one {n} carries {t}|the {n} is {adj}|{t} half hidden behind {t2}
|a {adj} {n} walks past|two {p} play in the corner|{t} on the table|{t} reflected in a puddle|through the door you see {t}|at the bottom {t}|at the top {t}
|{clause}|{clause}|{clause}|{clause}|{clause}|seen {view}|{t} and {t2} side by side|where {p} live|which has {t}|with tiny {p} everywhere|while a {n} waits
|a {n} {act}|a {n} {act}|the word "{firm}" in {c} letters""")


def _clause(rng: random.Random) -> str:
    many = rng.random() < 0.5
    values = {
        "t": make.thing(rng), "t2": make.thing(rng), "c": make.colour(rng), "c2": make.colour(rng), "m": rng.choice(w.MATERIALS), "n": make.noun(rng),
        "p": plural(make.plain(rng).noun), "adj": rng.choice(words("adjectives look")), "clause": rng.choice([*words("clauses"), *w.EXTRAS]),
        "view": rng.choice(["from above", "from below", "from far away", "through a keyhole", "from behind"]), "act": rng.choice(words("poses")),
        "firm": rng.choice(words("firms")), "are": f"{rng.choice(['are', 'stand'])} {plural(make.plain(rng).noun)}" if many else f"is {make.thing(rng)}",
    }  # fmt: skip
    return rng.choice(_CLAUSES).format(**values)


def several(rng: random.Random, table: Table) -> Example:
    """Some pictures of one description."""
    n = rng.choice([2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 6, 6, 8, 9])
    p = make.picture(rng, 0.3 if rng.random() < 0.5 else 0.7)
    p.number = ""
    while True:
        message = say(
            rng, "asks", "several", n=number_words(rng, n), x=str(p), m=" ".join([*p.adjectives, plural(p.noun)])
        )
        if plural(p.noun) in message:
            message = message.replace(number_words(rng, n), w.NUMBERS[n]) if n < len(w.NUMBERS) else message
            p = Picture(p.noun, p.kind, adjectives=p.adjectives)
        break
    message = (
        message.replace("different different", "different")
        .replace("a couple of times", "twice")
        .replace("several times", "four times")
    )
    return example(rng, "several", table, message, f"image x{n}: {p}")


def mixed(rng: random.Random, table: Table) -> Example:
    """Different pictures in one message."""
    n = rng.choice([2, 2, 2, 3, 3, 4])
    scenes = [make.picture(rng, 0.4) if rng.random() < 0.6 else make.plain(rng) for _ in range(n)]
    for p in scenes:
        p.medium, p.clauses, p.layout = "", [], "sentence"
    x = [str(p) for p in scenes]
    roll = rng.random()
    if roll < 0.3:
        return _variants(rng, table, n)
    if n == 2:
        message = say(rng, "asks", "two").replace("{0}", x[0]).replace("{1}", x[1])
    else:
        message = say(rng, "asks", "many", n=rng.choice([w.NUMBERS[n], str(n)]), l=", ".join(x[:-1]) + " and " + x[-1])
    return example(rng, "several", table, message, f"image x{n}: " + " | ".join(x))


def _variants(rng: random.Random, table: Table, n: int) -> Example:
    """One thing in several colours, places or times."""
    base = make.plain(rng)
    pool = rng.choice([lexicon.COLOURS, make.PLACES, make.TIMES])
    chosen = rng.sample(list(pool), n)
    x = [article(f"{v} {base.noun}") if pool is lexicon.COLOURS else f"{base.subject} {v}" for v in chosen]
    said = [f"in {v}" if pool is lexicon.COLOURS and rng.random() < 0.5 else v for v in chosen]
    while True:
        message = say(rng, "asks", "variants", n=w.NUMBERS[n], b=base.subject, b0=base.noun, l=", ".join(said[:-1]) + " and " + said[-1],
                      **({"l0": said[0], "l1": said[1]} if n == 2 else {}))  # fmt: skip
        if "{l" not in message:
            return example(rng, "several", table, message, f"image x{n}: " + " | ".join(x))


def counted(rng: random.Random, table: Table) -> Example:
    """Several things in ONE picture: "three dogs on a beach"."""
    p = make.plain(rng)
    p.number = rng.choice(["two", "three", "four", "five", "six", "seven", "a dozen"])
    if p.kind != "place":
        p.place = rng.choice(make.PLACES)
    if rng.random() < 0.4:
        p.act = rng.choice(list(make.ACTIONS.values())) if p.living else ""
    pattern = rng.choice(w.phrases("""draw {x}|a picture of {x}|show me {x}|{x}|{x} please|one picture with {x}|{x} in the same image|{x}, all in one picture
    |a single image of {x}|can you paint {x}?|i want to see {x} together"""))  # fmt: skip
    return example(rng, "new", table, pattern.format(x=p), f"image: {p}")
