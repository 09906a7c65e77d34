"""What listeners of a job see: always the newest event, and every listener the same outcome."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from imaging.model import Cancelled, Done, Failed, JobEvent


class Feed:
    """The events of one job. A slow listener misses steps that newer ones have overtaken, never the outcome."""

    def __init__(self) -> None:
        self._newest: JobEvent | None = None
        self._version = 0
        self._changed = asyncio.Event()

    @property
    def newest(self) -> JobEvent | None:
        return self._newest

    @property
    def ended(self) -> bool:
        return isinstance(self._newest, Done | Failed | Cancelled)

    def publish(self, event: JobEvent) -> None:
        """Tell the listeners; after an outcome nothing more is told."""
        if self.ended or event == self._newest:
            return
        self._newest = event
        self._version += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def listen(self) -> AsyncIterator[JobEvent]:
        seen = 0
        while True:
            changed = self._changed
            if self._version != seen and self._newest is not None:
                seen = self._version
                yield self._newest
                if self.ended:
                    return
            else:
                await changed.wait()
