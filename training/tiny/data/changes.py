"""What people ask to be changed about a picture as a whole, and the full description of what they then want.

Each function takes a copy of the picture, changes it, and says how that is asked for. ``{o}`` ``{s}`` ``{p}``
``{is}`` in the message stand for it/him/her, it/he/she, its/his/her and is/are, or for "the dog".
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from training.tiny.data import make
from training.tiny.data import words as w
from training.tiny.data.phrases import choose, fill, say, table
from training.tiny.data.picture import COLOURS, Picture, article, bare, plural
from training.tiny.line import Change


@dataclass
class Edit:
    """How the change is asked for, the picture after it, and how far it goes."""

    message: str
    picture: Picture
    change: Change


def _state(rng: random.Random, x: str) -> str:
    """Ask for a state: "at night", "in oil", "running"."""
    return say(rng, "edits", "state", x=x)


def _pick(rng: random.Random, heading: str, **values: str) -> str:
    """A pattern of a heading all of whose own slots are known."""
    while True:
        message = say(rng, "edits", heading, **values)
        if not any(slot in message for slot in ("{old}", "{x}", "{rest}", "{xa}", "{base}", "{w}")):
            return message


def colour(rng: random.Random, p: Picture) -> Edit:
    """Another colour of the main thing."""
    old = p.colours
    c = make.colour(rng)
    p.recolour(c)
    if rng.random() < 0.4:
        return Edit(_state(rng, c if rng.random() < 0.5 else f"in {c}"), p, "small")
    values = {"c": c} | ({"old": old[0]} if old else {})
    return Edit(_pick(rng, "colour", **values), p, "small")


def adjective(rng: random.Random, p: Picture) -> Edit:
    """Bigger, older, cuter; what contradicts it goes."""
    if rng.random() < 0.2:
        return _too(rng, p)
    ask, word = rng.choice(list(make.COMPARATIVES.items()))
    if word.startswith("with "):
        p.items.append(word.removeprefix("with "))
    else:
        _describe(p, word)
    return Edit(_pick(rng, "adjective", ask=ask, base=word.removeprefix("with ")), p, "small")


def _describe(p: Picture, word: str) -> None:
    clash = {x for group in w.OPPOSITES if word in group for x in group}
    p.adjectives = [word, *(a for a in p.adjectives if a not in clash and a != word)]


def _too(rng: random.Random, p: Picture) -> Edit:
    """A complaint: the opposite is wanted."""
    x, told = rng.choice(list(w.TOO.items()))
    y, word = told.rsplit(" ", 1)
    _describe(p, word)
    return Edit(_pick(rng, "too", x=x, y=y), p, "small")


def less(rng: random.Random, p: Picture) -> Edit:
    """An adjective goes."""
    chosen = [a for a in p.adjectives if a not in COLOURS]
    if not chosen:
        return adjective(rng, p)
    gone = rng.choice(chosen)
    p.adjectives.remove(gone)
    return Edit(_pick(rng, "less", x=gone), p, "small")


def place(rng: random.Random, p: Picture) -> Edit:
    """Another place."""
    if p.kind == "place":
        return time(rng, p)
    to = rng.choice([x for x in make.PLACES if x != p.place])
    p.place = to
    preposition, _, where = to.partition(" ")
    if rng.random() < 0.55 or preposition not in ("in", "on", "at"):
        return Edit(_state(rng, to), p, "large")
    where = bare(where)
    named = (
        article(where) if where[0].islower() and rng.random() < 0.6 else f"the {where}" if where[0].islower() else where
    )
    return Edit(_pick(rng, "move", x=to, w=named), p, "large")


def time(rng: random.Random, p: Picture) -> Edit:
    """Another time of day, season or weather."""
    weather = dict(line.partition("=")[::2] for line in table("edits", "weather"))
    if rng.random() < 0.5:
        at, asks = rng.choice(list(weather.items()))
        p.time = at
        return Edit(choose(rng, f"[{asks}]"), p, "large")
    p.time = rng.choice([x for x in make.TIMES if x != p.time])
    return Edit(_state(rng, p.time), p, "large")


def style(rng: random.Random, p: Picture) -> Edit:
    """Another medium or artist's manner."""
    p.layout = "sentence" if p.layout == "place first" else p.layout
    if rng.random() < 0.3:
        a = make.artist(rng)
        p.clauses = [c for c in p.clauses if not c.startswith("in the style of")] + [f"in the style of {a}"]
        return Edit(_pick(rng, "artist", a=a), p, "large")
    name, a = make.style(rng)
    p.medium, p.view = f"{a} of", ""
    if rng.random() < 0.4:
        return Edit(_state(rng, rng.choice([f"as {a}", f"in {name} style", f"as {a}"])), p, "large")
    return Edit(_pick(rng, "style", a=a, n=name), p, "large")


def act(rng: random.Random, p: Picture) -> Edit:
    """Another pose or activity of something alive."""
    if not p.living:
        return place(rng, p)
    verb, doing = rng.choice([x for x in make.ACTIONS.items() if x[1] != p.act])
    p.act = doing
    return Edit(_pick(rng, "act", verb=verb, doing=doing), p, "large" if rng.random() < 0.5 else "small")


def camera(rng: random.Random, p: Picture) -> Edit:
    """Another point of view."""
    line = rng.choice(table("edits", "camera"))
    p.view, _, asks = line.partition("=")
    p.layout = "sentence" if p.layout == "place first" else p.layout
    return Edit(choose(rng, f"[{asks}]"), p, "large")


def background(rng: random.Random, p: Picture) -> Edit:
    """A plain background, or none."""
    ask, _, to = rng.choice(table("edits", "background")).partition("=")
    c = make.colour(rng)
    p.place, p.time = fill(to, c=c).replace("on a a", "on a").replace("on a o", "on an o"), ""
    return Edit(fill(choose(rng, ask), c=c), p, "large")


def sky(rng: random.Random, p: Picture) -> Edit:
    """Another colour or mood of the sky, the water, the light; what was said of it before goes."""
    kinds = {"sky": w.SKIES, "light": w.LIGHTS, "sea": w.WATERS, "water": w.WATERS}
    present = [n for n in kinds if any(c.split()[-1] == n for c in p.clauses)]
    n = rng.choice(present) if present and rng.random() < 0.7 else rng.choice(["sky", "light", "sky"])
    c = rng.choice([*kinds[n], make.colour(rng)])
    p.clauses = [f"{c} {n}" if x.split()[-1] == n else x for x in p.clauses]
    if f"{c} {n}" not in p.clauses:
        p.clauses.insert(0, f"{c} {n}")
    return Edit(_pick(rng, "sky", n=n, c=c), p, "small")


def number(rng: random.Random, p: Picture) -> Edit:
    """Two of them in one picture."""
    n = rng.choice([x for x in ("two", "three", "four", "five", "six", "seven", "ten") if x != p.number])
    p.number, many = n, plural(p.noun)
    return Edit(_pick(rng, "number", n=n, many=many), p, "large")


def material(rng: random.Random, p: Picture) -> Edit:
    """Made of something."""
    m = rng.choice([x for x in w.MATERIALS if x != p.material])
    p.material = m
    return Edit(_pick(rng, "material", m=m), p, "large")


def subject(rng: random.Random, p: Picture) -> Edit:
    """The main thing becomes another."""
    old = p.noun
    if rng.random() < 0.6 and p.kind in make.KINDS:
        new = rng.choice([n for n in make.KINDS[p.kind] if n != old])
    else:
        new = make.noun(rng)
    p.noun, p.number = new, ""
    p.kind = make.kind_of(new)
    p.gender = p.gender if p.living else "it"
    b = article(new)
    if rng.random() < 0.4:
        return Edit(_pick(rng, "subject", b=b), p, "large")
    return Edit(_pick(rng, "replace", a=f"the {old}", ab=rng.choice([article(old), f"the {old}"]), b=b), p, "large")
