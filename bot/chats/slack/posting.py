"""One growing answer in Slack: streamed while it is words, updated at a pace when it has pictures.

Words stream natively (`chat.startStream`). The first picture, the end, an error or a stream's age
ends the stream; from then on the same message is brought up to date by `chat.update`, so nothing is
said twice. Messages carry the turn in their metadata: after a crash they are found, not repeated.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.chats.slack import blocks, marks, mrkdwn
from bot.chats.slack.clients import Clients
from bot.chats.slack.files import upload
from bot.chats.slack.recall import Posted, Recall, begins_alike, opening, read_reference
from bot.chats.slack.status import Status
from handlers.model import PicturePart, Reply, SlotState, TextPart
from handlers.ports import ChatUnavailable

log = logging.getLogger(__name__)

GONE = frozenset(
    {
        "channel_not_found", "is_archived", "not_in_channel", "account_inactive", "token_revoked", "invalid_auth",
        "restricted_action", "thread_not_found", "user_is_restricted", "team_access_not_granted", "access_denied",
        "restricted_action_thread_locked", "restricted_action_read_only_channel", "no_permission",
    }
)  # fmt: skip
"""Errors after which a post can never succeed."""
LOST = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
"""The message cannot be changed any more: the answer goes on in a new one."""
STREAMING = "streaming_state_conflict"
"""A message that still streams cannot be updated."""
STREAM_SECONDS = 240.0
"""Slack ends a stream after about five minutes; ours ends before."""

Bytes = Callable[[str], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the answer goes. `user` is whom a stream in a channel is for."""

    tenant: str
    channel: str
    thread_ts: str
    user: str | None = None


class SlackPost:
    """`ReplyPost` on the Web API. One task per answer does all the talking, newest snapshot first."""

    def __init__(
        self, clients: Clients, place: Place, turn: str, picture_bytes: Bytes, *,
        recall: Recall, reference: str | None = None, look_first: bool = False, edit_seconds: float = 1.2,
        poll_seconds: float = 0.3,
    ) -> None:  # fmt: skip
        self._clients = clients
        self._place = place
        self._turn = turn
        self._bytes = picture_bytes
        self._recall = recall
        self._known = read_reference(reference)
        self._look_first = look_first or reference is not None
        self._recalled = False
        self._edit_seconds = edit_seconds
        self._poll_seconds = poll_seconds
        self._newest: Reply | None = None
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stream = _Stream(place)
        self._status = Status(place.channel, place.thread_ts)

    @property
    def reference(self) -> str | None:
        return self._known.dump() if self._known.messages else None

    def show(self, reply: Reply) -> None:
        self._newest = reply
        self._wake.set()
        if self._task is None:
            self._task = asyncio.create_task(self._keep_showing(), name=f"slack-post-{self._turn}")

    async def finish(self, reply: Reply) -> str | None:
        self._newest = reply
        self._closing.set()
        self._wake.set()
        if self._task is not None:
            # Waited for, not cancelled: a post in flight that nobody remembers would be posted twice.
            await self._task
        await self._bring(reply, patient=True)
        await self._recall.forget()
        return self.reference

    async def _keep_showing(self) -> None:
        while not self._closing.is_set():
            await self._wake.wait()
            self._wake.clear()
            reply = self._newest
            if reply is not None and not self._closing.is_set():
                try:
                    await self._bring(reply, patient=False)
                except (SlackClientError, ChatUnavailable, OSError, TimeoutError) as error:
                    # A snapshot may be missed: the next one, or finish, says it all again.
                    log.info("slack snapshot of %s not shown: %s", self._turn, type(error).__name__)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._edit_seconds):
                    await self._closing.wait()

    async def _bring(self, reply: Reply, *, patient: bool) -> None:
        client = await self._clients.of(self._place.tenant)
        try:
            await self._find(client)
            await self._status.show(client, reply)
            if not (reply.parts or reply.final or self._known.messages) and self._status.seen:
                return  # the status says "thinking"; a posted placeholder would keep the words from streaming
            if await self._streamed(client, reply):
                return
            await self._upload(client, reply, patient=patient)
            for index, message in enumerate(blocks.render(reply, self._known.files)):
                await self._put(client, index, message)
        except SlackApiError as error:
            if code(error) in GONE:
                raise ChatUnavailable(code(error)) from error
            raise

    async def _find(self, client: AsyncWebClient) -> None:
        """Look for messages of this turn that an earlier process posted without telling us."""
        if not self._recalled:
            noted = await self._recall.read()
            self._recalled = True
            if noted is not None:
                self._look_first = True
                noted.messages = noted.messages or self._known.messages
                noted.files |= self._known.files
                self._known = noted
        if not self._look_first:
            return
        self._look_first = False
        place = self._place
        cursor: str | None = None
        found = {index: posted.ts for index, posted in enumerate(self._known.messages)}
        nameless: str | None = None
        while True:
            page = await client.conversations_replies(
                channel=place.channel, ts=place.thread_ts, include_all_metadata=True, limit=200, cursor=cursor
            )
            for message in page.get("messages") or []:
                index = marks.read_metadata(message, self._turn)
                if index is not None:
                    found[index] = message["ts"]
                elif begins_alike(message, self._known.words):
                    nameless = message["ts"]
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or None
            if cursor is None:
                break
        if not found and nameless is not None:
            found[0] = nameless
        if found:
            self._known.messages = [Posted(found[index]) for index in sorted(found)]

    async def _streamed(self, client: AsyncWebClient, reply: Reply) -> bool:
        """Show the words natively while there are only words; False when blocks are needed."""
        only_words = bool(reply.parts) and all(isinstance(part, TextPart) for part in reply.parts)
        if self._stream.ts is None and self._known.messages:
            return False
        if only_words and not reply.final and self._stream.usable:
            words = "".join(part.text for part in reply.parts if isinstance(part, TextPart))
            if self._stream.ts is None:
                self._known.words = opening(words)
                await self._recall.write(self._known)
            await self._stream.append(client, words)
            if self._stream.ts is not None and not self._known.messages:
                self._known.messages.append(Posted(self._stream.ts))
                await self._recall.write(self._known)
            return self._stream.usable
        if self._stream.ts is not None:
            await self._stream.stop(client, marks.metadata(self._turn, 0))
        return False

    async def _upload(self, client: AsyncWebClient, reply: Reply, *, patient: bool) -> None:
        for part in reply.parts:
            ready = isinstance(part, PicturePart) and part.state is SlotState.READY and part.sha256
            if not ready or not isinstance(part, PicturePart) or part.slot in self._known.files:
                continue
            data = await self._bytes(str(part.sha256))
            name = f"easel-{part.number}.png"
            alt = blocks.short(part.description, 990)
            self._known.files[part.slot] = await upload(client, name, data, alt, poll_seconds=self._poll_seconds)
            await self._recall.write(self._known)
            if not patient:
                return  # one upload a snapshot, so that words keep moving meanwhile

    async def _put(self, client: AsyncWebClient, index: int, message: blocks.Message) -> None:
        digest = json.dumps(message.blocks, sort_keys=True)
        posted = self._known.messages[index] if index < len(self._known.messages) else None
        if posted is not None and posted.shown == digest:
            return
        if posted is not None:
            try:
                await self._patient_call(
                    client.chat_update, channel=self._place.channel, ts=posted.ts, blocks=list(message.blocks),
                    text=message.text, metadata=marks.metadata(self._turn, index),
                )  # fmt: skip
                posted.shown = digest
                return
            except SlackApiError as error:
                if code(error) not in LOST:
                    raise
        await self._recall.write(self._known)
        answer = await self._patient_call(
            client.chat_postMessage, channel=self._place.channel, thread_ts=self._place.thread_ts,
            blocks=list(message.blocks), text=message.text, metadata=marks.metadata(self._turn, index),
            unfurl_links=False, unfurl_media=False,
        )  # fmt: skip
        fresh = Posted(str(answer["ts"]), digest)
        if posted is None:
            self._known.messages.append(fresh)
        else:
            self._known.messages[index] = fresh
        await self._recall.write(self._known)

    async def _patient_call(self, method: Callable[..., Awaitable[Any]], **arguments: Any) -> Any:
        """A file can be refused for a moment after it was processed: try the same blocks again."""
        for attempt in range(4):
            try:
                return await method(**arguments)
            except SlackApiError as error:
                if code(error) == STREAMING and attempt < 3:
                    await self._end_old_stream(arguments)
                    continue
                if code(error) != "invalid_blocks" or attempt == 3 or not _has_files(arguments["blocks"]):
                    raise
                await asyncio.sleep(self._poll_seconds * 2**attempt)
        raise AssertionError("unreachable")

    async def _end_old_stream(self, arguments: dict[str, Any]) -> None:
        """An earlier process left this message streaming; it cannot be updated before that ends."""
        client = await self._clients.of(self._place.tenant)
        with contextlib.suppress(SlackApiError):
            await client.chat_stopStream(
                channel=arguments["channel"], ts=arguments["ts"], metadata=arguments["metadata"]
            )


def _has_files(shown: list[blocks.Block]) -> bool:
    return any("slack_file" in block for block in shown)


def code(error: SlackApiError) -> str:
    """Slack's own word for an error, such as `channel_not_found`."""
    try:
        return str(error.response["error"])
    except (KeyError, TypeError):
        return "unknown_error"


class _Stream:
    """A native text stream that gives way at the first trouble."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._sent = 0
        self._ended = False
        self._began = 0.0
        self.ts: str | None = None

    @property
    def usable(self) -> bool:
        old = self.ts is not None and asyncio.get_running_loop().time() - self._began > STREAM_SECONDS
        return not self._ended and not old

    async def append(self, client: AsyncWebClient, text: str) -> None:
        """Bring the stream to `text`, which only ever grows."""
        fresh = text[self._sent : self._sent + 11_000]
        if not fresh:
            return
        words = mrkdwn.neutral_markdown(fresh)
        place = self._place
        try:
            if self.ts is None:
                answer = await client.chat_startStream(
                    channel=place.channel, thread_ts=place.thread_ts, markdown_text=words,
                    recipient_team_id=place.tenant, recipient_user_id=place.user,
                )  # fmt: skip
                self.ts = str(answer["ts"])
                self._began = asyncio.get_running_loop().time()
            else:
                await client.chat_appendStream(channel=place.channel, ts=self.ts, markdown_text=words)
            self._sent += len(fresh)
        except SlackApiError as error:
            if code(error) in GONE:
                raise
            log.info("no native stream here (%s); updating instead", code(error))
            self._ended = True

    async def stop(self, client: AsyncWebClient, metadata: dict[str, Any]) -> None:
        if self._ended or self.ts is None:
            return
        self._ended = True
        try:
            await client.chat_stopStream(channel=self._place.channel, ts=self.ts, metadata=metadata)
        except SlackApiError as error:
            if code(error) in GONE:
                raise
            log.info("stream was over already: %s", code(error))
