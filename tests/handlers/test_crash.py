"""A crash at any moment: every accepted message still gets exactly one answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest

from handlers.answering import DEADLY
from handlers.conversation import DEADLY_FILES
from handlers.desk import Desk
from handlers.errors import StoreError
from handlers.hands import Work
from handlers.model import Action, Attachment, CommandCall, Picture, Press, SlotState, ThreadKey, Turn, TurnState
from imaging.decoding.pool import Decoders
from imaging.model import CleanUpload
from tests.fakes import ANNA, THREAD, message, pictures, png, words
from tests.handlers.conftest import World
from tests.waiting import until

TWO = 'One <image id="1"> a fox </image> and two <image id="2"> a cat </image> done.'


async def crash(world: World, answering: asyncio.Task[None]) -> None:
    """The process goes away while it answers; the queue and the files stay."""
    answering.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await answering
    await world.restart()


async def test_a_crash_before_any_job_asks_the_model_again(world: World) -> None:
    world.model.scripts.append(["Thinking", asyncio.Event()])
    answering = asyncio.create_task(world.desk.receive(message("two", "e1")))
    await world.chat.until(world.chat.shows("Thinking"))
    await crash(world, answering)
    world.model.scripts.append(TWO)
    await world.desk.resume(world.chat)
    assert [part.number for part in pictures(world.chat.last)] == [1, 2]
    assert world.model.requests[-1].user.text == "two"
    assert not await world.store.open_turns()
    await world.desk.receive(message("two", "e1"))
    assert len(world.chat.finishes) == 1


async def test_a_crash_in_the_middle_of_the_words_goes_on_with_the_jobs(world: World) -> None:
    world.pictures.held = True
    world.model.scripts.append(["One <image> a fox </image> and", asyncio.Event()])
    answering = asyncio.create_task(world.desk.receive(message("two", "e1")))
    await world.pictures.submitted(1)
    await crash(world, answering)
    resuming = asyncio.create_task(world.desk.resume(world.chat))
    await world.chat.until(lambda: bool(world.chat.opened))
    await world.pictures.complete_all()
    await resuming
    (part,) = pictures(world.chat.last)
    assert part.state is SlotState.READY
    assert "its end was lost" in words(world.chat.last)
    assert len(world.pictures.requests) == 1
    assert len(world.model.requests) == 1


async def test_a_crash_while_pictures_render_posts_them_once(world: World) -> None:
    world.pictures.held = True
    world.model.scripts.append(TWO)
    answering = asyncio.create_task(world.desk.receive(message("two", "e1")))
    await world.pictures.submitted(2)
    await world.chat.until(world.chat.shows("done."))
    await world.pictures.complete(next(iter(world.pictures.requests)))
    await world.chat.until(lambda: pictures(world.chat.opened[0].snapshots[-1])[0].state is SlotState.READY)
    await crash(world, answering)
    redelivered = asyncio.create_task(world.desk.receive(message("two", "e1")))
    resuming = asyncio.create_task(world.desk.resume(world.chat))
    await world.chat.until(lambda: bool(world.chat.opened))
    await world.pictures.complete_all()
    await asyncio.gather(resuming, redelivered)
    assert [part.state for part in pictures(world.chat.last)] == [SlotState.READY] * 2
    assert words(world.chat.last).split() == ["One", "and", "two", "done."]
    assert len(world.chat.opened) == 1
    assert len(world.chat.finishes) == 1
    assert len(world.files.names()) == 2
    world.model.scripts.append("Hi.")
    await world.desk.receive(message("hello"))
    assert 'id="2"' in world.model.requests[-1].history[-1].text


async def test_a_message_that_waits_behind_another_survives_too(world: World) -> None:
    world.model.scripts.append(["One", asyncio.Event()])
    first = asyncio.create_task(world.desk.receive(message("first")))
    await world.chat.until(world.chat.shows("One"))
    second = asyncio.create_task(world.desk.receive(message("second")))
    await world.chat.until(lambda: len(world.chat.opened) == 2)
    second.cancel()
    await crash(world, first)
    world.model.scripts += ["First answer.", "Second answer."]
    await world.desk.resume(world.chat)
    assert [words(reply) for reply in world.chat.replies] == ["First answer.", "Second answer."]


async def test_a_button_survives_a_crash(world: World) -> None:
    await world.say("a fox", "<image> a fox </image>")
    world.pictures.held = True
    await world.desk.press(Press("p1", THREAD, ANNA, Action.VARY, 1))
    await world.pictures.submitted(2)
    await world.restart()
    resuming = asyncio.create_task(world.desk.resume(world.chat))
    await world.chat.until(lambda: bool(world.chat.opened))
    await world.pictures.complete_all()
    await resuming
    assert [part.number for part in pictures(world.chat.last)] == [2]
    assert [turn.state for turn in await world.store.turns(THREAD)] == [TurnState.DONE] * 3


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("moment", range(1, 16))
async def test_a_crash_at_any_snapshot_ends_in_one_whole_answer(world: World, moment: int, held: bool) -> None:
    """Each snapshot is a step of the answer's life; the process dies right after it."""
    world.pictures.held = held
    world.model.scripts.append(TWO)
    answering = asyncio.create_task(world.desk.receive(message("two", "e1")))

    def reached() -> bool:
        shots = world.chat.opened[-1].snapshots if world.chat.opened else []
        return len(shots) >= moment or (held and bool(shots) and "done." in words(shots[-1]))

    waiting = asyncio.create_task(world.chat.until(reached))
    await asyncio.wait([waiting, answering], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    await crash(world, answering)
    world.pictures.held = False
    world.model.scripts.append(TWO)
    await world.pictures.complete_all()
    await asyncio.gather(world.desk.resume(world.chat), world.desk.receive(message("two", "e1")))
    assert len(world.chat.posts) == 1
    shown = pictures(world.chat.last)
    assert shown
    assert all(part.state is SlotState.READY for part in shown)
    assert not await world.store.open_turns()
    assert world.files.names() == {part.sha256 for part in shown}
    assert set(world.pictures.requests) == {part.slot for part in shown}


async def test_a_message_that_comes_first_after_a_restart_waits_for_what_was_left_open(world: World) -> None:
    world.model.scripts.append(["x", asyncio.Event()])
    answering = [asyncio.create_task(world.desk.receive(message(text, text))) for text in ("one", "two")]
    await world.chat.until(lambda: len(world.chat.opened) == 2 and bool(world.model.requests))
    answering[1].cancel()
    await crash(world, answering[0])
    world.model.scripts += ["first", "second", "third"]
    await world.desk.receive(message("three", "three"))
    await world.desk.resume(world.chat)
    assert [request.user.text for request in world.model.requests[1:]] == ["one", "two", "three"]
    assert [words(reply) for reply in world.chat.replies] == ["first", "second", "third"]


@pytest.mark.parametrize("again", ["one", "two"])
async def test_a_redelivery_that_comes_first_after_a_restart_is_answered_in_its_place(world: World, again: str) -> None:
    world.model.scripts.append(["x", asyncio.Event()])
    answering = [asyncio.create_task(world.desk.receive(message(text, text))) for text in ("one", "two")]
    await world.chat.until(lambda: len(world.chat.opened) == 2 and bool(world.model.requests))
    answering[1].cancel()
    await crash(world, answering[0])
    world.model.scripts += ["first", "second"]
    await asyncio.gather(world.desk.receive(message(again, again)), world.desk.resume(world.chat))
    await until(lambda: not world.desk.busy)
    assert [request.user.text for request in world.model.requests[1:]] == ["one", "two"]
    assert [words(reply) for reply in world.chat.replies] == ["first", "second"]
    assert not await world.store.open_turns()


async def test_open_turns_that_cannot_be_read_at_first_are_taken_up_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.model.scripts.append(["x", asyncio.Event()])
    answering = asyncio.create_task(world.desk.receive(message("one", "one")))
    await world.chat.until(world.chat.shows("x"))
    await crash(world, answering)
    monkeypatch.setattr("handlers.recovery.RETRY_S", 0.01)
    locked = StoreError("The database is locked by another program; close it and ask again.")
    reads = [locked, locked]
    honest = world.store.open_turns

    async def open_turns() -> Sequence[Turn]:
        if reads:
            raise reads.pop()
        return await honest()

    monkeypatch.setattr(world.store, "open_turns", open_turns)
    world.model.scripts.append("first")
    await world.desk.resume(world.chat)
    assert words(world.chat.last) == "first"


async def test_a_turn_whose_person_is_forgotten_before_it_is_taken_up_stays_closed(world: World) -> None:
    world.model.scripts.append(["x", asyncio.Event()])
    answering = asyncio.create_task(world.desk.receive(message("one", "one")))
    await world.chat.until(world.chat.shows("x"))
    await crash(world, answering)
    await world.say("hello", "Hi.", event="other", thread=replace(THREAD, thread="t2"))  # reads what is open
    await world.store.forget(THREAD.chat, THREAD.tenant, ANNA)
    world.chat.posts.clear()
    await world.desk.resume(world.chat)
    assert not world.chat.posts


async def test_a_restart_knows_which_picture_a_message_answered(world: World) -> None:
    await world.say("two", "<image> a fox </image><image> a cat </image>")
    world.model.scripts.append(["x", asyncio.Event()])
    about = replace(message("make it blue"), replies_to=1)
    answering = asyncio.create_task(world.desk.receive(about))
    await world.chat.until(world.chat.shows("x"))
    await crash(world, answering)
    world.model.scripts.append("<edit> a blue fox </edit>")
    await world.desk.resume(world.chat)
    assert pictures(world.chat.last)[0].parents == (1,)


class Deadly(Decoders):
    """Never comes back: the program dies meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.reading = asyncio.Event()

    async def read(self, data: bytes, *, owner: str) -> CleanUpload:
        self.reading.set()
        await asyncio.Event().wait()
        raise AssertionError


async def reading(world: World) -> asyncio.Task[None]:
    """An upload is being read, and will be for ever."""
    deadly = Deadly()
    world.desk = Desk(world.store, world.model, world.pictures, {world.chat.name: world.chat}, decoders=deadly)
    sent = replace(message("like this", "e1"), attachments=(Attachment("bad.png", png(1)),))
    receiving = asyncio.create_task(world.desk.receive(sent))
    await deadly.reading.wait()
    return receiving


async def test_an_upload_that_ended_the_program_twice_is_left_out_and_the_words_are_answered(world: World) -> None:
    await world.dies(await reading(world))
    await world.dies(await reading(world))
    world.model.scripts.append("Hello.")
    sent = replace(message("like this", "e1"), attachments=(Attachment("bad.png", png(1)),))
    await world.desk.receive(sent)
    assert DEADLY_FILES in words(world.chat.last)
    assert words(world.chat.last).endswith("Hello.")
    assert not await world.store.gallery(THREAD)
    await world.say("and this", "Fine.")
    assert words(world.chat.last) == "Fine."


async def test_a_clean_stop_is_no_upload_to_blame(world: World) -> None:
    for _ in range(3):
        await crash(world, await reading(world))
    sent = replace(message("", "e1"), attachments=(Attachment("me.png", png(1)),))
    await world.desk.receive(sent)
    assert "number 1" in words(world.chat.last)


async def test_an_answer_that_ends_the_program_again_and_again_is_given_up(world: World) -> None:
    world.model.scripts.append(["Thinking", asyncio.Event()])
    answering = asyncio.create_task(world.desk.receive(message("two", "e1")))
    await world.chat.until(world.chat.shows("Thinking"))
    await world.dies(answering)
    for _ in range(Work.ANSWERING.most - 1):
        world.model.scripts.append(["Thinking", asyncio.Event()])
        resuming = asyncio.create_task(world.desk.resume(world.chat))
        await world.chat.until(world.chat.shows("Thinking"))
        await world.dies(resuming)
    await world.desk.resume(world.chat)
    assert DEADLY in words(world.chat.last)
    assert not await world.store.open_turns()
    assert len(world.model.requests) == Work.ANSWERING.most


async def _half_drawn(world: World) -> asyncio.Task[None]:
    """An answer of two pictures: one is stored, one is being made."""
    world.pictures.held = True
    world.model.scripts.append(TWO)
    answering = asyncio.create_task(world.desk.receive(message("two", "e1")))
    await world.pictures.submitted(2)
    await world.pictures.complete(next(iter(world.pictures.requests)))
    await world.chat.until(lambda: pictures(world.chat.opened[0].snapshots[-1])[0].state is SlotState.READY)
    return answering


async def test_an_answer_that_is_given_up_shows_the_pictures_that_are_stored(world: World) -> None:
    """They are counted, and the thread has them: given up is only what is still to be made."""
    await world.dies(await _half_drawn(world))
    for _ in range(Work.ANSWERING.most - 1):
        opened = len(world.chat.opened)
        resuming = asyncio.create_task(world.desk.resume(world.chat))
        await world.chat.until(partial(_more_than, world.chat.opened, opened))
        await world.dies(resuming)
    await world.desk.resume(world.chat)
    assert DEADLY in words(world.chat.last)
    drawn, other = pictures(world.chat.last)
    assert (drawn.state, other.state) == (SlotState.READY, SlotState.CANCELLED)
    assert drawn.sha256 == (await world.store.gallery(THREAD))[0].sha256
    assert not await world.store.open_turns()


def _more_than(these: Sequence[object], known: int) -> bool:
    return len(these) > known


async def test_what_is_stopped_after_a_restart_keeps_the_pictures_that_are_stored(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.dies(await _half_drawn(world))
    looked, real = asyncio.Event(), world.store.picture

    async def slow_at_first(thread: ThreadKey, number: int) -> Picture | None:
        if number == 1 and not looked.is_set():
            looked.set()
            await asyncio.Event().wait()
        return await real(thread, number)

    monkeypatch.setattr(world.store, "picture", slow_at_first)
    resuming = asyncio.create_task(world.desk.resume(world.chat))
    await looked.wait()
    await world.desk.command(CommandCall("c", THREAD, ANNA, "cancel"))
    await resuming
    assert [part.state for part in pictures(world.chat.last)] == [SlotState.READY, SlotState.CANCELLED]


async def test_a_stored_picture_that_cannot_be_read_just_now_is_read_again_after_a_restart(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.dies(await _half_drawn(world))
    monkeypatch.setattr("handlers.marking.AGAIN_S", (0, 0))
    real, refusals = world.store.picture, [StoreError("locked"), StoreError("locked")]

    async def refusing(thread: ThreadKey, number: int) -> Picture | None:
        if number == 1 and refusals:
            raise refusals.pop()
        return await real(thread, number)

    monkeypatch.setattr(world.store, "picture", refusing)
    resuming = asyncio.create_task(world.desk.resume(world.chat))
    await world.chat.until(lambda: bool(world.chat.opened))
    await world.pictures.complete_all()
    await resuming
    assert [part.state for part in pictures(world.chat.last)] == [SlotState.READY] * 2
    assert not refusals
