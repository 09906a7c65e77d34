"""Random pictures: subjects of the miniature world and far outside it, plain ones and rich ones."""

# ruff: noqa: E501 -- phrase tables and their slots read better unwrapped

from __future__ import annotations

import random

from prompts.lexicon import words as lexicon
from training.tiny.data import words as w
from training.tiny.data.phrases import pairs, words
from training.tiny.data.picture import Picture, article, with_adjective

KINDS: dict[str, tuple[str, ...]] = {
    kind: (*(noun.replace("_", " ") for noun in nouns), *lexicon.words(f"nouns {kind}"))
    for kind, nouns in lexicon.KINDS.items()
}
KIND_OF = {noun: kind for kind, nouns in KINDS.items() for noun in nouns}
THINGS = (*w.THINGS, *words("things"))
PARTS = (*w.PARTS, *words("parts"))
PLACES = (*w.SCENES, *words("places"))
TIMES = (*w.TIMES, *words("times"))
ACTIONS = {**w.ACTIONS, **dict(pairs("actions"))}
STYLES = (*((name, prefix.removesuffix(" of")) for name, prefix in w.STYLES.items()), *pairs("styles"))
"""(name, with article): ("linocut", "a linocut")."""
ARTISTS = (*w.ARTISTS, *words("artists more"))
COMPARATIVES = {**w.COMPARATIVES, **dict(pairs("comparatives"))}
_FEMALE = frozenset(
    lexicon.terms("woman girl grandmother nurse queen princess ballerina witch mermaid waitress fairy bride nun")
)
_MALE = frozenset(lexicon.terms("man boy grandfather king prince fisherman cowboy wizard groom postman monk sheriff"))


def colour(rng: random.Random) -> str:
    """A plain colour mostly, a fancy one at times."""
    return rng.choice(lexicon.COLOURS) if rng.random() < 0.65 else rng.choice(words("fancy colours"))


def noun(rng: random.Random) -> str:
    """The miniature world a quarter of the time, else anything; at times a thing of a special make."""
    if rng.random() < 0.22:
        return rng.choice(w.MINI_WORLD)
    kind = rng.choices(list(KINDS), [5, 4, 2.5, 4, 2, 1.5, 2.5, 2])[0]
    found = rng.choice(KINDS[kind])
    if kind in ("object", "vehicle", "place") and rng.random() < 0.25:
        return f"{rng.choice(words('modifiers'))} {found}"
    return found


def kind_of(name: str) -> str:
    """What a noun is, by its last words."""
    pieces = name.split()
    return next(
        (KIND_OF[" ".join(pieces[i:])] for i in range(len(pieces)) if " ".join(pieces[i:]) in KIND_OF), "object"
    )


def invented_name(rng: random.Random) -> str:
    """A name that nobody has heard of: it can only be copied."""
    parts = words("syllables")
    name = "".join(rng.choice(parts) for _ in range(rng.choice([2, 2, 3]))).capitalize()
    return name if rng.random() < 0.5 else f"{name} {''.join(rng.choice(parts) for _ in range(2)).capitalize()}"


def artist(rng: random.Random) -> str:
    """A known artist or a made-up one."""
    return rng.choice(ARTISTS) if rng.random() < 0.6 else invented_name(rng)


def style(rng: random.Random) -> tuple[str, str]:
    """A medium: its name, and the name with its article."""
    return rng.choice(STYLES)


def adjective(rng: random.Random, kind: str) -> str:
    """A word for how something looks."""
    return rng.choice(w.ADJECTIVES[kind]) if rng.random() < 0.5 else rng.choice(words("adjectives look"))


def clothing(rng: random.Random) -> str:
    """Something to wear, at times with a colour."""
    item = article(rng.choice(w.CLOTHES)) if rng.random() < 0.5 else rng.choice(words("clothes"))
    return with_adjective(item, colour(rng)) if rng.random() < 0.3 and " of " not in item else item


def thing(rng: random.Random) -> str:
    """Something that may stand in any picture."""
    roll = rng.random()
    if roll < 0.6:
        return rng.choice(THINGS)
    name = noun(rng)
    return article(
        f"{colour(rng)} {name}" if roll < 0.7 else f"{adjective(rng, kind_of(name))} {name}" if roll < 0.82 else name
    )


def partner(rng: random.Random, living: bool) -> tuple[str, str]:
    """A second thing and how it stands to the first."""
    name = noun(rng)
    relations = [*w.RELATIONS, *(w.LIVING_RELATIONS if living else ())]
    return rng.choice(relations), article(f"{colour(rng)} {name}" if rng.random() < 0.35 else name)


def plain(rng: random.Random, name: str | None = None) -> Picture:
    """One noun and nothing else."""
    name = name or noun(rng)
    kind = kind_of(name)
    gender = "it"
    if kind == "person" or (kind in w.LIVING and rng.random() < 0.4):
        gender = rng.choice(["he", "she"])
    last = name.split()[-1]
    gender = "she" if last in _FEMALE else "he" if last in _MALE else gender
    return Picture(name, kind, gender)


def picture(rng: random.Random, richness: float | None = None, name: str | None = None) -> Picture:
    """A random picture; `richness` 0 is nearly bare, 1 is a long prompt."""
    rich = rng.random() if richness is None else richness
    if rich > 0.55 and name is None and rng.random() < 0.12:
        return _collection(rng, rich)
    p = plain(rng, name)
    if rng.random() < 0.42:
        p.adjectives.append(colour(rng) if rng.random() < 0.45 else adjective(rng, p.kind))
    if rich > 0.3:
        _surround(rng, p)
    if rng.random() < 0.15:
        p.partner = partner(rng, p.living and not p.act)
    if rng.random() < 0.22:
        p.medium = _medium(rng)
    if rich > 0.62:
        _decorate(rng, p, rich)
    if p.number == "" and rng.random() < 0.05:
        p.number = rng.choice(["two", "three", "four"])
    p.layout = rng.choices(
        ["sentence", "commas", "place first", "capital"], [6, 1.6, 0.6, 1.4] if rich > 0.5 else [9, 0.5, 0, 0.7]
    )[0]
    return p


_LIFELESS = frozenset(
    lexicon.terms(
        "leaning lying standing perched floating covered half surrounded wrapped full shaped with moored driving sailing flying"
    )
)
"""How poses begin that also fit things."""


def _medium(rng: random.Random) -> str:
    if rng.random() < 0.5:
        return rng.choice(words("media"))
    return rng.choice(STYLES)[1] + " of"


def _surround(rng: random.Random, p: Picture) -> None:
    """What it does and wears, what is beside it, where and when."""
    if p.living and rng.random() < 0.4:
        p.act = rng.choice(list(ACTIONS.values())) if rng.random() < 0.6 else rng.choice(words("poses"))
    elif rng.random() < 0.12:
        p.act = rng.choice([x for x in words("poses") if x.split()[0] in _LIFELESS])
    if p.living and rng.random() < 0.2:
        p.wears.append(clothing(rng))
    if p.living and rng.random() < 0.12:
        p.parts.append(rng.choice(PARTS))
    if rng.random() < 0.28:
        p.items.append(thing(rng))
    if p.kind != "place" and rng.random() < 0.42:
        p.place = rng.choice(PLACES)
    if rng.random() < 0.2:
        p.time = rng.choice(TIMES)
    if rng.random() < 0.05:
        p.material = rng.choice(w.MATERIALS)


def _decorate(rng: random.Random, p: Picture, rich: float) -> None:
    """Clauses after commas, as larger models write them."""
    pool = [*words("clauses"), *w.EXTRAS]
    p.clauses += rng.sample(pool, 1 if rich < 0.8 else rng.choice([1, 2, 2, 3]))
    if rng.random() < 0.25:
        p.clauses.insert(0, thing(rng))
    if rich > 0.85 and len(p.items) < 2:
        p.items += [thing(rng) for _ in range(rng.choice([1, 1, 2]))]


def _collection(rng: random.Random, rich: float) -> Picture:
    """A place or a table full of things."""
    lead = rng.choice(words("kinds of lists"))
    p = Picture(lead.removeprefix("a ").removeprefix("an "), "place")
    if lead.startswith("the "):
        p.noun = lead.removeprefix("the ")
    p.items = [thing(rng) for _ in range(rng.choice([2, 3, 3, 4]))]
    if rich > 0.75:
        p.clauses = [rng.choice(words("clauses"))]
    p.time = rng.choice(TIMES) if rng.random() < 0.2 else ""
    return p
