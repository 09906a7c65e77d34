"""Whether pictures that people send can be opened here."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from bot.settings import Settings
from imaging.decoding.pool import Decoders
from imaging.errors import BadPicture
from imaging.findings import Finding, broken, ok

_HEAD = struct.pack("<IHHIIiiHHIIiiII", 54 + 192, 0, 0, 54, 40, 8, 8, 1, 24, 0, 192, 0, 0, 0, 0)
ONE_PICTURE = b"BM" + _HEAD + b"\x80" * 192
"""A grey bitmap of 8 × 8 pixels."""


def examine(settings: Settings) -> Iterable[Finding]:
    """Have one opened, in a process as every other."""
    decoders = Decoders(1)
    try:
        decoders.read_now(ONE_PICTURE)
    except (BadPicture, OSError) as error:
        yield broken("uploads", f"pictures that people send cannot be opened ({error}); install Easel's packages again")
    else:
        yield ok("uploads", "pictures that people send are opened in a process of their own")
    finally:
        decoders.close()
