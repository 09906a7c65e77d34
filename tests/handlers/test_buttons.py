"""Buttons do what words do."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace

import pytest
from PIL import Image

from handlers.model import Action, Person, Press, SlotState
from handlers.presentation import offered
from imaging.model import Operation
from tests.fakes import ANNA, BEN, MODERATOR, THREAD, message, pictures
from tests.handlers.conftest import World


def press(action: Action, picture: int | None = 1, person: Person = ANNA, event: str = "", **more: str) -> Press:
    return Press(event or f"p-{action}-{picture}", THREAD, person, action, picture, **more)


@pytest.fixture
async def fox(world: World) -> World:
    """A thread with picture 1, a red fox, and picture 2, an edit of it."""
    await world.say("a fox", "<image> a red fox </image>")
    await world.say("blue", '<edit prev_id="1" change="small"> a blue fox </edit>')
    return world


async def test_select_and_undo_move_along_the_tree(fox: World) -> None:
    answer = await fox.desk.press(press(Action.UNDO, 2))
    assert "Back to picture 1" in answer.text
    assert (await fox.store.session(THREAD)).current == 1
    await fox.desk.press(press(Action.SELECT, 2))
    assert (await fox.store.session(THREAD)).current == 2
    assert "beginning" in (await fox.desk.press(press(Action.UNDO, 1))).text


@pytest.mark.parametrize(
    ("action", "operation", "parents"),
    [
        (Action.VARY, Operation.VARIATION, (2,)),
        (Action.EDIT, Operation.EDIT, (2,)),
        (Action.REFINE, Operation.REFINE, (2,)),
        (Action.REDO, Operation.EDIT, (1,)),
    ],
)
async def test_work_is_a_new_reply_with_the_next_number(
    fox: World, action: Action, operation: Operation, parents: tuple[int, ...]
) -> None:
    asked = len(fox.model.requests)
    answer = await fox.desk.press(press(action, 2, text="a green fox", change="small"))
    assert "Picture 3" in answer.text
    await fox.desk.settle()
    (part,) = pictures(fox.chat.last)
    assert (part.number, part.operation, part.parents, part.state) == (3, operation, parents, SlotState.READY)
    assert len(fox.model.requests) == asked
    seeds = [request.recipe.seed for request in fox.pictures.requests.values()]
    assert (seeds[2] == seeds[1]) is (action in (Action.EDIT, Action.REFINE))
    await fox.say("thanks", "You are welcome.")
    assert "3" in fox.model.requests[-1].history[-1].text


async def test_a_button_pressed_twice_by_redelivery_is_one_picture(fox: World) -> None:
    for _ in range(2):
        await fox.desk.press(press(Action.VARY, 1, event="same"))
        await fox.desk.settle()
    assert len(await fox.store.gallery(THREAD)) == 3


async def test_an_edit_without_words_is_refused(fox: World) -> None:
    assert "needs the description" in (await fox.desk.press(press(Action.EDIT, 1, text="  "))).text


async def test_the_recipe_is_for_the_asker(fox: World) -> None:
    answer = await fox.desk.press(press(Action.RECIPE, 2))
    assert answer.private
    assert "Seed: " in answer.text
    assert "Made from: picture 1" in answer.text


async def test_compare_shows_both(fox: World) -> None:
    answer = await fox.desk.press(press(Action.COMPARE, 2))
    (file,) = answer.files
    assert Image.open(io.BytesIO(file.data)).width > 96
    assert "a red fox" in file.alt


async def test_only_the_author_or_a_moderator_deletes(fox: World) -> None:
    assert "Anna" in (await fox.desk.press(press(Action.DELETE, 1, BEN))).text
    assert len(fox.files.names()) == 2
    await fox.desk.press(press(Action.DELETE, 1, MODERATOR))
    await fox.desk.press(press(Action.DELETE, 2))
    assert not fox.files.names()
    assert "was deleted" in (await fox.desk.press(press(Action.SELECT, 1))).text


async def test_cancel_is_for_ones_own_jobs_or_a_moderator(world: World) -> None:
    world.pictures.held = True
    world.model.scripts.append("<image> a fox </image><image> a cat </image>")
    answering = asyncio.create_task(world.desk.receive(message("two")))
    await world.pictures.submitted(2)
    slots = list(world.pictures.requests)
    refused = await world.desk.press(press(Action.CANCEL, None, BEN, slot=slots[0]))
    assert "Anna" in refused.text
    assert not world.pictures.cancelled
    await world.desk.press(press(Action.CANCEL, None, MODERATOR, slot=slots[0]))
    await world.desk.press(press(Action.CANCEL, 2))
    await answering
    assert [part.state for part in pictures(world.chat.last)] == [SlotState.CANCELLED] * 2
    assert pictures(world.chat.last)[0].sentence == "Cancelled by Mo."
    assert "nothing under way" in (await world.desk.press(press(Action.CANCEL, 1))).text


async def test_the_stop_button_stops(world: World) -> None:
    world.pictures.held = True
    world.model.scripts.append(["<image> a fox </image>", asyncio.Event()])
    answering = asyncio.create_task(world.desk.receive(message("two")))
    await world.pictures.submitted(1)
    assert (await world.desk.press(press(Action.STOP, None))).text == "Stopped."
    await answering
    assert "nothing under way" in (await world.desk.press(press(Action.STOP, None))).text


async def test_a_picked_picture_comes_with_what_can_be_done_with_it_now(fox: World) -> None:
    answer = await fox.desk.press(press(Action.PICK, 2))
    assert answer.private
    assert answer.text == "Picture 2: a blue fox"
    part = answer.picture
    assert part is not None
    assert (part.number, part.parents, part.state) == (2, (1,), SlotState.READY)
    assert part.sha256 == pictures(fox.chat.last)[0].sha256
    assert {Action.UNDO, Action.REFINE} <= {offer.action for offer in offered(part)}
    fox.pictures.abilities = replace(fox.pictures.abilities, refine_scale=1.0001)
    answer = await fox.desk.press(press(Action.PICK, 2, event="again"))
    assert answer.picture is not None
    assert Action.REFINE not in {offer.action for offer in offered(answer.picture)}
    await fox.desk.press(press(Action.DELETE, 2))
    assert (await fox.desk.press(press(Action.PICK, 2, event="gone"))).text == "Picture 2 was deleted."


# Four at once


async def varied(fox: World, event: str = "v") -> tuple[str, list[int]]:
    """Press for four variations of picture 1; what is told, and the numbers that came of it."""
    before = len(await fox.store.gallery(THREAD))
    answer = await fox.desk.press(press(Action.VARIATIONS, 1, event=event))
    await fox.desk.settle()
    return answer.text, [picture.number for picture in (await fox.store.gallery(THREAD))[before:]]


async def test_one_press_makes_four_that_differ(fox: World) -> None:
    fox.tune("3 messages a day per person")  # two were said
    told, numbers = await varied(fox)
    first = numbers[0]
    assert told == f"Pictures {first}, {first + 1}, {first + 2} and {first + 3} are on their way."
    pictures = [await fox.store.picture(THREAD, number) for number in numbers]
    assert len({picture.recipe.seed for picture in pictures if picture and picture.recipe}) == 4
    assert {(picture.operation, picture.parents, picture.turn) for picture in pictures if picture} == {
        (Operation.VARIATION, (1,), pictures[0].turn if pictures[0] else "")
    }
    turn = (await fox.store.turns(THREAD))[-1]
    assert 'count="4"' in turn.text
    told, numbers = await varied(fox, "once more")
    assert numbers == []
    assert "used your 3 messages" in told


@pytest.mark.parametrize(("room", "made"), [(5, 4), (4, 4), (2, 2), (1, 1)])
async def test_as_many_as_are_left_are_made_and_told(fox: World, room: int, made: int) -> None:
    have = len(await fox.store.gallery(THREAD))
    fox.tune(f"{have + room} pictures a day per person")
    told, numbers = await varied(fox)
    assert len(numbers) == made
    assert (f"That is {made} of 4: your quota has no room for more now" in told) is (made < 4)
    assert ("on its way" in told) is (made == 1)


async def test_none_are_made_where_none_is_left(fox: World) -> None:
    fox.tune(f"{len(await fox.store.gallery(THREAD))} pictures a day per person")
    told, numbers = await varied(fox)
    assert numbers == []
    assert "there are new ones" in told
    assert (await fox.store.turns(THREAD))[-1].text.count("variation") == 0
