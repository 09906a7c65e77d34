"""What Discord's errors mean for an answer on its way, and what is tried again.

Codes: Discord developer docs, opcodes and status codes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TypeVar

import aiohttp
import discord

from handlers.english import words
from handlers.presentation import duration

log = logging.getLogger(__name__)
T = TypeVar("T")
ATTEMPTS = 8
"""Tries before Discord counts as gone; about two minutes with the waits between."""
MAX_WAIT_S = 60.0
FAILURES = (discord.DiscordException, aiohttp.ClientError, OSError, asyncio.TimeoutError)
"""What talking to Discord may raise."""


class Trouble(StrEnum):
    MESSAGE_DELETED = "message deleted"
    TOO_OLD = "message too old to be edited again"
    ARCHIVED = "thread archived"
    TOO_LARGE = "upload too large"
    NOT_ALLOWED = "permission missing"
    FILTERED = "the server's content filter refused a picture"
    BLOCKED = "the server's AutoMod blocked the words"
    GONE = "thread, server or access gone"
    REFUSED = "refused as wrong"
    LATER = "worth another try"


CODES = {
    10003: Trouble.GONE,  # unknown channel
    10004: Trouble.GONE,  # unknown server
    10008: Trouble.MESSAGE_DELETED,
    10015: Trouble.GONE,  # unknown webhook: the interaction's token is over
    10062: Trouble.GONE,  # unknown interaction
    20009: Trouble.FILTERED,
    20016: Trouble.LATER,  # slow mode
    20028: Trouble.LATER,  # channel write rate
    30046: Trouble.TOO_OLD,
    40005: Trouble.TOO_LARGE,
    50001: Trouble.GONE,  # missing access
    50007: Trouble.GONE,  # cannot write to this person
    50013: Trouble.NOT_ALLOWED,
    50027: Trouble.GONE,  # invalid webhook token
    50083: Trouble.ARCHIVED,
    160005: Trouble.GONE,  # thread locked
    200000: Trouble.BLOCKED,
    200001: Trouble.REFUSED,  # a title
    240000: Trouble.BLOCKED,  # a link that Discord takes for harmful
}

NO_HISTORY = frozenset({160002, 160009, 160010})
"""A reply needs the permission to read what it answers, and none of an age-restricted channel is answered elsewhere."""
NO_THREAD = frozenset({50001, 160005})
"""Codes that mean that a thread cannot be opened here, besides those of a plain refusal (a title that AutoMod blocks,
too many threads): answer in the channel instead."""
THREAD_EXISTS = 160004


def trouble(error: BaseException) -> Trouble:
    if isinstance(error, discord.RateLimited):
        return Trouble.REFUSED  # Discord asks for a wait that is longer than anybody's patience
    if not isinstance(error, discord.HTTPException):
        return Trouble.LATER
    if error.code in CODES:
        return CODES[error.code]
    if error.status == 413:
        return Trouble.TOO_LARGE
    if error.status == 429 or error.status >= 500:
        return Trouble.LATER
    if error.status == 404:
        return Trouble.GONE
    return Trouble.NOT_ALLOWED if error.status == 403 else Trouble.REFUSED


def why(error: BaseException) -> str:
    """What keeps an answer from being posted, for the person who waits for it; no end stop."""
    if isinstance(error, discord.RateLimited):
        return f"slow mode or a limit of Discord lets me write there again in {words(duration(error.retry_after))} only"
    match trouble(error):
        case Trouble.GONE | Trouble.MESSAGE_DELETED:
            return "the place is gone, locked, or I cannot see it any more"
        case Trouble.NOT_ALLOWED:
            return "I may not write there any more; a server admin can allow it to my role"
        case Trouble.LATER:
            return "Discord did not take it for minutes"
        case Trouble.BLOCKED:
            return "a filter of the server (AutoMod) blocked its words; a server admin can except my role"
        case _:
            return "Discord refused it"


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
