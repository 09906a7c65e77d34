"""What is read of a model's directions, whatever it looks like, and what stands in for them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.engines.mini import mini_abilities
from prompts.directions import MAX_DESCRIPTION, MAX_TITLE, MAX_WHY, Direction, different, read_directions
from prompts.nearest import into_vocabulary
from prompts.templates import blended, templated, twisted

FOX = Direction("Fox", "It is soft.", "a fox with a bun")
OWL = Direction("Owl", "It is awake.", "an owl in an oven")
ROWS = [{"title": d.title, "why": d.why, "description": d.description} for d in (FOX, OWL)]


@pytest.mark.parametrize(
    "answer",
    [
        json.dumps(ROWS),
        json.dumps({"directions": ROWS}),
        f"Sure! Here they are:\n```json\n{json.dumps(ROWS, indent=1)}\n```\nWhich one?",
        "\n".join(map(json.dumps, ROWS)),
        json.dumps(ROWS) + ', {"title": "Cut of',
        json.dumps([{"Name": d.title, "Reason": d.why, "Prompt": d.description} for d in (FOX, OWL)]),
        "1. **Fox** — It is soft. — a fox with a bun\n2. **Owl** — It is awake. — an owl in an oven",
        "1. Title: Fox\n   Why: It is soft.\n   Description: a fox with a bun\n\n"
        "2. Title: Owl\n   Why: It is awake.\n   Description: an owl in an oven",
        "### 1. Fox\n- **Why:** It is soft.\n- **Description:** a fox with a bun\n"
        "### 2. Owl\n- **Why:** It is awake.\n- **Description:** an owl in an oven",
    ],
)
def test_the_same_directions_in_many_shapes(answer: str) -> None:
    assert read_directions(answer) == [FOX, OWL]


@pytest.mark.parametrize("answer", ["", "I would rather talk.", "[]", "{}", "null", "[[[[", "- yes\n- no"])
def test_what_has_none(answer: str) -> None:
    assert read_directions(answer) == []


@given(st.one_of(st.text(), st.recursive(st.text() | st.none(), lambda x: st.lists(x) | st.dictionaries(
    st.sampled_from(["title", "why", "description", "x"]), x)).map(json.dumps)))  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_any_answer_is_read_within_the_limits(answer: str) -> None:
    for direction in read_directions(answer):
        assert 0 < len(direction.title) <= MAX_TITLE
        assert len(direction.why) <= MAX_WHY
        assert 0 < len(direction.description) <= MAX_DESCRIPTION
        assert all(text.isprintable() for text in (direction.title, direction.why, direction.description))


def test_repeats_are_found_and_words_of_the_topic_are_everybodys() -> None:
    again = Direction("Bun", "", "the fox with a bun")
    assert different([FOX, again, OWL]) == [FOX, OWL]
    cups = [Direction(str(n), "", f"a cup for a tea house {word}") for n, word in enumerate(("ink", "clay"))]
    assert different(cups, shared="cups for a tea house") == cups
    assert different([Direction("一", "", "面包店的狐狸吉祥物"), Direction("二", "", "面包店的狐狸吉祥物！")]) == [
        Direction("一", "", "面包店的狐狸吉祥物")
    ]


@pytest.mark.parametrize("topic", ["mascots for a bakery", "a logo for foxes", "🎂", "面包店", "x" * 300, ""])
@pytest.mark.parametrize("small", [True, False])
def test_templates_are_different_and_can_be_drawn(topic: str, small: bool) -> None:
    known = mini_abilities().vocabulary if small else None
    found = templated(topic, 8, 1, known)
    assert found == templated(topic, 8, 1, known)
    assert found != templated(topic, 8, 2, known)
    assert len({direction.description for direction in found}) == 8
    assert all(len(direction.title) <= MAX_TITLE for direction in found)
    if known is not None:
        assert all(into_vocabulary(d.description, known).changes == () for d in found)


def test_what_people_wrote_changes_a_picture_of_the_miniature() -> None:
    known = mini_abilities().vocabulary
    changed = twisted("a blue fox in the city during the day", "Blue fox", ["at night on the beach, please"], 1, known)
    assert changed.description == "a blue fox on the beach at night"
    red = twisted("a blue fox in the city during the day", "Blue fox", ["make it red"], 1, known)
    assert red.description == "a red fox in the city during the day"
    both = blended(("a blue fox in the city at night", "an owl in the snow at night"), ("Fox", "Owl"), known)
    assert both.description == "a fox next to an owl in the snow at night"
