"""`/export`: a thread as files, in the format that is asked for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from handlers.at_once import AtOnce
from handlers.english import words
from handlers.errors import UserError
from handlers.export.archive import collect_words
from handlers.export.documents.formats import FORMS, PER_PAGE, Format
from handlers.export.documents.making import Progress, export_document
from handlers.export.parts import Exported, export_files
from handlers.model import Answer, CommandCall, Option, OptionKind, ThreadKey
from handlers.notices import Notices
from handlers.ports import Marking, Store
from handlers.presentation import duration
from handlers.services import Services

OPTIONS: Final = (
    Option(
        "format",
        "A zip of everything (if you say nothing), a PDF storyboard, slides (PPTX) or one page (HTML)",
        OptionKind.CHOICE,
        choices=tuple(map(str, Format)),
    ),
    Option(
        "each", "Pictures on each page of a PDF: 1 or 4", OptionKind.CHOICE, choices=tuple(map(str, PER_PAGE))
    ),
)  # fmt: skip
LARGEST: Final = 48 * 2**20
"""Bytes of one document where the chat has no limit: it lies in memory until it is sent."""
MEASURED: Final = 10
"""Pictures after which is known how long the others will take."""
LONG_S: Final = 10.0
"""Who waits longer is told."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What shall be exported as what. Without `names` nobody is called by theirs."""

    thread: ThreadKey
    format: Format = Format.ZIP
    per_page: int = 1
    names: bool = True


async def export(
    store: Store,
    marking: Marking,
    wanted: Wanted,
    *,
    name: str,
    most: int = 500,
    max_bytes: int | None = None,
    progress: Progress | None = None,
) -> Exported:
    """The thread's files, called `name` and their ending.

    Raises:
        UserError: it could not be made; one sentence.
    """
    if wanted.format is Format.ZIP:
        return await export_files(
            store, marking, wanted.thread, name=name, most=most, max_bytes=max_bytes, names=wanted.names
        )
    content = await collect_words(store, wanted.thread, most=most, names=wanted.names)
    return await export_document(
        marking, content, wanted.format,
        name=name, max_bytes=max_bytes, per_page=wanted.per_page, progress=progress,
    )  # fmt: skip


class Exporting:
    """Carries the command out, one export after another."""

    def __init__(self, services: Services, notices: Notices, clock: Callable[[], datetime]) -> None:
        self._services = services
        self._notices = notices
        self._clock = clock
        self._rooms = AtOnce(1)  # all pictures of a zip lie in memory meanwhile, twice

    async def command(self, call: CommandCall) -> Answer:
        """
        Raises:
            UserError: it could not be made; one sentence.
        """
        wanted = read(call)
        limit = call.max_file_bytes
        if wanted.format is not Format.ZIP:
            limit = min(limit or LARGEST, LARGEST)
        async with self._rooms.room(call.person.account_in(call.thread.chat)):
            exported = await export(
                self._services.store,
                self._services.marking,
                wanted,
                name=f"easel-{self._clock():%Y-%m-%d}",
                most=self._services.limits.export_pictures,
                max_bytes=limit,
                progress=self._telling(call, wanted.format),
            )
        return Answer(" ".join(["Here is this thread.", *exported.remarks]), exported.files)

    def _telling(self, call: CommandCall, format: Format) -> Progress:
        """Tells who waits how long it will be, once, when that is known."""
        begun = time.monotonic()

        async def told(done: int, of: int) -> None:
            if done != MEASURED:
                return
            left = (time.monotonic() - begun) / done * (of - done)
            if left >= LONG_S:
                sentence = f"Putting {of} pictures into {FORMS[format].told}: about {words(duration(left))}."
                await self._notices.tell(call.thread, call.person, sentence)

        return told


def read(call: CommandCall) -> Wanted:
    """
    Raises:
        UserError: there is no such format, or it has no pages.
    """
    try:
        format = Format(str(call.arguments.get("format", Format.ZIP)))
    except ValueError:
        raise UserError(f"A format is {', '.join(Format)}.") from None
    each = call.arguments.get("each")
    if each is not None and str(each) not in map(str, PER_PAGE):
        raise UserError("A page of a PDF has 1 or 4 pictures.")
    if each is not None and format is not Format.PDF:
        raise UserError("Only a PDF has 1 or 4 pictures on each page: /export pdf 4.")
    return Wanted(call.thread, format, int(each or 1))
