"""A thread as PDF, slides or one page, in files that a chat takes.

Pictures lie in a folder meanwhile, one of them in memory at a time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from handlers.errors import PictureGone, UserError
from handlers.export.archive import Content, data_uri, page_parts
from handlers.export.cards import GONE, Card, Sheet, card, clean
from handlers.export.documents.formats import FORMS, Format
from handlers.export.documents.scratch import scratch
from handlers.export.documents.setting import set_document
from handlers.export.parts import MAX_PARTS, Exported
from handlers.model import File, Picture
from handlers.ports import Marking
from imaging.errors import BadPicture

log = logging.getLogger(__name__)

SIDES = {1600: 1, 1200: 1, 900: 2, 640: 4, 480: MAX_PARTS}
"""Longest sides of pictures, pixels, each with the most files that are filled so. The first is taken with which all
pictures fit, or the last."""
PAGE_SIDES = {1600: 1, 1200: 1, 900: 1, 640: 1, 480: 1, 320: 1, 200: 1}
"""A page cannot be had in several files."""
RESERVED = 768 * 1024
"""Bytes of a document besides its pictures: fonts, above all of Chinese."""
SLACK = 0.92
"""So much of the room is planned with: sizes are estimated."""
OF_A_CARD = 6 * 1024
"""Bytes of a card besides its picture."""

Progress = Callable[[int, int], Awaitable[None]]
"""Told how many of how many pictures are ready."""


async def export_document(
    marking: Marking,
    content: Content,
    format: Format,
    *,
    name: str,
    max_bytes: int | None = None,
    per_page: int = 1,
    progress: Progress | None = None,
) -> Exported:
    """The thread as files called `name` and its format's ending; where one is over `max_bytes`, with smaller pictures,
    and then as several.

    Args:
        content: What `handlers.export.collect_words` gives.
        per_page: Pictures a page of a PDF, 1 or 4.

    Raises:
        UserError: there is no picture, or it could not be made; one sentence.
    """
    if not content.pictures:
        raise UserError("There are no pictures in this thread yet.")
    with scratch() as folder:
        return await _Making(marking, content, format, folder, max_bytes, per_page, progress).files(name)


@dataclass(slots=True)
class _Making:
    marking: Marking
    content: Content
    format: Format
    folder: Path
    max_bytes: int | None
    per_page: int
    progress: Progress | None

    async def files(self, name: str) -> Exported:
        side, sizes = await self._fitted()
        remarks = []
        if self.max_bytes is not None and side < min(max(SIDES), self._longest()):
            remarks.append(f"Pictures are at most {side} pixels large in it, so that it fits; the zip has them whole.")
        if self.format is Format.PAGE:
            made, left = await self._page(sizes)
            files, missing = [made], set[str]()
        else:
            files, missing, left = await self._documents(sizes)
        if left:
            remarks.append(f"The {left} oldest pictures did not fit; whoever runs me can export all of them.")
        if missing:
            signs = " ".join(sorted(missing)[:5])
            log.warning("no font has %s: install fonts for them, such as Debian's fonts-noto-core", signs)
            remarks.append(f"Some signs ({signs}) have no font here and are boxes; /export page shows them.")
        form = FORMS[self.format]
        names = [name] if len(files) == 1 else [f"{name}-{at}-of-{len(files)}" for at in range(1, len(files) + 1)]
        called = zip(names, files, strict=True)
        return Exported(
            tuple(File(f"{name}.{form.ending}", form.media_type, data) for name, data in called), tuple(remarks)
        )

    # Pictures

    def _longest(self) -> int:
        return max(max(picture.width, picture.height) for picture in self.content.pictures)

    async def _fitted(self) -> tuple[int, dict[int, int]]:
        """The longest side of pictures with which they fit, or the smallest there is; bytes by number."""
        sides = PAGE_SIDES if self.format is Format.PAGE else SIDES
        largest, smallest = max(sides), min(sides)
        sizes = await self._copies(largest, self.progress)
        room = self._room()
        if room is None or self._weight(sizes) <= room * sides[largest]:
            return largest, sizes
        pixels = {p.number: max(p.width, p.height) for p in self.content.pictures}
        fits = (
            side for side, files in sides.items()
            if self._weight({n: round(s * min(1.0, side / pixels[n]) ** 2) for n, s in sizes.items()}) <= room * files
        )  # fmt: skip
        side = next(fits, smallest)
        return side, await self._copies(side)

    async def _copies(self, side: int, progress: Progress | None = None) -> dict[int, int]:
        """Bytes of each picture's copy in the folder, by number; those that are not there any more are left out."""
        sizes = {}
        shown = [p for p in self.content.pictures if self.format is Format.PAGE or not p.spoiler]
        for done, picture in enumerate(shown, 1):
            try:
                data = await self.marking.for_document(picture.sha256, side)
            except PictureGone:
                continue
            except BadPicture as error:
                log.warning("picture %d is left out of a document: %s", picture.number, error)
                continue
            await asyncio.to_thread((self.folder / _file(picture.number)).write_bytes, data)
            sizes[picture.number] = len(data)
            if progress is not None:
                await progress(done, len(shown))
        return sizes

    def _room(self) -> float | None:
        if self.max_bytes is None:
            return None
        return max(self.max_bytes / 4, self.max_bytes * SLACK - RESERVED)

    def _weight(self, sizes: Mapping[int, int]) -> float:
        factor = 4 / 3 if self.format is Format.PAGE else 1.0  # in a page, four bytes stand for three
        return sum(size * factor + OF_A_CARD for size in sizes.values())

    # PDF and slides

    async def _documents(self, sizes: Mapping[int, int]) -> tuple[list[bytes], set[str], int]:
        """The files, the signs without a font, and how many of the oldest pictures are left out."""
        content = self.content
        cards = [
            replace(told, file=_file(p.number)) if p.number in sizes and not p.spoiler
            else told if told.missing else replace(told, missing=GONE)
            for p in content.pictures
            for told in [card(p, content.votes.get(p.number), content.ideas.get(p.number))]
        ]  # fmt: skip
        files: list[bytes] = []
        missing: set[str] = set()
        waiting = self._packed(cards, sizes)
        left = 0
        while waiting:  # from the newest to the oldest
            if len(files) == MAX_PARTS:
                left = sum(map(len, waiting))
                break
            part = waiting.pop()
            path, lacking = await set_document(self._sheet(part, len(cards)), self.folder, self.format, self.per_page)
            if self.max_bytes is not None and path.stat().st_size > self.max_bytes:
                if len(part) == 1:
                    raise UserError(f"Picture {part[0].number} does not fit here; whoever runs me can export it.")
                waiting += [part[: len(part) // 2], part[len(part) // 2 :]]
                continue
            files.append(await asyncio.to_thread(path.read_bytes))
            missing.update(lacking)
        return files[::-1], missing, left

    def _packed(self, cards: Sequence[Card], sizes: Mapping[int, int]) -> list[list[Card]]:
        room = self._room()
        if room is None:
            return [list(cards)]
        parts: list[list[Card]] = [[]]
        full = 0.0
        for one in cards:
            weight = self._weight({one.number: sizes.get(one.number, 0)})
            if parts[-1] and full + weight > room:
                parts.append([])
                full = 0.0
            parts[-1].append(one)
            full += weight
        return parts

    def _sheet(self, part: Sequence[Card], of: int) -> Sheet:
        first, last = part[0].number, part[-1].number
        counted = f"{of} pictures" if of != 1 else "1 picture"
        which = f"pictures {first} to {last} of {of}" if len(part) < of else counted
        return Sheet(clean(self.content.title), f"{which} · {self.content.made:%Y-%m-%d}", tuple(part))

    # The page

    async def _page(self, sizes: Mapping[int, int]) -> tuple[bytes, int]:
        """The file, and how many of the oldest pictures it names only."""
        numbers = [p.number for p in self.content.pictures if p.number in sizes]
        left = 0
        while True:
            shown = frozenset(numbers[left:])
            path = self.folder / "document"
            await asyncio.to_thread(self._write, path, shown)
            over = 0 if self.max_bytes is None else path.stat().st_size - self.max_bytes
            if over <= 0:
                return await asyncio.to_thread(path.read_bytes), left
            if left == len(numbers):
                raise UserError("This thread has too many words for one page here; whoever runs me can export it.")
            while over > 0 and left < len(numbers):
                over -= sizes[numbers[left]] * 4 // 3
                left += 1

    def _write(self, path: Path, shown: frozenset[int]) -> None:
        def image(picture: Picture) -> str | None:
            if picture.number not in shown:
                return None
            return data_uri("image/jpeg", (self.folder / _file(picture.number)).read_bytes())

        with path.open("wb") as out:
            for part in page_parts(self.content, image):
                out.write(part.encode("utf-8", "replace"))


def _file(number: int) -> str:
    return f"{number}.jpg"
