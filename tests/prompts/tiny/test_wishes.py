"""Plain words for several pictures, a look, a part, more canvas and no background, as the embedded model takes them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.operations import Skill
from prompts.protocol import Directive, parse
from prompts.tiny.format import MAX_USER, TinyPicture, english
from prompts.tiny.reply import ReplyContext, TaggedReply
from prompts.tiny.wishes import NOTHING, Wish, wish

PICTURES = (
    TinyPicture(1, "a red apple on a table", batch=True),
    TinyPicture(2, "a blue boat on the sea", batch=True),
    TinyPicture(3, "a green fox in the snow", batch=True, current=True),
)
ALL = frozenset(Skill)


def found(message: str, skills: frozenset[Skill] = ALL) -> Wish:
    return wish(english(message, MAX_USER), PICTURES, skills)


def tags(message: str, line: str = "") -> list[Directive]:
    """What a reply has in the end, where the model writes this line unless the rules write it."""
    wished = found(message)
    descriptions = {picture.id: picture.description for picture in PICTURES}
    reply = TaggedReply(ReplyContext(4, user=message, descriptions=descriptions, current=3, wish=wished))
    text = "".join([*reply.feed(wished.line or line), *reply.finish()])
    return [one for one in parse(text) if isinstance(one, Directive)]


@pytest.mark.parametrize(
    ("message", "sources", "words"),
    [
        ("blend 1 and 3", (1, 3), "a red apple and a green fox on a table"),
        ("Mix #1 with #2!", (1, 2), "a red apple and a blue boat on a table"),
        ("combine the first and the third", (1, 3), "a red apple and a green fox on a table"),
        ("merge both please", (2, 3), "a blue boat and a green fox on the sea"),
        ("blend 1, 2 and 3 at night", (1, 2, 3), "a red apple and a blue boat and a green fox at night"),
        ("put pictures 1 and 2 together", (1, 2), "a red apple and a blue boat on a table"),
        ("blend the apple and the boat", (1, 2), "a red apple and a blue boat on a table"),
        ("mische Bild 1 und 3", (1, 3), "a red apple and a green fox on a table"),
    ],
)
def test_pictures_are_blended_by_words(message: str, sources: tuple[int, ...], words: str) -> None:
    [tag] = tags(message)
    assert (tag.sources, tag.description, tag.problem) == (sources, words, None)


@pytest.mark.parametrize(
    ("message", "field", "value"),
    [
        ("zoom out", "expand", "all"),
        ("zoome bitte raus", "expand", "all"),
        ("pan left please", "expand", "left"),
        ("more space on the top", "expand", "up"),
        ("remove the background", "background", "none"),
        ("entferne den Hintergrund", "background", "none"),
    ],
)
def test_the_picture_that_is_talked_about_stays_what_it_is(message: str, field: str, value: str) -> None:
    [tag] = tags(message)
    assert (tag.source, tag.description) == (3, "a green fox in the snow")
    assert getattr(tag, field) == value


@pytest.mark.parametrize(
    ("message", "line", "wanted"),
    [
        ("make only the sky pink", "edit 3 small: a fox, pink sky", {"source": 3, "region": "the sky"}),
        ("nur den Himmel rosa", "edit 3 small: a fox, pink sky", {"source": 3, "region": "the sky"}),
        ("change just the left door to green", "edit 3 small: a green door", {"region": "the left door"}),
        ("draw a dog in the style of #2", "image: a dog", {"sources": (2,), "role": "style"}),
        ("make it in the look of picture 1", "edit 3 large: a fox, new", {"sources": (3, 1), "role": "style"}),
        ("a cat with a transparent background", "image: a cat", {"background": "none"}),
    ],
)
def test_the_tag_that_the_model_writes_gets_it_besides(message: str, line: str, wanted: dict[str, object]) -> None:
    [tag] = tags(message, line)
    assert {name: getattr(tag, name) for name in wanted} == wanted
    assert tag.problem is None


@pytest.mark.parametrize(
    "message",
    [
        "make it blue",
        "mix in some blue",
        "combine the colours",
        "blend 1 and 9",
        "just the fox please",
        "only the second",
    ],
)
def test_other_messages_are_the_models_alone(message: str) -> None:
    assert found(message) == NOTHING


@pytest.mark.parametrize("message", ["blend 1 and 3", "zoom out", "remove the background", "make only the sky pink"])
def test_nothing_is_found_that_the_engine_cannot_do(message: str) -> None:
    assert found(message, frozenset()) == NOTHING


@given(st.text(max_size=300), st.sets(st.sampled_from(list(Skill))))
@settings(deadline=None, max_examples=150)
def test_any_message_gives_tags_that_can_run(message: str, skills: set[Skill]) -> None:
    wished = wish(english(message, MAX_USER), PICTURES, frozenset(skills))
    assert set(wished.others) <= {1, 2, 3}
    if wished.line:
        assert all(tag.problem is None for tag in tags(message))
