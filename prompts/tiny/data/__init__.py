"""Generated iT2I turns to train the embedded model on: endless, reproducible from a seed."""

# ruff: noqa: E501 -- phrase tables read better unwrapped

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from prompts.tiny.data import ask, free, refer, talk, tongues
from prompts.tiny.data.table import Example
from prompts.tiny.format import MAX_USER, harmless, parse_command

__all__ = ["MIX", "Example", "examples"]

MIX: dict[Callable[[random.Random], Example], float] = {
    ask.one: 11, ask.product: 2, ask.after_question: 2.5, ask.long_prompt: 4.5, ask.several: 4, ask.mixed: 4, ask.counted: 1,
    refer.edit_current: 17, refer.edit_other: 10, refer.edit_by_pronoun: 3, refer.edit_by_noun: 7, refer.edit_two: 2.5,
    refer.select: 8, refer.undo: 5.5, refer.undo_and_edit: 1, refer.variation: 4.5, refer.refine: 4.5,
    talk.reply: 25, tongues.foreign: 7, free.free_edit: 11, free.free_request: 5, free.free_pointer: 7,
}  # fmt: skip


def examples(seed: int) -> Iterator[Example]:
    """Yield turns for ever; the same seed gives the same ones."""
    rng = random.Random(seed)
    makers, weights = list(MIX), list(MIX.values())
    while True:
        example = rng.choices(makers, weights)[0](rng)
        state = sum(len(p.description) for p in example.turn.pictures)
        if state > 900 or len(example.command) > 330 or len(example.turn.user) > MAX_USER:
            continue
        if harmless(example.turn.user, MAX_USER) != example.turn.user:
            continue
        parse_command(example.command)
        yield example
