"""How pictures leave the program where they are not marked: the twin of the real thing, for hosts who turn it off."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from handlers.errors import StoreError
from handlers.model import Picture
from handlers.ports import Store

GONE = "This picture is not there any more."


class Unmarked:
    """Implements `handlers.ports.Marking`: copies are the stored files, made smaller where they have to be."""

    problem: str | None = None
    root = serial = ""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def copy(self, sha256: str, max_bytes: int | None = None) -> bytes:
        if await self._store.picture_of(sha256) is None:
            raise StoreError(GONE)
        data = await self._store.picture_bytes(sha256)
        return data if max_bytes is None else await self.fit(data, max_bytes)

    async def sheet(self, data: bytes, pictures: Sequence[Picture]) -> bytes:
        return data

    async def fit(self, data: bytes, max_bytes: int) -> bytes:
        if len(data) <= max_bytes:
            return data
        from imaging.outputs import shrink_to  # decoders are loaded by the first picture only

        return (await asyncio.to_thread(shrink_to, data, max_bytes))[0]

    def preview(self, data: bytes) -> bytes:
        return data
