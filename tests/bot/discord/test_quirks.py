"""What Discord really sends and refuses, as `tests/peers/discord_quirks.py` has it recorded, over real sockets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from handlers.model import TextPart
from imaging.marking.copies import enlarged_file
from tests.bot.discord.wire import MENTION, Process
from tests.peers import discord_shapes as shapes
from tests.peers.discord_peer import BEN, BOT, CHANNEL, DiscordPeer, Json
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


def covers(message: Json) -> list[bool]:
    """Of the pictures that a message shows: which are blurred until somebody clicks."""
    galleries = [component for component in message["components"] if component["type"] == 12]
    return [bool(item.get("spoiler")) for gallery in galleries for item in gallery["items"]]


async def test_pictures_are_covered_as_they_came_and_as_they_say(peer: DiscordPeer, process: Process) -> None:
    key = await process.asked()
    plain, made, later = (process.picture(key, number) for number in (2, 3, 4))
    await process.memory.put(f"covered:{key}", "1")  # as a program before pictures knew it noted it
    hidden = peer.attach("cat.png", b"\x89PNG cat") | {"flags": 1 << 3}

    process.handlers.parts = (plain,)
    await peer.say("a boat", key.thread)
    await peer.until(lambda: len(peer.said(key.thread)) == 1)
    process.handlers.parts = (replace(made, spoiler=True),)
    await peer.say("as a sticker", key.thread, attachments=[hidden])
    await peer.until(lambda: len(peer.said(key.thread)) == 2)
    await process.done("discord message")
    assert [file.covered for file in process.handlers.received[-1].attachments] == [True]

    again = Process(peer, process)
    await process.chat.stop()
    await again.start()
    try:
        again.handlers.parts = (replace(later, parents=(1,)),)
        await peer.say("bluer", key.thread)
        await peer.until(lambda: len(peer.said(key.thread)) == 3)
        await again.done("discord message")
    finally:
        await again.chat.stop()
    assert [covers(message) for message in peer.said(key.thread)] == [[False], [True], [True]]


async def test_an_answer_that_automod_blocks_is_told_with_the_way_out(peer: DiscordPeer, process: Process) -> None:
    key = await process.asked()
    peer.fail("POST", f"/channels/{key.thread}/messages", 400, {"code": 200000, "message": "blocked"}, times=2)
    process.handlers.parts = (TextPart("Here you are."),)
    await peer.say("a boat", key.thread)
    await peer.until(lambda: bool(process.handlers.received[1:]))
    await process.done("discord message")
    assert ["AutoMod" in sentence for sentence in process.handlers.gone] == [True]


async def test_pictures_in_components_are_known_though_no_list_has_them(peer: DiscordPeer, process: Process) -> None:
    """Discord lists no attachment that a component shows: answers to a picture, votes and later edits need it."""
    key = await process.asked()
    process.handlers.parts = (process.picture(key, 7),)
    await peer.say("again", key.thread)
    await peer.until(lambda: len(peer.said(key.thread)) == 1)
    await process.done("discord message")
    [answer] = peer.said(key.thread)
    assert shapes.outward(answer)["attachments"] == []
    reference = {"message_id": answer["id"], "channel_id": key.thread}
    process.handlers.parts = ()
    await peer.say("bluer", key.thread, message_reference=reference, referenced_message=answer)
    await peer.until(lambda: process.handlers.received[-1].text == "bluer")
    assert process.handlers.received[-1].replies_to == 7


async def test_a_picture_that_is_there_is_not_uploaded_again(peer: DiscordPeer, process: Process) -> None:
    key = await process.asked()
    fox = process.picture(key, 1)
    post = process.chat.open_reply("turn-1", key, None, None)
    post.show(process.reply("turn-1", key, fox))
    await peer.until(lambda: bool(peer.said(key.thread)))
    before = len(peer.files)
    await post.finish(process.reply("turn-1", key, fox, TextPart("Like it?"), final=True))
    [answer] = peer.said(key.thread)
    assert "Like it?" in str(answer["components"])
    assert len(answer["attachments"]) == 1
    assert len(peer.files) == before == 1


@pytest.mark.parametrize("code", [160002, 160009])
async def test_a_chain_goes_on_though_the_answer_may_hang_on_nothing(
    peer: DiscordPeer, process: Process, code: int
) -> None:
    """A reply takes the permission to read what it answers; the buttons under a picture know the chain all the same."""
    peer.fail("POST", "/threads", 403, {"code": 50013, "message": "no"})
    process.handlers.parts = ()
    asked = await peer.say(f"{MENTION} a red fox")
    await peer.until(lambda: bool(process.handlers.received))
    key = process.handlers.received[0].thread
    assert key.thread == f"r{asked['id']}"
    peer.fail("POST", f"/channels/{CHANNEL}/messages", 400, {"code": code, "message": "no"})
    await process.handlers.reply("turn-1", key, (process.picture(key),))
    [answer] = peer.said(CHANNEL)
    assert "message_reference" not in answer
    reference = {"message_id": answer["id"], "channel_id": CHANNEL}
    await peer.say("bluer", by=BEN, message_reference=reference, referenced_message=answer)
    await peer.until(lambda: len(process.handlers.received) == 2)
    assert process.handlers.received[1].thread == key


async def test_where_an_edit_takes_no_pictures_they_come_in_a_new_message(peer: DiscordPeer, process: Process) -> None:
    """Seen with messages of interactions: an edit that brings a picture into a gallery is refused."""
    peer.edits_refuse_files = True
    process.handlers.parts = ()
    await peer.slash("imagine", server="9999", text="a red fox")
    await peer.until(lambda: bool(process.handlers.received))
    key = process.handlers.received[0].thread
    fox = process.picture(key, 1)
    post = process.chat.open_reply("turn-1", key, None, None)
    post.show(process.reply("turn-1", key, TextPart("Here it comes.")))
    await peer.until(lambda: "Here it comes" in str(peer.messages[CHANNEL]))
    await post.finish(process.reply("turn-1", key, TextPart("Here it is."), fox, final=True))
    shown = [message for message in peer.said(CHANNEL) if message["components"]]
    assert len(shown) == 1
    assert "Here it is." in str(shown[0]["components"])
    assert [file["filename"][:10] for file in shown[0]["attachments"]] == ["picture-1-"]


async def test_a_forwarded_answer_brings_its_pictures(peer: DiscordPeer, process: Process) -> None:
    key = await process.asked()
    process.handlers.parts = (process.picture(key, 7),)
    await peer.say("again", key.thread)
    await peer.until(lambda: len(peer.said(key.thread)) == 1)
    process.handlers.parts = ()
    await peer.say("", key.thread, **shapes.forward(peer.said(key.thread)[0]))
    await peer.until(lambda: len(process.handlers.received) == 3)
    [file] = process.handlers.received[-1].attachments
    stored = process.store.files[process.store.pictures[str(key), 7].sha256]
    assert file.data == enlarged_file(stored)
    assert "a red fox" in process.handlers.received[-1].text


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
