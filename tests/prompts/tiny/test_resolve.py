"""Which picture a message points at, by rules."""

from __future__ import annotations

import pytest

from prompts.tiny.format import TinyPicture
from prompts.tiny.resolve import resolve

BATCH = (
    TinyPicture(1, "a red barn"),
    TinyPicture(2, "a flat owl logo", batch=True),
    TinyPicture(3, "an owl badge with a moon", batch=True),
    TinyPicture(4, "a line drawing of an owl", batch=True),
)
CHAIN = (
    TinyPicture(6, "a ship at sea"),
    TinyPicture(7, "a ship at sea with a whale", 6),
    TinyPicture(8, "a ship at sea with a whale at night", 7),
)
MIXED = (
    TinyPicture(1, "portrait of an old woman with a pipe"),
    TinyPicture(2, "a pink piano on a hill"),
    TinyPicture(3, "a bowl of cherries", current=False),
)


@pytest.mark.parametrize(
    ("pictures", "message", "change"),
    [
        (BATCH, "the second one in green", (3,)),
        (BATCH, "make the last one bigger", (4,)),
        (BATCH, "the one on the left should be blue", (2,)),
        (BATCH, "middle one, please, but darker", (3,)),
        (BATCH, "picture 1 at night", (1,)),
        (BATCH, "#3 with stars", (3,)),
        (BATCH, "put the barn on a hill", (1,)),
        (BATCH, "the first in red and the third in blue", (2, 4)),
        (BATCH, "make it blue", (4,)),
        (CHAIN, "undo", (7,)),
        (CHAIN, "undo both", (6,)),
        (CHAIN, "back to the original please", (6,)),
        (CHAIN, "undo that and add a lighthouse", (7,)),
        (CHAIN, "the version without the whale, but in oil", (6,)),
        (CHAIN, "remove the whale", (8,)),
        (CHAIN, "add a second sail", (8,)),
        (MIXED, "give her a hat", (1,)),
        (MIXED, "the piano should be black", (2,)),
        (MIXED, "more cherries", (3,)),
        (MIXED, "show the cherries from the left side", (3,)),
        (BATCH, "put a clock on the left", (4,)),
        (BATCH, "right! now make it blue", (4,)),
        (BATCH, "the second owl in green", (3,)),
        (BATCH, "first black, second white", (2, 3)),
        (BATCH, "the line drawing in red, the badge in blue", (4, 3)),
        (BATCH, "make the one with a moon darker", (3,)),
        (BATCH, "the bagde in blue", (3,)),
        (BATCH, "make the background red", (4,)),
        (BATCH, "similar to the first of them, but green", (2,)),
        (CHAIN, "about 7: a bigger whale", (7,)),
        (CHAIN, "add 7 gulls", (8,)),
        (CHAIN, "seven, but at dawn", (7,)),
        (CHAIN, "everything in blue", (8,)),
        (CHAIN, "forget everything, the original was better", (6,)),
        (CHAIN, "scrap the whale", (8,)),
        (MIXED, "this is still rough", (3,)),
        (MIXED, "fill it with a piano", (3,)),
    ],
)
def test_what_a_change_is_about(pictures: tuple[TinyPicture, ...], message: str, change: tuple[int, ...]) -> None:
    assert resolve(message, pictures).change == change


@pytest.mark.parametrize(
    ("pictures", "message", "choose"),
    [
        (BATCH, "badge wins", (3,)),
        (BATCH, "i like the second", (3,)),
        (CHAIN, "it was better before", (7,)),
        (CHAIN, "ctrl+z", (7,)),
        (MIXED, "go back to the piano", (2,)),
        (MIXED, "the second to last", (2,)),
    ],
)
def test_what_a_choice_is_about(pictures: tuple[TinyPicture, ...], message: str, choose: tuple[int, ...]) -> None:
    assert resolve(message, pictures).choose == choose


def test_the_selected_picture_is_what_it_means() -> None:
    pictures = (TinyPicture(1, "a cat", current=True), TinyPicture(2, "a dog"))
    assert resolve("make it blue", pictures).change == (1,)


def test_a_number_that_may_mean_two_pictures_leaves_the_choice_to_the_model() -> None:
    assert set(resolve("number one is nice", BATCH).choose) == {1, 2}


def test_without_pictures_nothing_is_pointed_at() -> None:
    assert resolve("the second one", ()) == resolve("undo", ())


def test_a_loop_of_parents_does_not_hang() -> None:
    loop = (TinyPicture(1, "a", 2), TinyPicture(2, "b", 1))
    assert resolve("undo both", loop).change
