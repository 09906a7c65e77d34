"""Sentences to one person outside of any answer: refusals, failures, an answer that could not be posted."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from handlers.errors import UserError
from handlers.model import Incoming, Person, ThreadKey
from handlers.ports import Chat, ChatUnavailable
from handlers.services import Services

log = logging.getLogger(__name__)


class Notices:
    """Brings them on the chat of a thread; one that cannot be told is in the log."""

    def __init__(self, services: Services, chats: Mapping[str, Chat]) -> None:
        self._services = services
        self._chats = chats

    async def refuse(self, incoming: Incoming, error: UserError) -> None:
        """Say why a message is not answered."""
        await self._services.refused(incoming.thread, incoming.person, error)
        await self.tell(incoming.thread, incoming.person, str(error))

    async def tell(self, thread: ThreadKey, person: Person, sentence: str) -> None:
        if not person.id:
            return
        try:
            await self._chats[thread.chat].tell(thread, person, sentence)
        except ChatUnavailable as error:
            log.warning("a sentence could not be told: %s", error)
        except Exception:
            log.exception("a sentence could not be told")
