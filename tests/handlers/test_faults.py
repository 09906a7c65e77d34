"""What goes wrong around an answer: the queue, the disk, the chat, other people."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from handlers.errors import LanguageModelError, StoreError
from handlers.model import Action, NoticePart, Press, SlotState, ThreadKey, TurnState
from imaging.errors import ImagingError
from imaging.model import Cancelled, Failed, JobEvent, Queued
from tests.fakes import ANNA, BEN, THREAD, message, pictures, words
from tests.handlers.conftest import World
from tests.waiting import until


async def test_many_threads_and_people_at_once_all_get_their_own_answer(world: World) -> None:
    world.model._answer = lambda request: f"For {request.user.text}: <image> {request.user.text} </image>"
    threads = [ThreadKey("web", "-", "home", f"t{at}") for at in range(40)]
    deliveries = [message(f"idea {at} {turn}", thread=thread) for at, thread in enumerate(threads) for turn in range(3)]
    await asyncio.gather(*(world.desk.receive(one) for one in deliveries for _ in range(2)))
    assert len(world.chat.posts) == len(world.chat.finishes) == 120
    for thread in threads:
        turns = await world.store.turns(thread)
        assert [turn.state for turn in turns] == [TurnState.DONE] * 6
        assert sorted(picture.number for picture in await world.store.gallery(thread)) == [1, 2, 3]
    assert world.desk.busy == 0
    assert world.desk._answering.lines == 0


async def test_a_database_that_locks_while_the_answer_is_written(world: World) -> None:
    other = sqlite3.connect(world.home / "easel.db", isolation_level=None)
    go_on = asyncio.Event()
    world.model.scripts.append(["Here ", go_on, "<image> a fox </image> and that is it."])
    answering = asyncio.create_task(world.desk.receive(message("a fox", "e1")))
    await world.chat.until(world.chat.shows("Here"))
    try:
        other.execute("BEGIN EXCLUSIVE")
        go_on.set()
        await answering
    finally:
        other.close()
    assert "locked" in words(world.chat.last)
    assert words(world.chat.last).startswith("Here ")
    assert not world.pictures.requests
    assert len(world.chat.finishes) == 1
    await world.restart()
    world.model.scripts.append("Here you are.")
    await world.desk.resume(world.chat)
    assert not await world.store.open_turns()
    assert len(world.chat.posts) == 1


async def test_an_answer_whose_end_cannot_be_stored_is_closed_when_it_can_be(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.answering.CLOSE_AGAIN_S", 0.01)
    other = sqlite3.connect(world.home / "easel.db", isolation_level=None)
    go_on = asyncio.Event()
    world.model.scripts.append(["Here ", go_on, "you are."])
    answering = asyncio.create_task(world.desk.receive(message("hello", "e1")))
    await world.chat.until(world.chat.shows("Here"))
    other.execute("BEGIN EXCLUSIVE")
    go_on.set()
    await answering
    other.execute("ROLLBACK")
    await world.desk.receive(message("hello", "e1"))  # delivered again: dropped, closed or not
    still_open = "SELECT count(*) FROM turns WHERE state = 'open'"
    await until(lambda: other.execute(still_open).fetchone()[0] == 0)
    other.close()
    assert len(world.chat.finishes) == 1
    assert len(world.model.requests) == 1


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (None, "Something went wrong while this picture was made"),
        (RuntimeError("boom"), "Something went wrong while this picture was made"),
        (ImagingError("The engine is gone."), "The engine is gone."),
    ],
)
async def test_a_queue_that_breaks_is_a_sentence(world: World, error: Exception | None, sentence: str) -> None:
    async def events(id: str) -> AsyncIterator[JobEvent]:
        yield Queued(0)
        if error is not None:
            raise error

    world.pictures.events = events  # type: ignore[method-assign]
    reply = await world.say("a", "<image> a fox </image> Done.")
    assert pictures(reply)[0].state is SlotState.FAILED
    assert sentence in words(reply)
    assert words(reply).endswith("Done.")


async def test_a_job_that_waits_for_its_parent_can_be_cancelled(world: World) -> None:
    world.pictures.held = True
    world.model.scripts.append(
        '<image id="1"> a cat </image><edit id="2" prev_id="1" change="large"> a cat in a castle at night </edit>'
    )
    answering = asyncio.create_task(world.desk.receive(message("two")))
    await world.pictures.submitted(1)
    await world.chat.until(lambda: len(pictures(world.chat.opened[0].snapshots[-1])) == 2)
    assert "Picture 2 is cancelled" in (await world.desk.press(Press("p1", THREAD, ANNA, Action.CANCEL, 2))).text
    await world.pictures.complete_all()
    await answering
    first, second = pictures(world.chat.last)
    assert (first.state, second.state) == (SlotState.READY, SlotState.CANCELLED)
    assert len(world.pictures.requests) == 1


async def test_a_failed_repair_call_leaves_the_sentence(world: World) -> None:
    reply = await world.say("x", 'A <select ref="9"/> B', [LanguageModelError("It is down.")])
    notices = [part.sentence for part in reply.parts if isinstance(part, NoticePart)]
    assert len(notices) == 1
    assert "9" in notices[0]


async def test_what_became_of_a_failed_picture_is_told_to_the_model(world: World) -> None:
    world.pictures.fail_words["cat"] = "The engine is out of memory."
    await world.say("a", "Here: <image> a cat </image>")
    await world.say("b", "Hm.")
    assert world.model.requests[-1].history[-1].text == "Here: (no picture: The engine is out of memory.)"
    assert not world.model.requests[-1].pictures


async def test_a_message_that_answers_a_picture_means_that_picture(world: World) -> None:
    await world.say("two", "<image> a fox </image><image> a cat </image>")
    world.model.scripts.append("<edit> a blue fox </edit>")
    await world.desk.receive(replace(message("make it blue"), replies_to=1))
    assert pictures(world.chat.last)[0].parents == (1,)
    assert "picture 1" in world.model.requests[-1].user.text


async def test_outcomes_of_the_queue_have_their_sentences(world: World) -> None:
    world.pictures.held = True
    world.model.scripts.append("<image> a fox </image><image> a cat </image>")
    answering = asyncio.create_task(world.desk.receive(message("two")))
    await world.pictures.submitted(2)
    first, second = world.pictures.requests
    await world.pictures.complete(first, Failed("It failed twice; try other words."))
    await world.pictures.complete(second, Cancelled("Mo"))
    await answering
    assert [part.sentence for part in pictures(world.chat.last)] == [
        "It failed twice; try other words.",
        "Cancelled by Mo.",
    ]


async def test_a_quota_holds_for_turns_at_the_same_time(world: World) -> None:
    world.tune("3 pictures a day per person")
    world.model._answer = lambda request: '<image count="2"> a fox </image>'
    threads = [ThreadKey("web", "-", "home", f"t{at}") for at in range(4)]
    await asyncio.gather(*(world.desk.receive(message("a fox", thread=thread)) for thread in threads))
    made = [len(await world.store.gallery(thread)) for thread in threads]
    assert sum(made) == 2
    await asyncio.gather(*(world.desk.receive(message("b", thread=thread, person=BEN)) for thread in threads))
    assert sum([len(await world.store.gallery(thread)) for thread in threads]) == 4


async def test_what_ends_a_task_in_the_background_is_in_the_log(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("handlers.answering.CLOSE_AGAIN_S", 0.01)
    failures: list[Exception] = [StoreError("locked"), OSError("the disk is gone")]

    async def fails(*_: object) -> None:
        raise failures.pop(0)

    monkeypatch.setattr(world.store, "finish_turn", fails)
    await world.say("hello", "Hello.")
    await until(lambda: "failed" in caplog.text)
    (record,) = [record for record in caplog.records if record.exc_info]
    assert record.getMessage().startswith("close ")
    assert "the disk is gone" in caplog.text
