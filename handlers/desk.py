"""The desk where everything arrives: messages, buttons, commands. It only hands them on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from handlers.access import Access, Gate
from handlers.answering import Answering
from handlers.at_once import AtOnce
from handlers.audit import Act, Audit, NoAudit, note_gone
from handlers.blocking import Blocking
from handlers.board import Posting, nowhere
from handlers.brainstorm.drawing import Drawing
from handlers.brainstorm.presses import Presses
from handlers.brainstorm.watching import Watching
from handlers.buttons import Buttons
from handlers.commands import COMMANDS, Commands
from handlers.conversation import Conversation
from handlers.errors import UserError
from handlers.export.command import Exporting
from handlers.gallery import Galleries
from handlers.intake import is_blank
from handlers.limits import Limits
from handlers.marking import Unmarked
from handlers.model import Answer, CommandCall, Incoming, Person, Press, ThreadKey, Turn, Vote, Whereabouts
from handlers.moderating import Moderating
from handlers.moderation.model import Kind, Subject
from handlers.notices import Notices
from handlers.observer import NoObserver, Observer
from handlers.ports import Chat, Forgotten, LanguageModel, Marking, Pictures, Store
from handlers.presentation import WORK, shorten
from handlers.quota import Quota
from handlers.quota_rules import Amounts
from handlers.recovery import Recovery
from handlers.refinement import Refine, Refinement
from handlers.removing import Removing
from handlers.reporting import Reporting
from handlers.runs import Runs
from handlers.screen import Screen
from handlers.services import Forget, ForgetThread, Services
from handlers.sharing import SharePolicy, Sharing
from handlers.showing import Showing
from handlers.typed import Typed
from imaging.decoding.pool import Decoders
from imaging.errors import ImagingError
from imaging.tasks import Tasks

log = logging.getLogger(__name__)

BROKE = "Something went wrong; please try again."
MESSAGE = Amounts(messages=1)
LONGEST_TITLE = 80


def utc_now() -> datetime:
    return datetime.now(UTC)


class Desk:
    """Implements `handlers.ports.Handlers`.

    Args:
        store: Everything that survives a restart.
        model: Answers messages.
        pictures: Makes pictures.
        chats: By name; may be filled after construction, before the first message.
        limits: What one person may take.
        refinement: Whether descriptions are written out before they are drawn, where a thread does not say.
        access: Where and for whom the program works, by chat; admins of servers add their own rules.
        observer: Told what happens.
        also_forget: What else keeps something of a person who wants to be forgotten.
        also_forget_thread: What else keeps something of a thread that is deleted.
        decoders: Open what people bring; closed with the desk.
        audit: Keeps a record of deletions, admins' acts and refusals.
        screen: What words and pictures go through; none: everything is let through.
        sharing: Whether threads may be shown to others by links; None: they may not.
        board: Where people of a thread open its board; empty: nowhere.
        marking: What pictures leave with; None: as they are stored.
        clock: The time in UTC; tests bring their own.
    """

    def __init__(
        self,
        store: Store,
        model: LanguageModel,
        pictures: Pictures,
        chats: Mapping[str, Chat],
        limits: Limits | None = None,
        *,
        refinement: Refine | str = Refine.OFF,
        access: Mapping[str, Access] | None = None,
        observer: Observer | None = None,
        also_forget: Sequence[Forget] = (),
        also_forget_thread: Sequence[ForgetThread] = (),
        decoders: Decoders | None = None,
        audit: Audit | None = None,
        screen: Screen | None = None,
        marking: Marking | None = None,
        sharing: SharePolicy | None = None,
        board: Callable[[ThreadKey], str] = nowhere,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        limits = limits or Limits()
        quota = Quota(store, limits.quotas, clock)
        at_once = AtOnce(limits.answers_at_once, limits.answers_per_person)
        refine, observer = Refinement(Refine(refinement)), observer or NoObserver()
        self.services = Services(
            store, model, pictures, limits, quota, at_once, refine, marking or Unmarked(store), observer,
            tuple(also_forget), decoders or Decoders(), audit or NoAudit(), screen or Screen(),
            tuple(also_forget_thread),
        )  # fmt: skip
        self._runs = Runs(self.services.audit)
        notices = Notices(self.services, chats)
        showing = Showing(store, chats, self._runs)
        self._watching = Watching(store, showing, self._runs, clock)
        drawing = Drawing(self.services, self._watching.settled, clock)
        self._answering = Answering(self.services, chats, self._runs, notices, drawing, clock)
        self._tasks = Tasks()
        reporting = Reporting(self.services, chats, notices, showing, self._tasks.spawn, clock)
        self._blocking = Blocking(store, notices, clock)
        self._recovery = Recovery(self.services, self._answering, self._runs)
        conversation = Conversation(self.services, self._runs, notices, self._answering, self._recovery, clock)
        rounds = Presses(self.services, self._recovery, self._watching, self._spawn, clock)
        self._buttons = Buttons(
            self.services, self._runs, self._answering, self._recovery, self._spawn, reporting,
            lambda picture: self._tasks.spawn(showing.again(picture), "show a deletion"), rounds.press, clock,
        )  # fmt: skip
        self._removing = Removing(self.services, self._runs)
        self._gate = Gate(store, access or {}, chats)
        moderating = Moderating(self.services, self._runs, reporting, self._tasks.spawn)
        self._commands = Commands(
            self.services, self._runs, self._spawn_message, self._gate, Galleries(store, chats), reporting, moderating,
            Exporting(self.services, notices, clock), rounds, Sharing(self.services, sharing or SharePolicy(), clock),
            Posting(self.services, board),
        )  # fmt: skip
        self._typed = Typed(self.services, conversation, self._runs, notices, chats, self._command)
        self._clock = clock

    async def receive(self, incoming: Incoming) -> None:
        if not await self._blocking.keeps_out(incoming):
            await self._typed.receive(incoming)

    async def press(self, press: Press) -> Answer:
        try:
            if (blocked := await self._blocking.refusal(press.thread, press.person)) is not None:
                return Answer(blocked)
            if press.action in WORK:
                await self.services.quota.spend(press.thread, press.person, MESSAGE)
            return await self._buttons.press(press)
        except (UserError, ImagingError) as error:
            await self.services.refused(press.thread, press.person, error)
            return Answer(str(error))
        except Exception:
            log.exception("a %s button could not be answered", press.action)
            return Answer(BROKE)

    async def command(self, call: CommandCall) -> Answer:
        return await self._command(call, counts=any(spec.works for spec in COMMANDS if spec.name == call.name))

    async def _command(self, call: CommandCall, *, counts: bool = False) -> Answer:
        try:
            if (blocked := await self._blocking.answer(call)) is not None:
                return Answer(blocked)
            if counts:
                await self.services.quota.spend(call.thread, call.person, MESSAGE)
            return await self._commands.command(call)
        except (UserError, ImagingError) as error:
            await self.services.refused(call.thread, call.person, error)
            return Answer(str(error))
        except Exception:
            log.exception("the command %s could not be answered", call.name)
            return Answer(BROKE)

    async def rename(self, thread: ThreadKey, person: Person, title: str) -> Answer:
        words = shorten(title, LONGEST_TITLE)
        try:
            if (blocked := await self._blocking.refusal(thread, person)) is not None:
                return Answer(blocked)
            if is_blank(words):
                return Answer("A thread's title needs a word.")
            await self.services.screen.check(Subject(Kind.DESCRIPTION, words), thread)
            await self.services.store.rename(thread, words)
        except UserError as error:
            await self.services.refused(thread, person, error)
            return Answer(str(error))
        return Answer(f"This thread is called “{words}” now.")

    async def delete_thread(self, thread: ThreadKey, person: Person) -> Answer:
        try:
            return await self._removing.delete(thread, person)
        except (UserError, ImagingError) as error:
            await self.services.refused(thread, person, error)
            return Answer(str(error))
        except Exception:
            log.exception("the thread %s could not be deleted", thread)
            return Answer(BROKE)

    async def vote(self, vote: Vote) -> None:
        try:
            if vote.given and await self._blocking.refusal(vote.thread, vote.person, untold=True) is not None:
                return
            await self.services.store.vote(vote)
        except UserError as error:
            log.warning("a vote for picture %d could not be counted: %s", vote.picture, error)

    async def refusal(self, where: Whereabouts, person: Person) -> str | None:
        try:
            refused = await self._gate.refusal(where, person)
            if refused is None and not where.own_data:
                refused = await self._blocking.refusal(where.thread, person, untold=where.untold)
            if refused is None:
                await self.services.screen.seen(where)
        except UserError as error:
            return str(error)
        if refused is not None:
            await self.services.audit.note(Act.REFUSAL, "access", where.thread, person)
        return refused

    async def resume(self, chat: Chat) -> None:
        await self._watching.resume(chat)
        await self._recovery.resume(chat)

    @property
    def busy(self) -> int:
        """How many replies are under way or waiting; 0 when it is safe to go."""
        return len(self._runs.busy)

    async def settle(self) -> None:
        """Wait for the replies that buttons started."""
        await self._tasks.idle()

    async def close(self) -> None:
        """Let go of what buttons and restarts started; the next start takes it up again."""
        await self._watching.close()
        await self._recovery.close()
        await self._answering.close()
        await asyncio.to_thread(self.services.decoders.close)
        await self._tasks.close()

    async def prune(self, keep: timedelta) -> Forgotten:
        """Delete what is older than `keep` (retention); call it once a day."""
        gone = await self.services.store.prune(self._clock() - keep)
        await note_gone(self.services.audit, "retention", None, gone)
        return gone

    def _spawn(self, turn: Turn) -> None:
        self._tasks.spawn(self._recovery.take_up(turn), f"reply {turn.id}")

    def _spawn_message(self, incoming: Incoming) -> None:
        self._tasks.spawn(self.receive(incoming), f"message {incoming.event}")
