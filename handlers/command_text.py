"""Commands that people write out: `NAME arguments` as a row of the command table with its options. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from handlers.errors import UserError
from handlers.model import CommandSpec, Option, OptionKind

LONGEST_NAME = 40
_SLASHES = "/／"
"""The second is what keyboards for Chinese and Japanese write."""
_NAME = re.compile(r"[^\W\d_][\w-]*")
_BEHIND = re.compile(r"@\S*|[.,:;!?]+")
"""What may hang on a command's name and means nothing: whom it is for, punctuation."""
_ID = re.compile(r"[A-Z0-9]{2,30}")
_MEANT = 0.85
"""How alike a word and an option's name are (0 to 1) when the name was meant."""
_QUOTES = {'"': '"', "'": "'", "“": "”", "„": "“", "«": "»"}
_NUMBERS = frozenset({OptionKind.NUMBER, OptionKind.PICTURE})


class BadCommand(UserError):
    """A command that cannot be read; `str()` says how to write it."""


def typed_id(option: Option, value: str) -> str:
    """Whom or what a person means by a value without a list to choose from: people by name or id, the rest by id.

    Raises:
        BadCommand: a name where only an id says which one.
    """
    if option.kind is OptionKind.PERSON:
        return value.removeprefix("@")
    if _ID.fullmatch(value):
        return value
    raise BadCommand(f"{option.name} must be an id here; where the chat lists my commands, you can choose it there.")


@dataclass(frozen=True, slots=True)
class Writing:
    """How commands are written in one place."""

    prefix: str = "/"
    wordy: frozenset[OptionKind] = frozenset({OptionKind.TEXT, OptionKind.STYLE, OptionKind.PERSON})
    """Kinds of values that may have spaces in them."""
    clean: Callable[[str], str] = str.strip
    id: Callable[[Option, str], str] = typed_id


TYPED = Writing()
"""In a message."""


def named(text: str) -> tuple[str, str] | None:
    """The name, in small letters, and the rest of a message that is a command; None for ordinary text.

    Text that begins with a slash is a command unless it plainly is none: no letter follows (`/`, `//`, `/:`), or the
    first word has another slash (`/usr/bin`, a path) or a backslash (a face that throws its arms up).
    """
    start = next((at for at, char in enumerate(text) if unicodedata.category(char)[0] not in "ZC"), len(text))
    name = _NAME.match(text, start + 1) if text[start : start + 1] in tuple(_SLASHES) else None
    if name is None or not name[0][0].isalpha():
        return None
    behind = text[name.end() :].split(maxsplit=1)[0] if text[name.end() : name.end() + 1].strip() else ""
    if any(char in behind for char in (*_SLASHES, "\\")):
        return None
    hanging = _BEHIND.match(text, name.end())
    return name[0].casefold(), text[hanging.end() if hanging else name.end() :].strip()


def find(name: str, specs: Sequence[CommandSpec], writing: Writing = TYPED) -> CommandSpec:
    """
    Raises:
        BadCommand: there is none; names the nearest.
    """
    rows = {spec.name: spec for spec in specs}
    if name in rows:
        return rows[name]
    near = get_close_matches(name[:LONGEST_NAME], rows, n=1)
    meant = f" Did you mean {writing.prefix}{near[0]}?" if near else ""
    raise BadCommand(
        f"There is no command {writing.prefix}{name[:LONGEST_NAME]}.{meant} {writing.prefix}help lists them; "
        "without the slash it is a message like any other."
    )


def read_arguments(spec: CommandSpec, rest: str, writing: Writing = TYPED) -> dict[str, str | int]:
    """`name:value` (or `name=value`) pairs; what is not named is the first option that is left.

    A value of words goes on to the next name: `style:pixel art size:wide`. A command with a single option takes all
    that follows as it stands, colons and line breaks included.

    Raises:
        BadCommand: a missing or malformed argument; says what to write.
    """
    given = _single(spec.options[0], rest) if len(spec.options) == 1 else _pairs(spec, rest, writing)
    _all_there(spec, given, writing)
    options = {option.name: option for option in spec.options}
    return {key: read_value(options[key], value, writing) for key, value in given.items()}


def read_values(spec: CommandSpec, given: Mapping[str, str], writing: Writing = TYPED) -> dict[str, str | int]:
    """Values that a form gave by the options' names; one that is empty was not given.

    Raises:
        BadCommand: a missing, malformed or unknown argument.
    """
    options = {option.name: option for option in spec.options}
    if unknown := given.keys() - options.keys():
        raise BadCommand(f"{writing.prefix}{spec.name} has no {min(unknown)[:LONGEST_NAME]}; {usage(spec, writing)}.")
    stated = {name: value.strip() for name, value in given.items() if value.strip()}
    _all_there(spec, stated, writing)
    return {name: read_value(options[name], value, writing) for name, value in stated.items()}


def _all_there(spec: CommandSpec, given: Mapping[str, str], writing: Writing) -> None:
    missing = [option.name for option in spec.options if option.required and not given.get(option.name)]
    if missing:
        raise BadCommand(f"{writing.prefix}{spec.name} needs {' and '.join(missing)}; {usage(spec, writing)}.")


def _single(option: Option, rest: str) -> dict[str, str]:
    value = re.sub(rf"^{re.escape(option.name)}\s*[:=]\s*", "", rest, count=1, flags=re.IGNORECASE).strip()
    return {option.name: _bare(value)} if value else {}


def _pairs(spec: CommandSpec, rest: str, writing: Writing) -> dict[str, str]:
    def refused(words: str) -> BadCommand:
        return BadCommand(f"{writing.prefix}{spec.name} does not take “{words[:60]}”; {usage(spec, writing)}.")

    if not spec.options:
        if rest:
            raise refused(rest)
        return {}
    options = {option.name: option for option in spec.options}
    names = "|".join(map(re.escape, options))
    parts = re.split(rf"(?:^|(?<=\s))({names})\s*[:=]\s*", rest, flags=re.IGNORECASE)
    free = [parts[0].strip()]
    given: dict[str, str] = {}
    for key, value in zip(parts[1::2], parts[2::2], strict=True):
        option = options[key.lower()]
        words = value.strip()
        if option.kind not in writing.wordy:
            first, _, more = words.partition(" ")
            words = first
            free.append(more.strip())
        given[option.name] = _bare(words)
    left = " ".join(filter(None, free))
    open_ = [option for option in spec.options if option.name not in given]
    # "size wide" names an option without its colon, "sizee:wide" none at all: they are no styles of that name.
    begins = re.match(r"\w*", left.lower())
    if left and (not open_ or (begins and get_close_matches(begins[0], options, n=1, cutoff=_MEANT))):
        raise refused(left)
    for option in open_:
        if not left:
            break
        # Each option takes a word; one of words takes all.
        words, _, left = (left, "", "") if option.kind in writing.wordy else left.partition(" ")
        given[option.name], left = _bare(words), left.strip()
    if left:
        raise refused(left)
    return given


def _bare(value: str) -> str:
    """Without the quotation marks around it."""
    closing = _QUOTES.get(value[:1])
    return value[1:-1].strip() if closing is not None and len(value) > 1 and value.endswith(closing) else value


def read_value(option: Option, value: str, writing: Writing = TYPED) -> str | int:
    """
    Raises:
        BadCommand: it is no value of this option; says what is.
    """
    if option.choices and option.kind is not OptionKind.STYLE and value not in option.choices:
        raise BadCommand(f"{option.name} must be one of: {', '.join(option.choices)}.")
    if option.kind in (OptionKind.CHANNEL, OptionKind.PERSON, OptionKind.ROLE):
        return writing.id(option, value)
    if option.kind in _NUMBERS:
        return _number(option, value)
    value = writing.clean(value)
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


def as_message(spec: CommandSpec, arguments: Mapping[str, str | int]) -> str | None:
    """The message that a command is which opens a thread: its words, or where it has more options the command as it is
    written. None where it has no words, or is another command."""
    first = spec.options[0].name if spec.options else ""
    words = str(arguments.get(first, "")).strip()
    if not spec.opens_thread or not words:
        return None
    if len(spec.options) == 1:
        return words
    others = [f"{name}:{value}" for name, value in arguments.items() if name != first]
    return " ".join([f"/{spec.name}", f"{first}:{words}" if others else words, *others])


def usage(spec: CommandSpec, writing: Writing = TYPED) -> str:
    """How to write a command, in one phrase."""
    parts = [o.name if o.required else f"[{o.name}:…]" for o in spec.options]
    return f"write {writing.prefix}{' '.join([spec.name, *parts])}"


def help_rows(specs: Sequence[CommandSpec], writing: Writing = TYPED, *, admin: bool) -> Mapping[str, str]:
    """Each command as people write it, and what it does; what is refused to all but admins is told to them alone."""
    open_ = [spec for spec in specs if admin or not spec.admin_only]
    return {usage(spec, writing).removeprefix("write "): spec.summary for spec in open_}
