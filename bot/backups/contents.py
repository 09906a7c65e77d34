"""What a backup may hold: names, limits, and its own account of itself.

A backup is a tar of regular files: `easel-backup.json` (what it holds, hashes of the databases), the databases,
`pictures/ab/abcd….bin` (named by their SHA-256), and `easel-backup.end` (how many pictures there were), which a
backup that was cut off lacks. Versions before had neither the first nor the last; both kinds are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bot.cli import CommandFailed
from bot.private import DATABASES

WITH_TOKENS = ("slack.db",)
"""Files that are nothing but tokens: Slack's installs."""
PASSING_TOKENS = "DELETE FROM memory WHERE key LIKE 'discord/hook:%' OR key LIKE 'slack/slack/inbox/%'"
"""Run on `memory.db`: tokens of Discord's interactions and what Slack sent with its addresses to answer to. Both are
dead within the hour."""

FIRST, LAST = "easel-backup.json", "easel-backup.end"
PICTURE = re.compile(r"pictures/([0-9a-f]{2})/(\1[0-9a-f]{62})\.bin")

MOST_TEXT = 2**20
MOST_PICTURE = 2**28
"""Four times the largest picture that an engine makes (4096² with 4 bytes a pixel)."""
MOST_DATABASE = 2**36


@dataclass(frozen=True, slots=True)
class Contents:
    """The first file. `databases`: SHA-256 in hex digits by name; `slack_workspaces`: of how many tokens are in it."""

    databases: Mapping[str, str]
    tokens: bool
    slack_workspaces: int
    version: str
    made: str

    def to_bytes(self) -> bytes:
        return (json.dumps({"format": 2, **asdict(self)}, indent=1) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Contents:
        """
        Raises:
            CommandFailed: it says nothing that could be checked.
        """
        read = _object(data)
        databases: Any = read.get("databases")
        tokens = read.get("tokens")
        workspaces = read.get("slack_workspaces")
        sound = isinstance(databases, dict) and all(
            name in DATABASES and isinstance(sha, str) and re.fullmatch(r"[0-9a-f]{64}", sha)
            for name, sha in databases.items()
        )
        if read.get("format") != 2 or not sound or type(tokens) is not bool or type(workspaces) is not int:
            raise CommandFailed("The backup does not say what it holds: it is damaged, or of a newer version of Easel.")
        return cls(databases, tokens, workspaces, str(read.get("version"))[:40], str(read.get("made"))[:40])


def last(pictures: int) -> bytes:
    """The last file."""
    return json.dumps({"pictures": pictures}).encode()


def pictures_in(data: bytes) -> int:
    """How many pictures the last file counts.

    Raises:
        CommandFailed: it does not say.
    """
    count = _object(data).get("pictures")
    if type(count) is not int:
        raise CommandFailed("The backup is damaged: its last file cannot be read.")
    return count


def _object(data: bytes) -> dict[str, Any]:
    try:
        read = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}
