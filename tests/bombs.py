"""Picture files built to be costly, and honest ones damaged at random; the same seed gives the same files."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache

from PIL import Image

from tests.imaging.samples import HEIC


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


PNG = b"\x89PNG\r\n\x1a\n"


def png(
    width: int, height: int, *between: bytes, pixels: bytes | None = None, colour: int = 2, depth: int = 8
) -> bytes:
    """A PNG of that size with these chunks before its pixels; without `pixels` it only claims to have them."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"\0" * 100) if pixels is None else pixels)
    return PNG + header + b"".join(between) + body + chunk(b"IEND", b"")


def rows(width: int, height: int) -> bytes:
    """Grey RGB rows as a PNG packs them."""
    return zlib.compress((b"\0" + b"\x80" * 3 * width) * height)


def zeros(mib: int) -> bytes:
    """So many of them, packed a thousand times smaller."""
    return zlib.compress(b"\0" * (mib << 20), 1)


def repeated_scans(side: int = 4000, times: int = 2000) -> bytes:
    """A progressive JPEG whose last scan comes again and again: each visits every pixel."""
    data = encoded(Image.new("RGB", (side, side), "teal"), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * times + b"\xff\xd9"


def many_segments() -> bytes:
    data = encoded(Image.new("RGB", (64, 64)), "JPEG")
    return data[:2] + b"\xff\xe5\x00\x02" * 1_000_000 + data[2:]


def wide_webp() -> bytes:
    """16,383 pixels a side in a lossless WebP of a few bytes."""
    body = b"\x2f" + struct.pack("<I", 16_382 | 16_382 << 14) + b"\0" * 40
    inner = b"VP8L" + struct.pack("<I", len(body)) + body + b"\0" * (len(body) & 1)
    return b"RIFF" + struct.pack("<I", len(inner) + 4) + b"WEBP" + inner


@cache
def real_webp() -> bytes:
    """As many pixels as are taken, in a few hundred bytes: it costs what it may."""
    return encoded(Image.new("RGBA", (4990, 5000), (1, 2, 3, 90)), "WEBP", lossless=True, method=0)


def gif_comments() -> bytes:
    """A GIF with a million comments, which a reader that joins them copies a million times."""
    data = encoded(Image.new("P", (32, 32)), "GIF")
    return data[:13] + b"\x21\xfe\x01a\x00" * 1_000_000 + data[13:]


def gif_frame() -> bytes:
    """A small screen and a frame that lies far outside it."""
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", 32, 32, 0, 0, 0)
        + b","
        + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0)
        + b"\x02\0;"
    )


def tiff_tile(side: int) -> bytes:
    """A TIFF of 64 × 64 pixels in tiles of `side`."""
    entries = [(256, 4, 64), (257, 4, 64), (258, 3, 8), (259, 3, 8), (262, 3, 1), (277, 3, 1)]
    entries += [(322, 4, side), (323, 4, side), (324, 4, 8), (325, 4, 16)]
    table = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    body = zlib.compress(b"\0" * 100)[:16].ljust(16, b"\0")
    return b"II*\0" + struct.pack("<I", 24) + body + struct.pack("<H", len(entries)) + table + b"\0\0\0\0"


def wide_heif(data: bytes) -> bytes:
    """An AVIF or HEIC that says it is 60,000 pixels wide."""
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", 60_000, 60_000) + data[at + 8 :]


BOMBS: Mapping[str, Callable[[], bytes]] = {
    "scans": repeated_scans,
    "few scans": lambda: repeated_scans(4900, 12),
    "segments": many_segments,
    "wide webp": wide_webp,
    "real webp": real_webp,
    "gif comments": gif_comments,
    "gif frame": gif_frame,
    "tiff tile": lambda: tiff_tile(1 << 16),
    "tiff tiles": lambda: tiff_tile(1 << 30),
    "avif": lambda: wide_heif(encoded(Image.new("RGB", (64, 64)), "AVIF")),
    "heic": lambda: wide_heif(HEIC),
    "png claims": lambda: png(30_000, 30_000),
    "png pixels": lambda: encoded(Image.new("RGBA", (4990, 5000)), "PNG"),
    "png chunks": lambda: png(64, 64, chunk(b"teSt", b"") * 1_000_000, pixels=rows(64, 64)),
    "png text": lambda: png(64, 64, chunk(b"zTXt", b"a\0\0" + zeros(64)), pixels=rows(64, 64)),
    "png profile": lambda: png(64, 64, chunk(b"iCCP", b"a\0\0" + zeros(64)), pixels=rows(64, 64)),
    "png excess": lambda: png(64, 64, pixels=zeros(128)),
    "bmp": lambda: b"BM" + struct.pack("<IHHIIiiHHIIiiII", 60, 0, 0, 54, 40, 5000, 5000, 1, 32, 0, 0, 1, 1, 0, 0),
}
"""Each refused or opened within the limits of one file."""


def seeds(side: int = 48) -> dict[str, bytes]:
    """Honest small files of every kind."""
    image = Image.effect_noise((side, side), 60).convert("RGB")
    clear = Image.new("RGBA", (side, side), (200, 30, 60, 120))
    frames = {"save_all": True, "append_images": [Image.new("RGB", (side, side), "blue")]}
    exif = Image.Exif()
    exif[0x0112] = 6
    return {
        "png": encoded(image, "PNG"),
        "png rgba": encoded(clear, "PNG"),
        "png 16": encoded(Image.new("I;16", (side, side), 40_000), "PNG"),
        "apng": encoded(image, "PNG", **frames),
        "jpeg": encoded(image, "JPEG", exif=exif),
        "jpeg progressive": encoded(image, "JPEG", progressive=True),
        "jpeg cmyk": encoded(image.convert("CMYK"), "JPEG"),
        "mpo": encoded(image, "MPO", **frames),
        "webp": encoded(image, "WEBP"),
        "webp lossless": encoded(clear, "WEBP", lossless=True),
        "webp moving": encoded(image, "WEBP", **frames),
        "gif": encoded(image, "GIF", **frames),
        "bmp": encoded(image, "BMP"),
        "tiff": encoded(image, "TIFF", compression="tiff_lzw"),
        "tiff float": encoded(Image.new("F", (side, side), 0.5), "TIFF"),
        "avif": encoded(image, "AVIF", speed=10),
        "heic": HEIC,
    }


def fuzzed(count: int, seed: int = 1) -> Iterator[tuple[str, bytes]]:
    """So many damaged files: bits turned, bytes put in, taken out or repeated, numbers made large, ends cut off."""
    chance, honest = random.Random(seed), list(seeds().items())
    for at in range(count):
        kind, data = honest[at % len(honest)]
        yield kind, damaged(data, chance)


def damaged(data: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = chance.randrange(len(out) + 1)
        # The header is where the numbers are.
        early = chance.randrange(min(64, len(out)) + 1)
        match chance.randrange(6):
            case 0:
                out[at : at + 1] = bytes([byte ^ 1 << chance.randrange(8) for byte in out[at : at + 1]])
            case 1:
                out[early : early + 4] = chance.choice((b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0" * 4, b"\0\0\x40\0"))
            case 2:
                out[at:at] = chance.randbytes(chance.randrange(1, 64))
            case 3:
                del out[at : at + chance.randrange(1, 64)]
            case 4:
                out[at:at] = out[at : at + chance.randrange(1, 512)] * chance.randrange(1, 200)
            case 5:
                out[early : early + 1] = bytes([chance.randrange(256)])
    return bytes(out if chance.random() > 0.1 else out[: chance.randrange(len(out) + 1)])
