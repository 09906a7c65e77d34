"""An export for a chat that takes files up to a size only: several zips, each whole in itself.

The first has transcript, recipes and the page with small pictures; the others have the pictures as they are.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from handlers.errors import StoreError
from handlers.export.archive import Content, bundle, collect, file_name, page_and_words, zipped
from handlers.model import File, Picture, ThreadKey
from handlers.ports import Marking, Store
from imaging.errors import BadPicture
from imaging.kinds import media_type

log = logging.getLogger(__name__)
MAX_PARTS = 10
"""Files of one message."""
DIRECTORY_BYTES = 4096
"""Of a zip besides its entries; each entry takes `ENTRY_BYTES` more than its data."""
ENTRY_BYTES = 256


@dataclass(frozen=True, slots=True)
class Exported:
    """`remarks` are sentences for people about what is not as it was."""

    files: tuple[File, ...]
    remarks: tuple[str, ...] = ()


async def export_files(
    store: Store,
    marking: Marking,
    thread: ThreadKey,
    *,
    name: str,
    most: int = 500,
    max_bytes: int | None = None,
    names: bool = True,
) -> Exported:
    """The thread as one zip called `name`.zip, or where that is over `max_bytes` as several. Without `names` nobody is
    called by theirs."""
    content, files = await collect(store, marking, thread, most=most, names=names)
    whole = await asyncio.to_thread(bundle, content, files)
    if max_bytes is None or len(whole) <= max_bytes:
        return Exported((_file(name, whole),))
    return await _Split(marking, content, files, max_bytes).parts(name)


def _file(name: str, data: bytes) -> File:
    return File(f"{name}.zip", "application/zip", data)


class _Split:
    """An export in parts; each picture is marked anew at the size that fits."""

    def __init__(self, marking: Marking, content: Content, files: dict[int, bytes], max_bytes: int) -> None:
        self._marking = marking
        self._content = content
        self._pictures = [picture for picture in content.pictures if picture.number in files]
        self._files = files
        self._max_bytes = max_bytes

    async def parts(self, name: str) -> Exported:
        remarks = []
        room = self._max_bytes - DIRECTORY_BYTES - ENTRY_BYTES
        fitting: dict[str, bytes] = {}
        for picture in reversed(self._pictures):  # the newest matter most
            data: bytes | None = self._files[picture.number]
            if len(self._files[picture.number]) > room:
                data = await self._smaller(picture, room)
                if data is not None:
                    remarks.append(f"Picture {picture.number} is too large to be sent and was made smaller.")
            if data is not None:
                fitting[file_name(replace(picture, media_type=media_type(data)))] = data
        parts = list(_packed(fitting, self._max_bytes))
        left = sum(len(part) for part in parts[MAX_PARTS - 1 :])
        if left:
            remarks.append(f"The {left} oldest pictures did not fit; whoever runs me can export all of them.")
        first = await self._first()
        zips = [first, *[await _zipped({f"pictures/{path}": data for path, data in part.items()}) for part in parts]]
        names = [name, *(f"{name}-pictures-{at}" for at in range(1, len(zips)))]
        return Exported(tuple(map(_file, names[:MAX_PARTS], zips[:MAX_PARTS])), tuple(remarks))

    async def _first(self) -> bytes:
        """Without pictures on the page when even small ones are too many."""
        share = self._max_bytes // (2 * max(1, len(self._files)))  # in a page, four bytes stand for three
        small: dict[int, bytes] = {}
        for picture in self._pictures:
            if (data := await self._smaller(picture, share)) is not None:
                small[picture.number] = data
        types = {number: media_type(data) for number, data in small.items()}
        every = self._content.pictures
        shown = replace(
            self._content, pictures=[replace(p, media_type=types.get(p.number, p.media_type)) for p in every]
        )
        made = await _zipped(page_and_words(shown, small, recipes_of=every))
        if len(made) <= self._max_bytes:
            return made
        return await _zipped(page_and_words(self._content, {}, recipes_of=every))

    async def _smaller(self, picture: Picture, max_bytes: int) -> bytes | None:
        try:
            return await self._marking.copy(picture.sha256, max_bytes)
        except (BadPicture, StoreError) as error:
            log.info("picture %d was left out of %d bytes: %s", picture.number, max_bytes, error)
            return None


async def _zipped(entries: Mapping[str, bytes]) -> bytes:
    return await asyncio.to_thread(zipped, entries)


def _packed(entries: dict[str, bytes], max_bytes: int) -> Iterator[dict[str, bytes]]:
    """Fill parts in order."""
    part: dict[str, bytes] = {}
    size = DIRECTORY_BYTES
    for path, data in entries.items():
        if part and size + len(data) + ENTRY_BYTES > max_bytes:
            yield part
            part, size = {}, DIRECTORY_BYTES
        part[path] = data
        size += len(data) + ENTRY_BYTES
    if part:
        yield part
