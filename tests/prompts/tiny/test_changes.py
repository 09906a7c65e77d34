"""An edit that the model copied without its change keeps the wish."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts.tiny.changes import with_change
from prompts.tiny.format import MAX_DESCRIPTION
from prompts.tiny.reply import ReplyContext, TaggedReply
from tests.prompts.tiny.lines import streaming_reply

FOX = "a red fox on a log with a hat, grey sky, two birds"


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("Please give him a silver monocle!", f"{FOX}, a silver monocle"),
        ("add a comet", f"{FOX}, a comet"),
        ("at the opera", f"{FOX}, at the opera"),
        ("remove the hat", "a red fox on a log, grey sky, two birds"),
        ("without the birds please", "a red fox on a log with a hat, grey sky"),
        ("get that hat out of there", "a red fox on a log, grey sky, two birds"),
        ("you forgot the comet, put it in", f"{FOX}, you forgot the comet, put it in"),
        ("I don't need the hat", "a red fox on a log, grey sky, two birds"),
        ("the birds have to go", "a red fox on a log with a hat, grey sky"),
        ("no hat, but add a comet", "a red fox on a log, grey sky, two birds, a comet"),
        ("remove the moon", FOX),
        ("make it red", FOX),
        ("", FOX),
    ],
)
def test_the_wish_is_put_in_or_what_should_go_is_taken_out(message: str, kept: str) -> None:
    assert with_change(message, FOX, FOX) == kept


def test_a_description_with_a_change_stays_as_it_is_written() -> None:
    assert with_change("add a comet", FOX, f"{FOX} and a star") == f"{FOX} and a star"


def test_the_reply_carries_the_wish() -> None:
    context = ReplyContext(2, user="give it a monocle", descriptions={1: "an owl"})
    assert "> an owl, a monocle </edit>" in "".join(streaming_reply(["edit 1 small: an owl"], context))


@given(st.text(max_size=800), st.text(max_size=400), st.text(max_size=400))
def test_no_text_breaks_it(message: str, old: str, new: str) -> None:
    kept = with_change(message, old, new)
    assert kept == new or len(kept) <= max(MAX_DESCRIPTION, len(old))


BOAT = {1: "a lighthouse, grey sky", 2: "a lighthouse with a boat, grey sky", 3: "a lamp"}


@pytest.mark.parametrize("line", ["edit 2 small: a lighthouse with a boat, grey sky", "edit 1 small: " + BOAT[2]])
def test_an_edit_that_says_nothing_new_is_doubted_before_anything_is_written(line: str) -> None:
    context = ReplyContext(4, user="what a lovely day", descriptions=BOAT, doubt=True)
    for size in (1, 7, 200):
        reply = TaggedReply(context)
        chunks = [c for at in range(0, len(line), size) for c in reply.feed(line[at : at + size])]
        assert [*chunks, *reply.finish()] == []
        assert reply.copied


@pytest.mark.parametrize(
    "message",
    [
        "add a comet",
        "In #2 make the sky golden",
        "could the lighthouse have stripes?",
        "she needs a hat",
        "clear away it all",
    ],
)
def test_a_message_that_orders_a_change_is_not_doubted(message: str) -> None:
    context = ReplyContext(4, user=message, descriptions=BOAT, doubt=True)
    assert "<edit" in "".join(streaming_reply([f"edit 2 small: {BOAT[2]}"], context))


def test_an_older_picture_with_nothing_new_is_chosen_again() -> None:
    context = ReplyContext(4, user="so much nicer when there was no boat", descriptions=BOAT)
    text = "".join(streaming_reply([f"edit 1 small: {BOAT[2]}"], context))
    assert text.endswith("<select>1</select>")
    assert "<edit" not in text


def test_the_change_is_kept_where_another_pictures_description_was_copied() -> None:
    context = ReplyContext(4, user="the version without the boat, and add a rainbow", descriptions=BOAT)
    text = "".join(streaming_reply([f"edit 1 small: {BOAT[2]} ; edit 1 small: {BOAT[3]}"], context))
    assert "> a lighthouse, grey sky, a rainbow </edit>" in text
    assert text.count("<edit") == 1


def test_the_words_of_an_edit_come_as_soon_as_its_description_says_anything_new() -> None:
    reply = TaggedReply(ReplyContext(4, user="add a comet", descriptions=BOAT))
    assert not list(reply.feed("edit 1 small: a light"))
    assert list(reply.feed("house and"))


@pytest.mark.parametrize(("message", "edits"), [("make it blue", 1), ("one in blue and one in red", 2)])
def test_a_picture_is_changed_once_unless_several_are_asked_for(message: str, edits: int) -> None:
    context = ReplyContext(4, user=message, descriptions=BOAT)
    text = "".join(streaming_reply(["edit 3 small: a blue lamp ; edit 3 small: a red lamp"], context))
    assert text.count("<edit") == edits
