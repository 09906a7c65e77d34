"""What a file of anybody says of its origin: signed statement, invisible mark, metadata, recipe.

Runs in a process of its own with limits (`imaging.decoding.child`), like everything that opens strangers' files.
"""

from __future__ import annotations

import io
import json
import struct
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from PIL import Image

from imaging.decoding.pool import Decoders
from imaging.decoding.scan import is_png, png_text
from imaging.errors import BadPicture
from imaging.marking.copies import XMP_KEY
from imaging.marking.looks import look
from imaging.marking.metadata import source_type
from imaging.marking.signature import LOOK, settings
from imaging.marking.watermark import detect, fits
from imaging.model import Recipe, plain
from imaging.outputs import MAX_RECIPE_BYTES, RECIPE_KEY

WORK = "imaging.marking.inspection:answer"
LONGEST = 100
"""Characters of a name that a stranger's certificate has."""
ELSEWHERE = "it lies elsewhere on the net, and nothing is fetched from there"
MOST = 8
"""Actions and parents that are told."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A signed statement (C2PA). `wrong` are the codes of C2PA 2.2, "Validation status codes", that fail."""

    trusted: bool = False
    wrong: tuple[str, ...] = ()
    signer: str = ""
    generator: str = ""
    actions: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    """Digital source types of the actions."""
    parents: tuple[str, ...] = ()
    look: str = ""
    serial: str = ""
    """Of the signer's certificate, decimal digits."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Everything that was found in one file."""

    width: int
    height: int
    look: str
    manifest: Manifest | None = None
    unreadable: str = ""
    """Why a statement that is there cannot be read."""
    mark_score: float = 0.0
    mark_size: float = 1.0
    marked: bool = False
    could_be_marked: bool = True
    """Whether it is large enough to carry the mark at its present size."""
    source: str | None = None
    recipe: Mapping[str, Any] | None = field(default=None)
    """`operation`, `width`, `height`, `engine`, `model`; empty where it cannot be read."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse, after its way between two processes of ours."""
        manifest = data["manifest"]
        if manifest is not None:
            lists = {key: tuple(manifest[key]) for key in ("wrong", "actions", "sources", "parents")}
            manifest = Manifest(**{**manifest, **lists})
        return cls(**{**data, "manifest": manifest})


async def inspected(decoders: Decoders, data: bytes, anchors: str, *, owner: str) -> Origin:
    """`inspect` in a process of its own.

    Raises:
        BadPicture, imaging.decoding.pool.Closed: as `Decoders.read`.
    """
    found = await decoders.ask(data, WORK, {"anchors": anchors}, owner=owner)
    return Origin.from_json(found["origin"])


def inspected_now(decoders: Decoders, data: bytes, anchors: str) -> Origin:
    """The same, for threads."""
    return Origin.from_json(decoders.ask_now(data, WORK, {"anchors": anchors})["origin"])


def answer(data: bytes, anchors: str) -> dict[str, Any]:
    """What that process sends."""
    return {"origin": inspect(data, anchors).to_json()}


def inspect(data: bytes, anchors: str = "") -> Origin:
    """Look at a file.

    Args:
        data: The file.
        anchors: PEM of the roots whose signers are trusted.

    Raises:
        BadPicture: it is no picture that can be opened; one sentence.
    """
    from imaging.decoding.uploads import read_upload  # with every decoder, so in that process only

    clean = read_upload(data)
    with Image.open(io.BytesIO(clean.data)) as opened:
        pixels = opened.convert("RGB")
    media_type, size, packet = _outside(data, pixels.size)
    manifest, unreadable = _manifest(data, media_type, anchors)
    mark = detect(pixels)
    return Origin(
        *size, look(pixels), manifest, unreadable, round(mark.score, 1), round(mark.size, 2), mark.found,
        fits(*size), source_type(packet), _recipe(data),
    )  # fmt: skip


def _outside(data: bytes, seen: tuple[int, int]) -> tuple[str, tuple[int, int], bytes]:
    """Media type, size in pixels and XMP packet of the file as it came.

    A PNG is read chunk by chunk: its texts may unfold to more than a library wants to hold.
    """
    if is_png(data):
        width, height = struct.unpack_from(">II", data, 16)
        return "image/png", (width, height), (_text(data, XMP_KEY) or "").encode()
    from imaging.decoding.uploads import FORMATS

    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            warnings.simplefilter("ignore")  # of damaged metadata
            packet = opened.info.get("xmp", b"")
            kind = str(Image.MIME.get(opened.format or "", ""))
            return kind, opened.size, packet if isinstance(packet, bytes) else b""
    except (OSError, ValueError, SyntaxError):
        return "", seen, b""


def _text(data: bytes, keyword: str) -> str | None:
    try:
        return png_text(data, keyword, MAX_RECIPE_BYTES)
    except (ValueError, BadPicture):
        return None


def _recipe(data: bytes) -> dict[str, Any] | None:
    if not is_png(data):
        return None
    text = _text(data, RECIPE_KEY)
    if text is None:
        return None
    try:
        recipe = Recipe.from_json(json.loads(text))
    except (ValueError, RecursionError):
        return {}
    return {
        "operation": recipe.operation.value, "width": recipe.width, "height": recipe.height,
        "engine": recipe.engine[:LONGEST], "model": recipe.model[:LONGEST],
    }  # fmt: skip


def _manifest(data: bytes, media_type: str, anchors: str) -> tuple[Manifest | None, str]:
    """The active one; None and nothing where there is none, None and the reason where it cannot be read."""
    try:
        import c2pa
    except (ImportError, OSError, RuntimeError) as error:
        return None, f"c2pa-python cannot be loaded ({error})"
    try:
        with (
            c2pa.Context.from_dict(settings(anchors)) as context,
            c2pa.Reader(media_type, io.BytesIO(data), context=context) as reader,
        ):
            told = json.loads(reader.json())
            results = reader.get_validation_results() or {}
            trusted = str(reader.get_validation_state()) == "Trusted"
    except c2pa.C2paError as error:
        # A file without a statement, and kinds of files that have none, are no news.
        if str(error).startswith("Remote"):  # the address is a stranger's: it is neither asked nor told
            return None, ELSEWHERE
        gone = any(word in type(error).__name__ for word in ("ManifestNotFound", "NotSupported"))
        return None, "" if gone else plain(str(error))[:LONGEST]
    active = told.get("manifests", {}).get(told.get("active_manifest"))
    if active is None:
        return None, "it names no statement"
    failures = results.get("activeManifest", {}).get("failure", [])
    return _read(active, trusted, tuple(dict.fromkeys(str(one["code"]) for one in failures))), ""


def _read(active: Mapping[str, Any], trusted: bool, wrong: tuple[str, ...]) -> Manifest:
    actions: list[Mapping[str, Any]] = []
    seen = ""
    for one in active.get("assertions", []):
        if str(one.get("label", "")).startswith("c2pa.actions"):
            actions += one["data"].get("actions", [])
        elif one.get("label") == LOOK:
            seen = str(one["data"].get("dhash", ""))[:16]
    signature = active.get("signature_info") or {}
    names = (signature.get("common_name"), signature.get("issuer"))
    generators = active.get("claim_generator_info") or [{}]
    generator = " ".join(filter(None, (generators[0].get("name"), generators[0].get("version"))))
    return Manifest(
        trusted, wrong, _short(", ".join(dict.fromkeys(filter(None, names)))), _short(generator),
        _several(one.get("action") for one in actions), _several(one.get("digitalSourceType") for one in actions),
        _several(one.get("title") for one in active.get("ingredients", [])), seen,
        str(signature.get("cert_serial_number", ""))[:LONGEST],
    )  # fmt: skip


def _short(text: object) -> str:
    """Of a stranger: one line, no more than a line."""
    return plain(" ".join(str(text).split()))[:LONGEST]


def _several(found: Iterable[object]) -> tuple[str, ...]:
    return tuple(_short(one) for one in found if one)[:MOST]
