"""So much at once: nobody over the limit, nobody forgotten, nobody before their turn."""

from __future__ import annotations

import asyncio
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.at_once import AtOnce

TURNS = 4
"""Of the event loop: enough for what is ready to run."""


async def breathe() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


class Visitors:
    """Each enters and stays until told to go."""

    def __init__(self, rooms: AtOnce) -> None:
        self.rooms = rooms
        self.inside: list[str] = []
        self.tasks: list[tuple[str, asyncio.Event, asyncio.Task[None]]] = []

    def come(self, account: str) -> None:
        leave = asyncio.Event()
        self.tasks.append((account, leave, asyncio.create_task(self._visit(account, leave))))

    async def _visit(self, account: str, leave: asyncio.Event) -> None:
        async with self.rooms.room(account):
            self.inside.append(account)
            try:
                await leave.wait()
            finally:
                self.inside.remove(account)

    async def end(self) -> None:
        for _, leave, _ in self.tasks:
            leave.set()
        await asyncio.gather(*(task for _, _, task in self.tasks), return_exceptions=True)


async def test_one_persons_many_do_not_keep_another_out() -> None:
    visitors = Visitors(AtOnce(2))
    for _ in range(20):
        visitors.come("ada")
    await breathe()
    visitors.come("bob")
    await breathe()
    assert visitors.inside == ["ada", "ada"]
    visitors.tasks[0][1].set()
    await breathe()
    assert sorted(visitors.inside) == ["ada", "bob"]
    await visitors.end()
    assert (visitors.rooms.inside, visitors.rooms.waiting) == (0, 0)


async def test_one_person_has_no_more_than_their_own() -> None:
    visitors = Visitors(AtOnce(10, each=3))
    for _ in range(5):
        visitors.come("ada")
    visitors.come("bob")
    await breathe()
    assert Counter(visitors.inside) == {"ada": 3, "bob": 1}
    await visitors.end()


async def test_without_a_limit_all_are_in() -> None:
    visitors = Visitors(AtOnce())
    for at in range(50):
        visitors.come(f"p{at % 3}")
    await breathe()
    assert len(visitors.inside) == 50
    await visitors.end()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 3),
    st.integers(0, 2),
    st.lists(st.tuples(st.sampled_from(["come", "leave", "cancel"]), st.integers(0, 30)), max_size=40),
)
def test_whatever_happens_rooms_are_used_and_no_limit_is_passed(
    most: int, each: int, steps: list[tuple[str, int]]
) -> None:
    async def play() -> None:
        rooms = AtOnce(most, each)
        visitors = Visitors(rooms)
        for what, number in steps:
            if what == "come":
                visitors.come(f"p{number % 3}")
            elif visitors.tasks:
                _, leave, task = visitors.tasks[number % len(visitors.tasks)]
                if what == "leave":
                    leave.set()
                else:
                    task.cancel()
            if number % 2:  # several things may also happen at the same time
                await breathe()
                inside = Counter(visitors.inside)
                assert rooms.inside == len(visitors.inside)
                assert not most or len(visitors.inside) <= most
                assert not each or max(inside.values(), default=0) <= each
                waits = Counter(name for name, _, task in visitors.tasks if not task.done()) - inside
                able = [name for name in waits if not each or inside[name] < each]
                assert not able or (most and len(visitors.inside) == most)  # no room stays empty
        await visitors.end()
        assert (rooms.inside, rooms.waiting) == (0, 0)

    asyncio.run(play())
