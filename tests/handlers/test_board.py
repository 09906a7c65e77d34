"""`/board`: the address of the page's board, or the board as one picture."""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest
from PIL import Image

from handlers.board import Board
from handlers.desk import Desk
from handlers.model import Action, CommandCall, Press, ThreadKey
from imaging import likeness
from tests.fakes import ANNA, THREAD, message
from tests.handlers.brainstorm.rounds import Brainstorm
from tests.handlers.conftest import World

TWO = 'Two: <image id="1"> a fox </image> <image id="2"> an owl </image>'


async def asked(world: World, desk: Desk | None = None, most: int | None = None) -> tuple[str, bytes, str, bool]:
    call = CommandCall("board-1", THREAD, ANNA, "board", max_file_bytes=most)
    answer = await (desk or world.desk).command(call)
    file = answer.files[0] if answer.files else None
    return answer.text, file.data if file else b"", file.alt if file else "", answer.private


async def test_a_thread_without_pictures_has_no_board(world: World) -> None:
    assert (await asked(world))[0] == "There are no pictures in this thread yet."


async def test_the_board_is_one_picture_for_all_where_no_page_shows_the_thread(world: World) -> None:
    world.model.scripts.append(TWO)
    await world.desk.receive(message("two"))
    await world.desk.press(Press("p1", THREAD, ANNA, Action.VOTE, 2))
    await world.store.move(THREAD, 2, 1)
    text, data, alt, private = await asked(world)
    assert (text, private) == ("The board of this thread.", False)
    assert alt == "The board of this thread: #2 an owl · 1 vote; #1 a fox"
    assert Image.open(io.BytesIO(data)).format == "PNG"


async def test_it_is_small_enough_for_where_it_goes(world: World) -> None:
    world.model.scripts.append(TWO)
    await world.desk.receive(message("two"))
    assert 0 < len((await asked(world, most=3_000))[1]) <= 3_000


async def test_the_address_of_the_board_is_told_to_the_asker_where_there_is_one(world: World) -> None:
    def address(thread: ThreadKey) -> str:
        return f"https://easel.example/t/{thread.thread}/board"

    world.model.scripts.append(TWO)
    await world.desk.receive(message("two"))
    desk = Desk(world.store, world.model, world.pictures, {world.chat.name: world.chat}, board=address)
    text, data, _, private = await asked(world, desk)
    assert (data, private) == (b"", True)
    assert text == f"The board of this thread: https://easel.example/t/{THREAD.thread}/board"


async def test_votes_of_an_open_anonymous_round_are_not_on_it(world: World) -> None:
    brainstorm = Brainstorm(world)
    await brainstorm.begin("/brainstorm mascots anonymous:yes")
    await brainstorm.press(Action.DOT, 1)
    assert "vote" not in (await asked(world))[2]
    await brainstorm.press(Action.CLOSE, 1)
    assert "#1 Flour fox · 1 vote · winner" in (await asked(world))[2]


async def test_a_picture_that_may_be_sensitive_covers_the_whole_board(world: World) -> None:
    world.model.scripts.append(TWO)
    await world.desk.receive(message("two"))
    picture = await world.store.picture(THREAD, 1)
    assert picture is not None
    number = await world.store.reserve_numbers(THREAD, 1)
    data = await world.store.picture_bytes(picture.sha256)
    await world.store.add_picture(replace(picture, number=number, spoiler=True), data)
    answer = await world.desk.command(CommandCall("board-1", THREAD, ANNA, "board"))
    assert answer.files[0].spoiler


async def test_nobody_waits_while_the_pictures_of_a_board_are_compared(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.model.scripts.append(TWO)
    await world.desk.receive(message("two"))
    real, where = likeness.groups, []

    def groups(glances: Sequence[likeness.Glance]) -> list[int]:
        where.append(threading.current_thread())
        return real(glances)

    monkeypatch.setattr(likeness, "groups", groups)
    cards = await Board(world.store).pinned(THREAD, alike=True)
    assert [card.group is None for card in cards] == [False, False]
    assert threading.main_thread() not in where
