"""A recipe can always be written down, whatever words it is made of."""

from __future__ import annotations

import json
import sqlite3

import pytest
from PIL import Image

from imaging import wire
from imaging.model import Control, Operation, Recipe, Technique
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
