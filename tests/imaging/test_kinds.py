"""Picture files are told apart by how they begin."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from imaging.kinds import UNKNOWN, kind_of


@pytest.mark.parametrize(
    ("encoding", "kind"),
    [("PNG", ("image/png", "png")), ("WEBP", ("image/webp", "webp")), ("JPEG", ("image/jpeg", "jpg")),
     ("GIF", ("image/gif", "gif")), ("BMP", UNKNOWN)],
)  # fmt: skip
def test_what_encoders_write_is_known(encoding: str, kind: tuple[str, str]) -> None:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, encoding)
    assert kind_of(out.getvalue()) == kind


@pytest.mark.parametrize("data", [b"", b"\x89", b"RIFF0000WAVE", b"<html>"])
def test_other_bytes_are_of_no_kind(data: bytes) -> None:
    assert kind_of(data) == UNKNOWN
