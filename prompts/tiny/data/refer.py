"""Messages about pictures that are there: edits, choices, undo, variations, refinement."""

# ruff: noqa: E501 -- phrase tables read better unwrapped

from __future__ import annotations

import random

from prompts.tiny.data import words as w
from prompts.tiny.data.edits import edit, fill
from prompts.tiny.data.scene import feature_name, plural
from prompts.tiny.data.table import (
    Example,
    Row,
    Table,
    as_typed,
    batch_table,
    chain_table,
    current_of,
    different_table,
    number_words,
    pictures,
    some_table,
)  # fmt: skip
from prompts.tiny.data.talk import remark
from prompts.tiny.format import TinyTurn


def _example(
    rng: random.Random, category: str, table: Table, message: str, command: str, before: str | None = None
) -> Example:
    return Example(category, TinyTurn(as_typed(rng, message), pictures(table), before), command)


def edit_current(rng: random.Random) -> Example:
    """A change of the current picture: the newest, or the selected one."""
    table = batch_table(rng) if rng.random() < 0.08 else some_table(rng)
    row = current_of(table)
    change = edit(rng, row.scene)
    noun = row.scene.noun if rng.random() < 0.25 else None
    message, size, result = fill(rng.choice(change.phrases), row.scene, noun), change.change, change.scene
    if rng.random() < 0.15:
        further = edit(rng, result)
        message = (
            message.rstrip("?")
            + rng.choice([" and ", " and ", ", and also ", ", then "])
            + fill(rng.choice(further.phrases), result)
        )
        result, size = further.scene, "large" if "large" in (size, further.change) else "small"
    if rng.random() < 0.06:
        message = (
            rng.choice(["nice, but ", "i like it, but ", "almost! ", "hm, not sure, ", "good start. ", "cute, now "])
            + message
        )
    before = remark(rng, table) if rng.random() < 0.08 else None
    return _example(rng, "edit", table, message, f"edit {row.id} {size}: {result}", before)


def _pointer(rng: random.Random, table: Table) -> tuple[str, Row]:
    """A phrase that points at one picture: by place in the batch, by number, by what is on it."""
    batch = [r for r in table if r.batch]
    roll = rng.random()
    if batch and roll < 0.65:
        j = rng.randrange(len(batch))
        o, n = w.ORDINALS[j], w.NUMBERS[j + 1]
        ways = [f"the {o} one", f"the {o} one", f"the {o} picture", f"number {n}", f"the {o}", f"option {j + 1}", f"the {o} image",
                f"variant {n}", f"the {o} version", f"no. {j + 1}", f"the {o} of them", f"the {j + 1}{['st', 'nd', 'rd', 'th'][min(j, 3)]} one"]  # fmt: skip
        if j == len(batch) - 1:
            ways += ["the last one", "the one on the right", "the last", "the rightmost one"]
        if j == 0:
            ways += ["the one on the left", "the leftmost one"]
        if len(batch) == 3 and j == 1:
            ways += ["the middle one", "the one in the middle", "the center one"]
        if len(batch) == 2:
            ways += ["the former"] if j == 0 else ["the latter", "the other one"]
        return rng.choice(ways), batch[j]
    if not batch and len(table) > 1 and table[0].id == 1 and roll < 0.3:
        j = rng.randrange(len(table))
        o = w.ORDINALS[j]
        last = ["the last one", "the latest picture", "the newest one"] if j == len(table) - 1 else []
        before = (
            ["the previous picture", "the one before", "the second to last"]
            if j == len(table) - 2 and table[-1].parent is None
            else []
        )
        return rng.choice([f"the {o} picture", f"the {o} one", f"the {o} image", *last, *before]), table[j]
    if roll < 0.85 and len({r.scene.noun for r in table}) > 1:
        row = _last_of(table, rng.choice(table).scene.noun)
        n = row.scene.noun
        return rng.choice(
            [f"the {n}", f"the picture of the {n}", f"the {n} picture", f"the {n} one", f"the one with the {n}"]
        ), row
    row = rng.choice(table)
    return rng.choice(
        [f"picture {row.id}", f"#{row.id}", f"image {row.id}", f"number {row.id}" if not batch else f"#{row.id}"]
    ), row


def _last_of(table: Table, noun: str) -> Row:
    return [r for r in table if r.scene.noun == noun][-1]


def _any_table(rng: random.Random) -> Table:
    kind = rng.random()
    if kind < 0.55:
        return batch_table(rng)
    return different_table(rng, rng.choice([2, 3, 3, 4, 5])) if kind < 0.85 else some_table(rng, rng.choice([2, 3, 4]))


def edit_other(rng: random.Random) -> Example:
    """A change of a picture that the message points at."""
    table = _any_table(rng)
    pointer, row = _pointer(rng, table)
    change = edit(rng, row.scene)
    phrases = [p for p in change.phrases if "{o}" in p or "{s}" in p]
    if phrases and rng.random() < 0.55:
        message = rng.choice(phrases).replace("{o}", pointer).replace("{s}", pointer).replace("{p}", "its")
    else:
        lead = rng.choice([f"for {pointer}, ", f"{pointer}: ", f"take {pointer} and ", f"go back to {pointer} and ", f"use {pointer} but ",
                           f"{pointer}, but ", f"i like {pointer}, but ", f"in {pointer}, ", f"back to {pointer}: ", f"with {pointer}: ",
                           f"{pointer} please, but "])  # fmt: skip
        message = lead + fill(rng.choice(change.phrases), row.scene)
    return _example(rng, "reference", table, message, f"edit {row.id} {change.change}: {change.scene}")


def edit_by_pronoun(rng: random.Random) -> Example:
    """ "Give her a hat" means the picture with a woman, though another one is newer."""
    while True:
        table = different_table(rng, rng.choice([2, 2, 3]))
        people = [r for r in table if r.scene.kind == "person"]
        if len({r.scene.noun for r in people}) == 1 and table[-1].scene.kind not in w.LIVING:
            break
    row = people[-1]
    change = edit(rng, row.scene)
    phrases = [p for p in change.phrases if "{o}" in p or "{s}" in p] or change.phrases
    message = fill(rng.choice(phrases), row.scene)
    if row.scene.object_pronoun not in ("him", "her") or not any(
        x in message.split() for x in ("him", "her", "he", "she", "his")
    ):
        return edit_other(rng)
    return _example(rng, "reference", table, message, f"edit {row.id} {change.change}: {change.scene}")


def edit_by_noun(rng: random.Random) -> Example:
    """ "Make the castle bigger" while the newest picture shows a dog."""
    table = different_table(rng, rng.choice([2, 3, 3, 4]))
    row = _last_of(table, rng.choice(table).scene.noun)
    change = edit(rng, row.scene)
    phrases = [p for p in change.phrases if "{o}" in p or "{s}" in p or "{p}" in p]
    message = (
        fill(rng.choice(phrases), row.scene, row.scene.noun)
        if phrases
        else f"for the {row.scene.noun}, " + rng.choice(change.phrases)
    )
    return _example(rng, "reference", table, message, f"edit {row.id} {change.change}: {change.scene}")


def edit_two(rng: random.Random) -> Example:
    """Two pictures are changed by one message."""
    table = batch_table(rng)
    batch = [r for r in table if r.batch]
    a, b = batch[0], batch[1]
    ea, eb = edit(rng, a.scene), edit(rng, b.scene)
    if rng.random() < 0.3:
        ca, cb = rng.sample(w.COLOURS, 2)
        sa, sb = a.scene.copy(), b.scene.copy()
        for s, c in ((sa, ca), (sb, cb)):
            s.adjectives = [x for x in s.adjectives if x not in w.COLOURS] + [c]
        message = rng.choice(
            [
                "the first one in {x}, the second in {y}",
                "first in {x}, second in {y} please",
                "make number one {x} and number two {y}",
                "{x} for the first and {y} for the second",
            ]
        ).format(x=ca, y=cb)
        command = f"edit {a.id} small: {sa} ; edit {b.id} small: {sb}"
        return _example(rng, "several edits", table, message, command)
    if rng.random() < 0.5:
        pa, pb = (
            rng.choice([p for p in e.phrases if "{o}" in p] or ["for {o}: " + rng.choice(e.phrases)]) for e in (ea, eb)
        )
        message = pa.replace("{o}", "the first one").rstrip("?") + " and " + pb.replace("{o}", "the second one")
        message = message.replace("{s}", "it").replace("{p}", "its")
    else:
        message = rng.choice(
            [
                "the first one: {x}, the second one: {y}",
                "first: {x}; second: {y}",
                "for the first, {x}, for the second, {y}",
            ]
        )
        message = message.format(
            x=fill(rng.choice(ea.phrases), a.scene).rstrip("?"), y=fill(rng.choice(eb.phrases), b.scene).rstrip("?")
        )
    return _example(
        rng,
        "several edits",
        table,
        message,
        f"edit {a.id} {ea.change}: {ea.scene} ; edit {b.id} {eb.change}: {eb.scene}",
    )


SELECT = w.phrases("""i like {t}|{t} is the best|i choose {t}|pick {t}|let's go with {t}|i'll take {t}|{t} please|{t} looks great
|my favorite is {t}|select {t}|use {t}|keep {t}|{t} is nice|i prefer {t}|{t} wins|let us continue with {t}|go for {t}|i want {t}
|{t} is perfect, keep that|definitely {t}|i think {t} is better|we'll use {t}|{t} it is|{t}|{t}|{t}!|{t}, i think|we both like {t}
|{t} has something|the team prefers {t}|my vote goes to {t}|{t} is closest to what i had in mind|ok, {t} then|{t} has my vote|{t} convinces me|we decided on {t}|{t} is a winner|thumbs up for {t}|{t} for me
|let it be {t}|{t} all the way|make {t} the current one|{t} is our pick|ok so {t}|everyone liked {t}|{t} stays|we're going for {t}|{t} by far""")
BACK = w.phrases("""go back to {t}|return to {t}|let's go back to {t}|back to {t}|i want to continue with {t} again|show me {t} again
|can we return to {t}?|switch back to {t}|let's work on {t} again|bring back {t}|{t} was better|i liked {t} more|restore {t}
|where's {t}? bring it back|actually {t} was nicer|can i have {t} back?|let's look at {t} again|continue from {t}|take me back to {t}""")


def select(rng: random.Random) -> Example:
    """ "The second one": a picture becomes current."""
    table = _any_table(rng)
    pointer, row = _pointer(rng, table)
    asks = BACK if (not row.batch and rng.random() < 0.85) or rng.random() < 0.15 else SELECT
    if rng.random() < 0.15:
        pointer = pointer.removeprefix("the ")
    return _example(rng, "select", table, rng.choice(asks).format(t=pointer), f"select {row.id}")


def undo(rng: random.Random) -> Example:
    """Undo is the choice of the parent, the grandparent, or the very first one."""
    table = chain_table(rng, rng.choice([2, 2, 3, 3, 4, 5]))
    last = table[-1]
    by_id = {r.id: r for r in table}
    parents = [last]
    while parents[-1].parent in by_id:
        parents.append(by_id[parents[-1].parent])
    if len(parents) < 2:
        return select(rng)
    added = [f for f in last.scene.features if f not in parents[1].scene.features]
    if added and rng.random() < 0.3:
        asks = w.phrases("""back to how it was before the {x}|it was better before the {x}|go back to before you added the {x}|the one before the {x}
            |i liked it more before the {x} came in|return to the version that had no {x} yet""")
        return _example(
            rng, "undo", table, rng.choice(asks).format(x=feature_name(added[0])), f"select {parents[1].id}"
        )
    if len(parents) > 2 and rng.random() < 0.4:
        if rng.random() < 0.55:
            asks = w.phrases("""undo both|undo both changes|undo the last two changes|undo twice|go back two steps|take back the last two edits
                |two steps back|revert both edits|drop both changes|undo that, and the one before too|undo the last two|both changes were bad, undo them
                |back two versions|undo, and undo again|forget the last two edits|the version before the last two changes please""")  # fmt: skip
            return _example(rng, "undo", table, rng.choice(asks), f"select {parents[2].id}")
        asks = w.phrases("""go back to the original|back to the beginning|the very first one was best|undo everything|revert all changes
            |back to the first version|start again from the original|undo all of it|show me the original again|drop all the edits
            |the original please|undo all changes|return to how it was at the start""")  # fmt: skip
        return _example(rng, "undo", table, rng.choice(asks), f"select {parents[-1].id}")
    asks = w.phrases("""undo|undo that|undo the last change|go back one step|revert|revert that change|the previous version was better
        |i liked it better before|go back to the previous one|no, take that back|undo please|can you undo this?|one step back
        |bring back the version before|restore the previous picture|that's worse, go back|return to the earlier version
        |hmm no, back to the one before|the earlier one was nicer|i preferred it before|forget that change|cancel that
        |that was a mistake, go back|no, the old version|step back|the previous one please|drop that change|never mind that edit
        |i changed my mind, back to before|can we go back?|the last change was bad, undo it|nah, the one before|rewind|undo it|back
        |bring the old one back|i want the one before that|scrap that last edit|oops, undo|ctrl+z|that didn't help, undo|it looked better before
        |no no, the one before|put it back how it was|the last edit ruined it|remove that last change again|that was wrong, revert it""")  # fmt: skip
    return _example(rng, "undo", table, rng.choice(asks), f"select {parents[1].id}")


def undo_and_edit(rng: random.Random) -> Example:
    """ "Undo that and make it green instead": an edit of the parent."""
    table = chain_table(rng, rng.choice([2, 3]))
    parent = next((r for r in table if r.id == table[-1].parent), None)
    if parent is None:
        return undo(rng)
    change = edit(rng, parent.scene)
    lead = rng.choice(
        [
            "undo that and ",
            "undo, and ",
            "go back one step and ",
            "no, back to before, and ",
            "take that back, ",
            "revert it and ",
        ]
    )
    message = lead + fill(rng.choice(change.phrases), parent.scene)
    return _example(rng, "undo", table, message, f"edit {parent.id} {change.change}: {change.scene}")


VARY = w.phrases("""more like this|show me more like this|can i see more of these?|another version please|try again|once more|again
|make another one|give me a different version|variations please|some variations|show me similar ones|something similar|another
|i'd like to see alternatives|other options?|do it again|can you make a variation?|create variations of it|again please|one more
|give me another take on this|similar pictures please|another one like that|regenerate|reroll|what else could it look like?|redo it
|any other versions?|one more like this|different versions of this please|could you try a slightly different one?|new seed|roll again
|i want to see alternatives of this|more of the same|let me see a few alternatives|vary it a bit|show me a variant|same again
|a new attempt please|do you have other versions of it?|another {n} just like that|can i have similar {np}?|not quite, try again
|same idea, another attempt|a second try please|that one again but different|redo|retry|give it another go|have another try""")
VARY_AT = w.phrases("""more like {t}|variations of {t}|show me more like {t}|i want something similar to {t}|make variations of {t}
|another version of {t}|can i see alternatives to {t}?|similar ones to {t} please|create a variation of {t}|vary {t}|try {t} again
|give me different versions of {t}|other options for {t}?|could you show more pictures like {t}?|generate more in the spirit of {t}
|a variation on {t}|more in the direction of {t}|redo {t}|i'd like to see siblings of {t}|repeat {t} with small differences""")


def variation(rng: random.Random) -> Example:
    """More like this one."""
    if rng.random() < 0.5:
        table = some_table(rng)
        row = current_of(table)
        message = rng.choice(VARY).format(n=row.scene.noun, np=plural(row.scene.noun))
    else:
        table = _any_table(rng)
        pointer, row = _pointer(rng, table)
        message = rng.choice(VARY_AT).format(t=pointer)
    count = ""
    if rng.random() < 0.15:
        n = rng.choice([2, 2, 3, 3, 4, 5])
        pointer = "this" if row is current_of(table) else f"picture {row.id}"
        message = rng.choice(["{n} more like {t}", "{n} variations of {t}", "make {n} variants of {t}", "give me {n} other versions of {t}",
                              "show me {n} more in the style of {t}"]).format(n=number_words(rng, n), t=pointer)  # fmt: skip
        count = f" x{n}"
    return _example(rng, "variation", table, message.replace("different other", "other"), f"variation {row.id}{count}")


REFINE = w.phrases("""improve the quality|better quality please|refine it|make it sharper|more details please|add more detail|upscale it
|make it more detailed|higher resolution|can you upscale this?|polish it|enhance it|clean it up|hd please|make it crisper|refine
|it is blurry, fix it|can you improve it?|increase the resolution|could you refine this picture?|i need a high quality version
|the details are bad, improve them|sharpen it|final version in high quality please|it looks a bit rough, can you fix that?
|make it 4k|give it more detail|please enhance the image|polish the {n}|can the {n} be more detailed?|refine the {n}|upscale
|improve this one|could you make it look more polished?|i want it in higher quality|remove the noise and make it clearer
|a larger version of it please|can i get this in print quality?|it's too pixelated|more resolution please|finish it nicely|finer details
|it's great, now make the final high-res version|bigger resolution, same picture|render it in full quality""")
REFINE_AT = w.phrases("""refine {t}|improve {t}|enhance {t}|upscale {t}|make {t} sharper|more detail in {t} please|better quality for {t}
|polish {t}|can you improve the quality of {t}?|{t} in higher resolution please|sharpen {t}|could you refine {t}?|clean up {t}
|add more detail to {t}|i like {t}, upscale it|take {t} and refine it|{t} in hd|a print-ready version of {t}|finish {t} in high quality""")


def refine(rng: random.Random) -> Example:
    """The same picture, better."""
    if rng.random() < 0.5:
        table = some_table(rng)
        row = current_of(table)
        message = rng.choice(REFINE).format(n=row.scene.noun)
    else:
        table = _any_table(rng)
        pointer, row = _pointer(rng, table)
        message = rng.choice(REFINE_AT).format(t=pointer)
    return _example(rng, "refine", table, message, f"refine {row.id}")
