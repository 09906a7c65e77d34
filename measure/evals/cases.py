"""Files of cases: JSON, one case a line."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from bot.cli import CommandFailed

C = TypeVar("C")


def read_cases(bundled: str, read: Callable[[Any], C], path: str | Path | None = None) -> list[C]:
    """The cases of a file; without one, the bundled ones of that name.

    Raises:
        CommandFailed: it cannot be read, or which line is no case.
    """
    source = Path(path) if path else resources.files("measure") / "cases" / f"{bundled}.jsonl"
    try:
        lines = source.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no UTF-8"
        raise CommandFailed(f"{source.name} cannot be read ({why}).") from None
    cases = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            cases.append(read(json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CommandFailed(f"{source.name}, line {number} is no case ({error!r}).") from None
    return cases
