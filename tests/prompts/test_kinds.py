"""A word for a kind becomes one thing of it, another one in each picture."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.model import Vocabulary
from prompts.kinds import concrete

VOCABULARY = Vocabulary(
    things=("cat", "owl", "fox", "car", "apple"),
    backgrounds=("beach",),
    colours=("red",),
    nearest={"truck": "car"},
    kinds={"animal": ("cat", "owl", "fox"), "toy": ("car",), "fruit": ("apple",)},
)


@pytest.mark.parametrize(
    ("said", "pick", "called"),
    [
        ("a logo with an animal", 0, "a logo with a cat"),
        ("a logo with an animal", 1, "a logo with an owl"),
        ("An animal at night", 5, "A fox at night"),
        ("an animal and an animal", 0, "a cat and an owl"),
        ("a cute animal, please", 0, "a cute cat, please"),
        ("two animals on the beach", 1, "two owls on the beach"),
        ("three animals", 2, "three cats"),  # nobody says "foxs"
        ("an animal like a fox", 0, "an animal like a fox"),
        ("a toy car", 0, "a toy car"),
        ("a fruit truck", 0, "a fruit truck"),
        ("fruit", 7, "apple"),
        ("a dragon", 0, "a dragon"),
        ("", 0, ""),
    ],
)
def test_a_kind_becomes_a_thing(said: str, pick: int, called: str) -> None:
    assert concrete(said, VOCABULARY, pick) == called


def test_an_engine_that_draws_anything_is_told_what_was_said() -> None:
    assert concrete("an animal", None, 1) == "an animal"


@given(st.text(max_size=80), st.integers(0, 2**31))
def test_other_words_stay_as_they_are(text: str, pick: int) -> None:
    assert concrete(text.replace("i", ""), VOCABULARY, pick).count("dragon") == text.replace("i", "").count("dragon")
    if not any(kind in text.lower() for kind in VOCABULARY.kinds):
        assert concrete(text, VOCABULARY, pick) == text
