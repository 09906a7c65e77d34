"""Replies that are cut off, refused, taken back or in a loop: what is seen, what is drawn, what is told next."""

from __future__ import annotations

import asyncio

import pytest

from handlers import run
from handlers.errors import CutShort, Declined, Drafted
from handlers.model import NoticePart, PicturePart, TextPart
from handlers.orphans import without_orphans
from imaging.model import Operation
from tests.fakes import pictures, words
from tests.handlers.conftest import World

FOX = "<image> a fox </image>"


async def test_a_reply_that_was_cut_off_does_not_run_its_open_tag(world: World) -> None:
    reply = await world.say("x", ["Here ", FOX, " and <image> half a c", CutShort("It was cut off.")])
    assert [part.description for part in pictures(reply)] == ["a fox"]
    assert "half a c" not in words(reply)
    assert words(reply).endswith("It was cut off.")
    assert len(world.model.requests) == 1


async def test_an_answer_without_end_does_not_run_its_open_tag_either(world: World) -> None:
    world.tune(reply_chars=50)
    reply = await world.say("x", ["word " * 8, "<image> a never ending", " cat" * 5, "more"])
    assert not pictures(reply)
    assert "did not come to an end" in words(reply)


async def test_what_was_refused_leaves_the_history(world: World) -> None:
    await world.say("draw a fox", "Sure.")
    reply = await world.say("something bad", ["I ", Declined("The provider refused this.")])
    assert "The provider refused this." in words(reply)
    await world.say("draw a cat", "Sure.")
    told = " ".join(said.text for said in world.model.requests[-1].history)
    assert "draw a fox" in told
    assert "something bad" not in told
    await world.restart()
    await world.say("draw a dog", "Sure.")
    assert "something bad" not in " ".join(said.text for said in world.model.requests[-1].history)


async def test_blank_answers_and_thoughts_of_earlier_versions_are_not_told_again(world: World) -> None:
    await world.say("one", "<think> a secret draft </think> Good.")
    await world.say("two", " \n ")
    await world.say("three", "Fine.")
    told = [said.text for said in world.model.requests[-1].history]
    assert all(text.strip() for text in told)
    assert "secret" not in " ".join(told)
    assert "Good." in told


async def test_thoughts_that_got_into_an_answer_are_taken_back_and_nothing_of_them_stays(world: World) -> None:
    first = await world.say("x", f"One {FOX} two {FOX}")
    numbers = [part.number for part in pictures(first)]
    world.pictures.held = True
    drafts = f'Maybe {FOX}, or <select id="{numbers[0]}"/> <image> a cat </image>'
    reply = await world.say("y", [drafts, Drafted("thoughts")], 'Done. <select id="2"/>')
    assert "Maybe" not in words(reply)
    assert not pictures(reply)
    assert len(world.pictures.cancelled) == 2
    session = await world.store.session(first.thread)
    assert session.current == 2
    assert sorted(picture.number for picture in session.pictures) == numbers
    turn = (await world.store.turns(first.thread))[-1]
    assert "Maybe" not in turn.text


async def test_a_picture_that_was_only_thought_of_is_deleted_when_it_is_already_there(world: World) -> None:
    reply = await world.say("x", [f"Maybe {FOX}", Drafted("thoughts")], f"Here {FOX}")
    assert len(pictures(reply)) == 1
    assert "Maybe" not in words(reply)
    session = await world.store.session(reply.thread)
    assert [picture.number for picture in session.pictures] == [pictures(reply)[0].number]


async def test_thoughts_again_are_told_as_a_failure(world: World) -> None:
    reply = await world.say("x", ["a", Drafted("Thoughts got in.")], ["b", Drafted("Thoughts got in.")])
    assert words(reply).endswith("Thoughts got in.")


async def test_the_same_problem_is_told_once(world: World) -> None:
    wrong = '<select id="9"/> ' * 12
    reply = await world.say("x", f"A {wrong}", f"{wrong}")
    notices = [part for part in reply.parts if isinstance(part, NoticePart)]
    assert len(notices) == 1
    assert len(world.model.requests) == 2
    repair = world.model.requests[1].repair
    assert repair is not None
    assert len(repair.problems) == 1


async def test_a_model_in_a_loop_is_stopped(world: World) -> None:
    reply = await world.say("x", f"{FOX} " * 200)
    assert len(pictures(reply)) == 4
    assert "did not come to an end" in words(reply)
    assert "left out: an answer has at most 4" in words(reply)
    many = await world.say("y", '<select id="1"/> ' * 20)
    assert len([part for part in many.parts if not isinstance(part, TextPart)]) <= 17


PICTURE = PicturePart("s", 1, Operation.IMAGE, "a fox")


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("Here: **", "** Good?", ("Here: ", " Good?")),
        ("Here: __", "__", ("Here: ", "")),
        ("Look ***", "***", ("Look ", "")),
        ("Look\n```html\n", "\n```\nGood?", ("Look\n", "\nGood?")),
        ("```\n", "```", ("", "")),
        ("~~~xml\n", "\n~~~", ("", "")),
        ("**bold** and **", "**", ("**bold** and ", "")),
        ("This is **bold**", " and **this** too", ("This is **bold**", " and **this** too")),
        ("2 * 3", "* a list", ("2 * 3", "* a list")),
        ("Here **", " fox** it is", ("Here **", " fox** it is")),
        ("```\ncode\n```\n", "words", ("```\ncode\n```\n", "words")),
        ("plain ", " words", ("plain ", " words")),
    ],
)
def test_marks_around_a_tag_go_with_it(before: str, after: str, shown: tuple[str, str]) -> None:
    parts = without_orphans([TextPart(before), PICTURE, TextPart(after)])
    expected = [TextPart(shown[0]), PICTURE, TextPart(shown[1])]
    assert list(parts) == [part for part in expected if not isinstance(part, TextPart) or part.text]


def test_no_word_that_was_shown_is_taken_back_when_the_marks_close() -> None:
    said = "So **bold** and:\n**"
    seen = ""
    for end in range(1, len(said) + 1):
        [*parts] = without_orphans([TextPart(said[:end])], final=False)
        text = "".join(part.text for part in parts if isinstance(part, TextPart))
        assert text.startswith(seen)
        seen = text
    for after in ("*", "**", "** G", "** Good"):
        shown = without_orphans([TextPart(said), PICTURE, TextPart(after)], final=False)
        assert shown[0] == TextPart(seen)
        assert "*" not in "".join(part.text for part in shown[2:] if isinstance(part, TextPart))


async def test_the_stored_reply_is_as_tidy_as_the_shown_one(world: World) -> None:
    reply = await world.say("x", f"Here:\n```html\n{FOX}\n```\n**{FOX}** Good?")
    stored = (await world.store.turns(reply.thread))[-1]
    for parts in (reply.parts, stored.parts):
        text = "".join(part.text for part in parts if isinstance(part, TextPart))
        assert "`" not in text
        assert "*" not in text


async def test_a_long_thought_is_said_again_and_ends_with_the_first_words(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "STILL_S", 0.01)
    go, end = asyncio.Event(), asyncio.Event()
    asking = asyncio.create_task(world.say("x", [go, "Here.", end]))
    await world.chat.until(lambda: bool(world.chat.opened) and len(world.chat.opened[-1].snapshots) > 3)
    assert all(reply.thinking for reply in world.chat.opened[-1].snapshots)
    go.set()
    await world.chat.until(world.chat.shows("Here."))
    assert not world.chat.opened[-1].snapshots[-1].thinking
    end.set()
    assert words(await asking) == "Here."
