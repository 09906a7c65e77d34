"""What people ask to be changed in a picture, and the full description of the picture they then want.

Each function takes a copy of the scene, changes one part of it, and gives the phrases that ask for that
change. ``{o}`` ``{s}`` ``{p}`` stand for it/him/her, it/he/she and its/his/her, or for "the dog".
"""

# ruff: noqa: E501 -- phrase tables read better unwrapped

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from prompts.tiny.data import words as w
from prompts.tiny.data.scene import Scene, article, bare, clothing, feature_name, other_thing, plural
from prompts.tiny.format import Change


@dataclass
class Edit:
    """Ways to ask for a change, the scene after it, and how far it goes."""

    phrases: list[str]
    scene: Scene
    change: Change


def colour(rng: random.Random, s: Scene) -> Edit:
    """Another colour of the main thing."""
    c = rng.choice([c for c in w.COLOURS if c not in s.adjectives])
    s.adjectives = [a for a in s.adjectives if a not in w.COLOURS] + [c]
    asks = w.phrases(f"""make {{o}} {c}|change the color to {c}|change {{p}} color to {c}|can {{s}} be {c}?|could you make {{o}} {c}?
    |i'd prefer {{o}} in {c}|paint {{o}} {c}|turn {{o}} {c}|i want {{o}} to be {c}|what about {c}?|what if {{s}} were {c}?
    |{c} instead|{c}, please|should be {c}|{{s}} should be {c}|let {{o}} be {c}|color {{o}} {c}|not bad, but make {{o}} {c}
    |i think {c} would be better|how would {{s}} look in {c}?|dye {{o}} {c}|use {c} as the color|try {c}|but {c}
    |the same in {c}|a {c} one please|give {{o}} a {c} color|{{s}} would look better in {c}|now in {c}""")
    return Edit(asks, s, "small")


def wear(rng: random.Random, s: Scene) -> Edit:
    """Something to wear."""
    item = clothing(rng)
    s.features.append(f"wearing {item}")
    asks = w.phrases(f"""give {{o}} {item}|put {item} on {{o}}|add {item}|i want {{o}} to wear {item}|{{s}} should wear {item}
    |could {{s}} have {item}?|let {{o}} wear {item}|can you give {{o}} {item}?|{{s}} needs {item}|dress {{o}} in {item}
    |how about {item}?|make {{o}} wear {item}|maybe {item} too|with {item}|{{s}} is missing {item}|now wearing {item}
    |i'd like {item} on {{o}}|and {item} please|{{s}} looks cold, give {{o}} {item}""")
    return Edit(asks, s, "small")


def add(rng: random.Random, s: Scene) -> Edit:
    """Another thing in the picture."""
    thing = rng.choice(w.THINGS)
    place = rng.choice(
        ["", "", " in the background", " next to {o}", " in the foreground", " behind {o}", " in the sky"]
    )
    s.features.append(f"with {thing}{place.replace('{o}', s.object_pronoun)}")
    t = thing + place
    asks = w.phrases(f"""add {t}|please add {t}|include {t}|i'd like to see {t} too|there should be {t}|can you add {t}?
    |could we have {t}?|i think {t} would look nice|with {t} please|it needs {t}|why not add {t}?|let there be {t}
    |draw {t} as well|place {t} in the scene|it's missing {t}|throw in {t}|slip in {t} somewhere|decorate it with {t}
    |same but with {t}|also {t}|put {t} in there|now add {t}|a bit empty, add {t}|i miss {t}|and what about {t}?""")
    return Edit(asks, s, "small")


def part(rng: random.Random, s: Scene) -> Edit:
    """A part of the main thing: eyes, hair, a smile."""
    p = rng.choice(w.PARTS)
    s.features.append(f"with {p}")
    asks = w.phrases(f"""give {{o}} {p}|{{s}} should have {p}|could {{s}} have {p}?|i want {{o}} with {p}|let {{o}} have {p}
    |draw {{o}} with {p}|{{s}} is missing {p}|now with {p}|can you add {p} to {{o}}?""")
    return Edit(asks, s, "small")


def place(rng: random.Random, s: Scene) -> Edit:
    """Another place."""
    if s.kind == "place":
        return time(rng, s)
    to = rng.choice([x for x in w.SCENES if x != s.place])
    s.place = to
    where = bare(to.split(" ", 1)[1]) if to.split()[0] in ("in", "on", "at") else ""
    asks = w.phrases(f"""put {{o}} {to}|place {{o}} {to}|let {{o}} be {to}|i want {{o}} {to}|{{s}} should be {to}
    |what if {{s}} were {to}?|can you put {{o}} {to}?|set the scene {to}|the same but {to}|show {{o}} {to}|now {to}
    |how would {{s}} look {to}?|could {{s}} be {to}?|{to} please|now imagine {{o}} {to}|send {{o}} somewhere else: {to}
    |i'd rather see {{o}} {to}|same thing {to}|and now {to}|let's see {{o}} {to}|{to}|make it take place {to}""")
    if where:
        asks += w.phrases(
            f"change the background to {article(where) if where[0].islower() else where}|move {{o}} to the {where}|the background should be {article(where) if where[0].islower() else where}"
        )
    return Edit(asks, s, "large")


_TIME_ASKS = {
    "at night": "make it night|turn day into night|i want it at nighttime|let it be dark outside|a night version please",
    "in the rain": "make it rain|add rain|let it rain|rainy weather please|it should be raining",
    "in thick fog": "add fog|make it foggy|hide half of it in fog",
    "at sunset": "make it sunset|add a sunset|sunset mood please|with the sun going down",
    "in winter": "make it winter|winter version|turn it into a winter scene",
    "in autumn": "make it autumn|autumn mood|make it fall",
    "in spring": "make it spring|spring version please",
    "in summer": "make it summer|summer please",
    "during a storm": "make it stormy|add a storm|let there be a thunderstorm",
    "at dawn": "make it dawn|early in the morning please",
    "under a full moon": "add a full moon|let the moon shine",
    "under a starry sky": "add a starry sky|make the sky full of stars",
    "on a cloudy day": "make it cloudy|cloudy sky please",
    "in heavy snowfall": "let it snow|make it snow|add some snow|snowy please",
}


def time(rng: random.Random, s: Scene) -> Edit:
    """Another time of day, season or weather."""
    at = rng.choice([x for x in w.TIMES if x != s.time])
    s.time = at
    asks = w.phrases(f"""show {{o}} {at}|the same scene {at}|i want it {at}|could it be {at}?|change it to be {at}|{at} please
    |what would it look like {at}?|set it {at}|same but {at}|now {at}|{at}|but {at}|imagine it {at}|now the same {at}""")
    return Edit(asks + w.phrases(_TIME_ASKS.get(at, "")) * 3, s, "large")


def style(rng: random.Random, s: Scene) -> Edit:
    """Another medium or artist's manner."""
    if rng.random() < 0.22:
        a = rng.choice(w.ARTISTS)
        s.extras = [f"in the style of {a}"]
        return Edit(
            w.phrases(f"""{a} style|in the style of {a}|make it {a} style|redraw {{o}} in {a} style|do it like {a}
            |what would {a} make of it?|turn it into a {a} picture|paint it as {a} would|give it a {a} look"""),
            s,
            "large",
        )
    name, prefix = rng.choice([x for x in w.STYLES.items() if x[1] != s.style])
    s.style, a = prefix, prefix.removesuffix(" of")
    asks = w.phrases(f"""make it {a}|turn it into {a}|turn this into {a}|as {a} please|i want it as {a}|in {name} style
    |make it look like {a}|convert it to {name}|can i have it as {a}?|change the style to {name}|redo it in {name} style
    |could you do it as {a}?|i'd prefer {a}|use {name} style|what would it look like as {a}?|transform it into {a}
    |{name} version please|redraw {{o}} as {a}|show {{o}} as {a}|do {{o}} as {a}|the same as {a}|now as {a}""")
    return Edit(asks, s, "large")


def action(rng: random.Random, s: Scene) -> Edit:
    """Another pose or activity of something alive."""
    if s.kind not in w.LIVING:
        return place(rng, s)
    verb = rng.choice([v for v, g in w.ACTIONS.items() if g != s.action])
    doing = w.ACTIONS[verb]
    s.action = doing
    asks = w.phrases(f"""make {{o}} {verb}|let {{o}} {verb}|have {{o}} {verb}|{{s}} should be {doing}|i'd like {{o}} {doing}
    |i want {{o}} to {verb}|can {{s}} be {doing}?|could {{s}} {verb}?|show {{o}} {doing}|make it so {{s}} is {doing}
    |now {doing}|what if {{s}} was {doing}?|have {{o}} {doing} instead|{{s}} should {verb}|{doing} please|but {doing}
    |now {{s}} wants to {verb}|draw {{o}} {doing}""")
    return Edit(asks, s, "large" if rng.random() < 0.5 else "small")


def adjective(rng: random.Random, s: Scene) -> Edit:
    """Bigger, older, cuter; what contradicts it goes."""
    ask, word = rng.choice(list(w.COMPARATIVES.items()))
    clash = {x for group in w.OPPOSITES if word in group for x in group}
    s.adjectives = [word, *(a for a in s.adjectives if a not in clash)]
    soft = f"a bit {ask} please" if ask.endswith("er") or ask.startswith("more") else f"{ask} please"
    asks = w.phrases(f"""make {{o}} {ask}|can you make {{o}} {ask}?|{{s}} should be {ask}|i want {{o}} {ask}|could {{s}} be {ask}?
    |{soft}|{{s}} should look {ask}|i would like {{o}} to be {ask}|make {{o}} look {ask}|{ask}!|it has to be {ask}
    |{{s}} could be {ask}|not {ask} enough|hmm, make {{o}} {ask}|i imagined {{o}} {ask}""")
    return Edit([a for a in asks if "not " not in a or ask == word or not ask.startswith("more")], s, "small")


def subject(rng: random.Random, s: Scene) -> Edit:
    """The main thing becomes another."""
    old, pool = s.noun, [n for n in w.NOUNS if n != s.noun]
    if rng.random() < 0.6:
        pool = [n.replace("_", " ") for n in w.KINDS[s.kind] if n.replace("_", " ") != old]
    new = rng.choice(pool)
    s.noun, s.kind, s.number = new, w.KIND_OF[new], ""
    s.gender = s.gender if s.kind in w.LIVING else "it"
    a = article(new)
    asks = w.phrases(f"""make it {a} instead|change the {old} to {a}|replace the {old} with {a}|swap the {old} for {a}
    |actually, {a} instead|turn the {old} into {a}|i'd rather have {a}|can it be {a} instead?|what about {a} instead of the {old}?
    |use {a} instead of the {old}|it should be {a}, not {article(old)}|no, i meant {a}|replace {article(old)} by {a}
    |exchange the {old} for {a}|instead of the {old}, {a}|{a} instead of {article(old)} please|i said {a}, not {article(old)}
    |make the {old} {a}|could the {old} be {a}?|rather {a}|the {old} should become {a}|switch the {old} to {a}""")
    return Edit(asks, s, "large")


def camera(rng: random.Random, s: Scene) -> Edit:
    """Another point of view."""
    ask, prefix = rng.choice(list(w.CAMERAS.items()))
    s.camera = prefix
    return Edit(
        [ask, ask, f"can you {ask}?" if ask.split()[0] in ("zoom", "show", "pull", "move") else f"{ask}, please"],
        s,
        "large",
    )


def background(rng: random.Random, s: Scene) -> Edit:
    """A plain background, or none."""
    c = rng.choice(w.COLOURS)
    ask, to = rng.choice(
        [
            ("remove the background", "on a plain white background"), ("make the background white", "on a white background"),
            ("plain background please", "on a plain background"), ("no background", "on a plain white background"),
            ("make the background blurry", "with a blurry background"), (f"make the background {c}", f"on a {c} background"),
            (f"change the background to {c}", f"on a {c} background"), (f"{c} background", f"on a {c} background"),
            (f"i'd like a {c} background", f"on a {c} background"), (f"put {{o}} on {c}", f"on a {c} background"),
        ]
    )  # fmt: skip
    s.place, s.time = to, ""
    return Edit([ask], s, "large")


def number(rng: random.Random, s: Scene) -> Edit:
    """Two of them in one picture."""
    n = rng.choice(["two", "three", "four", "five"])
    s.number, many = n, plural(s.noun)
    asks = w.phrases(f"""make it {n} {many}|i want {n} {many} instead|there should be {n} {many}|can we have {n} of them in the picture?
    |show {n} {many} together|{n} {many} in the same picture|{n} {many} instead of one|i meant {n} {many} in one picture""")
    return Edit(asks, s, "large")


def material(rng: random.Random, s: Scene) -> Edit:
    """Made of something."""
    m = rng.choice(w.MATERIALS)
    s.features.insert(0, f"made of {m}")
    asks = w.phrases(f"""make {{o}} out of {m}|make {{o}} made of {m}|{{s}} should be made of {m}|what if {{s}} was made of {m}?
    |build {{o}} from {m}|could {{s}} be of {m}?|{m} as the material""")
    return Edit(asks, s, "large")


def second(rng: random.Random, s: Scene) -> Edit:
    """A second thing beside the first."""
    relation, thing = other_thing(rng, s.kind in w.LIVING and not s.action)
    s.other = (relation, thing)
    if relation in ("and", "near", "beside", "next to"):
        asks = w.phrases(f"""add {thing} next to {{o}}|put {thing} beside {{o}}|{{s}} needs company, add {thing}|i want {thing} with {{o}}
        |let {thing} stand next to {{o}}|together with {thing}|add {thing}|and {thing} as well|{thing} should be there too""")
    elif relation in w.LIVING_RELATIONS:
        asks = w.phrases(f"""let {{o}} be {relation} {thing}|{{s}} should be {relation} {thing}|show {{o}} {relation} {thing}|now {relation} {thing}
        |have {{o}} {relation} {thing}""")
    else:
        asks = w.phrases(
            f"put {{o}} {relation} {thing}|i want {{o}} {relation} {thing}|show {{o}} {relation} {thing}|{{s}} should be {relation} {thing}|now {relation} {thing}"
        )
    return Edit(asks, s, "small")


def _removal_asks(thing: str) -> list[str]:
    return w.phrases(f"""remove the {thing}|get rid of the {thing}|without the {thing}|take the {thing} away|no more {thing}
    |lose the {thing}|can you remove the {thing}?|i don't like the {thing}|delete the {thing}|please take out the {thing}
    |the {thing} should go|drop the {thing}|could you erase the {thing}?|same but without the {thing}|no {thing} please
    |leave out the {thing}|i don't want the {thing}|the {thing} is too much, remove it|skip the {thing}|omit the {thing}
    |the {thing} bothers me|just without the {thing}|do we need the {thing}? take it out|hide the {thing}|cut the {thing}""")


def remove(rng: random.Random, s: Scene) -> Edit:
    """Something composed goes; the rest stays word for word."""
    choices: list[str] = ["feature"] * len(s.features) + ["other"] * (2 if s.other else 0)
    if s.place.startswith(("in ", "on ", "at ")) and "background" not in s.place:
        choices.append("place")
    if s.adjectives and rng.random() < 0.3:
        choices.append("adjective")
    if not choices:
        return add(rng, s)
    match rng.choice(choices):
        case "feature":
            index = rng.randrange(len(s.features))
            name = feature_name(s.features.pop(index))
            if name.startswith("no "):
                return add(rng, s)
            return Edit(_removal_asks(name), s, "small")
        case "other":
            assert s.other is not None
            name = bare(s.other[1])
            if rng.random() < 0.3 and len(name.split()) > 1:
                name = name.split()[-1]
            s.other = None
            return Edit(
                [
                    *_removal_asks(name),
                    f"only the {s.noun}, please",
                    f"i only want the {s.noun}",
                    f"{{o}} alone, without the {name}",
                ],
                s,
                "small",
            )
        case "place":
            s.place = "on a plain white background"
            return Edit(
                w.phrases("remove the background|take away the background|just {o}, nothing around|isolate {o}"),
                s,
                "large",
            )
        case _:
            gone = s.adjectives.pop()
            return Edit(
                w.phrases(
                    f"not {gone}|less {gone}|it should not be {gone}|why is {{s}} {gone}? change that|not so {gone}"
                ),
                s,
                "small",
            )


def replace(rng: random.Random, s: Scene) -> Edit:
    """A composed part becomes another: replace A with B."""
    options = [*range(len(s.features))] + ([-1, -1] if s.other else [])
    if not options:
        return subject(rng, s)
    index = rng.choice(options)
    if index == -1:
        assert s.other is not None
        relation, old_phrase = s.other
        new = other_thing(rng, False)[1]
        old, s.other = bare(old_phrase), (relation, new)
    else:
        old = feature_name(s.features[index])
        if old.startswith("no "):
            return add(rng, s)
        worn = s.features[index].startswith("wearing")
        new = clothing(rng) if worn else rng.choice(w.THINGS)
        tail = " in the background" if s.features[index].endswith("in the background") else ""
        s.features[index] = f"wearing {new}" if worn else f"with {new}{tail}"
    asks = w.phrases(f"""replace the {old} with {new}|swap the {old} for {new}|change the {old} to {new}|{new} instead of the {old}
    |i'd rather have {new} than the {old}|turn the {old} into {new}|can you replace the {old} by {new}?|exchange the {old} for {new}
    |instead of the {old} i want {new}|the {old} should be {new}|make the {old} {new}|no {old}, {new} please|rather {new} than the {old}
    |take away the {old} and put {new} there|let the {old} become {new}|substitute {new} for the {old}|could the {old} be {new} instead?""")
    return Edit(asks, s, "small")


def recolour_part(rng: random.Random, s: Scene) -> Edit:
    """Another colour of something worn, held or beside."""
    c = rng.choice(w.COLOURS)
    spots = [i for i, f in enumerate(s.features) if f.startswith("wearing") and "pair" not in f]
    if spots and (not s.other or rng.random() < 0.6):
        i = spots[0]
        words = [x for x in feature_name(s.features[i]).split() if x not in w.COLOURS]
        name, s.features[i] = " ".join(words), "wearing " + article(" ".join([c, *words]))
    elif s.other:
        words = [x for x in bare(s.other[1]).split() if x not in w.COLOURS]
        name, s.other = " ".join(words), (s.other[0], article(" ".join([c, *words])))
    else:
        return colour(rng, s)
    asks = w.phrases(f"""make the {name} {c}|the {name} should be {c}|change the color of the {name} to {c}|i want the {name} in {c}
    |can the {name} be {c}?|turn the {name} {c}|{c} {name} please|a {c} {name} instead|paint the {name} {c}""")
    return Edit(asks, s, "small")


EDITS: dict[Callable[[random.Random, Scene], Edit], float] = {
    colour: 3, wear: 2.5, add: 4, part: 1.5, place: 4, time: 3, style: 4.5, action: 3, adjective: 3, subject: 3,
    camera: 1.2, background: 1.5, number: 1, material: 1, second: 2, remove: 5, replace: 4.5, recolour_part: 2,
}  # fmt: skip


def edit(rng: random.Random, s: Scene) -> Edit:
    """Any edit of a scene; the scene given is left alone."""
    if not (s.features or s.other) and rng.random() < 0.3:
        chosen: Callable[[random.Random, Scene], Edit] = rng.choice([colour, place, style, time, subject])
    else:
        chosen = rng.choices(list(EDITS), list(EDITS.values()))[0]
    if s.kind not in w.LIVING and chosen in (wear, part):
        chosen = add
    return chosen(rng, s.copy())


def fill(phrase: str, s: Scene, noun: str | None = None) -> str:
    """Put pronouns, or "the noun", into a phrase."""
    if noun:
        return phrase.replace("{o}", f"the {noun}").replace("{s}", f"the {noun}").replace("{p}", f"the {noun}'s")
    return phrase.replace("{o}", s.object_pronoun).replace("{s}", s.subject_pronoun).replace("{p}", s.possessive)
