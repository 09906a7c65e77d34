"""Rounds that go on: people see how they stand, and a vote closes when its time is up, also after a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from handlers import voting
from handlers.errors import UserError
from handlers.ports import Chat, Store
from handlers.round import Phase
from handlers.runs import Runs
from handlers.showing import Showing
from handlers.voting import Round
from imaging.tasks import Tasks

log = logging.getLogger(__name__)

PACE_S = 1.0
"""Between two times that an answer is shown again: fifty votes are not fifty edits, and the last always shows."""
NAP_S = 30.0
"""A clock may be set, and a machine may sleep: so often is looked whether it is time."""


class Watching:
    """Owns a timer for each vote, and what brings votes to people."""

    def __init__(self, store: Store, showing: Showing, runs: Runs, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._showing = showing
        self._runs = runs
        self._clock = clock
        self._tasks = Tasks()
        self._timers: dict[str, asyncio.Task[None]] = {}
        self._stale: set[str] = set()
        self._showing_now: set[str] = set()

    async def close(self) -> None:
        """The next start arms the timers again."""
        await self._tasks.close()

    async def resume(self, chat: Chat) -> None:
        """Take up the votes of an earlier program: it may not have shown the last of them."""
        try:
            rounds = await self._store.running_rounds(chat.name)
        except UserError as error:
            log.error("the brainstorms that go on could not be read: %s", error)
            return
        for round in rounds:
            if round.part.phase in (Phase.OPEN, Phase.CLOSED):
                self.soon(round)
            self._followed(round)

    def settled(self, round: Round) -> None:
        """Its drafts are there: its vote begins, or it is the end."""
        self.arm(round)
        self._followed(round)

    def _followed(self, round: Round) -> None:
        """Have people see that the round before this one is over; a program may have died before they did."""
        if round.before is not None:
            self._tasks.spawn(self._show_over(round.before), f"show round {round.before} over")

    async def _show_over(self, turn: str) -> None:
        try:
            old = await self._store.round(turn)
        except UserError as error:
            log.warning("round %s could not be shown once more: %s", turn, error)
            return
        if old is not None:
            self.soon(old)

    def soon(self, round: Round) -> None:
        """Have people see the round as it stands now, and have it close in time."""
        self.arm(round)
        turn = round.turn
        self._stale.add(turn)
        if turn not in self._showing_now:
            self._showing_now.add(turn)
            self._tasks.spawn(self._show(round), f"show round {turn}")

    async def _show(self, round: Round) -> None:
        turn = round.turn
        try:
            while turn in self._stale:
                self._stale.discard(turn)
                await self._show_once(round)
                await asyncio.sleep(PACE_S)
        finally:
            self._showing_now.discard(turn)

    async def _show_once(self, round: Round) -> None:
        run = self._runs.of_turn(round.turn)
        if run is not None:  # its post is nobody else's until it is over
            now = await self._store.round(round.turn)
            if now is not None:
                run.assembly.put_round(voting.shown(now))
            await run.over.wait()
        await self._showing.answer(round.turn, round.thread)

    def arm(self, round: Round) -> None:
        """Close its vote when its time is up."""
        old = self._timers.pop(round.turn, None)
        if old is not None:
            old.cancel()
        if round.part.phase is Phase.OPEN and round.part.closes is not None:
            task = self._tasks.spawn(self._close_in_time(round.turn), f"close round {round.turn}")
            self._timers[round.turn] = task

    def _due(self, round: Round) -> tuple[Round, str]:
        return voting.due(round, self._clock()), ""

    async def _close_in_time(self, turn: str) -> None:
        while True:
            try:
                round = await self._store.round(turn)
                if round is None or round.part.phase is not Phase.OPEN or round.part.closes is None:
                    return
                left = (round.part.closes - self._clock()).total_seconds()
                if left <= 0:
                    done = await self._store.step_round(turn, None, self._due)
                    break
                await asyncio.sleep(min(left, NAP_S))
            except UserError as error:
                log.warning("the vote of round %s could not be looked at: %s", turn, error)
                await asyncio.sleep(NAP_S)
        self._timers.pop(turn, None)
        if done is not None:
            self.soon(done[0])
