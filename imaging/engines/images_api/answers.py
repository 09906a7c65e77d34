"""Pictures in an endpoint's answer: base64 in whatever dress, data URLs, addresses."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from imaging.engines.images_api.refusals import ImagesRefused

MAX_BYTES: Final = 32 << 20
"""Of one picture from the endpoint."""
TOO_LARGE: Final = "The images endpoint sent a picture that is too large."
NO_PICTURE: Final = "The images endpoint sent something that is not a picture."
_DATA: Final = re.compile(r"\s*data:[^,]{0,200},", re.IGNORECASE)
_SPACE: Final = str.maketrans("-_", "+/", " \t\r\n\f\v")


@dataclass(frozen=True, slots=True)
class Item:
    """One picture of an answer: base64, an address, or neither."""

    packed: str = ""
    url: str = ""


def first_item(answer: Any) -> Item:
    """The first picture that an answer holds, also where servers call it by other names."""
    found = (getattr(answer, "data", None) or [None])[0]
    if found is None:  # seen: {"image": "…"}, {"images": ["…"]}, {"images": [{"url": "…"}]}
        more = getattr(answer, "model_extra", None) or {}
        named = next((more[name] for name in ("image", "images", "output") if more.get(name)), None)
        found = named[0] if isinstance(named, list) else named
    if isinstance(found, str):
        return Item(url=found) if found.startswith(("http:", "https:")) else Item(found)
    held = found if isinstance(found, dict) else {name: getattr(found, name, None) for name in ("b64_json", "url")}
    packed, url = held.get("b64_json") or held.get("b64") or held.get("image"), held.get("url")
    return Item(packed if isinstance(packed, str) else "", url if isinstance(url, str) else "")


def inline(item: Item) -> bytes | None:
    """The bytes that an item holds itself; None when it names an address, or nothing.

    Raises:
        ImagesRefused: they are none, or too many.
    """
    for text in (item.packed, item.url):
        if found := _DATA.match(text):
            return _from_data_url(text[found.end() :], base64=";base64" in found[0].lower())
    return unpacked(item.packed) if item.packed.strip() else None


def unpacked(text: str) -> bytes:
    """Base64 with or without line breaks and padding, in either alphabet.

    Raises:
        ImagesRefused: it is none, or too long.
    """
    if len(text) > MAX_BYTES * 2:
        raise ImagesRefused(TOO_LARGE)
    packed = text.translate(_SPACE).rstrip("=")
    try:
        data = base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImagesRefused(NO_PICTURE) from error
    if len(data) > MAX_BYTES:
        raise ImagesRefused(TOO_LARGE)
    return data


def _from_data_url(text: str, *, base64: bool) -> bytes:
    return unpacked(text) if base64 else unquote_to_bytes(text[: MAX_BYTES * 3])[: MAX_BYTES + 1]
