"""What Slack brings is written down before it is acknowledged, and crossed out when its work is done.

Slack does not send an acknowledged event again; a crash between the two would lose it without this. What is
being worked on, and what was done lately, is known by name, so the same thing under another event id is dropped.
"""

from __future__ import annotations

import json
import logging
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bot.chats.slack.ports import KeyValue

log = logging.getLogger(__name__)

PREFIX = "slack/inbox/"
DONE_KEPT = 10_000


class Kind(StrEnum):
    MESSAGE = "message"
    COMMAND = "command"
    CLICK = "click"
    FORM = "form"
    SETTINGS = "settings"
    ROUND = "round"
    REFERENCE = "reference"
    FORGET = "forget"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to do. `name` is the same for every delivery of it; `body` is what Slack sent."""

    name: str
    kind: Kind
    team: str
    body: dict[str, Any]
    starts: int = 0
    """How often a new process has taken it up."""

    @property
    def deadly(self) -> bool:
        """Whether it was under way when so many processes ended that it is to blame."""
        return self.starts >= (2 if self.kind in _SHORT else 5)


_SHORT = frozenset({Kind.COMMAND, Kind.CLICK, Kind.SETTINGS, Kind.ROUND})
"""Done in a moment. The others last as long as an answer, in which a process may end for other reasons; the handlers
give up what is deadly in them."""


class Inbox:
    """Open entries, durable; and the names of those that are under way or were done lately."""

    def __init__(self, memory: KeyValue) -> None:
        self._memory = memory
        self._under_way: set[str] = set()
        self._done: OrderedDict[str, None] = OrderedDict()

    async def take(self, entry: Entry) -> bool:
        """Write an entry down. False: it is under way, or was done lately, and there is nothing to do."""
        if not self.begin(entry.name):
            return False
        try:
            await self._keep(entry)
        except BaseException:
            self._under_way.discard(entry.name)  # nobody works on it: the next delivery may
            raise
        return True

    async def _keep(self, entry: Entry) -> None:
        data = {"kind": entry.kind, "team": entry.team, "body": entry.body, "starts": entry.starts}
        await self._memory.keep(PREFIX + entry.name, json.dumps(data, separators=(",", ":")))

    def begin(self, name: str) -> bool:
        """Claim a name in this process."""
        if name in self._under_way or name in self._done:
            return False
        self._under_way.add(name)
        return True

    async def cross_out(self, name: str) -> None:
        """Its work is done."""
        await self._memory.delete(PREFIX + name)
        self._under_way.discard(name)
        self._done[name] = None
        if len(self._done) > DONE_KEPT:
            self._done.popitem(last=False)

    def let_go(self, name: str) -> None:
        """Its work failed: it stays written down, for the next delivery or the next start."""
        self._under_way.discard(name)

    async def open(self) -> list[Entry]:
        """Everything whose work was not done when the last process ended, in the order of names. That it is taken
        up once more is written down."""
        found = []
        for key, value in await self._memory.items(PREFIX):
            entry = _read(key.removeprefix(PREFIX), value)
            if entry is None:
                log.warning("an unreadable inbox entry is dropped: %s", key)
                await self._memory.delete(key)
            elif entry.name not in self._under_way:  # what came since the start is no work of an earlier process
                found.append(entry)
                await self._keep(entry)
        return found


def _read(name: str, text: str) -> Entry | None:
    try:
        data = json.loads(text)
        kind, team, body = Kind(data["kind"]), str(data["team"]), dict(data["body"])
        return Entry(name, kind, team, body, starts=int(data.get("starts", 0)) + 1)
    except (ValueError, KeyError, TypeError):
        return None
