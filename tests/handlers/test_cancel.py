"""Ending what is under way: one's own, and for moderators all of a thread, a person or everything."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from handlers.model import CommandCall, Person, SlotState, ThreadKey
from tests.fakes import ANNA, BEN, MODERATOR, THREAD, message, pictures, words
from tests.handlers.conftest import World

OTHER = replace(THREAD, thread="t2")
ELSEWHERE = replace(THREAD, tenant="other", thread="t3")


async def cancel(world: World, by: Person, /, **arguments: str | int) -> str:
    call = CommandCall(f"c-{by.id}-{arguments}", THREAD, by, "cancel", dict(arguments))
    return (await world.desk.command(call)).text


async def busy(world: World, *places: tuple[Person, ThreadKey]) -> list[asyncio.Task[None]]:
    """Everybody waits for a picture."""
    world.pictures.held = True
    world.model._answer = lambda request: "Here <image> a fox </image>"
    started = [
        asyncio.create_task(world.desk.receive(message(f"m{at}", person=person, thread=thread)))
        for at, (person, thread) in enumerate(places)
    ]
    await world.pictures.submitted(len({thread for _, thread in places}))
    return started


async def test_a_moderator_ends_all_of_a_thread_and_other_threads_go_on(world: World) -> None:
    answers = await busy(world, (ANNA, THREAD), (BEN, THREAD), (BEN, OTHER))
    assert await cancel(world, MODERATOR, scope="thread") == "Cancelled: 2 answers."
    await asyncio.gather(*answers[:2])
    told = [words(reply) for reply in world.chat.replies]
    assert all("Stopped by Mo." in text or "Cancelled by Mo." in text for text in told)
    assert len(world.model.requests) == 2  # the one that still waited for its turn never asked
    await world.pictures.complete_all()
    await answers[2]
    assert pictures(world.chat.last)[0].state is SlotState.READY


async def test_a_moderator_ends_all_of_a_person_in_every_thread_of_the_server(world: World) -> None:
    answers = await busy(world, (BEN, THREAD), (ANNA, OTHER), (BEN, ELSEWHERE))
    assert await cancel(world, MODERATOR, person=BEN.id, scope="everywhere") == "Cancelled: 1 answer."
    await answers[0]
    assert world.pictures.cancelled[0][1] == "Mo"
    assert await cancel(world, MODERATOR, person=BEN.id, scope="everywhere") == "Nothing is under way here."
    await world.pictures.complete_all()
    await asyncio.gather(*answers)


async def test_a_moderator_ends_everything_of_the_server(world: World) -> None:
    answers = await busy(world, (BEN, THREAD), (ANNA, OTHER), (BEN, ELSEWHERE))
    beside = CommandCall("c", THREAD, MODERATOR, "cancel", {"scope": "everywhere"}, in_thread=False)
    assert (await world.desk.command(beside)).text == "Cancelled: 2 answers."
    await asyncio.gather(*answers[:2])
    assert not answers[2].done()
    await world.pictures.complete_all()
    await answers[2]


async def test_others_end_their_own_everywhere_and_nobody_elses(world: World) -> None:
    answers = await busy(world, (ANNA, THREAD), (ANNA, OTHER), (BEN, replace(THREAD, thread="t4")))
    assert "they or a moderator" in await cancel(world, BEN, scope="thread")
    assert "they or a moderator" in await cancel(world, ANNA, person=BEN.id, scope="everywhere")
    assert await cancel(world, ANNA, scope="everywhere") == "Cancelled: 2 answers."
    await asyncio.gather(*answers[:2])
    await world.pictures.complete_all()
    await answers[2]
    assert pictures(world.chat.last)[0].state is SlotState.READY


async def test_stop_ends_ones_messages_that_still_wait_too(world: World) -> None:
    answers = await busy(world, (ANNA, THREAD), (ANNA, THREAD), (BEN, THREAD))
    await world.desk.receive(message("stop"))
    await asyncio.gather(*answers[:2])
    first, second = map(words, world.chat.replies[:2])
    assert "Cancelled by Anna." in first
    assert "Stopped by Anna." in second
    await world.pictures.submitted(2)
    await world.pictures.complete_all()
    await answers[2]
    assert len(world.model.requests) == 2


async def test_what_a_restart_took_up_can_be_ended_before_its_turn(world: World) -> None:
    answers = await busy(world, (ANNA, THREAD))
    answers[0].cancel()
    await asyncio.gather(*answers, return_exceptions=True)
    await world.restart()
    resuming = asyncio.create_task(world.desk.resume(world.chat))
    await world.chat.until(lambda: bool(world.chat.opened))
    assert await cancel(world, ANNA, scope="thread") == "Cancelled: 1 answer."
    await resuming
    assert pictures(world.chat.last)[0].state is SlotState.CANCELLED
    assert not await world.store.open_turns()
    assert len(world.pictures.cancelled) == 1
