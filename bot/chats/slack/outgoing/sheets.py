"""Pictures that stand together, as one file with their numbers on it. It has a slot of its own beside theirs, named by
what is on it: a sheet that shows something else is another one."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from handlers.marking import patiently, record_of
from handlers.model import Hung, PicturePart, Reply, ReplyPart, SlotState
from handlers.ports import Marking, Store
from handlers.presentation import MANY, apart, ideas, picked_from, together
from imaging.sheets import numbered_sheet

PREFIX = "sheet/"
Drawn: TypeAlias = Callable[[Sequence[PicturePart]], Awaitable[bytes]]


def slot_of(pictures: Sequence[PicturePart]) -> str:
    """Of the sheet with these pictures."""
    said = " ".join(f"{part.number}:{part.sha256}" for part in pictures)
    return PREFIX + hashlib.blake2b(said.encode(), digest_size=8).hexdigest()


def of_round(parts: Sequence[ReplyPart]) -> tuple[PicturePart, ...]:
    """What stands on the sheet of an answer's round; nothing while drafts are to come: each would make it another."""
    drafts = [idea.draft for idea in ideas(parts, {}) if idea.draft is not None]
    if any(draft.state in (SlotState.WAITING, SlotState.RENDERING) for draft in drafts):
        return ()
    return shown_of(drafts)


def of_answer(reply: Reply) -> dict[str, tuple[PicturePart, ...]]:
    """What stands on the sheets of an answer with many pictures, by their slots; nothing before it is over: until then
    its pictures stand as they come."""
    parts = apart(reply.parts)
    if not reply.final or not picked_from(parts):
        return {}
    found = (shown_of(group) for group in together(parts) if isinstance(group, tuple))
    return {slot_of(group): group for group in found if len(group) >= MANY}


def shown_of(group: Sequence[PicturePart]) -> tuple[PicturePart, ...]:
    """Those of pictures that stand together that a sheet can show: Slack cannot cover one."""
    return tuple(part for part in group if part.state is SlotState.READY and part.sha256 and not part.spoiler)


def outdated(slots: Iterable[str], reply: Reply) -> list[str]:
    """Those of sheets that show something else than the answer does now."""
    now = {slot_of(of_round(reply.parts)), *of_answer(reply)}
    return [slot for slot in slots if slot.startswith(PREFIX) and slot not in now]


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
        return await self._drawn([(part.number, str(part.sha256)) for part in pictures])

    async def draw_gallery(self, hung: Mapping[int, Hung]) -> bytes:
        """Pictures of a gallery, with the numbers of their lines; errors as `draw`'s."""
        return await self._drawn([(at, one.picture.sha256) for at, one in hung.items()])

    async def _drawn(self, pictures: Sequence[tuple[int, str]]) -> bytes:
        records, files = [], []
        for number, sha256 in pictures:
            records.append(await record_of(self._store, sha256))
            files.append((number, await patiently(self._store.picture_bytes, sha256)))
        return await self._marking.sheet(await asyncio.to_thread(numbered_sheet, files), records)
