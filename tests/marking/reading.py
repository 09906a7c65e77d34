"""Reads marked copies with the C2PA library itself, as any other program would."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

import c2pa
import numpy as np
from PIL import Image

from imaging.decoding.scan import png_text
from imaging.marking.signature import settings
from imaging.outputs import RECIPE_KEY


@dataclass(frozen=True)
class Said:
    """What a copy's active manifest says, and what the library finds wrong with it."""

    state: str
    wrong: list[str]
    manifest: dict[str, Any]

    @property
    def actions(self) -> list[dict[str, Any]]:
        [found] = [one for one in self.manifest["assertions"] if one["label"].startswith("c2pa.actions")]
        return list(found["data"]["actions"])

    @property
    def ingredients(self) -> list[tuple[str, str]]:
        return [(one["title"], one["relationship"]) for one in self.manifest.get("ingredients", [])]


def media_type(data: bytes) -> str:
    with Image.open(io.BytesIO(data)) as image:
        return str(Image.MIME[image.format or ""])


def said(data: bytes, anchors: str = "") -> Said:
    with (
        c2pa.Context.from_dict(settings(anchors)) as context,
        c2pa.Reader(media_type(data), io.BytesIO(data), context=context) as reader,
    ):
        found = json.loads(reader.json())
        failures = (reader.get_validation_results() or {}).get("activeManifest", {}).get("failure", [])
        state = str(reader.get_validation_state())
    return Said(state, [one["code"] for one in failures], found["manifests"][found["active_manifest"]])


def signed(data: bytes) -> bool:
    """Whether there is a manifest, and it is that of these bytes."""
    try:
        return said(data).state in ("Valid", "Trusted")
    except c2pa.C2paError:
        return False


def is_copy(data: bytes, stored: bytes) -> bool:
    """Whether it is a marked copy of a stored PNG: the same picture and recipe, other bytes, signed."""
    if data == stored or png_text(data, RECIPE_KEY, 1 << 20) != png_text(stored, RECIPE_KEY, 1 << 20):
        return False
    one, other = pixels(data), pixels(stored)
    return one.shape == other.shape and float(np.abs(one - other).mean()) < 4 and signed(data)


def pixels(data: bytes) -> np.ndarray[Any, np.dtype[np.float64]]:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"), np.float64)
