"""The line that the tiny model is trained to write, read back: no example is trained on that is none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

OperationName = Literal["image", "edit", "variation", "select", "refine"]
Change = Literal["small", "large"]


@dataclass(frozen=True, slots=True)
class LineOperation:
    """One operation of a command line; ``descriptions`` has one entry for an edit, one or more for images."""

    name: OperationName
    target: int | None = None
    descriptions: tuple[str, ...] = ()
    count: int = 1
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """What the model wants to happen; no operation at all means a plain answer."""

    operations: tuple[LineOperation, ...] = ()
    words: str = ""
    """A short answer in words, where the tuned model gives it itself; only without operations."""


class CommandError(ValueError):
    """A line that is no command; the message says why, for the log."""


_IMAGE = re.compile(r"image(?: x(?P<count>\d{1,3}))?:\s*(?P<body>.*)")
_EDIT = re.compile(r"edit (?P<id>\d{1,9})(?: (?P<change>small|large))?:\s*(?P<body>.*)")
_POINT = re.compile(r"(?P<name>variation|select|refine) (?P<id>\d{1,9})(?: x(?P<count>\d{1,3}))?")


def parse_operation(text: str) -> LineOperation:
    """Read one operation; raises `CommandError` for anything that is none."""
    text = text.strip()
    if m := _IMAGE.fullmatch(text):
        bodies = tuple(b for b in (part.strip() for part in m["body"].split("|")) if b)
        if not bodies:
            raise CommandError("the image command has no description")
        return LineOperation("image", descriptions=bodies, count=max(int(m["count"] or 1), len(bodies), 1))
    if m := _EDIT.fullmatch(text):
        body = m["body"].strip()
        if not body:
            raise CommandError("the edit command has no description")
        change: Change | None = "small" if m["change"] == "small" else "large" if m["change"] == "large" else None
        return LineOperation("edit", target=int(m["id"]), descriptions=(body,), change=change)
    if m := _POINT.fullmatch(text):
        name: OperationName = (
            "variation" if m["name"] == "variation" else "select" if m["name"] == "select" else "refine"
        )
        count = max(1, int(m["count"] or 1)) if name == "variation" else 1
        return LineOperation(name, target=int(m["id"]), count=count)
    raise CommandError(f"not a command: {text[:60]!r}")


def parse_command(line: str) -> Command:
    """Read a command line as the model wrote it; raises `CommandError` if it is none."""
    text = line.strip()
    if text == "reply":
        return Command()
    if text.startswith("reply: "):
        return Command(words=text.removeprefix("reply: ").strip())
    return Command(tuple(parse_operation(part) for part in text.split(" ; ")))
