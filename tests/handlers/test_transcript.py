"""A session as the language model is told it, over a long talk of several people."""

from __future__ import annotations

import itertools
from dataclasses import replace

from handlers.model import Person
from prompts.profiles import profile_for
from prompts.system import ChatMessage, render_messages
from tests.fakes import ANNA, message
from tests.handlers.conftest import World

BO = Person("u2", "Bo")


def prompts(world: World) -> list[list[ChatMessage]]:
    return [render_messages(request, profile_for("gpt-4o"), 8000) for request in world.model.requests]


async def test_a_long_talk_repeats_its_prompt_for_several_turns(world: World) -> None:
    for turn in range(30):
        script = f"Here <image> wish {turn} </image>" if turn % 3 == 0 else f"Answer {turn}."
        await world.say(f"wish {turn}", script, person=(ANNA, BO)[turn % 2])
    told = prompts(world)
    same = [a[:-1] == b[: len(a) - 1] for a, b in itertools.pairwise(told)]
    moves = [at for at, kept in enumerate(same) if not kept]
    assert len(moves) <= 6
    assert all(b - a >= 4 for a, b in itertools.pairwise(moves))
    assert told[-1][-1]["content"].endswith('<msg from="Bo">wish 29</msg>')
    assert "The next new picture is number 11." in told[-1][-1]["content"]
    assert '<msg from="Anna">wish 28</msg>' in [line["content"] for line in told[-1]]


async def test_what_a_message_is_about_is_told_in_its_mark(world: World) -> None:
    await world.say("a kite", "Here <image> a kite </image>")
    world.model.scripts.append("Blue.")
    await world.desk.receive(replace(message("(about picture 7) make it blue"), replies_to=1))
    asked = prompts(world)[-1][-1]["content"]
    assert asked.endswith('<msg from="Anna" about="1">(about picture 7) make it blue</msg>')
    assert world.model.requests[-1].user.text == "(about picture 1) (about picture 7) make it blue"
