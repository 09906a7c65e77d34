"""The numbers that keep one person from taking everything."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """All limits of a conversation; the defaults suit a team."""

    message_chars: int = 8_000
    """A longer message is refused with a sentence."""
    reply_chars: int = 16_000
    """A reply that does not end is cut here."""
    pictures_per_reply: int = 4
    attachments: int = 4
    pictures_per_day: int | None = None
    """Per person and workspace, renewed at midnight UTC; None is no limit."""
    export_pictures: int = 500
    """The newest ones go into an export."""
