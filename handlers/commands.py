"""The command table, and what each command answers. A new command is a row here and a method below.

Every platform registers its commands from `COMMANDS`; `/imagine` is a message like any other, so the
chats hand it to `receive`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import TypeAlias

from handlers.access import DEFAULT, AgeRestricted, Gate, Rule
from handlers.audit import Act, note_gone, note_others
from handlers.board import Posting
from handlers.brainstorm.presses import Presses
from handlers.brainstorm.wish import DOES, ROUND, VOTE
from handlers.brainstorm.wish import SPEC as BRAINSTORM
from handlers.buttons import existing
from handlers.choosing import ENGINE, Choosing
from handlers.choosing import OPTIONS as SETTINGS
from handlers.command_text import as_message, help_rows
from handlers.english import words
from handlers.errors import NotAllowed, UserError
from handlers.export.command import OPTIONS as EXPORT
from handlers.export.command import Exporting
from handlers.gallery import Galleries
from handlers.model import (
    Action,
    Answer,
    CommandCall,
    CommandSpec,
    Incoming,
    Option,
    OptionKind,
    Press,
    SlotState,
)
from handlers.moderating import OPTIONS as MODERATION
from handlers.moderating import Moderating
from handlers.moderation.cases import Reason
from handlers.presentation import progress
from handlers.quota_rules import Sharers
from handlers.reporting import Reporting
from handlers.runs import Runs, may_cancel
from handlers.search import LONGEST
from handlers.services import Services
from handlers.sharing import OPTIONS as SHARE
from handlers.sharing import Sharing
from handlers.slots import ENDED
from handlers.verifying import NEITHER, verify_files, verify_picture
from imaging.engine_choice import AtHand

WHERE = ("thread", "everywhere")
SEARCH = Option("search", "Words, by:NAME, in:TITLE, in:here, style:NAME, votes:>2, since:2026-11-01", maximum=LONGEST)

COMMANDS: tuple[CommandSpec, ...] = (
    CommandSpec(
        "imagine",
        "Turn an idea into pictures, in a thread",
        (Option("text", "What you would like to see", required=True, minimum=1, maximum=2000),),
        opens_thread=True,
    ),
    BRAINSTORM,
    VOTE,
    ROUND,
    CommandSpec(
        "board", "This thread's pictures as a board: in order, with titles and votes", in_session=True, works=True
    ),
    CommandSpec("gallery", "The pictures that were made here, to search", (SEARCH,)),
    CommandSpec("queue", "What is being made in this thread, and when it will be there", in_session=True),
    CommandSpec(
        "cancel",
        "Cancel your pictures that are under way here; moderators cancel anybody's",
        (
            Option("picture", "Only this one", OptionKind.PICTURE, minimum=1),
            Option("person", "All answers for this person (moderators)", OptionKind.PERSON),
            Option("scope", "All answers in this thread, or everywhere here", OptionKind.CHOICE, choices=WHERE),
        ),
        in_session=True,
        ends_work=True,
    ),
    CommandSpec(
        "settings",
        "How pictures are made here",
        SETTINGS,
    ),
    CommandSpec(
        "access",
        "Where and for whom I work (admins)",
        (
            Option(
                "rule",
                f"For the channel or role; {DEFAULT} takes it back",
                OptionKind.CHOICE,
                choices=(*(rule.value for rule in Rule), DEFAULT),
            ),
            Option("channel", "Which channel; without one and without a role: this one", OptionKind.CHANNEL),
            Option("role", "Which role", OptionKind.ROLE),
            Option(
                "age",
                "What age-restricted channels mean to me",
                OptionKind.CHOICE,
                choices=(*map(str, AgeRestricted), DEFAULT),
            ),
        ),
        admin_only=True,
    ),
    CommandSpec("usage", "What you have had made today, and what is left"),
    CommandSpec(
        "export",
        "This thread as a zip of everything, a PDF, slides or one page",
        EXPORT,
        in_session=True,
        works=True,
    ),
    CommandSpec("share", "Links by which others look at this thread, and at nothing else", SHARE, in_session=True),
    CommandSpec(
        "verify",
        "What a picture says of its origin: attach one, or name one of this thread",
        (Option("picture", "One of this thread", OptionKind.PICTURE, minimum=1),),
        takes_files=True,
        works=True,
    ),
    CommandSpec(
        "report",
        "Report a picture of this thread to the moderators",
        (
            Option("picture", "Which one", OptionKind.PICTURE, required=True, minimum=1),
            Option("why", "What is wrong with it", OptionKind.CHOICE, choices=tuple(map(str, Reason))),
        ),
        in_session=True,
    ),
    CommandSpec("moderation", "Reports of pictures, blocks, and their log (moderators)", MODERATION, about_place=True),
    CommandSpec(
        "forget",
        "Delete what you said and had made, everywhere",
        (Option("confirm", "Write yes: it cannot be undone", maximum=10),),
        own_data=True,
    ),
    CommandSpec("help", "What I can do"),
)


def commands_here(at_hand: AtHand) -> tuple[CommandSpec, ...]:
    """The table as platforms show it: of engines only those to choose from on this host, and no choice of none."""
    return tuple(replace(spec, options=tuple(_options_here(spec, at_hand.purposes.choosable))) for spec in COMMANDS)


def _options_here(spec: CommandSpec, choosable: tuple[str, ...]) -> Iterable[Option]:
    for option in spec.options:
        if option is not ENGINE:
            yield option
        elif choosable:
            yield replace(option, choices=(*choosable, DEFAULT))


STANDS = {
    Sharers.PERSON: "You",
    Sharers.CHANNEL: "This channel",
    Sharers.WORKSPACE: "Everybody here",
    Sharers.ALL: "All people together",
}
Handler: TypeAlias = Callable[[CommandCall], Awaitable[Answer]]


class Commands:
    """Answers the commands of the table."""

    def __init__(
        self,
        services: Services,
        runs: Runs,
        receive: Callable[[Incoming], None],
        gate: Gate,
        galleries: Galleries,
        reporting: Reporting,
        moderating: Moderating,
        exporting: Exporting,
        rounds: Presses,
        sharing: Sharing,
        posting: Posting,
    ) -> None:
        self._services = services
        self._choosing = Choosing(services)
        self._store = services.store
        self._gate = gate
        self._galleries = galleries
        self._reporting = reporting
        self._moderating = moderating
        self._rounds = rounds
        self._runs = runs
        self._receive = receive
        self._exporting = exporting
        self._sharing = sharing
        self._posting = posting
        self._handlers: dict[str, Handler] = {spec.name: getattr(self, f"_{spec.name}") for spec in COMMANDS}

    async def command(self, call: CommandCall) -> Answer:
        """What a command answers.

        Raises:
            UserError: it cannot be done, or there is no such command; the sentence says so.
        """
        handler = self._handlers.get(call.name)
        if handler is None:
            raise UserError(f"There is no command {call.name[:40]!r}; /help lists them.")
        about_one = any(spec.in_session for spec in COMMANDS if spec.name == call.name)
        if about_one and not call.in_thread and call.arguments.get("scope") != "everywhere":
            return Answer(await self._where_then(call))
        return await handler(call)

    async def _where_then(self, call: CommandCall) -> str:
        """Threads in which a command makes sense, when it was given beside them."""
        known = await self._store.threads(call.thread.chat, call.thread.tenant, limit=200)
        titles = [f"“{row.title}”" for row in known if row.key.channel == call.thread.channel and row.title]
        there = f" The latest here: {', '.join(titles[:3])}." if titles else ""
        return f"/{call.name} is about one thread: give it there.{there}"

    async def _imagine(self, call: CommandCall) -> Answer:
        text = str(call.arguments.get("text", ""))
        self._receive(Incoming(call.event, call.thread, call.person, text, title=text[:80]))
        return Answer()

    async def _board(self, call: CommandCall) -> Answer:
        return await self._posting.command(call)

    async def _brainstorm(self, call: CommandCall) -> Answer:
        words = as_message(BRAINSTORM, call.arguments)
        if words is None:
            return await self._rounds.settings(call)
        title = str(call.arguments["topic"])[:80]
        self._receive(Incoming(call.event, call.thread, call.person, words, title=title))
        return Answer()

    async def _vote(self, call: CommandCall) -> Answer:
        picture = int(call.arguments["picture"])
        return await self._rounds.press(Press(call.event, call.thread, call.person, Action.DOT, picture))

    async def _round(self, call: CommandCall) -> Answer:
        action = DOES[str(call.arguments.get("do", "state"))]
        return await self._rounds.press(Press(call.event, call.thread, call.person, action))

    async def _gallery(self, call: CommandCall) -> Answer:
        return await self._galleries.page(call)

    async def _queue(self, call: CommandCall) -> Answer:
        lines = []
        for run in self._runs.of_thread(call.thread):
            for part in run.assembly.slots():
                if part.state in (SlotState.RENDERING, SlotState.WAITING):
                    doing = "being made" if part.state is SlotState.RENDERING else "waiting"
                    lines.append(f"Picture {part.number} is {doing} ({words(progress(part))}): {part.description}")
        return Answer("\n".join(lines) or "Nothing is being made in this thread.")

    async def _cancel(self, call: CommandCall) -> Answer:
        if call.arguments.keys() & {"person", "scope"}:
            return await self._stop_all(call)
        wanted = call.arguments.get("picture")
        cancelled, foreign = [], False
        for run in self._runs.of_thread(call.thread):
            for part in run.assembly.slots():
                if wanted not in (None, part.number) or part.state in ENDED:
                    continue
                if not may_cancel(call.person, run.person):
                    foreign = True
                elif await run.slots.cancel(call.person.name, part.slot):
                    cancelled.append(str(part.number))
                    await note_others(
                        self._services.audit, "pictures cancelled", call.thread, call.person, [run.person]
                    )
        if cancelled:
            return Answer(f"Cancelled: {', '.join(cancelled)}.")
        if foreign:
            raise NotAllowed("What is under way here is somebody else's; they or a moderator can cancel it.")
        return Answer("Nothing of yours is under way in this thread.")

    async def _stop_all(self, call: CommandCall) -> Answer:
        """End answers, also those that still wait for their turn: of a thread or everywhere here, of one or all."""
        everywhere = call.arguments.get("scope") == "everywhere"
        person = call.arguments.get("person")
        runs = self._runs.of_tenant(call.thread) if everywhere else self._runs.of_thread(call.thread)
        wanted = [run for run in runs if person in (None, run.person.id, run.person.name)]
        mine = [run for run in wanted if may_cancel(call.person, run.person)]
        if wanted and not mine:
            raise NotAllowed("What is under way is somebody else's; they or a moderator can cancel it.")
        ended = [run for run in mine if await run.stop(call.person.name)]
        await note_others(self._services.audit, "answers stopped", call.thread, call.person, [r.person for r in ended])
        stopped = len(ended)
        where = "here" if everywhere else "in this thread"
        return Answer(f"Cancelled: {counted(stopped, 'answer')}." if stopped else f"Nothing is under way {where}.")

    async def _settings(self, call: CommandCall) -> Answer:
        return await self._choosing.command(call)

    async def _access(self, call: CommandCall) -> Answer:
        if not call.thread.has_tenant:
            raise UserError("There are no channels and roles here that I could be switched on or off in.")
        holds = await self._gate.change(call)
        if call.arguments:
            await self._services.audit.note(Act.ADMIN, "access", call.thread, call.person)
        return Answer(holds)

    async def _usage(self, call: CommandCall) -> Answer:
        quota = self._services.quota
        today = await quota.today(call.thread, call.person)
        lines = [f"Today you have had {counted(today.pictures, 'picture')} made ({today.seconds:.0f} s of the device)."]
        for standing in await quota.standings(call.thread, call.person):
            rule = standing.rule
            left = f"{rule.number(standing.left)} of {rule.told(rule.amount)} {rule.within}"
            line = f"{STANDS[rule.sharers]}: {left} left"
            lines.append(f"{line}; more {standing.renewal}." if standing.used else f"{line}.")
        if len(lines) == 1:
            lines.append("There is no limit.")
        return Answer("\n".join(lines))

    async def _export(self, call: CommandCall) -> Answer:
        return await self._exporting.command(call)

    async def _verify(self, call: CommandCall) -> Answer:
        account = call.person.account_in(call.thread.chat)
        if call.files:
            return Answer(await verify_files(self._services, call.files, account))
        number = call.arguments.get("picture")
        if number is None:
            return Answer(NEITHER)
        if not call.in_thread:
            return Answer(await self._where_then(call))
        return Answer(await verify_picture(self._services, call.thread, int(number), account))

    async def _report(self, call: CommandCall) -> Answer:
        picture = await existing(self._store, call.thread, int(call.arguments["picture"]))
        reason = Reason(str(call.arguments.get("why", Reason.OTHER)))
        return Answer(await self._reporting.report(picture, call.person, reason))

    async def _share(self, call: CommandCall) -> Answer:
        return await self._sharing.command(call)

    async def _moderation(self, call: CommandCall) -> Answer:
        return await self._moderating.command(call)

    async def _forget(self, call: CommandCall) -> Answer:
        if str(call.arguments.get("confirm", "")).strip().casefold() != "yes":
            return Answer(
                "This deletes your messages, the answers to them and your pictures in every thread, for good. "
                "To do it, give the command again with confirm: yes."
            )
        await self._runs.stop_person(call.thread, call.person)
        gone = await self._store.forget(call.thread.chat, call.thread.tenant, call.person)
        for forget in self._services.also_forget:
            await forget(call.thread, call.person, gone.threads)
        await note_gone(self._services.audit, "forgotten", call.thread, gone)
        turns, pictures = counted(gone.turns, "turn"), counted(gone.pictures, "picture")
        return Answer(
            f"Deleted: {turns} and {pictures}. What was posted stays in the chat until somebody deletes it there."
        )

    async def _help(self, call: CommandCall) -> Answer:
        rows = help_rows(
            commands_here(self._services.pictures.at_hand()), admin=call.person.admin and call.thread.has_tenant
        )
        lines = [
            "Tell me what you would like to see; every message in a thread goes on from what is there. "
            '"the second one", "make it blue", "more like 3" and "refine it" work as the buttons do, and '
            '"stop" stops me. Attach a picture to use it.',
        ]
        lines += [f"{written}: {summary}" for written, summary in rows.items()]
        return Answer("\n".join(lines))


def counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"
