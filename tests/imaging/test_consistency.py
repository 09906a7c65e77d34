"""Which control an edit gets: a table of everyday edits, then what must hold for any texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.consistency import RETRIED, adjust, compare, decide
from imaging.model import Control, Technique

ALL = frozenset(Technique)
T = Technique


@pytest.mark.parametrize(
    ("change", "parent", "new", "expected"),
    [
        ("small", "a red car on grass", "a blue car on grass", T.PROMPT_TO_PROMPT),
        (None, "a red car on grass", "a blue car on grass", T.PROMPT_TO_PROMPT),
        ("small", "a dog on the beach", "a fluffy dog on the beach", T.PROMPT_TO_PROMPT),
        ("small", "a dog on the beach", "a cat on the beach", T.PROMPT_TO_PROMPT),
        (None, "a photo of a dog on the beach at dusk", "a photo of a cat on the beach at dusk", T.PROMPT_TO_PROMPT),
        ("small", "a dog standing on grass", "a dog sitting on grass", T.MASACTRL),
        (None, "a cat on the left", "a cat on the right", T.MASACTRL),
        ("small", "a corgi in a field", "a corgi in a field seen from the side", T.MASACTRL),
        ("large", "a fox on grass", "a fox in a snowy village at night", T.IP_ADAPTER),
        ("large", "a fox on grass", "a fox on the beach", T.IP_ADAPTER),
        (None, "a fox on grass", "a fox as a sticker with white border", T.IP_ADAPTER),
        ("large", "a dog on the beach", "a castle on the beach", T.PROMPT_TO_PROMPT),
        ("large", "a dog on the beach", "a castle on a hill at night", T.NONE),
        ("large", "a dog", "a castle", T.NONE),
        (None, "a dog on the beach", "a rocket in space", T.NONE),
        (None, "a dog", "a dog", T.IMAGE_TO_IMAGE),
    ],
)
def test_everyday_edits(change: str | None, parent: str, new: str, expected: Technique) -> None:
    control = decide(change=change, parent=parent, description=new, techniques=ALL, parent_is_upload=False)
    assert control.technique is expected, control.reason
    assert control.reason.endswith(".")


@pytest.mark.parametrize(
    ("techniques", "expected"),
    [
        (frozenset({T.IP_ADAPTER, T.IMAGE_TO_IMAGE}), T.IP_ADAPTER),
        (frozenset({T.IMAGE_TO_IMAGE, T.SAME_SEED}), T.IMAGE_TO_IMAGE),
        (frozenset({T.SAME_SEED}), T.NONE),
        (frozenset({T.INSTRUCTION}), T.INSTRUCTION),
        (frozenset[Technique](), T.NONE),
    ],
)
def test_uploads_never_need_a_recipe(techniques: frozenset[Technique], expected: Technique) -> None:
    control = decide(
        change="small", parent="", description="make it blue", techniques=techniques, parent_is_upload=True
    )
    assert control.technique is expected


def test_the_users_word_overrules() -> None:
    kept = decide(
        change="large",
        parent="a fox on grass",
        description="a fox in a snowy village",
        techniques=ALL,
        parent_is_upload=False,
        keep_layout=True,
    )
    assert kept.technique is T.PROMPT_TO_PROMPT
    freed = decide(
        change="small",
        parent="a red fox on grass",
        description="a blue fox on grass",
        techniques=ALL,
        parent_is_upload=False,
        keep_layout=False,
    )
    assert freed.technique is T.IP_ADAPTER


def test_a_missing_technique_is_named_in_the_reason() -> None:
    control = decide(
        change="small",
        parent="a dog standing",
        description="a dog sitting",
        techniques=frozenset({T.SAME_SEED}),
        parent_is_upload=False,
    )
    assert control.technique is T.SAME_SEED
    assert "masactrl" in control.reason


@pytest.mark.parametrize(
    ("change", "parent", "new"),
    [
        ("small", "a red car on grass", "a blue car on grass"),
        ("small", "a dog standing", "a dog sitting"),
        ("large", "a fox on grass", "a fox on the beach"),
        (None, "a dog", "a dog"),
    ],
)
def test_an_engine_that_changes_pictures_by_words_is_never_given_words_alone(
    change: str | None, parent: str, new: str
) -> None:
    control = decide(
        change=change, parent=parent, description=new, techniques=frozenset({T.INSTRUCTION}), parent_is_upload=False
    )
    assert control.technique is T.INSTRUCTION
    assert "instruction-edit" in control.reason
    assert adjust(control, 0.0) is None  # it has no strength: another try would only cost again


@given(
    st.sampled_from([None, "small", "large"]),
    st.text(max_size=60),
    st.text(max_size=60),
    st.frozensets(st.sampled_from(list(Technique))),
    st.booleans(),
    st.sampled_from([None, True, False]),
)
def test_any_texts_give_an_offered_technique(
    change: str | None,
    parent: str,
    new: str,
    techniques: frozenset[Technique],
    upload: bool,
    keep: bool | None,
) -> None:
    control = decide(
        change=change,
        parent=parent,
        description=new,
        techniques=techniques,
        parent_is_upload=upload,
        keep_layout=keep,
    )
    assert control.technique in techniques | {Technique.NONE}
    assert 0 <= control.strength <= 1
    assert control.reason
    if upload:
        assert control.technique not in {T.SAME_SEED, T.PROMPT_TO_PROMPT, T.MASACTRL}


def test_compare_names_what_changed() -> None:
    found = compare("a red car on the grass", "a blue car on the beach at night")
    assert ("red", "blue") in found.swapped
    assert not found.new_subject


def test_one_retry_and_no_second() -> None:
    strong = Control(T.PROMPT_TO_PROMPT, 0.8, "Small.")
    weaker = adjust(strong, 0.0)
    assert weaker is not None
    assert weaker.strength < strong.strength
    assert RETRIED in weaker.options
    assert adjust(weaker, 0.0) is None
    stronger = adjust(Control(T.PROMPT_TO_PROMPT, 0.5, "Small."), 0.9)
    assert stronger is not None
    assert stronger.strength > 0.5
    assert adjust(strong, 0.2) is None
    assert adjust(Control(T.SAME_SEED, 0.5), 0.0) is None
    assert adjust(None, 0.0) is None
