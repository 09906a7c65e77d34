"""What is done to pictures on their way is told by its name, whatever of the marks is left."""

from __future__ import annotations

import io
import json
import shutil
import socket
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import c2pa
import pytest
from PIL import Image

from bot.cli import main
from bot.marking import certificate as certificates
from bot.marking.certificate import Certificate, certificate
from bot.settings import Settings
from handlers.model import Attachment, CommandCall
from handlers.verifying import is_ours, told
from imaging.decoding.pool import Decoders
from imaging.decoding.scan import png_chunks
from imaging.errors import BadPicture
from imaging.marking import signature as signing
from imaging.marking.copies import Layers, marked
from imaging.marking.inspection import Origin, inspect, inspected_now
from imaging.marking.signature import Credential, Ingredient, Statement
from imaging.outputs import encode_picture
from tests.fakes import ANNA, THREAD, FakeChat, message
from tests.fakes_engine import recipe
from tests.marking.conftest import Place
from tests.marking.test_watermark import painted

SIDE = 256
RECIPE = replace(recipe("a fox"), width=SIDE, height=SIDE)
STORED = encode_picture(painted(SIDE), RECIPE)
OTHER = encode_picture(painted(SIDE, 7), RECIPE)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    home = tmp_path_factory.mktemp("home")
    return certificate(Settings(_env_file=None, home=home), home)


@pytest.fixture(scope="module")
def copy(own: Certificate) -> bytes:
    return marked(STORED, Layers(credential=own.credential), Statement("1")).data


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    for kind, start, end in png_chunks(data):
        yield kind, data[start:end]


def png_of(parts: list[tuple[bytes, bytes]]) -> bytes:
    body = [struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def repainted(data: bytes, image: Image.Image) -> bytes:
    """The file with everything that it says, around other pixels."""
    out = io.BytesIO()
    image.save(out, "PNG")
    fresh = [part for part in chunks(out.getvalue()) if part[0] == b"IDAT"]
    kept = [part for part in chunks(data) if part[0] not in (b"IDAT", b"IEND")]
    return png_of([*kept, *fresh, (b"IEND", b"")])


def opened(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB")


def edited(data: bytes) -> bytes:
    image = opened(data)
    image.paste((255, 0, 0), (40, 40, 60, 60))
    return repainted(data, image)


def moved(data: bytes) -> bytes:
    """Its statement on a picture of somebody else."""
    return repainted(data, painted(SIDE, 7))


def torn(data: bytes) -> bytes:
    """The statement itself, changed where it says what was done."""
    return png_of([(k, b.replace(b"trainedAlgorithmicMedia", b"digitalCaptureeeeeeeeee") if k == b"caBX" else b)
                   for k, b in chunks(data)])  # fmt: skip


def resaved(data: bytes, kind: str = "JPEG") -> bytes:
    out = io.BytesIO()
    opened(data).save(out, kind, quality=80)
    return out.getvalue()


def without(data: bytes, *kinds: bytes) -> bytes:
    return png_of([part for part in chunks(data) if part[0] not in kinds])


def first_line(data: bytes, anchors: str = "") -> str:
    return told(inspect(data, anchors), ours=bool(anchors)).partition("\n")[0]


def test_ones_own_copy_is_known_and_whole(copy: bytes, own: Certificate) -> None:
    said = told(inspect(copy, own.root), ours=True)
    assert said.startswith("Made with AI, by this Easel: its signature holds, and nothing was changed since.")
    assert "Invisible mark: Easel's." in said
    assert "trainedAlgorithmicMedia" in said
    assert "Recipe: image by fake-1" in said
    assert "do not agree" not in said


WAYS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "unknown signer": (lambda it: it, "nobody here knows who signed it"),
    "edited": (edited, "Changed after it was signed.*the mark of Easel: made with AI"),
    "another picture": (moved, "belongs to another picture"),
    "torn": (torn, "tampered with"),
    "resaved": (resaved, "Made with AI: it carries the mark of Easel, but no signature"),
    "stripped": (lambda it: without(it, b"caBX", b"iTXt"), "Made with AI: it carries the mark of Easel, but no"),
    "damaged": (lambda it: png_of([(k, b[:900] if k == b"caBX" else b) for k, b in chunks(it)]), "cannot be read"),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_was_done_is_named(copy: bytes, own: Certificate, way: str) -> None:
    import re

    change, expected = WAYS[way]
    anchors = "" if way == "unknown signer" else own.root
    line = first_line(change(copy), anchors)
    assert re.search(expected, line), line


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_every_kind_of_picture_can_be_asked(copy: bytes, kind: str) -> None:
    assert first_line(resaved(copy, kind)).startswith("Made with AI: it carries the mark of Easel")
    assert "proves nothing" in first_line(resaved(STORED, kind))


def test_texts_that_unfold_without_end_are_left_alone() -> None:
    bomb = b"easel.recipe\0\1\0\0\0" + zlib.compress(bytes(200 << 20), 9)
    first, *rest = chunks(without(STORED, b"iTXt"))
    assert "proves nothing" in first_line(png_of([first, (b"iTXt", bomb), *rest]))


def test_metadata_alone_prove_nothing() -> None:
    words = marked(STORED, Layers(watermark=False), Statement("1")).data
    assert first_line(words) == "Its metadata say that it was made with AI; nothing proves it."
    assert "proves nothing" in first_line(resaved(STORED))


def test_a_certificate_that_has_ended_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "SIGNER_DAYS", 1)
    monkeypatch.setattr(certificates, "RENEWED_DAYS", 0)
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    found = certificate(Settings(_env_file=None, home=tmp_path), tmp_path, ends - timedelta(days=1))
    late = marked(STORED, Layers(credential=found.credential), Statement("1"))
    assert late.unsigned == ""
    while datetime.now(UTC) <= ends + timedelta(seconds=1):
        time.sleep(0.1)
    said = told(inspect(late.data, found.root), ours=True)
    assert said.startswith("Made with AI, says a signature that holds, but its certificate has ended or")


def test_layers_that_contradict_each_other_are_told(own: Certificate) -> None:
    silent = marked(STORED, Layers(watermark=False, credential=own.credential), Statement("1")).data
    assert "the mark is not in it" in told(inspect(silent, own.root), ours=True)
    foreign = encode_picture(painted(SIDE), replace(RECIPE, width=1024))
    other = marked(foreign, Layers(credential=own.credential), Statement("1")).data
    assert "the recipe is of a picture of 1024 × 256" in told(inspect(other, own.root), ours=True)
    parent = (Ingredient("Picture 1", STORED, "image/png"),)
    anew = marked(STORED, Layers(credential=own.credential), Statement("1", edited=True, parents=parent)).data
    assert "the recipe that it was drawn anew" in told(inspect(anew, own.root), ours=True)


def test_a_picture_too_small_for_the_mark_is_said_to_be(own: Certificate) -> None:
    tiny = encode_picture(painted(96), replace(RECIPE, width=96, height=96))
    said = told(inspect(marked(tiny, Layers(credential=own.credential), Statement("1")).data, own.root), ours=True)
    assert "Invisible mark: too small to carry one." in said
    assert "do not agree" not in said


def test_what_is_found_travels_between_processes(copy: bytes, own: Certificate) -> None:
    found = inspect(copy, own.root)
    assert Origin.from_json(found.to_json()) == found
    decoders = Decoders(1)
    try:
        assert inspected_now(decoders, copy, own.root) == found
        for junk in (b"", b"junk", copy[:3000]):
            with pytest.raises(BadPicture):
                inspected_now(decoders, junk, own.root)
    finally:
        decoders.close()


# The command


async def test_the_command_takes_an_attachment_or_a_number(place: Place) -> None:
    await place.say("a fox", "<image> a fox </image>")
    mine = await place.marks.copy((await place.picture(1)).sha256)

    async def asked(**more: object) -> str:
        return (await place.desk.command(CommandCall("v", THREAD, ANNA, "verify", **more))).text  # type: ignore[arg-type]

    assert (await asked(arguments={"picture": 1})).startswith("Made with AI, by this Easel")
    assert (await asked(files=(Attachment("a.png", mine),))).startswith("Made with AI, by this Easel")
    assert "proves nothing" in await asked(files=(Attachment("b.jpg", resaved(OTHER)),))
    both = await asked(files=(Attachment("a.png", mine), Attachment("b.jpg", resaved(OTHER))))
    assert "a.png: Made with AI" in both
    assert "b.jpg: Nothing in this file" in both
    assert "Attach a picture" in await asked()
    assert "There is no picture 9" in await asked(arguments={"picture": 9})
    assert "picture" in await asked(files=(Attachment("c.png", b"junk"),))


async def test_typed_with_an_attachment_it_is_answered_and_nothing_is_kept(place: Place) -> None:
    await place.say("a fox", "<image> a fox </image>")
    mine = await place.marks.copy((await place.picture(1)).sha256)
    await place.desk.receive(replace(message("/verify"), attachments=(Attachment("a.png", mine),)))
    assert isinstance(place.chat, FakeChat)
    [(_, answer)] = place.chat.answers
    assert answer.text.startswith("Made with AI, by this Easel")
    assert len(await place.store.gallery(THREAD)) == 1


def test_the_command_line_says_the_same(
    copy: bytes, own: Certificate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, root = tmp_path / "a.png", tmp_path / "root.pem"
    file.write_bytes(copy)
    root.write_text(own.root)
    assert main(["verify", str(file), "--home", str(tmp_path)]) == 0
    assert "nobody here knows who signed it" in capsys.readouterr().out
    assert not (tmp_path / "marking").exists(), "looking makes nothing"
    assert main(["verify", str(file), "--home", str(tmp_path), "--anchors", str(root)]) == 0
    assert "by Easel picture signer, Easel: its signature holds" in capsys.readouterr().out
    assert main(["verify", str(tmp_path / "none.png"), "--home", str(tmp_path)]) == 1
    assert main(["mark", "init", "--home", str(tmp_path)]) == 0
    assert str(tmp_path / "marking" / "ca.pem") in capsys.readouterr().out
    before = (tmp_path / "marking" / "signer.pem").read_bytes()
    assert main(["mark", "init", "--renew", "--home", str(tmp_path)]) == 0
    assert (tmp_path / "marking" / "signer.pem").read_bytes() != before


def signer_beside(folder: Path) -> Credential:
    """Somebody else's certificate under the same root."""
    shutil.copytree(folder, folder.parent / "beside")
    certificates.renew(folder.parent / "beside", datetime.now(UTC))
    beside = folder.parent / "beside"
    return Credential((beside / "signer.pem").read_text(), (beside / "signer.key").read_text())


def test_who_shares_the_root_of_a_hosts_certificate_is_not_this_easel(tmp_path: Path) -> None:
    """An authority certifies many: its root says that the signer is known, not that it is this one."""
    own = certificate(Settings(_env_file=None, home=tmp_path), tmp_path)
    marking = tmp_path / "marking"
    hosts = Settings(
        _env_file=None, home=tmp_path,
        mark_certificate=str(marking / "signer.pem"), mark_key=str(marking / "signer.key"),
    )  # fmt: skip
    known = certificates.known(hosts, tmp_path)
    for credential, by in (
        (own.credential, "by this Easel: its"),
        (signer_beside(marking), "by Easel picture signer, Easel: its"),
    ):
        found = inspect(marked(STORED, Layers(credential=credential), Statement("1")).data, known.root)
        said = told(found, ours=is_ours(found, known.serial))
        assert said.startswith(f"Made with AI, {by} signature holds"), said
        assert ("this Easel" in said) == (credential == own.credential)


def test_a_statement_that_lies_elsewhere_is_not_fetched_nor_its_address_told(own: Certificate) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/statement.c2pa"
        out = io.BytesIO()
        info = c2pa.C2paSignerInfo(b"es256", own.credential.chain.encode(), own.credential.key.encode(), None)
        with (
            c2pa.Context.from_dict(signing.settings()) as context,
            c2pa.Builder(json.dumps(Statement("1").manifest("image/png")), context=context) as builder,
            c2pa.Signer.from_info(info) as signer,
        ):
            builder.set_remote_url(address)
            builder.set_no_embed()
            builder.sign(signer, "image/png", io.BytesIO(STORED), out)
        assert address.encode() in out.getvalue()
        said = told(inspect(out.getvalue(), own.root), ours=True)
        with pytest.raises(TimeoutError):
            server.accept()
    assert "it lies elsewhere on the net, and nothing is fetched from there" in said
    assert "127.0.0.1" not in said


def test_a_picture_that_a_chat_was_posted_enlarged_agrees_with_its_recipe(own: Certificate) -> None:
    posted = marked(STORED, Layers(credential=own.credential), Statement("1"), posted=True).data
    found = inspect(posted, own.root)
    assert (found.width, found.height) == (4 * SIDE, 4 * SIDE)
    said = told(found, ours=True)
    assert said.startswith("Made with AI, by this Easel: its signature holds")
    assert "created, resized" in said
    assert "do not agree" not in said
    twice = replace(found, width=2 * SIDE, height=2 * SIDE)
    assert "do not agree" in told(twice, ours=True)
