"""What is under way: which replies there are, whose they are, and who may stop them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from handlers.audit import Audit, note_others
from handlers.errors import UserError
from handlers.model import Person, ThreadKey
from handlers.run import Run

STOPS_IN_S = 20.0


def may_cancel(person: Person, owner: Person) -> bool:
    """One's own, or anybody's for a moderator or an admin."""
    return person.id == owner.id or person.moderator or person.admin


class Runs:
    """The register of replies under way, and of those that are still on their way to it."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._runs: dict[str, Run] = {}
        self.busy: set[str] = set()
        """Turns that are being stored, answered or taken up: what comes again for them is dropped."""
        self.closing: set[str] = set()
        """Turns that people have and whose end is still to be stored."""

    @contextmanager
    def listed(self, run: Run) -> Iterator[None]:
        """The reply is under way, or waiting for its turn, until the block ends."""
        turn = run.assembly.turn.id
        self._runs[turn] = run
        try:
            yield
        finally:
            del self._runs[turn]
            run.over.set()

    def of_thread(self, thread: ThreadKey) -> list[Run]:
        """The replies under way in a thread or waiting for their turn there, oldest first."""
        return [run for run in self._runs.values() if run.assembly.turn.thread == thread]

    def of_turn(self, turn: str) -> Run | None:
        """The reply under way that this turn will be."""
        return self._runs.get(turn)

    def of_tenant(self, thread: ThreadKey) -> list[Run]:
        """The same in all threads of a thread's server or workspace."""
        return [run for run in self._runs.values() if run.assembly.turn.thread.tenant_scope == thread.tenant_scope]

    async def stop(self, thread: ThreadKey, person: Person) -> bool:
        """Stop the person's replies in a thread, or everybody's for a moderator; False when there is none.

        Raises:
            UserError: all that is under way is somebody else's.
        """
        runs = self.of_thread(thread)
        mine = [run for run in runs if may_cancel(person, run.person)]
        if runs and not mine:
            raise UserError(f"This answer is for {runs[0].person.name}; they or a moderator can stop it.")
        stopped = [run for run in mine if await run.stop(person.name)]
        await note_others(self._audit, "answers stopped", thread, person, [run.person for run in stopped])
        return bool(stopped)

    async def stop_person(self, thread: ThreadKey, person: Person) -> None:
        """Stop everything of one person in the workspace of `thread`, and wait until it is over."""
        await _end([run for run in self.of_tenant(thread) if run.person.id == person.id], person.name)

    async def stop_thread(self, thread: ThreadKey, by: str) -> None:
        """Stop everybody's replies in a thread, and wait until they are over."""
        await _end(self.of_thread(thread), by)


async def _end(runs: Sequence[Run], by: str) -> None:
    for run in runs:
        await run.stop(by)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOPS_IN_S):
            for run in runs:
                await run.over.wait()
