"""`/easel SUBCOMMAND arguments` as a row of the command table with its options. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.chats.slack.ids import COMMAND
from bot.chats.slack.incoming.written import clean_text
from handlers.command_text import BadCommand, Writing, read_arguments
from handlers.model import CommandSpec, Option, OptionKind

_NAMED = re.compile(r"<(?:@|#|!subteam\^)([A-Z0-9]{2,20})(?:\|[^>]{0,80})?>")
"""A person, channel or user group in the text of a command: Slack writes ids where people wrote names."""


def _id(option: Option, value: str) -> str:
    found = _NAMED.fullmatch(value)
    return found[1] if found else value


SUBCOMMANDS = Writing(
    f"{COMMAND} ", frozenset({OptionKind.TEXT, OptionKind.STYLE}), lambda value: clean_text(value, ""), _id
)


def read_command(text: str, specs: Sequence[CommandSpec]) -> tuple[CommandSpec, dict[str, str | int]]:
    """See `handlers.command_text.read_arguments`; nothing at all asks for help.

    Raises:
        BadCommand: unknown subcommand, a missing or malformed argument; says what to write.
    """
    name, rest = [*text.strip().split(maxsplit=1), "", ""][:2]
    rows = {spec.name: spec for spec in specs}
    spec = rows.get((name or "help").lower().lstrip("/"))
    if spec is None:
        raise BadCommand(f"There is no {COMMAND} {name[:40]}; try one of: {', '.join(rows)}.")
    return spec, read_arguments(spec, rest, SUBCOMMANDS)
