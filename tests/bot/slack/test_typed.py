"""Commands typed as messages on the loopback Slack, with the real desk behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.store.store import SqliteStore
from handlers.desk import Desk
from handlers.model import Person, ThreadKey
from tests.bot.slack.conftest import World
from tests.fakes import FakePictures, FolderFiles, ScriptedModel
from tests.slashes import ANSWERED, SAID


@pytest.fixture
async def model(world: World, tmp_path: Path) -> AsyncIterator[ScriptedModel]:
    """The model behind a desk that answers what the chat receives."""
    store = await SqliteStore.open(tmp_path / "easel.db", FolderFiles(tmp_path / "pictures"))
    made = ScriptedModel()
    desk = Desk(store, made, FakePictures(), {"slack": world.service.chat})
    world.handlers.on_receive = desk.receive
    yield made
    await world.service.stop()
    await desk.close()
    await store.close()


def seen(world: World) -> list[Any]:
    """What the asker was told, alone or directly."""
    return [*world.peer.ephemeral, *(m for m in world.peer.messages if m["user"] == "UBOT")]


@pytest.mark.parametrize("channel", ["C1", "DU1"])
async def test_typed_commands_are_answered_and_no_model_is_asked(
    world: World, model: ScriptedModel, channel: str
) -> None:
    for text, answer in ANSWERED:
        before = {id(message) for message in seen(world)}
        thread = world.peer.said("hello", channel=channel)["ts"]
        world.store.known.add(thread)
        await world.peer.send_event(world.peer.said(text, channel=channel, thread_ts=thread))
        words = answer.replace("/", "/easel ")
        await world.until(
            lambda before=before, words=words: any(  # type: ignore[misc]
                words in m["text"] for m in seen(world) if id(m) not in before
            )
        )
    assert not model.requests
    for text, meant in SAID:
        model.scripts.append("Well.")
        asked = len(model.requests)
        await world.peer.send_event(world.peer.said(text, channel=channel, thread_ts=thread))
        await world.until(lambda asked=asked: len(model.requests) > asked)  # type: ignore[misc]
        assert model.requests[-1].user.text == meant


async def test_a_typed_command_begins_no_session(world: World) -> None:
    await world.mention("<@UBOT> /gallery")
    key = ThreadKey("slack", "T1", "C1", "x")
    latest = await world.service.chat.calls._places.latest(key.tenant, key.channel, Person("U1", "Ada"))
    assert latest.thread == "-"
    mine = await world.mention("<@UBOT> /imagine a fox")
    assert [incoming.in_thread for incoming in world.handlers.received] == [False, True]
    latest = await world.service.chat.calls._places.latest(key.tenant, key.channel, Person("U1", "Ada"))
    assert latest.thread == mine
