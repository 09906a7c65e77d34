"""What goes wrong in brainstorms: each has a sentence and an end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

import pytest

from handlers.errors import Declined, LanguageModelError, StoreError
from handlers.model import Action, Reply, ThreadKey, Turn
from handlers.ports import ChatUnavailable
from handlers.presentation import round_of
from handlers.round import MAX_TITLE, MAX_TOPIC, Phase, RoundPart
from handlers.voting import Round
from imaging.model import Recipe, RenderedPicture
from tests.fakes import ANNA, BEN, MODERATOR, THREAD, message, pictures, png, rendered, words
from tests.handlers.brainstorm.rounds import Brainstorm, directions
from tests.waiting import until


def shown(reply: Reply) -> RoundPart:
    part = round_of(reply.parts)
    assert part is not None
    return part


async def test_a_second_brainstorm_in_a_thread_is_told_of_the_first(storm: Brainstorm) -> None:
    await storm.begin("/brainstorm cups")
    reply = await storm.begin("/brainstorm plates", person=BEN)
    assert "“cups” is under way" in words(reply)
    assert round_of(reply.parts) is None
    assert (await storm.seen()).phase is Phase.OPEN
    await storm.press(Action.CLOSE, 1)
    assert "under way" in words(await storm.begin("/brainstorm plates", person=BEN))
    assert shown(await storm.begin("/brainstorm plates")).topic == "plates"
    assert (await storm.seen(0)).phase is Phase.OVER


async def test_what_was_left_is_in_nobodys_way_after_a_day(storm: Brainstorm) -> None:
    await storm.begin("/brainstorm cups")
    await storm.press(Action.CLOSE, 1)
    storm.clock.pass_(25 * 3600)
    assert shown(await storm.begin("/brainstorm plates", person=BEN)).topic == "plates"


@pytest.mark.parametrize("topic", ["x" * 1990, "🦊🥐" * 500, "面包" * 800])
async def test_a_topic_that_is_too_long_is_shortened_and_says_so(storm: Brainstorm, topic: str) -> None:
    part = shown(await storm.begin(f"/brainstorm {topic}"))
    assert len(part.topic) <= MAX_TOPIC
    assert "longer than 300" in part.remarks[0]
    assert part.phase is Phase.OPEN


@pytest.mark.parametrize("topic", ["🦊🥐", "‮mascots‬", "<image>a fox</image>", "%s {0} \\ ' \""])
async def test_a_topic_of_anything_is_a_topic(storm: Brainstorm, topic: str) -> None:
    part = shown(await storm.begin(f"/brainstorm topic:{topic} ideas:2", directions(2)))
    assert part.topic
    assert len(part.cards) == 2


async def test_nobody_votes(storm: Brainstorm) -> None:
    await storm.begin()
    await storm.press(Action.CLOSE, 1)
    assert "Nobody voted" in (await storm.seen()).remarks[-1]
    assert "no winner" in (await storm.press(Action.FINISH, 1)).text
    assert (await storm.seen()).phase is Phase.OVER


async def test_after_a_round_without_votes_there_are_new_ideas(storm: Brainstorm) -> None:
    await storm.begin()
    await storm.press(Action.CLOSE, 1)
    storm.world.model.scripts.append(directions(4, 4))
    await storm.press(Action.NEXT, 1)
    part = await storm.seen()
    assert [card.parents for card in part.cards] == [()] * 4
    assert "new ideas" in part.took_up


async def test_everybody_leaves(storm: Brainstorm) -> None:
    """Without a time limit a vote closes after a week."""
    await storm.begin()
    await storm.world.desk.resume(storm.world.chat)
    storm.clock.pass_(7 * 24 * 3600 + 1)
    for _ in range(100):
        await asyncio.sleep(0.02)
        if (await storm.seen()).phase is Phase.CLOSED:
            break
    assert (await storm.seen()).phase is Phase.CLOSED


async def test_a_channel_that_is_gone_in_mid_round_leaves_a_round_that_can_be_asked_about(storm: Brainstorm) -> None:
    storm.world.chat.gone = True
    storm.world.model.scripts.append(directions())
    await storm.world.desk.receive(message("/brainstorm cups", "m"))
    assert any("could not post" in sentence for _, sentence in storm.world.chat.told)
    assert "open" in (await storm.press(Action.STATE)).text


async def test_a_post_that_is_deleted_in_mid_round_loses_no_vote(
    storm: Brainstorm, monkeypatch: pytest.MonkeyPatch
) -> None:
    await storm.begin()

    async def gone(*_: object) -> None:
        raise ChatUnavailable("The message was deleted.")

    monkeypatch.setattr(storm.world.chat, "redraw", gone)
    assert "counts" in (await storm.press(Action.DOT, 1)).text
    await asyncio.sleep(0.03)
    assert "#1" in (await storm.press(Action.CLOSE, 1)).text


async def test_a_model_with_two_ideas_of_six_is_asked_again_once(storm: Brainstorm) -> None:
    part = shown(await storm.begin("/brainstorm topic:cups ideas:6", directions(2), directions(2)))
    assert len(storm.world.model.requests) == 2
    assert "Flour fox" in storm.world.model.requests[1].user.text
    assert len(part.cards) == 2
    assert "2 different ideas of 6" in part.remarks[-1]
    assert part.phase is Phase.OPEN


async def test_directions_that_repeat_others_are_asked_for_again(storm: Brainstorm) -> None:
    rows = json.loads(directions(4))
    rows[3] = rows[0] | {"title": "Another name"}
    part = shown(await storm.begin("/brainstorm cups", json.dumps(rows), directions(1, 6)))
    assert [card.title for card in part.cards] == ["Flour fox", "Oven owl", "Bread bear", "Toast toad"]


@pytest.mark.parametrize("answer", ["", "I would rather not.", "[" * 5000, '{"title": "x"', "<image>a fox</image>"])
async def test_an_answer_without_directions_is_replaced_by_templates(storm: Brainstorm, answer: str) -> None:
    part = shown(await storm.begin("/brainstorm cups", answer, answer))
    assert len(part.cards) == 4
    assert "templates" in part.remarks[0]
    assert all(len(card.title) <= MAX_TITLE for card in part.cards)


async def test_a_model_that_is_down_is_replaced_and_one_that_declines_is_heard(storm: Brainstorm) -> None:
    storm.world.model.scripts.append([LanguageModelError("The model is down.")])
    await storm.world.desk.receive(message("/brainstorm cups", "a"))
    assert len(shown(storm.world.chat.last).cards) == 4
    await storm.press(Action.CLOSE, 1)
    storm.world.model.scripts.append([Declined("It does not talk about that.")])
    await storm.world.desk.receive(message("/brainstorm plates", "b"))
    part = shown(storm.world.chat.last)
    assert (part.phase, part.cards) == (Phase.OVER, ())
    assert "does not talk" in part.remarks[-1]


async def test_an_engine_that_fails_half_of_a_round_opens_the_vote_with_the_rest(storm: Brainstorm) -> None:
    storm.world.pictures.fail_words = {"owl": "The engine is out of owls.", "bear": "No bears."}
    part = shown(await storm.begin())
    assert part.phase is Phase.OPEN
    assert "#2 and #3 could not be drawn" in part.remarks[-1]
    assert "no picture" in (await storm.press(Action.DOT, 2)).text
    assert "counts" in (await storm.press(Action.DOT, 1)).text


async def test_an_engine_that_fails_all_of_it_ends_the_round_and_another_can_be_tried(storm: Brainstorm) -> None:
    storm.world.pictures.fail_words = {"": "The engine is down."}
    part = shown(await storm.begin())
    assert part.phase is Phase.CLOSED
    assert "tries again" in part.remarks[-1]
    assert "tries again" in (await storm.press(Action.OPEN, 1)).text
    storm.world.pictures.fail_words = {}
    storm.world.model.scripts.append(directions(4, 4))
    await storm.press(Action.NEXT, 1)
    assert (await storm.seen()).phase is Phase.OPEN


async def test_a_quota_draws_what_it_allows(storm: Brainstorm) -> None:
    storm.world.tune("2 pictures a day per person")
    storm.world.desk = storm._desk()
    part = shown(await storm.begin())
    assert len(part.cards) == 2
    assert "You have" in part.remarks[-1]


async def test_a_facilitator_who_is_blocked_leads_no_more_and_a_moderator_does(storm: Brainstorm) -> None:
    await storm.begin()
    await storm.world.store.block(THREAD, ANNA, MODERATOR)
    assert "blocked" in (await storm.press(Action.CLOSE, 1)).text
    assert (await storm.seen()).phase is Phase.OPEN
    await storm.press(Action.CLOSE, 1, MODERATOR)
    assert (await storm.seen()).phase is Phase.CLOSED


async def test_a_vote_for_a_deleted_idea_says_so_and_its_votes_do_not_win(storm: Brainstorm) -> None:
    await storm.begin()
    await storm.press(Action.DOT, 2, BEN)
    await storm.press(Action.DOT, 1)
    await storm.press(Action.DELETE, 2, MODERATOR)
    assert "was deleted" in (await storm.press(Action.DOT, 2)).text
    await storm.press(Action.CLOSE, 1)
    assert [card.picture for card in (await storm.seen()).cards if card.winner] == [1]


async def test_what_is_no_idea_or_no_brainstorm_says_so(storm: Brainstorm) -> None:
    assert "no brainstorm" in (await storm.press(Action.STATE)).text
    assert "no brainstorm" in (await storm.command("round", do="close")).text
    assert "no brainstorm" in (await storm.command("brainstorm", votes=3)).text
    await storm.begin()
    assert "no idea" in (await storm.press(Action.DOT, 99)).text


async def test_a_round_that_is_stopped_ends_with_a_sentence(storm: Brainstorm) -> None:
    world = storm.world
    world.model.scripts.append([asyncio.Event()])
    task = asyncio.create_task(world.desk.receive(message("/brainstorm cups", "m")))
    await until(lambda: bool(world.model.requests))
    await storm.press(Action.STOP)
    await task
    part = await storm.seen()
    assert part.phase is Phase.OVER
    assert "stopped" in part.remarks[-1]
    assert shown(await storm.begin("/brainstorm plates")).phase is Phase.OPEN


async def test_a_round_that_is_stopped_while_it_is_drawn_opens_with_what_is_there(storm: Brainstorm) -> None:
    world = storm.world
    world.pictures.held = True
    world.model.scripts.append(directions())
    task = asyncio.create_task(world.desk.receive(message("/brainstorm cups", "m")))
    await world.pictures.submitted(4)
    await world.pictures.complete(next(iter(world.pictures.requests)))
    await until(lambda: any(part.sha256 for part in pictures(world.chat.opened[-1].snapshots[-1])))
    await storm.press(Action.STOP)
    await task
    part = await storm.seen()
    assert part.phase is Phase.OPEN
    assert "#2, #3 and #4" in part.remarks[-1]


async def test_a_facilitator_who_is_forgotten_takes_the_brainstorm_along(storm: Brainstorm) -> None:
    await storm.begin()
    await storm.press(Action.DOT, 1, BEN)
    await storm.command("forget", confirm="yes")
    assert "no idea" in (await storm.press(Action.DOT, 1, BEN)).text
    tables = ("rounds", "ideas", "dots")
    assert [list(storm.world.store._db.query(f"SELECT * FROM {name}")) for name in tables] == [[], [], []]


async def test_votes_of_who_is_forgotten_do_not_count(storm: Brainstorm) -> None:
    await storm.begin()
    await storm.press(Action.DOT, 1, BEN)
    await storm.press(Action.DOT, 1)
    await storm.command("forget", BEN, confirm="yes")
    assert (await storm.votes())[1] == 1


async def test_drafts_that_look_the_same_are_told(storm: Brainstorm, monkeypatch: pytest.MonkeyPatch) -> None:
    colours = iter([200, 200, 90_000, 9_000_000])
    real = rendered

    def drawn(recipe: Recipe) -> RenderedPicture:
        return replace(real(recipe), data=png(next(colours)))

    monkeypatch.setattr("tests.fakes.rendered", drawn)
    assert "#1 and #2 were drawn alike" in shown(await storm.begin()).remarks[-1]


async def test_a_vote_does_not_open_on_drafts_that_never_began(
    storm: Brainstorm, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, full = storm.world.store.save_assistant_turn, [True]

    async def save(turn: Turn) -> None:
        if round_of(turn.parts) is not None and turn.jobs and full:
            full.clear()
            raise StoreError("The disk is full.")
        await real(turn)

    monkeypatch.setattr(storm.world.store, "save_assistant_turn", save)
    await storm.begin()
    part = await storm.seen()
    assert part.phase is Phase.CLOSED
    assert "None of the drafts" in part.remarks[-1]
    assert not pictures(storm.world.chat.last)
    storm.world.model.scripts.append(directions())
    await storm.press(Action.NEXT, part.cards[0].picture)
    assert (await storm.seen()).phase is Phase.OPEN


def once_looked_at(storm: Brainstorm, monkeypatch: pytest.MonkeyPatch, act: Callable[[], Awaitable[object]]) -> None:
    """Do this between the moment in which the next press reads the round and its step."""
    store = storm.world.store
    real = store.round_with

    async def round_with(thread: ThreadKey, picture: int) -> Round | None:
        found = await real(thread, picture)
        monkeypatch.setattr(store, "round_with", real)
        await act()
        return found

    monkeypatch.setattr(store, "round_with", round_with)


async def test_a_finish_that_comes_late_ends_no_vote_that_was_opened_again(
    storm: Brainstorm, monkeypatch: pytest.MonkeyPatch
) -> None:
    await storm.begin()
    await storm.press(Action.CLOSE, 1)

    async def opened_again() -> None:
        await storm.press(Action.OPEN, 1, MODERATOR)
        await storm.press(Action.DOT, 2, BEN)

    once_looked_at(storm, monkeypatch, opened_again)
    assert "no winner" not in (await storm.press(Action.FINISH, 1)).text
    assert (await storm.seen()).phase is Phase.OPEN
    assert (await storm.votes())[2] == 1


async def test_a_next_round_is_as_anonymous_as_its_brainstorm_was_made_just_before(
    storm: Brainstorm, monkeypatch: pytest.MonkeyPatch
) -> None:
    await storm.begin()
    await storm.press(Action.CLOSE, 1)
    changed = partial(storm.command, "brainstorm", MODERATOR, anonymous="yes", votes=3, minutes=5)
    once_looked_at(storm, monkeypatch, changed)
    storm.world.model.scripts.append(directions())
    await storm.press(Action.NEXT, 1)
    part = await storm.seen()
    assert (part.number, part.anonymous, part.dots) == (2, True, 3)
