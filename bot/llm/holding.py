"""Whether words may be shown yet: where a chat template opens the thoughts, only their end tells that they were none.

Of a model that is known to think so, words wait for that end. Of one that nobody knows they wait a moment, and longer
where they sound like thoughts; a short reply is whole by then. Of any other they flow at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

FIRST_CONTACT_S: Final = 1.0
_SOUNDS: Final = re.compile(
    r"\s*(?:(?:okay|ok|alright|hmm+|well|so|first|wait|let me|let's|i need to|i should|the user|we need|we have to"
    r"|we are|got it|looking at|maybe|perhaps|i think|they want|this is a)\b|好的|嗯|首先|用户|我们)",
    re.IGNORECASE,
)


class Holding:
    """For one reply. `opens` is `Manner.opens`; `clock` in seconds."""

    def __init__(self, opens: bool | None, clock: Callable[[], float]) -> None:
        self._opens = opens
        self._clock = clock
        self._since: float | None = None
        self._held: list[str] = []

    @property
    def due_s(self) -> float | None:
        """Seconds until what is held may go; None when nothing waits for a moment."""
        if self._opens is not None or not self._held or self._since is None or _SOUNDS.match("".join(self._held)):
            return None
        return max(0.0, self._since + FIRST_CONTACT_S - self._clock())

    def add(self, words: str) -> list[str]:
        """The pieces that may go now."""
        self._held.append(words)
        if self._since is None and words.strip():
            self._since = self._clock()
        return self.release() if self._opens is False else self.due()

    def due(self) -> list[str]:
        return self.release() if self.due_s == 0.0 else []

    def release(self) -> list[str]:
        """It is known now that these are no thoughts, and so is what will come."""
        self._opens = False
        held, self._held = self._held, []
        return held

    def abandon(self) -> list[str]:
        """The reply broke off: what sounds like thoughts, or comes of a model that begins with them, stays back."""
        if self._opens or (self._opens is None and _SOUNDS.match("".join(self._held))):
            self.drop()
        return self.release()

    def drop(self) -> None:
        """What was held was thoughts."""
        self._held.clear()
        self._opens = False
