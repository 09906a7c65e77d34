"""The numbers that keep one person from taking everything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from handlers.quota_rules import Rule


@dataclass(frozen=True, slots=True)
class Limits:
    """All limits of a conversation; the defaults suit a team."""

    message_chars: int = 8_000
    """A longer message is refused with a sentence."""
    reply_chars: int = 16_000
    """A reply that does not end is cut here."""
    pictures_per_reply: int = 4
    directives_per_reply: int = 16
    """Tags of a reply that are looked at; a model in a loop writes more."""
    attachments: int = 4
    reports_to_hide: int = 3
    """So many people's reports hide a picture; 0: a moderator's alone does."""
    quotas: tuple[Rule, ...] = ()
    """What people may have made; see `handlers.quota_rules`."""
    picture_price: float = 0.0
    """What one picture costs the host, in the currency of the quotas."""
    engine_prices: Mapping[str, float] = field(default_factory=dict)
    """The same by engine, where it is another price."""
    call_price: float = 0.0
    """What one call of the language model costs, likewise."""
    answers_at_once: int = 0
    """Answers that the language model writes at once; 0: no limit. Who waits is served fairly."""
    answers_per_person: int = 0
    """The same of one person."""
    export_pictures: int = 500
    """The newest ones go into an export."""

    def price(self, engine: str) -> float:
        """What one picture of an engine costs the host."""
        return self.engine_prices.get(engine, self.picture_price)
