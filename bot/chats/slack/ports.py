"""What the Slack chat needs from the program besides handlers and store: a small durable memory."""

from __future__ import annotations

from typing import Protocol


class KeyValue(Protocol):
    """A durable map of short texts; `prefix` look-ups return pairs in key order."""

    async def get(self, key: str) -> str | None: ...
    async def put(self, key: str, value: str) -> None: ...
    async def delete(self, key: str) -> None: ...
    async def items(self, prefix: str) -> list[tuple[str, str]]: ...
