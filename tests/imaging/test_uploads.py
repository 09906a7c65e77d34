"""Uploads: what people bring becomes a clean upright RGB PNG, or a sentence."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imaging.errors import BadPicture
from imaging.uploads import KEPT_SIDE, read_upload
from tests.bombs import seeds
from tests.imaging.fuzz_uploads import fuzz


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@given(st.binary(max_size=300))
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(BadPicture, match=r"\.$"):
        read_upload(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_file_cut_anywhere_is_refused_or_read_whole(kind: str) -> None:
    data = encoded(Image.effect_noise((64, 48), 60).convert("RGB"), kind)
    assert read_upload(data).width == 64
    for cut in range(0, len(data) - 1, max(1, len(data) // 15)):
        try:
            clean = read_upload(data[:cut])
        except BadPicture:
            continue
        assert (clean.width, clean.height) == (64, 48)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_files_are_opened_or_refused() -> None:
    """`tests.imaging.fuzz_uploads` does this for as long as one likes."""
    outcomes = fuzz(1600, seed=3)
    assert {outcome for outcome in outcomes if not outcome.endswith((" opened", " refused"))} == set()
    assert sum(outcomes.values()) == 1600


def test_rotation_is_applied_and_metadata_dropped() -> None:
    image = Image.new("RGB", (40, 20), "red")
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "SecretCamera"
    exif.get_ifd(0x8825)[1] = "N"
    clean = read_upload(encoded(image, "JPEG", exif=exif, comment=b"SecretPlace"))
    assert (clean.width, clean.height) == (20, 40)
    assert b"Secret" not in clean.data
    assert opened(clean.data).info == {}


def test_animations_give_their_first_frame() -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    clean = read_upload(data)
    assert opened(clean.data).getpixel((5, 5)) == (255, 0, 0)
    assert clean.notes


def test_every_mode_becomes_rgb() -> None:
    for mode, kind in (("CMYK", "JPEG"), ("L", "PNG"), ("P", "PNG"), ("1", "PNG"), ("I;16", "PNG"), ("LA", "PNG")):
        assert opened(read_upload(encoded(Image.new(mode, (32, 32)), kind)).data).mode == "RGB"
    clear = read_upload(encoded(Image.new("RGBA", (32, 32), (9, 9, 9, 0)), "PNG"))
    assert opened(clear.data).getpixel((1, 1)) == (255, 255, 255)


def test_large_pictures_are_made_smaller() -> None:
    clean = read_upload(encoded(Image.new("RGB", (4000, 1000)), "PNG"))
    assert (clean.width, clean.height) == (KEPT_SIDE, 512)


def claimed(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be that large."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 100)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "size", [(30_000, 10), (30_000, 30_000), (9_000, 9_000), (2**31 - 1, 2**31 - 1), (4, 4), (8, 4000)]
)
def test_sizes_out_of_bounds_are_refused_before_decoding(size: tuple[int, int]) -> None:
    with pytest.raises(BadPicture, match="pixels"):
        read_upload(claimed(*size))


def test_other_files_are_refused() -> None:
    with pytest.raises(BadPicture):
        read_upload(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    with pytest.raises(BadPicture, match="empty"):
        read_upload(b"")
    with pytest.raises(BadPicture, match="MB"):
        read_upload(b"\0" * (33 * 1024 * 1024))
