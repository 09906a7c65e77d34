"""A brainstorm on fakes: what people do in it, and what they see."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

from handlers.desk import Desk
from handlers.model import Action, Answer, CommandCall, Person, Press, Reply, ThreadKey
from handlers.presentation import round_of
from handlers.round import RoundPart
from tests.fakes import ANNA, THREAD, message
from tests.handlers.conftest import World

IDEAS = (
    ("Flour fox", "a fox with a bun, flat logo"),
    ("Oven owl", "an owl in an oven, watercolour"),
    ("Bread bear", "a bear made of bread, clay"),
    ("Dough duck", "a duck of dough on a lake, photograph"),
    ("Cake cat", "a cat on a cake, pixel art"),
    ("Rye rabbit", "a rabbit in a rye field, linocut"),
    ("Toast toad", "a toad on toast, ink"),
    ("Pie pig", "a pig in a pie, paper cut"),
)


def directions(count: int = 4, first: int = 0) -> str:
    rows = IDEAS[first : first + count]
    return json.dumps([{"title": title, "why": f"{title} is new.", "description": words} for title, words in rows])


class Clock:
    """The time, as tests set it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Brainstorm:
    """Drives a desk; each press has another event unless it says so."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clock = Clock()
        self._events = 0
        world.make_desk = self._desk
        world.desk = self._desk()

    def _desk(self) -> Desk:
        world = self.world
        chats = {world.chat.name: world.chat}
        return Desk(world.store, world.model, world.pictures, chats, world.limits, clock=self.clock)

    async def begin(
        self, text: str = "/brainstorm mascots for a bakery", *scripts: str, person: Person = ANNA
    ) -> Reply:
        self._events += 1
        self.world.model.scripts.extend(scripts or (directions(),))
        await self.world.desk.receive(message(text, f"m{self._events}", person))
        return self.world.chat.last

    async def press(
        self, action: Action, picture: int | None = None, person: Person = ANNA, *, event: str = "", later: float = 2.0
    ) -> Answer:
        self._events += 1
        self.clock.pass_(later)
        press = Press(event or f"p{self._events}", THREAD, person, action, picture)
        answer = await self.world.desk.press(press)
        await self.world.desk.settle()
        return answer

    async def command(
        self, name: str, person: Person = ANNA, thread: ThreadKey = THREAD, **arguments: str | int
    ) -> Answer:
        self._events += 1
        answer = await self.world.desk.command(CommandCall(f"c{self._events}", thread, person, name, arguments))
        await self.world.desk.settle()
        return answer

    async def seen(self, number: int = -1) -> RoundPart:
        """The round of an answer as it is stored."""
        turns = [turn for turn in await self.world.store.turns(THREAD) if round_of(turn.parts)]
        part = round_of(turns[number].parts)
        assert part is not None
        return part

    async def votes(self) -> dict[int, int | None]:
        return {card.picture: card.votes for card in (await self.seen()).cards}

    async def shown(self) -> None:
        """Wait until what was stored is shown again."""
        for _ in range(20):
            await asyncio.sleep(0)
