"""The settings of a brainstorm as a form, for chats that have forms: its fields, and what comes back as a command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from handlers.command_text import BadCommand, read_value
from handlers.model import NOWHERE, CommandCall, CommandSpec, Option, Person, ThreadKey
from handlers.ports import Store
from handlers.presentation import round_of
from handlers.round import RoundPart

COMMAND = "brainstorm"
FIELDS = ("minutes", "votes", "anonymous")
"""The options of the command that hold for a round that is under way."""
YES = frozenset({"yes", "on", "true"})


def round_fields(commands: Sequence[CommandSpec]) -> tuple[Option, ...]:
    """The fields of the form, in their order."""
    options = {option.name: option for spec in commands if spec.name == COMMAND for option in spec.options}
    return tuple(options[name] for name in FIELDS if name in options)


async def round_with(store: Store, thread: ThreadKey, number: int | None) -> RoundPart | None:
    """The round that has the idea of this number.

    Raises:
        StoreError: it cannot be read.
    """
    picture = None if number is None else await store.picture(thread, number)
    turn = None if picture is None else await store.turn(picture.turn)
    return None if turn is None else round_of(turn.parts)


def settings_of(shown: RoundPart | None, fields: Sequence[Option]) -> Mapping[str, str]:
    """What stands in the form; the minutes stay empty, which leaves them as they are."""
    if shown is None:
        return {}
    told = {"votes": str(shown.dots)}
    for option in fields:
        chosen = next((choice for choice in option.choices if (choice in YES) is shown.anonymous), None)
        if option.name == "anonymous" and chosen is not None:
            told[option.name] = chosen
    return told


@dataclass(frozen=True, slots=True)
class Given:
    """A form as it was sent; `errors` are about the field of that name."""

    arguments: Mapping[str, str | int] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)

    def call(self, event: str, thread: ThreadKey, person: Person) -> CommandCall:
        in_thread = thread.thread != NOWHERE and not (thread.has_tenant and thread.thread == thread.channel)
        return CommandCall(event, thread, person, COMMAND, dict(self.arguments), in_thread=in_thread)


def read_given(values: Mapping[str, str], fields: Sequence[Option]) -> Given:
    """What people filled in, by field; empty ones are left out."""
    arguments: dict[str, str | int] = {}
    errors: dict[str, str] = {}
    for option in fields:
        if text := values.get(option.name, "").strip():
            try:
                arguments[option.name] = read_value(option, text)
            except BadCommand as error:
                errors[option.name] = str(error)
    return Given(arguments, errors)
