"""One reply under way: who asked for it, how to stop it, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from enum import Enum, auto

from handlers.assembly import Assembly
from handlers.errors import StoreError
from handlers.model import NoticePart, Person, Turn, TurnState
from handlers.ports import ChatUnavailable, ReplyPost
from handlers.services import Services
from handlers.slots import Slots
from imaging.tasks import Tasks

log = logging.getLogger(__name__)

NOT_POSTED = "I could not post my answer ({why}). It is kept with its pictures: /export in that thread has them."
STILL_S = 30.0
CLOSED = "The program stopped in the middle of this answer; its end was lost."


class Phase(Enum):
    WAITING = auto()
    """Earlier replies of its thread are not over."""
    WRITING = auto()
    DRAWING = auto()
    """All words are there; pictures may still come."""


class Run:
    """The life of one assistant turn, from its first word to its stored end."""

    def __init__(
        self,
        assembly: Assembly,
        slots: Slots,
        post: ReplyPost,
        services: Services,
        person: Person,
        tell: Callable[[str], Awaitable[None]],
        close_later: Callable[[Turn], None],
    ) -> None:
        """
        Args:
            tell: Brings one sentence to the person, wherever they can be reached.
            close_later: Takes a turn whose end the database refuses to store now.
        """
        self.assembly = assembly
        self.slots = slots
        self.person = person
        self._post = post
        self._store = services.store
        self._observer = services.observer
        self._tell = tell
        self._close_later = close_later
        self._writing: asyncio.Task[None] | None = None
        self._tasks = Tasks()
        self.stopped_by: str | None = None
        """Who stopped it."""
        self.phase = Phase.WAITING
        self.over = asyncio.Event()
        self.settle: Callable[[], Awaitable[None]] | None = None
        """What is to be done once all pictures have their outcome, before the answer is brought to the chat."""

    async def write(self, work: Coroutine[None, None, None]) -> None:
        """Let the language model write; `stop` ends it early."""
        if self.stopped_by is not None:
            work.close()
            return
        self._writing = asyncio.create_task(work, name=f"write {self.assembly.turn.id}")
        still = self._tasks.spawn(self._still_thinking(), f"still {self.assembly.turn.id}")
        try:
            await self._writing
        except asyncio.CancelledError:
            if self.stopped_by is None:
                raise
        finally:
            self._writing = None
            still.cancel()

    async def _still_thinking(self) -> None:
        """A model may think for minutes: a chat where "thinking" fades says it again."""
        while not self.assembly.has_words():
            await asyncio.sleep(STILL_S)
            self.assembly.show()

    async def stop(self, by: str) -> bool:
        """Stop writing and cancel all jobs of this reply, or have it end before it begins; False when it was
        already over."""
        open_still = self.phase in (Phase.WAITING, Phase.WRITING)
        self.stopped_by = by
        if self._writing is not None:
            self._writing.cancel()
        cancelled = await self.slots.cancel(by)
        if not open_still and not cancelled:
            self.stopped_by = None
        return open_still or cancelled

    async def finish(self, *, failed: bool = False, declined: bool = False) -> None:
        """Wait for the pictures, bring the answer to the chat, and close the turn."""
        self.phase = Phase.DRAWING
        for spot in self.assembly.broken:
            spot.broken = False
        if self.stopped_by is not None:
            self.assembly.add(NoticePart(f"Stopped by {self.stopped_by}."))
        try:
            # From here on a restart finishes exactly this answer instead of asking again.
            await self._store.save_assistant_turn(self.assembly.stored(written=True))
        except StoreError as error:
            self.assembly.add(NoticePart(str(error)))
        self.assembly.show()
        await self.slots.join()
        if self.settle is not None:
            await self.settle()
        reference, chat = self.assembly.reference, self.assembly.turn.thread.chat
        began = time.monotonic()
        try:
            reference = await self._post.finish(self.assembly.reply(final=True)) or reference
        except ChatUnavailable as error:
            self._observer.posted(chat, time.monotonic() - began, done=False)
            log.warning("turn %s was closed without a post: %s", self.assembly.turn.id, error)
            await self._tell(NOT_POSTED.format(why=str(error).rstrip(".")))
        else:
            self._observer.posted(chat, time.monotonic() - began, done=True)
            log.info("the reply is posted, with %d pictures", len(self.assembly.slots()))
        state = TurnState.STOPPED if self.stopped_by else TurnState.FAILED if failed else TurnState.DONE
        if declined and not self.stopped_by:
            state = TurnState.DECLINED
        ended = replace(self.assembly.stored(state=state, written=True), post=reference)
        try:
            await self._store.finish_turn(ended)
        except StoreError as error:
            # The answer is with the people; a restart would find the turn open and close it without a second post.
            log.error("turn %s cannot be closed yet: %s", ended.id, error)
            self._close_later(ended)
