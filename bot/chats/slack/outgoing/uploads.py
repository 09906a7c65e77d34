"""An answer's pictures on their way to Slack, beside its words."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TypeAlias

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.chats.slack.files import upload
from bot.chats.slack.outgoing.recall import Known
from bot.chats.slack.trouble import FAILURES, NO_ACCESS, code, is_passing
from handlers.english import alt_text
from handlers.model import PicturePart, Reply, SlotState
from handlers.ports import ChatUnavailable

log = logging.getLogger(__name__)

Bytes: TypeAlias = Callable[[str], Awaitable[bytes]]


class Uploads:
    """Each picture is uploaded once, as soon as it is ready, all of them at a time.

    Args:
        note: Writes down what Slack has, before it matters.
        wake: Called when another picture can be shown.
    """

    def __init__(
        self, client: Callable[[], Awaitable[AsyncWebClient]], picture_bytes: Bytes,
        note: Callable[[], Awaitable[None]], wake: Callable[[], None], poll_s: float,
    ) -> None:  # fmt: skip
        self._client = client
        self._bytes = picture_bytes
        self._note = note
        self._wake = wake
        self._poll_s = poll_s
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self.refused: set[str] = set()
        """Slots whose file Slack will not take, or that is not on the disk any more."""

    async def bring(self, reply: Reply, known: Known, *, patient: bool) -> None:
        """Begin what is not under way; with `patient` wait until all of it is there.

        Raises:
            what Slack or the network raises, ChatUnavailable: with `patient`, what may be tried again.
        """
        for part in _ready(reply):
            if part.slot not in known.files and part.slot not in self._under_way and part.slot not in self.refused:
                task = asyncio.create_task(self._upload(part, known), name=f"slack-upload-{part.slot}")
                self._under_way[part.slot] = task
                task.add_done_callback(partial(self._ended, part.slot))
        if patient and self._under_way:
            for error in await asyncio.gather(*self._under_way.values(), return_exceptions=True):
                if error is not None and may_help(error):
                    raise error

    def _ended(self, slot: str, task: asyncio.Task[None]) -> None:
        self._under_way.pop(slot, None)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and may_help(error):
            log.warning("picture %s could not be uploaded just now: %s", slot, error)
            return  # the next snapshot tries again
        if error is not None:
            log.error("picture %s could not be uploaded: %s", slot, error)
            self.refused.add(slot)
        self._wake()

    async def _upload(self, part: PicturePart, known: Known) -> None:
        async def note(file_id: str) -> None:
            known.sent[part.slot] = file_id
            await self._note()

        data = await self._bytes(str(part.sha256))
        alt = alt_text(part.description, part.operation, 990)
        file_id = await upload(
            await self._client(), f"easel-{part.number}.{_kind(data)}", data, alt,
            known=known.sent.get(part.slot), note=note, poll_s=self._poll_s,
        )  # fmt: skip
        known.files[part.slot] = file_id
        known.sent.pop(part.slot, None)
        await self._note()

    async def close(self) -> None:
        for task in tuple(self._under_way.values()):
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)


def may_help(error: BaseException) -> bool:
    """Whether another try, or the end of the whole answer, is the way; else the answer goes on without the picture."""
    if isinstance(error, SlackApiError):
        return is_passing(error) or code(error) in NO_ACCESS
    return isinstance(error, (*FAILURES, ChatUnavailable))


def _ready(reply: Reply) -> Iterable[PicturePart]:
    for part in reply.parts:
        if isinstance(part, PicturePart) and part.state is SlotState.READY and part.sha256 and not part.spoiler:
            yield part


def _kind(data: bytes) -> str:
    return "webp" if data[:4] == b"RIFF" else "jpg" if data[:3] == b"\xff\xd8\xff" else "png"
