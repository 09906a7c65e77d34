"""A recipe can always be written down, whatever words it is made of."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace

import pytest
from PIL import Image

from bot.store.picture_files import renamed
from imaging import wire
from imaging.model import Control, Operation, Recipe, Reference, Role, Technique
from imaging.outputs import encode_picture, read_recipe

HALF = "a fox \ud83d sitting"


@pytest.mark.parametrize("way", ["made", "read"])
def test_halves_of_characters_are_replaced(way: str) -> None:
    control = Control(Technique.IMAGE_TO_IMAGE, 0.5, HALF)
    made = Recipe(
        "mini", "m", Operation.IMAGE, HALF, HALF, HALF, 1, 64, 64, 1, 0.0, "euler", style=HALF, control=control,
        notes=(HALF,), loras=((HALF, 1.0),),
    )  # fmt: skip
    if way == "read":
        told = dict.fromkeys(("description", "prompt", "negative_prompt", "style"), HALF) | {"notes": [HALF]}
        made = Recipe.from_json(json.loads(json.dumps(made.to_json() | told)))
    text = json.dumps(made.to_json(), ensure_ascii=False)
    assert text.encode()
    sqlite3.connect(":memory:").execute("SELECT ?", (text,))
    assert wire.encode("job", made.to_json())
    assert read_recipe(encode_picture(Image.new("RGB", (16, 16)), made)) == made
    assert made.prompt == "a fox ? sitting"


PLAIN = Recipe("mini", "m", Operation.EDIT, "a fox", "a fox", "", 1, 64, 64, 1, 0.0, "euler")


def test_every_picture_that_a_recipe_names_is_written_down_and_read_again() -> None:
    looks = (Reference("b" * 64, Role.STYLE), Reference("a" * 64))
    made = replace(PLAIN, source_image="a" * 64, references=looks, mask="c" * 64, background="none")
    assert made.images == ("a" * 64, "b" * 64, "c" * 64)
    assert Recipe.from_json(json.loads(json.dumps(made.to_json()))) == made
    names = {letter * 64: letter.upper() * 64 for letter in "abc"}
    assert Recipe.from_json(renamed(made.to_json(), names)).images == tuple(names.values())


def test_a_recipe_without_them_keeps_the_bytes_of_older_ones() -> None:
    assert not {"references", "mask", "background"} & set(PLAIN.to_json())


@pytest.mark.parametrize(
    "references", [[1], ["a"], [{}], [{"image": 7}], [{"image": "a", "role": "look"}], [{"image": "a"}] * 17, {"a": 1}]
)
def test_garbage_for_references_is_told_in_a_sentence(references: object) -> None:
    with pytest.raises(ValueError, match=r"^The recipe.*references"):
        Recipe.from_json({**PLAIN.to_json(), "references": references})
