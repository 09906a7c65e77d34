"""An answer's pictures on their way to Slack, beside its words."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.chats.slack.files import upload
from bot.chats.slack.outgoing import sheets
from bot.chats.slack.outgoing.recall import Known
from bot.chats.slack.trouble import FAILURES, NO_ACCESS, code, is_passing
from handlers.english import alt_text, sheet_alt
from handlers.model import PicturePart, Reply, SlotState
from handlers.ports import ChatUnavailable
from handlers.presentation import apart
from imaging.kinds import ending

log = logging.getLogger(__name__)

MAX_ALT = 990
Bytes: TypeAlias = Callable[[str], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class _File:
    """`name` without its ending."""

    slot: str
    name: str
    alt: str
    read: Callable[[], Awaitable[bytes]]


class Uploads:
    """Each picture is uploaded once, as soon as it is ready, all of them at a time; so is a sheet of several.

    Args:
        note: Writes down what Slack has, before it matters.
        wake: Called when another picture can be shown.
    """

    def __init__(
        self, client: Callable[[], Awaitable[AsyncWebClient]], picture_bytes: Bytes,
        sheet: sheets.Drawn, note: Callable[[], Awaitable[None]], wake: Callable[[], None], poll_s: float,
    ) -> None:  # fmt: skip
        self._client = client
        self._bytes = picture_bytes
        self._sheet = sheet
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
        for file in self._wanted(reply):
            if file.slot not in known.files and file.slot not in self._under_way and file.slot not in self.refused:
                task = asyncio.create_task(self._upload(file, known), name=f"slack-upload-{file.slot}")
                self._under_way[file.slot] = task
                task.add_done_callback(partial(self._ended, file.slot))
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

    def _wanted(self, reply: Reply) -> Iterator[_File]:
        """What has to be in Slack to show the answer."""
        for part in apart(reply.parts):
            if isinstance(part, PicturePart) and part.state is SlotState.READY and part.sha256 and not part.spoiler:
                alt = alt_text(part.description, part.operation, MAX_ALT)
                yield _File(part.slot, f"easel-{part.number}", alt, partial(self._bytes, part.sha256))
        for group in filter(None, (sheets.of_round(reply.parts), *sheets.of_answer(reply).values())):
            name = f"easel-{group[0].number}-{group[-1].number}"
            yield _File(sheets.slot_of(group), name, sheet_alt(group, MAX_ALT), partial(self._sheet, group))

    async def _upload(self, file: _File, known: Known) -> None:
        async def note(file_id: str) -> None:
            known.sent[file.slot] = file_id
            await self._note()

        data = await file.read()
        file_id = await upload(
            await self._client(), f"{file.name}.{ending(data)}", data, file.alt,
            known=known.sent.get(file.slot), note=note, poll_s=self._poll_s,
        )  # fmt: skip
        known.files[file.slot] = file_id
        known.sent.pop(file.slot, None)
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
