"""Words and buttons make the same picture, and tell the same about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from handlers.model import Action, Attachment, PicturePart, Press, SlotState
from imaging.model import Abilities, Recipe, Technique, Vocabulary
from tests.fakes import ABILITIES, ANNA, THREAD, message, pictures, png, with_techniques
from tests.handlers.conftest import World

CLOSED = replace(
    ABILITIES,
    vocabulary=Vocabulary(("fox", "lizard"), ("snow",), ("red", "green"), {"dragon": "lizard"}),
)
NO_PIXELS = with_techniques(Technique.PROMPT_TO_PROMPT)


async def beginning(world: World, kind: str, abilities: Abilities, settings: Mapping[str, str]) -> None:
    """A thread whose picture 1 was drawn or brought; only later does it choose its settings."""
    world.pictures.abilities = abilities
    if kind == "upload":
        await world.desk.receive(replace(message("", "e1"), attachments=(Attachment("me.png", png(7, 40, 30)),)))
    else:
        await world.say("a fox", "<image> a red fox </image>")
    await world.store.choose(str(THREAD), settings)


def asked_for(world: World, part: PicturePart) -> Recipe:
    """What was submitted, but for the seed, which belongs to the answer."""
    return replace(world.pictures.requests[part.slot].recipe, seed=0)


@pytest.mark.parametrize("kind", ["drawn", "upload"])
@pytest.mark.parametrize(
    ("abilities", "settings"),
    [
        (ABILITIES, {"size": "wide", "style": "watercolor"}),
        (ABILITIES, {"refinement": "always"}),
        (NO_PIXELS, {"size": "tall", "refinement": "auto"}),
        (CLOSED, {"style": "watercolor", "refinement": "always"}),
    ],
    ids=["settings", "refinement", "no-pixels", "closed"],
)
@pytest.mark.parametrize(
    ("action", "tag"),
    [
        (Action.EDIT, '<edit prev_id="1"> a green dragon </edit>'),
        (Action.VARY, '<variation prev_id="1"/>'),
        (Action.REFINE, '<refine prev_id="1"/>'),
    ],
)
async def test_a_button_and_words_ask_for_the_same_picture(
    world: World, kind: str, abilities: Abilities, settings: Mapping[str, str], action: Action, tag: str
) -> None:
    await beginning(world, kind, abilities, settings)
    written_out = ["a green dragon, oil on canvas"] if "refinement" in settings else []
    reply = await world.say("again", tag, *written_out)
    (by_words,) = pictures(reply)
    world.model.scripts[:] = written_out
    await world.desk.press(Press("p1", THREAD, ANNA, action, 1, text="a green dragon"))
    await world.desk.settle()
    (by_button,) = pictures(world.chat.last)
    assert by_button.state is SlotState.READY
    assert (by_button.number, by_words.number) == (3, 2)
    assert replace(by_button, slot="", number=0, sha256="") == replace(by_words, slot="", number=0, sha256="")
    assert asked_for(world, by_button) == asked_for(world, by_words)


async def test_a_button_tells_what_the_engine_makes_of_the_words(world: World) -> None:
    await beginning(world, "drawn", CLOSED, {})
    for event, action, number in (("p1", Action.EDIT, 1), ("p2", Action.REDO, 2)):
        await world.desk.press(Press(event, THREAD, ANNA, action, number, text="a green dragon"))
        await world.desk.settle()
        (part,) = pictures(world.chat.last)
        assert part.sentence is not None
        assert "for your dragon" in part.sentence


async def test_a_buttons_words_are_written_out_where_the_thread_wants_that(world: World) -> None:
    await beginning(world, "drawn", ABILITIES, {"refinement": "always"})
    world.model.scripts.append("a green fox, oil on canvas")
    await world.desk.press(Press("p1", THREAD, ANNA, Action.EDIT, 1, text="a green fox"))
    await world.desk.settle()
    stored = await world.store.picture(THREAD, 2)
    assert stored is not None
    assert stored.recipe is not None
    assert (stored.description, stored.recipe.prompt) == ("a green fox", "a green fox, oil on canvas")
    assert "oil on canvas" in stored.recipe.notes[0]


@pytest.mark.parametrize("tag", ['<variation prev_id="1"/>', '<refine prev_id="1"/>'])
async def test_nothing_is_written_out_where_the_parents_prompt_is_drawn_again(world: World, tag: str) -> None:
    await beginning(world, "drawn", ABILITIES, {"refinement": "always"})
    world.model.scripts.clear()
    (part,) = pictures(await world.say("more", tag))
    assert len(world.model.requests) == 2
    assert asked_for(world, part).notes == ()


async def test_a_button_whose_answer_cannot_be_stored_takes_nothing_of_the_quota(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.tune("2 pictures a day per person")
    await beginning(world, "drawn", ABILITIES, {})

    async def refuses(*_: object) -> None:
        raise OSError("no")

    with monkeypatch.context() as broken:
        broken.setattr(world.store, "begin", refuses)
        assert "went wrong" in (await world.desk.press(Press("p1", THREAD, ANNA, Action.VARY, 1))).text
    assert "on its way" in (await world.desk.press(Press("p2", THREAD, ANNA, Action.VARY, 1))).text
    await world.desk.settle()
