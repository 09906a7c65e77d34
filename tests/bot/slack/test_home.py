"""App Home, direct messages, the agent view and the older assistant view on the loopback Slack."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.chats.slack import ids
from bot.chats.slack.incoming import home_view
from bot.chats.slack.outgoing.status import Status
from bot.chats.slack.outgoing.stream import Destination
from handlers.model import Action, Answer, Reply, SlotState, TextPart
from tests.bot.slack.conftest import FOX, World, click, submitted
from tests.peers import block_kit
from tests.peers.slack_peer import BOT_TOKEN
from tests.peers.slack_socket import TEAM


async def home_of(world: World, user: str = "U1") -> dict[str, Any]:
    before = len(world.peer.views)
    event = {"type": "app_home_opened", "user": user, "channel": f"D{user}", "tab": "home", "event_ts": "1.1"}
    await world.peer.send_event(event)
    await world.peer.until(lambda: len(world.peer.views) > before)
    return dict(world.peer.views[-1])


async def drawn(world: World) -> str:
    """A finished answer with a picture; returns its file."""
    thread = await world.mention()
    done = replace(FOX, state=SlotState.READY, sha256="abc")
    reply = Reply("turn-1", world.handlers.received[0].thread, (done,), thinking=False, final=True)
    reference = await world.post(thread).finish(reply)
    world.store.add_picture(1, "a red fox", thread=thread)
    world.store.add_turn("turn-1", thread, (done,), reference)
    return next(iter(world.peer.files))


def buttons(view: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = (element for block in view["blocks"] if block["type"] == "actions" for element in block["elements"])
    return {element["text"]["text"]: element for element in found}


def labels(view: dict[str, Any]) -> list[str]:
    return list(buttons(view))


async def pressed(world: World, view: dict[str, Any], label: str) -> dict[str, Any]:
    """What is shown next, once somebody presses a button of their home page."""
    before = len(world.peer.views)
    body = {
        "type": "block_actions", "team": {"id": TEAM}, "user": {"id": "U1"}, "trigger_id": f"tr-{label}",
        "container": {"type": "view"}, "actions": [{**buttons(view)[label], "block_id": "b", "action_ts": "1.1"}],
    }  # fmt: skip
    await world.peer.send("interactive", body)
    await world.peer.until(lambda: len(world.peer.views) > before)
    return dict(world.peer.views[-1])


async def test_home_begins_a_picture_and_says_what_was_used_and_which_commands_there_are(world: World) -> None:
    world.handlers.answer = Answer("Today you have had 1 picture made. `/usage` says so too.")
    view = await home_of(world)
    assert (await pressed(world, view, "New picture…"))["callback_id"] == ids.NEW_VIEW
    usage = await pressed(world, view, "My usage")
    assert (usage["type"], usage["title"]["text"]) == ("modal", "My usage")
    assert "Today you have had 1 picture made. `/easel usage`" in json.dumps(usage)
    commands = await pressed(world, view, "All commands")
    assert "/easel imagine text" in json.dumps(commands)
    for shown in (view, usage, commands):
        assert block_kit.view_problems({key: shown[key] for key in shown if key != "id"}) == []


async def test_more_of_my_pictures_are_shown_where_there_are_more(world: World) -> None:
    for number in range(1, 12):
        world.store.add_picture(number, f"fox {number}")
    view = await home_of(world)
    assert json.dumps(view).count("fox ") == 6
    more = await pressed(world, view, "More of my pictures")
    assert json.dumps(more).count("fox ") == 11
    assert "More of my pictures" not in labels(more)


@pytest.mark.parametrize("refused", [None, "You were blocked here."])
async def test_who_confirms_it_is_forgotten_and_told_so_even_where_they_are_refused(
    world: World, refused: str | None
) -> None:
    world.handlers.refused = refused
    view = await home_of(world)
    assert "cannot be undone" in buttons(view)["Forget me…"]["confirm"]["text"]["text"]
    world.handlers.answer = Answer("Done: 3 pictures are deleted.")
    after = await pressed(world, view, "Forget me…")
    assert "Done: 3 pictures are deleted." in json.dumps(after)
    [call] = [call for call in world.handlers.called if call.name == "forget"]
    assert (call.arguments, call.person.id, call.thread.channel) == ({"confirm": "yes"}, "U1", "DU1")
    await world.until(lambda: not world.open_entries())


async def test_home_shows_my_pictures_with_the_way_to_their_threads(world: World) -> None:
    file = await drawn(world)
    world.handlers.answer = Answer("Today you have had 1 picture made.")
    world.store.settings["size"] = "wide"
    view = await home_of(world)
    (image,) = (block for block in view["blocks"] if block["type"] == "image")
    assert (image["slack_file"], image["alt_text"]) == ({"id": file}, "a red fox (made with AI)")
    text = json.dumps(view)
    assert "https://peer.slack.com/archives/C1/p" in text
    assert "Today you have had 1 picture made." in text
    assert "size: wide" in text
    assert "/easel imagine" not in text, "buttons, no list of syntax"
    assert labels(view) == ["New picture…", "My usage", "My settings…", "All commands", "Forget me…"]


async def test_nobody_sees_what_others_made(world: World) -> None:
    await drawn(world)
    view = await home_of(world, "U2")
    assert "a red fox" not in json.dumps(view)
    assert "None yet" in json.dumps(view)


async def test_home_does_without_images_that_slack_refuses(world: World) -> None:
    await drawn(world)
    world.peer.fail("views.publish", "invalid_blocks")
    view = await home_of(world)
    assert not [block for block in view["blocks"] if block["type"] == "image"]
    assert "a red fox" in json.dumps(view)


async def test_settings_are_changed_in_a_form_and_shown_at_once(world: World) -> None:
    world.store.settings["size"] = "wide"
    view = await home_of(world)
    form = await pressed(world, view, "My settings…")
    assert form["callback_id"] == ids.SETTINGS_VIEW
    values = {
        "style": {"value": {"value": "pixel art"}}, "language": {"value": {"value": None}},
        "size": {"value": {"selected_option": {"value": "tall"}}},
        "refinement": {"value": {"selected_option": None}},
    }  # fmt: skip
    await world.peer.send("interactive", submitted(form, values))
    await world.peer.until(lambda: world.peer.views[-1]["type"] == "home")
    call = next(call for call in world.handlers.called if call.name == "settings")
    assert call.arguments == {
        "style": "pixel art",
        "size": "tall",
        "language": "",
        "refinement": "",
        "scope": "channel",
    }
    assert call.thread.channel == "DU1"
    assert call.person.admin, "of one's own direct messages"


async def test_a_setting_that_cannot_be_is_told_at_its_field(world: World) -> None:
    values = {"style": {"value": {"value": "x" * 61}}}
    view = {"callback_id": ids.SETTINGS_VIEW, "private_metadata": json.dumps({"channel": "DU1"}), "type": "modal"}
    envelope = await world.peer.send("interactive", submitted(view, values))
    await world.peer.until(lambda: envelope in world.peer.acks)
    assert world.peer.acks[envelope]["errors"] == {"style": "Use at most 60 characters."}


async def test_a_settings_form_of_no_direct_message_changes_nothing(world: World) -> None:
    view = {"callback_id": ids.SETTINGS_VIEW, "private_metadata": json.dumps({"channel": "C1"}), "type": "modal"}
    envelope = await world.peer.send("interactive", submitted(view, {"style": {"value": {"value": "x"}}}))
    await world.peer.until(lambda: envelope in world.peer.acks)
    await world.until(lambda: not world.open_entries())
    assert not world.handlers.called


# Direct messages and the agent view


async def test_the_agent_view_suggests_how_to_begin_when_it_is_opened(world: World) -> None:
    await world.peer.send_event(
        {"type": "app_home_opened", "user": "U1", "channel": "DU1", "tab": "messages", "event_ts": "1.1"}
    )
    await world.peer.until(lambda: bool(world.peer.prompts))
    assert world.peer.prompts[0]["channel_id"] == "DU1"
    assert "thread_ts" not in world.peer.prompts[0]
    assert not world.peer.views


async def test_the_older_assistant_view_suggests_in_its_thread(world: World) -> None:
    about = {"user_id": "U1", "channel_id": "DU1", "thread_ts": "3.3", "context": {}}
    for kind in ("assistant_thread_started", "assistant_thread_context_changed"):
        envelope = await world.peer.send_event({"type": kind, "assistant_thread": about, "event_ts": "1.1"})
        await world.peer.until(lambda envelope=envelope: envelope in world.peer.acks)
    await world.peer.until(lambda: bool(world.peer.prompts))
    assert [p["thread_ts"] for p in world.peer.prompts] == ["3.3"]


async def test_in_the_agent_view_each_first_message_begins_a_conversation_that_is_called_by_it(world: World) -> None:
    event = world.peer.said("a fox\nin the snow", channel="DU1", channel_type="im")
    await world.peer.send_event(event)
    await world.until(lambda: bool(world.handlers.received))
    assert world.handlers.received[0].thread.thread == event["ts"]
    assert world.peer.titles == {event["ts"]: "a fox"}


def said(world: World, text: str) -> bool:
    return any(incoming.text == text for incoming in world.handlers.received)


async def test_without_agent_sessions_direct_messages_are_one_conversation_without_threads(world: World) -> None:
    world.peer.agents = False
    for text in ("a fox", "make it blue"):
        await world.peer.send_event(world.peer.said(text, channel="DU1", channel_type="im"))
        await world.until(partial(said, world, text))
    first, second = world.handlers.received
    assert first.thread == second.thread
    assert first.thread.thread == ids.DIRECT
    post = world.service.chat.open_reply("turn-1", first.thread, first, None)
    reply = Reply("turn-1", first.thread, (TextPart("Here"),), thinking=False)
    post.show(reply)
    await world.peer.until(lambda: bool(world.peer.streams))
    done = replace(FOX, state=SlotState.READY, sha256="abc")
    await post.finish(replace(reply, parts=(TextPart("Here it is"), done), final=True))
    (answer,) = (m for m in world.peer.messages if m["user"] == "UBOT")
    assert (answer["channel"], answer["thread_ts"]) == ("DU1", None)
    again = world.service.chat.open_reply("turn-1", first.thread, None, None)
    await again.finish(replace(reply, parts=(TextPart("Here it is"), done), final=True))
    assert len([m for m in world.peer.messages if m["user"] == "UBOT"]) == 1, "found by its metadata"
    await world.peer.send("interactive", click(Action.VARY, 1, None, channel="DU1"))
    await world.until(lambda: bool(world.handlers.pressed))
    assert world.handlers.pressed[0].thread == first.thread


async def test_the_status_says_what_is_drawn_and_ends_with_the_answer(world: World) -> None:
    thread = await world.mention()
    post = world.post(thread)
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


async def test_the_first_answer_of_a_conversation_names_its_session(world: World) -> None:
    event = world.peer.said("a fox", channel="DU1", channel_type="im")
    await world.peer.send_event(event)
    await world.until(lambda: bool(world.handlers.received))
    (incoming,) = world.handlers.received
    post = world.service.chat.open_reply("turn-1", incoming.thread, incoming, None)
    post.show(Reply("turn-1", incoming.thread))
    await world.peer.until(lambda: "processing" in world.peer.sessions)
    await post.finish(Reply("turn-1", incoming.thread, (TextPart("Hi."),), thinking=False, final=True))
    calls = [call for call in world.peer.called("agents.sessions.setStatus") if call["status"] == "processing"]
    assert [(call["title"], call["initiator_user_id"]) for call in calls] == [("a fox", "U1")]
    assert world.peer.sessions[-1] == "active"


@pytest.mark.parametrize("refused", ["assistant.threads.setStatus", "agents.sessions.setStatus"])
async def test_where_slack_shows_no_status_the_answer_comes_all_the_same(world: World, refused: str) -> None:
    world.peer.fail(refused, "not_allowed", times=99)
    thread = await world.mention()
    post = world.post(thread)
    reply = Reply("turn-1", world.handlers.received[0].thread)
    post.show(reply)
    await post.finish(replace(reply, parts=(TextPart("Hi."),), thinking=False, final=True))
    assert len(world.peer.answers(thread)) == 1


def test_every_view_keeps_the_limits_of_block_kit() -> None:
    from tests.bot.slack.conftest import FewThings

    store = FewThings()
    for number in range(1, home_view.MORE + 1):
        store.add_picture(number, "a fox & <a hen> " * 200)
    mine = [home_view.Mine(picture, "F1", "https://x.y/z") for picture in store.pictures.values()]
    settings = {"style": "s" * 60, "language": "<!channel>" * 4}
    for images in (True, False):
        view = home_view.view(mine, "u" * 9_000, settings, "D1", said="s" * 9_000, more=True, images=images)
        assert block_kit.view_problems(view) == []


async def test_a_status_that_slack_takes_away_is_said_again(world: World) -> None:
    thread = await world.mention()
    incoming = world.handlers.received[0]
    now = 0.0
    status = Status(Destination(TEAM, incoming.thread.channel, thread), clock=lambda: now)
    client = AsyncWebClient(BOT_TOKEN, base_url=world.peer.api_base)
    for now in (100.0, 150.0, 250.0):  # noqa: B007 - the clock reads it
        await status.show(client, Reply("turn-1", incoming.thread))
    assert world.peer.statuses == ["is thinking…", "is thinking…"]
