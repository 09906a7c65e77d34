"""A whole thread deleted, for everybody and for good: of the page's own lists; other platforms delete theirs."""

from __future__ import annotations

from handlers.audit import note_gone, note_others
from handlers.errors import NotAllowed
from handlers.model import Answer, Person, Role, ThreadKey, Turn
from handlers.runs import Runs
from handlers.services import Services

FIRST_TURNS = 1


class Removing:
    """Ends what is under way in a thread, then deletes it."""

    def __init__(self, services: Services, runs: Runs) -> None:
        self._services = services
        self._store = services.store
        self._runs = runs

    async def delete(self, thread: ThreadKey, person: Person) -> Answer:
        """
        Raises:
            NotAllowed: somebody else began it, or moderators have yet to look at it.
            StoreError: it cannot be deleted now; nothing is.
        """
        began = await self._began_by(thread)
        moderates = person.moderator or person.admin
        if not moderates and (began is None or began.id != person.id):
            raise NotAllowed("Only who began this thread, or a moderator, can delete it.")
        if not moderates and await self._store.hidden(thread):
            raise NotAllowed(
                "A picture of this thread was reported and is hidden; the thread can be deleted once a moderator has "
                "looked at it."
            )
        await self._runs.stop_thread(thread, person.name)
        gone = await self._store.delete_thread(thread)
        # Who was quicker than the deletion is answered into nothing; what they had made meanwhile is refused there.
        await self._runs.stop_thread(thread, person.name)
        for forget in self._services.also_forget_thread:
            await forget(thread)
        await note_gone(self._services.audit, "thread deleted", thread, gone)
        if began is not None:
            await note_others(self._services.audit, "threads deleted", thread, person, [began])
        return Answer("The thread is deleted.", private=False)

    async def _began_by(self, thread: ThreadKey) -> Person | None:
        """None where that is not known any more: its first message is too old, or its maker wanted to be forgotten."""
        turns = await self._store.turns(thread)
        person = turns[0].person if turns and _is_first(turns[0]) else None
        return person if person is not None and person.id else None


def _is_first(turn: Turn) -> bool:
    return turn.index == FIRST_TURNS and turn.role is Role.USER
