"""A thread's board by the page's routes: who may see and change it, what is refused, what outlives what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.settings import Login, parse_networks
from handlers.model import NOWHERE, Person, Picture, ThreadKey
from imaging.model import Operation
from tests.bot.web_site import THREAD, Site
from tests.fakes import png

KEY = ThreadKey("web", NOWHERE, "web", THREAD)
BOARD = f"/api/threads/{THREAD}/board"


async def pictures(site: Site, count: int, key: ThreadKey = KEY) -> None:
    first = await site.store.reserve_numbers(key, count)
    for number in range(first, first + count):
        picture = Picture(
            key, number, Operation.IMAGE, (), f"idea {number}", None, "", "image/png", 16, 16,
            Person("anna", "Anna"), datetime.now(UTC), "turn-1",
        )  # fmt: skip
        await site.store.add_picture(picture, png(number))


async def order(site: Site) -> list[int]:
    async with site.browser.get(BOARD) as answer:
        return [card["number"] for card in (await answer.json())["cards"]]


async def move(site: Site, body: Any) -> tuple[int, str]:
    async with site.browser.post(BOARD, json=body) as answer:
        return answer.status, await answer.text()


async def test_the_order_outlives_a_restart_and_what_comes_later_is_last(site: Site) -> None:
    await pictures(site, 4)
    assert await order(site) == [1, 2, 3, 4]
    assert (await move(site, {"number": 4, "before": 1}))[0] == 200
    assert (await move(site, {"number": 1, "before": None}))[0] == 200
    await pictures(site, 1)
    assert await order(site) == [4, 2, 3, 1, 5]
    await site.store.delete_picture(KEY, 2)
    await site.stop()
    await site.start()
    assert await order(site) == [4, 3, 1, 5]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"number": "1"}, 400),
        ({"number": True}, 400),
        ({"number": -1}, 400),
        ({"number": 1, "before": "2"}, 400),
        ({"number": 1, "before": 10**30}, 400),
        ({"number": 9}, 409),
        ({"number": 1, "before": 9}, 409),
        ({"number": 1, "before": 1}, 200),
        ([1, 2], 400),
    ],
)
async def test_a_move_that_cannot_be_made_changes_nothing(site: Site, body: Any, status: int) -> None:
    await pictures(site, 2)
    found, told = await move(site, body)
    assert found == status
    assert status == 200 or told.endswith(".")
    assert await order(site) == [1, 2]


async def test_a_board_is_seen_and_changed_by_whoever_may_see_its_thread(tmp_path: Path) -> None:
    site = Site(tmp_path, login=Login.PROXY, proxies=parse_networks("127.0.0.1"))
    await site.start()
    try:
        anna, ben = ({"Remote-User": name} for name in ("anna", "ben"))
        move_it: dict[str, Any] = {"json": {"number": 2, "before": 1}}
        async with site.browser.post("/api/threads", headers=anna) as answer:
            thread = (await answer.json())["id"]
        await pictures(site, 2, ThreadKey("web", NOWHERE, "web", thread))
        board = f"/api/threads/{thread}/board"
        for ways in ({}, move_it):
            for who, status in ((anna, 200), (ben, 404), ({}, 401)):
                method = site.browser.post if ways else site.browser.get
                async with method(board, headers=who, **ways) as answer:
                    assert answer.status == status
        async with site.browser.post(
            f"/api/threads/{thread}/sharing", json={"sharing": "house"}, headers=anna
        ) as answer:
            assert answer.status == 200
        async with site.browser.get(board, headers=ben) as answer:
            assert [card["number"] for card in (await answer.json())["cards"]] == [2, 1]
    finally:
        await site.stop()


async def test_nobody_who_is_blocked_moves_anything(site: Site) -> None:
    await pictures(site, 2)
    guest: dict[str, Any] = {"headers": {"X-Real-IP": "192.0.2.7"}}
    async with site.browser.get("/api/me", **guest) as answer:
        me = await answer.json()
    who = Person(me["id"], me["name"])
    for blocked, status in ((True, 409), (False, 200)):
        assert await (site.store.block(KEY, who, who) if blocked else site.store.lift(KEY, who))
        async with site.browser.post(BOARD, json={"number": 2, "before": 1}, **guest) as answer:
            assert answer.status == status
    assert await order(site) == [2, 1]


async def test_retention_and_deleted_threads_leave_no_order_behind(site: Site) -> None:
    await pictures(site, 2)
    await move(site, {"number": 2, "before": 1})
    await site.store.prune(datetime.now(UTC) + timedelta(minutes=1))
    assert await site.store.board(KEY) == []


async def test_pictures_that_look_alike_are_found(site: Site) -> None:
    await pictures(site, 4)
    async with site.browser.get(f"{BOARD}?alike") as answer:
        groups = [card["group"] for card in (await answer.json())["cards"]]
    assert groups == [0, 0, 0, 0]  # nearly the same dark colour
