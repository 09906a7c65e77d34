"""Waiting for what cannot announce itself: a file, another process, a number in a database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Look again and again until the condition holds.

    Raises:
        TimeoutError: it did not in time.
    """
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - nothing here could set an event
            await asyncio.sleep(0.01)
