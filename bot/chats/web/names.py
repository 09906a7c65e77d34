"""What guests shall be called: kept with the cookie's digest, until they are forgotten. Who is signed in has a name."""

from __future__ import annotations

import re
from collections import OrderedDict

from bot.memory import Memory
from bot.people import NotInvited, proper_name
from handlers.moderation.folding import looks

KEPT = "name/"
MOST = 5000
"""Names that are kept; whose is the oldest is a guest without one again."""
_GUEST = re.compile(r"guest\b.*")


class Names:
    """By the guests' ids. Two that look alike are one name, and nobody has another's."""

    def __init__(self, memory: Memory | None) -> None:
        self._memory = memory
        self._names: OrderedDict[str, str] = OrderedDict()
        self._taken: dict[str, str] = {}
        """Whose a name is, by its looks."""

    async def load(self) -> None:
        if self._memory is not None:
            for key, name in await self._memory.items(KEPT):
                self._put(key.removeprefix(KEPT), name)

    def of(self, guest: str) -> str:
        """As others see it."""
        return self._names.get(guest) or f"Guest {guest[:4]}"

    async def give(self, guest: str, name: str) -> str:
        """Call a guest so from now on; without a name they are a guest again. Returns what they are called.

        Raises:
            NotInvited: that name cannot be had; with the sentence.
        """
        if not name.strip():
            await self._drop(guest)
            return self.of(guest)
        name = proper_name(name)
        if _GUEST.fullmatch(looks(name)) or self._taken.get(looks(name), guest) != guest:
            raise NotInvited("Somebody here has that name; choose another one.")
        self._put(guest, name)
        if self._memory is not None:
            await self._memory.put(KEPT + guest, name)
        while len(self._names) > MOST:
            await self._drop(next(iter(self._names)))
        return name

    def _put(self, guest: str, name: str) -> None:
        self._leave(guest)
        self._names[guest] = name
        self._taken[looks(name)] = guest

    async def _drop(self, guest: str) -> None:
        self._leave(guest)
        if self._memory is not None:
            await self._memory.delete(KEPT + guest)

    def _leave(self, guest: str) -> None:
        before = self._names.pop(guest, None)
        if before is not None:
            self._taken.pop(looks(before), None)

    def forget(self, guest: str) -> None:
        """What is kept on the disk is deleted with all other notes of theirs."""
        self._leave(guest)
