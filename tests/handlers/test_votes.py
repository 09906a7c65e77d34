"""Votes: one for and one against a person and picture, counted where they are asked for."""

from __future__ import annotations

from datetime import timedelta

from handlers.model import Action, CommandCall, Person, Press, Tally, Vote
from tests.fakes import ANNA, BEN, MODERATOR, THREAD
from tests.handlers.conftest import World


def vote(person: Person = ANNA, picture: int = 1, *, up: bool = True, given: bool = True) -> Vote:
    return Vote(THREAD, person, picture, up, given)


async def test_each_person_counts_once_each_way(world: World) -> None:
    await world.say("a fox", "<image> a fox </image>")
    for one in (vote(), vote(), vote(BEN), vote(BEN, up=False), vote(picture=7)):
        await world.desk.vote(one)
    assert await world.store.votes(THREAD) == {1: Tally(2, 1)}
    await world.desk.vote(vote(BEN, given=False))
    await world.desk.vote(vote(BEN, given=False))
    await world.restart()
    assert await world.store.votes(THREAD) == {1: Tally(1, 1)}


async def test_the_gallery_shows_them(world: World) -> None:
    await world.say("two foxes", '<image count="2"> a fox </image>')
    await world.desk.vote(vote(BEN, 2))
    await world.desk.vote(vote(ANNA, 2, up=False))
    lines = (await world.desk.command(CommandCall("g", THREAD, ANNA, "gallery"))).text.splitlines()
    first, second = sorted(lines)
    assert "👍" not in first
    assert second.startswith("#2 a fox · Anna · ")
    assert " · 👍 1" in second


async def test_the_button_gives_a_vote_and_takes_it_back(world: World) -> None:
    await world.say("a fox", "<image> a fox </image>")
    await world.desk.vote(vote(BEN))
    answer = await world.desk.press(Press("p1", THREAD, ANNA, Action.VOTE, 1))
    assert answer.text == "Your vote counts: picture 1 has 2 for and 0 against."
    answer = await world.desk.press(Press("p2", THREAD, ANNA, Action.VOTE, 1))
    assert answer.text == "Your vote is taken back: picture 1 has 1 for and 0 against."


async def test_they_go_with_the_picture_the_person_and_time(world: World) -> None:
    await world.say("two foxes", '<image count="2"> a fox </image>')
    for picture in (1, 2):
        await world.desk.vote(vote(ANNA, picture))
        await world.desk.vote(vote(BEN, picture))
    await world.desk.press(Press("p1", THREAD, MODERATOR, Action.DELETE, 2))
    assert await world.store.votes(THREAD) == {1: Tally(2, 0)}
    await world.store.forget(THREAD.chat, THREAD.tenant, BEN)
    assert await world.store.votes(THREAD) == {1: Tally(1, 0)}
    await world.desk.prune(timedelta(seconds=-1))
    rows = await world.store._alone(lambda: world.store._db.conn.execute("SELECT * FROM votes").fetchall())
    assert rows == []
