"""Never more requests a second than Discord takes, however many answers grow."""

from __future__ import annotations

import asyncio
import itertools
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.chats.discord.outgoing.pace import BURST, Pace

DISCORD_TAKES = 50


class Clock:
    """A time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@given(st.lists(st.floats(0, 3), min_size=1, max_size=300), st.sampled_from([10.0, 44.0]))
def test_in_no_second_go_more_than_the_rate_and_the_burst(pauses: list[float], rate: float) -> None:
    clock = Clock()
    pace = Pace(rate, clock, clock.sleep)
    went = []

    async def run() -> None:
        for pause in pauses:
            clock.now += pause if pause > 2.9 else 0  # mostly bursts, now and then a rest
            await pace.turn()
            went.append(clock.now)

    asyncio.run(run())
    for moment in went:
        assert sum(moment <= other < moment + 1 for other in went) <= rate + BURST + 1
    assert rate + BURST + 1 <= DISCORD_TAKES


class Stalls:
    """A time that jumps past what was asked for, as a busy event loop's does."""

    def __init__(self, late: list[float]) -> None:
        self.now, self._late = 100.0, itertools.cycle(late)
        self._waiting: list[tuple[float, asyncio.Future[None]]] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((self.now + seconds, future))
        await future

    async def pass_until_done(self, task: asyncio.Future[Any]) -> None:
        while not task.done():
            for _ in range(3):
                await asyncio.sleep(0)
            if self._waiting:
                self.now = max(self.now, min(due for due, _ in self._waiting)) + next(self._late)
                for due, future in sorted(self._waiting, key=lambda it: it[0]):
                    if due <= self.now:
                        self._waiting.remove((due, future))
                        future.set_result(None)


@given(st.lists(st.floats(0, 2), min_size=1, max_size=5), st.integers(100, 300))
def test_what_came_due_while_the_loop_was_late_does_not_go_at_once(late: list[float], requests: int) -> None:
    time = Stalls(late)
    pace = Pace(44, time, time.sleep)
    went: list[float] = []

    async def one() -> None:
        await pace.turn()
        went.append(time.now)

    async def run() -> None:
        await time.pass_until_done(asyncio.gather(*[one() for _ in range(requests)]))

    asyncio.run(run())
    assert len(went) == requests
    for moment in went:
        assert sum(moment <= other < moment + 1 for other in went) < DISCORD_TAKES


def test_the_more_answers_grow_the_rarer_each_is_edited() -> None:
    pace = Pace(40)
    assert pace.interval(1.3) == 1.3
    pace.growing = 1000
    assert pace.growing / pace.interval(1.3) <= 40 * 0.6 + 1e-9


async def test_every_request_of_a_client_waits_for_its_turn() -> None:
    clock = Clock()
    went: list[str] = []

    async def request(route: str, **_: Any) -> None:
        went.append(route)

    client: Any = SimpleNamespace(http=SimpleNamespace(request=request))
    Pace(1, clock, clock.sleep).hold(client)
    for number in range(BURST + 3):
        await client.http.request(f"/{number}")
    assert len(went) == BURST + 3
    assert clock.now > 101
