"""Changes of what a picture is composed of: things are added, removed, replaced and described anew."""

# ruff: noqa: E501 -- phrase tables and their slots read better unwrapped

from __future__ import annotations

import random
from collections.abc import Callable

from training.tiny.data import changes, make
from training.tiny.data import words as w
from training.tiny.data.changes import Edit
from training.tiny.data.phrases import say
from training.tiny.data.picture import Picture, article, bare, colourless, head, recoloured, with_adjective


def wear(rng: random.Random, p: Picture) -> Edit:
    """Something to wear."""
    if not p.living:
        return add(rng, p)
    item = make.clothing(rng)
    p.wears.append(item)
    return Edit(say(rng, "edits", "wear", x=item), p, "small")


def part(rng: random.Random, p: Picture) -> Edit:
    """A part of the main thing: eyes, hair, a smile."""
    if not p.living:
        return add(rng, p)
    item = rng.choice([*make.PARTS, f"{make.colour(rng)} {rng.choice(w.BODY)}"])
    p.parts.append(item)
    return Edit(say(rng, "edits", "part", x=item), p, "small")


def add(rng: random.Random, p: Picture) -> Edit:
    """Another thing in the picture."""
    item = make.thing(rng)
    where = rng.choice(["", "", "", " in the background", f" next to {p.object_pronoun}", " in the foreground", f" behind {p.object_pronoun}",
                        " in the corner", " on the left", " on the right", f" around {p.object_pronoun}", f" above {p.object_pronoun}"])  # fmt: skip
    said = item + where
    p.items.append(said)
    return Edit(say(rng, "edits", "add", x=said), p, "small")


def second(rng: random.Random, p: Picture) -> Edit:
    """A second thing beside the first."""
    relation, item = make.partner(rng, p.living and not p.act)
    p.partner = (relation, item)
    if relation in ("and", "near", "beside", "next to"):
        said = rng.choice([f"{item} next to {{o}}", f"{item} beside {{o}}", item, f"{item} together with {{o}}"])
        return Edit(say(rng, "edits", "add", x=said), p, "small")
    return Edit(say(rng, "edits", "state", x=f"{relation} {item}"), p, "small")


def _spots(p: Picture) -> list[tuple[str, int]]:
    """Where something composed stands: (list, index)."""
    spots = [(name, i) for name in ("items", "wears", "parts") for i in range(len(getattr(p, name)))]
    return spots + ([("partner", 0)] * 2 if p.partner else [])


def _at(p: Picture, spot: tuple[str, int]) -> str:
    if spot[0] == "partner":
        assert p.partner is not None
        return p.partner[1]
    return str(getattr(p, spot[0])[spot[1]])


def _put(p: Picture, spot: tuple[str, int], item: str | None) -> None:
    """Replace what stands at a spot, or take it away."""
    if spot[0] == "partner":
        assert p.partner is not None
        p.partner = (p.partner[0], item) if item else None
    elif item:
        getattr(p, spot[0])[spot[1]] = item
    else:
        del getattr(p, spot[0])[spot[1]]


_WHERE = (" in the background", " in the foreground", " in the corner", " on the left", " on the right", " next to ", " behind ", " around ", " above ",
          " in the distance", " on the wall")  # fmt: skip


def _split(item: str) -> tuple[str, str]:
    """The thing and where it is."""
    at = min((item.find(x) for x in _WHERE if x in item), default=len(item))
    return item[:at], item[at:]


def _name(rng: random.Random, item: str) -> str:
    """How people call a thing of the picture: all of its words, or the last one."""
    core = bare(_split(item)[0])
    return head(core) if rng.random() < 0.35 else core


def remove(rng: random.Random, p: Picture) -> Edit:
    """Something composed goes; the rest stays word for word."""
    spots = _spots(p)
    if not spots:
        if p.place.startswith(("in ", "on ", "at ")) and "background" not in p.place and rng.random() < 0.4:
            p.place = "on a plain white background"
            return Edit(say(rng, "edits", "remove", x="the background", xb="background", xc="the background", xa="a background", rest="the " + p.noun), p, "large")  # fmt: skip
        return add(rng, p) if rng.random() < 0.5 else changes.subject(rng, p)
    spot = rng.choice(spots)
    item = _at(p, spot)
    name = _name(rng, item)
    _put(p, spot, None)
    alone = "the " + p.noun if not _spots(p) else ""
    values = {"x": rng.choice([f"the {name}", f"the {name}", f"the {name}", f"that {name}", f"{{p}} {name}" if spot[0] == "wears" else f"the {name}"]),
              "xb": name, "xc": f"the {name}", "xa": _split(item)[0]}  # fmt: skip
    while True:
        message = say(rng, "edits", "remove", **values, **({"rest": alone} if alone else {}))
        if "{rest}" not in message:
            return Edit(message, p, "small")


def replace(rng: random.Random, p: Picture) -> Edit:
    """A composed part becomes another: replace A with B."""
    spots = _spots(p)
    if not spots:
        return changes.subject(rng, p)
    spot = rng.choice(spots)
    old, where = _split(_at(p, spot))
    new = (
        make.clothing(rng) if spot[0] == "wears" else rng.choice(make.PARTS) if spot[0] == "parts" else make.thing(rng)
    )
    if spot[0] == "partner":
        new = make.partner(rng, False)[1]
    _put(p, spot, new + where)
    name = _name(rng, old)
    return Edit(
        say(rng, "edits", "replace", a=f"the {name}", ab=rng.choice([f"the {name}", old, f"the {name}"]), b=new),
        p,
        "small",
    )


def recolour_part(rng: random.Random, p: Picture) -> Edit:
    """Another colour of something worn, held or beside."""
    spots = [s for s in _spots(p) if " of " not in _at(p, s)]
    if not spots:
        return changes.colour(rng, p)
    spot, c = rng.choice(spots), make.colour(rng)
    old, where = _split(_at(p, spot))
    _put(p, spot, recoloured(old, c) + where)
    name = colourless(_name(rng, old))
    return Edit(say(rng, "edits", "recolour part", a=f"the {name}", ab=name, c=c), p, "small")


def qualify_part(rng: random.Random, p: Picture) -> Edit:
    """Something of the picture gets bigger, older, wilder."""
    spots = [s for s in _spots(p) if " of " not in _at(p, s)]
    asks = [x for x in make.COMPARATIVES.items() if not x[1].startswith("with ")]
    ask, word = rng.choice(asks)
    if not spots:
        return changes.adjective(rng, p)
    spot = rng.choice(spots)
    old, where = _split(_at(p, spot))
    clash = frozenset(x for group in w.OPPOSITES if word in group for x in group)
    name = _name(rng, old)
    _put(p, spot, with_adjective(old, word, instead_of=clash) + where)
    return Edit(say(rng, "edits", "qualify part", a=f"the {name}", ab=name, ask=ask, base=word), p, "small")


EDITS: dict[Callable[[random.Random, Picture], Edit], float] = {
    changes.colour: 3.2, changes.adjective: 3.5, changes.less: 0.8, changes.place: 4, changes.time: 3, changes.style: 4.5,
    changes.act: 3, changes.camera: 1.2, changes.background: 1.4, changes.sky: 1.2, changes.number: 1, changes.material: 1,
    changes.subject: 3, wear: 2.2, part: 1.5, add: 4, second: 1.6, remove: 5, replace: 4.5, recolour_part: 1.8, qualify_part: 1.2,
}  # fmt: skip


def edit(rng: random.Random, p: Picture) -> Edit:
    """Any edit of a picture; the one given is left alone."""
    while True:
        chosen = rng.choices(list(EDITS), list(EDITS.values()))[0]
        result = chosen(rng, p.copy())
        if str(result.picture) != str(p):
            return result


def pronounced(message: str, p: Picture, name: str | None = None) -> str:
    """Put pronouns, or "the noun", into a message."""
    be = "are" if p.number else "is"
    if name:
        values = {"o": name, "s": name, "p": f"{name}'s"}
    else:
        values = {"o": p.object_pronoun, "s": p.subject_pronoun, "p": p.possessive}
    for slot, value in (values | {"is": be}).items():
        message = message.replace(f"{{{slot}}}", value)
    return message


def dressed(rng: random.Random, message: str) -> str:
    """At times people say something before or after their wish."""
    if rng.random() < 0.2:
        lead = say(rng, "edits", "front", name=rng.choice(w.NAMES)).rstrip()
        message = f"{lead} {message}"
    if rng.random() < 0.08:
        message = glued(message, say(rng, "edits", "end"))
    return message


def glued(first: str, joint: str, second: str = "") -> str:
    """Join two parts of a message; the joint's punctuation follows the first without a gap."""
    gap = "" if joint[:1] in ",;.:!" else " "
    return f"{first.rstrip('?.! ')}{gap}{joint.strip()} {second}".rstrip()


__all__ = ["EDITS", "Edit", "article", "dressed", "edit", "glued", "pronounced"]
