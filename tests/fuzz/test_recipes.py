"""Recipes from anywhere: read, or refused in a sentence; what is read can be written and read again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bot.cli import CommandFailed
from bot.commands.render import load_recipe
from imaging.errors import BadPicture
from imaging.model import Control, Recipe, Technique
from imaging.outputs import encode_picture, read_recipe
from tests.fakes_engine import recipe
from tests.fuzz import anything, damaged, fuzzed

PARENT = recipe("a fox")
WHOLE = replace(
    recipe("a red fox"), source=PARENT, control=Control(Technique.PROMPT_TO_PROMPT, 0.5, "words", {"a": 1.0, "b": "c"}),
    loras=(("x", 0.5),), notes=("n",),
)  # fmt: skip
JSON = WHOLE.to_json()
PICTURE = encode_picture(Image.new("RGB", (8, 8)), WHOLE)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path in a JSON value."""
    found = [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    for key, inner in items:
        found += places(inner, (*path, key))
    return found


def changed(value: Any, path: tuple[Any, ...], new: Any, *, away: bool) -> Any:
    if not path:
        return new
    if isinstance(value, dict):
        if len(path) == 1 and away:
            return {key: inner for key, inner in value.items() if key != path[0]}
        return value | {path[0]: changed(value[path[0]], path[1:], new, away=away)}
    copy = list(value)
    copy[path[0]] = changed(copy[path[0]], path[1:], new, away=away)
    return copy


changes = st.lists(st.tuples(st.sampled_from(places(JSON)[1:]), anything, st.booleans()), min_size=1, max_size=3)


@fuzzed
@given(changes | anything)
def test_json(told: Any) -> None:
    data: Any = told
    if isinstance(told, list) and told and all(isinstance(each, tuple) for each in told):
        data = JSON
        for path, new, away in told:
            try:
                data = changed(data, path, new, away=away)
            except (KeyError, IndexError, TypeError):
                continue  # an earlier change took the place away
    check_json(data)


def check_json(data: Any) -> None:
    try:
        read = Recipe.from_json(data)
    except ValueError as error:
        assert str(error).endswith(".")
        return
    written = json.dumps(read.to_json())
    again = Recipe.from_json(json.loads(written))
    assert json.dumps(again.to_json()) == written


@fuzzed
@given(damaged(PICTURE))
def test_pictures(data: bytes) -> None:
    check_picture(data)


def check_picture(data: bytes) -> None:
    try:
        read = read_recipe(data)
    except BadPicture as error:
        assert str(error).endswith(".")
    else:
        assert isinstance(read, Recipe)


@fuzzed
@given(damaged(json.dumps(JSON).encode()) | st.binary(max_size=40) | damaged(PICTURE))
def test_files_for_render(tmp_path_factory: Any, data: bytes) -> None:
    check_file(Path(tmp_path_factory.getbasetemp()) / "recipe", data)


def check_file(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    try:
        assert isinstance(load_recipe(path), Recipe)
    except (CommandFailed, BadPicture) as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    "change",
    [
        {"guidance_scale": 10**400},
        {"loras": [["x", 10**400]]},
        {"control": {"technique": "prompt-to-prompt", "strength": 10**400}},
        {"control": {"technique": "prompt-to-prompt", "strength": 1, "options": {"a": None}}},
        {"control": {"technique": "prompt-to-prompt", "strength": 1, "options": {"a": [1]}}},
    ],
)
def test_what_was_found(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^The recipe's .*\.$"):
        Recipe.from_json(JSON | change)
