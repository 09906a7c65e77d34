"""The line that Slack shows under a thread while an answer is made ("Easel is drawing #2 of 3…")."""

from __future__ import annotations

import asyncio
import logging

from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from handlers.model import PicturePart, Reply, SlotState

log = logging.getLogger(__name__)

PATIENCE_S = 3.0
"""A status is worth no longer wait: the answer itself comes after it."""
UNDER_WAY = (SlotState.WAITING, SlotState.RENDERING)


def line(reply: Reply) -> str:
    """What is being done, or "" when there is nothing to say."""
    if reply.final:
        return ""
    pictures = [part for part in reply.parts if isinstance(part, PicturePart)]
    drawing = next((n for n, part in enumerate(pictures, 1) if part.state in UNDER_WAY), None)
    if drawing is not None:
        return f"is drawing #{pictures[drawing - 1].number}" + (
            f" ({drawing} of {len(pictures)})…" if len(pictures) > 1 else "…"
        )
    return "is thinking…" if reply.thinking else "is writing…"


class Status:
    """The status of one thread: told when it changes, given up where Slack refuses it."""

    def __init__(self, channel: str, thread_ts: str) -> None:
        self._channel = channel
        self._thread_ts = thread_ts
        self._told = ""
        self._session = ""
        self._no_session = False
        self._refused = False

    @property
    def seen(self) -> bool:
        """People see the status."""
        return bool(self._told) and not self._refused

    async def _mark(self, client: AsyncWebClient, state: str) -> None:
        """A session that is "processing" has Slack's Stop button; "active" takes it away again."""
        if self._no_session or state == self._session:
            return
        self._session = state
        try:
            async with asyncio.timeout(PATIENCE_S):
                await client.agents_sessions_setStatus(
                    channel_id=self._channel, thread_ts=self._thread_ts, status=state
                )
        except (SlackClientError, OSError, TimeoutError) as error:
            log.info("no agent session here: %s", type(error).__name__)
            self._no_session = True

    async def show(self, client: AsyncWebClient, reply: Reply) -> None:
        await self._mark(client, "active" if reply.final else "processing")
        wanted = line(reply)
        if self._refused or wanted == self._told:
            return
        self._told = wanted
        try:
            async with asyncio.timeout(PATIENCE_S):
                await client.assistant_threads_setStatus(
                    channel_id=self._channel, thread_ts=self._thread_ts, status=wanted
                )
        except (SlackClientError, OSError, TimeoutError) as error:
            log.info("no status here: %s", type(error).__name__)
            self._refused = True
