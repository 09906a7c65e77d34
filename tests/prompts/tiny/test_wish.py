"""An edit that the model copied without its change keeps the wish."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts.tiny.format import MAX_DESCRIPTION
from prompts.tiny.reply import ReplyContext, streaming_reply
from prompts.tiny.wish import kept_wish

FOX = "a red fox on a log with a hat, grey sky, two birds"


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("Please give him a silver monocle!", f"{FOX}, a silver monocle"),
        ("add a comet", f"{FOX}, a comet"),
        ("at the opera", f"{FOX}, at the opera"),
        ("remove the hat", "a red fox on a log, grey sky, two birds"),
        ("without the birds please", "a red fox on a log with a hat, grey sky"),
        ("remove the moon", FOX),
        ("make it red", FOX),
        ("", FOX),
    ],
)
def test_the_wish_is_put_in_or_what_should_go_is_taken_out(message: str, kept: str) -> None:
    assert kept_wish(message, FOX, FOX) == kept


def test_a_description_with_a_change_stays_as_it_is_written() -> None:
    assert kept_wish("add a comet", FOX, f"{FOX} and a star") == f"{FOX} and a star"


def test_the_reply_carries_the_wish() -> None:
    context = ReplyContext(2, user="give it a monocle", descriptions={1: "an owl"})
    assert "> an owl, a monocle </edit>" in "".join(streaming_reply(["edit 1 small: an owl"], context))


@given(st.text(max_size=800), st.text(max_size=400), st.text(max_size=400))
def test_no_text_breaks_it(message: str, old: str, new: str) -> None:
    kept = kept_wish(message, old, new)
    assert kept == new or len(kept) <= max(MAX_DESCRIPTION, len(old))
