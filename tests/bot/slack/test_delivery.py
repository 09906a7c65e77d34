"""Every message once: written down before it is acknowledged, duplicates dropped, crashes made good."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from bot.chats.slack.incoming.inbox import Entry, Inbox, Kind
from handlers.errors import StoreError
from handlers.model import Action, Incoming, Reply, SlotState, TextPart
from handlers.ports import ChatUnavailable
from tests.bot.slack.conftest import FOX, Memory, World, answers_with_pictures, click


async def test_a_mention_becomes_a_turn_in_its_own_thread(world: World) -> None:
    event = world.peer.said("<@UBOT> a fox for <@U2> in <#C9|design>")
    world.peer.people["U2"] = {"profile": {"display_name": "Ben"}}
    envelope = await world.peer.send_event(event | {"type": "app_mention"})
    await world.peer.until(lambda: envelope in world.peer.acks)
    await world.until(lambda: bool(world.handlers.received))
    (incoming,) = world.handlers.received
    assert (incoming.text, incoming.person.name, incoming.thread.thread) == (
        "a fox for @Ben in #design",
        "U1",
        event["ts"],
    )


async def test_only_threads_of_ours_are_heard_without_a_mention(world: World) -> None:
    root = world.peer.said("lunch?")
    await world.peer.send_event(world.peer.said("pizza", thread_ts=str(root["ts"])))
    ours = world.peer.said("<@UBOT> hello")
    world.store.known.add(str(ours["ts"]))
    await world.peer.send_event(world.peer.said("make it blue", thread_ts=str(ours["ts"])))
    await world.until(lambda: bool(world.handlers.received))
    assert [i.text for i in world.handlers.received] == ["make it blue"]


async def test_what_is_said_in_a_thread_before_its_first_turn_is_stored_is_heard_too(world: World) -> None:
    world.peer.fail("users.info", "ratelimited", status=429, retry_after=1)
    first = world.peer.said("<@UBOT> a fox")
    await world.peer.send_event(first | {"type": "app_mention"})
    await world.until(lambda: bool(world.open_entries()))
    await world.peer.send_event(world.peer.said("and a hen", thread_ts=str(first["ts"])))
    await world.until(lambda: len(world.handlers.received) == 2)
    assert {i.text for i in world.handlers.received} == {"a fox", "and a hen"}


async def test_one_message_by_mention_and_message_and_again_under_new_ids_is_one_turn(world: World) -> None:
    event = world.peer.said("<@UBOT> a fox")
    await world.peer.send_event(event | {"type": "app_mention"})
    await world.peer.send_event(event)
    await world.until(lambda: bool(world.handlers.received) and not world.open_entries())
    for number in range(3):
        envelope = await world.peer.send_event(event, event_id=f"EvAgain{number}", retry=number)
        await world.peer.until(lambda envelope=envelope: envelope in world.peer.acks)
    assert len(world.handlers.received) == 1
    assert not world.open_entries()


async def test_who_may_not_is_told_alone_and_the_event_is_done_with(world: World) -> None:
    world.handlers.refused = "I am not switched on in this channel."
    await world.peer.send_event(world.peer.said("<@UBOT> a fox") | {"type": "app_mention"})
    await world.peer.until(lambda: any("not switched on" in str(call) for call in world.peer.ephemeral))
    await world.until(lambda: not world.open_entries())
    assert not world.handlers.received


async def test_an_event_is_on_disk_before_it_is_acknowledged_and_taken_up_after_a_crash(world: World) -> None:
    never = asyncio.Event()

    async def hang(_: Incoming) -> None:
        await never.wait()

    world.handlers.on_receive = hang
    event = world.peer.said("<@UBOT> a fox")
    envelope = await world.peer.send_event(event | {"type": "app_mention"})
    await world.peer.until(lambda: envelope in world.peer.acks)
    assert world.open_entries()
    await world.until(lambda: len(world.handlers.received) == 1)
    second = await world.peer.send_event(event)  # the other delivery of the same message crosses nothing out
    await world.peer.until(lambda: second in world.peer.acks)
    assert world.open_entries()
    world.handlers.on_receive = None
    await world.restart()  # the answer was never finished
    await world.until(lambda: len(world.handlers.received) == 2 and not world.open_entries())
    first, again = world.handlers.received
    assert (first.event, first.text) == (again.event, again.text)


async def test_what_cannot_be_written_down_is_not_acknowledged_and_slacks_retry_is_answered(world: World) -> None:
    keep = world.memory.keep
    tried = asyncio.Event()

    async def full(key: str, value: str) -> None:
        tried.set()
        raise StoreError("The disk is full.")

    world.memory.keep = full  # type: ignore[method-assign]
    event = world.peer.said("<@UBOT> a fox") | {"type": "app_mention"}
    lost = await world.peer.send_event(event)
    await asyncio.wait_for(tried.wait(), 10)
    world.memory.keep = keep  # type: ignore[method-assign]
    fine = await world.peer.send_event(event, retry=1)
    await world.until(lambda: bool(world.handlers.received))
    await world.peer.until(lambda: fine in world.peer.acks)
    assert lost not in world.peer.acks
    assert len(world.handlers.received) == 1


async def test_a_store_that_cannot_be_read_leaves_the_event_to_slacks_retry(world: World) -> None:
    world.store.broken = True
    event = world.peer.said("make it blue", thread_ts=str(world.peer.said("x")["ts"]))
    lost = await world.peer.send_event(event)
    await world.until(lambda: world.store.asked > 0)
    world.store.broken = False
    world.store.known.add(str(event["thread_ts"]))
    await world.peer.send_event(event, retry=1)
    await world.until(lambda: bool(world.handlers.received))
    assert lost not in world.peer.acks


@pytest.mark.parametrize("rubbish", ["{", "[]", '{"kind": "message"}', '{"kind": "dance", "team": "T1", "body": {}}'])
async def test_an_unreadable_entry_of_the_inbox_keeps_no_start_back(world: World, rubbish: str) -> None:
    world.memory.data["slack/inbox/slack/T1/C1/1.1"] = rubbish
    await world.restart()
    assert not world.open_entries()
    await world.mention()


@pytest.mark.parametrize(("kind", "starts"), [("click", 2), ("message", 5)])
async def test_what_was_under_way_whenever_the_program_ended_is_given_up_with_a_sentence(
    world: World, kind: str, starts: int
) -> None:
    never = asyncio.Event()

    async def hang(_: object) -> None:
        await never.wait()

    world.handlers.on_press = world.handlers.on_receive = hang
    if kind == "click":
        await world.peer.send("interactive", click(Action.RECIPE, 1, "1.1"))
    else:
        await world.peer.send_event(world.peer.said("<@UBOT> a fox") | {"type": "app_mention"})
    taken: Sequence[object] = world.handlers.pressed if kind == "click" else world.handlers.received

    async def times(count: int) -> None:
        await world.until(lambda: len(taken) == count)

    for start in range(starts):
        await times(1 + start)
        await world.restart()
    await world.peer.until(lambda: any("again and again" in str(call) for call in world.peer.ephemeral))
    await world.until(lambda: not world.open_entries())
    assert len(taken) == starts


# Answers


async def test_an_answer_that_was_posted_before_a_crash_is_found_not_repeated(world: World) -> None:
    thread = await world.mention()
    reply = Reply("turn-1", world.handlers.received[0].thread, (TextPart("Hello."),), thinking=False, final=True)
    await world.post(thread).finish(reply)
    await world.post(thread, fresh=False).finish(replace(reply, parts=(TextPart("Hello again."),)))
    (answer,) = world.peer.answers(thread)
    assert "Hello again." in answer["blocks"][0]["text"]["text"]


@pytest.mark.parametrize("told", ["knows the stream", "died before Slack's answer came"])
async def test_a_stream_that_a_killed_process_left_open_is_gone_on_with(world: World, told: str) -> None:
    thread = await world.mention()
    reply = Reply("turn-1", world.handlers.received[0].thread, (TextPart("Here *it* is, "),), thinking=False)
    world.peer.said("Here it is, says another person", thread_ts=thread)
    world.post(thread).show(reply)  # and never finished: the process is gone
    await world.until(lambda: '"ts":["' in world.memory.data.get("slack/post/turn-1", ""))
    if told != "knows the stream":
        note = json.loads(world.memory.data["slack/post/turn-1"])
        world.memory.data["slack/post/turn-1"] = json.dumps(note | {"ts": []})
    await world.post(thread).finish(replace(reply, parts=(TextPart("Here we are."),), final=True))
    (answer,) = world.peer.answers(thread)
    assert "Here we are." in answer["blocks"][0]["text"]["text"]
    assert not any(world.peer.streams.values())
    assert "slack/post/turn-1" not in world.memory.data


@pytest.mark.parametrize("moment", ["before the bytes", "before it was noted"])
async def test_a_picture_that_was_being_uploaded_is_there_once_after_a_crash(world: World, moment: str) -> None:
    thread = await world.mention()
    done = replace(FOX, state=SlotState.READY, sha256="abc")
    reply = Reply("turn-1", world.handlers.received[0].thread, (done,), thinking=False, final=True)
    if moment == "before the bytes":
        world.peer.fail("upload", "", status=503, times=99)
    else:
        world.peer.fail("files.info", "internal_error", status=500, times=99)
    dying = asyncio.create_task(world.post(thread).finish(reply))
    await world.until(lambda: '"slot1"' in world.memory.data.get("slack/post/turn-1", ""))
    if moment != "before the bytes":
        await world.until(lambda: any(file.done for file in world.peer.files.values()))
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    world.peer.heal()
    await world.post(thread, fresh=False).finish(reply)
    (shown,) = answers_with_pictures(world.peer.answers(thread)[0])
    assert world.peer.files[shown].data == b"bytes of abc"
    assert len([file for file in world.peer.files.values() if file.done]) == 1


async def test_messages_that_an_answer_no_longer_needs_are_taken_away(world: World) -> None:
    """After a crash the model is asked again, and may say less."""
    thread = await world.mention()
    long = "word " * 4_000
    reply = Reply("turn-1", world.handlers.received[0].thread, (TextPart(long),), thinking=False, final=True)
    await world.post(thread).finish(reply)
    assert len(world.peer.answers(thread)) > 1
    await world.post(thread, fresh=False).finish(replace(reply, parts=(TextPart("Short."),)))
    (answer,) = world.peer.answers(thread)
    assert answer["blocks"][0]["text"]["text"] == "Short."


async def test_a_deleted_message_is_continued_in_a_new_one(world: World) -> None:
    thread = await world.mention()
    post = world.post(thread)
    reply = Reply("turn-1", world.handlers.received[0].thread, (FOX,), thinking=False)
    post.show(reply)
    await world.peer.until(lambda: bool(world.peer.answers(thread)))
    world.peer.messages = [m for m in world.peer.messages if m["user"] != "UBOT"]
    await post.finish(replace(reply, parts=(TextPart("Still here."),), final=True))
    assert len(world.peer.answers(thread)) == 1


async def test_a_deleted_parent_ends_the_answer_with_its_reason(world: World) -> None:
    thread = await world.mention()
    world.peer.messages.clear()
    reply = Reply("turn-1", world.handlers.received[0].thread, (TextPart("Hello"),), thinking=False)
    post = world.post(thread)
    post.show(reply)
    with pytest.raises(ChatUnavailable, match="the thread was deleted"):
        await post.finish(replace(reply, final=True))
    assert not world.peer.messages
    assert "slack/post/turn-1" not in world.memory.data


async def test_an_archived_channel_ends_the_answer_and_who_asked_is_told_directly(world: World) -> None:
    thread = await world.mention()
    post = world.post(thread)
    reply = Reply("turn-1", world.handlers.received[0].thread, (FOX,), thinking=False)
    post.show(reply)
    await world.peer.until(lambda: bool(world.peer.answers(thread)))
    world.peer.archived.add("C1")
    with pytest.raises(ChatUnavailable, match="the channel is archived"):
        await post.finish(replace(reply, parts=(TextPart("Hello"),), final=True))
    incoming = world.handlers.received[0]
    await world.service.chat.tell(incoming.thread, incoming.person, "I could not post my answer.")
    assert [m["text"] for m in world.peer.messages if m["channel"] == "DU1"] == ["I could not post my answer."]


@pytest.mark.parametrize(
    "error", ["channel_not_found", "not_in_channel", "restricted_action", "token_revoked", "account_inactive"]
)
async def test_a_place_that_is_closed_for_good_is_reported_as_such(world: World, error: str) -> None:
    thread = await world.mention()
    world.peer.fail("chat.postMessage", error)
    reply = Reply("turn-1", world.handlers.received[0].thread, (TextPart("Hello"),), thinking=False, final=True)
    with pytest.raises(ChatUnavailable):
        await world.post(thread).finish(reply)


async def test_a_missing_scope_says_how_to_get_it(world: World) -> None:
    thread = await world.mention()
    world.peer.scopes = "app_mentions:read"
    reply = Reply("turn-1", world.handlers.received[0].thread, (TextPart("Hello"),), thinking=False, final=True)
    with pytest.raises(ChatUnavailable, match="easel slack manifest"):
        await world.post(thread).finish(reply)


async def test_what_comes_while_the_program_starts_is_not_counted_as_taken_up() -> None:
    memory = Memory()
    first = Inbox(memory)
    assert await first.take(Entry("command/T1/tr", Kind.COMMAND, "T1", {}))
    assert await first.open() == []  # looked into only now
    [left] = await Inbox(memory).open()
    assert (left.starts, left.deadly) == (1, False)


async def test_a_covered_picture_is_no_file_of_the_channel_and_is_shown_to_who_asks(world: World) -> None:
    thread = await world.mention()
    covered = replace(FOX, state=SlotState.READY, sha256="abc", spoiler=True)
    reply = Reply("turn-1", world.handlers.received[0].thread, (covered,), thinking=False, final=True)
    await world.post(thread).finish(reply)
    (answer,) = world.peer.answers(thread)
    assert world.peer.files == {}
    assert "may be sensitive" in str(answer["blocks"])
    assert [block["type"] for block in answer["blocks"]] == ["section", "actions"]
    assert answer["blocks"][1]["elements"][0]["action_id"] == "easel.show.1"
