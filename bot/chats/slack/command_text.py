"""`/easel SUBCOMMAND arguments` as a row of the command table with its options. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bot.chats.slack.written import clean_text
from handlers.model import CommandSpec, Option, OptionKind

COMMAND = "/easel"
_NAMED = re.compile(r"<(?:@|#|!subteam\^)([A-Z0-9]{2,20})(?:\|[^>]{0,80})?>")
"""A person, channel or user group in the text of a command: Slack writes ids where people wrote names."""
_QUOTES = {'"': '"', "'": "'", "“": "”", "„": "“", "«": "»"}
_WORDY = frozenset({OptionKind.TEXT, OptionKind.STYLE})
_IDS = frozenset({OptionKind.CHANNEL, OptionKind.PERSON, OptionKind.ROLE})
_NUMBERS = frozenset({OptionKind.NUMBER, OptionKind.PICTURE})


class BadCommand(ValueError):
    """A slash command that cannot be read; `str()` says how to write it."""


def read_command(text: str, specs: Sequence[CommandSpec]) -> tuple[CommandSpec, dict[str, str | int]]:
    """`SUBCOMMAND` and `name:value` (or `name=value`) pairs; what is not named is the first option that is left.

    A value of words goes on to the next name: `settings style:pixel art size:wide`. A command with a single
    option takes all that follows as it stands, colons and line breaks included.

    Raises:
        BadCommand: unknown subcommand, a missing or malformed argument; says what to write.
    """
    name, rest = [*text.strip().split(maxsplit=1), "", ""][:2]
    rows = {spec.name: spec for spec in specs}
    spec = rows.get((name or "help").lower().lstrip("/"))
    if spec is None:
        raise BadCommand(f"There is no {COMMAND} {name[:40]}; try one of: {', '.join(rows)}.")
    given = _single(spec.options[0], rest) if len(spec.options) == 1 else _pairs(spec, rest)
    missing = [option.name for option in spec.options if option.required and not given.get(option.name)]
    if missing:
        raise BadCommand(f"{COMMAND} {spec.name} needs {' and '.join(missing)}; {usage(spec)}.")
    options = {option.name: option for option in spec.options}
    return spec, {key: _value(options[key], value) for key, value in given.items()}


def _single(option: Option, rest: str) -> dict[str, str]:
    value = re.sub(rf"^{re.escape(option.name)}\s*[:=]\s*", "", rest, count=1, flags=re.IGNORECASE).strip()
    return {option.name: _bare(value)} if value else {}


def _pairs(spec: CommandSpec, rest: str) -> dict[str, str]:
    if not spec.options:
        if rest:
            raise BadCommand(f"{COMMAND} {spec.name} does not take “{rest[:60]}”; {usage(spec)}.")
        return {}
    options = {option.name: option for option in spec.options}
    names = "|".join(map(re.escape, options))
    parts = re.split(rf"(?:^|(?<=\s))({names})\s*[:=]\s*", rest, flags=re.IGNORECASE)
    free = [parts[0].strip()]
    given: dict[str, str] = {}
    for key, value in zip(parts[1::2], parts[2::2], strict=True):
        option = options[key.lower()]
        words = value.strip()
        if option.kind not in _WORDY:
            first, _, more = words.partition(" ")
            words = first
            free.append(more.strip())
        given[option.name] = _bare(words)
    left = " ".join(filter(None, free))
    open_ = [option for option in spec.options if option.name not in given]
    if left and not open_:
        raise BadCommand(f"{COMMAND} {spec.name} does not take “{left[:60]}”; {usage(spec)}.")
    if left:
        given[open_[0].name] = _bare(left)
    return given


def _bare(value: str) -> str:
    """Without the quotation marks around it."""
    closing = _QUOTES.get(value[:1])
    return value[1:-1].strip() if closing is not None and len(value) > 1 and value.endswith(closing) else value


def _value(option: Option, value: str) -> str | int:
    if option.choices and option.kind is not OptionKind.STYLE and value not in option.choices:
        raise BadCommand(f"{option.name} must be one of: {', '.join(option.choices)}.")
    if option.kind in _IDS:
        named = _NAMED.fullmatch(value)
        return named[1] if named else value
    if option.kind in _NUMBERS:
        return _number(option, value)
    value = clean_text(value, "")
    if option.maximum is not None and len(value) > option.maximum:
        raise BadCommand(f"{option.name} may have up to {option.maximum:,} characters; yours has {len(value):,}.")
    return value


def _number(option: Option, value: str) -> int:
    try:
        number = int(value.lstrip("#"))
    except ValueError:
        raise BadCommand(f"{option.name} must be a number, not “{value[:40]}”.") from None
    low, high = option.minimum, option.maximum
    if low is not None and high is not None and not low <= number <= high:
        raise BadCommand(f"{option.name} must be between {low} and {high}.")
    if low is not None and number < low:
        raise BadCommand(f"{option.name} must be at least {low}.")
    if high is not None and number > high:
        raise BadCommand(f"{option.name} must be at most {high}.")
    return number


def usage(spec: CommandSpec) -> str:
    """How to write a command, in one phrase."""
    parts = [o.name if o.required else f"[{o.name}:…]" for o in spec.options]
    return f"write {COMMAND} {' '.join([spec.name, *parts])}"


def help_rows(specs: Sequence[CommandSpec]) -> Mapping[str, str]:
    """Each subcommand as people write it, and what it does."""
    return {usage(spec).removeprefix("write "): spec.summary for spec in specs}
