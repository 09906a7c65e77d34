"""What the Discord chat is told from outside, and the little that it must remember."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

MIB = 1024 * 1024
API_BASE = "https://discord.com/api/v10"
CDN = "https://cdn.discordapp.com"

"""(encoded picture, most bytes allowed) → (encoded picture within the limit, its media type).
Raises imaging.errors.BadPicture when no encoding is small enough."""


@dataclass(frozen=True, slots=True)
class DiscordConfig:
    """Where Discord is and how the bot behaves there. Sizes are bytes, times seconds."""

    token: str
    api_base: str = API_BASE
    gateway: str = ""
    """Empty: ask the REST address."""
    cdn: str = CDN
    message_content: bool = True
    """Ask for the privileged intent; without it the bot goes on by mentions, commands and replies."""
    shard_count: int | None = None
    """None: as many as Discord recommends."""
    max_upload_bytes: int = 20 * MIB
    max_attachments: int = 4
    edit_interval_s: float = 1.3
    """Shortest time between two edits of an answer: five in five seconds is what a channel takes."""
    requests_per_s: float = 44.0
    """Of the whole bot; Discord takes 50."""
    longest_wait_s: float = 120.0
    """A route that is shut for longer (slow mode of hours) counts as refusing."""
    preview_interval_s: float = 4.0
    """Shortest time between two uploads of unfinished pictures of one answer."""
    retry_s: float = 1.0
    """Wait before the second try of what Discord could not take; it doubles with each."""
    arriving_s: float = 2.0
    """After login servers come one by one; so long without another one, and all are there."""
    identify_s: float = 5.0
    """Between two shards that log in: Discord takes one in five seconds."""
    reconnect_s: float = 30.0
    """Wait before another try when Discord cannot be reached at all."""
    heartbeat_timeout_s: float = 60.0
    """A gateway that has been silent for so long counts as lost."""
    look_s: float = 60.0
    """How often it is looked whether everything arrives; a shard that heard nothing since is asked."""
    answer_s: float = 20.0
    """A gateway that answers no question for so long is deaf, whatever its heartbeats say."""
    catch_up_s: float = 24 * 3600.0
    """How old a missed message may be to be answered after an outage."""


class KeyValue(Protocol):
    """A few lines of text that outlive a restart: synced commands, posts, interaction tokens."""

    async def get(self, key: str) -> str | None: ...

    async def put(self, key: str, value: str | None) -> None:
        """Set, or with None remove."""

    async def items(self, prefix: str) -> list[tuple[str, str]]:
        """Pairs whose key begins with `prefix`."""


class InMemoryKeyValue:
    """A `KeyValue` that forgets at exit: good enough for a trial, and for tests."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    async def get(self, key: str) -> str | None:
        return self._values.get(key)

    async def put(self, key: str, value: str | None) -> None:
        if value is None:
            self._values.pop(key, None)
        else:
            self._values[key] = value

    async def items(self, prefix: str) -> list[tuple[str, str]]:
        return [(key, value) for key, value in self._values.items() if key.startswith(prefix)]
