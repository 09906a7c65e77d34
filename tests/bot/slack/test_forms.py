"""Buttons, menus, shortcuts and forms on the loopback Slack."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from bot.chats.slack import ids
from handlers.english import words
from handlers.model import Action, Answer, Incoming, Reply, SlotState, TextPart
from handlers.presentation import Missing, Why
from tests.bot.slack.conftest import FOX, World, answers_with_pictures, click, submitted, words_of
from tests.peers import block_kit
from tests.peers.slack_peer import PeerFile
from tests.peers.slack_socket import TEAM


def file(id: str = "FX", **more: Any) -> dict[str, Any]:
    return {"id": id, "name": f"{id}.png", "mimetype": "image/png", "size": 4} | more


def brought(world: World, id: str = "FX") -> dict[str, Any]:
    """A person's picture that Slack has."""
    world.peer.files[id] = PeerFile(id, f"{id}.png", 4, "", b"data", done=True)
    return file(id, url_private_download=f"{world.peer.base}/files/{id}")


async def opened(world: World, thread: str = "5.5") -> dict[str, Any]:
    """The edit form of picture 1."""
    await world.peer.send("interactive", click(Action.EDIT, 1, thread))
    await world.peer.until(lambda: bool(world.peer.views))
    return dict(world.peer.views[-1])


async def test_a_click_is_acknowledged_and_its_answer_is_for_the_asker_alone(world: World) -> None:
    root = world.peer.said("<@UBOT> a fox")
    world.handlers.answer = Answer("prompt: a red fox <@U9>")
    envelope = await world.peer.send("interactive", click(Action.RECIPE, 1, str(root["ts"])))
    await world.peer.until(lambda: bool(world.peer.ephemeral))
    await world.peer.until(lambda: envelope in world.peer.acks)
    assert world.handlers.pressed[0].action is Action.RECIPE
    assert world.peer.ephemeral[0]["user"] == "U1"
    assert world.peer.ephemeral[0]["thread_ts"] == root["ts"]
    assert "<@U9>" not in world.peer.ephemeral[0]["text"]


async def test_a_click_delivered_twice_is_one_press(world: World) -> None:
    for _ in range(2):
        envelope = await world.peer.send("interactive", click(Action.VARY, 1, "5.5"))
        await world.peer.until(lambda envelope=envelope: envelope in world.peer.acks)
    await world.peer.send("interactive", click(Action.VARY, 1, "5.5", stamp="2.2"))
    await world.until(lambda: len(world.handlers.pressed) == 2 and not world.open_entries())


async def test_a_click_is_carried_out_after_a_crash_behind_its_acknowledgement(world: World) -> None:
    async def crash(_: object) -> None:
        raise SystemError("killed here")

    world.handlers.on_press = crash
    envelope = await world.peer.send("interactive", click(Action.VARY, 1, "5.5"))
    await world.peer.until(lambda: envelope in world.peer.acks)
    await world.until(lambda: len(world.handlers.pressed) == 1)
    world.handlers.on_press = None
    await world.restart()
    await world.until(lambda: len(world.handlers.pressed) == 2 and not world.open_entries())
    assert world.handlers.pressed[0].event == world.handlers.pressed[1].event


async def test_a_button_is_refused_where_the_bot_does_not_work(world: World) -> None:
    world.handlers.refused = "I am not switched on in this channel."
    await world.peer.send("interactive", click(Action.VARY, 1, "5.5"))
    await world.peer.until(lambda: bool(world.peer.ephemeral))
    assert not world.handlers.pressed


async def test_edit_opens_a_form_with_the_description_and_the_form_presses(world: World) -> None:
    view = await opened(world)
    assert view["blocks"][0]["element"]["initial_value"] == "a red fox"
    assert [block["block_id"] for block in view["blocks"]] == ["description", "change", "files"]
    values = {"description": words_of("a blue fox"), "change": {"value": {"selected_option": {"value": "small"}}}}
    await world.peer.send("interactive", submitted(view, values))
    await world.until(lambda: bool(world.handlers.pressed))
    press = world.handlers.pressed[0]
    assert (press.action, press.picture, press.text, press.change) == (Action.EDIT, 1, "a blue fox", "small")
    assert press.thread.thread == "5.5"


async def test_a_picture_in_the_edit_form_makes_it_a_message_with_that_picture(world: World) -> None:
    view = await opened(world)
    values = {"description": words_of("a blue fox"), "files": {"value": {"files": [brought(world)]}}}
    await world.peer.send("interactive", submitted(view, values))
    await world.until(lambda: bool(world.handlers.received))
    (incoming,) = world.handlers.received
    assert [(a.name, a.data) for a in incoming.attachments] == [("FX.png", b"data")]
    assert (incoming.replies_to, incoming.thread.thread) == (1, "5.5")
    assert incoming.text.startswith("a blue fox (an edit of picture #1")
    assert not world.handlers.pressed


async def test_errors_stand_at_the_right_fields_and_nothing_is_done(world: World) -> None:
    view = await opened(world)
    wrong = {"description": words_of(" "), "files": {"value": {"files": [file(mimetype="text/plain")]}}}
    envelope = await world.peer.send("interactive", submitted(view, wrong))
    await world.peer.until(lambda: envelope in world.peer.acks)
    errors = world.peer.acks[envelope]["errors"]
    assert world.peer.acks[envelope]["response_action"] == "errors"
    assert set(errors) == {"description", "files"}
    assert "FX.png is no picture" in errors["files"]
    assert not world.handlers.pressed
    assert not world.open_entries()


async def test_a_form_that_slack_opens_too_late_is_told(world: World) -> None:
    world.peer.trigger_s = 0.0
    await world.peer.send("interactive", click(Action.EDIT, 1, "5.5"))
    await world.peer.until(lambda: bool(world.peer.ephemeral))
    assert "press the button again" in world.peer.ephemeral[0]["text"]


async def test_the_form_is_opened_before_slack_is_asked_who_clicked(world: World) -> None:
    world.peer.fail("users.info", "ratelimited", status=429, retry_after=30)
    await world.peer.send("interactive", click(Action.EDIT, 1, "5.5"))
    await world.peer.until(lambda: bool(world.peer.views), 3)


async def test_a_picture_that_is_gone_opens_no_form(world: World) -> None:
    await world.peer.send("interactive", click(Action.EDIT, 77, "5.5"))
    await world.peer.until(lambda: bool(world.peer.ephemeral))
    assert "#77 is not in this thread" in world.peer.ephemeral[0]["text"]


# Shortcuts


def shortcut(name: str, message: dict[str, Any] | None, *, trigger: str = "tr") -> dict[str, Any]:
    about: dict[str, Any] = {"team": {"id": TEAM}, "user": {"id": "U1"}, "trigger_id": trigger}
    about["callback_id"] = f"easel.shortcut.{name}"
    if message is None:
        return about | {"type": "shortcut"}
    return about | {"type": "message_action", "channel": {"id": "C1"}, "message": message, "response_url": ""}


def ours(world: World, *numbers: int, root: str = "5.5") -> dict[str, Any]:
    blocks = [{"type": "image", "block_id": ids.card_id(number)} for number in numbers]
    return {"ts": "6.6", "thread_ts": root, "user": "UBOT", "blocks": blocks}


async def test_the_global_shortcut_asks_for_words_and_answers_in_a_direct_message(world: World) -> None:
    await world.peer.send("interactive", shortcut("new", None))
    await world.peer.until(lambda: bool(world.peer.views))
    (view,) = world.peer.views
    blank = await world.peer.send("interactive", submitted(view, {"description": words_of(" ")}))
    await world.peer.until(lambda: blank in world.peer.acks)
    assert list(world.peer.acks[blank]["errors"]) == ["description"]
    values = {"description": words_of("a fox"), "files": {"value": {"files": [brought(world)]}}}
    await world.peer.send("interactive", submitted(view, values, id="V2"))
    await world.until(lambda: bool(world.handlers.received))
    (incoming,) = world.handlers.received
    assert (incoming.text, incoming.thread.channel, len(incoming.attachments)) == ("a fox", "DU1", 1)


async def test_edit_this_picture_works_on_ours_and_on_a_persons_own(world: World) -> None:
    await world.peer.send("interactive", shortcut("edit", ours(world, 1)))
    await world.peer.until(lambda: len(world.peer.views) == 1)
    assert modal_of(world)["callback_id"] == ids.EDIT_VIEW
    theirs = {"ts": "7.7", "user": "U2", "files": [brought(world)]}
    await world.peer.send("interactive", shortcut("edit", theirs, trigger="tr2"))
    await world.peer.until(lambda: len(world.peer.views) == 2)
    view = modal_of(world)
    assert block_kit.view_problems(view) == []
    await world.peer.send("interactive", submitted(view, {"description": words_of("as a stamp")}))
    await world.until(lambda: bool(world.handlers.received))
    (incoming,) = world.handlers.received
    assert (incoming.text, incoming.thread.thread) == ("as a stamp", "7.7")
    assert [a.data for a in incoming.attachments] == [b"data"]


def modal_of(world: World) -> dict[str, Any]:
    return dict(world.peer.views[-1])


async def test_use_as_reference_selects_ours_and_takes_a_persons_own(world: World) -> None:
    await world.peer.send("interactive", shortcut("reference", ours(world, 1)))
    await world.until(lambda: bool(world.handlers.pressed))
    assert (world.handlers.pressed[0].action, world.handlers.pressed[0].picture) == (Action.SELECT, 1)
    theirs = {"ts": "7.7", "thread_ts": "5.5", "user": "U2", "files": [brought(world)]}
    await world.peer.send("interactive", shortcut("reference", theirs, trigger="tr2"))
    await world.until(lambda: bool(world.handlers.received))
    (incoming,) = world.handlers.received
    assert (incoming.thread.thread, [a.data for a in incoming.attachments]) == ("5.5", [b"data"])


@pytest.mark.parametrize("name", ["edit", "reference"])
async def test_a_shortcut_on_a_message_without_a_picture_says_so(world: World, name: str) -> None:
    fake = {"ts": "7.7", "user": "U2", "blocks": [{"type": "image", "block_id": "picture.1"}]}
    await world.peer.send("interactive", shortcut(name, fake))
    await world.peer.until(lambda: bool(world.peer.ephemeral))
    assert "shows no picture" in world.peer.ephemeral[0]["text"]
    assert not world.handlers.pressed


# Deleting, voting, stopping


@pytest.mark.parametrize("why", [Why.DELETED, Why.HIDDEN])
async def test_a_picture_that_is_gone_leaves_the_message_and_slacks_files_and_may_come_back(
    world: World, why: Why
) -> None:
    thread = await world.mention()
    post = world.post(thread)
    fox = replace(FOX, state=SlotState.READY, sha256="aa")
    hen = replace(FOX, slot="slot2", number=2, description="a hen", state=SlotState.READY, sha256="bb")
    parts = (TextPart("Here: "), fox, hen)
    reference = await post.finish(Reply("turn-1", world.handlers.received[0].thread, parts, False, True))
    gone, kept = answers_with_pictures(world.peer.answers(thread)[0])
    world.store.add_turn("turn-1", thread, parts, reference)
    turn = await world.store.turn("turn-1")
    assert turn is not None
    await world.service.chat.redraw(turn, {1: why})
    assert world.peer.files[gone].deleted
    assert answers_with_pictures(world.peer.answers(thread)[0]) == [kept]
    assert f"Picture #1 {words(Missing(why))}." in json.dumps(world.peer.answers(thread)[0]["blocks"])
    assert not world.peer.files[kept].deleted
    await world.service.chat.redraw(turn, {})
    again, same = answers_with_pictures(world.peer.answers(thread)[0])
    assert same == kept
    assert again not in (gone, kept)
    assert not world.peer.files[again].deleted


async def test_moderators_are_told_in_their_channel(world: World) -> None:
    thread = await world.mention()
    await world.service.chat.announce(world.handlers.received[0].thread, "Report 1: /moderation report:1 shows it.")
    assert "Report 1: /easel moderation report:1" in json.dumps(world.peer.answers(thread))


async def test_who_may_not_delete_changes_nothing(world: World) -> None:
    thread = await world.mention()
    world.store.add_turn("turn-1", thread, (FOX,), None)
    world.handlers.answer = Answer("Picture 1 is Ben's; they or a moderator can delete it.")
    await world.peer.send("interactive", click(Action.DELETE, 1, thread))
    await world.peer.until(lambda: bool(world.peer.ephemeral))
    assert not world.peer.called("chat.update")
    assert not world.peer.called("files.delete")


@pytest.mark.parametrize(("name", "up"), [("+1", True), ("thumbsup::skin-tone-3", True), ("-1", False)])
async def test_a_thumb_on_an_answer_with_one_picture_is_a_vote(world: World, name: str, up: bool) -> None:
    thread = await world.mention()
    post = world.post(thread)
    fox = replace(FOX, state=SlotState.READY, sha256="aa")
    await post.finish(Reply("turn-1", world.handlers.received[0].thread, (fox,), False, True))
    (answer,) = world.peer.answers(thread)
    item = {"type": "message", "channel": "C1", "ts": answer["ts"]}
    for kind in ("reaction_added", "reaction_removed"):
        await world.peer.send_event(
            {"type": kind, "user": "U2", "reaction": name, "item": item, "item_user": "UBOT", "event_ts": "9.9"}
        )
    await world.until(lambda: len(world.handlers.votes) == 2)
    assert {(v.picture, v.up, v.person.id) for v in world.handlers.votes} == {(1, up, "U2")}
    assert {v.given for v in world.handlers.votes} == {True, False}
    assert {v.thread.thread for v in world.handlers.votes} == {thread}


async def test_other_reactions_are_no_votes(world: World) -> None:
    item = {"type": "message", "channel": "C1", "ts": "1.1"}
    event = {"type": "reaction_added", "user": "U2", "item": item, "event_ts": "9.9"}
    await world.peer.send_event(event | {"reaction": "tada", "item_user": "UBOT"})
    await world.peer.send_event(event | {"reaction": "+1", "item_user": "U1"})
    envelope = await world.peer.send_event(event | {"reaction": "+1", "item_user": "UBOT"})
    await world.peer.until(lambda: envelope in world.peer.acks and bool(world.peer.called("conversations.replies")))
    assert not world.handlers.votes


async def test_slacks_stop_button_stops_the_thread_and_ends_its_session(world: World) -> None:
    event = {"type": "agent_session_stopped", "user": "U1", "channel": "C1", "thread_ts": "5.5", "event_ts": "1.1"}
    world.handlers.answer = Answer("This answer is for Ben; they or a moderator can stop it.")
    await world.peer.send_event(event | {"streaming_message_ts": []})
    await world.peer.until(lambda: bool(world.peer.ephemeral))
    assert world.handlers.pressed[0].action is Action.STOP
    assert world.handlers.pressed[0].thread.thread == "5.5"
    assert "is for Ben" in world.peer.ephemeral[0]["text"]
    assert world.peer.sessions[-1] == "active"


async def test_an_answer_whose_stream_slack_stopped_goes_on_by_updates(world: World) -> None:
    """Somebody pressed Stop who may not: Slack has ended the stream all the same."""
    thread = await world.mention()
    post = world.post(thread)
    reply = Reply("turn-1", world.handlers.received[0].thread, (TextPart("One"),), thinking=False)
    post.show(reply)
    await world.peer.until(lambda: bool(world.peer.streams))
    world.peer.streams.update(dict.fromkeys(world.peer.streams, False))
    post.show(replace(reply, parts=(TextPart("One two"),)))
    await world.peer.until(lambda: "One two" in str(world.peer.answers(thread)[0].get("blocks")))
    await post.finish(replace(reply, parts=(TextPart("One two three"),), final=True))
    (answer,) = world.peer.answers(thread)
    assert answer["blocks"][0]["text"]["text"] == "One two three"


async def test_a_wish_of_a_form_survives_a_slack_that_is_away_for_a_moment(world: World) -> None:
    await world.peer.send("interactive", shortcut("new", None))
    await world.peer.until(lambda: bool(world.peer.views))
    world.peer.fail("chat.postMessage", "internal_error", times=1)
    await world.peer.send("interactive", submitted(world.peer.views[0], {"description": words_of("a fox")}))
    await world.until(lambda: bool(world.handlers.received))
    assert len([m for m in world.peer.messages if m["user"] == "UBOT"]) == 1


async def test_nobody_is_asked_twice_while_a_message_is_worked_on(world: World) -> None:
    wait = asyncio.Event()

    async def hang(_: Incoming) -> None:
        await wait.wait()

    world.handlers.on_receive = hang
    event = world.peer.said("<@UBOT> look", files=[file(mimetype="text/plain", name="a.txt")])
    await world.peer.send_event(event | {"type": "app_mention"})
    await world.until(lambda: len(world.handlers.received) == 1)
    second = await world.peer.send_event(event)
    third = await world.peer.send_event(event, retry=1)
    await world.peer.until(lambda: {second, third} <= world.peer.acks.keys())
    wait.set()
    await world.until(lambda: not world.open_entries())
    last = await world.peer.send_event(event, event_id="EvNew", retry=2)
    await world.peer.until(lambda: last in world.peer.acks)
    (incoming,) = world.handlers.received
    assert incoming.problems == ("a.txt is no picture that I can read; send a PNG, JPEG, WebP or GIF.",)
