"""One message from arrival to posted pictures.

After a crash an open turn is taken up like this, so that there is exactly one answer. If nothing of it
was stored, the language model is asked again: nothing had been submitted. If jobs were stored, the
answer goes on with them: the words stay as stored, the jobs are submitted again under the same ids
(the queue knows them), and if the model had not finished its text, a sentence says so. The chat finds
its post again by the turn's id. A thread's open turns go before every message that comes after the restart.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, nullcontext
from dataclasses import replace
from datetime import datetime
from functools import partial

from handlers.assembly import Assembly
from handlers.audit import note_others
from handlers.director import Director
from handlers.errors import QuotaUsedUp, StoreError, UserError
from handlers.hands import Work, in_hand
from handlers.ids import asked_id, turn_id
from handlers.intake import Brought, asks_to_stop, check, is_blank, read_uploads
from handlers.lines import Place, ThreadLines
from handlers.model import Incoming, NoticePart, Person, PicturePart, Session, ThreadKey, Turn, TurnState
from handlers.ports import Chat, ChatUnavailable, Claim
from handlers.quota import Quiet, Share
from handlers.quota_rules import Amounts
from handlers.run import CLOSED, Phase, Run
from handlers.services import Services
from handlers.slots import ENDED, Slots
from handlers.transcript import language_request
from handlers.writing import BROKE, Writer
from imaging.tasks import Tasks
from imaging.trace import trace
from prompts.request import LanguageRequest

log = logging.getLogger(__name__)

SOMEBODY = Person("", "somebody")
NOTHING = Brought()
DEADLY_FILES = (
    "I stopped twice while I looked at the pictures that you attached, so I leave them out; "
    "please send them again as ordinary PNGs or JPEGs."
)
DEADLY = "I was stopped again and again while I answered this, so I leave it; please ask in other words."
CLOSE_AGAIN_S = 1.0
STOPS_IN_S = 20.0
RETRY_S = 5.0
"""Between tries to read, after a start, what an earlier program left open."""


class Conversation:
    """Answers messages: one turn at a time in a thread, any number of threads at once."""

    def __init__(
        self,
        services: Services,
        chats: Mapping[str, Chat],
        clock: Callable[[], datetime],
    ) -> None:
        self._services = services
        self._store = services.store
        self._chats = chats
        self._clock = clock
        self._observer = services.observer
        self._lines = ThreadLines()
        self._quiet = Quiet()
        self._busy: set[str] = set()
        self._closing: set[str] = set()
        self._runs: dict[str, Run] = {}
        self._aside: dict[str, list[Share]] = {}
        self._left: dict[ThreadKey, list[Turn]] | None = None
        self._kept: dict[str, Place] = {}
        """Places of turns whose message has come again and is on its way to be answered."""
        self._tasks = Tasks()

    async def close(self) -> None:
        """Let go of what was taken up after a restart or could not be closed; the next start takes it up again."""
        await self._tasks.close()

    # What is under way

    def runs(self, thread: ThreadKey) -> list[Run]:
        """The replies under way in a thread or waiting for their turn there, oldest first."""
        return [run for run in self._runs.values() if run.assembly.turn.thread == thread]

    def runs_of_tenant(self, thread: ThreadKey) -> list[Run]:
        """The same in all threads of a thread's server or workspace."""
        return [run for run in self._runs.values() if run.assembly.turn.thread.tenant_scope == thread.tenant_scope]

    @property
    def busy(self) -> int:
        """How many replies are under way or waiting."""
        return len(self._busy)

    # Messages

    async def receive(self, incoming: Incoming, refusal: UserError | None = None) -> None:
        """Answer a message, or with a `refusal` say why it cannot be taken; it counts like any other."""
        turn = turn_id(incoming)
        if turn in self._busy or turn in self._closing:
            self._observer.dropped(incoming.thread.chat, "running")
            return
        self._busy.add(turn)
        with trace(turn):
            log.info("a message has come in %s", incoming.thread)
            await self._received(incoming, turn, refusal)

    async def _received(self, incoming: Incoming, turn: str, refusal: UserError | None) -> None:
        try:
            await self._receive(incoming, turn, refusal)
        except UserError as error:
            await self.refuse(incoming, error)
        except Exception:
            log.exception("message %s could not be answered", turn)
            await self.tell(incoming.thread, incoming.person, BROKE)
        finally:
            self._busy.discard(turn)
            if (place := self._kept.pop(turn, None)) is not None:
                place.leave()

    async def _receive(self, incoming: Incoming, turn: str, refusal: UserError | None) -> None:
        if asks_to_stop(incoming.text) and self.runs(incoming.thread):
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
            self._enrol((await self._left_open()).pop(incoming.thread, []))
            accepted = await self._store.accept(incoming, asked=asked_id(incoming), turn=turn, uploads=brought.uploads)
        if accepted.claim is Claim.FINISHED or accepted.turn is None:
            self._observer.dropped(incoming.thread.chat, "finished")
            return
        if accepted.claim is Claim.AGAIN:
            self._observer.retried(incoming.thread.chat)
        await self._answer(accepted.turn, accepted.asked, incoming, brought)

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
                limits, decoders = self._services.limits, self._services.decoders
                brought = await read_uploads(incoming, limits, decoders) if fine else Brought(sentences=(DEADLY_FILES,))
        brought = replace(brought, sentences=(*incoming.problems, *brought.sentences))
        try:
            size = sum(len(upload.data) for upload in brought.uploads)
            await self._set_aside(incoming, Amounts(bytes=size), aside)
        except QuotaUsedUp as error:
            await self._services.refused(incoming.thread, incoming.person, error)
            return Brought((), (*brought.sentences, str(error)))
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
            await self.refuse(incoming, error)
        elif self._quiet.tell(incoming.person.account_in(incoming.thread.chat), self._clock()):
            await self.refuse(incoming, error)
        else:
            await self._services.refused(incoming.thread, incoming.person, error)
        await self._store.finish(incoming.event)

    async def _stop_word(self, incoming: Incoming) -> None:
        if await self._store.claim(incoming.event) is Claim.FINISHED:
            return
        try:
            await self.stop(incoming.thread, incoming.person)
        except UserError as error:
            await self.refuse(incoming, error)
        await self._store.finish(incoming.event)

    async def stop(self, thread: ThreadKey, person: Person) -> bool:
        """Stop the person's replies in a thread, or everybody's for a moderator; False when there is none.

        Raises:
            UserError: all that is under way is somebody else's.
        """
        runs = self.runs(thread)
        mine = [run for run in runs if may_cancel(person, run.person)]
        if runs and not mine:
            raise UserError(f"This answer is for {runs[0].person.name}; they or a moderator can stop it.")
        stopped = [run for run in mine if await run.stop(person.name)]
        await note_others(self._services.audit, "answers stopped", thread, person, [run.person for run in stopped])
        return bool(stopped)

    async def stop_person(self, thread: ThreadKey, person: Person) -> None:
        """Stop everything of one person in the workspace of `thread`, and wait until it is over."""
        mine = [run for run in self.runs_of_tenant(thread) if run.person.id == person.id]
        for run in mine:
            await run.stop(person.name)
        if mine:
            await asyncio.wait([asyncio.create_task(run.over.wait()) for run in mine], timeout=STOPS_IN_S)

    async def refuse(self, incoming: Incoming, error: UserError) -> None:
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

    # Answers

    async def _answer(
        self,
        turn: Turn,
        asked: Turn | None,
        incoming: Incoming | None,
        brought: Brought = NOTHING,
        place: Place | None = None,
    ) -> None:
        post = self._chats[turn.thread.chat].open_reply(turn.id, turn.thread, incoming, turn.post)
        assembly = Assembly(turn, post)
        assembly.show()
        person = turn.person or (asked.person if asked else None) or SOMEBODY
        slots = Slots(
            assembly,
            person,
            services=self._services,
            clock=self._clock,
        )
        tell = partial(self.tell, turn.thread, person)
        run = Run(assembly, slots, post, self._services, person, tell, self._close_later)
        if place is None and asked is not None:
            place = self._kept.get(turn.id) or self._lines.place(turn.thread, turn.index)
        self._runs[turn.id] = run
        try:
            await self._in_turn(run, asked, brought, place)
        finally:
            del self._runs[turn.id]
            run.over.set()

    async def _in_turn(self, run: Run, asked: Turn | None, brought: Brought, place: Place | None) -> None:
        turn = run.assembly.turn
        async with place or nullcontext():
            run.phase = Phase.WRITING
            for share in self._aside.pop(turn.id, []):
                self._services.quota.give_back(share)  # each job holds its own from here on
            try:
                async with in_hand(self._store, Work.ANSWERING, turn.id) as fine:
                    await (self._carry_out(run, asked, brought) if fine else self._give_up(run))
            finally:
                await run.slots.abandon()

    async def _give_up(self, run: Run) -> None:
        for job in run.assembly.turn.jobs:
            await self._services.pictures.cancel(job.request.id, "Easel")
        run.assembly.add(NoticePart(DEADLY))
        await run.finish(failed=True)

    async def _carry_out(self, run: Run, asked: Turn | None, brought: Brought) -> None:
        turn = run.assembly.turn
        if turn.jobs or turn.written or asked is None:
            for job in turn.jobs:
                run.slots.start(job)
            if run.stopped_by is not None:
                await run.slots.cancel(run.stopped_by)
            if not turn.written:
                run.assembly.add(NoticePart(CLOSED))
            await run.finish()
            return
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
        await self._ask(run, asked)

    async def _ask(self, run: Run, asked: Turn) -> None:
        writer, request = self._prepared(run, asked, await self._store.session(asked.thread))
        await run.write(writer.write(request))
        await run.finish(failed=writer.failed, declined=writer.declined)

    def _prepared(self, run: Run, asked: Turn, session: Session) -> tuple[Writer, LanguageRequest]:
        """Nothing keeps the session's turns while the model writes: a thousand answers may be under way."""
        services = self._services
        request = language_request(
            session,
            asked,
            replies_to=asked.replies_to,
            max_pictures=services.limits.pictures_per_reply,
            vocabulary=services.pictures.abilities.vocabulary,
        )
        current = next((line.number for line in request.pictures if line.current), None)
        model = services.asking(asked.thread, run.person)
        director = Director(services, model, session, run.person, run.assembly, run.slots, current=current)
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

        self._closing.add(turn.id)
        task = self._tasks.spawn(insist(), f"close {turn.id}")
        task.add_done_callback(lambda _: self._closing.discard(turn.id))

    # After a restart, and for buttons

    async def take_up(self, turn: Turn, place: Place | None = None) -> None:
        """Finish an open turn; one that is under way here is left alone. Never raises but on cancellation."""
        if turn.id in self._busy:
            return
        self._busy.add(turn.id)
        with trace(turn.id):
            log.info("an open reply in %s is taken up", turn.thread)
            await self._taken_up(turn, place)

    async def _taken_up(self, turn: Turn, place: Place | None) -> None:
        try:
            asked = await self._store.turn(turn.answers) if turn.answers else None
            fresh = await self._store.turn(turn.id)
            if fresh is None or fresh.state is not TurnState.OPEN:
                return  # closed meanwhile: its person is forgotten
            if place is not None:
                self._observer.retried(turn.thread.chat)
            await self._answer(fresh, asked, None, place=place)
        except Exception:
            log.exception("turn %s could not be taken up", turn.id)
        finally:
            for share in self._aside.pop(turn.id, []):
                self._services.quota.give_back(share)
            self._busy.discard(turn.id)

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

    async def recall(self) -> None:
        """Have what an earlier program left open counted, before anything new is."""
        await self._left_open()

    def keep_aside(self, turn: Turn, share: Share) -> None:
        """Hold a button's share until its reply is taken up, whose job holds its own."""
        self._aside.setdefault(turn.id, []).append(share)

    def _hold(self, turn: Turn) -> None:
        """What is still to be made counts from the start, not only when its thread's turn comes."""
        done = {part.slot for part in turn.parts if isinstance(part, PicturePart) and part.state in ENDED}
        jobs = [job for job in turn.jobs if job.request.id not in done]
        person = turn.person or SOMEBODY
        self._aside[turn.id] = [self._services.hold(turn.thread, person, job.request.recipe) for job in jobs]

    def _enrol(self, turns: list[Turn]) -> list[asyncio.Task[None]]:
        """Give these turns their places in their threads' lines now, and take them up."""
        tasks = []
        for turn in turns:
            place = self._lines.place(turn.thread, turn.index) if turn.answers else None
            if turn.id in self._busy:
                if place is not None:
                    self._kept[turn.id] = place
                continue
            task = self._tasks.spawn(self.take_up(turn, place), f"take up {turn.id}")
            if place is not None:
                task.add_done_callback(partial(_leave, place))
            tasks.append(task)
        return tasks


def _leave(place: Place, _: asyncio.Task[None]) -> None:
    place.leave()


def may_cancel(person: Person, owner: Person) -> bool:
    """One's own, or anybody's for a moderator or an admin."""
    return person.id == owner.id or person.moderator or person.admin


def _welcome(numbers: list[int]) -> str:
    if len(numbers) == 1:
        return f"Your picture is number {numbers[0]} in this thread; say what to make of it."
    return f"Your pictures are numbers {', '.join(map(str, numbers))} in this thread; say what to make of them."
