"""Rounds of brainstorms by the page's routes: what everybody is told, and what one person alone."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

import aiohttp
import pytest

from tests.bot.web_site import THREAD, Site
from tests.handlers.brainstorm.rounds import directions
from tests.waiting import until

GUEST = {"X-Real-IP": "192.0.2.7"}


async def begun(site: Site, **arguments: Any) -> None:
    """A brainstorm of the host whose vote is open."""
    site.model.scripts.append(directions())
    body = {"name": "brainstorm", "arguments": {"topic": "mascots", **arguments}}
    async with site.browser.post(f"/api/threads/{THREAD}/command", json=body) as answer:
        assert answer.status == 200
    async with asyncio.timeout(20):
        async for message in site.follow():
            turns = message.get("turns") or [message.get("turn") or {"parts": ()}]
            if any(part.get("phase") == "open" for turn in turns for part in turn["parts"]):
                return


async def snapshot(site: Site, **headers: str) -> dict[str, Any]:
    async for message in site.follow(**headers):
        return message
    raise AssertionError("the stream ended")


async def dot(site: Site, picture: int, **headers: str) -> str:
    body = {"action": "dot", "picture": picture}
    async with site.browser.post(f"/api/threads/{THREAD}/press", json=body, headers=headers) as answer:
        return str((await answer.json())["text"])


async def test_own_votes_are_told_to_oneself_alone_also_where_votes_are_anonymous(site: Site) -> None:
    await begun(site, anonymous="yes")
    assert "counts" in await dot(site, 2)
    mine = await snapshot(site)
    assert (mine["dots"], mine["leads"]) == ([2], True)
    stranger = Site(site.home)
    stranger.page = site.page
    async with aiohttp.ClientSession(site.page.url, headers={"X-Easel": "1", **GUEST}) as other:
        stranger.browser = other
        theirs = await snapshot(stranger)
    assert (theirs["dots"], theirs["leads"]) == ([], False)
    cards = theirs["turns"][-1]["parts"][-1]["cards"]
    assert {card["votes"] for card in cards} == {None}


async def test_what_was_one_s_own_once_is_not_told_later(site: Site) -> None:
    await begun(site)
    await dot(site, 1)
    me = (await snapshot(site))["me"]
    assert site.chat.hub.subscribe(THREAD, me).take() == []


@pytest.mark.parametrize("typed", [False, True])
async def test_nothing_that_is_stored_of_a_vote_tells_who_voted(site: Site, typed: bool) -> None:
    """Not by the name of its delivery, and not by the time of anything with a person's id either."""
    await begun(site, anonymous="yes")
    me = (await snapshot(site))["me"]
    with closing(sqlite3.connect(site.home / "easel.db")) as db:
        before = set(db.iterdump())
        if typed:
            await site.say("/vote 2")
            await until(lambda: db.execute("SELECT 1 FROM dots").fetchone() is not None)
            await site.chat._tasks.idle()
        else:
            await dot(site, 2)
        new = [line for line in db.iterdump() if line not in before]
    assert any('INTO "dots"' in line for line in new)
    answer = 'INTO "turns"'  # it is theirs who began, whoever votes
    assert [line for line in new if me in line and answer not in line] == []
