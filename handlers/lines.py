"""One turn at a time in a thread, any number of threads at once."""

from __future__ import annotations

import asyncio
from types import TracebackType

from handlers.model import ThreadKey


class ThreadLines:
    """Within a thread turns go in their order, whoever reaches the line first. A thread that nobody waits for
    takes no memory."""

    def __init__(self) -> None:
        self._lines: dict[ThreadKey, list[Place]] = {}

    def __len__(self) -> int:
        """How many threads are busy."""
        return len(self._lines)

    def place(self, thread: ThreadKey, index: int) -> Place:
        """A place in the thread's line, from now on: later turns (a higher `index`) wait for it.

        Enter it with `async with`, or `leave` it.
        """
        place = Place(self, thread, index)
        self._lines.setdefault(thread, []).append(place)
        return place

    def _next(self, thread: ThreadKey) -> None:
        line = self._lines[thread]
        if not any(place.served for place in line):
            min(line, key=lambda place: place.index).serve()

    def _leave(self, place: Place) -> None:
        line = self._lines.get(place.thread, [])
        if place in line:
            line.remove(place)
        if line:
            self._next(place.thread)
        else:
            self._lines.pop(place.thread, None)


class Place:
    """One turn's place in its thread's line."""

    def __init__(self, lines: ThreadLines, thread: ThreadKey, index: int) -> None:
        self.thread = thread
        self.index = index
        self._lines = lines
        self._turn = asyncio.Event()

    @property
    def served(self) -> bool:
        return self._turn.is_set()

    def serve(self) -> None:
        self._turn.set()

    def leave(self) -> None:
        """Let the next one go; harmless when it has been left before."""
        self._lines._leave(self)

    async def __aenter__(self) -> None:
        self._lines._next(self.thread)
        try:
            await self._turn.wait()
        except BaseException:
            self.leave()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()
