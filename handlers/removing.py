"""A whole thread deleted, for everybody and for good: of the page's own lists; other platforms delete theirs."""

from __future__ import annotations

from handlers.audit import note_gone, note_others
from handlers.errors import NotAllowed
from handlers.model import Answer, Person, ThreadKey
from handlers.runs import Runs
from handlers.services import Services
from handlers.whose import began_by, governs, moderates


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
        began = await began_by(self._store, thread)
        if not governs(person, began):
            raise NotAllowed("Only who began this thread, or a moderator, can delete it.")
        if not moderates(person) and await self._store.hidden(thread):
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
