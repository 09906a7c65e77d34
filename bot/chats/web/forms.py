"""Reading what browsers send: a message's form, and JSON. Whatever else comes is a sentence with a 4xx."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from handlers.model import Attachment

log = logging.getLogger(__name__)

MAX_TEXT = 200_000
"""Characters of one message that are taken in at all; the handlers say what is too long to answer."""
MAX_FILES = 4
FIELDS = {"text": MAX_TEXT * 4, "event": 256, "replies_to": 32}
"""What a message's form may hold besides files, each once, and how many bytes."""
MAX_NUMBER = 10**9
HELD = 512 * 2**20
HELD_EACH = 256 * 2**20
"""Bytes of uploads until their messages are answered, in all and from one address; a message has 80 MiB at most as
things are set."""
UNREADABLE = (
    ValueError, AssertionError, LookupError, RuntimeError, HttpProcessingError, web.RequestPayloadError
)  # fmt: skip
"""What aiohttp's reader raises at a form that does not hold what it says."""


class Hands:
    """What uploads that are still coming in, or whose messages are being answered, may hold in memory together, in
    bytes."""

    def __init__(self, most: int = HELD, each: int = HELD_EACH) -> None:
        """
        Args:
            most: In all.
            each: From one address.
        """
        self._most = most
        self._each = each
        self._held: Counter[str] = Counter()

    @property
    def held(self) -> int:
        return self._held.total()

    @contextmanager
    def for_one(self, address: str) -> Iterator[Callable[[int], None]]:
        """Count what one request brings, until the block ends.

        Raises (what it gives, which is called with each piece's size):
            web.HTTPServiceUnavailable: it is too much; with the sentence.
        """
        mine = 0

        def take(size: int) -> None:
            nonlocal mine
            if self._held.total() + size > self._most or self._held[address] + size > self._each:
                again = {"Retry-After": "10"}
                raise web.HTTPServiceUnavailable(text="Too much is being uploaded now; try again soon.", headers=again)
            mine += size
            self._held[address] += size

        try:
            yield take
        finally:
            self._held[address] -= mine
            if self._held[address] <= 0:
                del self._held[address]


async def message_form(
    request: web.Request, max_upload_bytes: int, take: Callable[[int], None]
) -> tuple[dict[str, str], list[Attachment]]:
    """A message's fields by name, and its files.

    Raises:
        web.HTTPException: 413, 415, or 400 for what is no form of a message.
    """
    if not request.content_type.startswith("multipart/"):
        raise web.HTTPUnsupportedMediaType(text="A message is sent as multipart/form-data.")
    fields: dict[str, str] = {}
    files: list[Attachment] = []
    try:
        async for item in await request.multipart():
            await _part(item, fields, files, max_upload_bytes, take)
    except UNREADABLE as error:
        log.debug("a form could not be read: %r", error)
        raise web.HTTPBadRequest(text="The form cannot be read.") from None
    return fields, files


async def _part(
    item: object,
    fields: dict[str, str],
    files: list[Attachment],
    max_upload_bytes: int,
    take: Callable[[int], None],
) -> None:
    if not isinstance(item, BodyPartReader):
        raise web.HTTPBadRequest(text="Nested parts are not taken.")
    if item.filename:
        if len(files) == MAX_FILES:
            raise web.HTTPRequestEntityTooLarge(0, text=f"At most {MAX_FILES} pictures fit into one message.")
        files.append(Attachment(item.filename[:200], await _read(item, max_upload_bytes, take)))
        return
    name = item.name or ""
    if name not in FIELDS or name in fields:
        raise web.HTTPBadRequest(text="A message has a text and files, and nothing else.")
    fields[name] = (await _read(item, FIELDS[name], take)).decode("utf-8", "replace")[:MAX_TEXT]


async def _read(item: BodyPartReader, limit: int, take: Callable[[int], None]) -> bytes:
    data = bytearray()
    while chunk := await item.read_chunk(65536):
        take(len(chunk))
        data += chunk
        if len(data) > limit:
            size = f"{limit // 2**20} MiB" if item.filename else f"{MAX_TEXT} characters"
            raise web.HTTPRequestEntityTooLarge(limit, text=f"That is too large; the limit is {size}.")
    return bytes(data)


def number(value: object) -> int | None:
    """A picture's number, or none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_NUMBER else None


async def json_object(request: web.Request) -> dict[str, Any]:
    """
    Raises:
        web.HTTPBadRequest: the body is no JSON object.
    """
    body = await request.read()
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise web.HTTPBadRequest(text="A JSON object is needed.")
    return data
