"""A thread deleted on the page: who may, what goes, and that it stays gone."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from handlers.model import Action, Incoming, Person, Press, ThreadKey, Vote
from tests.bot.web_site import THREAD, Site

KEY = ThreadKey("web", "-", "web", THREAD)
ANNA, BEN = Person("anna", "Anna"), Person("ben", "Ben")
MODERATOR = Person("mo", "Mo", moderator=True)
FOX = 'A fox: <image id="1"> a zyxwv fox </image>'


async def said(site: Site, person: Person, event: str, answer: str = FOX) -> None:
    """A message, and its answer."""
    site.model.scripts.append(answer)
    await site.desk.receive(Incoming(event, KEY, person, f"{person.name} says something"))


async def deletion(site: Site, thread: str = THREAD, **body: Any) -> tuple[int, str]:
    async with site.browser.post(f"/api/threads/{thread}/delete", json=body) as answer:
        return answer.status, (await answer.json())["text"] if answer.status == 200 else await answer.text()


def rows(site: Site) -> list[int]:
    """How much the database holds of the thread, table by table."""
    with closing(sqlite3.connect(site.home / "easel.db")) as db:
        counts = [f"SELECT count(*) FROM {table} WHERE thread = ?" for table in ("turns", "pictures", "votes")]
        counts.append("SELECT count(*) FROM settings WHERE scope = ?")
        return [db.execute(count, (str(KEY),)).fetchone()[0] for count in counts]


async def test_everything_of_a_thread_goes_and_nothing_comes_back(site: Site) -> None:
    await said(site, ANNA, "e1")
    await said(site, BEN, "e2")
    await site.store.vote(Vote(KEY, BEN, 1, up=True))
    await site.store.choose(str(KEY), {"size": "wide"})
    assert all(rows(site))
    assert len(list((site.home / "pictures").iterdir())) == 2
    stream = site.follow()
    assert (await anext(stream))["type"] == "snapshot"
    assert (await deletion(site))[0] == 400, "it is asked for plainly"
    assert await deletion(site, confirm="yes") == (200, "The thread is deleted.")
    async with asyncio.timeout(10):
        while (await anext(stream))["type"] != "deleted":
            pass
    assert rows(site) == [0, 0, 0, 0]
    assert not list((site.home / "pictures").iterdir())
    assert not any(b"zyxwv" in file.read_bytes() for file in site.home.glob("easel.db*")), "no word is left in the file"
    assert not await site.store.threads("web", "-")
    await said(site, ANNA, "e1")  # it is delivered again
    await said(site, ANNA, "e3")
    await site.desk.press(Press("p", KEY, ANNA, Action.VARY, 1))
    await site.store.rename(KEY, "Back")
    assert rows(site) == [0, 0, 0, 0]
    assert [message["type"] async for message in site.follow()] == ["deleted"]
    assert await site.store.reserve_numbers(ThreadKey("web", "-", "web", "thread-0002"), 1) == 1


@pytest.mark.parametrize(("person", "goes"), [(ANNA, True), (BEN, False), (MODERATOR, True)])
async def test_who_began_it_or_moderates_may_delete_it(site: Site, person: Person, goes: bool) -> None:
    await said(site, ANNA, "e1")
    await said(site, BEN, "e2")
    answer = await site.desk.delete_thread(KEY, person)
    assert await site.store.deleted(KEY) is goes
    assert ("deleted" in answer.text) is goes


async def test_nobody_takes_a_forgotten_persons_thread(site: Site) -> None:
    await said(site, ANNA, "e1")
    await said(site, BEN, "e2")
    await site.store.forget("web", "-", ANNA)
    for person in (ANNA, BEN, Person("", "nobody")):
        await site.desk.delete_thread(KEY, person)
    assert not await site.store.deleted(KEY)


async def test_what_moderators_have_to_see_stays(site: Site) -> None:
    await said(site, ANNA, "e1")
    await site.desk.press(Press("r", KEY, MODERATOR, Action.REPORT, 1))
    answer = await site.desk.delete_thread(KEY, ANNA)
    assert "once a moderator has looked at it" in answer.text
    assert not await site.store.deleted(KEY)
    await site.desk.delete_thread(KEY, MODERATOR)
    assert await site.store.deleted(KEY)
    assert not await site.store.cases(KEY.tenant_scope)


async def test_what_is_under_way_ends_and_leaves_nothing(site: Site) -> None:
    site.pictures.held = True
    site.model.scripts.append(FOX)
    making = asyncio.create_task(site.desk.receive(Incoming("e1", KEY, ANNA, "a fox")))
    await site.pictures.submitted(1)
    answer = await site.desk.delete_thread(KEY, ANNA)
    assert answer.text == "The thread is deleted."
    await making
    assert rows(site) == [0, 0, 0, 0]
    assert not site.desk.busy


async def test_a_picture_that_comes_too_late_is_kept_nowhere(site: Site) -> None:
    await said(site, ANNA, "e1")
    picture = await site.store.picture(KEY, 1)
    assert picture is not None
    await site.store.delete_thread(KEY)
    with pytest.raises(Exception, match="was deleted"):
        await site.store.add_picture(picture, b"late")
    assert not list((site.home / "pictures").iterdir())


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b'{"name":"nothing"}', b'{"name":"access","arguments":{}}', b'{"name":7}',
        b'{"name":"settings","arguments":[]}', b'{"name":"settings","arguments":{"nothing":"x"}}',
        b'{"name":"settings","arguments":{"size":"huge"}}', b'{"name":"report","arguments":{"picture":"x"}}',
        b'{"name":"report","arguments":{}}',
    ],
)  # fmt: skip
async def test_a_command_that_makes_no_sense_is_400(site: Site, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    async with site.browser.post(f"/api/threads/{THREAD}/command", data=body, headers=headers) as answer:
        assert answer.status == 400
        assert await answer.text()
