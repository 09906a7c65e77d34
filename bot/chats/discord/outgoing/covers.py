"""Pictures that are shown covered (Discord's spoilers). What is made of a covered one is covered too."""

from __future__ import annotations

from bot.chats.discord.config import KeyValue
from handlers.model import PicturePart, Reply, ThreadKey


class Covers:
    """For one answer. Pictures know it themselves; of those from before they did, the numbers are remembered by
    thread."""

    def __init__(self, memory: KeyValue, thread: ThreadKey) -> None:
        self._memory = memory
        self._note = f"covered:{thread}"
        self._noted: set[int] | None = None

    async def of(self, reply: Reply) -> frozenset[int]:
        """Numbers of the pictures in the answer that are shown covered."""
        pictures = [part for part in reply.parts if isinstance(part, PicturePart)]
        noted = await self._old(pictures)
        return frozenset(part.number for part in pictures if part.spoiler or part.number in noted)

    async def _old(self, pictures: list[PicturePart]) -> set[int]:
        if self._noted is None:
            noted = await self._memory.get(self._note)
            self._noted = {int(number) for number in (noted or "").split(",") if number}
        made = {part.number for part in pictures if self._noted.intersection(part.parents)}
        if made - self._noted:
            self._noted |= made
            await self._memory.put(self._note, ",".join(map(str, sorted(self._noted))))
        return self._noted
