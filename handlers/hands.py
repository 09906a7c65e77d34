"""Work that kills the program is given up instead of being taken up again after every start."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum

from handlers.errors import StoreError
from handlers.ports import Store

log = logging.getLogger(__name__)


class Work(Enum):
    """What may be to blame; `most` deaths of the program at it are enough."""

    READING = ("read", 2)
    """The attachments of a message: short, and the only bytes that strangers choose freely."""
    ANSWERING = ("answer", 5)
    """A whole answer: whatever else ended the program in these minutes, so the culprit is less clear."""
    SHOWING = ("show", 2)
    """The pictures that such an answer has already, once it is given up."""

    def __init__(self, word: str, most: int) -> None:
        self.word = word
        self.most = most


@asynccontextmanager
async def in_hand(store: Store, work: Work, turn: str) -> AsyncIterator[bool]:
    """Note that this is being done while the block runs. False: it has ended too many programs; leave it."""
    name = f"{work.word}/{turn}"
    try:
        deaths = await store.take_in_hand(name)
    except StoreError as error:  # what is done next finds the same, and tells it
        log.warning("%s cannot be noted: %s", name, error)
        deaths = 0
    if deaths >= work.most:
        log.error("the program ended %d times at %s; it is given up", deaths, name)
    try:
        yield deaths < work.most
    except asyncio.CancelledError:
        raise  # the program stops; the store lets go of it when it is closed
    except BaseException:
        await _put_down(store, name)
        raise
    await _put_down(store, name)


async def _put_down(store: Store, name: str) -> None:
    with contextlib.suppress(StoreError):
        await store.put_down(name)
