"""Every task has an owner: what ends it is logged at once, and stopping waits for it.

What is awaited where it is begun needs none. What goes on beside everything else does: asyncio tells of an error that
nobody awaits when the task is collected, which may be never, and a task that nobody holds may end in the middle.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

log = logging.getLogger(__name__)
T = TypeVar("T")


class Tasks:
    """What one object does in the background."""

    def __init__(self, failed: Callable[[BaseException], None] | None = None) -> None:
        """
        Args:
            failed: Told of each error that ends a task. Whoever has one cannot do its work without the task, so
                that the log calls it critical.
        """
        self._failed = failed
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False

    def spawn(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Run `work`; once closed it is cancelled at once, so that nothing begins while the rest is taken down."""
        task = asyncio.create_task(work, name=name)
        if self._closed:
            task.cancel()
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        level = logging.ERROR if self._failed is None else logging.CRITICAL
        log.log(level, "%s failed", task.get_name(), exc_info=error)
        if self._failed is not None:
            self._failed(error)

    def __len__(self) -> int:
        return len(self._running)

    async def idle(self) -> None:
        """Wait until nothing runs."""
        while self._running:
            await asyncio.wait(self._running)

    async def close(self) -> None:
        """Cancel all, and what is still spawned from now on, and wait until they have ended."""
        self._closed = True
        for task in self._running:
            task.cancel()
        await self.idle()
