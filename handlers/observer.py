"""Told what happens to messages, for metrics."""

from __future__ import annotations

from typing import Protocol


class Observer(Protocol):
    """Must not raise. `chat` is the platform's name."""

    def dropped(self, chat: str, why: str) -> None:
        """A message that was delivered before: its answer is `running` or `finished`."""

    def retried(self, chat: str) -> None:
        """A message or an open reply that an earlier program left is taken up again."""

    def refused(self, chat: str, why: str) -> None:
        """Somebody was told no; `why` is the error's class."""

    def judged(self, chat: str, kind: str, category: str, verdict: str) -> None:
        """Moderation covers or refuses something; `kind` is what was looked at."""

    def moderator_failed(self, name: str) -> None:
        """A moderator could not say."""

    def posted(self, chat: str, seconds: float, *, done: bool) -> None:
        """A final answer took so long to post; `done` is False when the platform refused for good."""


class NoObserver:
    """Nobody watches."""

    def dropped(self, chat: str, why: str) -> None:
        """Nothing to count."""

    def retried(self, chat: str) -> None:
        """Nothing to count."""

    def refused(self, chat: str, why: str) -> None:
        """Nothing to count."""

    def judged(self, chat: str, kind: str, category: str, verdict: str) -> None:
        """Nothing to count."""

    def moderator_failed(self, name: str) -> None:
        """Nothing to count."""

    def posted(self, chat: str, seconds: float, *, done: bool) -> None:
        """Nothing to count."""
