"""How long an endpoint is waited for, and how often it is asked."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds and counts. Waits for a busy endpoint are bounded by `longest_wait_s` each."""

    connect_s: float = 10.0
    first_token_s: float = 60.0
    idle_s: float = 60.0
    tries: int = 3
    backoff_s: float = 0.5
    longest_wait_s: float = 20.0
    silent_tokens: int = 60_000
    """Events, or characters of thoughts, that may come beside a reply's own length before it is called endless."""
    grace_s: float = 2.0
    """How long the line is kept after the reply has ended: the count of tokens may still come."""

    @property
    def wordless_s(self) -> float:
        """Longest time in which only thoughts and signs of life come."""
        return 10.0 * max(self.first_token_s, self.idle_s)

    def wait(self, attempt: int, told_s: float | None) -> float:
        """Seconds until the next try: what the endpoint told, else growing with jitter."""
        if told_s is not None:
            return min(told_s, self.longest_wait_s)
        grown = self.backoff_s * 2.0 ** (attempt - 1)
        return min(grown * random.uniform(0.5, 1.5), self.longest_wait_s)
