"""The moments at which the program is killed: each transition of a message, a job and a post.

Peers note what they hear the instant they hear it, before they answer; what only the program's databases
know is read from them while such a moment is awaited.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path


class Moment(StrEnum):
    STARTING = "starting"
    HEARD = "message heard"
    THREADED = "thread opened"
    ACCEPTED = "message stored"
    ASKED = "language model asked"
    STREAMING = "language model writes"
    SUBMITTED = "job stored"
    CLAIMED = "job claimed"
    RENDERING = "picture asked for"
    RENDERED = "picture drawn"
    KEPT = "job done"
    SAVED = "picture stored"
    POSTING = "post on its way"
    POSTED = "post made, not confirmed"
    EDITING = "edit on its way"
    EDITED = "edit made, not confirmed"
    FINISHED = "turn closed"


COUNTERS: Mapping[StrEnum, tuple[str, str]] = {
    Moment.ACCEPTED: ("easel.db", "SELECT count(*) FROM turns"),
    Moment.SUBMITTED: ("jobs.db", "SELECT count(*) FROM jobs"),
    Moment.CLAIMED: ("jobs.db", "SELECT coalesce(sum(fence), 0) FROM jobs"),
    Moment.KEPT: ("jobs.db", "SELECT count(*) FROM jobs WHERE state = 'done'"),
    Moment.SAVED: ("easel.db", "SELECT count(*) FROM pictures"),
    Moment.FINISHED: ("easel.db", "SELECT count(*) FROM turns WHERE state != 'open'"),
}
"""Numbers that grow when the moment comes."""
LOOK_S = 0.003


class Order:
    """The moments of so many kills: all of them in turns, each turn in another order, and at the end (at most as many
    kills again) those that did not come."""

    def __init__(self, moments: Sequence[StrEnum], kills: int, dice: random.Random) -> None:
        self._moments = moments
        self._kills = kills
        self._dice = dice
        self.missed: list[StrEnum] = []
        """To be tried again; whoever finds that one has come takes it out."""

    def __iter__(self) -> Iterator[StrEnum]:
        order: list[StrEnum] = []
        for _ in range(self._kills):
            if not order:
                order, self.missed = self.missed + self._dice.sample(self._moments, len(self._moments)), []
                order.reverse()
            yield order.pop()
        for _ in range(self._kills):
            if not self.missed:
                return
            yield self.missed.pop(0)


class Moments:
    """One act at a time is armed; it happens inside the call that notes its moment."""

    def __init__(self, home: Path, counters: Mapping[StrEnum, tuple[str, str]] | None = None) -> None:
        self._home = home
        self._counters: Mapping[StrEnum, tuple[str, str]] = COUNTERS if counters is None else counters
        self._wanted: StrEnum | None = None
        self._skip = 0
        self._act: Callable[[], None] | None = None
        self._fired = asyncio.Event()
        self.seen: Counter[StrEnum] = Counter()

    def note(self, moment: StrEnum) -> None:
        self.seen[moment] += 1
        if moment is not self._wanted or self._act is None:
            return
        if self._skip:
            self._skip -= 1
            return
        self._fire()

    def _fire(self) -> None:
        act, self._act = self._act, None
        if act is not None:
            act()
            self._fired.set()

    async def at(self, moment: StrEnum, act: Callable[[], None], *, skip: int = 0, timeout_s: float) -> bool:
        """Do `act` when the moment comes (after `skip` others), or after `timeout_s`; whether it came."""
        self._wanted, self._skip, self._act = moment, skip, act
        self._fired.clear()
        watching = asyncio.create_task(self._watch(moment)) if moment in self._counters else None
        try:
            async with asyncio.timeout(timeout_s):
                await self._fired.wait()
            return True
        except TimeoutError:
            self._fire()
            return False
        finally:
            self._wanted = self._act = None
            if watching is not None:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)

    async def _watch(self, moment: StrEnum) -> None:
        known = self.count(moment)
        while True:
            await asyncio.sleep(LOOK_S)
            now = self.count(moment)
            if now != known:
                known = now
                self.note(moment)

    def count(self, moment: StrEnum) -> int:
        file, query = self._counters[moment]
        return read_number(self._home / file, query)


def read_number(path: Path, query: str) -> int:
    """A number from a database that others write; 0 while there is none."""
    with contextlib.suppress(sqlite3.Error), contextlib.closing(connect(path)) as connection:
        return int(connection.execute(query).fetchone()[0])
    return 0


def connect(path: Path) -> sqlite3.Connection:
    """For reading only."""
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
