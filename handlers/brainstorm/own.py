"""What of a thread's brainstorms is somebody's own: told to them alone, also where votes are anonymous."""

from __future__ import annotations

from dataclasses import dataclass

from handlers.brainstorm.presses import voter_of
from handlers.model import Person, ThreadKey
from handlers.ports import Store
from handlers.runs import may_cancel


@dataclass(frozen=True, slots=True)
class Own:
    dots: tuple[int, ...] = ()
    """The ideas of the latest brainstorm that they vote for, in all of its rounds."""
    leads: bool = False
    """Whether they may close its vote and go on."""


async def own(store: Store, thread: ThreadKey, person: Person) -> Own:
    """
    Raises:
        StoreError: it cannot be read.
    """
    newest = await store.newest_round(thread)
    if newest is None:
        return Own()
    rounds = await store.rounds(newest.part.brainstorm)
    dots = sorted(dot.picture for round in rounds for dot in round.given(voter_of(round, person)))
    return Own(tuple(dots), may_cancel(person, newest.facilitator))
