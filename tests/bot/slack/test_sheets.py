"""Many pictures of an answer: cards while it grows, one sheet with one row to pick from once it is over."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from handlers.model import Action, Answer, PicturePart, Reply, SlotState, TextPart, ThreadKey
from imaging.model import Operation
from tests.bot.slack.conftest import World, answers_with_pictures
from tests.bot.slack.conftest import click as clicked
from tests.fakes import png
from tests.peers.slack_peer import BOT_USER, TEAM


def part(number: int, state: SlotState = SlotState.READY, **more: Any) -> PicturePart:
    sha = f"sha{number}" if state is SlotState.READY else None
    return PicturePart(f"slot{number}", number, Operation.IMAGE, f"fox {number}", state=state, sha256=sha, **more)


def reply(thread: str, *parts: Any, final: bool = True) -> Reply:
    return Reply("turn-1", ThreadKey("slack", TEAM, "C1", thread), parts, thinking=False, final=final)


@pytest.fixture
def drawn(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Stored pictures are pictures."""

    async def picture_bytes(sha256: str) -> bytes:
        return png(int(sha256.removeprefix("sha")))

    monkeypatch.setattr(world.store, "picture_bytes", picture_bytes)
    return world


def kinds(message: Any) -> list[str]:
    return [block["type"] for block in message["blocks"]]


def pressable(message: Any) -> list[str]:
    """What the buttons of a message do."""
    return [e["action_id"] for b in message["blocks"] if b["type"] == "actions" for e in b["elements"]]


async def test_three_pictures_are_one_sheet_with_one_row_to_pick(drawn: World) -> None:
    thread = await drawn.mention()
    await drawn.post(thread).finish(reply(thread, TextPart("Three:"), part(1), part(2), part(3), TextPart("Well?")))
    [message] = drawn.peer.answers(thread)
    assert kinds(message) == ["section", "image", "context", "section", "actions"]
    assert pressable(message) == ["easel.pick.1", "easel.pick.2", "easel.pick.3"]
    image = message["blocks"][1]
    assert image["alt_text"] == "#1: fox 1; #2: fox 2; #3: fox 3 (made with AI)"
    sheet = Image.open(io.BytesIO(drawn.peer.files[image["slack_file"]["id"]].data))
    assert sheet.width > 3 * 400
    assert sheet.width > 2 * sheet.height


async def test_words_between_many_pictures_stay_where_they_stood(drawn: World) -> None:
    thread = await drawn.mention()
    parts = [one for number in (1, 2, 3) for one in (TextPart(f"Idea {number}"), part(number))]
    await drawn.post(thread).finish(reply(thread, *parts))
    [message] = drawn.peer.answers(thread)
    assert kinds(message) == ["section", "image"] * 3 + ["actions"]


async def test_an_answer_that_grows_to_many_shows_each_picture_once_across_restarts(drawn: World) -> None:
    thread = await drawn.mention()
    parts: list[PicturePart] = []
    for number in (1, 2, 3, 4):
        post = drawn.post(thread, fresh=number == 1)
        post.show(reply(thread, *parts, part(number, SlotState.RENDERING, step=1, total=2), final=False))
        parts.append(part(number))
        post.show(reply(thread, *parts, final=False))
        await drawn.peer.until(
            lambda: [len(answers_with_pictures(m)) for m in drawn.peer.answers(thread)] == [len(parts)]
        )
        await drawn.restart()
    await drawn.post(thread, fresh=False).finish(reply(thread, *parts))
    [message] = drawn.peer.answers(thread)
    assert kinds(message) == ["image", "context", "actions"]
    names = sorted(file.name for file in drawn.peer.files.values())
    assert names == ["easel-1-4.png", *(f"easel-{number}.png" for number in (1, 2, 3, 4))]


async def test_while_many_are_drawn_each_can_be_cancelled_in_one_row(drawn: World) -> None:
    thread = await drawn.mention()
    coming = [part(number, SlotState.WAITING, position=number) for number in range(1, 8)]
    drawn.post(thread).show(reply(thread, *coming, final=False))
    await drawn.peer.until(lambda: bool(drawn.peer.answers(thread)))
    [message] = drawn.peer.answers(thread)
    [row] = [block for block in message["blocks"] if block["type"] == "actions"]
    assert row["block_id"] == "cancel.1"
    assert [option["value"] for option in row["elements"][0]["options"]] == [f"easel.cancel.{n}" for n in range(1, 8)]


async def test_who_picks_a_picture_alone_is_shown_it_and_its_buttons_mean_the_thread(drawn: World) -> None:
    thread = await drawn.mention()
    parts = (part(1), part(2), part(3))
    reference = await drawn.post(thread).finish(reply(thread, *parts))
    drawn.store.add_picture(2, "fox 2", thread=thread)
    drawn.store.add_turn("turn-1", thread, parts, reference)
    drawn.handlers.answer = Answer("Picture 2: fox 2", picture=parts[1])
    await drawn.restart()
    await drawn.peer.send("interactive", clicked(Action.PICK, 2, thread))
    await drawn.peer.until(lambda: bool(drawn.peer.ephemeral))
    [card] = drawn.peer.ephemeral
    assert (card["user"], card["thread_ts"]) == ("U1", thread)
    blocks = card["blocks"] if isinstance(card["blocks"], list) else json.loads(card["blocks"])
    assert drawn.peer.files[blocks[0]["slack_file"]["id"]].name == "easel-2.png"
    assert blocks[-1]["block_id"] == f"buttons.2/{thread}"
    press = clicked(Action.VARY, 2, None, stamp="2.2")
    press["actions"][0]["block_id"] = blocks[-1]["block_id"]
    await drawn.peer.send("interactive", press)
    await drawn.until(lambda: len(drawn.handlers.pressed) == 2)
    assert [(p.action, p.picture, p.thread.thread) for p in drawn.handlers.pressed] == [
        (Action.PICK, 2, thread), (Action.VARY, 2, thread),
    ]  # fmt: skip


async def test_a_deleted_picture_leaves_its_sheet_and_slack(drawn: World) -> None:
    thread = await drawn.mention()
    parts = (part(1), part(2), part(3), part(4))
    reference = await drawn.post(thread).finish(reply(thread, *parts))
    left = reply(thread, *(TextPart("Picture #2 was deleted.") if p.number == 2 else p for p in parts))
    await drawn.post(thread, fresh=False, reference=reference).redraw(left, {"slot2"})
    names = sorted(file.name for file in drawn.peer.files.values() if not file.deleted)
    assert "easel-1-4.png" not in names
    assert "easel-2.png" not in names
    [message] = drawn.peer.answers(thread)
    assert pressable(message) == ["easel.pick.1", "easel.pick.3", "easel.pick.4"]


async def test_where_no_sheet_can_be_shown_the_pictures_stand_one_below_the_other(world: World) -> None:
    """What is stored here is read by no decoder."""
    thread = await world.mention()
    await world.post(thread).finish(reply(thread, part(1), part(2), part(3)))
    [message] = world.peer.answers(thread)
    assert kinds(message) == ["image"] * 3 + ["actions"]


async def test_a_covered_picture_is_on_no_sheet_and_can_be_picked(drawn: World) -> None:
    thread = await drawn.mention()
    covered = replace(part(2), spoiler=True)
    await drawn.post(thread).finish(reply(thread, part(1), covered, part(3), part(4)))
    [message] = drawn.peer.answers(thread)
    assert sorted(file.name for file in drawn.peer.files.values())[0] == "easel-1-4.png"
    assert "may be sensitive" in json.dumps(message["blocks"])
    assert pressable(message) == [f"easel.pick.{number}" for number in (1, 2, 3, 4)]


async def test_a_shortcut_on_a_sheet_asks_which_picture_is_meant(drawn: World) -> None:
    thread = await drawn.mention()
    await drawn.post(thread).finish(reply(thread, part(1), part(2), part(3)))
    [message] = drawn.peer.answers(thread)
    body = {
        "type": "message_action", "callback_id": "easel.shortcut.edit", "team": {"id": TEAM}, "user": {"id": "U1"},
        "trigger_id": "t", "channel": {"id": "C1"}, "message": {**message, "user": BOT_USER},
    }  # fmt: skip
    await drawn.peer.send("interactive", body)
    await drawn.peer.until(lambda: bool(drawn.peer.ephemeral))
    [asked] = drawn.peer.ephemeral
    assert "easel.edit.3" in json.dumps(asked["blocks"])
