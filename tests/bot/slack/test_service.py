"""The Slack chat against a loopback Slack over Socket Mode: what goes in, and what people see."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from bot.chats.slack import marks
from bot.chats.slack.posting import SlackPost
from handlers.model import Action, Answer, File, Incoming, PicturePart, Reply, SlotState, TextPart, ThreadKey
from handlers.ports import ChatUnavailable
from imaging.model import Operation
from tests.bot.slack.conftest import World
from tests.peers.slack_peer import TEAM, PeerFile

FOX = PicturePart("slot1", 1, Operation.IMAGE, "a red fox")


def mention(world: World, text: str = "<@UBOT> a fox", **more: str) -> dict[str, object]:
    return world.peer.said(text, **more) | {"type": "app_mention"}


def post_for(world: World, ts: str, *, user: str = "U1", reference: str | None = None, fresh: bool = True) -> SlackPost:
    key = ThreadKey("slack", TEAM, "C1", ts)
    person = world.handlers.received[0].person if world.handlers.received else None
    incoming = Incoming("e", key, person, "hi") if fresh and person else None
    return world.service.chat.open_reply("turn-1", key, incoming, reference)


async def test_a_mention_becomes_a_turn_in_its_own_thread(world: World) -> None:
    event = mention(world)
    envelope = await world.peer.send_event(event)
    await world.peer.until(lambda: envelope in world.peer.acks)
    await world.until(lambda: bool(world.handlers.received))
    (incoming,) = world.handlers.received
    assert (incoming.text, incoming.person.name, incoming.thread.thread) == ("a fox", "U1", event["ts"])


async def test_only_threads_of_ours_are_heard_without_a_mention(world: World) -> None:
    root = world.peer.said("lunch?")
    await world.peer.send_event(world.peer.said("pizza", thread_ts=str(root["ts"])))
    ours = world.peer.said("<@UBOT> hello")
    world.store.known.add(str(ours["ts"]))
    await world.peer.send_event(world.peer.said("make it blue", thread_ts=str(ours["ts"])))
    await world.until(lambda: bool(world.handlers.received))
    assert [i.text for i in world.handlers.received] == ["make it blue"]


async def test_direct_messages_need_no_mention(world: World) -> None:
    await world.peer.send_event(world.peer.said("a fox", channel="D1", channel_type="im"))
    await world.until(lambda: bool(world.handlers.received))
    assert world.handlers.received[0].thread.channel == "D1"


async def test_who_may_not_is_told_alone_and_the_event_is_done_with(world: World) -> None:
    world.handlers.refused = "I am not switched on in this channel."
    await world.peer.send_event(mention(world))
    await world.until(lambda: any("not switched on" in str(call) for call in world.peer.ephemeral))
    assert not world.handlers.received
    assert not await world.memory.items("slack/inbox/")


async def test_an_event_is_on_disk_before_it_is_acknowledged_and_taken_up_after_a_crash(world: World) -> None:
    never = asyncio.Event()

    async def hang(_: Incoming) -> None:
        await never.wait()

    world.handlers.on_receive = hang
    envelope = await world.peer.send_event(mention(world))
    await world.peer.until(lambda: envelope in world.peer.acks)
    assert await world.memory.items("slack/inbox/")
    await world.until(lambda: len(world.handlers.received) == 1)
    await world.service.stop()  # the answer was never finished
    world.handlers.on_receive = None
    again = world.build()
    await again.start()
    try:
        await world.until(lambda: len(world.handlers.received) == 2)
        assert world.handlers.received[0].event == world.handlers.received[1].event
        await world.until(
            lambda: not world.memory.data or not any(k.startswith("slack/inbox/") for k in world.memory.data)
        )
    finally:
        await again.stop()


async def test_words_stream_and_pictures_appear_where_their_tags_stood(world: World) -> None:
    event = mention(world)
    await world.peer.send_event(event)
    await world.until(lambda: bool(world.handlers.received))
    ts = str(event["ts"])
    post = post_for(world, ts)
    reply = Reply("turn-1", world.handlers.received[0].thread, (TextPart("Here "),), thinking=False)
    post.show(reply)
    await world.peer.until(lambda: bool(world.peer.streams))
    post.show(replace(reply, parts=(TextPart("Here it is: "), replace(FOX, position=2))))
    await world.peer.until(lambda: any("2 before it" in str(m.get("blocks")) for m in world.peer.messages))
    done = replace(FOX, state=SlotState.READY, sha256="abc")
    await post.finish(replace(reply, parts=(TextPart("Here it is: "), done, TextPart("Like it?")), final=True))
    (answer,) = world.peer.answers(ts)
    assert [b["type"] for b in answer["blocks"]] == ["section", "image", "actions", "section"]
    (file,) = world.peer.files.values()
    assert (file.data, file.alt) == (b"bytes of abc", "a red fox")
    assert answer["blocks"][1]["slack_file"]["id"] == file.id


async def test_an_answer_that_was_posted_before_a_crash_is_found_not_repeated(world: World) -> None:
    event = mention(world)
    await world.peer.send_event(event)
    await world.until(lambda: bool(world.handlers.received))
    reply = Reply("turn-1", world.handlers.received[0].thread, (TextPart("Hello."),), thinking=False, final=True)
    await post_for(world, str(event["ts"])).finish(reply)
    await post_for(world, str(event["ts"]), fresh=False).finish(replace(reply, parts=(TextPart("Hello again."),)))
    (answer,) = world.peer.answers(str(event["ts"]))
    assert "Hello again." in answer["blocks"][0]["text"]["text"]


@pytest.mark.parametrize("told", ["knows the stream", "died before Slack's answer came"])
async def test_a_stream_that_a_killed_process_left_open_is_gone_on_with(world: World, told: str) -> None:
    event = mention(world)
    await world.peer.send_event(event)
    await world.until(lambda: bool(world.handlers.received))
    reply = Reply("turn-1", world.handlers.received[0].thread, (TextPart("Here *it* is, "),), thinking=False)
    world.peer.said("Here it is, says another person", thread_ts=str(event["ts"]))
    post_for(world, str(event["ts"])).show(reply)  # and never finished: the process is gone
    await world.until(lambda: '"ts":["' in world.memory.data.get("slack/post/turn-1", ""))
    if told != "knows the stream":
        note = json.loads(world.memory.data["slack/post/turn-1"])
        world.memory.data["slack/post/turn-1"] = json.dumps(note | {"ts": []})
    await post_for(world, str(event["ts"])).finish(replace(reply, parts=(TextPart("Here we are."),), final=True))
    (answer,) = world.peer.answers(str(event["ts"]))
    assert "Here we are." in answer["blocks"][0]["text"]["text"]
    assert not any(world.peer.streams.values())
    assert "slack/post/turn-1" not in world.memory.data


@pytest.mark.parametrize("error", ["message_not_in_streaming_state", "not_allowed_token_type", "unknown_method"])
async def test_where_streams_are_refused_the_message_is_updated_instead(world: World, error: str) -> None:
    world.peer.fail("chat.startStream", error, times=99)
    event = mention(world)
    await world.peer.send_event(event)
    await world.until(lambda: bool(world.handlers.received))
    post = post_for(world, str(event["ts"]))
    reply = Reply("turn-1", world.handlers.received[0].thread, (TextPart("Hello"),), thinking=False)
    post.show(reply)
    await world.peer.until(lambda: bool(world.peer.answers(str(event["ts"]))))
    await post.finish(replace(reply, parts=(TextPart("Hello there"),), final=True))
    (answer,) = world.peer.answers(str(event["ts"]))
    assert answer["blocks"][0]["text"]["text"] == "Hello there"


async def test_a_dead_stream_goes_on_by_updates_in_the_same_message(world: World) -> None:
    event = mention(world)
    await world.peer.send_event(event)
    await world.until(lambda: bool(world.handlers.received))
    post = post_for(world, str(event["ts"]))
    reply = Reply("turn-1", world.handlers.received[0].thread, (TextPart("One"),), thinking=False)
    post.show(reply)
    await world.peer.until(lambda: bool(world.peer.streams))
    world.peer.streams.update(dict.fromkeys(world.peer.streams, False))
    post.show(replace(reply, parts=(TextPart("One two"),)))
    await post.finish(replace(reply, parts=(TextPart("One two three"),), final=True))
    (answer,) = world.peer.answers(str(event["ts"]))
    assert answer["blocks"][0]["text"]["text"] == "One two three"


async def test_a_deleted_message_is_continued_in_a_new_one(world: World) -> None:
    event = mention(world)
    await world.peer.send_event(event)
    await world.until(lambda: bool(world.handlers.received))
    post = post_for(world, str(event["ts"]))
    reply = Reply("turn-1", world.handlers.received[0].thread, (FOX,), thinking=False)
    post.show(reply)
    await world.peer.until(lambda: bool(world.peer.answers(str(event["ts"]))))
    world.peer.messages = [m for m in world.peer.messages if m["user"] != "UBOT"]
    await post.finish(replace(reply, parts=(TextPart("Still here."),), final=True))
    assert len(world.peer.answers(str(event["ts"]))) == 1


@pytest.mark.parametrize("error", ["is_archived", "channel_not_found", "not_in_channel", "token_revoked"])
async def test_a_place_that_is_gone_for_good_is_reported_as_such(world: World, error: str) -> None:
    event = mention(world)
    await world.peer.send_event(event)
    await world.until(lambda: bool(world.handlers.received))
    world.peer.fail("chat.postMessage", error)
    reply = Reply("turn-1", world.handlers.received[0].thread, (TextPart("Hello"),), thinking=False, final=True)
    with pytest.raises(ChatUnavailable):
        await post_for(world, str(event["ts"])).finish(reply)


async def test_429_is_waited_out(world: World) -> None:
    event = mention(world)
    await world.peer.send_event(event)
    await world.until(lambda: bool(world.handlers.received))
    world.peer.fail("chat.postMessage", "ratelimited", status=429, retry_after=1, times=2)
    reply = Reply("turn-1", world.handlers.received[0].thread, (TextPart("Hello"),), thinking=False, final=True)
    await post_for(world, str(event["ts"])).finish(reply)
    assert len(world.peer.answers(str(event["ts"]))) == 1


async def test_a_file_that_is_slow_to_be_processed_is_waited_for(world: World) -> None:
    world.peer.polls_until_processed = 3
    event = mention(world)
    await world.peer.send_event(event)
    await world.until(lambda: bool(world.handlers.received))
    done = replace(FOX, state=SlotState.READY, sha256="abc")
    reply = Reply("turn-1", world.handlers.received[0].thread, (done,), thinking=False, final=True)
    await post_for(world, str(event["ts"])).finish(reply)
    (answer,) = world.peer.answers(str(event["ts"]))
    assert answer["blocks"][0]["type"] == "image"


def click(world: World, action: Action, number: int, thread_ts: str) -> dict[str, object]:
    container = {"type": "message", "channel_id": "C1", "message_ts": "1700000000.000009", "thread_ts": thread_ts}
    button = {"type": "button", "action_id": marks.action_id(action, number), "action_ts": "1.1", "block_id": "b"}
    return {
        "type": "block_actions", "team": {"id": TEAM}, "user": {"id": "U1"}, "trigger_id": "tr", "container": container,
        "channel": {"id": "C1"}, "actions": [button], "response_url": "",
    }  # fmt: skip


async def test_a_click_is_acknowledged_and_its_answer_is_for_the_asker_alone(world: World) -> None:
    root = world.peer.said("<@UBOT> a fox")
    world.handlers.answer = Answer("prompt: a red fox <@U9>")
    envelope = await world.peer.send("interactive", click(world, Action.RECIPE, 1, str(root["ts"])))
    await world.peer.until(lambda: bool(world.peer.ephemeral))
    await world.peer.until(lambda: envelope in world.peer.acks)
    assert world.handlers.pressed[0].action is Action.RECIPE
    assert world.peer.ephemeral[0]["user"] == "U1"
    assert "<@U9>" not in world.peer.ephemeral[0]["text"]


async def test_edit_opens_a_modal_with_the_description_and_the_modal_presses(world: World) -> None:
    root = world.peer.said("<@UBOT> a fox")
    await world.peer.send("interactive", click(world, Action.EDIT, 1, str(root["ts"])))
    await world.peer.until(lambda: bool(world.peer.views))
    (view,) = world.peer.views
    assert view["blocks"][0]["element"]["initial_value"] == "a red fox"
    values = {
        "description": {"value": {"value": "a blue fox"}},
        "change": {"value": {"selected_option": {"value": "small"}}},
    }
    back = {
        "type": "view_submission", "team": {"id": TEAM}, "user": {"id": "U1"},
        "view": view | {"id": "V1", "state": {"values": values}},
    }  # fmt: skip
    await world.peer.send("interactive", back)
    await world.until(lambda: bool(world.handlers.pressed))
    press = world.handlers.pressed[0]
    assert (press.action, press.picture, press.text, press.change) == (Action.EDIT, 1, "a blue fox", "small")
    assert press.thread.thread == root["ts"]


async def test_an_empty_modal_shows_its_error_at_the_field(world: World) -> None:
    values = {"description": {"value": {"value": " "}}}
    view = {
        "id": "V1",
        "type": "modal",
        "callback_id": marks.EDIT_VIEW,
        "private_metadata": "{}",
        "state": {"values": values},
    }
    body = {"type": "view_submission", "team": {"id": TEAM}, "user": {"id": "U1"}, "view": view}
    envelope = await world.peer.send("interactive", body)
    await world.peer.until(lambda: envelope in world.peer.acks)
    assert "description" in world.peer.acks[envelope]["errors"]


def slash(text: str, channel: str = "C1") -> dict[str, str]:
    return {
        "command": "/easel",
        "text": text,
        "team_id": TEAM,
        "user_id": "U1",
        "channel_id": channel,
        "trigger_id": "tr",
    }


async def test_imagine_posts_the_wish_and_answers_in_its_thread(world: World) -> None:
    await world.peer.send("slash_commands", slash("imagine a fox <!channel>"))
    await world.until(lambda: bool(world.handlers.received))
    (incoming,) = world.handlers.received
    root = next(m for m in world.peer.messages if m["ts"] == incoming.thread.thread)
    assert root["text"] == "<@U1>: a fox &lt;!channel&gt;"
    assert incoming.text == "a fox <!channel>"


async def test_a_command_that_cannot_be_read_is_answered_to_the_asker(world: World) -> None:
    await world.peer.send("slash_commands", slash("dance"))
    await world.peer.until(lambda: bool(world.peer.ephemeral))
    assert "try one of" in world.peer.ephemeral[0]["text"]


async def test_files_of_an_answer_come_in_a_direct_message(world: World) -> None:
    world.handlers.answer = Answer("Here.", (File("easel.zip", "application/zip", b"zip"),))
    await world.peer.send("slash_commands", slash("usage"))
    await world.peer.until(lambda: any(m["channel"] == "DU1" for m in world.peer.messages))
    assert next(iter(world.peer.files.values())).data == b"zip"


async def test_home_shows_how_to_start(world: World) -> None:
    event = {"type": "app_home_opened", "user": "U1", "channel": "D1", "tab": "home", "event_ts": "1.1"}
    await world.peer.send_event(event)
    await world.peer.until(lambda: bool(world.peer.views))
    assert world.peer.views[0]["type"] == "home"
    assert "Talk, and pictures appear" in str(world.peer.views[0])


async def test_slacks_stop_button_stops_the_thread(world: World) -> None:
    event = {"type": "agent_session_stopped", "user": "U1", "channel": "C1", "thread_ts": "5.5", "event_ts": "1.1"}
    await world.peer.send_event(event)
    await world.until(lambda: bool(world.handlers.pressed))
    assert world.handlers.pressed[0].action is Action.STOP
    assert world.handlers.pressed[0].thread.thread == "5.5"


async def test_a_reference_picture_is_downloaded_with_the_token(world: World) -> None:
    world.peer.said("here")
    world.peer.files["FX"] = PeerFile("FX", "x.png", 4, "", b"data", done=True)
    good = {"name": "x.png", "mimetype": "image/png", "size": 4, "url_private_download": f"{world.peer.base}/files/FX"}
    bad = {"name": "y.png", "mimetype": "image/png", "size": 4, "url_private_download": "https://evil.example/y.png"}
    pdf = {
        "name": "z.pdf",
        "mimetype": "application/pdf",
        "size": 4,
        "url_private_download": f"{world.peer.base}/files/FX",
    }
    await world.peer.send_event(mention(world) | {"files": [good, bad, pdf]})
    await world.until(lambda: bool(world.handlers.received))
    assert [(a.name, a.data) for a in world.handlers.received[0].attachments] == [("x.png", b"data")]
    told = " ".join(e["text"] for e in world.peer.ephemeral)
    assert "y.png is not stored at Slack" in told
    assert "z.pdf is not a picture" in told


async def test_a_wrong_token_stops_the_start_with_the_way_out(world: World) -> None:
    world.peer.fail("auth.test", "invalid_auth")
    service = world.build()
    with pytest.raises(RuntimeError, match="copy the Bot User OAuth Token again"):
        await service.start()
    await service.stop()


async def test_a_closed_socket_is_opened_again(world: World) -> None:
    before = world.peer.connections
    await world.peer.drop_sockets()
    await world.peer.until(lambda: world.peer.connections > before, 60)
    await world.peer.send_event(mention(world))
    await world.until(lambda: bool(world.handlers.received))


async def test_the_status_says_what_is_drawn_and_ends_with_the_answer(world: World) -> None:
    event = mention(world)
    await world.peer.send_event(event)
    await world.until(lambda: bool(world.handlers.received))
    post = post_for(world, str(event["ts"]))
    ready = replace(FOX, state=SlotState.READY, sha256="abc")
    second = replace(FOX, slot="slot2", number=2)
    reply = Reply("turn-1", world.handlers.received[0].thread)
    for snapshot in (reply, replace(reply, parts=(FOX, second)), replace(reply, parts=(ready, second))):
        before = len(world.peer.statuses)
        post.show(snapshot)
        await world.peer.until(lambda before=before: len(world.peer.statuses) > before)
    await post.finish(replace(reply, parts=(TextPart("Done."),), final=True))
    assert world.peer.sessions == ["processing", "active"]
    assert world.peer.statuses == ["is thinking…", "is drawing #1 (1 of 2)…", "is drawing #2 (2 of 2)…", ""]


async def test_a_conversation_in_the_agent_view_is_called_by_its_first_words(world: World) -> None:
    await world.peer.send_event(world.peer.said("a fox\nin the snow", channel="D1", channel_type="im", thread_ts="1.5"))
    await world.until(lambda: bool(world.handlers.received))
    assert world.peer.titles == {"1.5": "a fox"}


async def test_the_global_shortcut_asks_for_words_and_answers_in_a_direct_message(world: World) -> None:
    about: dict[str, Any] = {"team": {"id": TEAM}, "user": {"id": "U1"}, "trigger_id": "tr"}
    await world.peer.send("interactive", about | {"type": "shortcut", "callback_id": "easel.shortcut.new"})
    await world.peer.until(lambda: bool(world.peer.views))
    (view,) = world.peer.views

    def submitted(words: str) -> dict[str, Any]:
        state = {"values": {"description": {"value": {"type": "plain_text_input", "value": words}}}}
        return about | {"type": "view_submission", "view": view | {"id": "V1", "state": state}}

    blank = await world.peer.send("interactive", submitted(" "))
    await world.peer.until(lambda: blank in world.peer.acks)
    assert list(world.peer.acks[blank]["errors"]) == ["description"]
    await world.peer.send("interactive", submitted("a fox"))
    await world.until(lambda: bool(world.handlers.received))
    (incoming,) = world.handlers.received
    assert (incoming.text, incoming.thread.channel) == ("a fox", "DU1")
