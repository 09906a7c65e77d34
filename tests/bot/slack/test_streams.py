"""Words in Slack as they are written: native streams, their end after five minutes, and what comes instead."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from bot.chats.slack.outgoing import stream as streaming
from handlers.model import Reply, SlotState, TextPart
from tests.bot.slack.conftest import FOX, World, answers_with_pictures


def reply_to(world: World, *parts: Any, final: bool = False) -> Reply:
    return Reply("turn-1", world.handlers.received[-1].thread, parts, thinking=False, final=final)


def written(world: World, thread: str) -> str:
    """All words of a finished answer, over its messages."""
    sections = (b for m in world.peer.answers(thread) for b in m["blocks"] if b["type"] == "section")
    return " ".join(block["text"]["text"] for block in sections)


async def test_a_stream_rolls_over_to_a_new_message_before_slack_ends_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "STREAM_S", 0.3)
    monkeypatch.setattr(streaming, "LATEST_S", 5.0)
    world.peer.stream_s = 5.0
    thread = await world.mention()
    post = world.post(thread)
    words = [f"word{number}" for number in range(60)]
    for count in range(1, len(words)):
        text = " ".join(words[:count]) + " half"  # ends in the middle of a word, as models do
        post.show(reply_to(world, TextPart(text[: text.rindex("half") + 2])))
        await asyncio.sleep(0.03)
    final = " ".join(words)
    await post.finish(reply_to(world, TextPart(final), final=True))
    assert len(world.peer.called("chat.startStream")) > 1
    assert not [c for c in world.peer.calls if c[0] == "chat.update" and c[1]["ts"] not in ids(world, thread)]
    messages = world.peer.answers(thread)
    assert len(messages) == len(world.peer.called("chat.startStream"))
    assert written(world, thread).split() == words, "every word once, none torn"
    assert not any(world.peer.streams.values())


def ids(world: World, thread: str) -> set[str]:
    return {str(m["ts"]) for m in world.peer.answers(thread)}


async def test_a_code_block_is_closed_and_opened_again_where_a_stream_rolls_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "MESSAGE_CHARS", 40)
    thread = await world.mention()
    post = world.post(thread)
    lines = ["Look:\n```"] + [f"x = {number}" for number in range(20)] + ["```", "Done."]
    for count in range(1, len(lines) + 1):
        post.show(reply_to(world, TextPart("\n".join(lines[:count]) + "\n")))
        await asyncio.sleep(0.03)
    streamed = [m["text"] for m in world.peer.answers(thread)]
    assert len(streamed) > 1
    assert all(text.count("```") % 2 == 0 for text in streamed[:-1])
    await post.finish(reply_to(world, TextPart("\n".join(lines)), final=True))
    shown = [block["text"]["text"] for m in world.peer.answers(thread) for block in m["blocks"]]
    assert all(text.count("```") % 2 == 0 for text in shown)
    assert [line for text in shown for line in text.splitlines() if line.startswith("x =")] == lines[1:-2]


async def test_pictures_after_a_rollover_stand_in_the_message_that_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "MESSAGE_CHARS", 20)
    thread = await world.mention()
    post = world.post(thread)
    text = "one two three four five six seven eight "
    for end in range(5, len(text), 5):
        post.show(reply_to(world, TextPart(text[:end])))
        await asyncio.sleep(0.03)
    fox = replace(FOX, state=SlotState.READY, sha256="abc")
    await post.finish(reply_to(world, TextPart(text), fox, TextPart("like it?"), final=True))
    shown = world.peer.answers(thread)
    assert len(shown) > 1
    assert [len(answers_with_pictures(m)) for m in shown] == [0] * (len(shown) - 1) + [1]
    assert written(world, thread).split() == [*text.split(), "like", "it?"]


@pytest.mark.parametrize(
    "error",
    ["message_not_in_streaming_state", "not_allowed_token_type", "unknown_method", "channel_type_not_supported"],
)
async def test_where_streams_are_refused_the_message_is_updated_instead(world: World, error: str) -> None:
    world.peer.fail("chat.startStream", error, times=99)
    thread = await world.mention()
    post = world.post(thread)
    post.show(reply_to(world, TextPart("Hello")))
    await world.peer.until(lambda: bool(world.peer.answers(thread)))
    await post.finish(reply_to(world, TextPart("Hello there"), final=True))
    (answer,) = world.peer.answers(thread)
    assert answer["blocks"][0]["text"]["text"] == "Hello there"


async def test_a_stream_that_slack_has_ended_goes_on_by_updates_in_the_same_message(world: World) -> None:
    world.peer.stream_s = 0.2
    thread = await world.mention()
    post = world.post(thread)
    post.show(reply_to(world, TextPart("One")))
    await world.peer.until(lambda: bool(world.peer.streams))
    await asyncio.sleep(0.3)
    post.show(reply_to(world, TextPart("One two")))
    await world.peer.until(lambda: "One two" in json.dumps(world.peer.answers(thread)[0].get("blocks")))
    await post.finish(reply_to(world, TextPart("One two three"), final=True))
    (answer,) = world.peer.answers(thread)
    assert answer["blocks"][0]["text"]["text"] == "One two three"


async def test_a_stream_in_a_channel_names_the_persons_own_workspace(world: World) -> None:
    """In a Slack Connect channel that is another one than ours."""
    world.peer.people["U9"] = {"team_id": "T9", "is_stranger": True}
    thread = await world.mention(user="U9")
    post = world.service.chat.open_reply("turn-1", world.handlers.received[0].thread, world.handlers.received[0], None)
    post.show(reply_to(world, TextPart("Hello")))
    await world.peer.until(lambda: bool(world.peer.streams))
    (call,) = world.peer.called("chat.startStream")
    assert (call["recipient_team_id"], call["recipient_user_id"]) == ("T9", "U9")
    await post.finish(reply_to(world, TextPart("Hello there"), final=True))
    assert len(world.peer.answers(thread)) == 1


async def test_a_half_written_mention_waits_for_its_end(world: World) -> None:
    thread = await world.mention()
    post = world.post(thread)
    for text in ("Dear @chan", "Dear @channel, ", "Dear @channel, <!here> hello <@U1>"):
        post.show(reply_to(world, TextPart(text)))
        await asyncio.sleep(0.05)
    await world.peer.until(lambda: "hello" in str(world.peer.answers(thread)[0]["text"]))
    said = world.peer.answers(thread)[0]["text"]
    assert "@channel" not in said
    assert "@\u200bchannel" in said
    assert "<" not in said
    await post.finish(reply_to(world, TextPart("Dear @channel, <!here> hello <@U1>"), final=True))
    assert "@channel" not in written(world, thread)


async def test_words_wait_no_minute_for_a_stream_that_is_rate_limited(world: World) -> None:
    world.peer.fail("chat.startStream", "ratelimited", status=429, retry_after=60)
    thread = await world.mention()
    post = world.post(thread)
    post.show(reply_to(world, TextPart("Hello")))
    await world.peer.until(lambda: bool(world.peer.answers(thread)), 5)
    await post.finish(reply_to(world, TextPart("Hello there"), final=True))
    assert len(world.peer.answers(thread)) == 1


async def test_429_is_waited_out(world: World) -> None:
    thread = await world.mention()
    world.peer.fail("chat.postMessage", "ratelimited", status=429, retry_after=1, times=2)
    await world.post(thread).finish(reply_to(world, TextPart("Hello"), final=True))
    assert len(world.peer.answers(thread)) == 1


async def test_while_updates_are_rate_limited_snapshots_are_left_out(world: World) -> None:
    thread = await world.mention()
    post = world.post(thread)
    post.show(reply_to(world, FOX))
    await world.peer.until(lambda: bool(world.peer.answers(thread)))
    world.peer.fail("chat.update", "ratelimited", status=429, retry_after=1)
    for step in range(30):
        post.show(reply_to(world, replace(FOX, state=SlotState.RENDERING, step=step, total=30)))
        await asyncio.sleep(0.02)
    before = len(world.peer.called("chat.update"))
    await post.finish(reply_to(world, TextPart("Done."), final=True))
    assert before <= 2, "one that was refused, and what waited for it"
    assert "Done." in json.dumps(world.peer.answers(thread)[0]["blocks"])


async def test_answers_of_a_workspace_share_its_pace(world: World) -> None:
    clients = world.service.chat.clients
    assert clients.pace_s("T1", 1.2) == 1.2
    for _ in range(5):
        clients.begin_answer("T1")
    assert clients.pace_s("T1", 1.2) == pytest.approx(6.0)
    assert clients.pace_s("T2", 1.2) == 1.2
    for _ in range(5):
        clients.end_answer("T1")
    assert clients.pace_s("T1", 1.2) == 1.2


# Pictures


async def test_pictures_appear_where_their_tags_stood_each_once_with_its_bytes(world: World) -> None:
    thread = await world.mention()
    post = world.post(thread)
    post.show(reply_to(world, TextPart("Here ")))
    await world.peer.until(lambda: bool(world.peer.streams))
    post.show(reply_to(world, TextPart("Here it is: "), replace(FOX, position=2)))
    await world.peer.until(lambda: any("2 pictures before it" in str(m.get("blocks")) for m in world.peer.messages))
    done = replace(FOX, state=SlotState.READY, sha256="abc")
    await post.finish(reply_to(world, TextPart("Here it is: "), done, TextPart("Like it?"), final=True))
    (answer,) = world.peer.answers(thread)
    assert [b["type"] for b in answer["blocks"]] == ["section", "image", "actions", "section"]
    (file,) = world.peer.files.values()
    assert (file.data, file.alt) == (b"bytes of abc", "a red fox (made with AI)")
    assert answer["blocks"][1]["slack_file"]["id"] == file.id


async def test_words_go_on_while_slack_processes_a_picture(world: World) -> None:
    world.peer.polls_until_processed = 4
    thread = await world.mention()
    post = world.post(thread)
    done = replace(FOX, state=SlotState.READY, sha256="abc")
    post.show(reply_to(world, TextPart("Here: "), done))
    await world.peer.until(lambda: bool(world.peer.files))
    post.show(reply_to(world, TextPart("Here: "), done, TextPart("and now I tell you more")))
    await world.peer.until(lambda: "tell you more" in json.dumps(world.peer.answers(thread)))
    assert not answers_with_pictures(world.peer.answers(thread)[0])
    await post.finish(reply_to(world, TextPart("Here: "), done, TextPart("and now all"), final=True))
    assert len(answers_with_pictures(world.peer.answers(thread)[0])) == 1
    assert len(world.peer.files) == 1


async def test_a_picture_that_slack_never_shows_leaves_the_words(world: World) -> None:
    thread = await world.mention()
    world.peer.fail("chat.postMessage", "invalid_blocks", times=4)
    done = replace(FOX, state=SlotState.READY, sha256="abc")
    await world.post(thread).finish(reply_to(world, TextPart("Here: "), done, final=True))
    (answer,) = world.peer.answers(thread)
    assert "Slack does not show it; `/easel export` has it" in json.dumps(answer["blocks"])
    assert not answers_with_pictures(answer)


async def test_an_upload_that_fails_for_a_moment_is_sent_again(world: World) -> None:
    thread = await world.mention()
    world.peer.fail("upload", "", status=503)
    done = replace(FOX, state=SlotState.READY, sha256="abc")
    await world.post(thread).finish(reply_to(world, done, final=True))
    assert len(answers_with_pictures(world.peer.answers(thread)[0])) == 1
    assert len(world.peer.files) == 1


async def test_storage_that_is_full_is_told_in_the_pictures_place(world: World) -> None:
    thread = await world.mention()
    world.peer.fail("files.getUploadURLExternal", "storage_limit_reached", times=9)
    done = replace(FOX, state=SlotState.READY, sha256="abc")
    await world.post(thread).finish(reply_to(world, TextPart("Here: "), done, final=True))
    assert "is drawn, but Slack does not show it" in json.dumps(world.peer.answers(thread)[0]["blocks"])


@pytest.mark.parametrize("lost", ["answer", "connection"])
async def test_a_post_whose_answer_was_lost_is_found_not_repeated(world: World, lost: str) -> None:
    thread = await world.mention()
    status, error = (503, "service_unavailable") if lost == "answer" else (200, "cut")
    world.peer.fail("chat.postMessage", error, status=status, done=True)
    await world.post(thread).finish(reply_to(world, FOX, TextPart("Hello"), final=True))
    (answer,) = world.peer.answers(thread)
    assert "Hello" in json.dumps(answer["blocks"])


async def test_a_slack_that_is_away_for_a_while_is_waited_for(world: World) -> None:
    thread = await world.mention()
    for method in ("chat.postMessage", "agents.sessions.setStatus", "conversations.replies"):
        world.peer.fail(method, "internal_error", times=2, status=500)
    await world.post(thread).finish(reply_to(world, TextPart("Hello"), final=True))
    assert len(world.peer.answers(thread)) == 1
