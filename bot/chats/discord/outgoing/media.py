"""Pictures as uploads: the copies that people are given, made smaller when Discord would not take them."""

from __future__ import annotations

import io
import logging

import discord

from bot.chats.discord.outgoing.views import Shown
from handlers.errors import StoreError
from handlers.ports import Marking
from imaging.errors import BadPicture
from imaging.kinds import ending

log = logging.getLogger(__name__)


class Unfitting(Exception):
    """A picture that no encoding makes small enough."""


class Media:
    def __init__(self, marking: Marking) -> None:
        self._marking = marking

    async def upload(self, shown: Shown, limit: int) -> discord.File | None:
        """The picture as a file of at most `limit` bytes; None when its bytes are gone, or not to be read.

        Raises:
            Unfitting: it cannot be made so small.
        """
        data = shown.preview if shown.preview is not None else await self._copy(shown.sha256 or "", limit)
        if data is None:
            return None
        stem = shown.file.rpartition(".")[0]
        return discord.File(io.BytesIO(data), filename=f"{stem}.{ending(data)}", description=shown.alt)

    async def small(self, shown: Shown, limit: int) -> discord.File | None:
        """The same for one of many pictures, which need not be large; None too where it is no picture any more."""
        try:
            data = await self._marking.small(shown.sha256 or "")
        except (BadPicture, StoreError) as error:
            log.warning("picture %.12s is left out of a list: %s", shown.sha256, error)
            return None
        stem = shown.file.rpartition(".")[0]
        return discord.File(io.BytesIO(data), filename=f"{stem}.{ending(data)}", description=shown.alt)

    async def within(self, data: bytes, limit: int) -> bytes | None:
        """A picture of an answer, or re-encoded to fit; None when nothing fits."""
        try:
            return await self._marking.fit(data, limit)
        except BadPicture as error:
            log.warning("a picture of %d bytes does not fit into %d: %s", len(data), limit, error)
            return None

    async def _copy(self, sha256: str, limit: int) -> bytes | None:
        """
        Raises:
            Unfitting: see there.
        """
        try:
            return await self._marking.copy(sha256, limit, posted=True)
        except BadPicture as error:
            log.warning("picture %s does not fit into %d bytes: %s", sha256[:12], limit, error)
            raise Unfitting from error
        except StoreError as error:
            log.warning("picture %s cannot be read: %s", sha256[:12], error)
            return None
