"""`/easel …` on the loopback Slack: what is asked for, and where the answer is seen."""

from __future__ import annotations

import pytest

from handlers.model import Answer, File
from tests.bot.slack.conftest import World, slash
from tests.fakes import png
from tests.peers.slack_socket import TEAM


async def test_imagine_posts_the_wish_and_answers_in_its_thread(world: World) -> None:
    await world.peer.send("slash_commands", slash("imagine a fox <!channel> &amp; friends"))
    await world.until(lambda: bool(world.handlers.received))
    (incoming,) = world.handlers.received
    root = next(m for m in world.peer.messages if m["ts"] == incoming.thread.thread)
    assert root["text"] == "<@U1>: a fox @\u200bchannel &amp; friends"
    assert incoming.text == "a fox @channel & friends"


async def test_a_command_that_cannot_be_read_is_answered_where_it_was_given(world: World) -> None:
    await world.peer.send("slash_commands", slash("dance", url=world.peer.response_url()))
    await world.peer.until(lambda: bool(world.peer.responded))
    (said,) = world.peer.responded
    assert said["response_type"] == "ephemeral"
    assert "try one of: imagine" in said["text"]
    assert not world.peer.ephemeral


async def test_a_command_whose_address_is_too_old_is_answered_to_the_asker_in_the_channel(world: World) -> None:
    await world.peer.send("slash_commands", slash("usage", url=f"{world.peer.base}/gone"))
    await world.peer.until(lambda: bool(world.peer.ephemeral))
    assert world.peer.ephemeral[0]["user"] == "U1"
    assert "thread_ts" not in world.peer.ephemeral[0]


async def test_who_is_not_in_the_channel_is_told_in_a_direct_message(world: World) -> None:
    world.peer.fail("chat.postEphemeral", "user_not_in_channel")
    await world.peer.send("slash_commands", slash("usage"))
    await world.peer.until(lambda: any(m["channel"] == "DU1" for m in world.peer.messages))


async def test_commands_are_called_here_as_people_write_them(world: World) -> None:
    world.handlers.answer = Answer("Ask an admin (/access), see /gallery or a/gallery; /easel usage is fine.")
    await world.peer.send("slash_commands", slash("usage"))
    await world.peer.until(lambda: bool(world.peer.ephemeral))
    told = world.peer.ephemeral[0]["text"]
    assert told == "Ask an admin (/easel access), see /easel gallery or a/gallery; /easel usage is fine."


async def test_channels_are_linked_and_groups_named_without_calling_anybody(world: World) -> None:
    world.handlers.answer = Answer("allow: <#C123>\ndeny: <@&S9>\ndeny: <@&guest>\n<!channel> <@U1> <#x>")
    await world.peer.send("slash_commands", slash("access"))
    await world.peer.until(lambda: bool(world.peer.ephemeral))
    told = world.peer.ephemeral[0]["text"]
    assert told == "allow: <#C123>\ndeny: `S9`\ndeny: `guest`\n&lt;!channel&gt; &lt;@U1&gt; &lt;#x&gt;"


@pytest.mark.parametrize("text", ["queue", "cancel", "export"])
async def test_what_is_about_a_thread_needs_one(world: World, text: str) -> None:
    await world.peer.send("slash_commands", slash(text))
    await world.peer.until(lambda: bool(world.peer.ephemeral))
    assert "no session in this channel yet: begin one with /easel imagine" in world.peer.ephemeral[0]["text"]
    assert not world.handlers.called


async def test_a_command_means_the_latest_thread_of_who_gives_it_else_of_the_channel(world: World) -> None:
    mine = await world.mention()
    theirs = await world.mention(user="U2")
    for user, trigger in (("U1", "a"), ("U2", "b"), ("U3", "c")):
        await world.peer.send("slash_commands", slash("gallery", user=user, trigger=trigger))
    await world.until(lambda: len(world.handlers.called) == 3)
    meant = {call.person.id: call.thread.thread for call in world.handlers.called}
    assert meant == {"U1": mine, "U2": theirs, "U3": theirs}


async def test_what_concerns_all_is_said_in_the_thread_and_to_the_asker_where_they_look(world: World) -> None:
    thread = await world.mention()
    world.handlers.answer = Answer("From now on in this thread: size: wide.", private=False)
    await world.peer.send("slash_commands", slash("settings size:wide", url=world.peer.response_url()))
    await world.peer.until(lambda: bool(world.peer.responded))
    (call,) = world.handlers.called
    assert (call.thread.thread, call.arguments) == (thread, {"size": "wide"})
    assert [m["text"] for m in world.peer.answers(thread)] == ["From now on in this thread: size: wide."]


async def test_the_format_of_an_export_is_read_word_by_word(world: World) -> None:
    await world.mention()
    await world.peer.send("slash_commands", slash("export pdf 4"))
    await world.until(lambda: bool(world.handlers.called))
    assert world.handlers.called[0].arguments == {"format": "pdf", "each": "4"}


async def test_settings_of_a_channel_are_said_in_the_channel(world: World) -> None:
    world.handlers.answer = Answer("From now on in this channel: size: wide.", private=False)
    await world.peer.send("slash_commands", slash("settings size:wide scope:channel"))
    await world.peer.until(lambda: any(m["user"] == "UBOT" for m in world.peer.messages))
    (said,) = (m for m in world.peer.messages if m["user"] == "UBOT")
    assert (said["channel"], said["thread_ts"]) == ("C1", None)
    assert not world.peer.ephemeral


async def test_files_of_an_answer_come_in_a_direct_message_without_another_permission(world: World) -> None:
    await world.mention()
    world.handlers.answer = Answer("Here is this thread.", (File("easel.zip", "application/zip", b"zip"),))
    await world.peer.send("slash_commands", slash("export"))
    await world.peer.until(lambda: any(m.get("files") for m in world.peer.messages))
    await world.peer.until(lambda: bool(world.peer.ephemeral))
    direct = [m for m in world.peer.messages if m["channel"] == "DU1"]
    assert [m["text"] for m in direct] == ["Here is this thread.", ""]
    assert next(iter(world.peer.files.values())).data == b"zip"
    assert "direct message" in world.peer.ephemeral[0]["text"]
    assert not world.peer.called("conversations.open")


async def test_a_picture_for_all_is_posted_in_the_thread(world: World) -> None:
    await world.mention()
    file = File("board.png", "image/png", png(1), "The board: #1 a fox")
    world.handlers.answer = Answer("The board of this thread.", (file,), private=False)
    await world.peer.send("slash_commands", slash("board"))
    await world.peer.until(lambda: any(m.get("files") for m in world.peer.messages))
    await world.peer.until(lambda: any(m["text"] == "The board of this thread." for m in world.peer.messages))
    (posted,) = (m for m in world.peer.messages if m.get("files"))
    (said,) = (m for m in world.peer.messages if m["text"] == "The board of this thread.")
    assert posted["channel"] == said["channel"] == "C1"
    assert posted["thread_ts"] == said["thread_ts"]
    assert posted["thread_ts"]
    assert not [m for m in world.peer.messages if m["channel"] == "DU1"]


async def test_a_channel_where_the_bot_may_not_post_says_what_to_do(world: World) -> None:
    world.peer.fail("chat.postMessage", "not_in_channel")
    await world.peer.send("slash_commands", slash("imagine a fox", url=world.peer.response_url()))
    await world.peer.until(lambda: bool(world.peer.responded))
    assert "invite me with /invite" in world.peer.responded[0]["text"]
    assert not world.handlers.received


async def test_who_may_not_use_it_is_told_but_admins_may_still_open_it(world: World) -> None:
    world.handlers.refused = "I am not switched on in this channel; use me in another one, or ask an admin (/access)."
    await world.peer.send("slash_commands", slash("imagine a fox"))
    await world.peer.until(lambda: bool(world.peer.ephemeral))
    assert "ask an admin (/easel access)" in world.peer.ephemeral[0]["text"]
    await world.peer.send("slash_commands", slash("access rule:allow", trigger="tr2"))
    await world.until(lambda: bool(world.handlers.called))
    assert not world.handlers.received


async def test_the_command_is_done_after_a_crash_that_came_behind_its_acknowledgement(world: World) -> None:
    async def crash(_: object) -> None:
        raise SystemError("killed here")

    world.handlers.on_receive = crash
    envelope = await world.peer.send("slash_commands", slash("imagine a fox"))
    await world.peer.until(lambda: envelope in world.peer.acks)
    await world.until(lambda: len(world.handlers.received) == 1)
    assert world.open_entries()
    world.handlers.on_receive = None
    await world.restart()
    await world.until(lambda: len(world.handlers.received) == 2 and not world.open_entries())
    first, again = world.handlers.received
    assert (first.event, first.thread) == (again.event, again.thread)
    wishes = [m for m in world.peer.messages if m["user"] == "UBOT"]
    assert len(wishes) == 1, "the wish is not posted a second time"
    assert first.thread.tenant == TEAM
