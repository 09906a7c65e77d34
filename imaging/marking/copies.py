"""The copy of a picture that leaves the program: label, watermark, metadata, and last the signature over all of it.

The stored file is only read. Its recipe goes along as it stands there.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, replace

from PIL import Image, PngImagePlugin

from imaging.decoding.scan import is_png, png_chunks, png_text
from imaging.errors import BadPicture
from imaging.marking.label import labelled
from imaging.marking.looks import look
from imaging.marking.metadata import SourceType, source_type, xmp
from imaging.marking.signature import CannotSign, Credential, Statement, sign
from imaging.marking.watermark import embed
from imaging.outputs import MAX_RECIPE_BYTES, RECIPE_KEY, as_jpeg, enlarged, for_document, on_white, open_kept, smaller

XMP_KEY = "XML:com.adobe.xmp"
"""The iTXt keyword under which a PNG carries XMP (XMP Specification Part 3, 1.1.5)."""
LEVEL = 2
"""Of zlib: copies are made while people wait; level 6 takes three times as long for a twentieth less."""


@dataclass(frozen=True, slots=True)
class Layers:
    """What is put on a copy."""

    watermark: bool = True
    metadata: bool = True
    label: bool = False
    credential: Credential | None = None
    """None: copies are not signed."""

    @property
    def any(self) -> bool:
        return self.watermark or self.metadata or self.label or self.credential is not None


@dataclass(frozen=True, slots=True)
class Copy:
    """A file for people. `unsigned` is why it is not signed although it should be."""

    data: bytes
    media_type: str
    unsigned: str = ""


def marked(
    stored: bytes, layers: Layers, statement: Statement, max_bytes: int | None = None, *,
    posted: bool = False, side: int | None = None,
) -> Copy:  # fmt: skip
    """A marked copy of a PNG of ours; as WebP or JPEG where a PNG would be over `max_bytes`, with a `side` as a JPEG
    with a longest side of at most so many pixels. Blocks for a while.

    With `posted`, a small one is enlarged before it is marked (`imaging.outputs.enlarged`).

    Raises:
        BadPicture: it is no picture of ours, or cannot be made so small.
    """
    image = open_kept(stored, clear=True)
    if posted and (large := enlarged(image)) is not image:
        image, statement = large, replace(statement, enlarged=True)
    if side is not None:
        image = for_document(image, side)
    if layers.label:
        image = labelled(image)
    clear = image.getchannel("A") if image.mode == "RGBA" else None
    if layers.watermark:
        image = embed(image.convert("RGB"))
    if clear is not None:
        image.putalpha(clear)
    packet = xmp(statement.source, statement.version) if layers.metadata else b""
    room = statement.room if layers.credential is not None else 0
    if side is None:
        data, media_type = _png(image, _recipe(stored), packet), "image/png"
    else:
        data, media_type = as_jpeg(image, packet), "image/jpeg"
    if max_bytes is not None and len(data) + room > max_bytes:
        data, media_type = smaller(image, max_bytes - room, packet)
    if layers.credential is None:
        return Copy(data, media_type)
    try:
        return Copy(
            sign(data, media_type, replace(statement, look=look(on_white(image))), layers.credential), media_type
        )
    except CannotSign as error:
        return Copy(data, media_type, str(error))


def enlarged_file(stored: bytes) -> bytes:
    """A small PNG of ours enlarged for a chat, with no mark but its recipe; everything else as it is."""
    try:
        image = open_kept(stored, clear=True)
    except BadPicture:
        return stored
    large = enlarged(image)
    return stored if large is image else _png(large, _recipe(stored), b"")


def source_of(copy: bytes) -> SourceType | None:
    """What a PNG that `marked` made says of itself; None where it says nothing: an upload, or the watermark alone."""
    if not is_png(copy):
        return None
    signed = any(kind == b"caBX" for kind, _, _ in png_chunks(copy))  # C2PA 2.2, "Embedding manifests into PNG"
    said = source_type((png_text(copy, XMP_KEY, MAX_RECIPE_BYTES) or "").encode())
    if said in tuple(SourceType):
        return SourceType(said)
    return SourceType.GENERATED if signed else None


def _recipe(stored: bytes) -> str | None:
    try:
        return png_text(stored, RECIPE_KEY, MAX_RECIPE_BYTES)
    except ValueError:
        return None


def _png(image: Image.Image, recipe: str | None, packet: bytes) -> bytes:
    info = PngImagePlugin.PngInfo()
    if recipe is not None:
        info.add_itxt(RECIPE_KEY, recipe)
    if packet:
        info.add_itxt(XMP_KEY, packet.decode())
    out = io.BytesIO()
    image.save(out, "PNG", pnginfo=info, compress_level=LEVEL)
    return out.getvalue()


_JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\0"


def preview(data: bytes, packet: bytes) -> bytes:
    """A preview (JPEG) with an XMP packet; what is no JPEG comes back as it is. Previews pass in a second, so they are
    neither signed nor decoded for a watermark."""
    body = _JPEG_XMP + packet
    if not data.startswith(b"\xff\xd8") or len(body) > 65_533:
        return data
    # After JFIF's own segment, which readers expect to be the first.
    begins = 4 + int.from_bytes(data[4:6], "big") if re.match(rb"\xff\xd8\xff\xe0", data) else 2
    return data[:begins] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + data[begins:]
