"""An export for a chat that takes files up to a size only: several zips, each whole in itself.

The first has transcript, recipes and the page with small pictures; the others have the pictures as they are.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from handlers.export import bundle, collect, file_name, page_and_words, zipped
from handlers.model import File, Picture, ThreadKey, Turn
from handlers.ports import Store

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
    store: Store, thread: ThreadKey, *, name: str, most: int = 500, max_bytes: int | None = None
) -> Exported:
    """The thread as one zip called `name`.zip, or where that is over `max_bytes` as several."""
    turns, pictures, files = await collect(store, thread, most=most)
    whole = await asyncio.to_thread(bundle, turns, pictures, files)
    if max_bytes is None or len(whole) <= max_bytes:
        return Exported((_file(name, whole),))
    return await asyncio.to_thread(_split, turns, pictures, files, name, max_bytes)


def _file(name: str, data: bytes) -> File:
    return File(f"{name}.zip", "application/zip", data)


def _split(
    turns: Sequence[Turn], pictures: Sequence[Picture], files: dict[int, bytes], name: str, max_bytes: int
) -> Exported:
    remarks = []
    room = max_bytes - DIRECTORY_BYTES - ENTRY_BYTES
    fitting: dict[str, bytes] = {}
    for picture in reversed(pictures):  # the newest matter most
        if (data := files.get(picture.number)) is None:
            continue
        if len(data) <= room:
            fitting[file_name(picture)] = data
        elif (smaller := _smaller(data, room)) is not None:
            fitting[file_name(replace(picture, media_type=smaller[1]))] = smaller[0]
            remarks.append(f"Picture {picture.number} is too large to be sent and was made smaller.")
    parts = list(_packed(fitting, max_bytes))
    left = sum(len(part) for part in parts[MAX_PARTS - 1 :])
    if left:
        remarks.append(f"The {left} oldest pictures did not fit; whoever runs me can export all of them.")
    first = _first(turns, pictures, files, max_bytes)
    zips = [first, *(zipped({f"pictures/{path}": data for path, data in part.items()}) for part in parts)]
    names = [name, *(f"{name}-pictures-{at}" for at in range(1, len(zips)))]
    return Exported(tuple(map(_file, names[:MAX_PARTS], zips[:MAX_PARTS])), tuple(remarks))


def _first(turns: Sequence[Turn], pictures: Sequence[Picture], files: dict[int, bytes], max_bytes: int) -> bytes:
    """Without pictures on the page when even small ones are too many."""
    share = max_bytes // (2 * max(1, len(files)))  # in a page, four bytes stand for three
    small = {number: found[0] for number, data in files.items() if (found := _smaller(data, share)) is not None}
    shown = [replace(p, media_type="image/webp") if _is_webp(small.get(p.number)) else p for p in pictures]
    made = zipped(page_and_words(turns, shown, small, recipes_of=pictures))
    return made if len(made) <= max_bytes else zipped(page_and_words(turns, pictures, {}, recipes_of=pictures))


def _is_webp(data: bytes | None) -> bool:
    return data is not None and data.startswith(b"RIFF")


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


def _smaller(data: bytes, max_bytes: int) -> tuple[bytes, str] | None:
    from imaging.errors import BadPicture
    from imaging.outputs import shrink_to  # decoders are loaded by the first picture only

    try:
        return shrink_to(data, max_bytes)
    except BadPicture as error:
        log.info("a picture of %d bytes was left out: %s", len(data), error)
        return None
