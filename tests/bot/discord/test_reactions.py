"""Reactions under pictures are votes."""

from __future__ import annotations

from typing import Any

import discord
import pytest

from bot.chats.discord.incoming.reactions import Sign
from handlers.access import Access
from handlers.model import Reply, Vote
from tests.bot.discord.conftest import World
from tests.bot.discord.fakes import picture, ready
from tests.bot.discord.test_buttons import shown


def cast(votes: list[Vote]) -> list[tuple[int, bool, bool]]:
    return [(vote.picture, vote.up, vote.given) for vote in votes]


async def test_a_thumb_counts_and_is_taken_back(world: World) -> None:
    message = await shown(world, 3)
    await world.bea.react(message, "👍")
    await world.bea.react(message, "👎")
    await world.bea.unreact(message, "👍")
    assert cast(world.handlers.votes) == [(3, True, True), (3, False, True), (3, True, False)]
    assert {vote.person.id for vote in world.handlers.votes} == {str(world.bea.id)}
    assert {vote.thread for vote in world.handlers.votes} == {world.handlers.received[0].thread}


async def test_under_several_pictures_a_number_means_the_one_at_that_place(world: World) -> None:
    message = await shown(world, 3, 4, 5)
    await world.ann.react(message, "2️⃣")
    await world.ann.react(message, "9️⃣")
    assert cast(world.handlers.votes) == [(4, True, True)]
    await world.ann.react(message, "❤️")
    assert cast(world.handlers.votes[1:]) == [(3, True, True), (4, True, True), (5, True, True)]


async def test_other_reactions_and_other_messages_do_not_count(world: World) -> None:
    message = await shown(world, 3)
    words = await world.ann.send(world.thread(), "nice")
    bot = world.guild.add_member(world.env.create_user("otherbot", bot=True))
    await world.ann.react(message, "🦊")
    await world.bea.react(words, "👍")
    await bot.react(message, "👍")
    assert world.handlers.votes == []


async def test_whom_the_rules_keep_out_does_not_vote(world: World) -> None:
    message = await shown(world, 3)
    world.handlers.access = Access(allow_roles=frozenset({"1"}))
    await world.ann.react(message, "👍")
    assert world.handlers.votes == []


async def test_votes_count_in_a_chain_of_replies_and_in_direct_messages(world: World) -> None:
    voice = world.guild.create_voice_channel("voice")
    world.handlers.parts = (picture(1),)
    await world.ann.send(voice, f"{world.me} a red fox")
    user = world.env.create_user("dora")
    await user.send_dm("a boat")
    for place in (voice, user.dm_channel):
        asked = world.handlers.received[0 if place is voice else 1]
        sha = world.store.add(asked.thread, 1, "x")
        await world.handlers.reply(f"turn-{asked.event}", asked.thread, (ready(1, sha),))
    await world.ann.react(voice.last_message, "👍")
    await user.set_reaction(user.dm_channel.last_message, "👍", reacted=True)
    assert [vote.thread for vote in world.handlers.votes] == [got.thread for got in world.handlers.received]


async def test_pictures_that_come_later_in_a_growing_answer_are_known(world: World) -> None:
    message = await shown(world, 3)
    key = world.handlers.received[0].thread
    post = world.chat.open_reply("turn-y", key, None, None)
    first, second = (ready(n, world.store.add(key, n, "x")) for n in (4, 5))
    post.show(Reply("turn-y", key, (first, picture(5)), thinking=False))
    await world.env.settle()
    growing = world.thread().last_message
    assert growing.id != message.id
    await world.ann.react(growing, "👍")
    await post.finish(Reply("turn-y", key, (first, second), thinking=False, final=True))
    await world.bea.react(growing, "2️⃣")
    assert cast(world.handlers.votes) == [(4, True, True), (5, True, True)]


async def test_many_votes_on_one_message_ask_discord_once(world: World) -> None:
    message = await shown(world, 3)
    for number in range(5):
        person = world.guild.add_member(world.env.create_user(f"p{number}"))
        await person.react(message, "👍")
    asked = [e for e in world.env.http_requests if e.method == "GET" and str(message.id) in e.path]
    assert len(asked) == 1
    assert len(world.handlers.votes) == 5


@pytest.mark.parametrize(
    ("name", "id", "sign"),
    [
        ("👍", None, Sign(True)), ("👍🏽", None, Sign(True)), ("❤️", None, Sign(True)), ("👎🏿", None, Sign(False)),
        ("1️⃣", None, Sign(True, 1)), ("9️⃣", None, Sign(True, 9)), ("🔟", None, Sign(True, 10)),
        ("0️⃣", None, None), ("#️⃣", None, None), ("1", None, None), ("", None, None), ("👍👍", None, None),
        ("👍", 77, None),
    ],
)  # fmt: skip
def test_what_a_reaction_says(name: str, id: int | None, sign: Any) -> None:
    assert Sign.read(discord.PartialEmoji(name=name, id=id)) == sign
