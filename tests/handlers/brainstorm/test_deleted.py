"""A thread that is deleted while a brainstorm goes on in it, and one that was anonymous, seen by a link."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from bot.chats.web import shared
from handlers.board import Board
from handlers.model import Action, CommandCall
from handlers.unnamed import names_of
from tests.fakes import ANNA, BEN, THREAD
from tests.handlers.brainstorm.rounds import Brainstorm


async def test_a_brainstorm_ends_with_its_thread(storm: Brainstorm, caplog: pytest.LogCaptureFixture) -> None:
    await storm.begin("/brainstorm topic:mascots minutes:5")
    await storm.press(Action.DOT, 1, BEN)
    world = storm.world
    assert (await world.desk.delete_thread(THREAD, ANNA)).text == "The thread is deleted."
    for action in (Action.DOT, Action.CLOSE, Action.NEXT, Action.FINISH):
        assert (await storm.press(action, 1)).text
    storm.clock.pass_(600)
    await storm.shown()
    await world.restart()
    await world.desk.resume(world.chat)
    assert not await world.store.running_rounds(THREAD.chat)
    assert not await world.store.turns(THREAD)
    with closing(sqlite3.connect(world.home / "easel.db")) as db:
        left = [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("rounds", "ideas", "dots")]
    assert left == [0, 0, 0]
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(("anonymous", "named"), [("yes", False), ("no", True)])
async def test_who_looks_by_a_link_at_an_anonymous_brainstorm_reads_no_name(
    storm: Brainstorm, anonymous: str, named: bool
) -> None:
    await storm.begin(f"/brainstorm topic:mascots anonymous:{anonymous}")
    await storm.world.say("Ben likes owls", "Anna, Ben likes owls.", person=BEN)
    turns = await storm.world.store.turns(THREAD)
    sight = shared.Sight("t", {}, (), names_of(turns))
    page = shared.document(turns, sight, datetime.now(UTC))
    assert "Flour fox" in page
    for name in ("Anna", "Ben"):
        assert (name in page) is named


async def test_an_anonymous_brainstorm_names_nobody_when_who_began_it_is_forgotten(storm: Brainstorm) -> None:
    await storm.begin("/brainstorm topic:mascots anonymous:yes")
    await storm.world.say("owls are best", "Yes. <image> an owl </image>", person=BEN)
    await storm.world.store.forget(THREAD.chat, THREAD.tenant, ANNA)
    await storm.world.restart()
    turns = await storm.world.store.turns(THREAD)
    page = shared.document(turns, shared.Sight("t", {}, (), names_of(turns)), datetime.now(UTC))
    assert "owls are best" in page
    assert "Ben" not in page
    assert [card.person for card in await Board(storm.world.store).pinned(THREAD)] == [None]
    found = await storm.world.desk.command(CommandCall("g", THREAD, BEN, "gallery", {"search": "in:here"}, pictures=9))
    assert "an owl" in found.text
    assert "Ben" not in found.text + str(found.gallery)
