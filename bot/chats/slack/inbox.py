"""Events are written down before they are acknowledged, and crossed out when they are answered.

Slack does not send an acknowledged event again; a crash between the two would lose it without this.
"""

from __future__ import annotations

import json
from typing import Any

from bot.chats.slack.ports import KeyValue

PREFIX = "slack/inbox/"


class Inbox:
    """Open events by the identity of their message."""

    def __init__(self, memory: KeyValue) -> None:
        self._memory = memory

    async def write(self, name: str, team: str, event: dict[str, Any]) -> None:
        await self._memory.put(PREFIX + name, json.dumps({"team": team, "event": event}, separators=(",", ":")))

    async def cross_out(self, name: str) -> None:
        await self._memory.delete(PREFIX + name)

    async def open(self) -> list[tuple[str, str, dict[str, Any]]]:
        """(name, team, event) of everything that was not answered."""
        found = []
        for key, value in await self._memory.items(PREFIX):
            data = json.loads(value)
            found.append((key.removeprefix(PREFIX), str(data["team"]), data["event"]))
        return found
