"""How pictures leave the program where they are not marked: the twin of the real thing, for hosts who turn it off."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from handlers.errors import PictureGone, StoreError
from handlers.model import Picture
from handlers.ports import Store
from imaging.model import Operation

K = TypeVar("K")
R = TypeVar("R")
log = logging.getLogger(__name__)

GONE = "This picture is not there any more."
AGAIN_S = (0.5, 2.0, 5.0)
"""Waits before what cannot be read just now is read again: an answer goes on without a picture that it is not given."""


async def patiently(read: Callable[[K], Awaitable[R]], picture: K) -> R:
    """What is read of a stored picture (by its file or its number), in spite of passing troubles.

    Raises:
        PictureGone: at once.
        StoreError: the last try failed too.
    """
    for wait in AGAIN_S:
        try:
            return await read(picture)
        except PictureGone:
            raise
        except StoreError as error:
            log.warning("picture %.12s cannot be read just now: %s", picture, error)
            await asyncio.sleep(wait)
    return await read(picture)


async def record_of(store: Store, sha256: str) -> Picture:
    """The picture that has this file.

    Raises:
        PictureGone: none needs it any more.
        StoreError: it cannot be read.
    """
    picture = await patiently(store.picture_of, sha256)
    if picture is None:
        raise PictureGone(GONE)
    return picture


class Unmarked:
    """Implements `handlers.ports.Marking`: copies are the stored files, made larger or smaller where that is needed."""

    problem: str | None = None
    root = serial = ""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def copy(self, sha256: str, max_bytes: int | None = None, *, posted: bool = False) -> bytes:
        picture = await record_of(self._store, sha256)
        data = await patiently(self._store.picture_bytes, sha256)
        if posted and picture.operation is not Operation.UPLOAD:
            from imaging.marking.copies import enlarged_file

            data = await asyncio.to_thread(enlarged_file, data)
        return data if max_bytes is None else await self.fit(data, max_bytes)

    async def small(self, sha256: str) -> bytes:
        from imaging.outputs import THUMBNAIL_BYTES, thumbnail

        await record_of(self._store, sha256)
        data = await patiently(self._store.picture_bytes, sha256)
        return await self.fit(await asyncio.to_thread(thumbnail, data), THUMBNAIL_BYTES)

    async def for_document(self, sha256: str, side: int) -> bytes:
        await record_of(self._store, sha256)
        data = await patiently(self._store.picture_bytes, sha256)
        from imaging.outputs import as_jpeg, for_document, open_kept

        return await asyncio.to_thread(lambda: as_jpeg(for_document(open_kept(data), side)))

    async def sheet(self, data: bytes, pictures: Sequence[Picture]) -> bytes:
        return data

    async def fit(self, data: bytes, max_bytes: int) -> bytes:
        if len(data) <= max_bytes:
            return data
        from imaging.outputs import shrink_to  # decoders are loaded by the first picture only

        return (await asyncio.to_thread(shrink_to, data, max_bytes))[0]

    def preview(self, data: bytes) -> bytes:
        return data
