"""Descriptions as larger models write them, with slots: edits of texts that follow no grammar of ours.

The history of a thread may have been written by any language model, so the tiny one must learn to change
a few words of any text and copy the rest.
"""

# ruff: noqa: E501 -- phrase tables read better unwrapped

from __future__ import annotations

import random

from prompts.tiny.data import refer
from prompts.tiny.data import words as w
from prompts.tiny.data.scene import article, bare
from prompts.tiny.data.table import Example, as_typed
from prompts.tiny.format import TinyPicture, TinyTurn

# {n} a noun, {m} another noun, {t} a thing with its article, {c} {d} colours, {p} a place, {h} a time, {e} an extra
TEMPLATES = [
    "A lone {n} standing {p}, {t} behind it, {c} sky",
    "a {c} {n}, {p}, {e}",
    "Minimal {n} emblem, {c} on {d}, {e}",
    "A cozy scene {p}: {t}, {an} and a {c} {m}, {e}",
    "digital painting of {an} with {t}, {h}, {e}, {c} tones",
    "{An} made of {c} paper with {t}",
    "{c} {n} and {d} {m} side by side, {p}",
    "Watercolor of {an} {h}, {t} in the distance, {e}",
    "close-up portrait of {an} with {c} eyes, {d} background",
    "{An} holding {t} while {am} watches, {p}",
    "isometric view of {an} with {t}, pastel {c} and {d}",
    "flat vector {n} icon, {c} and {d}, rounded corners",
    "a {n}-shaped {m} {p} {h}",
    "Wide cinematic shot of {an} {p}, {t}, {h}, {e}",
    "an old {n} covered in {c} moss, {t} beside it, {h}",
    "Two friends: {an} and {am}, sharing {t} {p}",
    "round badge with {an} in the center, {c} border, {d} letters",
    "{An} seen through a window, {t} on the sill, {c} curtains, {h}",
    "A {c} {n} {p} looking at {t}, children's book style",
    "surreal collage: {an} with {t} instead of a head, {c} background",
    "{n} pattern, seamless, {c} on {d}, with small {m} details",
    "macro photograph of {an}, {c} petals around it, {e}",
    "The inside of {an}: {t}, {c} walls, {d} floor, {am} in the corner",
    "a quiet street with {an}, {t} and a {c} door, {h}",
    "one-line drawing of {an}, {c} ink on {d} paper",
    "poster: {an} above {t}, big {c} letters, {e}",
]


def _values(rng: random.Random) -> dict[str, str]:
    n, m = rng.sample(w.NOUNS, 2)
    c, d = rng.sample(w.COLOURS, 2)
    values = {
        "n": n,
        "m": m,
        "an": article(n),
        "An": article(n).capitalize(),
        "am": article(m),
        "t": rng.choice(w.THINGS),
    }
    return values | {"c": c, "d": d, "p": rng.choice(w.SCENES), "h": rng.choice(w.TIMES), "e": rng.choice(w.EXTRAS)}


def _with_noun(values: dict[str, str], key: str, noun: str) -> dict[str, str]:
    pair = {
        "n": {"n": noun, "an": article(noun), "An": article(noun).capitalize()},
        "m": {"m": noun, "am": article(noun)},
    }
    return values | pair[key]


REPLACE = """replace the {a} with {b}|swap the {a} for {b}|change the {a} to {b}|{b} instead of the {a}|use {b} instead of the {a}
|the {a} should be {b}|exchange the {a} for {b}|not the {a}, {b}|turn the {a} into {b}|rather {b} than the {a}|can the {a} be {b}?
|i'd prefer {b} over the {a}|substitute the {a} by {b}|put {b} where the {a} is|let's have {b} in place of the {a}""".replace(
    "\n", ""
).split("|")
REMOVE = """remove the {a}|without the {a}|take out the {a}|no {a}|get rid of the {a}|drop the {a}|lose the {a} please|can we delete the {a}?
|i don't want the {a} in there|leave the {a} out|erase the {a}|the {a} is distracting, remove it|same without the {a}""".replace(
    "\n", ""
).split("|")
ADD = """add {b}|also {b}|include {b}|put {b} in|with {b} as well|it needs {b}|could you add {b}?|place {b} somewhere|i'd like {b} too
|and {b}|there should also be {b}|what if there was {b}?|fit in {b} please|throw {b} into the scene|now with {b}""".replace(
    "\n", ""
).split("|")
RECOLOUR = """change {a} to {b}|make the {a} {b}|{b} instead of {a}|swap {a} for {b}|replace {a} with {b}|not {a}, {b} please|the {a} should be {b}
|turn the {a} parts {b}|use {b} rather than {a}|i'd like {b} where it is {a}""".replace("\n", "").split("|")


def free_edit(rng: random.Random) -> Example:
    """One change of one of a few free descriptions."""
    n = rng.choice([1, 1, 2, 3, 4])
    start = 1 if rng.random() < 0.7 else rng.randint(2, 30)
    chosen = [(rng.choice(TEMPLATES), _values(rng)) for _ in range(n)]
    index = n - 1 if rng.random() < 0.7 else rng.randrange(n)
    template, values = chosen[index]
    old = template.format(**values)
    ask, new, change = _change(rng, template, values)
    batch = n > 1 and rng.random() < 0.5
    if index != n - 1:
        ordinal = w.ORDINALS[index]
        pointer = rng.choice(
            [
                f"picture {start + index}",
                f"#{start + index}",
                f"the {ordinal} one" if batch else f"image {start + index}",
            ]
        )
        ask = rng.choice([f"in {pointer}, {ask}", f"{pointer}: {ask}", f"for {pointer}, {ask}", f"{ask} in {pointer}"])
    texts = [t.format(**v) for t, v in chosen]
    assert texts[index] == old
    table = tuple(TinyPicture(start + i, text, None, batch) for i, text in enumerate(texts))
    return Example("edit", TinyTurn(as_typed(rng, ask), table), f"edit {start + index} {change}: {new}")


def _change(rng: random.Random, template: str, values: dict[str, str]) -> tuple[str, str, str]:
    """What to ask, the new text, and how far it goes."""
    kinds = ["add", "style"]
    if "{t}" in template:
        kinds += ["replace t", "remove t", "replace t"]
    if "{c}" in template:
        kinds += ["recolour", "recolour"]
    kinds += ["replace n"] if any(x in template for x in ("{n}", "{an}", "{An}")) else []
    kinds += ["replace m", "remove m"] if " and {am}" in template else []
    kinds += ["place"] if "{p}" in template else ["place"] if rng.random() < 0.3 else []
    text = template.format(**values)
    match rng.choice(kinds):
        case "replace t":
            new = rng.choice(w.THINGS)
            return (
                rng.choice(REPLACE).format(a=bare(values["t"]), b=new),
                template.format(**values | {"t": new}),
                "small",
            )
        case "remove t":
            return rng.choice(REMOVE).format(a=bare(values["t"])), _without(template, "{t}").format(**values), "small"
        case "remove m":
            return rng.choice(REMOVE).format(a=values["m"]), template.replace(" and {am}", "").format(**values), "small"
        case "recolour":
            new = rng.choice([c for c in w.COLOURS if c not in values.values()])
            return rng.choice(RECOLOUR).format(a=values["c"], b=new), template.format(**values | {"c": new}), "small"
        case "replace n":
            noun = rng.choice(w.NOUNS)
            return (
                rng.choice(REPLACE).format(a=values["n"], b=article(noun)),
                template.format(**_with_noun(values, "n", noun)),
                "large",
            )
        case "replace m":
            noun = rng.choice(w.NOUNS)
            return (
                rng.choice(REPLACE).format(a=values["m"], b=article(noun)),
                template.format(**_with_noun(values, "m", noun)),
                "small",
            )
        case "place":
            to = rng.choice([*w.SCENES, *w.TIMES])
            ask = rng.choice(
                [
                    "put it {x}",
                    "now {x}",
                    "same but {x}",
                    "{x}",
                    "{x} please",
                    "how about {x}?",
                    "i want it {x}",
                    "move the scene: {x}",
                ]
            )
            new = template.format(**values | {"p": to}) if "{p}" in template else f"{text}, {to}"
            return ask.format(x=to), new, "large"
        case "style":
            name, prefix = rng.choice(list(w.STYLES.items()))
            ask = rng.choice(
                [
                    "as {a}",
                    "make it {a}",
                    "in {n} style",
                    "now as {a}",
                    "{n} style please",
                    "redo it as {a}",
                    "turn it into {a}",
                ]
            )
            lowered = text[0].lower() + text[1:]
            new = (
                f"{prefix} {lowered}" if lowered.startswith(("a ", "an ", "the ", "two ")) else f"{text}, {name} style"
            )
            return ask.format(a=prefix.removesuffix(" of"), n=name), new, "large"
        case _:
            new = (
                rng.choice(w.THINGS)
                if rng.random() < 0.6
                else article(f"{rng.choice(w.COLOURS)} {rng.choice(w.NOUNS)}")
            )
            return rng.choice(ADD).format(b=new), f"{text}, with {new}", "small"


_PHRASES_WITH_THING = [", {t} behind it", ": {t},", " with {t} instead of a head", " with {t}", ", {t} in the distance", " holding {t} while", ", {t} beside it",
                       ", sharing {t}", ", {t} on the sill", " looking at {t}", " above {t}", " {t},", ", {t} and"]  # fmt: skip


def _without(template: str, slot: str) -> str:
    """The template without the clause around a slot."""
    for phrase in _PHRASES_WITH_THING:
        if slot in phrase and phrase in template:
            rest = (
                ":"
                if phrase.startswith(":")
                else " while"
                if phrase.endswith("while")
                else " and"
                if phrase.endswith(" and")
                else ""
            )
            comma = "," if phrase.startswith(" {t},") else ""
            return template.replace(phrase, rest + comma if phrase != " {t}," else "").replace(",,", ",")
    return template.replace(f", {slot}", "").replace(slot, "").replace("  ", " ")


def free_request(rng: random.Random) -> Example:
    """A new picture asked for with such a text."""
    text = rng.choice(TEMPLATES).format(**_values(rng))
    ask = rng.choice(
        [
            "{x}",
            "{x}",
            "draw this: {x}",
            "please make: {x}",
            "i have this in mind: {x}",
            "{x} please",
            "new one: {x}",
            "prompt: {x}",
        ]
    )
    table: tuple[TinyPicture, ...] = ()
    if rng.random() < 0.3:
        table = (TinyPicture(rng.randint(1, 9), rng.choice(TEMPLATES).format(**_values(rng))),)
    return Example(
        "new",
        TinyTurn(as_typed(rng, ask.format(x=text[0].lower() + text[1:])), table),
        f"image: {text[0].lower() + text[1:]}",
    )


_MEDIA = {
    "Watercolor": "watercolor", "badge": "badge", "poster": "poster", "pattern": "pattern", "icon": "icon", "collage": "collage",
    "portrait": "portrait", "emblem": "emblem", "one-line": "line drawing", "isometric": "isometric one", "macro": "macro photo",
    "digital painting": "digital painting", "Two friends": "two friends", "window": "window one", "street": "street",
}  # fmt: skip


def _pointers(template: str, values: dict[str, str]) -> list[str]:
    """How people point at such a picture by what is on it."""
    named = [f"the {m}" for key, m in _MEDIA.items() if key in template]
    if "{n}" in template or "{an}" in template or "{An}" in template:
        named += [
            f"the {values['n']}",
            f"the {values['n']} one",
            f"the one with the {values['n']}",
            f"the {values['n'].split()[-1]}",
        ]
    if "{t}" in template:
        named += [f"the one with the {bare(values['t'])}"]
    if "{c} {n}" in template or "{c} {m}" in template:
        named += [f"the {values['c']} one"]
    return named


def free_pointer(rng: random.Random) -> Example:
    """A choice, variation or refinement of one of several free descriptions, named by its content."""
    n = rng.choice([2, 2, 3, 3, 4])
    start = 1 if rng.random() < 0.6 else rng.randint(2, 30)
    batch = rng.random() < 0.6
    chosen = [(rng.choice(TEMPLATES), _values(rng)) for _ in range(n)]
    texts = [t.format(**v) for t, v in chosen]
    index = rng.randrange(n)
    pointer = rng.choice(_pointers(*chosen[index]) or [f"number {start + index}"])
    kind = rng.choices(["select", "variation", "refine", "edit"], [4, 2, 2, 3])[0]
    table = tuple(TinyPicture(start + i, text, None, batch) for i, text in enumerate(texts))
    if kind == "edit":
        ask, new, change = _change(rng, *chosen[index])
        message = rng.choice(
            ["{p}: {a}", "for {p}, {a}", "{p}, but {a}", "take {p} and {a}", "{a} ({p})", "on {p}: {a}"]
        ).format(p=pointer, a=ask)
        return Example("reference", TinyTurn(as_typed(rng, message), table), f"edit {start + index} {change}: {new}")
    asks = {"select": refer.SELECT if batch else refer.BACK, "variation": refer.VARY_AT, "refine": refer.REFINE_AT}[
        kind
    ]
    if kind == "select" and rng.random() < 0.2:
        pointer = pointer.removeprefix("the ")
    return Example(kind, TinyTurn(as_typed(rng, rng.choice(asks).format(t=pointer)), table), f"{kind} {start + index}")
