"""Generated iT2I turns to train the embedded model on: endless, reproducible from a seed."""

# ruff: noqa: E501 -- phrase tables and their slots read better unwrapped

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from prompts.tiny.format import MAX_USER, harmless
from training.tiny.data import ask, choose, refer, talk, tongues
from training.tiny.data.table import Example, Table, any_table
from training.tiny.line import parse_command

__all__ = ["Example", "examples", "groups"]

Maker = Callable[[random.Random, Table], Example | None]

WITHOUT_PICTURES: dict[Maker, float] = {
    ask.one: 16, ask.product: 3, ask.after_question: 4.5, ask.long_prompt: 9, ask.several: 7, ask.mixed: 7, ask.counted: 2, talk.reply: 26,
}  # fmt: skip
WITH_PICTURES: dict[Maker, float] = {
    refer.edit_current: 29, refer.edit_other: 11, refer.edit_by_noun: 9, refer.edit_by_pronoun: 16, refer.edit_two: 14,
    choose.select: 13, choose.undo: 34, choose.undo_and_edit: 5, choose.variation: 7.5, choose.refine: 7.5,
    talk.reply: 31, ask.one: 6, ask.several: 1, ask.mixed: 1.2, ask.product: 0.6, ask.after_question: 1.2, ask.long_prompt: 1,
}  # fmt: skip
"""Those that do not suit a table (undo where nothing was edited) are passed over."""
EMPTY_SHARE = 0.17
FOREIGN_SHARE = 0.08
BRANCHES = 3
"""Different messages to one picture table; they share its tokens in training."""
EMPTY_BRANCHES = 6


def groups(seed: int) -> Iterator[list[Example]]:
    """Yield for ever lists of turns that share a picture table; the same seed gives the same ones."""
    rng = random.Random(seed)
    while True:
        roll = rng.random()
        if roll < FOREIGN_SHARE:
            group = tongues.group(rng, BRANCHES)
        elif roll < FOREIGN_SHARE + EMPTY_SHARE:
            group = _group(rng, [], WITHOUT_PICTURES, EMPTY_BRANCHES)
        else:
            group = _group(rng, any_table(rng), WITH_PICTURES, BRANCHES)
        group = [example for example in group if _fits(example)]
        if group:
            yield group


def _group(rng: random.Random, table: Table, makers: dict[Maker, float], branches: int) -> list[Example]:
    made: list[Example] = []
    while len(made) < branches:
        example = rng.choices(list(makers), list(makers.values()))[0](rng, table)
        if example is not None:
            made.append(example)
    return made


def _fits(example: Example) -> bool:
    """Whether the turn is as short and as clean as the ones that the model will meet."""
    state = sum(len(p.description) for p in example.turn.pictures)
    if state > 700 or len(example.command) > 330 or len(example.turn.user) > MAX_USER:
        return False
    parse_command(example.command)
    return harmless(example.turn.user, MAX_USER) == example.turn.user


def examples(seed: int) -> Iterator[Example]:
    """Yield turns one by one."""
    for group in groups(seed):
        yield from group
