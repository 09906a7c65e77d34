"""What the Slack chat needs from the program besides handlers and store: a small durable memory."""

from __future__ import annotations

from typing import Protocol


class KeyValue(Protocol):
    """A durable map of short texts; `prefix` look-ups return pairs in key order."""

    async def get(self, key: str) -> str | None: ...
    async def put(self, key: str, value: str) -> None:
        """Returns once it is written, or will be as soon as the disk takes it."""

    async def keep(self, key: str, value: str) -> None:
        """Returns once it is written.

        Raises:
            handlers.errors.StoreError: it cannot be written now; nothing was set.
        """

    async def delete(self, key: str) -> None: ...
    async def items(self, prefix: str) -> list[tuple[str, str]]: ...
