"""Pictures as uploads: the stored bytes, made smaller when Discord would not take them."""

from __future__ import annotations

import asyncio
import io
import logging

import discord

from bot.chats.discord.config import Shrink
from bot.chats.discord.views import Shown
from handlers.errors import UserError
from handlers.ports import Store
from imaging.errors import BadPicture

log = logging.getLogger(__name__)
SIGNATURES = ((b"\x89PNG", "png"), (b"RIFF", "webp"), (b"\xff\xd8", "jpg"), (b"GIF8", "gif"))


def extension(data: bytes) -> str:
    """By the first bytes; `bin` for anything else."""
    return next((name for signature, name in SIGNATURES if data.startswith(signature)), "bin")


class Unfitting(Exception):
    """A picture that no encoding makes small enough."""


class Media:
    def __init__(self, store: Store, shrink: Shrink) -> None:
        self._store = store
        self._shrink = shrink

    async def upload(self, shown: Shown, limit: int) -> discord.File | None:
        """The picture as a file of at most `limit` bytes; None when its bytes are not there (any more).

        Raises:
            Unfitting: it cannot be made so small.
        """
        data = shown.preview
        if data is None:
            data = await self._stored(shown.sha256 or "")
        if data is None:
            return None
        data = await self.within(data, limit)
        if data is None:
            raise Unfitting
        stem = shown.file.rpartition(".")[0]
        return discord.File(io.BytesIO(data), filename=f"{stem}.{extension(data)}", description=shown.alt)

    async def within(self, data: bytes, limit: int) -> bytes | None:
        """The picture itself, or re-encoded to fit; None when nothing fits."""
        if len(data) <= limit:
            return data
        try:
            smaller, _ = await asyncio.to_thread(self._shrink, data, limit)
        except BadPicture as error:
            log.warning("a picture of %d bytes does not fit into %d: %s", len(data), limit, error)
            return None
        return smaller

    async def _stored(self, sha256: str) -> bytes | None:
        try:
            return await self._store.picture_bytes(sha256)
        except (UserError, LookupError, OSError) as error:
            log.warning("picture %s cannot be read: %s", sha256[:12], error)
            return None
