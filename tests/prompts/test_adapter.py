"""The prompt adapter: styles for open engines, substitutions with an honest remark for closed ones."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.model import Abilities, Technique, Vocabulary
from prompts.adapter import adapt, style_names, styles

OPEN = Abilities("sdxl", "base", frozenset({Technique.NONE}), {"square": (1024, 1024)}, 30, 6.0, "euler")
CLOSED = dataclasses.replace(
    OPEN,
    vocabulary=Vocabulary(
        things=("cat", "boat", "apple", "owl", "car", "dinosaur"),
        backgrounds=("beach", "night", "red background"),
        colours=("red", "blue"),
        nearest={"kitten": "cat", "dragon": "dinosaur", "polar bear": "cat", "ocean": "beach", "orange": "apple"},
        words=frozenset({"small", "big", "left"}),
        understood=frozenset({"kitten"}),
    ),
)


def closed(description: str, style: str | None = None) -> tuple[str, str | None]:
    adapted = adapt(description, style=style, negative=None, abilities=CLOSED)
    return adapted.prompt, adapted.remark


@pytest.mark.parametrize("name", style_names())
def test_a_preset_adds_its_words(name: str) -> None:
    adapted = adapt("a fox", style=name, negative="text", abilities=OPEN)
    assert adapted.prompt == f"a fox, {styles()[name.replace('-', ' ')].suffix}"
    assert adapted.negative_prompt.startswith("text, ")
    assert adapted.remark is None


@pytest.mark.parametrize("written", ["Pixel Art", "pixel_art", "8-bit", "PIXEL-ART style"])
def test_a_style_has_many_spellings(written: str) -> None:
    assert "pixel art" in adapt("a fox", style=written, negative=None, abilities=OPEN).prompt


def test_an_unknown_style_is_added_as_it_is_with_a_note() -> None:
    adapted = adapt("a fox", style="ukiyo-e", negative=None, abilities=OPEN)
    assert adapted.prompt == "a fox, ukiyo-e"
    assert "ukiyo-e" in adapted.notes[0]


def test_without_style_the_words_are_the_description() -> None:
    assert adapt("  a   fox ", style=None, negative=None, abilities=OPEN).prompt == "a fox"


@pytest.mark.parametrize(
    ("said", "drawn"),
    [
        ("a small red cat on the beach", "a small red cat on the beach"),
        ("two cats", "cat"),
        ("an ancient dragon at night", "a dinosaur at night"),
        ("a polar bear", "a cat"),
        ("a dragon boat", "a boat"),
        ("a big owl, a fluffy owl", "a big owl an owl"),
        ("a dinosuar", "a dinosaur"),
        ("an orange cat", "a cat"),
        ("a small kitten", "a small kitten"),
        ("a dragon kitten", "a kitten"),
        ("a watercolor of an owl", "an owl"),
    ],
)
def test_words_are_mapped_into_the_vocabulary(said: str, drawn: str) -> None:
    assert closed(said)[0] == drawn


def test_a_substitution_is_told_once_in_one_sentence() -> None:
    assert closed("a dragon by the ocean")[1] == (
        "The bundled model knows 6 things; here is the nearest, a dinosaur for your dragon and a beach for your "
        "ocean; connect SDXL for anything."
    )


@pytest.mark.parametrize("said", ["a cat", "three cats", "a red boat at night", "a dinosuar", "kittens"])
def test_nothing_is_told_when_nothing_else_is_drawn(said: str) -> None:
    assert closed(said)[1] is None


def test_something_is_drawn_for_what_is_quite_unknown() -> None:
    prompt, remark = closed("the categorical imperative")
    assert prompt.split()[-1] in ("cat", "car", "boat", "apple", "owl", "dinosaur")
    assert remark is not None


@pytest.mark.parametrize(("said", "drawn"), [("a big red zzowlz", "a big red owl"), ("zzowlz", "an owl")])
def test_what_is_known_of_it_is_drawn_with_its_stand_in(said: str, drawn: str) -> None:
    prompt, remark = closed(said)
    assert prompt == drawn
    assert "an owl for your zzowlz" in (remark or "")


def test_a_subject_that_is_not_drawn_is_told() -> None:
    adapted = adapt("a red teapot next to a kitten", style=None, negative=None, abilities=CLOSED)
    assert "teapot was left out" in adapted.notes
    assert adapted.remark == (
        "The bundled model knows 6 things; your teapot is none of them and is left out; connect SDXL for anything."
    )
    assert closed("a teapot by the ocean")[1] == (
        "The bundled model knows 6 things; your teapot is none of them and is left out; here is the nearest, a beach "
        "for your ocean; connect SDXL for anything."
    )


@pytest.mark.parametrize("said", ["a cat logo", "a photo at night with a cat", "something by a boat", "red, a cat"])
def test_nobody_is_told_of_words_that_only_say_how(said: str) -> None:
    assert closed(said)[1] is None


def test_a_closed_engine_gets_no_style() -> None:
    assert closed("a cat", "watercolor") == ("a cat", None)


@given(st.text(max_size=200))
def test_any_description_ends_in_known_words(description: str) -> None:
    prompt, _ = closed(description)
    assert prompt == prompt.strip()
    assert "dragon" not in prompt.split()
