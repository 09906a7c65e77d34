"""The settings of a brainstorm as a form, for chats that have forms: its fields, and what comes back as a command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from handlers.brainstorm.wish import NO, SPEC, YES
from handlers.command_text import BadCommand, read_value
from handlers.model import NOWHERE, CommandCall, Person, ThreadKey
from handlers.ports import Store
from handlers.presentation import round_of
from handlers.round import RoundPart

FIELDS = tuple(option for option in SPEC.options if option.name in ("minutes", "votes", "anonymous"))
"""The options of the command that hold for a round that is under way: the fields of the form, in their order."""


async def round_with(store: Store, thread: ThreadKey, number: int | None) -> RoundPart | None:
    """The round that has the idea of this number.

    Raises:
        StoreError: it cannot be read.
    """
    picture = None if number is None else await store.picture(thread, number)
    turn = None if picture is None else await store.turn(picture.turn)
    return None if turn is None else round_of(turn.parts)


def settings_of(shown: RoundPart | None) -> Mapping[str, str]:
    """What stands in the form; the minutes stay empty, which leaves them as they are."""
    return {} if shown is None else {"votes": str(shown.dots), "anonymous": YES if shown.anonymous else NO}


@dataclass(frozen=True, slots=True)
class Given:
    """A form as it was sent; `errors` are about the field of that name."""

    arguments: Mapping[str, str | int] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)

    def call(self, event: str, thread: ThreadKey, person: Person) -> CommandCall:
        in_thread = thread.thread != NOWHERE and not (thread.has_tenant and thread.thread == thread.channel)
        return CommandCall(event, thread, person, SPEC.name, dict(self.arguments), in_thread=in_thread)


def read_given(values: Mapping[str, str]) -> Given:
    """What people filled in, by field; empty ones are left out."""
    arguments: dict[str, str | int] = {}
    errors: dict[str, str] = {}
    for option in FIELDS:
        if text := values.get(option.name, "").strip():
            try:
                arguments[option.name] = read_value(option, text)
            except BadCommand as error:
                errors[option.name] = str(error)
    return Given(arguments, errors)
