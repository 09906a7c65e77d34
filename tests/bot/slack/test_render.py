"""Replies become blocks that Slack accepts, whatever is in them."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chats.slack.outgoing import markdown, markup, render
from handlers.model import NoticePart, PicturePart, Reply, ReplyPart, SelectPart, SlotState, TextPart, ThreadKey
from imaging.model import Operation
from tests.peers import block_kit

KEY = ThreadKey("slack", "T1", "C1", "1.2")
texts = st.text(st.characters(codec="utf-8"), max_size=400) | st.sampled_from(
    [
        "```\n" + "x = 1\n" * 900 + "```",
        "word " * 2_000,
        "<!channel> @here <@U1> & **bold** [a](https://b.c)",
        "&" * 4_000,
    ]
)


@st.composite
def pictures(draw: st.DrawFn) -> PicturePart:
    number = draw(st.integers(1, 10**6))
    return PicturePart(
        slot=f"s{number}",
        number=number,
        operation=Operation.IMAGE,
        description=draw(texts),
        state=draw(st.sampled_from(SlotState)),
        position=draw(st.none() | st.integers(0, 99)),
        eta_s=draw(st.none() | st.floats(0, 1e6)),
        step=draw(st.integers(0, 20)),
        total=draw(st.integers(0, 20)),
        sha256="ab",
        sentence=draw(st.none() | texts),
    )


parts = st.lists(
    st.builds(TextPart, texts)
    | pictures()
    | st.builds(SelectPart, st.integers(1, 99), texts)
    | st.builds(NoticePart, texts),
    max_size=40,
    unique_by=lambda part: part.number if isinstance(part, PicturePart) else id(part),
)


@given(parts, st.booleans())
def test_every_reply_keeps_the_limits_of_block_kit(shown: list[ReplyPart], final: bool) -> None:
    files = {part.slot: "F1" for part in shown if isinstance(part, PicturePart)}
    for message in render.render(Reply("t", KEY, tuple(shown), thinking=False, final=final), files):
        assert block_kit.problems(message.blocks) == []
        assert 1 <= len(message.text) <= 4_000


def test_pictures_stand_where_their_tags_stood() -> None:
    fox = PicturePart("s1", 1, Operation.IMAGE, "a fox", state=SlotState.READY, sha256="ab")
    reply = Reply("t", KEY, (TextPart("Before"), fox, TextPart("after")), thinking=False, final=True)
    (message,) = render.render(reply, {"s1": "F1"})
    assert [b["type"] for b in message.blocks] == ["section", "image", "actions", "section"]
    assert message.blocks[1]["slack_file"] == {"id": "F1"}
    assert message.blocks[1]["alt_text"] == "a fox (made with AI)"


def test_a_picture_that_slack_has_not_processed_is_not_put_into_an_image_block() -> None:
    fox = PicturePart("s1", 1, Operation.IMAGE, "a fox", state=SlotState.READY, sha256="ab")
    (message,) = render.render(Reply("t", KEY, (fox,)), {})
    assert all(b["type"] != "image" for b in message.blocks)


def test_a_long_reply_becomes_several_messages_and_no_card_is_torn() -> None:
    cards = tuple(
        PicturePart(f"s{n}", n, Operation.IMAGE, "a fox", state=SlotState.READY, sha256="ab") for n in range(1, 60)
    )
    messages = render.render(Reply("t", KEY, cards), {c.slot: "F" for c in cards})
    assert len(messages) > 1
    kinds = [block["type"] for message in messages for block in message.blocks]
    assert kinds == [*["image"] * len(cards), "actions"]
    assert all(len(message.blocks) <= render.MAX_BLOCKS for message in messages)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (PicturePart("s", 3, Operation.IMAGE, "a fox", position=2, eta_s=40.0), "2 pictures before it, about 40 s"),
        (PicturePart("s", 3, Operation.IMAGE, "a fox", position=0), "next"),
        (PicturePart("s", 3, Operation.IMAGE, "a fox", state=SlotState.RENDERING, step=5, total=20), "step 5 of 20"),
    ],
)
def test_placeholders_say_where_the_job_stands(state: PicturePart, words: str) -> None:
    assert words in render.under_way(state)


@given(texts)
def test_nothing_that_a_model_writes_can_mention_or_link_by_brackets(text: str) -> None:
    shown = markdown.to_mrkdwn(text)
    rest = shown.replace("<http://", "").replace("<https://", "")
    assert "<" not in rest
    assert "@channel" not in shown.lower()
    assert "@here" not in shown.lower()


@given(st.text(string.ascii_letters + " \n.`", max_size=9_000))
def test_split_keeps_every_word_and_closes_fences(text: str) -> None:
    pieces = markup.split(text)
    assert all(1 <= len(piece) <= markup.SECTION_LIMIT for piece in pieces)
    kept = "".join("".join(pieces).split()).replace("`", "")
    assert kept == "".join(text.split()).replace("`", "")


def test_a_code_block_that_is_cut_stays_code_in_both_pieces() -> None:
    pieces = markup.split("Look:\n```\n" + "x = 1\n" * 900 + "```\nDone.")
    assert len(pieces) > 1
    assert all(piece.count("```") % 2 == 0 for piece in pieces)
