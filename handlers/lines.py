"""One turn at a time in a thread, any number of threads at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from handlers.model import ThreadKey


class ThreadLines:
    """First come, first served within a thread. A thread that nobody waits for takes no memory."""

    def __init__(self) -> None:
        self._lines: dict[ThreadKey, _Line] = {}

    def __len__(self) -> int:
        """How many threads are busy."""
        return len(self._lines)

    @asynccontextmanager
    async def turn(self, thread: ThreadKey) -> AsyncIterator[None]:
        line = self._lines.setdefault(thread, _Line())
        line.people += 1
        try:
            async with line.lock:
                yield
        finally:
            line.people -= 1
            if not line.people:
                del self._lines[thread]


class _Line:
    __slots__ = ("lock", "people")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.people = 0
