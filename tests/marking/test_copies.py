"""The copy that leaves says what it is, in layers that stand for themselves; the stored file is only read."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bot.marking.certificate import certificate
from bot.settings import Settings
from imaging.marking import watermark
from imaging.marking.copies import XMP_KEY, Layers, enlarged_file, marked, preview
from imaging.marking.metadata import SourceType, source_type, xmp
from imaging.marking.signature import Credential, Ingredient, Statement
from imaging.outputs import encode_picture, open_kept, preview_bytes, read_recipe, with_recipe
from tests.fakes_engine import recipe
from tests.marking.reading import is_copy, media_type, pixels, said, signed
from tests.marking.test_watermark import painted

STATEMENT = Statement("1.2.3")
STORED = encode_picture(painted(256), recipe("a fox of Anna"))


@pytest.fixture(scope="module")
def credential(tmp_path_factory: pytest.TempPathFactory) -> Credential:
    home = tmp_path_factory.mktemp("home")
    return certificate(Settings(_env_file=None, home=home), home).credential


def packet_of(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        found = image.info.get("xmp") or image.info.get(XMP_KEY, "")
    return found if isinstance(found, bytes) else str(found).encode()


def test_a_copy_has_all_layers_and_its_recipe(credential: Credential) -> None:
    copy = marked(STORED, Layers(credential=credential), STATEMENT)
    assert (copy.media_type, copy.unsigned) == ("image/png", "")
    assert is_copy(copy.data, STORED)
    assert watermark.detect(Image.open(io.BytesIO(copy.data))).found
    assert source_type(packet_of(copy.data)) == SourceType.GENERATED
    assert read_recipe(copy.data) == read_recipe(STORED)
    found = said(copy.data)
    assert found.wrong == ["signingCredential.untrusted"], "nobody knows Easel's own certificate"
    assert found.manifest["claim_generator_info"][0]["name"] == "Easel"
    assert found.manifest["claim_generator_info"][0]["version"] == "1.2.3"
    [made] = found.actions
    assert (made["action"], made["digitalSourceType"]) == ("c2pa.created", SourceType.GENERATED.value)


def test_the_statement_names_no_person_and_no_words(credential: Credential) -> None:
    copy = marked(STORED, Layers(credential=credential), STATEMENT)
    assert "fox" not in str(said(copy.data).manifest)
    assert "Anna" not in str(said(copy.data).manifest)


@pytest.mark.parametrize("limit", [60_000, 16_000])
def test_a_copy_that_has_to_be_small_is_marked_after_it_was_made_small(credential: Credential, limit: int) -> None:
    noisy = Image.fromarray(np.random.default_rng(1).integers(0, 256, (512, 512, 3), dtype=np.uint8))
    stored = encode_picture(noisy, recipe())
    copy = marked(stored, Layers(credential=credential), STATEMENT, limit)
    assert len(copy.data) <= limit
    assert media_type(copy.data) == copy.media_type != "image/png"
    assert signed(copy.data)
    assert source_type(packet_of(copy.data)) == SourceType.GENERATED


@pytest.mark.parametrize("kind", ["WEBP", "JPEG"])
def test_every_kind_of_file_is_signed(credential: Credential, kind: str) -> None:
    from imaging.marking.signature import sign

    out = io.BytesIO()
    painted(128).save(out, kind)
    assert signed(sign(out.getvalue(), f"image/{kind.lower()}", STATEMENT, credential))


def test_an_edit_opens_its_parent_and_names_the_others(credential: Credential) -> None:
    parents = (Ingredient("Picture 1", STORED, "image/png"), Ingredient("Picture 2", STORED, "image/png"))
    edit = said(marked(STORED, Layers(credential=credential), Statement("1", edited=True, parents=parents)).data)
    assert [one["action"] for one in edit.actions] == ["c2pa.opened", "c2pa.edited"]
    assert edit.actions[1]["digitalSourceType"] == SourceType.GENERATED.value
    assert edit.ingredients == [("Picture 1", "parentOf"), ("Picture 2", "inputTo")]
    assert edit.wrong == ["signingCredential.untrusted"]
    new = said(marked(STORED, Layers(credential=credential), Statement("1", parents=parents)).data)
    assert [one["action"] for one in new.actions] == ["c2pa.created"]
    assert [relation for _, relation in new.ingredients] == ["inputTo", "inputTo"]
    assert new.wrong == ["signingCredential.untrusted"]


def test_layers_are_left_out_one_by_one(credential: Credential) -> None:
    only_mark = marked(STORED, Layers(metadata=False), STATEMENT).data
    assert not signed(only_mark)
    assert packet_of(only_mark) == b""
    assert watermark.detect(Image.open(io.BytesIO(only_mark))).found
    only_words = marked(STORED, Layers(watermark=False), STATEMENT).data
    assert np.array_equal(pixels(only_words), pixels(STORED))
    assert source_type(packet_of(only_words)) == SourceType.GENERATED
    only_signed = marked(STORED, Layers(watermark=False, metadata=False, credential=credential), STATEMENT).data
    assert np.array_equal(pixels(only_signed), pixels(STORED))
    assert signed(only_signed)


def test_the_label_is_read_in_a_corner_and_nowhere_else() -> None:
    change = pixels(marked(STORED, Layers(watermark=False, metadata=False, label=True), STATEMENT).data) - pixels(
        STORED
    )
    assert np.abs(change[-12:, -40:]).max() > 50
    assert not change[:200].any()


def free_standing(size: int = 256) -> bytes:
    """A stored picture whose left half can be seen through."""
    image = painted(size).convert("RGBA")
    image.paste((255, 0, 0, 0), (0, 0, size // 2, size))
    return encode_picture(image, replace(recipe("a fox"), background="none"))


@pytest.mark.parametrize("posted", [False, True])
def test_what_stands_free_leaves_so_with_every_layer(credential: Credential, posted: bool) -> None:
    layers = Layers(label=True, credential=credential)
    copy = marked(free_standing(), layers, STATEMENT, posted=posted)
    with Image.open(io.BytesIO(copy.data)) as image:
        alpha = np.asarray(image)[..., 3]
        assert (image.mode, alpha[5, 5], alpha[5, -5]) == ("RGBA", 0, 255)
        assert watermark.detect(image.crop((image.width // 2, 0, *image.size))).found
    assert said(copy.data).wrong == ["signingCredential.untrusted"]


def test_what_stands_free_lies_on_white_where_a_kind_of_file_or_reader_has_no_transparency() -> None:
    stored = free_standing()
    assert open_kept(stored).getpixel((5, 5)) == (255, 255, 255)
    page = marked(stored, Layers(), STATEMENT, side=128)
    with Image.open(io.BytesIO(page.data)) as image:
        assert np.asarray(image)[5, 5].min() > 245
    small = marked(stored, Layers(), STATEMENT, 12_000)
    with Image.open(io.BytesIO(small.data)) as image:
        assert image.size[0] <= 256
    assert read_recipe(with_recipe(stored, recipe("another"))).description == "another"
    with Image.open(io.BytesIO(with_recipe(stored, replace(recipe("another"), background="none")))) as image:
        assert np.asarray(image)[5, 5, 3] == 0


def test_a_broken_certificate_keeps_the_other_layers(credential: Credential) -> None:
    other = Credential(credential.chain, credential.key.replace("M", "N"), credential.algorithm)
    copy = marked(STORED, Layers(credential=other), STATEMENT)
    assert copy.unsigned
    assert not signed(copy.data)
    assert watermark.detect(Image.open(io.BytesIO(copy.data))).found


def test_previews_say_it_and_stay_previews() -> None:
    small = preview(preview_bytes(painted(128)), xmp(SourceType.GENERATED, "1"))
    assert source_type(packet_of(small)) == SourceType.GENERATED
    assert media_type(small) == "image/jpeg"
    assert preview(b"no picture", b"xmp") == b"no picture"


@pytest.mark.parametrize(
    "packet",
    [
        b'<rdf:Description Iptc4xmpExt:DigitalSourceType="%b"/>',
        b"<Iptc4xmpExt:DigitalSourceType>\n %b </Iptc4xmpExt:DigitalSourceType>",
        b'<Iptc4xmpExt:DigitalSourceType rdf:resource="%b"/>',
    ],
)
def test_the_source_type_is_read_however_others_write_it(packet: bytes) -> None:
    assert source_type(packet % SourceType.GENERATED.encode()) == SourceType.GENERATED
    assert source_type(packet.replace(b"DigitalSourceType", b"Creator") % b"http://x") is None


def test_the_stored_file_is_only_read(credential: Credential, tmp_path: Path) -> None:
    before = bytes(STORED)
    marked(STORED, Layers(label=True, credential=credential), STATEMENT)
    assert before == STORED


SMALL = encode_picture(painted(128), recipe("a fox of Anna"))


def test_a_small_picture_is_posted_larger_and_marked_after_that(credential: Credential) -> None:
    copy = marked(SMALL, Layers(credential=credential), STATEMENT, posted=True)
    with Image.open(io.BytesIO(copy.data)) as image:
        assert image.size == (512, 512)
        assert watermark.detect(image).found
    assert source_type(packet_of(copy.data)) == SourceType.GENERATED
    assert read_recipe(copy.data) == read_recipe(SMALL)
    found = said(copy.data)
    assert found.wrong == ["signingCredential.untrusted"]
    assert [one["action"] for one in found.actions] == ["c2pa.created", "c2pa.resized"]


@pytest.mark.parametrize(("side", "posted"), [(16, 64), (511, 2044), (512, 512), (513, 513)])
def test_only_what_would_be_a_stamp_is_posted_larger(side: int, posted: int) -> None:
    stored = encode_picture(painted(side), recipe())
    for copy in (marked(stored, Layers(), STATEMENT, posted=True).data, enlarged_file(stored)):
        with Image.open(io.BytesIO(copy)) as image:
            assert image.size == (posted, posted)
    assert enlarged_file(stored) != stored or side == posted
    assert enlarged_file(b"no picture") == b"no picture"
