"""Pictures in an endpoint's answer: base64 in whatever dress, data URLs, addresses."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from imaging.engines.images_api.refusals import Refused

MAX_BYTES: Final = 32 << 20
"""Of one picture from the endpoint."""
TOO_LARGE: Final = "The images endpoint sent a picture that is too large."
NO_PICTURE: Final = "The images endpoint sent something that is not a picture."
_DATA: Final = re.compile(r"\s*data:[^,]{0,200},", re.IGNORECASE)
_SPACE: Final = str.maketrans("-_", "+/", " \t\r\n\f\v")


def inline(item: Any) -> bytes | None:
    """The bytes that an item of an answer holds itself; None when it names an address.

    Raises:
        Refused: they are none, or too many.
    """
    for text in (getattr(item, "b64_json", None), getattr(item, "url", None)):
        if isinstance(text, str) and text and (found := _DATA.match(text)):
            return _from_data_url(text[found.end() :], base64=";base64" in found[0].lower())
    text = getattr(item, "b64_json", None)
    return unpacked(text) if isinstance(text, str) and text.strip() else None


def unpacked(text: str) -> bytes:
    """Base64 with or without line breaks and padding, in either alphabet.

    Raises:
        Refused: it is none, or too long.
    """
    if len(text) > MAX_BYTES * 2:
        raise Refused(TOO_LARGE)
    packed = text.translate(_SPACE).rstrip("=")
    try:
        data = base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(NO_PICTURE) from error
    if len(data) > MAX_BYTES:
        raise Refused(TOO_LARGE)
    return data


def _from_data_url(text: str, *, base64: bool) -> bytes:
    return unpacked(text) if base64 else unquote_to_bytes(text[: MAX_BYTES * 3])[: MAX_BYTES + 1]
