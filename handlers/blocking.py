"""People whom moderators have blocked in a server or workspace: nothing is drawn or answered for them there."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from handlers.command_text import named
from handlers.commands import COMMANDS
from handlers.errors import UserError
from handlers.model import CommandCall, Incoming, Person, ThreadKey
from handlers.notices import Notices
from handlers.ports import Claim, Store

log = logging.getLogger(__name__)

BLOCKED = (
    "Moderators have blocked you here, so I draw and answer nothing for you; please talk to one of them. "
    "/forget still deletes what is yours."
)
TOLD_EVERY = timedelta(days=1)


class Blocking:
    """Asks the store each time: a block holds at once, and after a restart. Whoever moderates is never kept out, so
    that nobody blocks those above them."""

    def __init__(self, store: Store, notices: Notices, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._notices = notices
        self._clock = clock

    async def refusal(self, thread: ThreadKey, person: Person, *, untold: bool = False) -> str | None:
        """None for whoever is not blocked; else the sentence, which is empty when they were told today. `untold`: it
        does not count as told.

        Raises:
            StoreError: it cannot be read.
        """
        if person.moderator or person.admin or not person.id or not await self._store.blocked(thread, person):
            return None
        if untold or await self._store.tell_blocked(thread, person, self._clock(), TOLD_EVERY):
            return BLOCKED
        return ""

    async def keeps_out(self, incoming: Incoming) -> bool:
        """Whether a message is left unanswered; what there is to tell is told. Never raises but on cancellation."""
        try:
            return not _own_data(incoming.text) and await self._kept_out(incoming)
        except UserError as error:
            log.warning("whether %s is blocked cannot be told: %s", incoming.person.id, error)
            return False  # the message meets the same trouble, which is told there

    async def _kept_out(self, incoming: Incoming) -> bool:
        thread, person = incoming.thread, incoming.person
        refused = await self.refusal(thread, person)
        if refused is None:
            return False
        if await self._store.claim(incoming.event) is not Claim.FINISHED:
            await self._store.finish(incoming.event)
            if refused:
                await self._notices.tell(thread, person, refused)
        return True

    async def answer(self, call: CommandCall) -> str | None:
        """The same of a command."""
        return None if is_own_data(call.name) else await self.refusal(call.thread, call.person)


def is_own_data(command: str) -> bool:
    """Whether a command is about what is kept of whoever gives it: no block forbids it."""
    return any(spec.own_data for spec in COMMANDS if spec.name == command)


def _own_data(text: str) -> bool:
    command = named(text)
    return command is not None and is_own_data(command[0])
