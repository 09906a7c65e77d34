"""One message from arrival to posted pictures."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from handlers.errors import LanguageModelError
from handlers.model import NoticePart, SelectPart, SlotState, TextPart, ThreadKey, TurnState
from imaging.errors import QueueFull
from imaging.model import Done, Operation
from tests.fakes import ANNA, BEN, THREAD, message, pictures, rendered, words
from tests.handlers.conftest import World

FOX = 'A fox: <image id="1"> a red fox in the snow </image> There.'


async def test_a_plain_question_gets_a_plain_answer(world: World) -> None:
    reply = await world.say("what did Rothko mean?", "He meant drama.")
    assert reply.final
    assert words(reply) == "He meant drama."
    assert not pictures(reply)


async def test_text_and_pictures_stand_where_their_tags_stood(world: World) -> None:
    reply = await world.say("a fox", FOX)
    assert [type(part).__name__ for part in reply.parts] == ["TextPart", "PicturePart", "TextPart"]
    (part,) = pictures(reply)
    assert (part.number, part.state, part.description) == (1, SlotState.READY, "a red fox in the snow")
    assert part.sha256 in world.files.names()
    stored = await world.store.picture(THREAD, 1)
    assert stored is not None
    assert stored.recipe is not None
    assert stored.recipe.prompt.startswith("a red fox in the snow")


async def test_nobody_ever_sees_a_tag(world: World) -> None:
    await world.say("a fox", FOX)
    for snapshot in world.chat.opened[-1].snapshots:
        assert "<" not in words(snapshot)


async def test_a_directive_is_submitted_while_the_model_still_writes(world: World) -> None:
    go_on = asyncio.Event()
    world.model.scripts.append(["Look <image> a fox </image>", go_on, " done."])
    world.pictures.held = True
    answering = asyncio.create_task(world.desk.receive(message("a fox")))
    await world.pictures.submitted(1)
    assert not answering.done()
    go_on.set()
    await world.chat.until(world.chat.shows("done."))
    await world.pictures.complete_all()
    await answering
    assert pictures(world.chat.last)[0].state is SlotState.READY


async def test_progress_and_preview_are_shown(world: World) -> None:
    world.pictures.held = True
    world.model.scripts.append(FOX)
    answering = asyncio.create_task(world.desk.receive(message("a fox")))
    await world.chat.until(
        lambda: any(part.preview for post in world.chat.opened for part in pictures(post.snapshots[-1]))
    )
    await world.pictures.complete_all()
    await answering
    states = [part.state for shot in world.chat.opened[-1].snapshots for part in pictures(shot)]
    assert [state for at, state in enumerate(states) if at == 0 or states[at - 1] != state] == [
        SlotState.WAITING,
        SlotState.RENDERING,
        SlotState.READY,
    ]
    assert pictures(world.chat.last)[0].preview is None


async def test_the_stored_turn_has_true_numbers_and_the_next_prompt_tells_them(world: World) -> None:
    await world.say("a fox", FOX)
    await world.say("another", 'More <image id="1"> a blue fox </image>')
    await world.say("hello", "Hi.")
    request = world.model.requests[-1]
    assert [line.number for line in request.pictures] == [1, 2]
    assert [line.current for line in request.pictures] == [False, True]
    assert [line.latest_batch for line in request.pictures] == [False, True]
    told = [said.text for said in request.history]
    assert "a blue fox" in told[3]
    assert 'id="2"' in told[3]
    assert request.next_number == 3


async def test_later_directives_refer_to_ids_as_the_model_wrote_them(world: World) -> None:
    await world.say("a fox", FOX)
    reply = await world.say(
        "two", '<image id="7"> a cat </image> and <edit id="8" prev_id="7" change="small"> a blue cat </edit>'
    )
    first, second = pictures(reply)
    assert (first.number, second.number, second.parents) == (2, 3, (2,))
    stored = await world.store.picture(THREAD, 3)
    assert stored is not None
    assert stored.recipe is not None
    parent = await world.store.picture(THREAD, 2)
    assert parent is not None
    assert stored.recipe.seed == parent.recipe.seed if parent.recipe else False


async def test_an_edit_that_looks_at_pixels_waits_for_a_parent_of_the_same_reply(world: World) -> None:
    world.pictures.held = True
    world.model.scripts.append(
        '<image id="1"> a cat </image><edit id="2" prev_id="1" change="large"> a cat in a castle at night </edit>'
    )
    answering = asyncio.create_task(world.desk.receive(message("two")))
    await world.pictures.submitted(1)
    (first,) = world.pictures.requests
    await world.pictures.complete(first)
    await world.pictures.submitted(2)
    await world.pictures.complete_all()
    await answering
    parent, child = pictures(world.chat.last)
    stored = await world.store.picture(THREAD, 2)
    assert child.state is SlotState.READY
    assert stored is not None
    assert stored.recipe is not None
    assert stored.recipe.source_image == parent.sha256


async def test_what_waits_for_a_failed_parent_fails_with_a_sentence(world: World) -> None:
    world.pictures.fail_words["cat"] = "The engine is out of memory."
    reply = await world.say(
        "two", '<image id="1"> a cat </image><edit id="2" prev_id="1" change="large"> a dog in a castle </edit>Bye.'
    )
    first, second = pictures(reply)
    assert (first.state, first.sentence) == (SlotState.FAILED, "The engine is out of memory.")
    assert second.state in (SlotState.FAILED, SlotState.READY)
    assert words(reply).endswith("Bye.")


async def test_an_edit_without_a_parent_takes_the_current_picture(world: World) -> None:
    await world.say("two", "<image> a fox </image><image> a cat </image>")
    reply = await world.say("the first", '<select ref="1"/>')
    assert SelectPart(1, "a fox") in reply.parts
    reply = await world.say("make it blue", "<edit> a blue fox </edit>")
    assert pictures(reply)[0].parents == (1,)
    assert (await world.store.session(THREAD)).current == 3


async def test_an_edit_in_an_empty_thread_is_a_new_picture(world: World) -> None:
    reply = await world.say("make it blue", '<edit prev_id="1"> a blue fox </edit>', "<image> a blue fox </image>")
    assert [part.operation for part in pictures(reply)] == [Operation.IMAGE]


async def test_a_broken_directive_is_repaired_at_its_place(world: World) -> None:
    await world.say("a fox", FOX)
    reply = await world.say(
        "edit", 'Here <edit prev_id="9"> a cat </edit> and more.', '<edit prev_id="1"> a cat </edit>'
    )
    assert [type(part).__name__ for part in reply.parts] == ["TextPart", "PicturePart", "TextPart"]
    repair = world.model.requests[-1].repair
    assert repair is not None
    assert "9" in repair.problems[0]
    assert 'prev_id="9"' in repair.reply


async def test_a_repair_that_fails_leaves_a_sentence_and_the_rest_happens(world: World) -> None:
    reply = await world.say(
        "edit", 'A <select ref="9"/> B <image> a cat </image> C', LanguageModelError("It is down.").args
    )
    kinds = [type(part) for part in reply.parts]
    assert NoticePart in kinds
    assert pictures(reply)[0].state is SlotState.READY
    assert "9" in words(reply)
    assert len(world.model.requests) == 2


async def test_more_pictures_than_the_limit_are_left_out_and_told(world: World) -> None:
    reply = await world.say("six", '<image count="3"> a fox </image><image count="3"> a cat </image>')
    assert [part.number for part in pictures(reply)] == [1, 2, 3, 4]
    assert "2 pictures were left out" in words(reply)


async def test_count_makes_several_slots_with_different_seeds(world: World) -> None:
    await world.say("three", '<image count="3"> a fox </image>')
    seeds = {request.recipe.seed for request in world.pictures.requests.values()}
    assert len(seeds) == 3


async def test_the_model_failing_in_the_middle_keeps_what_came(world: World) -> None:
    reply = await world.say(
        "a fox",
        ["Here <image> a fox </image> and <image> half a c", LanguageModelError("The connection broke.")],
    )
    assert words(reply).startswith("Here ")
    assert words(reply).endswith("The connection broke.")
    assert [part.description for part in pictures(reply)] == ["a fox"]


@pytest.mark.parametrize("script", ["", "   \n"])
async def test_an_empty_answer_is_told(world: World, script: str) -> None:
    reply = await world.say("hello", script)
    assert "no answer" in words(reply)


async def test_an_endless_answer_is_cut(world: World) -> None:
    world.tune(reply_chars=500)
    reply = await world.say("hello", ["la " * 50] * 1000)
    assert "was cut here" in words(reply)
    assert len(words(reply)) < 1000
    assert world.model.closed == 1


async def test_a_full_queue_is_told_at_the_place(world: World) -> None:
    world.pictures.refuse = QueueFull("The queue is full; try again in a minute.")
    reply = await world.say("a fox", FOX)
    assert pictures(reply)[0].sentence == "The queue is full; try again in a minute."
    assert words(reply).endswith("There.")


async def test_a_redelivered_message_is_answered_once(world: World) -> None:
    await world.say("a fox", FOX, event="same")
    await world.say("a fox", event="same")
    both = [world.desk.receive(message("hi", "twice")) for _ in range(2)]
    world.model.scripts.append("Hello.")
    await asyncio.gather(*both)
    assert len(world.chat.finishes) == 2
    assert len(world.model.requests) == 2


async def test_two_messages_at_once_are_answered_in_order(world: World) -> None:
    go_on = asyncio.Event()
    world.model.scripts += [["One ", go_on, "<image> a fox </image>"], "Two."]
    first = asyncio.create_task(world.desk.receive(message("first")))
    await world.chat.until(world.chat.shows("One"))
    second = asyncio.create_task(world.desk.receive(message("second", person=BEN)))
    await world.chat.until(lambda: len(world.chat.opened) == 2)
    assert len(world.model.requests) == 1
    go_on.set()
    await asyncio.gather(first, second)
    told = world.model.requests[1]
    assert [said.role for said in told.history] == ["user", "assistant"]
    assert "fox" in told.history[1].text
    assert [words(reply) for reply in world.chat.replies] == ["One  ", "Two."]


async def test_other_threads_do_not_wait(world: World) -> None:
    never = asyncio.Event()
    world.model.scripts += [["One", never], "Two."]
    first = asyncio.create_task(world.desk.receive(message("first")))
    await world.chat.until(world.chat.shows("One"))
    other = ThreadKey("web", "-", "home", "t2")
    await world.desk.receive(message("second", thread=other))
    assert world.chat.last.thread == other
    never.set()
    await first


async def test_stop_ends_the_answer_and_its_jobs(world: World) -> None:
    world.pictures.held = True
    world.model.scripts.append(["Here <image> a fox </image> and", asyncio.Event(), "never"])
    answering = asyncio.create_task(world.desk.receive(message("a fox")))
    await world.pictures.submitted(1)
    await world.chat.until(world.chat.shows("and"))
    await world.desk.receive(message("stop", person=BEN))
    assert world.chat.told == [(BEN.id, "This answer is for Anna; they or a moderator can stop it.")]
    await world.desk.receive(message("Stop", event="stop-2"))
    await answering
    assert pictures(world.chat.last)[0].state is SlotState.CANCELLED
    assert words(world.chat.last).endswith("Stopped by Anna.")
    assert len(world.pictures.cancelled) == 1
    turns = await world.store.turns(THREAD)
    assert [turn.state for turn in turns] == [TurnState.DONE, TurnState.STOPPED]


async def test_stop_with_nothing_under_way_is_an_ordinary_message(world: World) -> None:
    assert words(await world.say("stop", "Stop what?")) == "Stop what?"


async def test_a_thread_that_is_gone_closes_the_turn_and_the_person_is_told(world: World) -> None:
    world.chat.gone = True
    world.model.scripts.append("Hello.")
    await world.desk.receive(message("hi"))
    assert not await world.store.open_turns()
    [(person, sentence)] = world.chat.told
    assert person == ANNA.id
    assert "could not post my answer (The thread was deleted)" in sentence


async def test_long_threads_keep_old_pictures_reachable(world: World) -> None:
    for turn in range(40):
        await world.say(f"fox {turn}", f"Here <image> fox number {turn} </image>")
    request = world.model.requests[-1]
    assert len(request.history) <= 24
    assert len(request.pictures) <= 25
    reply = await world.say("the very first", '<variation ref="1"/>')
    (part,) = pictures(reply)
    assert (part.number, part.parents, part.description) == (41, (1,), "fox number 0")
    await world.say("back", '<select ref="2"/>')
    await world.say("what now", "Well.")
    assert next(line.number for line in world.model.requests[-1].pictures if line.current) == 2


async def test_numbers_are_never_used_twice(world: World) -> None:
    world.pictures.fail_words["cat"] = "No."
    await world.say("a", "<image> a cat </image>")
    reply = await world.say("b", "<image> a fox </image>")
    assert pictures(reply)[0].number == 2
    await world.store.delete_picture(THREAD, 2)
    reply = await world.say("c", "<image> a fox </image>")
    assert pictures(reply)[0].number == 3
    assert ANNA.name == "Anna"
    assert isinstance(reply.parts[0], TextPart) is False


async def test_words_that_the_engine_left_out_are_told_beside_the_picture(world: World) -> None:
    world.pictures.held = True
    world.model.scripts.append("Here: <image> a fox </image>")
    receiving = asyncio.create_task(world.desk.receive(message("a fox", "e1")))
    await world.pictures.submitted(1)
    ((id, request),) = world.pictures.requests.items()
    noted = replace(request.recipe, notes=(*request.recipe.notes, "Left out at the end of the prompt: a lighthouse"))
    await world.pictures.complete(id, Done(rendered(noted)))
    await receiving
    assert "Picture 1: Left out at the end of the prompt: a lighthouse" in words(world.chat.last)


@pytest.mark.parametrize(("seeds", "kept"), [(False, True), (True, False)])
async def test_an_edit_keeps_the_parents_size_when_an_endpoint_has_changed_its_model(
    world: World, seeds: bool, kept: bool
) -> None:
    world.pictures.abilities = replace(world.pictures.abilities, seeds=seeds)
    world.pictures.held = True
    world.model.scripts.append('<image size="wide"> a fox </image>')
    first = asyncio.create_task(world.desk.receive(message("a fox", "e1")))
    await world.pictures.submitted(1)
    ((id, request),) = world.pictures.requests.items()
    await world.pictures.complete(id, Done(rendered(replace(request.recipe, model="the one before"))))
    await first
    world.model.scripts.append('<edit prev_id="1"> a red fox </edit>')
    second = asyncio.create_task(world.desk.receive(message("red", "e2")))
    await world.pictures.submitted(2)
    edit = list(world.pictures.requests.values())[1].recipe
    assert ((edit.width, edit.height) == (request.recipe.width, request.recipe.height)) is kept
    await world.pictures.complete_all()
    await second
