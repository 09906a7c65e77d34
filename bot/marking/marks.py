"""Marked copies of pictures, made beside the event loop and kept at hand within bounds."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TypeAlias, TypeVar
from weakref import WeakValueDictionary

from handlers.errors import PictureGone
from handlers.marking import patiently, record_of
from handlers.model import Picture, PictureState
from handlers.ports import Store
from imaging.errors import BadPicture
from imaging.marking.copies import Layers, enlarged_file, marked, preview, source_of
from imaging.marking.metadata import SourceType, xmp
from imaging.marking.signature import Ingredient, Known, Statement
from imaging.model import Operation
from imaging.outputs import THUMBNAIL_BYTES, as_jpeg, for_document, open_kept, shrink_to, thumbnail

R = TypeVar("R")
_Kind: TypeAlias = tuple[str, int | None, bool]
log = logging.getLogger(__name__)

NOBODY = Known()
KEPT_BYTES = 64 * 2**20
"""Of copies at hand: some fifty pictures of 1024², so that a page that is opened again signs nothing again."""
SMALL = -1
"""In the place of the most bytes: the copy for lists of pictures."""
AT_ONCE = 2
MOST_PARENTS = 4
UNTIMED_S = 600.0
"""For how long an authority of time stamps is not asked that did not answer: the library waits for it for 30 s."""


class Kept:
    """The newest copies, by the name of the stored file, the bytes that they may have, and whether they are posted."""

    def __init__(self, most: int = KEPT_BYTES) -> None:
        self._most = most
        self._size = 0
        self._copies: OrderedDict[_Kind, bytes] = OrderedDict()

    def get(self, kind: _Kind) -> bytes | None:
        found = self._copies.get(kind)
        if found is not None:
            self._copies.move_to_end(kind)
        return found

    def keep(self, kind: _Kind, data: bytes) -> None:
        if len(data) > self._most // 4:
            return
        self._size += len(data) - len(self._copies.pop(kind, b""))
        self._copies[kind] = data
        while self._size > self._most:
            self._size -= len(self._copies.popitem(last=False)[1])

    def forget(self, sha256: str) -> None:
        for key in [key for key in self._copies if key[0] == sha256]:
            self._size -= len(self._copies.pop(key))


class Marks:
    """Implements `handlers.ports.Marking`.

    A layer that fails is left out, told in the log and in `problem`: people get their pictures.

    Args:
        store: Where pictures lie.
        layers: What is put on a copy.
        version: Easel's, for the statement.
        known: By what our own pictures are told from others.
        problem: What keeps copies from being signed from the start.
    """

    def __init__(
        self, store: Store, layers: Layers, version: str, known: Known = NOBODY, problem: str | None = None
    ) -> None:
        self._store = store
        self._layers = layers
        self._version = version
        self.root, self.serial = known.root, known.serial
        self._lacking = problem
        self._unsigned: str | None = None
        self._untimed_until = 0.0
        self._kept = Kept()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="mark")
        self._packet = xmp(SourceType.GENERATED, version) if layers.metadata else b""

    @property
    def problem(self) -> str | None:
        return self._lacking or self._unsigned

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def copy(self, sha256: str, max_bytes: int | None = None, *, posted: bool = False) -> bytes:
        picture = await self._known(sha256)
        async with self._locks.setdefault(sha256, asyncio.Lock()):
            data = await self._copy(picture, None, posted)
            fits = max_bytes is None or len(data) <= max_bytes
            return data if fits else await self._copy(picture, max_bytes, posted)

    async def small(self, sha256: str) -> bytes:
        picture = await self._known(sha256)
        async with self._locks.setdefault(sha256, asyncio.Lock()):
            return await self._copy(picture, SMALL, False)

    async def _known(self, sha256: str) -> Picture:
        """
        Raises:
            PictureGone: nothing needs the file any more.
        """
        try:
            return await record_of(self._store, sha256)
        except PictureGone:
            self._kept.forget(sha256)  # deleted means deleted here too
            raise

    async def _copy(self, picture: Picture, max_bytes: int | None, posted: bool) -> bytes:
        kind = picture.sha256, max_bytes, posted
        kept = self._kept.get(kind)
        if kept is not None:
            return kept
        stored = await patiently(self._store.picture_bytes, picture.sha256)
        most = max_bytes
        if max_bytes == SMALL:
            stored, most = await self._run(partial(thumbnail, stored)), THUMBNAIL_BYTES
        drawn = picture.operation is not Operation.UPLOAD
        if not (drawn and self._layers.any):
            if drawn and posted:
                stored = await self._run(partial(enlarged_file, stored))
            return stored if most is None else (await self._run(partial(shrink_to, stored, most)))[0]
        statement = await self._statement_of(picture)
        data = await self._marked(stored, self._layers, statement, most, posted=posted)
        if self._unsigned is None:
            self._kept.keep(kind, data)
        return data

    async def for_document(self, sha256: str, side: int) -> bytes:
        picture = await record_of(self._store, sha256)
        stored = await patiently(self._store.picture_bytes, sha256)
        if picture.operation is Operation.UPLOAD or not self._layers.any:
            return await self._run(lambda: as_jpeg(for_document(open_kept(stored), side)))
        return await self._marked(stored, self._layers, await self._statement_of(picture), None, side=side)

    async def sheet(self, data: bytes, pictures: Sequence[Picture]) -> bytes:
        if not self._layers.any or all(picture.operation is Operation.UPLOAD for picture in pictures):
            return data
        return await self._marked(data, self._layers, self._statement(SourceType.COMPOSITE), None)

    async def fit(self, data: bytes, max_bytes: int) -> bytes:
        if len(data) <= max_bytes:
            return data
        if (source := source_of(data)) is None:
            return (await self._run(partial(shrink_to, data, max_bytes)))[0]
        there = replace(self._layers, watermark=False, label=False)
        return await self._marked(data, there, self._statement(source), max_bytes)

    def preview(self, data: bytes) -> bytes:
        return preview(data, self._packet) if self._packet else data

    def _statement(self, source: SourceType = SourceType.GENERATED) -> Statement:
        return Statement(self._version, source)

    async def _statement_of(self, picture: Picture) -> Statement:
        edited = picture.operation.makes.keeps_source
        return replace(self._statement(), edited=edited, parents=await self._parents(picture))

    async def _parents(self, picture: Picture) -> tuple[Ingredient, ...]:
        """Without their own statements: what a chain of edits says would grow with every link."""
        if self._layers.credential is None:
            return ()
        found = []
        for number in picture.parents[:MOST_PARENTS]:
            parent = await self._store.picture(picture.thread, number)
            if parent is not None and parent.state is PictureState.READY:
                uploaded = parent.operation is Operation.UPLOAD
                title = f"Picture {number}, brought by a person" if uploaded else f"Picture {number}, made with AI"
                found.append(Ingredient(title, await self._store.picture_bytes(parent.sha256), parent.media_type))
        return tuple(found)

    async def _marked(
        self, data: bytes, layers: Layers, statement: Statement, max_bytes: int | None, *,
        posted: bool = False, side: int | None = None,
    ) -> bytes:  # fmt: skip
        """The copy; without its signature where that fails.

        Raises:
            BadPicture: it cannot be made so small, or is no picture where its size changes.
        """
        timed = layers.credential is not None and bool(layers.credential.timestamp_url)
        if timed and time.monotonic() < self._untimed_until:
            layers, timed = _untimed(layers), False
        try:
            made = await self._run(partial(marked, data, layers, statement, max_bytes, posted=posted, side=side))
        except BadPicture as error:
            if max_bytes is not None or side is not None:
                raise
            log.error("a stored picture cannot be marked: %s", error)
            return data
        if made.unsigned and timed:
            self._untimed_until = time.monotonic() + UNTIMED_S
            log.warning("pictures are signed without a time stamp for a while: %s", made.unsigned)
            again = partial(marked, data, _untimed(layers), statement, max_bytes, posted=posted, side=side)
            made = await self._run(again)
        if layers.credential is not None:
            self._note(f"Pictures leave without a signature: {made.unsigned}." if made.unsigned else None)
        return made.data

    def _note(self, problem: str | None) -> None:
        if problem is not None and problem != self._unsigned:
            log.error("%s", problem)
        self._unsigned = problem

    async def _run(self, work: Callable[[], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _untimed(layers: Layers) -> Layers:
    """The same, without a time stamp."""
    assert layers.credential is not None
    return replace(layers, credential=replace(layers.credential, timestamp_url=""))
