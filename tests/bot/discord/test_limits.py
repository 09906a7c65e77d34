"""Discord's limits over real sockets: rates, sizes, ages, closed threads, and a server that sends the bot away."""

from __future__ import annotations

import asyncio

import pytest

from handlers.model import Person, TextPart
from handlers.ports import ChatUnavailable
from handlers.presentation import Why
from tests.bot.discord.fakes import picture
from tests.bot.discord.test_answers import noise
from tests.bot.discord.wire import MENTION, Process
from tests.peers.discord_peer import DIRECT, GUILD, DiscordPeer


async def test_a_crowd_never_meets_the_global_limit(peer: DiscordPeer, process: Process) -> None:
    peer.requests_per_s = 50
    for number in range(60):
        await peer.say(f"{MENTION} fox number {number}")
    await peer.until(lambda: len(process.handlers.received) == 60)
    await peer.until(lambda: sum("Here you are." in str(peer.said(thread)) for thread in peer.threads) == 60, 60)
    assert peer.limited == 0


async def test_a_picture_over_the_upload_limit_is_made_smaller_and_the_stored_one_stays(
    peer: DiscordPeer, process: Process
) -> None:
    peer.upload_limit = 40_000
    key = await process.asked()
    data = noise(200)
    await process.handlers.reply("turn-1", key, (TextPart("A fox"), process.picture(key, data=data)))
    [answer] = peer.said(key.thread)
    [file] = answer["attachments"]
    assert len(peer.bytes_of(file)) <= 40_000
    assert file["filename"].endswith((".webp", ".jpg"))
    [kept] = process.store.files.values()
    assert kept == data


async def test_a_picture_that_fits_nowhere_is_told_with_the_way_out(peer: DiscordPeer, process: Process) -> None:
    peer.upload_limit = 10
    key = await process.asked()
    await process.handlers.reply("turn-1", key, (TextPart("A fox"), process.picture(key, data=noise(200))))
    [answer] = peer.said(key.thread)
    assert answer["attachments"] == []
    assert "/export" in str(answer["components"])


@pytest.mark.parametrize("for_s", [0.01, 7200.0])
async def test_a_message_too_old_to_be_edited_is_continued_in_a_new_one(
    peer: DiscordPeer, process: Process, for_s: float
) -> None:
    key = await process.asked()
    post = process.chat.open_reply("turn-1", key, None, None)
    post.show(process.reply("turn-1", key, picture(1)))
    await peer.until(lambda: len(peer.said(key.thread)) == 1)
    [old] = peer.said(key.thread)
    peer.too_old.add(old["id"])
    peer.too_old_for_s = for_s
    await post.finish(process.reply("turn-1", key, process.picture(key), final=True))
    [answer] = peer.said(key.thread)
    assert answer["id"] != old["id"]
    assert len(answer["attachments"]) == 1


async def test_an_answer_that_went_on_in_a_new_message_is_found_there_after_a_restart(
    peer: DiscordPeer, process: Process
) -> None:
    key = await process.asked()
    await process.handlers.reply("turn-1", key, (TextPart("A fox"), process.picture(key)))
    [old] = peer.said(key.thread)
    peer.too_old.add(old["id"])
    await process.chat.redraw(process.store.turns_["turn-1"], {1: Why.HIDDEN})
    [moved] = peer.said(key.thread)
    await process.chat.stop()
    second = Process(peer, process)
    second.handlers.parts = ()  # what it catches up with was answered before
    await second.start()
    await second.done("discord resume")
    try:
        await second.chat.redraw(second.store.turns_["turn-1"], {})
        [shown] = peer.said(key.thread)
        assert shown["id"] == moved["id"] != old["id"]
        assert len(shown["attachments"]) == 1
    finally:
        await second.chat.stop()


async def test_an_archived_thread_is_opened_again(peer: DiscordPeer, process: Process) -> None:
    key = await process.asked()
    post = process.chat.open_reply("turn-1", key, None, None)
    post.show(process.reply("turn-1", key, picture(1)))
    await peer.until(lambda: len(peer.said(key.thread)) == 1)
    await peer.archive(key.thread)
    await post.finish(process.reply("turn-1", key, process.picture(key), final=True))
    [answer] = peer.said(key.thread)
    assert len(answer["attachments"]) == 1
    assert not peer.threads[key.thread]["thread_metadata"]["archived"]


async def test_a_locked_thread_stays_locked_and_the_person_is_told_by_direct_message(
    peer: DiscordPeer, process: Process
) -> None:
    key = await process.asked()
    await peer.archive(key.thread, locked=True)
    post = process.chat.open_reply("turn-1", key, None, None)
    with pytest.raises(ChatUnavailable, match="locked"):
        await post.finish(process.reply("turn-1", key, TextPart("A fox"), final=True))
    await process.chat.tell(key, process.handlers.received[0].person, "I could not post my answer.")
    assert [message["content"] for message in peer.said(DIRECT)] == ["I could not post my answer."]
    assert peer.threads[key.thread]["thread_metadata"]["locked"]


async def test_slow_mode_is_waited_for_when_it_is_short_and_said_when_it_is_long(
    peer: DiscordPeer, process: Process
) -> None:
    key = await process.asked()
    slow = {"code": 20016, "message": "slow mode", "retry_after": 0.05, "global": False}
    peer.fail("POST", f"/channels/{key.thread}/messages", 429, slow, Via="1.1 peer")
    await process.handlers.reply("turn-1", key, (TextPart("A fox"),))
    assert len(peer.said(key.thread)) == 1
    slow["retry_after"] = 3 * 3600
    peer.fail("POST", f"/channels/{key.thread}/messages", 429, slow, Via="1.1 peer")
    await process.handlers.reply("turn-2", key, (TextPart("A boat"),))
    assert "again in 180 min only" in process.handlers.gone[0]


async def test_a_refusal_by_what_stands_before_discord_is_waited_out(peer: DiscordPeer, process: Process) -> None:
    key = await process.asked()
    peer.fail("POST", f"/channels/{key.thread}/messages", 429, {"message": "banned"}, Retry_After="0.05")
    await process.handlers.reply("turn-1", key, (TextPart("A fox"),))
    assert len(peer.said(key.thread)) == 1


async def test_sent_away_in_mid_job_nothing_is_tried_in_vain(peer: DiscordPeer, process: Process) -> None:
    key = await process.asked()
    post = process.chat.open_reply("turn-1", key, None, None)
    left = asyncio.create_task(process.chat.client.wait_for("guild_remove"))
    await asyncio.sleep(0)
    await peer.kick(GUILD)
    await left
    assert process.chat.health().servers == 0
    with pytest.raises(ChatUnavailable, match="the place is gone"):
        await post.finish(process.reply("turn-1", key, TextPart("A fox"), final=True))
    asked = len(peer.requests)
    with pytest.raises(ChatUnavailable):
        await post.finish(process.reply("turn-1", key, TextPart("A fox"), final=True))
    assert len(peer.requests) == asked


@pytest.mark.parametrize("id", ["4001", "9", "", "not a number"])
async def test_who_cannot_be_told_is_let_be(peer: DiscordPeer, process: Process, id: str) -> None:
    key = await process.asked()
    await peer.kick(GUILD)
    await process.chat.tell(key, Person(id, "Somebody"), "Too long.")
    assert peer.said(DIRECT) == []


async def test_by_an_interaction_no_more_than_five_messages_come(peer: DiscordPeer, process: Process) -> None:
    process.handlers.parts = (TextPart("\n\n".join("word " * 600 for _ in range(9))),)
    await peer.slash("imagine", server="9999", text="a long story")
    await peer.until(lambda: "takes no more messages" in str(peer.said("3000")))
    answers = [message for message in peer.said("3000") if message["components"]]
    assert len(answers) == 5


async def test_an_answer_by_an_interaction_stays_with_it(peer: DiscordPeer, process: Process) -> None:
    process.handlers.parts = ()
    await peer.slash("imagine", server="9999", text="a red fox")
    await peer.until(lambda: len(process.handlers.received) == 1)
    key = process.handlers.received[0].thread
    first = process.chat.open_reply("turn-1", key, None, None)
    first.show(process.reply("turn-1", key, TextPart("A f")))
    await peer.until(lambda: "A f" in str(peer.said("3000")))
    await peer.slash("imagine", server="9999", text="a boat")
    await peer.until(lambda: len(process.handlers.received) == 2)
    await first.finish(process.reply("turn-1", key, TextPart("A fox"), final=True))
    tokens = {path.split("/")[3] for method, path in peer.requests if method == "PATCH" and "@original" not in path}
    posted = {path.split("/")[3] for method, path in peer.requests if method == "POST" and "/webhooks/" in path}
    assert tokens == posted
