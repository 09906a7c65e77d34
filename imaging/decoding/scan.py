"""What a picture file says of itself, read before any decoder sees it, and the file without what nobody needs.

A decoder pays for what a file claims: for every scan of a JPEG, every pixel of a WebP's canvas, every chunk of a
PNG. So these are counted here, in one pass over the bytes, and parts that no picture needs (texts, thumbnails,
further frames, whatever lies behind the end) are left out of what is handed on.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from imaging.errors import BadPicture

MAX_SIDE = 16_384
"""Longest side taken, pixels; what is longer is refused before it is decoded."""
MAX_PIXELS = 25_000_000
MIN_SIDE = 8
MAX_RATIO = 20
MAX_PARTS = 20_000
"""Chunks, segments or blocks of one file."""
MAX_SCANS = 64
"""Of a JPEG; encoders write 1 (baseline) or about 10 (progressive)."""
MAX_SCANNED = 16 * MAX_PIXELS
"""Pixels times scans of a JPEG: each scan visits every pixel."""
MAX_ANCILLARY = 1 << 20
"""Bytes of a part that is no pixels, packed or unpacked; a longer one is skipped."""

ENDINGS = (
    ".png", ".jpg", ".jpeg", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif", ".jxl",
)  # fmt: skip
"""What file names of pictures end with, where nothing better is known of a file."""

BROKEN = "The file is not a picture that can be opened, or it is cut off."
BUSYWORK = "The picture is built to keep programs busy; please save it again as an ordinary PNG or JPEG and send that."


@dataclass(frozen=True, slots=True)
class Scanned:
    """A file that may be decoded: `data` holds one frame and what its colours need."""

    data: bytes
    animated: bool = False


def scan(data: bytes) -> Scanned:
    """Look a file over.

    Raises:
        BadPicture: one sentence; the file claims too much, is built to be costly, or ends too early.
    """
    for begins, read in _READERS:
        if begins.match(data):
            try:
                return read(data)
            except (struct.error, IndexError, zlib.error) as error:
                raise BadPicture(BROKEN) from error
    for begins, name in _NAMED:
        if begins.match(data):
            raise BadPicture(f"This is {name}, which is not read here; please save it as PNG or JPEG and send that.")
    return Scanned(data)


def known(data: bytes) -> bool:
    """Whether it begins as a picture does."""
    return bool(_OTHERS.match(data)) or any(begins.match(data) for begins, _ in _READERS)


def check_size(width: int, height: int) -> None:
    """
    Raises:
        BadPicture: more, less or narrower than is taken.
    """
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise BadPicture(
            f"The picture is {width} × {height} pixels; at most {MAX_SIDE} a side and "
            f"{MAX_PIXELS // 1_000_000} million in all are taken; please send a smaller one."
        )
    if min(width, height) < MIN_SIDE or max(width, height) > MAX_RATIO * min(width, height):
        raise BadPicture(f"The picture is {width} × {height} pixels, which is too small or too narrow to work with.")


# PNG (www.w3.org/TR/png-3)

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"iCCP", b"eXIf", b"sRGB", b"gAMA", b"cHRM"})
_PNG_PIXELS = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, and where the body begins and ends, of each chunk up to IEND; a last one that is cut off is left out."""
    at = len(_PNG)
    for _ in range(MAX_PARTS):
        if at + 12 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + size > len(data):
            return
        yield kind, at + 8, at + 8 + size
        if kind == b"IEND":
            return
        at += 12 + size
    raise BadPicture(BUSYWORK)


def is_png(data: bytes) -> bool:
    return data.startswith(_PNG)


def png_pixels(data: bytes) -> bytes:
    """A PNG's pixels alone, as a PNG; empty when it is none.

    Raises:
        BadPicture: too many chunks.
    """
    if not is_png(data):
        return b""
    chunks = png_chunks(data)
    return _PNG + b"".join(data[start - 8 : end + 4] for kind, start, end in chunks if kind in _PNG_PIXELS)


def png_text(data: bytes, keyword: str, most: int) -> str | None:
    """The international text under a keyword, without decoding the picture; None if there is none in a PNG.

    Raises:
        ValueError: it is longer than `most` bytes, or damaged.
    """
    begins = keyword.encode() + b"\0"
    for kind, start, end in png_chunks(data) if is_png(data) else ():
        if kind != b"iTXt" or not data.startswith(begins, start):
            continue
        packed, at = data[start + len(begins)], start + len(begins) + 2
        for _ in range(2):  # language, translated keyword
            at = data.index(b"\0", at, end) + 1
        body = data[at:end]
        if packed:
            inflater = zlib.decompressobj()
            try:
                body = inflater.decompress(body, most + 1)
            except zlib.error as error:
                raise ValueError("The text is damaged.") from error
        if len(body) > most:
            raise ValueError("The text is too long.")
        return body.decode()
    return None


def _png(data: bytes) -> Scanned:
    width, height = struct.unpack_from(">II", data, 16)
    check_size(width, height)
    kept, animated, whole = [_PNG], False, len(_PNG)
    for kind, start, end in png_chunks(data):
        animated = animated or kind == b"acTL"
        if kind in _PNG_KEPT and (kind in _PNG_PIXELS or _small(kind, data[start:end])):
            kept.append(data[start - 8 : end + 4])
        whole = end + 4
        if kind == b"IEND":
            break
    else:
        kept.append(data[whole:])  # cut off: the decoder says so, or shows what there is
    return Scanned(b"".join(kept), animated)


def _small(kind: bytes, body: bytes) -> bool:
    """Whether an ancillary part is worth its bytes."""
    if len(body) > MAX_ANCILLARY:
        return False
    if kind != b"iCCP":
        return True
    packed = body[body.index(b"\0") + 2 :] if b"\0" in body else b""
    inflater = zlib.decompressobj()
    try:
        inflater.decompress(packed, MAX_ANCILLARY)
    except zlib.error:
        return False
    return inflater.eof


# JPEG (ITU-T T.81)

_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
_SOI, _EOI, _SOS, _COM = 0xD8, 0xD9, 0xDA, 0xFE
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_APPS = range(0xE0, 0xF0)
_APPS_KEPT = ((0xE0, b"JFIF\0"), (0xE1, b"Exif\0"), (0xE2, b"ICC_PROFILE\0"), (0xEE, b"Adobe"))


def _jpeg(data: bytes) -> Scanned:
    """One frame's segments; what lies behind its end (more pictures of an MPO, a film) is not handed on."""
    kept, at, scans, pixels, exif = [b"\xff\xd8"], 2, 0, 0, False
    for _ in range(MAX_PARTS):
        found = _MARKER.search(data, at)
        if found is None:
            kept.append(data[at:])
            break
        marker, start = data[found.end() - 1], found.end() - 2
        if scans:
            kept.append(data[at:start])  # entropy-coded bytes of the scan before
        at = found.end()
        if marker == _EOI:
            kept.append(b"\xff\xd9")
            break
        if marker in (0x01, _SOI):
            continue
        if at + 2 > len(data):
            break
        size = struct.unpack_from(">H", data, at)[0]
        body = data[at + 2 : at + size]
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", body, 1)
            check_size(width, height)
            pixels = max(pixels, width * height)
        elif marker == _SOS:
            scans += 1
            if scans > MAX_SCANS or scans * pixels > MAX_SCANNED:
                raise BadPicture(BUSYWORK)
        wanted = _segment_wanted(marker, body, exif=exif)
        exif = exif or (wanted and marker == 0xE1)
        if wanted:
            kept.append(data[start : at + size])
        at += size
    else:
        raise BadPicture(BUSYWORK)
    return Scanned(b"".join(kept))


def _segment_wanted(marker: int, body: bytes, *, exif: bool) -> bool:
    if marker == _COM:
        return False
    if marker not in _APPS:
        return True
    return any(marker == kind and body.startswith(name) for kind, name in _APPS_KEPT) and not (marker == 0xE1 and exif)


# GIF (89a)


def _gif(data: bytes) -> Scanned:
    """Up to the end of the first frame."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    check_size(width, height)
    at = 13 + _palette(flags)
    kept = [data[:at]]
    for _ in range(MAX_PARTS):
        kind = data[at] if at < len(data) else 0x3B
        if kind == 0x2C:
            left, top, wide, high, flags = struct.unpack_from("<HHHHB", data, at + 1)
            check_size(max(width, left + wide), max(height, top + high))
            end = _after_blocks(data, at + 11 + _palette(flags))
            kept += [data[at:end], b";"]
            return Scanned(b"".join(kept), _has_another_frame(data, end))
        if kind != 0x21:
            break
        end = _after_blocks(data, at + 2)
        if data[at + 1] == 0xF9:  # transparency of what follows
            kept.append(data[at:end])
        at = end
    raise BadPicture(BROKEN)


def _palette(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += data[at] + 1
    return at + 1


def _has_another_frame(data: bytes, at: int) -> bool:
    for _ in range(MAX_PARTS):
        if at + 1 >= len(data) or data[at] == 0x3B:
            return False
        if data[at] == 0x2C:
            return True
        at = _after_blocks(data, at + 2)
    return False


# WebP (RFC 9649)


def _webp(data: bytes) -> Scanned:
    """The canvas and every frame are counted; the decoder makes room for the canvas when it opens the file."""
    at, frames = 12, 0
    for _ in range(MAX_PARTS):
        if at + 8 > len(data):
            break
        kind, size = struct.unpack_from("<4sI", data, at)
        body = data[at + 8 : at + 8 + min(size, 32)]
        match kind:
            case b"VP8X":
                check_size(1 + _three(body, 4), 1 + _three(body, 7))
            case b"VP8L":
                bits = struct.unpack_from("<I", body, 1)[0]
                check_size(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
            case b"VP8 ":
                width, height = struct.unpack_from("<HH", body, 6)
                check_size(width & 0x3FFF, height & 0x3FFF)
            case b"ANMF":
                frames += 1
                if (1 + _three(body, 6)) * (1 + _three(body, 9)) > MAX_PIXELS:
                    raise BadPicture(BUSYWORK)
        at += 8 + size + (size & 1)
    else:
        raise BadPicture(BUSYWORK)
    return Scanned(data, frames > 1)


def _three(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 3], "little")


# HEIF's relatives (ISO/IEC 23008-12): AVIF, HEIC

_SPANS = re.compile(rb"ispe\x00{4}(.{8})", re.DOTALL)


_STILLS = (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"miaf")


def _heif(data: bytes) -> Scanned:
    """Every size that any part of the file claims."""
    brands = data[8 : min(int.from_bytes(data[:4], "big"), 256)]
    if not any(brands[at : at + 4] in _STILLS for at in range(0, len(brands), 4)):
        raise BadPicture("This is a film; please send a single picture of it.")
    for count, found in enumerate(_SPANS.finditer(data)):
        width, height = struct.unpack(">II", found[1])
        if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
            check_size(width, height)
        if count > MAX_PARTS:
            raise BadPicture(BUSYWORK)
    return Scanned(data, data[8:12] in (b"avis", b"hevc", b"msf1"))


_READERS: tuple[tuple[re.Pattern[bytes], Callable[[bytes], Scanned]], ...] = (
    (re.compile(re.escape(_PNG)), _png),
    (re.compile(rb"\xff\xd8\xff"), _jpeg),
    (re.compile(rb"GIF8[79]a"), _gif),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), _webp),
    (re.compile(rb"....ftyp", re.DOTALL), _heif),
)
_OTHERS = re.compile(rb"BM|II\*\x00|MM\x00\*")
"""Bitmaps and TIFFs, of which nothing is counted."""
_NAMED = tuple(
    (re.compile(begins, re.DOTALL), name)
    for begins, name in (
        (rb"\xff\x0a|\x00\x00\x00\x0cJXL ", "a JPEG XL picture"),
        (rb"\xff\x4f\xff\x51|\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture"),
        (rb"8BPS", "a Photoshop document"),
        (rb"%PDF|%!PS", "a document"),
        (rb"\s*(<\?xml[^>]{0,200}>)?.{0,400}?<svg", "a drawing of lines (SVG)"),
        (rb"\x76\x2f\x31\x01|#\?RADIANCE", "a picture of high dynamic range"),
        (rb"II\*\x00.{4}CR|FUJIFILMCCD-RAW|IIRO|IIU\x00", "a camera's raw picture"),
        (rb"\x1a\x45\xdf\xa3", "a film"),
        (rb"\x00\x00[\x01\x02]\x00", "an icon"),
        (rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf", "an archive"),
    )
)
"""What people send that is not taken."""
