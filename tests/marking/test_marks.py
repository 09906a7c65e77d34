"""Marked copies through the desk, on a real store: who gets what, and what stays as it is."""

from __future__ import annotations

import asyncio
import io
import logging
import socket
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pypdf import PdfReader

from bot.chats.slack.outgoing.sheets import Sheets
from bot.marking import checkup
from bot.marking.certificate import certificate
from bot.marking.marks import Kept
from bot.settings import Settings
from handlers.errors import PictureGone, StoreError
from handlers.marking import Unmarked
from handlers.model import Action, CommandCall, PicturePart, Press
from imaging.findings import Level
from imaging.marking import watermark
from imaging.marking.copies import enlarged_file
from imaging.marking.metadata import SourceType, source_type
from imaging.model import Operation
from imaging.outputs import THUMBNAIL_BYTES
from tests.fakes import ANNA, THREAD, png
from tests.marking.conftest import Place
from tests.marking.reading import is_copy, pixels, said, signed
from tests.marking.test_copies import packet_of


async def test_what_is_stored_stays_and_what_leaves_is_marked(place: Place) -> None:
    await place.say("a fox", "<image> a fox </image>")
    picture = await place.picture(1)
    stored = place.files.get(picture.sha256)
    copy = await place.marks.copy(picture.sha256)
    assert is_copy(copy, stored)
    assert place.files.get(picture.sha256) == stored
    assert (await place.picture(1)).sha256 == picture.sha256
    assert place.files.names() == {picture.sha256}


async def test_an_upload_leaves_as_it_is_and_its_edit_names_it(place: Place) -> None:
    await place.upload("mine", png(5), "Nice.")
    await place.say("blue", '<edit prev_id="1"> a blue cat </edit>')
    await place.say("bluer", '<edit prev_id="2"> a bluer cat </edit>')
    upload = await place.picture(1)
    assert upload.operation is Operation.UPLOAD
    assert await place.marks.copy(upload.sha256) == place.files.get(upload.sha256)
    edit = said(await place.marks.copy((await place.picture(2)).sha256))
    assert [one["action"] for one in edit.actions] == ["c2pa.opened", "c2pa.edited"]
    assert edit.ingredients == [("Picture 1, brought by a person", "parentOf")]
    again = said(await place.marks.copy((await place.picture(3)).sha256))
    assert again.ingredients == [("Picture 2, made with AI", "parentOf")]


async def test_a_copy_is_made_once_while_it_is_at_hand(place: Place) -> None:
    await place.say("a fox", "<image> a fox </image>")
    sha = (await place.picture(1)).sha256
    one, other = await asyncio.gather(place.marks.copy(sha), place.marks.copy(sha))
    assert one == other == await place.marks.copy(sha, len(one)), "two signings differ"


async def test_a_deleted_picture_is_not_at_hand_either(place: Place) -> None:
    await place.say("a fox", "<image> a fox </image>")
    sha = (await place.picture(1)).sha256
    await place.marks.copy(sha)
    await place.desk.press(Press("e", THREAD, ANNA, Action.DELETE, 1))
    with pytest.raises(StoreError):
        await place.marks.copy(sha)


async def test_exports_and_comparisons_are_marked(place: Place) -> None:
    await place.say("a fox", "<image> a fox </image>")
    await place.say("blue", '<edit prev_id="1"> a blue fox </edit>')
    answer = await place.desk.press(Press("c", THREAD, ANNA, Action.COMPARE, 2))
    [sheet] = answer.files
    [made] = said(sheet.data).actions
    assert made["digitalSourceType"] == SourceType.COMPOSITE.value
    assert source_type(packet_of(sheet.data)) == SourceType.COMPOSITE
    exported = await place.desk.command(CommandCall("x", THREAD, ANNA, "export"))
    archive = zipfile.ZipFile(io.BytesIO(exported.files[0].data))
    for number in (1, 2):
        stored = place.files.get((await place.picture(number)).sha256)
        assert is_copy(archive.read(f"pictures/{number}.png"), stored)


@pytest.mark.parametrize("side", [1600, 9])
async def test_the_copy_in_a_document_is_a_marked_jpeg_of_its_size(place: Place, side: int) -> None:
    await place.say("a fox", "<image> a fox </image>")
    picture = await place.picture(1)
    data = await place.marks.for_document(picture.sha256, side)
    assert data.startswith(b"\xff\xd8\xff")
    assert signed(data)
    assert source_type(data) == SourceType.GENERATED
    with Image.open(io.BytesIO(data)) as image:
        assert max(image.size) == min(side, 16)


async def test_pictures_lie_in_pdfs_and_slides_with_their_marks(place: Place) -> None:
    await place.say("a fox", "<image> a fox </image>")
    lying = []
    for format in ("pdf", "slides"):
        call = CommandCall("x", THREAD, ANNA, "export", {"format": format})
        [file] = (await place.desk.command(call)).files
        if format == "pdf":
            [name] = PdfReader(io.BytesIO(file.data)).pages[0]["/Resources"]["/XObject"].values()  # type: ignore[index]
            lying.append(name.get_object()._data)
        else:
            archive = zipfile.ZipFile(io.BytesIO(file.data))
            lying += [archive.read(name) for name in archive.namelist() if name.startswith("ppt/media/")]
    assert len(lying) == 2
    for data in lying:
        assert signed(data)
        assert source_type(data) == SourceType.GENERATED


async def test_a_picture_of_an_answer_that_is_made_smaller_is_signed_anew(place: Place) -> None:
    await place.say("a fox", "<image> a fox </image>")
    await place.say("blue", '<edit prev_id="1"> a blue fox </edit>')
    answer = await place.desk.press(Press("c", THREAD, ANNA, Action.COMPARE, 2))
    [sheet] = answer.files
    small = await place.marks.fit(sheet.data, len(sheet.data) - 1)
    assert len(small) < len(sheet.data)
    assert signed(small)


async def test_a_covered_picture_that_is_shown_is_marked(place: Place) -> None:
    await place.say("a fox", "<image> a fox </image>")
    [shown] = (await place.desk.press(Press("s", THREAD, ANNA, Action.SHOW, 1))).files
    stored = place.files.get((await place.picture(1)).sha256)
    assert is_copy(shown.data, enlarged_file(stored))
    assert shown.alt == "Picture 1: a fox (made with AI)"


async def test_an_upload_that_is_made_smaller_is_not_called_made_with_ai(place: Place) -> None:
    await place.upload("mine", png(5, 200, 200), "Nice.")
    upload = await place.marks.copy((await place.picture(1)).sha256)
    for small in (
        await place.marks.fit(upload, len(upload) - 1),
        await place.marks.copy((await place.picture(1)).sha256, len(upload) - 1),
    ):
        assert len(small) < len(upload)
        assert not signed(small)
        assert source_type(packet_of(small)) is None


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({}, "Easel's own"),
        ({"mark_watermark": False}, "alone is left where platforms strip files (EASEL_MARK_WATERMARK is false)"),
        ({"mark_signature": False, "mark_watermark": False, "mark_metadata": False}, "Article 50"),
        ({"mark_certificate": "none.pem", "mark_key": "none.key"}, "pictures leave without a signature: none.pem"),
    ],
)
def test_doctor_says_what_is_left_out_and_what_that_means(tmp_path: Path, chosen: dict[str, Any], told: str) -> None:
    found = list(checkup.examine(Settings(_env_file=None, home=tmp_path, **chosen)))
    assert told in found[0].sentence
    assert (found[0].level is Level.OK) == (chosen == {})
    assert not (tmp_path / "marking").exists(), "looking makes nothing"


@pytest.mark.parametrize("broken", ["missing", "junk"])
async def test_with_a_broken_certificate_pictures_still_come(
    tmp_path: Path, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    if broken == "junk":
        chain.write_text("junk")
        key.write_text("junk")
    with caplog.at_level(logging.INFO):
        place = Place(tmp_path, mark_certificate=str(chain), mark_key=str(key))
        await place.start()
        try:
            await place.say("a fox", "<image> a fox </image>")
            copy = await place.marks.copy((await place.picture(1)).sha256)
        finally:
            await place.stop()
    assert not signed(copy)
    assert source_type(packet_of(copy)) == SourceType.GENERATED
    assert place.marks.problem is not None
    assert "without a signature" in place.marks.problem
    assert "without a signature" in caplog.text


async def test_without_the_time_stamp_authority_pictures_are_signed_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certificate(Settings(_env_file=None, home=tmp_path), tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    place = Place(
        tmp_path,
        mark_certificate=str(tmp_path / "marking" / "signer.pem"),
        mark_key=str(tmp_path / "marking" / "signer.key"),
        mark_timestamp_url=f"http://127.0.0.1:{port}/",
    )
    await place.start()
    try:
        assert place.marks.problem is None
        await place.say("a fox", "<image> a fox </image>")
        assert signed(await place.marks.copy((await place.picture(1)).sha256))
        await place.say("a cat", "<image> a cat </image>")
        assert signed(await place.marks.copy((await place.picture(2)).sha256))
    finally:
        await place.stop()
    assert place.marks.problem is None
    assert caplog.text.count("without a time stamp") == 1, "it is left alone for a while"


async def test_with_every_layer_off_files_leave_as_they_are(tmp_path: Path) -> None:
    place = Place(tmp_path, mark_signature=False, mark_watermark=False, mark_metadata=False)
    await place.start()
    try:
        await place.say("a fox", "<image> a fox </image>")
        sha = (await place.picture(1)).sha256
        assert await place.marks.copy(sha) == place.files.get(sha)
        assert not (tmp_path / "marking").exists()
    finally:
        await place.stop()


def test_copies_at_hand_are_bounded() -> None:
    kept = Kept(100)
    for at in range(10):
        kept.keep((str(at), None, False), bytes(20))
    assert [at for at in range(10) if kept.get((str(at), None, False))] == [5, 6, 7, 8, 9]
    kept.keep(("large", None, False), bytes(90))
    assert kept.get(("large", None, False)) is None
    kept.keep(("9", None, False), bytes(10))
    kept.forget("8")
    assert kept.get(("8", None, False)) is None
    assert kept.get(("9", None, False)) == bytes(10)


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("asked", ["picture_of", "picture_bytes"])
async def test_what_cannot_be_read_just_now_is_read_again(
    place: Place, monkeypatch: pytest.MonkeyPatch, marked: bool, asked: str
) -> None:
    """A picture that is taken for gone is left out of an answer for good."""
    await place.say("a fox", "<image> a fox </image>")
    sha = (await place.picture(1)).sha256
    marking = place.marks if marked else Unmarked(place.store)
    real, refusals = getattr(place.store, asked), list[StoreError]()

    async def refusing(sha256: str) -> Any:
        if refusals:
            raise refusals.pop(0)
        return await real(sha256)

    monkeypatch.setattr(place.store, asked, refusing)
    monkeypatch.setattr("handlers.marking.AGAIN_S", (0, 0))
    place.marks._kept.forget(sha)
    refusals += [StoreError("locked")] * 3
    with pytest.raises(StoreError, match="locked"):
        await marking.copy(sha)
    refusals += [PictureGone("gone"), StoreError("nobody asks again")]
    with pytest.raises(PictureGone):
        await marking.copy(sha)
    assert len(refusals) == 1
    refusals += [StoreError("locked")]
    assert await marking.copy(sha)
    assert not refusals


async def test_a_picture_whose_file_is_gone_is_gone(place: Place) -> None:
    await place.say("a fox", "<image> a fox </image>")
    sha = (await place.picture(1)).sha256
    place.marks._kept.forget(sha)
    place.files.delete(sha)
    with pytest.raises(PictureGone):
        await place.marks.copy(sha)


@pytest.mark.parametrize("layers", [{}, {"mark_watermark": False, "mark_metadata": False, "mark_signature": False}])
async def test_what_a_chat_posts_is_larger_than_what_is_stored_and_marked_like_it(
    tmp_path: Path, layers: dict[str, Any]
) -> None:
    place = Place(tmp_path, **layers)
    await place.start()
    try:
        await place.say("a fox", "<image> a fox </image>")
        sha = (await place.picture(1)).sha256
        stored = place.files.get(sha)
        posted, plain = await place.marks.copy(sha, posted=True), await place.marks.copy(sha)
        assert [pixels(data).shape[0] // pixels(stored).shape[0] for data in (posted, plain)] == [4, 1]
        assert signed(posted) == signed(plain) == (not layers)
        assert place.files.get(sha) == stored
        shown = await place.desk.press(Press("p", THREAD, ANNA, Action.SHOW, 1))
        assert pixels(shown.files[0].data).shape == pixels(posted).shape
    finally:
        await place.stop()


async def test_small_copies_for_lists_are_marked_kept_at_hand_and_go_with_their_picture(place: Place) -> None:
    await place.say("a fox", "<image> a fox </image>")
    await place.upload("mine", png(5, 900, 300), "Nice.")
    made, brought = (await place.picture(1)).sha256, (await place.picture(2)).sha256
    small = await place.marks.small(made)
    assert len(small) <= THUMBNAIL_BYTES
    assert source_type(packet_of(small)) == SourceType.GENERATED
    assert said(small).actions
    assert small == await place.marks.small(made), "two signings differ"
    assert Image.open(io.BytesIO(await place.marks.small(brought))).size == (512, 171)
    assert max(Image.open(io.BytesIO(await Unmarked(place.store).small(brought))).size) == 512
    await place.store.delete_picture(THREAD, 1)
    with pytest.raises(PictureGone):
        await place.marks.small(made)


async def test_a_sheet_of_an_answers_pictures_is_marked_as_put_together(place: Place) -> None:
    for number in (1, 2, 3):
        await place.say(f"fox {number}", f"<image> fox {number} </image>")
    pictures = [await place.picture(number) for number in (1, 2, 3)]
    shown = [PicturePart("", one.number, one.operation, "", sha256=one.sha256) for one in pictures]
    sheets = Sheets(place.store, place.marks)
    sheet = await sheets.draw(shown)
    assert source_type(packet_of(sheet)) == SourceType.COMPOSITE
    assert signed(sheet)
    assert watermark.detect(Image.open(io.BytesIO(sheet))).found
    await place.store.delete_picture(THREAD, 2)
    with pytest.raises(PictureGone):
        await sheets.draw(shown)
