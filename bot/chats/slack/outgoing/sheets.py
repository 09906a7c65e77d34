"""Pictures that stand together, as one file with their numbers on it. It has a slot of its own beside theirs, named by
what is on it: a sheet that shows something else is another one."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeAlias

from handlers.marking import patiently, record_of
from handlers.model import PicturePart, ReplyPart, SlotState
from handlers.ports import Marking, Store
from handlers.presentation import ideas
from imaging.sheets import numbered_sheet

PREFIX = "sheet/"
Drawn: TypeAlias = Callable[[Sequence[PicturePart]], Awaitable[bytes]]


def slot_of(pictures: Sequence[PicturePart]) -> str:
    """Of the sheet with these pictures."""
    said = " ".join(f"{part.number}:{part.sha256}" for part in pictures)
    return PREFIX + hashlib.blake2b(said.encode(), digest_size=8).hexdigest()


def of_round(parts: Sequence[ReplyPart]) -> tuple[PicturePart, ...]:
    """What stands on the sheet of an answer's round; nothing while drafts are to come: each would make it another.

    Covered ones are left out: Slack cannot cover them.
    """
    drafts = [idea.draft for idea in ideas(parts, {}) if idea.draft is not None]
    if any(draft.state in (SlotState.WAITING, SlotState.RENDERING) for draft in drafts):
        return ()
    return tuple(draft for draft in drafts if draft.state is SlotState.READY and draft.sha256 and not draft.spoiler)


def outdated(slots: Iterable[str], parts: Sequence[ReplyPart]) -> list[str]:
    """Those of sheets that show something else than the answer does now."""
    now = slot_of(of_round(parts))
    return [slot for slot in slots if slot.startswith(PREFIX) and slot != now]


class Sheets:
    def __init__(self, store: Store, marking: Marking) -> None:
        self._store = store
        self._marking = marking

    async def draw(self, pictures: Sequence[PicturePart]) -> bytes:
        """The sheet as people are given it.

        Raises:
            PictureGone: one of them is not there.
            StoreError: one cannot be read.
            BadPicture: one is no picture.
        """
        records, files = [], []
        for part in pictures:
            records.append(await record_of(self._store, str(part.sha256)))
            files.append((part.number, await patiently(self._store.picture_bytes, str(part.sha256))))
        return await self._marking.sheet(await asyncio.to_thread(numbered_sheet, files), records)
