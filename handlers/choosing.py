"""`/settings`: how pictures are made in a thread, its channel, or everywhere here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from handlers.access import DEFAULT as RESET
from handlers.audit import Act
from handlers.errors import NotAllowed, UserError
from handlers.model import Answer, CommandCall, Option, OptionKind
from handlers.moderation.model import Kind, Level, Subject
from handlers.moderation.policy import strictest
from handlers.refinement import Refine
from handlers.screen import SETTING
from handlers.services import Services
from imaging.engine_table import ENGINES
from prompts.operations import SIZES

ENGINE: Final = Option("engine", "Who draws", OptionKind.CHOICE, choices=(*ENGINES, RESET))
"""Platforms show those that the host lets people choose (`handlers.commands.commands_here`)."""
SCOPES: Final = ("thread", "channel", "everywhere")
OPTIONS: Final = (
    Option("style", f"Style of new pictures; {RESET} for none", OptionKind.STYLE, choices=(RESET,), maximum=60),
    Option("size", "Shape of new pictures", OptionKind.CHOICE, choices=(*SIZES, RESET)),
    Option("language", f"Language of the answers; {RESET} for the asker's", maximum=40),
    Option(
        "refinement",
        "Write descriptions out before drawing",
        OptionKind.CHOICE,
        choices=(*(mode.value for mode in Refine), RESET),
    ),
    ENGINE,
    Option(
        "moderation",
        "How much is let through in a channel or everywhere here (admins)",
        OptionKind.CHOICE,
        choices=(*(level.value for level in Level), RESET),
        admin_only=True,
    ),
    Option(
        "scope",
        "For the thread, or (admins) its channel or everywhere",
        OptionKind.CHOICE,
        choices=SCOPES,
        admin_only=True,
    ),
)


class Choosing:
    """Answers the command."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._store = services.store

    async def command(self, call: CommandCall) -> Answer:
        arguments = {name: str(value).strip() for name, value in call.arguments.items()}
        scope = arguments.pop("scope", "thread" if call.in_thread else "channel")
        changes = {name: None if value in ("", RESET) else value for name, value in arguments.items()}
        if not changes:
            return await self._now(call)
        if scope not in SCOPES:
            raise UserError(f"A scope is {', '.join(SCOPES)}.")
        if scope != "thread" and not call.person.admin:
            raise NotAllowed(
                "Only an admin can set this for more than a thread; in a thread and without a scope it is for that one."
            )
        if changes.get("size") not in (None, *SIZES):
            raise UserError(f"A size is {', '.join(SIZES)} or {RESET}.")
        if changes.get("refinement") not in (None, *(mode.value for mode in Refine)):
            raise UserError(f"Refinement is {', '.join(Refine)} or {RESET}.")
        self._offered(changes.get("engine"))
        await self._screen(call, changes, scope)
        names_of = {
            "thread": str(call.thread),
            "channel": call.thread.channel_scope,
            "everywhere": call.thread.tenant_scope,
        }
        await self._store.choose(names_of[scope], changes)
        if scope != "thread":
            await self._services.audit.note(Act.ADMIN, f"settings of {scope}", call.thread, call.person)
        told = ", ".join(f"{name}: {value or RESET}" for name, value in changes.items())
        where = "everywhere here" if scope == "everywhere" else f"in this {scope}"
        return Answer(f"From now on {where}: {told}.", private=False)

    async def _now(self, call: CommandCall) -> Answer:
        settings = (await self._store.session(call.thread)).settings
        lines = [f"{name}: {settings.get(name, RESET)}" for name in ("style", "size", "language", "refinement")]
        lines.append(f"engine: {self._who_draws(settings.get('engine'))}")
        level = (await self._services.screen.policy(call.thread)).level
        return Answer("\n".join([*lines, f"{SETTING}: {level}"]))

    def _who_draws(self, chosen: str | None) -> str:
        """Who draws in a thread now, and who else could be chosen."""
        at_hand = self._services.pictures.at_hand()
        purposes = at_hand.purposes
        if (mine := at_hand.chosen(chosen)) is not None:
            who = mine
        elif purposes.edit in ("", purposes.new):
            who = f"{RESET} ({purposes.new})"
        else:
            who = f"{RESET} ({purposes.new}; changes by {purposes.edit})"
        others = [name for name in purposes.choosable if name != mine]
        return f"{who}; to choose from: {', '.join(others)}" if others else who

    def _offered(self, engine: str | None) -> None:
        """
        Raises:
            UserError: the host lets nobody choose that engine.
        """
        choosable = self._services.pictures.at_hand().purposes.choosable
        if engine is None or engine in choosable:
            return
        if not choosable:
            raise UserError("Whoever runs me has set who draws here; there is nothing to choose.")
        raise UserError(f"An engine to choose here is {', '.join(choosable)} or {RESET}.")

    async def _screen(self, call: CommandCall, changes: Mapping[str, str | None], scope: str) -> None:
        """
        Raises:
            Moderated: a style that may not be drawn.
            UserError: moderation is no thread's own, or shall be looser than the host lets it be.
        """
        screen = self._services.screen
        if style := changes.get("style"):
            await screen.check(Subject(Kind.DESCRIPTION, style), call.thread)
        if SETTING not in changes:
            return
        if scope == "thread":
            raise UserError("Moderation is set for a channel or everywhere, by an admin: say the scope too.")
        wanted = changes[SETTING]
        if wanted not in (None, *Level):
            raise UserError(f"Moderation is {', '.join(Level)} or {RESET}.")
        floor = await screen.floor(call.thread, everywhere=scope == "everywhere")
        if wanted is not None and strictest(Level(wanted), floor) is not Level(wanted):
            raise UserError(f"Whoever runs me allows nothing looser than {floor} here.")
