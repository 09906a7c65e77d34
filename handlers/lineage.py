"""What a picture was made from, back to the first: whom it shows may have been said, or brought, long before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from handlers.model import Picture, ThreadKey
from handlers.ports import Store
from imaging.model import Operation

MOST = 24
"""Pictures that are looked up; edits of edits go deeper in no thread that people still follow."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """All that one picture goes back to, the nearest first."""

    words: tuple[str, ...] = ()
    """Their descriptions; an upload's is the name of its file."""
    brought: bool = False
    """A person brought one of them: it may be a photo of somebody."""
    covered: bool = False
    """One of them is shown covered."""


async def lineage(store: Store, thread: ThreadKey, numbers: Iterable[int]) -> Lineage:
    """Of the pictures with these numbers and of what those were made from; deleted ones count, unfinished ones do not.

    Raises:
        StoreError: it cannot be read.
    """
    found: dict[int, Picture] = {}
    asked: set[int] = set()
    waiting = list(numbers)
    while waiting and len(asked) < MOST:
        number = waiting.pop(0)
        if number in asked:
            continue
        asked.add(number)
        if (picture := await store.picture(thread, number)) is not None:
            found[number] = picture
            waiting += picture.parents
    return Lineage(
        tuple(dict.fromkeys(picture.description for picture in found.values())),
        any(picture.operation is Operation.UPLOAD for picture in found.values()),
        any(picture.spoiler for picture in found.values()),
    )
