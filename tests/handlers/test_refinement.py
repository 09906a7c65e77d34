"""Writing descriptions out before they are drawn holds up no picture."""

from __future__ import annotations

from dataclasses import replace

import pytest

from handlers.errors import LanguageModelError
from handlers.refinement import Refine, Refinement
from imaging.model import Vocabulary
from tests.fakes import ABILITIES, THREAD, Script, ScriptedModel
from tests.handlers.conftest import World

LONG = "a red fox that sits in the deep snow of a winter forest"


@pytest.mark.parametrize(
    ("default", "chosen", "description", "expected"),
    [
        (Refine.OFF, None, "a fox", "a fox"),
        (Refine.AUTO, None, "a fox", "a fox, oil on canvas"),
        (Refine.AUTO, None, LONG, LONG),
        (Refine.OFF, "always", LONG, "a fox, oil on canvas"),
        (Refine.ALWAYS, "off", "a fox", "a fox"),
        (Refine.OFF, "nonsense", "a fox", "a fox"),
    ],
)
async def test_when_a_description_is_written_out(
    default: Refine, chosen: str | None, description: str, expected: str
) -> None:
    model = ScriptedModel("a fox,\n oil on  canvas")
    words, note = await Refinement(default).refine(model, description, chosen, ABILITIES)
    assert words == expected
    assert (note is not None) is (words != description)


@pytest.mark.parametrize("script", ["", "x" * 2000, "<image> y </image>", [LanguageModelError("It is down.")]])
async def test_a_model_that_fails_or_rambles_changes_nothing(script: Script) -> None:
    refinement = Refinement(Refine.ALWAYS)
    assert await refinement.refine(ScriptedModel(script), "a fox", None, ABILITIES) == ("a fox", None)


async def test_a_closed_world_needs_no_more_words() -> None:
    model = ScriptedModel("never asked")
    closed = replace(ABILITIES, vocabulary=Vocabulary((), (), (), {}))
    assert await Refinement(Refine.ALWAYS).refine(model, "a fox", None, closed) == ("a fox", None)
    assert not model.requests


async def test_the_recipe_says_what_was_done_and_people_keep_their_description(world: World) -> None:
    await world.store.choose(str(THREAD), {"refinement": "always"})
    await world.say("a fox", "<image> a fox </image>", "a fox, oil on canvas")
    stored = await world.store.picture(THREAD, 1)
    assert stored is not None
    assert stored.recipe is not None
    assert stored.description == "a fox"
    assert stored.recipe.prompt == "a fox, oil on canvas"
    assert "oil on canvas" in stored.recipe.notes[0]
