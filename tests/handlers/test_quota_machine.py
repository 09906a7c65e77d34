"""Nobody gets more than the limit, by any mix of places, names, buttons, redeliveries, cancels, restarts, /forget."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from handlers.model import Action, CommandCall, Incoming, Person, Press, ThreadKey
from imaging.model import Cancelled, Failed
from prompts.request import LanguageRequest
from tests.handlers.conftest import World

PICTURES, ALL_PICTURES, CALLS, MESSAGES, BYTES = 3, 5, 7, 9, 30_000
RULES = (
    f"{PICTURES} pictures a day per person; {ALL_PICTURES} pictures in 1 h in all; {CALLS} calls a day per person; "
    f"{MESSAGES} messages a day per person; {BYTES / 1e6} MB a day per person"
)
PEOPLE = (
    Person("u1", "Anna"),
    Person("c1", "Guest 1", account="address-1"),
    Person("c2", "Guest 2", account="address-1"),  # the same guest, who dropped the cookie
    Person("u3", "Cleo"),
)
PLACES = tuple(ThreadKey("web", tenant, channel, "t") for tenant, channel in (("s1", "a"), ("s2", "b"), ("-", "dm")))
people, places = st.sampled_from(PEOPLE), st.sampled_from(PLACES)


class Quotas(RuleBasedStateMachine):
    """Messages are answered by as many pictures as they ask for; pictures end when a step says how."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.home = Path(tempfile.mkdtemp())
        self.world = World(self.home)
        self.world.pictures.held = True
        self.world.model._answer = self._answer
        self.asked: Counter[str] = Counter()
        self.tasks: list[asyncio.Task[Any]] = []
        self.sent: list[Incoming] = []
        self.number = 0
        self.do(self.world.start())
        self.world.tune(RULES)

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def _answer(self, request: LanguageRequest) -> str:
        self.asked[request.user.name] += 1
        wanted = request.user.text.count("x")
        return f'Yes. <image count="{wanted}"> a fox </image>' if wanted else "No."

    async def _start(self, incoming: Incoming) -> None:
        self.tasks.append(asyncio.create_task(self.world.desk.receive(incoming)))
        await self._breathe()

    async def _breathe(self) -> None:
        """Let what has begun come to where it waits: until nothing has changed for a while."""
        seen: tuple[int, ...] = ()
        still = 0
        while still < 5:
            await asyncio.sleep(0.001)
            pictures, model = self.world.pictures, self.world.model
            now = (len(pictures.submissions), len(pictures.outcomes), len(model.requests), self.world.desk.busy)
            still = still + 1 if now == seen else 0
            seen = now

    def _event(self) -> str:
        self.number += 1
        return f"e{self.number}"

    @rule(person=people, place=places, wanted=st.integers(0, 3))
    def say(self, person: Person, place: ThreadKey, wanted: int) -> None:
        incoming = Incoming(self._event(), place, person, f"draw {'x' * wanted}")
        self.sent.append(incoming)
        self.do(self._start(incoming))

    @rule(person=people, place=places, count=st.integers(2, 4))
    def say_at_once(self, person: Person, place: ThreadKey, count: int) -> None:
        async def many() -> None:
            for at in range(count):
                here = PLACES[(PLACES.index(place) + at) % len(PLACES)]
                self.tasks.append(
                    asyncio.create_task(self.world.desk.receive(Incoming(self._event(), here, person, "draw x")))
                )
            await self._breathe()

        self.do(many())

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def deliver_again(self, data: st.DataObject) -> None:
        self.do(self._start(data.draw(st.sampled_from(self.sent))))

    @rule(person=people, place=places, action=st.sampled_from([Action.VARY, Action.REDO, Action.EDIT]))
    def press(self, person: Person, place: ThreadKey, action: Action) -> None:
        async def once() -> None:
            press = Press(self._event(), place, person, action, picture=1, text="a blue fox")
            await self.world.desk.press(press)
            await self.world.desk.press(press)  # delivered twice
            await self._breathe()

        self.do(once())

    @rule(how=st.sampled_from(["done", "done", "failed", "cancelled"]), at=st.integers(0, 20))
    def end_a_picture(self, how: str, at: int) -> None:
        waiting = [id for id in self.world.pictures.requests if id not in self.world.pictures.outcomes]
        if waiting:
            outcome = {"done": None, "failed": Failed("No."), "cancelled": Cancelled("Mo")}[how]
            self.do(self.world.pictures.complete(waiting[at % len(waiting)], outcome))
            self.do(self._breathe())

    @rule(person=people, place=places)
    def stop(self, person: Person, place: ThreadKey) -> None:
        self.do(self._start(Incoming(self._event(), place, person, "stop")))

    @rule(person=people, place=places)
    def forget(self, person: Person, place: ThreadKey) -> None:
        async def begin() -> None:  # it waits for answers that wait for others' pictures
            call = CommandCall(self._event(), place, person, "forget", {"confirm": "yes"})
            self.tasks.append(asyncio.create_task(self.world.desk.command(call)))
            await self._breathe()

        self.do(begin())

    @rule()
    def restart(self) -> None:
        async def again() -> None:
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)
            self.tasks.clear()
            await self.world.restart()
            self.tasks.append(asyncio.create_task(self.world.desk.resume(self.world.chat)))
            await self._breathe()

        self.do(again())

    @invariant()
    def nobody_has_more(self) -> None:
        made = Counter(
            request.owner.counts_as
            for id, request in self.world.pictures.requests.items()
            if not isinstance(self.world.pictures.outcomes.get(id), Failed | Cancelled)
        )
        assert max(made.values(), default=0) <= PICTURES
        assert made.total() <= ALL_PICTURES
        assert self.asked["Anna"] <= CALLS
        assert self.asked["Cleo"] <= CALLS
        assert self.asked["Guest 1"] + self.asked["Guest 2"] <= CALLS

    def teardown(self) -> None:
        async def end() -> None:
            await self.world.pictures.complete_all()
            self.world.pictures.held = False
            await asyncio.wait_for(asyncio.gather(*self.tasks, return_exceptions=True), 20)
            await self.world.desk.settle()
            await self.world.desk.close()
            for person in PEOPLE:
                for stand in await self.world.desk.services.quota.standings(PLACES[0], person):
                    assert stand.used <= stand.rule.amount
            await self.world.store.close()

        try:
            self.do(end())
        finally:
            self.runner.close()
            shutil.rmtree(self.home)


def test_nobody_gets_past_a_limit_by_any_mix() -> None:
    slow = [HealthCheck.too_slow]
    run_state_machine_as_test(
        Quotas, settings=settings(max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=slow)
    )
