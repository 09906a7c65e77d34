"""The places where people talk: event → Incoming, Reply → post, and nothing else.

`RunningChat` is what `bot.app` starts and stops; each platform is one module here and one row there.
"""

from __future__ import annotations

from typing import Protocol

from handlers.ports import Chat, Handlers


class RunningChat(Chat, Protocol):
    """A platform with its connection."""

    async def start(self, handlers: Handlers) -> None:
        """Connect, then call `handlers.resume(self)` once, then deliver what people write.

        Returns when the platform is connected (or is being retried in a task that the chat owns).

        Raises:
            ChatNotStarted: one sentence with the way out (wrong token, port taken)."""

    async def stop(self) -> None:
        """Take nothing new, finish posts that are on their way, disconnect. Safe to call twice."""

    def health(self) -> str | None:
        """None when people can talk here now, else one sentence why not."""


class ChatNotStarted(Exception):
    """`str(error)` is the sentence for the person who starts the program."""
