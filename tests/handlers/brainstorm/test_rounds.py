"""A brainstorm from its topic to its end: what is drawn, who may vote and how often, who leads."""

from __future__ import annotations

import asyncio

import pytest

from handlers.model import Action, Person
from handlers.presentation import round_of
from handlers.round import Phase
from imaging.model import Operation, Priority
from tests.fakes import BEN, MODERATOR, THREAD, Script, message, pictures, words
from tests.handlers.brainstorm.rounds import Brainstorm, directions
from tests.waiting import until


async def test_a_round_is_one_answer_of_drafts_and_an_open_vote(storm: Brainstorm) -> None:
    reply = await storm.begin("/brainstorm topic:mascots for a bakery ideas:4 votes:3")
    part = round_of(reply.parts)
    assert part is not None
    assert reply.parts[-1] is part
    assert (part.phase, part.topic, part.dots) == (Phase.OPEN, "mascots for a bakery", 3)
    assert [card.title for card in part.cards] == ["Flour fox", "Oven owl", "Bread bear", "Dough duck"]
    assert [card.picture for card in part.cards] == [one.number for one in pictures(reply)] == [1, 2, 3, 4]
    assert {request.priority for request in storm.world.pictures.requests.values()} == {Priority.BULK}


async def test_votes_are_given_taken_back_and_never_counted_twice(storm: Brainstorm) -> None:
    await storm.begin()
    told = await storm.press(Action.DOT, 1)
    assert told.private
    assert "#1 counts" in told.text
    assert "1 vote left" in told.text
    await storm.press(Action.DOT, 2, event="twice")
    await storm.press(Action.DOT, 2, event="twice")  # delivered again
    assert "used all 2" in (await storm.press(Action.DOT, 3)).text
    await storm.press(Action.DOT, 1, BEN)
    await storm.press(Action.DOT, 1, BEN, later=0.3)  # a double click
    assert await storm.votes() == {1: 2, 2: 1, 3: 0, 4: 0}
    assert "taken back" in (await storm.press(Action.DOT, 1)).text
    await storm.press(Action.DOT, 3)
    assert await storm.votes() == {1: 1, 2: 1, 3: 1, 4: 0}
    assert (await storm.seen()).voters == 2


async def test_people_are_shown_the_last_of_many_votes(storm: Brainstorm) -> None:
    await storm.begin("/brainstorm topic:cups votes:1")
    for number in range(30):
        await storm.press(Action.DOT, 1, Person(f"v{number}", "V"))
    await asyncio.sleep(0.05)
    assert 1 <= len(storm.world.chat.redrawn) < 30
    assert (await storm.votes())[1] == 30


async def test_an_anonymous_vote_tells_no_counts_and_nobody_before_it_is_closed(
    storm: Brainstorm, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    await storm.begin("/brainstorm topic:cups anonymous:yes")
    answer = await storm.press(Action.DOT, 1, BEN)
    part = await storm.seen()
    assert part.voters == 1
    assert {card.votes for card in part.cards} == {None}
    told = await storm.press(Action.STATE, 1, MODERATOR)
    for text in (answer.text, told.text, caplog.text, repr(part)):
        assert BEN.name not in text
        assert BEN.id not in text
    assert BEN.id not in str(list(storm.world.store._db.query("SELECT * FROM dots")))
    await storm.press(Action.CLOSE, 1)
    assert (await storm.votes())[1] == 1


async def test_who_began_it_or_a_moderator_leads_and_anybody_sees_how_it_stands(storm: Brainstorm) -> None:
    await storm.begin()
    for action in (Action.CLOSE, Action.OPEN, Action.NEXT, Action.FINISH):
        assert "Anna" in (await storm.press(action, 1, BEN)).text
    assert (await storm.seen()).phase is Phase.OPEN
    await storm.press(Action.DOT, 4, BEN)
    state = (await storm.press(Action.STATE, 1, BEN)).text
    assert "open" in state
    assert "#4" in state
    assert "most votes" in (await storm.press(Action.CLOSE, 1, MODERATOR)).text
    assert "closed" in (await storm.press(Action.DOT, 1, BEN)).text
    await storm.press(Action.OPEN, 1)
    assert (await storm.seen()).phase is Phase.OPEN


async def test_the_typed_commands_do_what_the_buttons_do(storm: Brainstorm) -> None:
    await storm.begin()
    assert "counts" in (await storm.command("vote", picture=2)).text
    assert "open" in (await storm.command("round")).text
    assert "3 votes" in (await storm.command("brainstorm", votes=3)).text
    assert "Anna" in (await storm.command("brainstorm", BEN, votes=1)).text
    await storm.command("round", do="close")
    part = await storm.seen()
    assert (part.phase, part.dots) == (Phase.CLOSED, 3)
    assert [card.picture for card in part.cards if card.winner] == [2]


async def test_a_brainstorm_is_asked_for_in_words(storm: Brainstorm) -> None:
    part = round_of((await storm.begin("Let's brainstorm 3 mascots for a bakery", directions(3))).parts)
    assert part is not None
    assert part.topic == "mascots for a bakery"
    assert len(part.cards) == 3
    assert storm.world.model.requests[-1].plain


async def test_a_tie_is_told_and_not_decided(storm: Brainstorm) -> None:
    await storm.begin()
    await storm.press(Action.DOT, 1)
    await storm.press(Action.DOT, 3)
    await storm.press(Action.CLOSE, 1)
    part = await storm.seen()
    assert [card.picture for card in part.cards if card.winner] == [1, 3]
    assert "#1 and #3 both" in part.remarks[-1]


async def test_a_next_round_takes_up_what_won_and_what_was_said(storm: Brainstorm) -> None:
    await storm.begin("/brainstorm topic:mascots for a bakery ideas:6", directions(6))
    await storm.press(Action.DOT, 2)
    await storm.press(Action.DOT, 5)
    await storm.press(Action.DOT, 2, BEN)
    await storm.world.say("calmer colours, please", "Noted.")
    await storm.press(Action.CLOSE, 1)
    storm.world.model.scripts.append(directions(4, 4))
    assert "on its way" in (await storm.press(Action.NEXT, 1)).text
    asked = storm.world.model.requests[-1]
    assert "calmer colours" in asked.user.text
    assert "Oven owl" in str(asked.system)
    assert "2 votes" in str(asked.system)
    part = await storm.seen()
    assert (part.number, part.phase) == (2, Phase.OPEN)
    assert [card.parents for card in part.cards] == [(2,), (5,), (2,), (5,), (2, 5), ()][: len(part.cards)]
    assert "#2 and #5 taken further" in part.took_up
    drawn = [picture.operation for picture in await storm.world.store.gallery(THREAD)][6:]
    assert drawn.count(Operation.EDIT) == 3
    assert (await storm.seen(-2)).phase is Phase.OVER
    assert "over" in (await storm.press(Action.DOT, 2)).text


async def test_the_end_has_the_winner_in_full_quality(storm: Brainstorm) -> None:
    await storm.begin()
    await storm.press(Action.DOT, 3)
    assert "close it first" in (await storm.press(Action.FINISH, 1)).text
    await storm.press(Action.CLOSE, 1)
    (sheet,) = (await storm.press(Action.FINISH, 1)).files
    assert sheet.data.startswith(b"\x89PNG")
    assert "#3 Bread bear · 1 vote · winner" in sheet.alt
    part = await storm.seen()
    assert part.last
    assert [(card.title, card.parents, card.winner) for card in part.cards] == [("Bread bear", (3,), True)]
    draft, full = [await storm.world.store.picture(THREAD, number) for number in (3, 5)]
    assert draft is not None
    assert full is not None
    assert draft.recipe is not None
    assert full.recipe is not None
    assert full.recipe.seed == draft.recipe.seed
    assert full.recipe.prompt == draft.recipe.prompt
    assert "#5" in (await storm.press(Action.LEAD, 5)).text
    assert (await storm.world.store.session(THREAD)).current == 5


async def test_a_tie_is_told_where_one_of_its_winners_is_gone_on_with(storm: Brainstorm) -> None:
    await storm.begin()
    for picture in (2, 3):
        await storm.press(Action.DOT, picture)
    await storm.press(Action.CLOSE, 1)
    await storm.press(Action.FINISH, 1)
    winners = [card.picture for card in (await storm.seen()).cards]
    assert winners == [5, 6]
    told = (await storm.press(Action.LEAD, 5, event="lead")).text
    assert "#5 is the current one" in told
    assert "a tie" in told
    assert "#6" in told
    await storm.world.store.select(THREAD, 6)
    await storm.press(Action.LEAD, 5, event="lead")  # delivered again
    assert (await storm.world.store.session(THREAD)).current == 6


async def test_two_presses_at_once_make_one_next_round(storm: Brainstorm) -> None:
    await storm.begin()
    await storm.press(Action.DOT, 3)
    await storm.press(Action.CLOSE, 1)
    storm.world.model.scripts.extend([directions(4), directions(4)])
    await asyncio.gather(storm.press(Action.NEXT, 1, event="a"), storm.press(Action.NEXT, 2, event="b"))
    turns = [turn for turn in await storm.world.store.turns(THREAD) if round_of(turn.parts)]
    assert len(turns) == 2


async def test_a_time_limit_closes_the_vote_also_after_a_restart(storm: Brainstorm) -> None:
    await storm.begin("/brainstorm topic:cups minutes:5")
    await storm.press(Action.DOT, 1)
    await storm.world.restart()
    await storm.world.desk.resume(storm.world.chat)
    storm.clock.pass_(290)
    await asyncio.sleep(0.05)
    assert (await storm.seen()).phase is Phase.OPEN
    storm.clock.pass_(10)
    for _ in range(100):
        if (await storm.seen()).phase is Phase.CLOSED:
            break
        await asyncio.sleep(0.02)
    part = await storm.seen()
    assert part.phase is Phase.CLOSED
    assert [card.picture for card in part.cards if card.winner] == [1]


@pytest.mark.parametrize("moment", ["directions", "drafts"])
async def test_a_restart_in_mid_round_ends_with_an_open_vote(storm: Brainstorm, moment: str) -> None:
    world = storm.world
    gate = asyncio.Event()
    world.pictures.held = moment == "drafts"
    script: Script = [gate, directions()] if moment == "directions" else directions()
    world.model.scripts.append(script)
    task = asyncio.create_task(world.desk.receive(message("/brainstorm cups", "m")))
    if moment == "drafts":
        await world.pictures.submitted(4)
    else:
        await until(lambda: bool(world.model.requests))
    await world.dies(task)
    world.pictures.held = False
    world.model.scripts[:] = [directions()]
    if moment == "drafts":
        await world.pictures.complete_all()
    await world.desk.resume(world.chat)
    part = await storm.seen()
    assert part.phase is Phase.OPEN
    assert len(part.cards) == 4
    assert len(pictures(world.chat.last)) == 4
    assert "lost" not in words(world.chat.last)


async def test_a_kill_before_people_saw_that_a_round_is_over_is_made_good(storm: Brainstorm) -> None:
    first = await storm.begin()
    await storm.press(Action.DOT, 1)
    await storm.press(Action.CLOSE, 1)
    storm.world.model.scripts.append(directions(4, 4))
    await storm.press(Action.NEXT, 1)
    await storm.world.restart()
    storm.world.chat.redrawn.clear()
    await storm.world.desk.resume(storm.world.chat)
    await until(lambda: first.turn in [turn for turn, _ in storm.world.chat.redrawn])
