"""One growing answer in Slack: streamed while it is words, updated at a pace when it has pictures.

Words stream natively (`stream.py`). The first picture, the end or an error ends the stream; from then on its
messages are brought up to date by `chat.update`, so nothing is said twice. Messages carry the turn in their
metadata: after a crash they are found, not repeated.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.chats.slack import ids
from bot.chats.slack.clients import Clients
from bot.chats.slack.files import is_there
from bot.chats.slack.outgoing import markup, render, sheets
from bot.chats.slack.outgoing.blocks import Block
from bot.chats.slack.outgoing.recall import Posted, Recall, begins_alike, opening, read_reference
from bot.chats.slack.outgoing.status import Status
from bot.chats.slack.outgoing.stream import Destination, Stream
from bot.chats.slack.outgoing.uploads import Bytes, Uploads
from bot.chats.slack.trouble import FAILURES, code, is_passing
from handlers.model import Reply, TextPart
from handlers.ports import ChatUnavailable
from imaging.tasks import Tasks

log = logging.getLogger(__name__)

GONE = {
    "channel_not_found": "I cannot see the channel any more",
    "not_in_channel": "I am not in the channel; invite me there",
    "is_archived": "the channel is archived",
    "thread_not_found": "the thread was deleted",
    "message_not_found_in_thread": "the thread was deleted",
    "cannot_reply_to_message": "that message takes no replies",
    "restricted_action": "the workspace lets me post nothing there",
    "restricted_action_read_only_channel": "nobody but admins may post in that channel",
    "restricted_action_thread_only_channel": "that channel takes replies only",
    "restricted_action_non_threadable_channel": "that channel has no threads",
    "restricted_action_thread_locked": "the thread is locked",
    "user_is_restricted": "Slack lets me post nothing there",
    "messages_tab_disabled": "the app takes no direct messages; switch on its Messages tab",
    "team_access_not_granted": "the other organisation does not let me in",
    "access_denied": "Slack lets me post nothing there",
    "no_permission": "Slack lets me post nothing there",
    "missing_scope": "the app lacks a permission; whoever runs me can add it with `easel slack manifest`",
    "account_inactive": "the app was removed from the workspace",
    "token_revoked": "the app was removed from the workspace",
    "token_expired": "the app's token expired",
    "invalid_auth": "Slack refuses the app's token",
    "not_authed": "Slack refuses the app's token",
}
"""Errors after which a post can never succeed, and why, for the person who asked."""
LOST = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
"""The message cannot be changed any more: the answer goes on in a new one."""
STREAMING = "streaming_state_conflict"
"""A message that still streams cannot be updated."""
ATTEMPTS = 9
"""Tries of a final answer while Slack has trouble: about five minutes with the waits between."""
MAX_WAIT_S = 60.0
APPENDS_PER_EDIT = 2
"""Slack takes about twice as many `chat.appendStream` a minute as `chat.update` (its tiers 4 and 3)."""


class SlackPost:
    """`ReplyPost` on the Web API. One task per answer does all the talking, newest snapshot first."""

    def __init__(
        self, clients: Clients, place: Destination, turn: str, picture_bytes: Bytes, sheet: sheets.Drawn, *,
        recall: Recall, reference: str | None = None, look_first: bool = False, edit_seconds: float = 1.2,
        poll_seconds: float = 0.3, ended: Callable[[SlackPost], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self._ended = ended
        self._clients = clients
        self._place = place
        self._turn = turn
        self._recall = recall
        self._known = read_reference(reference)
        self._look_first = look_first or reference is not None
        self._look_if_missing = False
        self._recalled = False
        self._edit_seconds = edit_seconds
        self._poll_seconds = poll_seconds
        self._newest: Reply | None = None
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._tasks = Tasks()
        self._task: asyncio.Task[None] | None = None
        self._stream = Stream(place)
        self._cuts: list[int] = []
        self._status = Status(place)
        self._uploads = Uploads(self._client, picture_bytes, sheet, self._note, self._wake.set, poll_seconds)

    @property
    def reference(self) -> str | None:
        return self._known.dump() if self._known.messages else None

    def show(self, reply: Reply) -> None:
        self._newest = reply
        self._wake.set()
        if self._task is None:
            self._task = self._tasks.spawn(self._keep_showing(), f"slack-post-{self._turn}")

    async def finish(self, reply: Reply) -> str | None:
        self._newest = reply
        self._closing.set()
        self._wake.set()
        if self._task is not None:
            # Waited for, not cancelled: a post in flight that nobody remembers would be posted twice.
            await self._task
        try:
            await self._insist(reply)
        except ChatUnavailable:
            await self._recall.forget()
            raise
        finally:
            await self._uploads.close()
            self._ended(self)
        await self._recall.forget()
        return self.reference

    async def abandon(self) -> None:
        """Stop showing, without an end: the next start takes the answer up again."""
        await self._tasks.close()
        await self._uploads.close()

    async def redraw(self, reply: Reply, gone: Collection[str]) -> None:
        """Show a finished answer again without the pictures in these slots, and take their files out of Slack, and
        sheets that they were on. Those of other pictures that were taken out before are brought again.

        Raises:
            ChatUnavailable: Slack refuses for good.
        """
        self._status.silence()
        await self._read_notes()
        # All its messages are known as a rule: a round is shown again with every vote, and Slack lets nobody read a
        # thread as often.
        self._look_first, self._look_if_missing = False, True
        files = [self._known.files.pop(slot) for slot in gone if slot in self._known.files]
        client = await self._client()
        for slot, file in tuple(self._known.files.items()):
            with contextlib.suppress(*FAILURES):  # it is taken for there: what is gone must leave in any case
                if not await is_there(client, file):
                    del self._known.files[slot]
        try:
            await self._insist(reply)
        finally:
            await self._uploads.close()
            self._ended(self)
        files += [self._known.files.pop(slot) for slot in sheets.outdated(self._known.files, reply)]
        for file in files:
            with contextlib.suppress(SlackApiError):  # somebody else deleted it
                await client.files_delete(file=file)

    async def _insist(self, reply: Reply) -> None:
        """Bring the final snapshot, again after passing troubles.

        Raises:
            ChatUnavailable: Slack refuses for good.
        """
        wait = self._poll_seconds
        for attempt in range(ATTEMPTS):
            try:
                await self._bring(reply)
                return
            except FAILURES as error:
                if not is_passing(error) or attempt == ATTEMPTS - 1:
                    raise
                log.warning("answer %s waits for Slack: %s", self._turn, error)
                self._look_first = True  # a post may have arrived although its answer did not
            wait = min(MAX_WAIT_S, wait * 3)
            await asyncio.sleep(wait)

    async def _keep_showing(self) -> None:
        team = self._place.tenant
        self._clients.begin_answer(team)
        try:
            while not self._closing.is_set():
                await self._wake.wait()
                self._wake.clear()
                if self._newest is not None and not self._closing.is_set():
                    await self._try(self._newest)
                streams = self._stream.ts is not None and not self._stream.ended
                alone = self._edit_seconds / (APPENDS_PER_EDIT if streams else 1)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._clients.pace_s(team, alone)):
                        await self._closing.wait()
        finally:
            self._clients.end_answer(team)

    async def _try(self, reply: Reply) -> None:
        """A snapshot may be missed: the next one, or finish, says it all again."""
        if self._known.messages and self._stream.ended and self._clients.closed_s(self._place.tenant, "chat.update"):
            return
        try:
            await self._bring(reply)
        except (*FAILURES, ChatUnavailable) as error:
            log.info("slack snapshot of %s not shown: %s", self._turn, type(error).__name__)
            self._look_first = self._look_first or not isinstance(error, (SlackApiError, ChatUnavailable))

    async def _client(self) -> AsyncWebClient:
        return await self._clients.of(self._place.tenant)

    async def _bring(self, reply: Reply) -> None:
        client = await self._client()
        try:
            await self._find(client)
            await self._status.show(client, reply)
            if not (reply.parts or reply.final or self._known.messages) and self._status.seen:
                return  # the status says "thinking"; a posted placeholder would keep the words from streaming
            if await self._streamed(client, reply):
                return
            await self._uploads.bring(reply, self._known, patient=reply.final)
            await self._publish(client, reply)
        except SlackApiError as error:
            if code(error) in GONE:
                raise ChatUnavailable(GONE[code(error)]) from error
            raise

    async def _note(self) -> None:
        await self._recall.write(self._known)

    # Finding what an earlier process posted

    async def _read_notes(self) -> None:
        if self._recalled:
            return
        noted = await self._recall.read()
        self._recalled = True
        if noted is not None:
            self._look_first = True
            noted.messages = noted.messages or self._known.messages
            noted.files |= self._known.files
            self._known = noted

    async def _find(self, client: AsyncWebClient) -> None:
        """Look for messages of this turn that an earlier process, or a broken call, posted without telling us."""
        await self._read_notes()
        if not self._look_first:
            return
        found = dict(enumerate(self._known.messages))
        ours = {posted.ts for posted in found.values()}
        async for message in self._messages(client):
            index = ids.read_metadata(message, self._turn)
            if index is not None:
                if message["ts"] not in ours:
                    found[index] = Posted(str(message["ts"]))
            elif message["ts"] not in ours and begins_alike(message, self._known.words):
                found.setdefault(len(found), Posted(str(message["ts"])))  # a stream that was cut off has no metadata
        self._known.messages = [found[index] for index in sorted(found)]
        self._look_first = False

    async def _messages(self, client: AsyncWebClient) -> Any:
        """The thread's messages, or the newest of a conversation that has no threads."""
        place = self._place
        cursor: str | None = None
        while True:
            if place.thread_ts is None:
                page = await client.conversations_history(channel=place.channel, include_all_metadata=True, limit=200)
            else:
                page = await client.conversations_replies(
                    channel=place.channel, ts=place.thread_ts, include_all_metadata=True, limit=200, cursor=cursor
                )
            for message in page.get("messages") or []:
                yield message
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or None
            if cursor is None or place.thread_ts is None:
                return

    # Words

    async def _streamed(self, client: AsyncWebClient, reply: Reply) -> bool:
        """Show the words natively while there are only words; False when blocks are needed."""
        if self._stream.ts is None and self._stream.begin == 0 and self._known.messages:
            return False  # an earlier process began this answer: it is updated
        only_words = bool(reply.parts) and all(isinstance(part, TextPart) for part in reply.parts)
        if not only_words or reply.final or self._stream.ended:
            if self._stream.ts is not None:
                await self._stream.stop(client, ids.metadata(self._turn, len(self._cuts)))
            self._stream.ended = True
            return False
        words = "".join(part.text for part in reply.parts if isinstance(part, TextPart))
        try:
            end = self._stream.rollover(words)
            if end is not None:
                await self._roll_over(client, words, end)
            await self._append(client, self._stream, words)
        except SlackApiError as error:
            if code(error) in GONE:
                raise
            return False
        return True

    async def _append(self, client: AsyncWebClient, stream: Stream, words: str) -> None:
        if stream.ts is None:
            if not words[stream.begin :].strip():
                return
            self._known.words = opening(words[stream.begin :])
            await self._note()
        await stream.append(client, words)
        if stream.ts is not None and len(self._known.messages) == len(self._cuts):
            self._known.messages.append(Posted(stream.ts))
            await self._note()

    async def _roll_over(self, client: AsyncWebClient, words: str, end: int) -> None:
        """End this message at `end` and let a new one go on from there."""
        await self._stream.append(client, words[:end], all_of_it=True)
        fenced = markup.is_fenced(words[:end])
        await self._stream.stop(client, ids.metadata(self._turn, len(self._cuts)), fenced=fenced)
        self._cuts.append(end)
        self._stream = Stream(self._place, end, fenced=fenced)

    # Blocks

    async def _publish(self, client: AsyncWebClient, reply: Reply) -> None:
        try:
            await self._put_all(client, reply)
        except SlackApiError as error:
            unshown = set(self._known.files) - self._uploads.refused
            # A sheet is done without first: then its pictures stand one below the other.
            unshown = unshown & set(sheets.of_answer(reply)) or unshown
            if code(error) != "invalid_blocks" or not (reply.final and unshown):
                raise
            # Slack will not show a file for good: the words and the buttons are worth more than nothing.
            log.warning("answer %s: Slack refuses its pictures (%s)", self._turn, error)
            self._uploads.refused |= unshown
            await self._publish(client, reply)

    async def _put_all(self, client: AsyncWebClient, reply: Reply) -> None:
        shown = render.render(reply, self._known.files, cuts=self._cuts, refused=self._uploads.refused)
        for index, message in enumerate(shown):
            await self._put(client, index, message)
        for surplus in self._known.messages[len(shown) :] if reply.final else ():
            with contextlib.suppress(SlackApiError):  # somebody else deleted it
                await client.chat_delete(channel=self._place.channel, ts=surplus.ts)
        if reply.final:
            del self._known.messages[len(shown) :]

    async def _put(self, client: AsyncWebClient, index: int, message: render.Message) -> None:
        digest = json.dumps(message.blocks, sort_keys=True)
        posted = self._known.messages[index] if index < len(self._known.messages) else None
        if posted is not None and posted.shown == digest:
            return
        if posted is not None:
            try:
                await self._patient_call(
                    client.chat_update, channel=self._place.channel, ts=posted.ts, blocks=list(message.blocks),
                    text=message.text, metadata=ids.metadata(self._turn, index),
                )  # fmt: skip
                posted.shown = digest
                return
            except SlackApiError as error:
                if code(error) not in LOST:
                    raise
        if self._look_if_missing:
            self._look_if_missing, self._look_first = False, True
            await self._find(client)
            await self._put(client, index, message)
            return
        await self._note()
        answer = await self._patient_call(
            client.chat_postMessage, channel=self._place.channel, thread_ts=self._place.thread_ts,
            blocks=list(message.blocks), text=message.text, metadata=ids.metadata(self._turn, index),
            unfurl_links=False, unfurl_media=False,
        )  # fmt: skip
        fresh = Posted(str(answer["ts"]), digest)
        if posted is None:
            self._known.messages.append(fresh)
        else:
            self._known.messages[index] = fresh
        await self._note()

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
        client = await self._client()
        with contextlib.suppress(SlackApiError):
            await client.chat_stopStream(
                channel=arguments["channel"], ts=arguments["ts"], metadata=arguments["metadata"]
            )


def _has_files(shown: list[Block]) -> bool:
    return any("slack_file" in block for block in shown)
