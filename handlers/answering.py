"""One open turn to its end: its ticket in the thread's line, its words and pictures, its post.

If jobs of it were stored (by an earlier program, or by a button) the answer goes on with them: the words stay as
stored, the jobs are submitted again under the same ids (the queue knows them), and if the model had not finished its
text, a sentence says so. Else the language model is asked. The chat finds its post again by the turn's id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from datetime import datetime
from functools import partial
from typing import Protocol

from handlers.assembly import Assembly
from handlers.director import Director
from handlers.errors import Moderated, StoreError
from handlers.hands import Work, in_hand
from handlers.intake import Brought, is_blank
from handlers.model import Incoming, NoticePart, Person, PicturePart, Role, Session, Turn
from handlers.moderation.model import Kind, Subject
from handlers.notices import Notices
from handlers.ports import Chat
from handlers.presentation import round_of
from handlers.quota import Share
from handlers.run import CLOSED, Phase, Run
from handlers.runs import Runs
from handlers.services import Services
from handlers.slots import Slots
from handlers.tickets import Ticket, Tickets
from handlers.transcript import language_request
from handlers.writing import Writer
from imaging.tasks import Tasks
from prompts.request import LanguageRequest

SOMEBODY = Person("", "somebody")
NOTHING = Brought()
DEADLY = "I was stopped again and again while I answered this, so I leave it; please ask in other words."
CLOSE_AGAIN_S = 1.0
EARLIER = 3
"""So many messages before one are read with it, where it asks for something sexual."""


class Rounds(Protocol):
    """Answers that are rounds of a brainstorm."""

    def begins(self, turn: Turn, asked: Turn | None) -> bool:
        """Whether this open answer is a round that has no drafts yet."""

    async def answer(self, run: Run, asked: Turn | None) -> None:
        """See such an answer to its end."""

    async def settle(self, run: Run) -> None:
        """The pictures of any answer have their outcome."""


class Answering:
    """Answers turns: one at a time in a thread, any number of threads at once."""

    def __init__(
        self,
        services: Services,
        chats: Mapping[str, Chat],
        runs: Runs,
        notices: Notices,
        rounds: Rounds,
        clock: Callable[[], datetime],
    ) -> None:
        self._services = services
        self._store = services.store
        self._chats = chats
        self._runs = runs
        self._notices = notices
        self._rounds = rounds
        self._clock = clock
        self._tickets = Tickets()
        self._kept: dict[str, Ticket] = {}
        """Places of turns whose message has come again and is on its way to be answered."""
        self._aside: dict[str, list[Share]] = {}
        self._tasks = Tasks()

    async def close(self) -> None:
        """Let go of what could not be closed; the next start closes it."""
        await self._tasks.close()

    # Before it begins

    @property
    def lines(self) -> int:
        """How many threads have a turn under way or waiting."""
        return len(self._tickets)

    def ticket(self, turn: Turn) -> Ticket:
        """The turn's ticket in its thread's line, from now on."""
        return self._tickets.take(turn.thread, turn.index)

    def keep_ticket(self, turn: Turn, ticket: Ticket) -> None:
        """For a turn whose message is being received again: its answer takes this ticket."""
        self._kept[turn.id] = ticket

    def leave_kept(self, turn: str) -> None:
        """Its message is done with, answered or not."""
        if (ticket := self._kept.pop(turn, None)) is not None:
            ticket.leave()

    def keep_aside(self, turn: Turn, shares: Iterable[Share]) -> None:
        """Hold shares of the quota until the turn's reply begins, whose jobs hold their own."""
        self._aside.setdefault(turn.id, []).extend(shares)

    def give_back_aside(self, turn: str) -> None:
        for share in self._aside.pop(turn, []):
            self._services.quota.give_back(share)

    # The answer

    async def answer(
        self,
        turn: Turn,
        asked: Turn | None,
        incoming: Incoming | None,
        brought: Brought = NOTHING,
        ticket: Ticket | None = None,
    ) -> None:
        """See one open turn to its end.

        Args:
            asked: The person's turn; None for a button's reply.
            incoming: The message, when it has just come.
            brought: What came with it.
            ticket: In the thread's line, where the turn has one.
        """
        post = self._chats[turn.thread.chat].open_reply(turn.id, turn.thread, incoming, turn.post)
        assembly = Assembly(turn, post)
        assembly.show()
        person = turn.person or (asked.person if asked else None) or SOMEBODY
        said = asked.text if asked is not None else ""
        slots = Slots(assembly, person, services=self._services, clock=self._clock, said=said)
        tell = partial(self._notices.tell, turn.thread, person)
        run = Run(assembly, slots, post, self._services, person, tell, self._close_later)
        run.settle = partial(self._rounds.settle, run)
        if ticket is None and asked is not None:
            ticket = self._kept.get(turn.id) or self.ticket(turn)
        with self._runs.listed(run):
            async with ticket or nullcontext():
                await self._begin(run, asked, brought)

    async def _begin(self, run: Run, asked: Turn | None, brought: Brought) -> None:
        """Its turn in the thread has come."""
        turn = run.assembly.turn
        run.phase = Phase.WRITING
        self.give_back_aside(turn.id)  # each job holds its own from here on
        try:
            async with in_hand(self._store, Work.ANSWERING, turn.id) as fine:
                if not fine:
                    await self._give_up(run)
                elif asked is None and self._rounds.begins(turn, None):
                    await self._rounds.answer(run, None)
                elif turn.jobs or turn.written or asked is None:
                    await self._go_on(run)
                else:
                    await self._start_anew(run, asked, brought)
        finally:
            await run.slots.abandon()

    async def _give_up(self, run: Run) -> None:
        """With the pictures that it has: they are paid for, and the thread counts them."""
        turn = run.assembly.turn
        async with in_hand(self._store, Work.SHOWING, turn.id) as fine:
            for job in turn.jobs:
                if not (fine and await run.slots.recall(job)):
                    await run.slots.take_back(job, "Easel")
            run.assembly.add(NoticePart(DEADLY))
            await run.finish(failed=True)

    async def _go_on(self, run: Run) -> None:
        """With the jobs that are stored."""
        turn = run.assembly.turn
        for job in turn.jobs:
            run.slots.start(job)
        if run.stopped_by is not None:
            await run.slots.cancel(run.stopped_by)
        if not turn.written and round_of(turn.parts) is None:  # a round's jobs are stored all at once
            run.assembly.add(NoticePart(CLOSED))
        await run.finish()

    async def _start_anew(self, run: Run, asked: Turn, brought: Brought) -> None:
        """Nothing was submitted yet; whatever words were shown are forgotten."""
        run.assembly.clear()
        if run.stopped_by is not None:
            await run.finish()
            return
        for sentence in brought.sentences:
            run.assembly.add(NoticePart(sentence))
        uploads = [part.number for part in asked.parts if isinstance(part, PicturePart)]
        if is_blank(asked.text):
            if uploads:
                run.assembly.add(NoticePart(_welcome(uploads)))
            await run.finish()
            return
        session = await self._store.session(asked.thread)
        before = _said_before(session, asked)
        try:
            await self._services.screen.check(Subject(Kind.MESSAGE, asked.text), asked.thread, said=before)
        except Moderated as error:
            await self._services.refused(asked.thread, run.person, error)
            run.assembly.add(NoticePart(str(error)))
            await run.finish(declined=True)
            return
        run.slots.said = f"{before}\n{asked.text}"
        if self._rounds.begins(run.assembly.turn, asked):
            await self._rounds.answer(run, asked)
            return
        writer, request = self._prepared(run, asked, session)
        del session  # nothing keeps its turns while the model writes
        await self._have_written(run, asked, writer, request)

    async def _have_written(self, run: Run, asked: Turn, writer: Writer, request: LanguageRequest) -> None:
        """By the language model."""
        await run.write(writer.write(request))
        if writer.declined:
            self._services.screen.refused_elsewhere("the language model", Kind.MESSAGE, asked.thread)
        await run.finish(failed=writer.failed, declined=writer.declined)

    def _prepared(self, run: Run, asked: Turn, session: Session) -> tuple[Writer, LanguageRequest]:
        """Nothing keeps the session's turns while the model writes: a thousand answers may be under way."""
        services = self._services
        request = language_request(
            session,
            asked,
            replies_to=asked.replies_to,
            max_pictures=services.limits.pictures_per_reply,
            engine=services.abilities_in(session),
        )
        current = next((line.number for line in request.pictures if line.current), None)
        model = services.asking(asked.thread, run.person)
        director = Director(
            services, model, session, run.person, run.assembly, run.slots,
            current=current, said=run.slots.said, asked=asked.text,
        )  # fmt: skip
        return Writer(model, director, run.assembly, services.limits), request

    def _close_later(self, turn: Turn) -> None:
        """Store the end of an answer that people have, as soon as the database takes it."""

        async def insist() -> None:
            wait = CLOSE_AGAIN_S
            while True:
                await asyncio.sleep(wait)
                try:
                    return await self._store.finish_turn(turn)
                except StoreError:
                    wait = min(2 * wait, 60.0)

        self._runs.closing.add(turn.id)
        task = self._tasks.spawn(insist(), f"close {turn.id}")
        task.add_done_callback(lambda _: self._runs.closing.discard(turn.id))


def _said_before(session: Session, asked: Turn) -> str:
    """What people said last: a request may be built up over several messages, or by several people."""
    said = [turn.text for turn in session.recent if turn.role is Role.USER and turn.id != asked.id]
    return "\n".join(said[-EARLIER:])


def _welcome(numbers: list[int]) -> str:
    if len(numbers) == 1:
        return f"Your picture is number {numbers[0]} in this thread; say what to make of it."
    return f"Your pictures are numbers {', '.join(map(str, numbers))} in this thread; say what to make of them."
