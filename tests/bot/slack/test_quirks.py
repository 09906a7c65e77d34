"""What Slack really sends and needs, as `tests/peers/slack_quirks.py` has it recorded."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from bot.chats.slack.outgoing import markdown, render
from handlers.model import Reply, SlotState, TextPart, ThreadKey
from tests.bot.slack.conftest import FOX, World
from tests.peers import block_kit
from tests.peers.slack_peer import PeerFile
from tests.peers.slack_quirks import SAID, WRITTEN, Said, Written

ROOT = "5.5"


async def heard(world: World, *events: dict[str, Any]) -> None:
    """Events arrive in a thread of the bot's own, and one behind them that must be heard."""
    world.store.known.add(ROOT)
    world.peer.files["F9"] = PeerFile("F9", "F9.png", 4, "", b"data", done=True)
    for event in (*events, world.peer.said("and then", thread_ts=ROOT)):
        await world.peer.send_event(event)
    await world.until(lambda: any(incoming.text == "and then" for incoming in world.handlers.received))
    await world.until(lambda: not world.open_entries())


@pytest.mark.parametrize("said", SAID, ids=lambda said: said.name)
async def test_what_is_said_arrives_as_it_was_meant(world: World, said: Said) -> None:
    world.peer.channels["C5"] = "studio"
    more = json.loads(json.dumps(said.more).replace("{files}", f"{world.peer.base}/files"))
    await heard(world, world.peer.said(said.text, **{"thread_ts": ROOT, **more}))
    got = [incoming for incoming in world.handlers.received if incoming.text != "and then"]
    assert [incoming.text for incoming in got] == ([] if said.heard is None else [said.heard])
    assert [file.name for incoming in got for file in incoming.attachments] == list(said.pictures)


async def test_names_of_channels_are_a_luxury(world: World) -> None:
    """Without the scope a message with a channel in it is answered all the same."""
    world.peer.scopes = world.peer.scopes.replace("channels:read", "")
    world.peer.channels["C5"] = "studio"
    await heard(world, world.peer.said("as in <#C5|>", thread_ts=ROOT))
    await world.peer.send_event(world.peer.said("or <#C5>", thread_ts=ROOT))
    await world.until(lambda: "or #channel" in [incoming.text for incoming in world.handlers.received])
    assert "as in #channel" in [incoming.text for incoming in world.handlers.received]
    assert len(world.peer.called("conversations.info")) == 1


def rich(*elements: dict[str, Any]) -> list[dict[str, Any]]:
    """The blocks that Slack's clients send with a message."""
    section = {"type": "rich_text_section", "elements": list(elements)}
    return [{"type": "rich_text", "block_id": "b", "elements": [section]}]


async def test_the_bots_name_within_code_is_no_mention(world: World) -> None:
    """In the text it looks like any other, and Slack may tell of it as a mention."""
    code = {"type": "text", "text": "<@UBOT> a fox", "style": {"code": True}}
    event = world.peer.said("write `<@UBOT> a fox`", blocks=rich({"type": "text", "text": "write "}, code))
    await world.peer.send_event(event)
    await world.peer.send_event(event | {"type": "app_mention"})
    named = rich({"type": "user", "user_id": "UBOT"}, {"type": "text", "text": " a boat"})
    await world.peer.send_event(world.peer.said("<@UBOT> a boat", blocks=named) | {"type": "app_mention"})
    await heard(world)
    assert [incoming.text for incoming in world.handlers.received] == ["a boat", "and then"]


async def test_a_mention_that_is_edited_is_answered_once(world: World) -> None:
    """Slack tells of it again, as a new event."""
    event = world.peer.said("<@UBOT> a red fox")
    await world.peer.send_event(event | {"type": "app_mention"})
    await world.until(lambda: len(world.handlers.received) == 1)
    edited = {"edited": {"user": "U1", "ts": "1700000009.000000"}, "text": "<@UBOT> a blue fox"}
    await world.peer.send_event(event | {"type": "app_mention"} | edited)
    await heard(world)
    assert [incoming.text for incoming in world.handlers.received] == ["a red fox", "and then"]


async def test_a_mention_that_is_edited_in_is_a_wish(world: World) -> None:
    event = world.peer.said("a red fox")
    await world.peer.send_event(event)
    edited = {"edited": {"user": "U1", "ts": "1700000009.000000"}, "text": "<@UBOT> a red fox"}
    await world.peer.send_event(event | {"type": "app_mention"} | edited)
    await heard(world)
    assert "a red fox" in [incoming.text for incoming in world.handlers.received]


@pytest.mark.parametrize("written", WRITTEN, ids=lambda written: written.name)
def test_the_markdown_of_models_is_what_slack_shows(written: Written) -> None:
    assert markdown.to_mrkdwn(written.markdown) == written.mrkdwn
    reply = Reply("t", ThreadKey("slack", "T1", "C1", "1.2"), (TextPart(written.markdown),), thinking=False, final=True)
    for message in render.render(reply, {}):
        assert block_kit.problems(message.blocks) == []


@pytest.mark.parametrize(
    "text", ["", " ", "\n", "&nbsp;", "<!-- -->", "[]()", "![]()", "***", "```\n```", "| |\n|-|\n"]
)
def test_nothing_to_read_is_no_empty_block(text: str) -> None:
    reply = Reply("t", ThreadKey("slack", "T1", "C1", "1.2"), (TextPart(text),), thinking=False, final=True)
    for message in render.render(reply, {}):
        assert block_kit.problems(message.blocks) == []


async def test_many_votes_on_one_message_read_it_once(world: World) -> None:
    """Apps that are given to others outside Slack's marketplace may read one message a minute."""

    def voted(times: int) -> bool:
        return len(world.handlers.votes) == times

    thread = await world.mention()
    fox = replace(FOX, state=SlotState.READY, sha256="aa")
    await world.post(thread).finish(Reply("turn-1", world.handlers.received[0].thread, (fox,), False, True))
    (answer,) = world.peer.answers(thread)
    item = {"type": "message", "channel": "C1", "ts": answer["ts"]}
    for at, user in enumerate(("U2", "U3", "U4"), 1):
        vote = {"type": "reaction_added", "user": user, "reaction": "+1", "item": item, "item_user": "UBOT"}
        await world.peer.send_event(vote | {"event_ts": f"9.{at}"})
        await world.until(partial(voted, at))
    assert [vote.person.id for vote in world.handlers.votes] == ["U2", "U3", "U4"]
    assert len(world.peer.called("conversations.replies")) == 1
