"""Uploads: what people bring becomes a clean upright RGB PNG, or a sentence."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat

from imaging.decoding.uploads import KEPT_SIDE, read_upload
from imaging.errors import BadPicture
from tests.bombs import chunk
from tests.imaging.fuzz_uploads import fuzz
from tests.imaging.samples import HEIC, SRGB, profile


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


def colour(data: bytes, at: tuple[int, int] = (20, 20)) -> tuple[int, ...]:
    """Of one pixel of a file after it was read."""
    found = opened(read_upload(data).data).getpixel(at)
    assert isinstance(found, tuple)
    return found


def test_a_phones_picture_is_read_and_stands_upright() -> None:
    clean = read_upload(HEIC)
    assert (clean.width, clean.height, clean.notes) == (48, 64, ())
    assert colour(HEIC, (46, 2)) == (220, 40, 41)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
def test_a_profile_is_applied(kind: str) -> None:
    red, green, blue = SRGB
    swapped = profile(blue, green, red, 2.2)
    data = encoded(Image.new("RGB", (48, 48), "red"), kind, icc_profile=swapped)
    assert colour(data) == pytest.approx((0, 0, 255), abs=1)


def test_a_linear_profile_makes_greys_lighter_and_a_broken_one_changes_nothing() -> None:
    grey, clear = Image.new("RGB", (48, 48), (128, 128, 128)), Image.new("RGBA", (48, 48), (255, 0, 0, 128))
    red, green, blue = SRGB
    assert colour(encoded(grey, "PNG", icc_profile=profile(*SRGB, 1.0))) == (188, 188, 188)
    assert colour(encoded(clear, "PNG", icc_profile=profile(blue, green, red, 2.2))) == (127, 127, 255)
    assert colour(encoded(grey, "PNG", icc_profile=b"junk" * 40)) == (128, 128, 128)


@pytest.mark.parametrize(
    ("mode", "value", "brightest", "kind", "grey"),
    [
        ("I;16", 40_000, 40_000, "PNG", 156),
        ("I;16", 40_000, 40_000, "TIFF", 156),
        ("I", 40_000, 65_535, "TIFF", 156),
        ("I", 200, 255, "TIFF", 200),
        ("I", 1 << 20, 1 << 21, "TIFF", 128),
        ("F", 0.5, 1.0, "TIFF", 128),
        ("F", 128.0, 255.0, "TIFF", 128),
        ("F", 0.0, float("nan"), "TIFF", 0),
    ],
)
def test_sixteen_bits_and_floats_keep_their_greys(
    mode: str, value: float, brightest: float, kind: str, grey: int
) -> None:
    image = Image.new(mode, (48, 48), value)
    image.putpixel((47, 47), brightest if mode == "F" else int(brightest))
    assert colour(encoded(image, kind)) == (grey, grey, grey)


def test_white_may_be_zero_in_sixteen_bits_too() -> None:
    data = bytearray(encoded(Image.new("I;16", (48, 48), 40_000), "TIFF"))
    at = data.index(struct.pack("<HHI", 262, 3, 1)) + 8
    data[at] = 0
    assert colour(bytes(data)) == (99, 99, 99)


def test_lab_becomes_rgb() -> None:
    assert colour(encoded(Image.new("LAB", (48, 48), (255, 128, 128)), "TIFF")) == pytest.approx((255,) * 3, abs=1)


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"prVt"])
def test_what_is_no_pixels_and_long_is_skipped(kind: bytes) -> None:
    data = encoded(Image.new("RGB", (48, 48), "teal"), "PNG")
    packed = b"a\0\0" + zlib.compress(b"\0" * (3 << 20))
    for body in (packed, b"\0" * ((1 << 20) + 1)):
        assert colour(data[:33] + chunk(kind, body) + data[33:]) == (0, 128, 128)


def test_several_pictures_in_one_jpeg_are_no_animation() -> None:
    frames = [Image.new("RGB", (48, 48), name) for name in ("teal", "red")]
    data = encoded(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert read_upload(data).notes == ()
    assert colour(data) == pytest.approx((0, 128, 128), abs=4)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_an_animation_is_told(kind: str) -> None:
    frames = [Image.new("RGB", (48, 48), name) for name in ("red", "blue")]
    moving = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    assert read_upload(moving).notes == ("The first frame of the animation is used.",)
    assert not read_upload(encoded(frames[0], kind)).notes


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\xff\x0a\xcb\x06" + b"\0" * 40, "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0" * 40, "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 40, "JPEG 2000"),
        (b"8BPS\0\1" + b"\0" * 40, "Photoshop"),
        (b"%PDF-1.7\n", "document"),
        (b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\x76\x2f\x31\x01" + b"\0" * 40, "dynamic range"),
        (b"II*\0\x10\0\0\0CR\2\0" + b"\0" * 40, "raw"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + b"\0" * 40, "film"),
    ],
)
def test_what_is_not_read_is_named_with_the_way_out(data: bytes, name: str) -> None:
    with pytest.raises(BadPicture, match=f"{name}.*please s"):
        read_upload(data)


def test_broken_exif_turns_nothing_and_refuses_nothing() -> None:
    data = encoded(Image.new("RGB", (48, 40), "teal"), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12\0\x03")
    clean = read_upload(data)
    assert (clean.width, clean.height) == (48, 40)


def test_large_pictures_are_made_smaller() -> None:
    clean = read_upload(encoded(Image.new("RGB", (4000, 1000)), "PNG"))
    assert (clean.width, clean.height) == (KEPT_SIDE, 512)


def test_a_large_jpeg_keeps_its_look_at_half_its_size() -> None:
    image = Image.linear_gradient("L").resize((4096, 4096)).convert("RGB")
    image.paste((200, 40, 40), (0, 0, 1024, 1024))
    clean = read_upload(encoded(image, "JPEG", quality=90))
    assert (clean.width, clean.height) == (KEPT_SIDE, KEPT_SIDE)
    assert clean.notes
    expected = image.resize((KEPT_SIDE, KEPT_SIDE))
    difference = ImageChops.difference(expected, opened(clean.data))
    assert max(ImageStat.Stat(difference).mean) < 2


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
