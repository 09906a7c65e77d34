"""What a button carries: everything needed to act on it after a restart, or a year, in 100 characters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from handlers.model import Action, ThreadKey

CHAT = "discord"
LIMIT = 100
PATTERN = re.compile(
    r"e1:(?P<action>[a-z]+|more):(?P<channel>\d{1,20}):(?P<thread>[a-z]?\d{1,20}):(?P<picture>\d{0,9}):(?P<slot>.*)",
    re.DOTALL,
)
"""A version first, so that old messages stay readable when this changes."""
MORE = "more"
FILE = re.compile(r"picture-(\d{1,9})-")


@dataclass(frozen=True, slots=True)
class ButtonId:
    """`action` is an `Action` value or `more` for the menu."""

    action: str
    channel: str
    thread: str
    picture: int | None = None
    slot: str = ""

    def __str__(self) -> str:
        number = "" if self.picture is None else str(self.picture)
        text = f"e1:{self.action}:{self.channel}:{self.thread}:{number}:{self.slot}"
        return text if len(text) <= LIMIT else text[: len(text) - len(self.slot)]

    @classmethod
    def parse(cls, text: str) -> Self | None:
        match = PATTERN.fullmatch(text)
        if match is None:
            return None
        number = match["picture"]
        return cls(match["action"], match["channel"], match["thread"], int(number) if number else None, match["slot"])

    def key(self, tenant: str) -> ThreadKey:
        return ThreadKey(CHAT, tenant, self.channel, self.thread)


GALLERY = "eg1:"
"""Before the search that a button of the gallery is for: all that it knows."""


def gallery_id(search: str) -> str:
    return f"{GALLERY}{search}"


def button_id(action: Action, thread: ThreadKey, picture: int | None = None, slot: str = "") -> str:
    return str(ButtonId(action.value, thread.channel, thread.thread, picture, slot))


def menu_value(action: Action, picture: int) -> str:
    """What an entry of the menu says when it is chosen."""
    return f"{action.value}:{picture}"


def read_menu_value(value: str) -> tuple[Action, int] | None:
    name, _, number = value.partition(":")
    try:
        return Action(name), int(number)
    except ValueError:
        return None


def file_name(number: int, sha256: str, extension: str) -> str:
    """The attachment's name tells the picture's number to whoever meets the message later."""
    return f"picture-{number}-{sha256[:10]}.{extension}"


def number_of_file(name: str) -> int | None:
    match = FILE.search(name)
    return int(match[1]) if match else None
