"""Reports on the page: a picture that is hidden is nowhere, and `/moderation` is typed like any command."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from handlers.model import NOWHERE, Action, Incoming, Person, Press, ThreadKey
from tests.bot.web_site import THREAD, Site

KEY = ThreadKey("web", NOWHERE, "web", THREAD)


async def seen(site: Site, kind: str, **wanted: Any) -> dict[str, Any]:
    """The next message of that kind to a page that is open."""
    async with asyncio.timeout(20):
        async for message in site.follow():
            if message["type"] == kind and all(message[name] == value for name, value in wanted.items()):
                return message
    raise AssertionError("the stream ended")


async def with_picture(site: Site) -> str:
    """A guest's picture 1; its link."""
    site.model.scripts.append("<image> a fox </image>")
    guest = Person("guest", "Guest 1", account="address-1")
    await site.desk.receive(Incoming("e1", KEY, guest, "a fox"))
    picture = await site.store.picture(KEY, 1)
    assert picture is not None
    return f"/pictures/{picture.sha256}"


async def test_a_picture_that_three_people_reported_is_nowhere_on_the_page(site: Site) -> None:
    link = await with_picture(site)
    assert (await site.get(link))[0] == 200
    for n in range(3):
        person = Person(f"p{n}", f"P{n}", account=f"address-{n + 2}")
        await site.desk.press(Press(f"r{n}", KEY, person, Action.REPORT, 1))
    assert (await site.get(link))[0] == 404
    snapshot = await seen(site, "snapshot")
    assert snapshot["pictures"] == []
    assert snapshot["hidden"] == {"1": "Picture #1 was reported and is hidden."}
    (row,) = json.loads((await site.get("/api/threads"))[1])["threads"]
    assert row["pictures"] == 0


async def test_reports_of_one_address_are_one(site: Site) -> None:
    link = await with_picture(site)
    for n in range(5):  # as many cookies as somebody likes
        await site.desk.press(Press(f"r{n}", KEY, Person(f"p{n}", "P", account="address-9"), Action.REPORT, 1))
    assert (await site.get(link))[0] == 200


async def test_whoever_sits_at_the_machine_reports_looks_and_decides(site: Site) -> None:
    link = await with_picture(site)
    status, answer = await site.press("report", picture=1)
    assert (status, answer["text"]) == (200, "Picture 1 is hidden; /moderation report:1 shows it and decides.")
    assert (await site.get(link))[0] == 404
    told = asyncio.create_task(seen(site, "answer", command="moderation"))
    await asyncio.sleep(0.1)
    await site.say("/moderation report:1")
    answer = await told
    assert "Report 1: picture 1, hidden, decided, 1 report (other), for Guest 1: a fox" in answer["text"]
    assert answer["files"][0]["covered"]
    assert (await site.get(answer["files"][0]["url"]))[0] == 200
    told = asyncio.create_task(seen(site, "pictures", hidden={}))
    await asyncio.sleep(0.1)
    await site.say("/moderation report:1 decide:show")
    assert [picture["number"] for picture in (await told)["pictures"]] == [1]
    assert (await site.get(link))[0] == 200


@pytest.mark.parametrize("details", [{}, {"picture": 99}, {"picture": -1}, {"picture": "x"}, {"picture": 2**40}])
async def test_garbage_reports_nothing(site: Site, details: dict[str, Any]) -> None:
    await with_picture(site)
    status, _ = await site.press("report", **details)
    assert status == 200
    assert not await site.store.cases(KEY.tenant_scope)
