"""What Discord really sends and refuses, as `tests/peers/discord_quirks.py` has it recorded, over real sockets."""

from __future__ import annotations

import pytest

from handlers.model import TextPart
from tests.bot.discord.wire import MENTION, Process
from tests.peers.discord_peer import BEN, BOT, CHANNEL, DiscordPeer
from tests.peers.discord_quirks import REFUSED, SAID, Refused, Said


@pytest.mark.parametrize("said", SAID, ids=lambda said: said.name)
async def test_what_is_said_arrives_as_it_was_meant(peer: DiscordPeer, process: Process, said: Said) -> None:
    key = await process.asked()
    await peer.say(said.text, key.thread, by=BEN, **said.more(peer))
    await peer.say("and then", key.thread, by=BEN)
    await peer.until(lambda: process.handlers.received[-1].text == "and then")
    await process.done("discord message")
    got = [incoming for incoming in process.handlers.received[1:] if incoming.text != "and then"]
    assert [incoming.text for incoming in got] == ([] if said.heard is None else [said.heard])
    assert [file.name for incoming in got for file in incoming.attachments] == list(said.pictures)
    assert said.problem in " ".join(problem for incoming in got for problem in incoming.problems)


@pytest.mark.parametrize("refused", REFUSED, ids=lambda refused: refused.name)
async def test_where_a_thread_is_refused_a_chain_of_replies_is_the_session(
    peer: DiscordPeer, process: Process, refused: Refused
) -> None:
    peer.fail("POST", "/threads", refused.status, {"code": refused.code, "message": "no"} | refused.body)
    process.handlers.parts = (TextPart("Here you are."),)
    asked = await peer.say(f"{MENTION} a red fox")
    await peer.until(lambda: bool(peer.said(CHANNEL)))
    await process.done("discord message")
    [answer] = peer.said(CHANNEL)
    assert str(answer["message_reference"]["message_id"]) == asked["id"]
    # Whoever answers it goes on in the same session, and is answered in the same chain.
    reference = {"message_id": answer["id"], "channel_id": CHANNEL}
    await peer.say("bluer", by=BEN, message_reference=reference, referenced_message=answer)
    await peer.until(lambda: len(peer.said(CHANNEL)) == 2)
    first, second = process.handlers.received
    assert first.thread == second.thread
    assert second.text == "bluer"
    assert str(peer.said(CHANNEL)[1]["message_reference"]["message_id"]) == asked["id"]
    assert peer.said(CHANNEL)[1]["author"]["id"] == BOT
