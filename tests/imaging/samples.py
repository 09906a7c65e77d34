"""Files that nothing installed here can write."""

from __future__ import annotations

import base64
import struct

HEIC = base64.b64decode(
    """
    AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAchtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAADRpbG9jAAAA
    AERAAAIAAQAAAAAB7AABAAAAAAAAALkAAgAAAAACpQABAAAAAAAAACQAAAA4aWluZgAAAAAAAgAAABVpbmZlAgAAAAABAABodmMxAAAAABVpbmZl
    AgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAABB2lwcnAAAADmaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH/
    /wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29s
    cm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAAEAAAAABAAAAMAAAAAEAAAAAAAAAAv////AAAAACAAAAEHBpeGkAAAAA
    AwgICAAAAAlpcm90AwAAABlpcG1hAAAAAAAAAAEAAQaBAgMFhIYAAAAaaXJlZgAAAAAAAAAOY2RzYwACAAEAAQAAAOVtZGF0AAAAtSgBr1gJW+Ex
    V/8lj/4DyGtSqKQMM9CRTZugofAvg6wN42PoFtXCKamNK10H3/0zIsaJIz1XBWYrjmKOFeaXcrDcIYil6N4jvYXUqCrTFCw5wwVGrgody6dDfS/5
    ZLwOEVaxz5N/ZMb9Uvh8lMacDtqNXLaY6v1CBVuXOBjJM8Wxo0oX8SbyFB+Tpxoej/4J5WGTwVMn15U202+paIxFVGq76wm/Os6m3r47P5rNBiDY
    31oL7SQAAAAGRXhpZgAATU0AKgAAAAgAAQESAAMAAAABAAYAAAAAAAA=
    """
)
"""48 × 64 pixels as a phone writes them: stored lying, with a turn; its upper third is red, from the corner on."""


def profile(red: tuple[float, float, float], green: tuple[float, float, float], blue: tuple[float, float, float],
            gamma: float) -> bytes:  # fmt: skip
    """An ICC profile (version 2, matrix and one curve) with these primaries in XYZ (D50)."""

    def xyz(values: tuple[float, float, float]) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    name = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + b"\0" * 82
    tags = {
        b"desc": name + b"\0" * (-len(name) % 4), b"cprt": b"text\0\0\0\0none\0\0\0\0", b"wtpt": xyz(WHITE),
        b"rXYZ": xyz(red), b"gXYZ": xyz(green), b"bXYZ": xyz(blue), b"rTRC": curve, b"gTRC": curve, b"bTRC": curve,
    }  # fmt: skip
    table, body, at = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for tag, data in tags.items():
        table += struct.pack(">4sII", tag, at + len(body), len(data))
        body += data
    head = struct.pack(">I4sI4s4s4s", at + len(body), b"test", 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    head += b"\0" * 12 + b"acsp" + b"\0" * 28 + struct.pack(">3i", *(round(value * 65536) for value in WHITE))
    return head.ljust(128, b"\0") + table + body


PLANTED = """
import pathlib, sys
pathlib.Path(__file__).with_name("ran").touch()
sys.path.remove(str(pathlib.Path(__file__).parent))
del sys.modules["json"]
import json
"""
"""A `json.py` that somebody put into a folder: it tells that it ran, beside itself."""

WHITE = (0.9642, 1.0, 0.8249)
SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
"""Its primaries, adapted to D50."""
