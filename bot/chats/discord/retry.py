"""Doing something again that Discord could not take just now."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import discord

from bot.chats.discord.trouble import FAILURES, Trouble, trouble

log = logging.getLogger(__name__)
T = TypeVar("T")
ATTEMPTS = 8
"""Tries before Discord counts as gone; about two minutes with the waits between."""
MAX_WAIT_S = 60.0


async def persist(step: Callable[[], Awaitable[T]], what: str, *, wait_s: float, attempts: int = ATTEMPTS) -> T:
    """Do `step`; after a passing trouble again, after `wait_s`, twice that, and so on.

    Raises:
        one of `FAILURES`: it is no passing trouble, or the last attempt met one too.
    """
    for attempt in range(attempts):
        try:
            return await step()
        except FAILURES as error:
            if trouble(error) is not Trouble.LATER or attempt + 1 == attempts:
                raise
            wait = max(min(MAX_WAIT_S, wait_s * 2**attempt), asked_to_wait(error))
            log.warning("%s waits %.1f s for Discord: %s", what, wait, error)
            await asyncio.sleep(wait)
    raise AssertionError("there is at least one attempt")


def asked_to_wait(error: BaseException) -> float:
    """Seconds that Discord, or what stands before it, asked for; 0 when it did not."""
    response = getattr(error, "response", None) if isinstance(error, discord.HTTPException) else None
    try:
        return min(MAX_WAIT_S, max(0.0, float(response.headers.get("Retry-After", 0)))) if response is not None else 0.0
    except (TypeError, ValueError, AttributeError):
        return 0.0
