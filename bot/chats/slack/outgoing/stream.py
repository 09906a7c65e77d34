"""Native streaming of words: `chat.startStream`, appended to, and stopped before Slack ends it.

Slack ends a stream about five minutes after it began, whatever is appended. Before that, and before a message
grows too long to be shown in blocks, the words go on in a new message.
"""

from __future__ import annotations

import asyncio
import logging
import string
from dataclasses import dataclass
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.chats.slack.outgoing import markup
from bot.chats.slack.trouble import FAILURES, code

log = logging.getLogger(__name__)

STREAM_S = 240.0
"""Slack ends a stream after about 300 s; ours rolls over before, at the next end of a word …"""
LATEST_S = 285.0
"""… and after this wherever it is."""
MESSAGE_CHARS = 9_000
"""Words of one message; with its pictures they must fit into its blocks."""
CALL_CHARS = 11_000
"""Slack takes 12,000 a call, and escaping makes some of them longer."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an answer goes. `user` is whom a stream in a channel is for, `home` the workspace that is theirs."""

    tenant: str
    channel: str
    thread_ts: str | None
    user: str | None = None
    home: str | None = None
    title: str = ""

    @property
    def direct(self) -> bool:
        return self.channel.startswith("D")


class Stream:
    """One streamed message: the words of the answer from `begin` on. It gives way at the first trouble."""

    def __init__(self, place: Destination, begin: int = 0, *, fenced: bool = False) -> None:
        self._place = place
        self.begin = begin
        self._fenced = fenced
        self.sent = begin
        """Up to here the answer's words are in a message."""
        self.ended = False
        self._began = 0.0
        self.ts: str | None = None

    def rollover(self, words: str) -> int | None:
        """Where this message must end for the next one to begin; None while it may go on."""
        if self.ts is None or self.ended:
            return None
        age = asyncio.get_running_loop().time() - self._began
        if age < STREAM_S and self.sent - self.begin < MESSAGE_CHARS:
            return None
        # Between two words; in a code block between two lines.
        ends = "\n" if markup.is_fenced(words[: self.sent]) else string.whitespace
        at = next((i + 1 for i in range(self.sent, len(words)) if words[i] in ends), None)
        return at if at is not None else self.sent if age > LATEST_S else None

    async def append(self, client: AsyncWebClient, words: str, *, all_of_it: bool = False) -> None:
        """Bring the message to `words`, which only ever grow. `all_of_it`: nothing will follow in this message."""
        while not self.ended:
            fresh = words[self.sent : self.sent + CALL_CHARS // 2]
            if not all_of_it or self.sent + len(fresh) < len(words):
                fresh = fresh[: len(fresh) - markup.unfinished(fresh)]
            if not fresh or (self.ts is None and not fresh.strip()):
                return
            await self._send(client, fresh)

    async def _send(self, client: AsyncWebClient, fresh: str) -> None:
        text = markup.neutral_markdown(fresh)
        try:
            if self.ts is None:
                self.ts = await self._start(client, (markup.FENCE_OPENS if self._fenced else "") + text)
                self._began = asyncio.get_running_loop().time()
            else:
                await client.chat_appendStream(channel=self._place.channel, ts=self.ts, markdown_text=text)
            self.sent += len(fresh)
        except SlackApiError as error:
            # Which errors close the place for good is known to who posts; here the stream is over either way.
            log.info("no native stream (%s); updating instead", code(error))
            self.ended = True
            raise
        except FAILURES:
            self.ended = True  # what arrived of it is not known: an update says it all again
            raise

    async def _start(self, client: AsyncWebClient, text: str) -> str:
        place = self._place
        answer = await client.chat_startStream(
            channel=place.channel,
            thread_ts=place.thread_ts,  # type: ignore[arg-type]  # Slack takes direct messages without; None is left out
            markdown_text=text,
            recipient_team_id=None if place.direct else place.home,
            recipient_user_id=None if place.direct else place.user,
        )
        return str(answer["ts"])

    async def stop(self, client: AsyncWebClient, metadata: dict[str, Any], *, fenced: bool = False) -> None:
        """End the message; a code fence that is open there is closed."""
        if self.ended or self.ts is None:
            return
        self.ended = True
        try:
            await client.chat_stopStream(
                channel=self._place.channel, ts=self.ts, metadata=metadata,
                markdown_text=markup.FENCE_CLOSES if fenced else None,
            )  # fmt: skip
        except SlackApiError as error:
            log.info("stream was over already: %s", code(error))
