"""Pictures that came covered (Discord's spoilers), and what is made of them: they are shown covered too."""

from __future__ import annotations

import logging

from bot.chats.discord.config import KeyValue
from handlers.errors import UserError
from handlers.model import Incoming, PicturePart, Reply, ThreadKey
from handlers.ports import Store
from imaging.model import Operation

log = logging.getLogger(__name__)


class Covers:
    """For one answer, `to` a message. The numbers are remembered by thread, so that later edits are covered as well."""

    def __init__(self, store: Store, memory: KeyValue, thread: ThreadKey, to: Incoming | None) -> None:
        self._store = store
        self._memory = memory
        self._thread = thread
        self._brought = to.person.id if to is not None and any(file.covered for file in to.attachments) else None
        self._uploads = len(to.attachments) if to is not None else 0
        self._known: set[int] | None = None

    async def of(self, reply: Reply) -> frozenset[int]:
        """Numbers of the pictures in the answer that are shown covered."""
        if self._known is None:
            noted = await self._memory.get(self._note)
            self._known = {int(number) for number in (noted or "").split(",") if number}
            self._known |= await self._covered_uploads()
        pictures = [part for part in reply.parts if isinstance(part, PicturePart)]
        for part in pictures:
            if self._known.intersection(part.parents):
                self._known.add(part.number)
        if self._known:
            await self._memory.put(self._note, ",".join(map(str, sorted(self._known))))
        return frozenset(part.number for part in pictures if part.number in self._known)

    @property
    def _note(self) -> str:
        return f"covered:{self._thread}"

    async def _covered_uploads(self) -> set[int]:
        """The numbers that the pictures of the message were given: the newest uploads of its author."""
        if self._brought is None:
            return set()
        try:
            pictures = await self._store.gallery(self._thread)
        except UserError as error:
            log.warning("which pictures came covered is not known: %s", error)
            return set()
        own = [p.number for p in pictures if p.operation is Operation.UPLOAD and p.person.id == self._brought]
        return set(sorted(own)[-self._uploads :])
