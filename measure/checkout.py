"""Measurements that need the tests' peers: a chat platform and models that are not ours, on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

from bot.cli import CommandFailed

ROOT = Path(__file__).parents[1]


def need_tests(what: str) -> None:
    """Make the package `tests` importable.

    Args:
        what: What of it is needed, as the beginning of a sentence.

    Raises:
        CommandFailed: there are no tests beside this program.
    """
    if not (ROOT / "tests" / "peers").is_dir():
        raise CommandFailed(f"{what} is part of the tests: run this command from a checkout of the project.")
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
