"""The real program with a moderator: killed between drawing and judging, refused, covered, left without an answer."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.faults.easel import Victim
from tests.faults.test_refusals import PATIENCE_S, Town, town
from tests.peers.moderation_peer import ModerationPeer
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def kept(place: Town) -> list[Path]:
    return list((place.home / "pictures").rglob("*.bin"))


def counted(place: Town, question: str, name: str = "easel.db") -> tuple[Any, ...]:
    with closing(sqlite3.connect(place.easel.home / name)) as database:
        return tuple(database.execute(question).fetchone())


def covers(place: Town, thread: str) -> list[bool]:
    galleries = [part for said in place.discord.said(thread) for part in said["components"] if part["type"] == 12]
    return [bool(item.get("spoiler")) for gallery in galleries for item in gallery["items"]]


async def test_what_was_drawn_and_not_judged_is_seen_by_nobody_whatever_happens(tmp_path: Path) -> None:
    async with ModerationPeer() as judge, town(tmp_path, MODERATION_BASE_URL=judge.base_url) as place:
        judge.scripted += [0.0, 0.0, 3600.0]  # the message, the description, the picture
        thread = (await place.ask("a red fox"))["id"]
        await until(lambda: len(judge.requests) == 3, PATIENCE_S)
        assert isinstance(judge.requests[-1]["input"], list)
        place.easel.strike(Victim.CHAT)
        await place.easel.gone()
        assert place.files(thread) == []
        assert counted(place, "SELECT count(*) FROM jobs WHERE state = 'done'", "jobs.db")[0] == 1

        judge.colours["red"] = {"sexual": 0.9}
        await place.start()
        await place.discord.until(lambda: "seems to show sexual scenes" in place.told(thread), PATIENCE_S)
        assert place.files(thread) == []
        assert kept(place) == []
        assert counted(place, "SELECT state, result FROM jobs", "jobs.db") == ("failed", None)
        assert counted(place, "SELECT sum(pictures) FROM spent")[0] == 0

        judge.colours["red"] = {"sexual": 0.5}
        await place.ask("a red ball", thread)
        await place.drawn(thread, 1)
        assert covers(place, thread) == [True]
        judge.scripted += [0.0, 0.0, None, None]  # the line is cut, twice
        await place.ask("a red car", thread)
        await place.discord.until(lambda: "cannot be checked just now" in place.told(thread), PATIENCE_S)
        assert len(kept(place)) == 1
        await place.becomes(200)  # it was asked again, and answers
        assert any("refuse for sexual by endpoint" in line for line in place.easel.log_lines())
