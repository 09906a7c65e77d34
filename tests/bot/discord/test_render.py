"""The look of a reply: whatever comes, within Discord's limits, and nothing said is lost."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from bot.chats.discord.ids import ButtonId, read_menu_value
from bot.chats.discord.outgoing.layout import layout
from bot.chats.discord.outgoing.markup import close_fence, plain, split_text
from bot.chats.discord.outgoing.render import MAX_COMPONENTS, MAX_TEXT, components, render
from bot.chats.discord.outgoing.views import Buttons, Gallery, Menu, MessageView, Words
from handlers.model import NoticePart, PicturePart, Reply, SelectPart, SlotState, TextPart, ThreadKey
from handlers.presentation import shorten
from imaging.model import Operation

KEY = ThreadKey("discord", "1", "2" * 19, "3" * 19)
WORDS = st.text(st.sampled_from("ab \n`*.#"), max_size=6000)
PARTS = st.one_of(
    st.builds(TextPart, WORDS),
    st.builds(NoticePart, WORDS),
    st.builds(SelectPart, st.integers(1, 99), WORDS),
    st.builds(
        PicturePart,
        st.text("abc", min_size=1, max_size=80),
        st.integers(1, 10**6),
        st.sampled_from(list(Operation)),
        WORDS,
        st.lists(st.integers(1, 9), max_size=3).map(tuple),
        st.sampled_from(list(SlotState)),
        st.none() | st.integers(0, 99),
        st.none() | st.floats(0, 10**5),
        preview=st.none() | st.just(b"x"),
        sha256=st.none() | st.just("a" * 64),
        sentence=st.none() | WORDS,
    ),
)


def text_of(views: tuple[MessageView, ...]) -> str:
    return "\n".join(block.text for view in views for block in view.blocks if isinstance(block, Words))


@given(st.lists(PARTS, max_size=12).map(tuple), st.booleans())
def test_every_message_is_within_the_limits(parts: tuple[TextPart, ...], final: bool) -> None:
    views = render(Reply("turn", KEY, parts, thinking=False, final=final))
    assert views
    for view in views:
        assert view.blocks
        assert sum(components(block) for block in view.blocks) <= MAX_COMPONENTS
        assert sum(len(block.text) for block in view.blocks if isinstance(block, Words)) <= MAX_TEXT
        for block in view.blocks:
            match block:
                case Words(text):
                    assert text.strip()
                case Gallery(items):
                    assert 1 <= len(items) <= 10
                    assert all(len(item.alt) <= 1024 for item in items)
                case Buttons(buttons):
                    assert 1 <= len(buttons) <= 5
                    assert all(len(b.label) <= 80 and ButtonId.parse(b.id) for b in buttons)
                case Menu(id, placeholder, entries):
                    assert 1 <= len(entries) <= 25
                    assert len(placeholder) <= 150
                    assert ButtonId.parse(id)
                    assert all(read_menu_value(value) for _, value in entries)


async def test_the_library_takes_what_is_rendered() -> None:
    parts = tuple(
        PicturePart(f"s{n}", n, Operation.IMAGE, "a fox", state=SlotState.READY, sha256="a" * 64) for n in range(1, 6)
    )
    [view] = render(Reply("turn", KEY, (TextPart("Look"), *parts), thinking=False, final=True))
    built = layout(view, {item.file: item.file for item in view.pictures})
    assert built.has_components_v2()
    assert built.is_finished()
    assert built.total_children_count <= MAX_COMPONENTS


@given(st.text(max_size=400), st.integers(40, 120))
def test_splitting_loses_no_word(text: str, limit: int) -> None:
    pieces = split_text(text, limit)
    assert all(len(piece) <= limit and piece.strip() for piece in pieces)
    if "```" not in text and "~~~" not in text:
        assert "".join("".join(pieces).split()) == "".join(text.split())


def test_a_code_block_is_moved_whole_or_closed_and_opened_again() -> None:
    code = "```python\n" + "\n".join(f"line_{n} = {n}" for n in range(100)) + "\n```"
    [first, *rest] = split_text("Some words before.\n" + "word " * 300 + "\n" + code, 2000)
    assert first.count("```") % 2 == 0
    assert rest[0].startswith("```python\n")
    cut = split_text(code, 500)
    assert len(cut) > 2
    for piece in cut:
        assert piece.startswith("```python\n")
        assert piece.rstrip().endswith("```")
    lines = [line for piece in cut for line in piece.splitlines() if line.startswith("line_")]
    assert lines == [f"line_{n} = {n}" for n in range(100)]


BLOCKS = ("word " * 30 + "\n\n", "```py\n" + "x = 1\n" * 60 + "```\n", "A sentence. " * 20, "long" * 200 + "\n")
PARAGRAPHS = st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=30).map("".join)


@given(PARAGRAPHS, st.integers(1, 600))
@example("".join(BLOCKS[n] for n in (0, 2, 1, 0, 0, 0, 1, 3, 3, 2, 1)), 1)
def test_a_message_that_is_full_does_not_change_while_the_answer_grows(text: str, step: int) -> None:
    before: list[str] = []
    for end in range(step, len(text), step):
        views = render(Reply("t", KEY, (TextPart(text[:end]),), thinking=False))
        shown = [text_of((view,)) for view in views]
        assert shown[: len(before) - 1] == before[:-1]
        before = shown


def test_a_code_block_that_still_grows_shows_as_one() -> None:
    assert close_fence("Look:\n```py\nx = 1") == "Look:\n```py\nx = 1\n```"
    assert close_fence("Look:\n```py\nx = 1\n```\ndone") == "Look:\n```py\nx = 1\n```\ndone"


def test_a_reply_to_which_nothing_was_said_is_not_empty() -> None:
    assert "thinking" in text_of(render(Reply("t", KEY)))
    assert text_of(render(Reply("t", KEY, (), thinking=False, final=True)))


def test_descriptions_do_not_format_or_mention() -> None:
    part = PicturePart(
        "s", 1, Operation.IMAGE, "**bold** @everyone <@1> `code`", state=SlotState.READY, sha256="a" * 64
    )
    text = text_of(render(Reply("t", KEY, (part,), thinking=False, final=True)))
    assert r"\*\*bold\*\* \@everyone \<\@1\> \`code\`" in text
    assert plain("a_b") == r"a\_b"
    assert shorten("a  b\nc", 3) == "a…"


def test_pictures_of_one_answer_stand_side_by_side_and_others_where_they_belong() -> None:
    def part(number: int) -> PicturePart:
        return PicturePart(f"s{number}", number, Operation.IMAGE, "x", state=SlotState.READY, sha256="a" * 64)

    [view] = render(
        Reply("t", KEY, (TextPart("a"), part(1), TextPart(" \n"), part(2), TextPart("b"), part(3)), False, True)
    )
    kinds = [type(block).__name__ for block in view.blocks]
    assert kinds[:3] == ["Words", "Words", "Gallery"]
    assert [len(block.items) for block in view.blocks if isinstance(block, Gallery)] == [2, 1]
