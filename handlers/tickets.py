"""One turn at a time in a thread, any number of threads at once."""

from __future__ import annotations

import asyncio
from types import TracebackType

from handlers.model import ThreadKey


class Tickets:
    """Within a thread turns go in their order, whoever reaches the line first. A thread that nobody waits for
    takes no memory."""

    def __init__(self) -> None:
        self._lines: dict[ThreadKey, list[Ticket]] = {}

    def __len__(self) -> int:
        """How many threads are busy."""
        return len(self._lines)

    def take(self, thread: ThreadKey, index: int) -> Ticket:
        """A ticket in the thread's line, from now on: later turns (a higher `index`) wait for it.

        Enter it with `async with`, or `leave` it.
        """
        ticket = Ticket(self, thread, index)
        self._lines.setdefault(thread, []).append(ticket)
        return ticket

    def _next(self, thread: ThreadKey) -> None:
        line = self._lines[thread]
        if not any(ticket.served for ticket in line):
            min(line, key=lambda ticket: ticket.index).serve()

    def _leave(self, ticket: Ticket) -> None:
        line = self._lines.get(ticket.thread, [])
        if ticket in line:
            line.remove(ticket)
        if line:
            self._next(ticket.thread)
        else:
            self._lines.pop(ticket.thread, None)


class Ticket:
    """One turn's ticket in its thread's line."""

    def __init__(self, tickets: Tickets, thread: ThreadKey, index: int) -> None:
        self.thread = thread
        self.index = index
        self._tickets = tickets
        self._turn = asyncio.Event()

    @property
    def served(self) -> bool:
        return self._turn.is_set()

    def serve(self) -> None:
        self._turn.set()

    def leave(self) -> None:
        """Let the next one go; harmless when it has been left before."""
        self._tickets._leave(self)

    async def __aenter__(self) -> None:
        self._tickets._next(self.thread)
        try:
            await self._turn.wait()
        except BaseException:
            self.leave()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()
