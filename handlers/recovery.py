"""What an earlier program left open, taken up after a restart; and the replies that buttons began.

After a crash an open turn is taken up so that there is exactly one answer. If nothing of it was stored, the language
model is asked again: nothing had been submitted. If jobs were stored, the answer goes on with them. A thread's open
turns go before every message that comes after the restart.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from handlers.answering import SOMEBODY, Answering
from handlers.errors import UserError
from handlers.model import PicturePart, ThreadKey, Turn, TurnState
from handlers.ports import Chat
from handlers.runs import Runs
from handlers.services import Services
from handlers.slots import ENDED
from handlers.tickets import Ticket
from imaging.tasks import Tasks
from imaging.trace import trace

log = logging.getLogger(__name__)

RETRY_S = 5.0
"""Between tries to read, after a start, what an earlier program left open."""


class Recovery:
    """Takes open turns up."""

    def __init__(self, services: Services, answering: Answering, runs: Runs) -> None:
        self._services = services
        self._store = services.store
        self._observer = services.observer
        self._answering = answering
        self._runs = runs
        self._left: dict[ThreadKey, list[Turn]] | None = None
        self._tasks = Tasks()

    async def close(self) -> None:
        """Let go of what was taken up; the next start takes it up again."""
        await self._tasks.close()

    async def resume(self, chat: Chat) -> None:
        """Take up every turn that a crash left open in this chat, each thread's in order."""
        while True:
            try:
                left = await self._left_open()
                break
            except UserError as error:
                log.error("open turns could not be read: %s", error)
                await asyncio.sleep(RETRY_S)
        threads = [thread for thread in left if thread.chat == chat.name]
        await asyncio.gather(*(task for thread in threads for task in self._enrol(left.pop(thread))))

    async def enrol_thread(self, thread: ThreadKey) -> None:
        """Have what was left open in a thread go before a message that comes there now."""
        self._enrol((await self._left_open()).pop(thread, []))

    async def recall(self) -> None:
        """Have what an earlier program left open counted, before anything new is."""
        await self._left_open()

    async def take_up(self, turn: Turn, ticket: Ticket | None = None) -> None:
        """Finish an open turn; one that is under way here is left alone. Never raises but on cancellation."""
        if turn.id in self._runs.busy:
            return
        self._runs.busy.add(turn.id)
        with trace(turn.id):
            log.info("an open reply in %s is taken up", turn.thread)
            await self._finish_if_open(turn, ticket)

    async def _finish_if_open(self, turn: Turn, ticket: Ticket | None) -> None:
        try:
            asked = await self._store.turn(turn.answers) if turn.answers else None
            fresh = await self._store.turn(turn.id)
            if fresh is None or fresh.state is not TurnState.OPEN:
                return  # closed meanwhile: its person is forgotten
            if ticket is not None:
                self._observer.retried(turn.thread.chat)
            await self._answering.answer(fresh, asked, None, ticket=ticket)
        except Exception:
            log.exception("turn %s could not be taken up", turn.id)
        finally:
            self._answering.give_back_aside(turn.id)
            self._runs.busy.discard(turn.id)

    async def _left_open(self) -> dict[ThreadKey, list[Turn]]:
        """What an earlier program left open and nobody has taken up yet, by thread."""
        if self._left is None:
            turns = await self._store.open_turns()
            if self._left is None:  # nobody else was quicker
                self._left = {}
                for turn in turns:
                    self._left.setdefault(turn.thread, []).append(turn)
                    self._hold(turn)
        return self._left

    def _hold(self, turn: Turn) -> None:
        """What is still to be made counts from the start, not only when its thread's turn comes."""
        done = {part.slot for part in turn.parts if isinstance(part, PicturePart) and part.state in ENDED}
        jobs = [job for job in turn.jobs if job.request.id not in done]
        person = turn.person or SOMEBODY
        shares = [self._services.hold(turn.thread, person, job.request.recipe) for job in jobs]
        self._answering.keep_aside(turn, shares)

    def _enrol(self, turns: list[Turn]) -> list[asyncio.Task[None]]:
        """Give these turns their tickets in their threads' lines now, and take them up."""
        tasks = []
        for turn in turns:
            ticket = self._answering.ticket(turn) if turn.answers else None
            if turn.id in self._runs.busy:
                if ticket is not None:
                    self._answering.keep_ticket(turn, ticket)
                continue
            task = self._tasks.spawn(self.take_up(turn, ticket), f"take up {turn.id}")
            if ticket is not None:
                task.add_done_callback(partial(_leave, ticket))
            tasks.append(task)
        return tasks


def _leave(ticket: Ticket, _: asyncio.Task[None]) -> None:
    ticket.leave()
