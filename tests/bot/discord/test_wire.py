"""The chat over real sockets: login, gateway breaks, rate limits, and what a crash leaves behind."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.chats.discord.gateway.connection import DiscordRefused
from bot.chats.discord.outgoing.outbox import Outbox
from bot.chats.discord.outgoing.render import render
from handlers.model import Action, Reply, TextPart
from imaging.marking.copies import enlarged_file
from tests.bot.discord.fakes import ready
from tests.bot.discord.test_answers import noise
from tests.bot.discord.wire import MENTION, Process
from tests.peers.discord_peer import DiscordPeer
from tests.waiting import until


async def test_a_wrong_token_is_said_in_one_sentence(peer: DiscordPeer) -> None:
    process = Process(peer)
    chat = process.build(replace(process.config, token="wrong"))
    with pytest.raises(DiscordRefused, match="EASEL_DISCORD_TOKEN"):
        await chat.start()
    await chat.stop()


async def test_a_mention_is_answered_in_a_thread_with_the_pictures_bytes(peer: DiscordPeer, process: Process) -> None:
    process.handlers.parts = ()
    asked = await peer.say(f"{MENTION} a red fox")
    await peer.until(lambda: asked["id"] in peer.threads and bool(process.handlers.received))
    key = process.handlers.received[0].thread
    sha = process.store.add(key, 1, "a red fox")
    await process.handlers.reply("turn-1", key, (TextPart("A fox"), ready(1, sha)))
    [answer] = peer.said(asked["id"])
    assert peer.bytes_of(answer["attachments"][0]) == enlarged_file(process.store.files[sha])
    assert answer["attachments"][0]["description"] == "#1: a red fox (made with AI)"


async def test_a_button_and_a_command_travel_the_wire(peer: DiscordPeer, process: Process) -> None:
    await peer.slash("help")
    await peer.until(lambda: bool(process.handlers.called))
    assert process.handlers.called[0].name == "help"
    process.handlers.parts = ()
    asked = await peer.say(f"{MENTION} a red fox")
    await peer.until(lambda: bool(process.handlers.received))
    key = process.handlers.received[0].thread
    await process.handlers.reply("turn-1", key, (ready(1, process.store.add(key, 1, "x")),))
    [answer] = peer.said(asked["id"])
    await peer.click(answer, f"e1:vary:{key.channel}:{key.thread}:1:")
    await peer.until(lambda: len(process.handlers.pressed) == 1)
    assert process.handlers.pressed[0].action is Action.VARY
    assert {callback["type"] for callback in peer.callbacks} == {5, 6}


async def test_a_broken_connection_is_resumed_and_misses_nothing(peer: DiscordPeer, process: Process) -> None:
    await peer.drop()
    await peer.say(f"{MENTION} while you were away")
    await peer.until(lambda: peer.resumed == 1 and bool(process.handlers.received))
    assert process.handlers.received[0].text == "while you were away"
    assert peer.identified == 1


async def test_a_silent_gateway_is_left_and_joined_again() -> None:
    peer = DiscordPeer(heartbeat_interval_ms=50)
    await peer.start()
    process = Process(peer, heartbeat_timeout_s=0.3)
    try:
        await process.start()
        peer.deaf = True
        await peer.until(lambda: peer.resumed + peer.identified > 1)
    finally:
        await process.chat.stop()
        await peer.stop()


async def test_without_the_intent_it_comes_back_without_it(peer: DiscordPeer) -> None:
    peer.privileged = False
    process = Process(peer)
    try:
        await process.chat.start()
        await peer.until(lambda: peer.identified == 1)
        await process.chat.client.wait_until_ready()
        assert any("Message Content Intent" in problem for problem in process.chat.health().problems)
    finally:
        await process.chat.stop()


@pytest.mark.parametrize("wide", [True, False])
async def test_rate_limits_are_obeyed(peer: DiscordPeer, process: Process, wide: bool) -> None:
    body = {"message": "You are being rate limited.", "retry_after": 0.05, "global": wide}
    peer.fail("POST", "/messages", 429, body, times=2, Via="1.1 google", Retry_After="1")
    asked = await peer.say(f"{MENTION} a red fox")
    await peer.until(lambda: len(peer.said(asked["id"])) == 1)


async def test_server_errors_are_waited_out(peer: DiscordPeer, process: Process) -> None:
    peer.fail("PATCH", "/messages/", 503, times=2)
    asked = await peer.say(f"{MENTION} a red fox")
    await peer.until(lambda: "Here you are." in str(peer.said(asked["id"])))
    assert len(peer.said(asked["id"])) == 1


async def test_an_upload_that_is_refused_as_too_large_is_sent_smaller(peer: DiscordPeer, process: Process) -> None:
    key = await process.asked()
    peer.fail("POST", "/messages", 413, {"code": 40005, "message": "Request entity too large"})
    await process.handlers.reply("turn-1", key, (process.picture(key, data=noise(64)),))
    assert len(peer.said(key.thread)[0]["attachments"]) == 1


async def test_a_crash_in_mid_answer_leaves_one_answer(peer: DiscordPeer) -> None:
    first = Process(peer)
    await first.start()
    first.handlers.parts = ()
    asked = await peer.say(f"{MENTION} a red fox")
    await peer.until(lambda: bool(first.handlers.received))
    key = first.handlers.received[0].thread
    sha = first.store.add(key, 1, "a red fox")
    post = first.chat.open_reply("turn-1", key, None, None)
    post.show(Reply("turn-1", key, (TextPart("A f"),), thinking=False))
    await peer.until(lambda: len(peer.said(asked["id"])) == 1)
    await first.chat.stop()
    # Worst case: the process died before it could note what it had posted.
    await first.memory.put("post:turn-1", None)
    second = Process(peer, first)
    second.handlers.parts = ()
    await second.start()
    try:
        await peer.until(lambda: second.handlers.resumed == 1)
        await second.handlers.reply("turn-1", key, (TextPart("A fox"), ready(1, sha)))
        [answer] = peer.said(asked["id"])
        assert "A fox" in str(answer["components"])
        assert peer.bytes_of(answer["attachments"][0]) == enlarged_file(second.store.files[sha])
        assert peer.synced == 1
    finally:
        await second.chat.stop()


async def test_a_message_that_could_not_be_noted_is_found_when_its_nonce_is_forgotten(peer: DiscordPeer) -> None:
    first = Process(peer)
    await first.start()
    first.handlers.parts = ()
    asked = await peer.say(f"{MENTION} a red fox")
    await peer.until(lambda: bool(first.handlers.received))
    key = first.handlers.received[0].thread
    noted, honest = asyncio.Event(), first.memory.put

    async def die(key: str, value: str | None) -> None:
        if key == "post:turn-1":
            noted.set()
            await asyncio.Event().wait()  # the process is killed before the note is on the disk
        await honest(key, value)

    first.memory.put = die  # type: ignore[method-assign]
    await first.handlers.reply("turn-0", key, (TextPart("A fox, "),))
    first.chat.open_reply("turn-1", key, None, None).show(Reply("turn-1", key, (TextPart("A fox, "),), thinking=False))
    await noted.wait()
    await first.chat.stop()
    first.memory.put = honest  # type: ignore[method-assign]
    peer.forget_nonces()
    second = Process(peer, first)
    await second.start()
    try:
        await second.handlers.reply("turn-1", key, (TextPart("A fox, at last."),))
        said = [str(message["components"]) for message in peer.said(asked["id"])]
        assert len(said) == 2  # the other answer, which says the same, was left alone
        assert ["at last" in text for text in said] == [False, True]
        assert await second.memory.get("sending:turn-1") is None
    finally:
        await second.chat.stop()


async def test_of_two_answers_that_were_only_begun_each_finds_its_own_message(peer: DiscordPeer) -> None:
    first = Process(peer)
    await first.start()
    first.handlers.parts = ()
    asked = await peer.say(f"{MENTION} a red fox")
    await peer.until(lambda: bool(first.handlers.received))
    key = first.handlers.received[0].thread
    begun = {turn: Reply(turn, key) for turn in ("turn-0", "turn-1", "turn-2")}
    first.chat.open_reply("turn-1", key, None, None).show(begun["turn-1"])
    await peer.until(lambda: len(peer.said(asked["id"])) == 1)
    await first.chat.stop()
    # It was killed before the note was on the disk, and before the other two were sent.
    await first.memory.put("post:turn-1", None)
    for turn, reply in begun.items():
        await Outbox(first.memory, turn).intend(0, render(reply)[0])
    peer.forget_nonces()
    second = Process(peer, first)
    second.handlers.parts = ()
    await second.start()
    try:
        await asyncio.gather(*(second.handlers.reply(turn, key, (TextPart(f"This is {turn}."),)) for turn in begun))
        said = [text for message in peer.said(asked["id"]) if "turn-" in (text := str(message["components"]))]
        assert len(said) == 3
        assert all(sum(f"This is {turn}." in text for text in said) == 1 for turn in begun)
    finally:
        await second.chat.stop()


async def test_an_outage_longer_than_discord_remembers_is_caught_up_in_our_threads(peer: DiscordPeer) -> None:
    first = Process(peer)
    await first.start()
    asked = await peer.say(f"{MENTION} a red fox")
    await peer.until(lambda: "Here you are." in str(peer.said(asked["id"])))
    await first.memory.put("seen", "1")
    await first.chat.stop()
    missed = [await peer.say("make it blue", asked["id"]), await peer.say(f"{MENTION} a cat")]
    await peer.say("not for the bot")
    second = Process(peer, first)
    await second.start()
    try:
        events = {f"discord:m{message['id']}" for message in missed}
        await peer.until(lambda: events <= {incoming.event for incoming in second.handlers.received})
        assert "not for the bot" not in [incoming.text for incoming in second.handlers.received]
        assert missed[1]["id"] in peer.threads
    finally:
        await second.chat.stop()


async def test_who_is_killed_while_catching_up_begins_again_where_that_began(peer: DiscordPeer) -> None:
    first = Process(peer)
    await first.start()
    asked = await peer.say(f"{MENTION} a red fox")
    await peer.until(lambda: "Here you are." in str(peer.said(asked["id"])))
    await first.memory.put("seen", "1")
    await first.chat.stop()
    await peer.say("make it blue", asked["id"])
    second = Process(peer, first)
    second.handlers.hold = asyncio.Event()
    await second.start()
    try:
        await peer.until(lambda: bool(second.handlers.received))
        assert await second.memory.get("seen") == "1"
        second.handlers.hold.set()
        await peer.until(lambda: "Here you are." in str(peer.said(asked["id"])[1:]))
    finally:
        await second.chat.stop()


async def test_it_stops_while_a_lost_connection_is_being_opened_again(peer: DiscordPeer) -> None:
    process = Process(peer)
    await process.start()
    peer.stalled = True
    await peer.drop()
    await until(lambda: not process.chat.health().connected)
    await asyncio.sleep(0.2)  # discord.py has begun to connect, and swallows what cancels it there
    async with asyncio.timeout(60):
        await process.chat.stop()


async def test_what_arrives_while_the_chat_stops_is_left_for_the_next_start(peer: DiscordPeer) -> None:
    process = Process(peer)
    await process.start()
    closing = asyncio.create_task(process.chat.stop())
    await asyncio.sleep(0)
    await peer.say(f"{MENTION} a red fox")
    await closing
    assert not process.handlers.received


async def test_who_installed_it_for_herself_is_answered_by_her_command(peer: DiscordPeer, process: Process) -> None:
    await peer.slash("imagine", server="9999", text="a red fox")
    await peer.until(lambda: "Here you are." in str([m["components"] for m in peer.said("3000")]))
    key = process.handlers.received[0].thread
    assert (key.tenant, key.channel, key.thread) == ("9999", "3000", "u4000")
    assert not [path for method, path in peer.requests if method == "POST" and path.startswith("/channels")]
    await peer.slash("imagine", server="9999", text="bluer")
    await peer.until(lambda: len(process.handlers.received) == 2)
    assert process.handlers.received[1].thread == key
    # The token lives 15 minutes: after that there is nowhere to answer.
    await process.memory.put(f"hook:{key}", "1 1000 dead")
    await process.handlers.reply("late", key, (TextPart("too late"),))
    assert "15 minutes" in process.handlers.gone[0]
