"""`/moderation`: reports, blocks, and their log, for moderators and admins of a server or workspace."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from handlers.audit import Act
from handlers.english import alt_text
from handlers.errors import NoSuchPicture, NotAllowed, UserError
from handlers.model import NOWHERE, Answer, CommandCall, File, Option, OptionKind, Person, PictureState
from handlers.moderation.cases import Block, Case, Ruling
from handlers.reporting import Reporting
from handlers.runs import Runs
from handlers.services import Services

BLOCK: Final = "block"
LISTED: Final = 20
LOOKED_AT: Final = 400
"""Turns of a thread in which a name is looked for."""
OPTIONS: Final = (
    Option("report", "Which report: to look at, or to decide on", OptionKind.NUMBER, minimum=1, maximum=10**9),
    Option(
        "decide", "What becomes of its picture; block also blocks who had it made", OptionKind.CHOICE,
        choices=(*(ruling.value for ruling in Ruling), BLOCK),
    ),
    Option("block", "Draw and answer nothing for this person any more", OptionKind.PERSON),
    Option("lift", "Take a block back", OptionKind.PERSON),
    Option("log", "Tell moderators of reports here, or nowhere; or show what was done", OptionKind.CHOICE,
           choices=("here", "off", "show")),
)  # fmt: skip
FOR_ALL_SERVERS: Final = frozenset({"discord"})
"""Chats whose direct messages are no workspace of anybody's."""


class Moderating:
    def __init__(
        self,
        services: Services,
        runs: Runs,
        reporting: Reporting,
        spawn: Callable[[Coroutine[Any, Any, None], str], object],
    ) -> None:
        self._services = services
        self._store = services.store
        self._runs = runs
        self._reporting = reporting
        self._spawn = spawn

    async def command(self, call: CommandCall) -> Answer:
        """
        Raises:
            NotAllowed: not a moderator's.
            UserError: it cannot be done.
        """
        if not (call.person.moderator or call.person.admin):
            raise NotAllowed("Only moderators and admins can do this; a picture is reported by Report, or /report.")
        if call.thread.tenant == NOWHERE and call.thread.chat in FOR_ALL_SERVERS:
            raise NotAllowed("There is nothing to moderate here; give the command in a server.")
        arguments = call.arguments
        if "report" in arguments:
            return await self._report(call, int(arguments["report"]), str(arguments.get("decide", "")))
        if "decide" in arguments:
            raise UserError("Say which report too: /moderation report:3 decide:show.")
        if "block" in arguments:
            return Answer(await self._block(call, await self._meant(call, str(arguments["block"]))))
        if "lift" in arguments:
            return Answer(await self._lift(call, str(arguments["lift"])))
        if "log" in arguments:
            return Answer(await self._log(call, str(arguments["log"])))
        return Answer(await self._overview(call))

    # Reports

    async def _report(self, call: CommandCall, id: int, decision: str) -> Answer:
        case = await self._store.case(call.thread.tenant_scope, id)
        if case is None:
            raise UserError(f"There is no report {id} here; /moderation lists those that are open.")
        if not decision:
            return await self._look(case)
        if decision != BLOCK:
            return Answer(await self._reporting.rule(case, Ruling(decision), call.person))
        picture = await self._store.picture(case.thread, case.number)
        if picture is None or not picture.person.id:
            raise UserError(f"Whoever had the picture of report {id} made is not known any more.")
        blocked = await self._block(call, picture.person)
        if case.state is PictureState.DELETED:
            return Answer(blocked)
        return Answer(f"{await self._reporting.rule(case, Ruling.HIDE, call.person)} {blocked}")

    async def _look(self, case: Case) -> Answer:
        """The picture itself, to who asks alone, covered where the chat can."""
        picture = await self._store.picture(case.thread, case.number)
        if picture is None or picture.state is PictureState.DELETED:
            raise NoSuchPicture(f"The picture of report {case.id} was deleted.")
        data = await self._store.picture_bytes(picture.sha256)
        data = await self._services.marking.sheet(data, (picture,))
        alt = alt_text(f"Picture {picture.number}: {picture.description}", picture.operation)
        file = File(f"report-{case.id}.png", "image/png", data, alt, spoiler=True)
        text = f"{told(case)}, for {picture.person.name}: {picture.description}"
        return Answer(text, (file,))

    # Blocks

    async def _block(self, call: CommandCall, person: Person) -> str:
        if person.id == call.person.id:
            raise UserError("You cannot block yourself.")
        if not await self._store.block(call.thread, person, call.person):
            return f"{person.name} is blocked already."
        await self._services.audit.note(Act.ADMIN, "person blocked", call.thread, call.person)
        stopped = self._runs.stop_person(call.thread, Person(person.id, call.person.name))
        self._spawn(stopped, f"stop what is made for {person.id}")
        return (
            f"{person.name} is blocked: I draw and answer nothing for them here. "
            "A block does not hold for moderators and admins while they are that."
        )

    async def _lift(self, call: CommandCall, wanted: str) -> str:
        found = [block for block in await self._store.blocks(call.thread.tenant_scope) if _is(block, wanted)]
        person = Person(found[0].person, found[0].name) if len(found) == 1 else Person(wanted, wanted)
        if not await self._store.lift(call.thread, person):
            raise UserError("Nobody like that is blocked here; /moderation lists who is.")
        await self._services.audit.note(Act.ADMIN, "block lifted", call.thread, call.person)
        return f"{person.name} is not blocked any more."

    async def _meant(self, call: CommandCall, wanted: str) -> Person:
        """Who is meant by an id or a name; a platform that lets people be picked gives ids.

        Raises:
            UserError: nobody, or one of several.
        """
        people = {call.person.id: call.person}
        for turn in await self._store.turns(call.thread, limit=LOOKED_AT):
            if turn.person is not None and turn.person.id:
                people[turn.person.id] = turn.person
        named = [one for one in people.values() if one.name.casefold() == wanted.casefold()]
        if wanted in people:
            return people[wanted]
        if len(named) > 1:
            raise UserError(f"Several people here are called that; say which by id: {', '.join(p.id for p in named)}.")
        if named:
            return named[0]
        if not call.thread.has_tenant:
            raise UserError("Nobody in this thread is called that; or give /moderation report:3 decide:block.")
        return Person(wanted, f"<@{wanted}>")

    # The log

    async def _log(self, call: CommandCall, what: str) -> str:
        if what == "show":
            return await self._history(call)
        await self._reporting.set_place(call.thread, here=what == "here")
        await self._services.audit.note(Act.ADMIN, f"reports told {what}", call.thread, call.person)
        if what == "here":
            return "From now on moderators are told here of every picture that is reported."
        return "From now on moderators are told nowhere; /moderation lists what was reported."

    async def _history(self, call: CommandCall) -> str:
        entries = await self._store.moderation_log(call.thread.tenant_scope, limit=LISTED)
        lines = [
            f"{entry.at:%Y-%m-%d %H:%M} UTC: {entry.what}{f' ×{entry.times}' if entry.times > 1 else ''}"
            + (f", by {entry.person}" if entry.person else "")
            for entry in entries
        ]
        return "\n".join(lines) or "Nothing was reported or decided here."

    async def _overview(self, call: CommandCall) -> str:
        tenant = call.thread.tenant_scope
        cases, blocks = await self._store.cases(tenant, limit=LISTED), await self._store.blocks(tenant)
        lines = [told(case) for case in cases] or ["No report waits for you."]
        lines += [_told_block(block) for block in blocks[:LISTED]]
        if len(blocks) > LISTED:
            lines.append(f"{len(blocks) - LISTED} more people are blocked.")
        place = await self._reporting.place(call.thread)
        if place is None:
            lines.append("Moderators are told of reports nowhere; /moderation log:here changes that.")
        return "\n".join(lines)


def told(case: Case) -> str:
    """A case in one line."""
    people = "1 report" if case.reports == 1 else f"{case.reports} reports"
    hidden = "hidden" if case.state is PictureState.HIDDEN else "shown"
    decided = "" if case.ruling is None else ", decided"
    return f"Report {case.id}: picture {case.number}, {hidden}{decided}, {people} ({_reasons(case.reasons)})"


def _reasons(reasons: Sequence[str]) -> str:
    return ", ".join(reasons)


def _told_block(block: Block) -> str:
    who = f"{block.name} ({block.person})" if block.person else "somebody who had their data deleted"
    return f"Blocked since {block.since:%Y-%m-%d}: {who}"


def _is(block: Block, wanted: str) -> bool:
    return bool(block.person) and wanted.casefold() in (block.person.casefold(), block.name.casefold())
