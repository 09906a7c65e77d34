"""Requests for new pictures: one, several of one idea, several different ones."""

# ruff: noqa: E501 -- phrase tables read better unwrapped

from __future__ import annotations

import random

from prompts.tiny.data import words as w
from prompts.tiny.data.scene import article, plain_scene, plural, scene
from prompts.tiny.data.table import Example, as_typed, maybe_table, number_words, pictures
from prompts.tiny.format import TinyTurn

ONE = w.phrases("""draw {x}|please draw {x}|can you draw {x}?|could you draw me {x}?|draw me {x}|would you paint {x} for me?|paint {x}
|sketch {x}|i want to see {x}|i want {x}|i'd like to see {x}|i would like a picture of {x}|i'd love an image of {x}|show me {x}
|can you show me {x}?|show me a picture of {x}|let me see {x}|let's see {x}|can i see {x}?|could i get {x}?|make a picture of {x}
|may i have a picture of {x}?|make an image of {x}|make me {x}|create {x}|create an image of {x}|create a picture showing {x}
|generate {x}|generate an image of {x}|generate a picture with {x}|render {x}|illustrate {x}|visualize {x}|imagine {x}
|picture of {x}|image of {x}|a picture of {x}|a drawing of {x}|{x}|{x}|{x}|{x} please|give me {x}|give me a picture of {x}|i need {x}
|i need a picture of {x} for my blog|i need an image with {x} for a presentation|my daughter wants to see {x}
|my son asked for {x}, can you make it?|my friend would love {x}, can you draw that?|do you think you could draw {x}?
|are you able to make {x}?|would it be possible to see {x}?|what would {x} look like?|what might {x} look like?
|how would {x} look?|how about {x}?|what about a picture of {x}?|can we have {x}?|can you come up with {x}?|can you make {x}?
|could you create {x}?|will you draw {x}?|i wish i could see {x}|i am dreaming of {x}, show it to me
|i was thinking of {x}, can you visualize it?|it would be nice to see {x}|try drawing {x}|surprise me with {x}|design {x}
|produce an image of {x}|i feel like seeing {x}|get me {x}|display {x}|put together an image of {x}|for my story i need {x}
|looking for an image of {x}|want a pic of {x}|pic of {x}|i'd like a wallpaper with {x}|help me visualize {x}|let us draw {x}
|start with {x}|ok draw {x}|have a go at {x}|can you imagine {x}?|concept art: {x}|illustration: {x}|make {x}|do {x}|whip up {x}
|i saw {x} in a dream, can you show it?|my kid wants {x} on the wall, make it|could i have {x}?|mind drawing {x}?
|i'm writing a book about {x}, what could the cover look like?|help me picture {x}|a quick sketch of {x} would be nice
|there was {x} in my dream, draw it|let there be {x}|we need {x} for the newsletter|drawing of {x}, please|i'd enjoy seeing {x}""")
ANOTHER = w.phrases("""now draw {x}|now {x}|and now {x}|next, {x}|next draw {x}|and {x}?|ok, now show me {x}|new picture: {x}
|let's do something else: {x}|different idea: {x}|forget that, draw {x}|something completely new, {x}|then {x}|start over with {x}
|also draw {x}|also a picture of {x}|one more picture, this time {x}|i'd also like to see {x}|after that, {x}|a new one: {x}
|now something different: {x}|let's leave that, i want {x}|a separate picture of {x}|a fresh image: {x}|moving on: {x}
|new topic, {x}|besides that, draw {x}|in a new picture, {x}|okay, and {x} as a separate picture""")
SEVERAL = w.phrases("""draw {n} pictures of {x}|give me {n} images of {x}|{n} pictures of {x} please|{n} images of {x}
|show me {n} versions of {x}|i want {n} drawings of {x}|make {n} variants of {x}|create {n} illustrations of {x}
|generate {n} photos of {x}|can i have {n} pictures of {x}?|can you make {n} options for {x}?|draw {x}, {n} versions
|i'd like to see {n} takes on {x}|could you generate {n} images of {x}?|let me choose from {n} pictures of {x}
|i need {n} images of {x} to choose from|{n} sketches of {x}|produce {n} images with {x}|show {n} examples of {x}
|what would {x} look like? give me {n} ideas|{n} ideas for {x}|{n} suggestions for {x}|{n} proposals for {x} please
|come up with {n} designs for {x}|please do {x} in {n} variants|{n} drafts of {x}|let's see {n} attempts at {x}""")
BARE_QUESTIONS = w.phrases("""what do {p} eat?|how big are {p}?|tell me about {p}|do you like {p}?|i love {p}|what is {a}?|are {p} expensive?
|where can i find {p}?|my sister is afraid of {p}|why do people like {p}?|i saw {a} today|have you heard of {p}?|who invented {p}?""")
DRAW_IT = w.phrases("""draw one|can you draw one?|show me one|show me a picture of one|can i see one?|let me see one|draw it
|what does it look like? draw it|draw that for me|i want to see that|please make a picture of it|paint one for me
|could you illustrate that?|generate an image of one|great, now draw it|make a picture of that|ok then draw one|picture?
|and a picture of one please|show me""")


def one(rng: random.Random) -> Example:
    """A new picture; where there are pictures already, its wording often says that it is another one."""
    table = maybe_table(rng, 0.4)
    s = scene(rng)
    words = str(s)
    asks = ANOTHER if table and rng.random() < 0.6 else ONE
    if s.style and rng.random() < 0.5:
        name = next(n for n, p in w.STYLES.items() if p == s.style)
        medium, plain = s.style.removesuffix(" of"), s.copy()
        plain.style = ""
        ask = rng.choice(["draw {x} as {m}", "{x}, {n} style", "make {m} of {x}", "{x} in {n} style", "i want {m} of {x}",
                          "show me {x} as {m}", "{n}: {x}", "create {m} of {x}"])  # fmt: skip
        ask = ask.format(x=str(plain), m=medium, n=name)
    else:
        ask = rng.choice(asks).format(x=words)
    return Example("new", TinyTurn(as_typed(rng, ask), pictures(table)), f"image: {words}")


def product(rng: random.Random) -> Example:
    """A logo or poster for somebody."""
    kind, business = rng.choice(w.PRODUCTS), rng.choice(w.BUSINESSES)
    whose = rng.choice(["my", "our", "a", "a"])
    owner = article(business) if whose == "a" else f"{whose} {business}"
    ask = rng.choice(w.phrases("""design {k} for {o}|i need {k} for {o}|can you make {k} for {o}?|create {k} for {o}|{k} for {o}
        |make {k} for {o}|we want {k} for {o}|could you come up with {k} for {o}?|i'm looking for {k} for {o}"""))  # fmt: skip
    text, wish = f"{article(kind)} for {article(business)}", ""
    if rng.random() < 0.6:
        c = rng.choice(w.COLOURS)
        wish = rng.choice(
            [
                f"with {rng.choice(w.THINGS)}",
                f"in {c} and {rng.choice(w.COLOURS)}",
                f"showing {scene(rng, 0.2)}",
                f"mostly {c}",
            ]
        )
    n = rng.choice([1, 1, 2, 3, 3, 4]) if rng.random() < 0.5 else 1
    ask = ask.format(k=article(kind), o=owner)
    if n > 1:
        ask = rng.choice(["{n} ideas for {k} for {o}", "{n} {ks} for {o}", "show me {n} {ks} for {o}", "i want to choose between {n} {ks} for {o}",
                          "brainstorm {n} {ks} for {o}"]).format(n=number_words(rng, n), k=article(kind), ks=plural(kind), o=owner)  # fmt: skip
    if wish:
        ask, text = f"{ask.rstrip('?')} {wish}", f"{text} {wish}"
    head = f"image x{n}: " if n > 1 else "image: "
    return Example(
        "several" if n > 1 else "new", TinyTurn(as_typed(rng, ask), pictures(maybe_table(rng, 0.15))), head + text
    )


def after_question(rng: random.Random) -> Example:
    """ "Draw one" after a question about foxes."""
    s = plain_scene(rng)
    before = rng.choice(BARE_QUESTIONS).format(p=plural(s.noun), a=s.subject)
    table = maybe_table(rng, 0.25)
    ask = rng.choice(DRAW_IT)
    if rng.random() < 0.3:
        c = rng.choice(w.COLOURS)
        ask, s.adjectives = rng.choice([f"draw a {c} one", f"show me one in {c}", f"i want to see a {c} one"]), [c]
    elif rng.random() < 0.3 and s.kind != "place":
        s.place = rng.choice(w.SCENES)
        ask = rng.choice([f"draw one {s.place}", f"show me one {s.place}", f"now one {s.place} as a picture"])
    return Example("new", TinyTurn(as_typed(rng, ask), pictures(table), as_typed(rng, before)), f"image: {s}")


def long_prompt(rng: random.Random) -> Example:
    """Many clauses: none may get lost."""
    s = scene(rng, 1.0)
    clauses: list[str] = []
    pool = w.phrases("""the light comes from the left|there are {t} in the distance|the sky is {c}|everything is covered in {m}
        |the ground is wet and reflects the lights|{t} stands on the right|in the foreground lies {t2}|the colors are {c} and {c2}
        |a small {n} watches from the side|the mood is calm and a little sad|far away you can see {t}|the walls are painted {c}
        |it looks like an old photograph|there is {t2} hanging above|the roof is {c}|on the left sits a {c} {n}""")  # fmt: skip
    for clause in rng.sample(pool, rng.choice([2, 2, 3])):
        clauses.append(
            clause.format(
                t=rng.choice(w.THINGS),
                t2=rng.choice(w.THINGS),
                c=rng.choice(w.COLOURS),
                c2=rng.choice(w.COLOURS),
                m=rng.choice(w.MATERIALS),
                n=rng.choice(w.ANIMALS).replace("_", " "),
            )
        )
    text = (
        ", ".join([str(s), *clauses])[:300].rsplit(",", 1)[0]
        if len(", ".join([str(s), *clauses])) > 300
        else ", ".join([str(s), *clauses])
    )
    said = text if rng.random() < 0.6 else text.replace(", ", ". ", 1)
    return Example(
        "long",
        TinyTurn(as_typed(rng, rng.choice(ONE).format(x=said)), pictures(maybe_table(rng, 0.2))),
        f"image: {text}",
    )


def several(rng: random.Random) -> Example:
    """Some pictures of one description."""
    n = rng.choice([2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 6, 6, 8, 9])
    s = scene(rng, 0.3 if rng.random() < 0.5 else 0.7)
    if rng.random() < 0.15:
        s = plain_scene(rng)
        number = w.NUMBERS[n]
        ask = rng.choice([f"{number} different {plural(s.noun)}, one per picture", f"separate pictures of {number} {plural(s.noun)}",
                          f"{number} pictures, each with {s.subject}"])  # fmt: skip
    else:
        ask = rng.choice(SEVERAL).format(n=number_words(rng, n), x=str(s))
    ask = ask.replace("different different", "different")
    return Example("several", TinyTurn(as_typed(rng, ask), pictures(maybe_table(rng, 0.2))), f"image x{n}: {s}")


def mixed(rng: random.Random) -> Example:
    """Different pictures in one message."""
    n = rng.choice([2, 2, 2, 3, 3, 4])
    scenes = [scene(rng, 0.2) if rng.random() < 0.7 else plain_scene(rng) for _ in range(n)]
    for s in scenes:
        s.style = ""
    x = [str(s) for s in scenes]
    if rng.random() < 0.25:
        base, variants = plain_scene(rng), rng.sample(w.COLOURS if rng.random() < 0.5 else w.SCENES, n)
        x = [
            str(base).replace(base.noun, f"{base.noun} {v}") if " " in v else article(f"{v} {base.noun}")
            for v in variants
        ]
        listed = ", ".join(variants[:-1]) + " and " + variants[-1]
        ask = rng.choice(
            [
                "{n} pictures of {b}: {l}",
                "draw {b} {l}, one picture each",
                "{b}, once {l}",
                "show me {b} in {n} versions: {l}",
            ]
        )
        ask = ask.format(n=w.NUMBERS[n], b=base.subject, l=listed)
    elif n == 2:
        ask = rng.choice(w.phrases("""draw {0} and {1} in separate pictures|one picture of {0} and another of {1}|two images: {0} and {1}
            |a picture of {0} and a second one of {1}|first {0}, then {1}, as two pictures|make one image of {0} and one of {1}
            |can i get {0} and, separately, {1}?|i need two pictures, {0} and {1}|{0}. and another picture: {1}
            |draw me {0} and also, in its own picture, {1}"""))  # fmt: skip
        ask = ask.format(*x)
    else:
        listed = ", ".join(x[:-1]) + " and " + x[-1]
        ask = rng.choice(["{n} pictures: {l}", "draw {l} separately", "one image each of {l}", "make {n} images: {l}", "separate pictures of {l}",
                          "{l}, each in its own picture", "i need {n} illustrations: {l}"]).format(n=w.NUMBERS[n], l=listed)  # fmt: skip
    return Example(
        "several", TinyTurn(as_typed(rng, ask), pictures(maybe_table(rng, 0.15))), f"image x{n}: " + " | ".join(x)
    )


def counted(rng: random.Random) -> Example:
    """Several things in ONE picture: "three dogs on a beach"."""
    s = plain_scene(rng)
    s.number = rng.choice(["two", "three", "four", "five"])
    if s.kind != "place":
        s.place = rng.choice(w.SCENES)
    ask = rng.choice(
        [
            "draw {x}",
            "a picture of {x}",
            "show me {x}",
            "{x}",
            "{x} please",
            "one picture with {x}",
            "{x} in the same image",
        ]
    )
    return Example("new", TinyTurn(as_typed(rng, ask.format(x=s)), pictures(maybe_table(rng, 0.2))), f"image: {s}")
