"""Text that begins with a slash: commands, and what plainly is none."""

from __future__ import annotations

import asyncio
import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.command_text import named
from handlers.commands import COMMANDS
from handlers.errors import StoreError
from handlers.model import Attachment, ThreadKey
from handlers.typed import LEFT_OUT, said
from tests.fakes import ANNA, message, png, words
from tests.handlers.conftest import World
from tests.slashes import ANSWERED, SAID


def told(world: World) -> str:
    answers = (answer.text for _, answer in world.chat.answers)
    return " ".join([*(sentence for _, sentence in world.chat.told), *answers])


@pytest.mark.parametrize(("text", "answer"), ANSWERED)
async def test_a_command_is_answered_and_no_model_is_asked(world: World, text: str, answer: str) -> None:
    await world.desk.receive(message(text))
    assert answer in told(world)
    assert not world.model.requests
    assert not await world.store.turns(message(text).thread)
    assert said(text) is None


@pytest.mark.parametrize(("text", "meant"), SAID)
async def test_what_is_plainly_no_command_is_a_message(world: World, text: str, meant: str) -> None:
    await world.say(text, "Well.")
    assert world.model.requests[-1].user.text == meant
    assert not told(world)
    assert said(text) == meant


@given(st.sampled_from(["", " ", "\n\t", "\u200b", "\ufeff\u2066"]), st.sampled_from("/／"), st.text(max_size=30))
def test_nothing_but_a_slash_without_a_letter_or_with_a_second_slash_gets_by(blank: str, slash: str, text: str) -> None:
    word = text.split(maxsplit=1)[0] if text[:1].strip() else ""
    plain = not word[:1].isalpha() or any(char in word for char in "/／\\")
    assert (named(blank + slash + text) is None) == plain


@given(st.text(alphabet=string.ascii_letters, min_size=1, max_size=20), st.text(max_size=40))
def test_a_name_is_read_with_what_follows(name: str, rest: str) -> None:
    assert named(f"/{name} {rest}") == (name.casefold(), rest.strip())


async def test_what_a_command_takes_is_handed_on_with_the_place_it_was_typed_in(world: World) -> None:
    await world.say("a fox", "<image> a fox </image>")
    beside = ThreadKey("web", "-", "home", "home")
    await world.desk.receive(replace(message("/export", thread=beside), in_thread=False, max_file_bytes=1000))
    call, answer = world.chat.answers[-1]
    assert (call.in_thread, call.max_file_bytes, answer.files) == (False, 1000, ())
    assert answer.text == "/export is about one thread: give it there. The latest here: “a fox”."
    await world.desk.receive(message("/export", "e2"))
    assert world.chat.answers[-1][1].files[0].data.startswith(b"PK")


async def test_a_command_that_is_delivered_again_is_carried_out_once(world: World) -> None:
    await asyncio.gather(*(world.desk.receive(message("/usage", "e1")) for _ in range(3)))
    await world.restart()
    await world.desk.receive(message("/usage", "e1"))
    assert len(world.chat.answers) == 1


async def test_pictures_go_with_the_words_of_imagine_and_with_no_other_command(world: World) -> None:
    world.model.scripts.append("Nice.")
    along = (Attachment("a.png", png(1)),)
    await world.desk.receive(replace(message("/imagine like this"), attachments=along, title="/imagine like this"))
    turns = await world.store.turns(message("").thread)
    assert (turns[0].text, len(turns[0].parts)) == ("like this", 1)
    assert [row.title for row in await world.store.threads("web", "-")] == ["like this"]
    await world.desk.receive(replace(message("/usage"), attachments=along))
    assert LEFT_OUT in told(world)
    assert len(await world.store.gallery(message("").thread)) == 1


async def test_stop_as_a_command_stops_what_is_under_way(world: World) -> None:
    going = asyncio.Event()
    world.model.scripts.append(["Once upon ", going, "a time"])
    answering = asyncio.create_task(world.desk.receive(message("a tale")))
    await world.chat.until(world.chat.shows("Once"))
    await world.desk.receive(message("/stop"))
    await answering
    assert "a time" not in words(world.chat.last)
    assert not told(world)


async def test_unknown_commands_count_as_messages(world: World) -> None:
    world.tune("3 messages a day per person")
    for at in range(6):
        await world.desk.receive(message(f"/nonsense{at}"))
    assert told(world).count("There is no command") == 3
    assert len(world.chat.told) == 4  # one says when there are more; the rest is silence


async def test_typed_commands_are_messages_but_for_what_ends_work(world: World) -> None:
    world.tune("3 messages a day per person")
    for text in ("/help", "/export", "/usage", "/help", "/gallery", "/export"):
        await world.desk.receive(message(text, f"e-{len(world.chat.told)}-{text}-{len(world.chat.answers)}"))
    assert [call.name for call, _ in world.chat.answers] == ["help", "export", "usage"]
    assert len(world.chat.told) == 1
    await world.desk.receive(message("/cancel"))
    assert world.chat.answers[-1][0].name == "cancel"


async def test_a_command_that_breaks_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(_: str) -> None:
        raise StoreError("The disk is full.")

    monkeypatch.setattr(world.store, "claim", full)
    await world.desk.receive(message("/usage"))
    assert world.chat.told == [(ANNA.id, "The disk is full.")]


async def test_the_rules_of_channels_are_for_places_that_have_some(world: World) -> None:
    await world.desk.receive(message("/access rule:deny", person=replace(ANNA, admin=True)))
    assert "no channels and roles here" in told(world)


def test_every_command_can_be_typed() -> None:
    for spec in COMMANDS:
        assert named(f"/{spec.name} x") == (spec.name, "x")


@pytest.mark.parametrize("title", ["", "/brainstorm mascots ideas:3"])
async def test_a_thread_that_a_command_opens_is_called_by_its_words(world: World, title: str) -> None:
    """Not by how the command is written, on any platform."""
    await world.desk.receive(replace(message("/brainstorm mascots ideas:3"), title=title))
    assert [row.title for row in await world.store.threads("web", "-")] == ["mascots"]
