"""One message from arrival to an open turn: what it may take, what came with it, and off to be answered."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime

from handlers.answering import NOTHING, Answering
from handlers.errors import QuotaUsedUp, UserError
from handlers.hands import Work, in_hand
from handlers.ids import asked_id, turn_id
from handlers.intake import Brought, asks_to_stop, check, read_uploads
from handlers.model import Incoming
from handlers.notices import Notices
from handlers.ports import Claim
from handlers.quota import Quiet
from handlers.quota_rules import Amounts
from handlers.recovery import Recovery
from handlers.runs import Runs
from handlers.services import Services
from handlers.writing import BROKE
from imaging.trace import trace

log = logging.getLogger(__name__)

DEADLY_FILES = (
    "I stopped twice while I looked at the pictures that you attached, so I leave them out; "
    "please send them again as ordinary PNGs or JPEGs."
)


class Conversation:
    """Receives messages."""

    def __init__(
        self,
        services: Services,
        runs: Runs,
        notices: Notices,
        answering: Answering,
        recovery: Recovery,
        clock: Callable[[], datetime],
    ) -> None:
        self._services = services
        self._store = services.store
        self._observer = services.observer
        self._runs = runs
        self._notices = notices
        self._answering = answering
        self._recovery = recovery
        self._clock = clock
        self._quiet = Quiet()

    async def receive(self, incoming: Incoming, refusal: UserError | None = None) -> None:
        """Answer a message, or with a `refusal` say why it cannot be taken; it counts like any other."""
        turn = turn_id(incoming)
        if turn in self._runs.busy or turn in self._runs.closing:
            self._observer.dropped(incoming.thread.chat, "running")
            return
        self._runs.busy.add(turn)
        with trace(turn):
            log.info("a message has come in %s", incoming.thread)
            await self._receive_or_tell(incoming, turn, refusal)

    async def _receive_or_tell(self, incoming: Incoming, turn: str, refusal: UserError | None) -> None:
        try:
            await self._take(incoming, turn, refusal)
        except UserError as error:
            await self._notices.refuse(incoming, error)
        except Exception:
            log.exception("message %s could not be answered", turn)
            await self._notices.tell(incoming.thread, incoming.person, BROKE)
        finally:
            self._runs.busy.discard(turn)
            self._answering.leave_kept(turn)

    async def _take(self, incoming: Incoming, turn: str, refusal: UserError | None) -> None:
        if asks_to_stop(incoming.text) and self._runs.of_thread(incoming.thread):
            await self._stop_word(incoming)
            return
        async with AsyncExitStack() as aside:
            # What it takes is set aside until it is stored, and counted from there.
            try:
                await self._admit(incoming, turn, aside)
                check(incoming, self._services.limits)
                if refusal is not None:
                    raise refusal
            except UserError as error:
                await self._turn_away(incoming, error)
                return
            brought = await self._brought(incoming, turn, aside)
            await self._recovery.enrol_thread(incoming.thread)
            if brought.refused:
                incoming = replace(incoming, attachments=brought.kept)
            accepted = await self._store.accept(incoming, asked=asked_id(incoming), turn=turn, uploads=brought.uploads)
        if accepted.claim is Claim.FINISHED or accepted.turn is None:
            self._observer.dropped(incoming.thread.chat, "finished")
            return
        if accepted.claim is Claim.AGAIN:
            self._observer.retried(incoming.thread.chat)
        await self._answering.answer(accepted.turn, accepted.asked, incoming, brought)

    async def _admit(self, incoming: Incoming, turn: str, aside: AsyncExitStack) -> None:
        """Set one message aside.

        Raises:
            QuotaUsedUp: it is one too many.
        """
        try:
            await self._set_aside(incoming, Amounts(messages=1), aside)
        except QuotaUsedUp:
            if await self._store.turn(turn) is None:  # else it is delivered again, and was counted before
                raise

    async def _brought(self, incoming: Incoming, turn: str, aside: AsyncExitStack) -> Brought:
        """The message's pictures, as far as they can be taken."""
        brought = NOTHING
        if incoming.attachments:
            async with in_hand(self._store, Work.READING, turn) as fine:
                services = self._services
                brought = Brought(sentences=(DEADLY_FILES,))
                if fine:
                    brought = await read_uploads(incoming, services)
            for error in brought.refused:
                await self._services.refused(incoming.thread, incoming.person, error)
        brought = replace(brought, sentences=(*incoming.problems, *brought.sentences))
        try:
            size = sum(len(upload.data) for upload in brought.uploads)
            await self._set_aside(incoming, Amounts(bytes=size), aside)
        except QuotaUsedUp as error:
            await self._services.refused(incoming.thread, incoming.person, error)
            return replace(brought, uploads=(), sentences=(*brought.sentences, str(error)))
        return brought

    async def _set_aside(self, incoming: Incoming, amounts: Amounts, aside: AsyncExitStack) -> None:
        quota = self._services.quota
        for share in await quota.take(incoming.thread, incoming.person, [amounts]):
            aside.callback(quota.give_back, share)

    async def _turn_away(self, incoming: Incoming, error: UserError) -> None:
        """Nothing is made of a message; it counts like any other unless it was one too many."""
        if await self._store.claim(incoming.event) is Claim.FINISHED:
            return
        if not isinstance(error, QuotaUsedUp):
            await self._store.spend(incoming.thread, incoming.person, Amounts(messages=1), self._clock())
            await self._notices.refuse(incoming, error)
        elif self._quiet.tell(incoming.person.account_in(incoming.thread.chat), self._clock()):
            await self._notices.refuse(incoming, error)
        else:
            await self._services.refused(incoming.thread, incoming.person, error)
        await self._store.finish(incoming.event)

    async def _stop_word(self, incoming: Incoming) -> None:
        if await self._store.claim(incoming.event) is Claim.FINISHED:
            return
        try:
            await self._runs.stop(incoming.thread, incoming.person)
        except UserError as error:
            await self._notices.refuse(incoming, error)
        await self._store.finish(incoming.event)
