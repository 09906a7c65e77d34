"""Events that discord.py cannot parse: one of them costs that event, never the connection.

Discord adds fields and kinds without notice. An exception in a parser ends discord.py's shard for good, and the bot
would be deaf until somebody starts it again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

log = logging.getLogger(__name__)
Payload: TypeAlias = Any
Parser: TypeAlias = Callable[[Payload], Any]
SESSION = frozenset({"READY", "RESUMED"})
"""A session that cannot begin is begun anew (`connection.py`)."""
_MESSAGE = (
    "id", "channel_id", "guild_id", "author", "member", "content", "timestamp", "edited_timestamp", "tts", "pinned",
    "mention_everyone", "mentions", "mention_roles", "attachments", "type", "flags", "webhook_id", "message_reference",
)  # fmt: skip
_ORNAMENTS = (
    "emojis", "stickers", "soundboard_sounds", "guild_scheduled_events", "stage_instances", "presences", "voice_states"
)  # fmt: skip


def _bare_message(data: Payload) -> Payload:
    """A message without what only decorates it: embeds, components, polls, stickers, what it answers."""
    return {name: data[name] for name in _MESSAGE if name in data} | {"embeds": [], "components": []}


def _bare_guild(data: Payload) -> Payload:
    return {**data, **{name: [] for name in _ORNAMENTS}}


BARE: Mapping[str, Callable[[Payload], Payload]] = {"MESSAGE_CREATE": _bare_message, "GUILD_CREATE": _bare_guild}
"""What is left of an event for a second try."""


def made_safe(parsers: dict[str, Parser], heard: Callable[[Payload], None]) -> None:
    """Put a guard around every parser, in place; `heard` is told each event that came."""
    for name, parse in list(parsers.items()):
        parsers[name] = _guarded(name, parse, heard)


def _guarded(name: str, parse: Parser, heard: Callable[[Payload], None]) -> Parser:
    def guarded(data: Payload) -> Any:
        heard(data)
        if name in SESSION:
            return parse(data)
        try:
            return parse(data)
        except Exception:
            log.error("discord.py cannot parse an event %s of Discord; is there a newer version?", name, exc_info=True)
        bare = BARE.get(name)
        if bare is None:
            return None
        try:
            return parse(bare(data))
        except Exception:
            log.error("an event %s of Discord is lost", name, exc_info=True)
            return None

    return guarded
