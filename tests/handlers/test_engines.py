"""Several engines on one host, as people of a thread meet them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from handlers.commands import commands_here
from handlers.model import Action, Picture
from imaging.engine_choice import AtHand, Purposes, Standing, alone
from imaging.model import Technique
from prompts.request import LanguageRequest
from tests.fakes import ABILITIES, THREAD
from tests.handlers.conftest import World
from tests.handlers.test_buttons import press
from tests.handlers.test_commands import give

EDITOR = replace(ABILITIES, name="editor", model="e-1", techniques=frozenset({Technique.IMAGE_TO_IMAGE}), references=2)


def two(world: World, purposes: Purposes, *, wait_s: float = 0.0, problem: str | None = None) -> None:
    """A host with a second engine."""
    engines = {ABILITIES.name: Standing(ABILITIES, wait_s), EDITOR.name: Standing(EDITOR, problem=problem)}
    world.pictures.hand = AtHand(engines, purposes)


async def picture(world: World, number: int) -> Picture:
    found = await world.store.picture(THREAD, number)
    assert found is not None
    assert found.recipe is not None
    return found


def engine_of(found: Picture) -> str:
    assert found.recipe is not None
    return found.recipe.engine


async def test_edits_go_to_the_engine_for_edits_and_the_recipe_says_why(world: World) -> None:
    two(world, Purposes(ABILITIES.name, EDITOR.name))
    await world.say("a", "<image> a fox </image>")
    await world.say("b", '<edit prev_id="1"> a blue fox </edit>')
    drawn, edited = await picture(world, 1), await picture(world, 2)
    assert (engine_of(drawn), engine_of(edited)) == (ABILITIES.name, EDITOR.name)
    assert edited.recipe is not None
    assert drawn.recipe is not None
    assert "editor changes pictures here." in edited.recipe.notes
    assert not drawn.recipe.notes
    assert edited.recipe.source_image == drawn.sha256
    assert world.pictures.submissions == [request.id for request in world.pictures.requests.values()]


async def test_hard_edits_alone_go_there_where_the_host_wants_that(world: World) -> None:
    two(world, Purposes(ABILITIES.name, EDITOR.name, hard_edits_only=True))
    await world.say("a", "<image> a red fox in the snow </image>")
    await world.say("b", '<edit prev_id="1" change="small"> a blue fox in the snow </edit>')
    await world.say("c", '<edit prev_id="1" change="large"> a red fox on the moon </edit>')
    assert engine_of(await picture(world, 2)) == ABILITIES.name
    assert engine_of(await picture(world, 3)) == EDITOR.name


async def test_a_thread_has_the_engine_that_it_chose(world: World) -> None:
    two(world, Purposes(ABILITIES.name, choosable=(EDITOR.name,)))
    await world.store.choose(str(THREAD), {"engine": EDITOR.name})
    await world.say("a", "<image> a fox </image>")
    found = await picture(world, 1)
    assert engine_of(found) == EDITOR.name
    assert found.recipe is not None
    assert "editor is what this thread has chosen." in found.recipe.notes


async def test_the_model_is_told_what_the_engines_of_the_thread_can_do(world: World) -> None:
    asked: list[LanguageRequest] = []

    def answer(request: LanguageRequest) -> str:
        asked.append(request)
        return "Well."

    world.model._answer = answer
    await world.say("a")
    two(world, Purposes(ABILITIES.name, EDITOR.name))
    await world.say("b")
    assert asked[0].skills < asked[1].skills
    two(world, Purposes(EDITOR.name, choosable=(ABILITIES.name,)))
    await world.store.choose(str(THREAD), {"engine": ABILITIES.name})
    await world.say("c")
    assert asked[2].skills == asked[0].skills


SPILLS = Purposes(ABILITIES.name, overflow=EDITOR.name, overflow_after_s=10)


async def test_a_long_queue_spills_over_until_the_money_is_used_up(world: World) -> None:
    world.tune("1 USD a day in all", engine_prices={EDITOR.name: 0.4})
    two(world, SPILLS, wait_s=60)
    for at in range(4):
        await world.say(f"a{at}", "<image> a fox </image>")
    found = [await picture(world, number) for number in (1, 2, 3, 4)]
    assert [engine_of(one) for one in found] == [EDITOR.name, EDITOR.name, ABILITIES.name, ABILITIES.name]
    assert [one.metrics.get("cost") for one in found] == [0.4, 0.4, None, None]
    assert found[2].recipe is not None
    assert any("is used up, so it waits" in note for note in found[2].recipe.notes)


async def test_an_overflow_never_takes_a_part_of_what_was_asked_for(world: World) -> None:
    world.tune("1 USD a day in all", engine_prices={EDITOR.name: 0.4})
    two(world, SPILLS, wait_s=60)
    await world.say("a", '<image count="3"> a fox </image>')
    assert {engine_of(await picture(world, number)) for number in (1, 2, 3)} == {ABILITIES.name}


async def test_a_picture_of_an_overflow_is_drawn_again_at_home(world: World) -> None:
    two(world, SPILLS, wait_s=60)
    await world.say("a", "<image> a fox </image>")
    two(world, SPILLS)
    for action in (Action.REDO, Action.VARY, Action.REFINE):
        await world.desk.press(press(action, 1))
        await world.desk.settle()
    assert [engine_of(await picture(world, number)) for number in (1, 2, 3, 4)] == [EDITOR.name] + 3 * [ABILITIES.name]


async def test_a_picture_of_an_engine_that_is_gone_is_drawn_anew_and_says_so(world: World) -> None:
    two(world, Purposes(EDITOR.name))
    await world.say("a", "<image> a fox </image>")
    world.pictures.hand = None
    await world.desk.press(press(Action.REDO, 1))
    await world.desk.settle()
    found = await picture(world, 2)
    assert found.recipe is not None
    assert found.recipe.engine == ABILITIES.name
    assert found.recipe.notes[-1].startswith("editor drew it before and is not here (any more), so")
    assert found.description == "a fox"


@pytest.mark.parametrize(
    ("choosable", "told"), [((EDITOR.name,), "An engine to choose here is editor or"), ((), "nothing to choose")]
)
async def test_settings_takes_the_engines_that_the_host_allows(
    world: World, choosable: tuple[str, ...], told: str
) -> None:
    two(world, Purposes(ABILITIES.name, EDITOR.name, choosable=choosable))
    assert told in await give(world, "settings", engine="sdxl")
    now = await give(world, "settings")
    assert f"engine: default ({ABILITIES.name}; changes by editor)" in now
    if choosable:
        assert "From now on" in await give(world, "settings", engine="editor")
        assert "engine: editor" in await give(world, "settings")


def test_forms_show_the_engines_to_choose_from_and_none_where_there_is_no_choice() -> None:
    def shown(*choosable: str) -> list[tuple[str, ...]]:
        at_hand = replace(alone(ABILITIES), purposes=Purposes(ABILITIES.name, choosable=choosable))
        (settings,) = (spec for spec in commands_here(at_hand) if spec.name == "settings")
        return [option.choices for option in settings.options if option.name == "engine"]

    assert shown() == []
    assert shown("mini", "openai") == [("mini", "openai", "default")]
