"""The gateway over real sockets: breaks, shards, a revoked token, and what is told about what is missing."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest

from handlers.model import TextPart
from tests.bot.discord.wire import MENTION, Process
from tests.peers.discord_peer import BEN, BOT, CHANNEL, GUILD, DiscordPeer, Json
from tests.waiting import until

OTHER_SERVER, OTHER_CHANNEL = str((7 << 22) + 5), "3001"
"""Belongs to the second of two shards."""


async def heard(process: Process, text: str) -> None:
    await process.peer.until(lambda: text in [incoming.text for incoming in process.handlers.received])


async def test_asked_to_reconnect_it_resumes(peer: DiscordPeer, process: Process) -> None:
    await peer.ask_to_reconnect()
    await peer.until(lambda: peer.resumed == 1)
    await peer.say(f"{MENTION} a red fox")
    await heard(process, "a red fox")
    assert peer.identified == 1


async def test_a_session_that_is_forgotten_is_begun_anew_and_what_was_missed_is_read(
    peer: DiscordPeer, process: Process
) -> None:
    await peer.say(f"{MENTION} a red fox")
    await heard(process, "a red fox")
    await process.chat._missed().seen()
    await peer.forget_sessions()
    thread = next(iter(peer.threads))
    missed = await peer.say("make it blue", thread)
    await peer.until(lambda: peer.identified == 2)
    await heard(process, "make it blue")
    assert peer.resumed == 0
    assert missed["id"] in process.handlers.received[-1].event


async def test_a_token_that_is_revoked_while_it_runs_is_said_and_not_tried_for_ever(
    peer: DiscordPeer, process: Process
) -> None:
    peer.token = "another"
    await peer.forget_sessions()
    await process.chat._connection.ended()
    assert any("EASEL_DISCORD_TOKEN" in problem for problem in process.chat.health().problems)
    assert not process.chat.health().connected


async def test_it_can_be_stopped_while_a_shard_logs_in_again(peer: DiscordPeer) -> None:
    process = Process(peer, identify_s=3600.0)
    await process.start()
    await peer.forget_sessions()
    await until(lambda: not process.chat.health().connected)
    await process.chat.stop()
    assert process.chat._connection._task is not None
    assert process.chat._connection._task.done()


async def test_a_connection_that_breaks_in_an_unknown_way_is_said_and_opened_again(
    peer: DiscordPeer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = Process(peer, reconnect_s=0.01)

    async def broken(**_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(process.chat.client, "connect", broken)
    try:
        await process.chat.start()
        await peer.until(lambda: process.handlers.resumed == 1)
        assert process.chat.health().problems == ()
        assert "The connection to Discord has failed; it is being opened again." in caplog.text
        assert "ZeroDivisionError" in caplog.text
    finally:
        await process.chat.stop()


STRANGE: dict[str, Json] = {
    "MESSAGE_CREATE": {"id": "1", "channel_id": CHANNEL, "guild_id": GUILD},
    "MESSAGE_UPDATE": {"guild_id": GUILD},
    "CHANNEL_UPDATE": {"id": CHANNEL, "guild_id": GUILD, "type": 0},
    "THREAD_CREATE": {"guild_id": GUILD, "parent_id": CHANNEL, "id": "77"},
    "GUILD_UPDATE": {"id": "a number"},
    "GUILD_CREATE": {"id": "88", "channels": [{"type": 0}], "members": [], "emojis": [{}]},
    "INTERACTION_CREATE": {"id": "1", "type": 3, "guild_id": GUILD},
    "MESSAGE_REACTION_ADD": {"guild_id": GUILD},
    "SOMETHING_NEW": {"guild_id": GUILD},
}
"""Events as no version of discord.py expects them."""


async def test_an_event_that_cannot_be_parsed_leaves_the_bot_hearing(
    peer: DiscordPeer, process: Process, caplog: pytest.LogCaptureFixture
) -> None:
    for name, data in STRANGE.items():
        await peer.dispatch(name, data)
    await peer.say(f"{MENTION} a red fox")
    await heard(process, "a red fox")
    assert peer.identified == 1
    assert process.chat.health().problems == ()
    assert "cannot parse an event MESSAGE_CREATE" in caplog.text


async def test_a_message_with_an_ornament_that_cannot_be_parsed_is_read(peer: DiscordPeer, process: Process) -> None:
    await peer.say(f"{MENTION} a red fox", embeds=[{"timestamp": "yesterday"}], poll={"question": None})
    await heard(process, "a red fox")


async def test_a_message_in_the_past_that_cannot_be_parsed_does_not_hide_those_before_it(
    peer: DiscordPeer, process: Process
) -> None:
    key = await process.asked()
    await process.chat._missed().seen()
    peer.fall_silent()
    await peer.say("make it blue", key.thread)
    await peer.say("", key.thread, poll={"question": None})
    await peer.forget_sessions()
    await heard(process, "make it blue")


async def test_a_gateway_that_stays_open_but_tells_nothing_is_left_for_a_new_session(peer: DiscordPeer) -> None:
    process = Process(peer, look_s=0.05, answer_s=0.1)
    await process.start()
    try:
        key = await process.asked()
        await peer.until(lambda: peer.asked > 0)
        peer.fall_silent()
        missed = await peer.say("make it blue", key.thread)
        await heard(process, "make it blue")
        assert missed["id"] in process.handlers.received[-1].event
        assert peer.identified == 2
        await until(lambda: process.chat.health().problems == ())
    finally:
        await process.chat.stop()


async def test_a_quiet_gateway_that_answers_is_left_alone(peer: DiscordPeer) -> None:
    process = Process(peer, look_s=0.02, answer_s=5)
    await process.start()
    try:
        await peer.until(lambda: peer.asked >= 3)
        assert peer.identified == 1
    finally:
        await process.chat.stop()


async def test_a_server_that_the_library_was_not_told_of_is_no_direct_message(
    peer: DiscordPeer, process: Process
) -> None:
    """A server that could not be parsed, or has not come yet: what people say there is not said to the bot."""
    peer.add_server(OTHER_SERVER, OTHER_CHANNEL)
    await peer.say("lunch?", OTHER_CHANNEL)
    await peer.say(f"{MENTION} a red fox")
    await heard(process, "a red fox")
    assert len(process.handlers.received) == 1


async def test_a_thread_that_was_archived_when_it_connected_is_its_own_again_when_somebody_writes(
    peer: DiscordPeer, process: Process
) -> None:
    key = await process.asked()
    await peer.archive(key.thread)
    again = Process(peer, process)
    await process.chat.stop()
    await again.start()
    try:
        await peer.say("make it blue", key.thread)
        await heard(again, "make it blue")
        assert again.handlers.received[-1].thread == key
    finally:
        await again.chat.stop()


async def test_a_discord_that_is_down_at_the_start_is_tried_again(peer: DiscordPeer) -> None:
    peer.fail("GET", "/users/@me", 503, times=2)
    process = Process(peer, reconnect_s=0)
    try:
        await process.chat.start()
        assert "cannot be reached" in process.chat.health().problems[0]
        await peer.until(lambda: process.handlers.resumed == 1)
        assert process.chat.health().problems == ()
    finally:
        await process.chat.stop()


async def test_a_lost_connection_is_said_until_it_is_back(peer: DiscordPeer, process: Process) -> None:
    assert process.chat.health().connected
    peer.shut = True
    await peer.drop()
    await until(lambda: not process.chat.health().connected)
    assert "connection to Discord is lost" in process.chat.health().problems[0]
    peer.shut = False
    await until(lambda: process.chat.health().connected)


class TestShards:
    @pytest.fixture
    async def peer(self) -> AsyncIterator[DiscordPeer]:
        made = DiscordPeer(shards=2)
        made.add_server(OTHER_SERVER, OTHER_CHANNEL)
        await made.start()
        yield made
        await made.stop()

    async def test_each_server_is_served_by_its_shard(self, peer: DiscordPeer, process: Process) -> None:
        assert peer.identified == 2
        assert process.chat.health().servers == 2
        for channel, server in ((CHANNEL, GUILD), (OTHER_CHANNEL, OTHER_SERVER)):
            key = await process.asked("a red fox", channel)
            assert (key.tenant, key.channel) == (server, channel)
            await process.handlers.reply(f"turn-{channel}", key, (TextPart("Here you are."),))
            assert len(peer.said(key.thread)) == 1
        assert peer.synced == 1
        assert process.handlers.resumed == 1

    async def test_one_shard_breaks_and_the_other_goes_on(self, peer: DiscordPeer, process: Process) -> None:
        [broken] = [session for session in peer.sessions.values() if session.shard == 1]
        assert broken.socket is not None
        socket, broken.socket = broken.socket, None
        await socket.close(code=4000)
        await process.asked("a red fox")
        await peer.say(f"{MENTION} a boat", OTHER_CHANNEL)
        await heard(process, "a boat")
        assert peer.resumed == 1


async def test_it_asks_for_no_more_than_it_needs(peer: DiscordPeer, process: Process) -> None:
    guilds, messages, reactions, direct, direct_reactions, words = 1 << 0, 1 << 9, 1 << 10, 1 << 12, 1 << 13, 1 << 15
    assert peer.intents == guilds | messages | reactions | direct | direct_reactions | words


async def test_a_reaction_travels_the_wire(peer: DiscordPeer, process: Process) -> None:
    key = await process.asked()
    await process.handlers.reply("turn-1", key, (process.picture(key),))
    [answer] = peer.said(key.thread)
    await peer.react(answer, "👍", by=BEN)
    await peer.react(answer, "👍", by=BEN, given=False)
    await peer.until(lambda: len(process.handlers.votes) == 2)
    assert [(vote.picture, vote.person.id, vote.given) for vote in process.handlers.votes] == [
        (1, BEN, True),
        (1, BEN, False),
    ]
    assert {vote.thread for vote in process.handlers.votes} == {key}


async def test_several_people_in_one_thread_are_told_apart(peer: DiscordPeer, process: Process) -> None:
    key = await process.asked()
    await peer.say("make it blue", key.thread, by=BEN)
    await heard(process, "make it blue")
    assert [incoming.person.name for incoming in process.handlers.received] == ["Ann", "Ben"]
    assert {incoming.thread for incoming in process.handlers.received} == {key}


async def test_a_mention_of_the_bots_own_role_is_one_of_the_bot(peer: DiscordPeer, process: Process) -> None:
    role = f"{GUILD}1"
    await peer.say(f"<@&{role}> a red fox", mention_roles=[role])
    await heard(process, "a red fox")


async def test_a_picture_that_is_attached_is_fetched_from_the_cdn(peer: DiscordPeer, process: Process) -> None:
    file = peer.attach("cat.png", b"\x89PNG cat")
    await peer.say(f"{MENTION} as a sticker", attachments=[file])
    await heard(process, "as a sticker")
    [got] = process.handlers.received[0].attachments
    assert (got.name, got.data) == ("cat.png", b"\x89PNG cat")


async def test_what_a_server_withholds_is_in_the_log_and_in_its_health(
    peer: DiscordPeer, caplog: pytest.LogCaptureFixture
) -> None:
    peer.permissions &= ~(1 << 3 | 1 << 15 | 1 << 35)  # administrator, attach files, create public threads
    peer.with_commands = False
    peer.privileged = False
    process = Process(peer)
    with caplog.at_level(logging.INFO):
        try:
            await process.start()
            await peer.until(lambda: process.handlers.resumed == 1)
            await process.done("discord scopes")
            assert len(process.chat.health().problems) == 3
        finally:
            await process.chat.stop()
    log = "\n".join(record.message for record in caplog.records)
    for sentence in (
        "The Message Content Intent is off",
        "In the server Studio I lack: Create Public Threads, Attach Files",
        "in the server Studio the commands do not show",
        f"invite me with https://discord.com/oauth2/authorize?client_id={BOT}",
    ):
        assert sentence in log
