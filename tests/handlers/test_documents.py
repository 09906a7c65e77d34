"""A thread as PDF, slides and one page, read back by other libraries than those that write them."""

from __future__ import annotations

import io
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from pptx import Presentation
from pypdf import PdfReader
from pypdf.generic import DictionaryObject

from handlers.brainstorm import watching
from handlers.export.cards import GONE, clean, cut, is_rtl, script
from handlers.export.command import Wanted, export
from handlers.export.documents import scratch, setting
from handlers.export.documents.formats import Format
from handlers.export.parts import MAX_PARTS, Exported
from handlers.marking import Unmarked
from handlers.model import Action, Answer, CommandCall, Person, Picture, Vote
from imaging.model import Operation
from tests.fakes import ANNA, BEN, THREAD, message
from tests.handlers.brainstorm.rounds import Brainstorm
from tests.handlers.conftest import World
from tests.handlers.test_export_parts import fill, noise

SCRIPTS = {
    "a fox in the snow": False,
    "שועל בשלג בלילה (12 stars)": True,
    "ثعلب في الثلج مع 3 نجوم": True,
    "雪の中の狐、夜": False,
    "中文描述：雪地里的狐狸": False,
    "눈 속의 여우": False,
    "👩‍👩‍👧‍👦 🦊❄️ 🇩🇪 🧑🏽‍🎨": False,
    "हिन्दी में लोमड़ी": False,
    "สุนัขจิ้งจอก": False,
}
"""Descriptions, and whether they are written from right to left."""
HOSTILE = (
    '#set page(width: 1pt) #read("/etc/passwd") $x$ *a* `b` // c',
    "</script><script>alert(1)</script><img src=x onerror=alert(2)> &amp; ]]>",
    "turned \u202eround\u202c and \u0000\u0007\x1b[31m\ufffe \ud800 half",
    "w" * 3_000,
    "   \n\t ",
    "é" + "\u0301" * 400,
)


async def thread(world: World, descriptions: list[str], **changes: Any) -> list[Picture]:
    """A thread with a picture of each description."""
    await world.say("Let us find a mascot", "<image> a fox </image>")
    first = await world.store.picture(THREAD, 1)
    assert first is not None
    await world.store.delete_picture(THREAD, 1)
    for at, description in enumerate(descriptions):
        number = await world.store.reserve_numbers(THREAD, 1)
        parents = (number - 1,) if at % 2 else ()
        made = Operation.VARIATION if parents else Operation.IMAGE
        picture = replace(
            first,
            number=number,
            description=description,
            operation=made,
            parents=parents,
            width=48,
            height=32,
            **changes,
        )
        await world.store.add_picture(picture, noise(at, 48))
    return list(await world.store.gallery(THREAD))


async def exported(world: World, format: Format, max_bytes: int | None = None, **wanted: Any) -> Exported:
    return await export(
        world.store, Unmarked(world.store), Wanted(THREAD, format, **wanted), name="easel", max_bytes=max_bytes
    )


async def pdf(world: World, **wanted: Any) -> PdfReader:
    [file] = (await exported(world, Format.PDF, **wanted)).files
    assert (file.name, file.media_type) == ("easel.pdf", "application/pdf")
    return PdfReader(io.BytesIO(file.data))


async def deck(world: World, **wanted: Any) -> Any:
    [file] = (await exported(world, Format.SLIDES, **wanted)).files
    assert file.name == "easel.pptx"
    return Presentation(io.BytesIO(file.data))


def root(reader: PdfReader) -> Any:
    return reader.trailer["/Root"]


def alts(reader: PdfReader) -> list[str]:
    """What stands for pictures in a tagged PDF."""

    def below(node: Any) -> Iterator[str]:
        node = node.get_object()
        if isinstance(node, DictionaryObject):
            if node.get("/S") == "/Figure":
                yield str(node["/Alt"])
            node = node.get("/K", [])
        for child in node if isinstance(node, list) else [node]:
            if isinstance(child.get_object(), DictionaryObject | list):
                yield from below(child)

    return list(below(root(reader)["/StructTreeRoot"]))


def pictures_of(slides: Any) -> list[Any]:
    return [shape for slide in slides.slides for shape in slide.shapes if shape.shape_type == 13]


def words_of(slide: Any) -> str:
    return "\n".join(shape.text_frame.text for shape in slide.shapes if shape.has_text_frame)


class Page(HTMLParser):
    """What a browser would find: pictures with their alt text, words, tags that run or fetch, and how deep lists go."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.alts: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.deepest = self._depth = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        if tag == "img":
            assert str(given["src"]).startswith("data:image/jpeg;base64,")
            self.alts.append(str(given["alt"]))
        self._depth += tag == "ul"
        self.deepest = max(self.deepest, self._depth)
        assert not any(name.startswith("on") for name in given)

    def handle_endtag(self, tag: str) -> None:
        self._depth -= tag == "ul"

    def handle_data(self, data: str) -> None:
        self.words.append(data)


async def page(world: World, **wanted: Any) -> Page:
    [file] = (await exported(world, Format.PAGE, **wanted)).files
    assert (file.name, file.media_type) == ("easel.html", "text/html")
    return Page(file.data.decode())


# What stands in them


@pytest.mark.parametrize("per_page", [1, 4])
async def test_a_storyboard_has_pictures_numbers_descriptions_votes_and_people(world: World, per_page: int) -> None:
    pictures = await thread(world, list(SCRIPTS))
    await world.store.vote(Vote(THREAD, BEN, pictures[0].number, True))
    await world.store.rename(THREAD, "Mascots مخبز 🦊")
    reader = await pdf(world, per_page=per_page)
    assert len(reader.pages) == math.ceil(len(pictures) / per_page)
    first = reader.pages[0].extract_text()
    for told in (
        f"#{pictures[0].number}",
        "a fox in the snow",
        "👍 1",
        f"Asked for by {ANNA.name}",
        f"{len(pictures)} pictures",
    ):
        assert told in first
    assert alts(reader) == [f"{description} (made with AI)" for description in SCRIPTS]
    assert reader.metadata is not None
    assert (reader.metadata.title, root(reader)["/Lang"]) == ("Mascots مخبز 🦊", "en")
    assert root(reader)["/MarkInfo"]["/Marked"]
    assert b"<pdfuaid:part>1</pdfuaid:part>" in root(reader)["/Metadata"].get_data()
    outline = [entry.title for entry in reader.outline]  # type: ignore[union-attr]
    assert outline == [f"#{picture.number}" for picture in pictures]


async def test_letters_from_right_to_left_begin_at_the_right(world: World) -> None:
    await thread(world, ["ثعلب في الثلج", "שועל בשלג", "a fox"])
    slides = await deck(world)
    boxes = [shape for slide in list(slides.slides)[1:] for shape in slide.shapes if shape.shape_type == 17]
    assert [box.text_frame.paragraphs[0]._p.pPr.get("rtl") for box in boxes] == ["1", "1", None]
    reader = await pdf(world)
    begins = []
    for sheet in reader.pages:
        found: list[float] = []

        def note(text: str, page: list[float], line: list[float], *_: Any, found: list[float] = found) -> None:
            if re.search(r"[\u0590-\u06ff]|a fox", text):
                found.append(page[4] + page[0] * line[4])

        sheet.extract_text(visitor_text=note)
        begins.append(max(found))
    arabic, hebrew, english = begins
    assert english < hebrew
    assert english < arabic


async def test_slides_have_one_idea_each_with_alt_text(world: World) -> None:
    long = "long " * 600
    pictures = await thread(world, [*SCRIPTS, long])
    await world.store.vote(Vote(THREAD, BEN, pictures[0].number, False))
    slides = await deck(world)
    assert len(slides.slides) == 1 + len(pictures)
    assert [p._element.nvPicPr.cNvPr.get("descr") for p in pictures_of(slides)] == [
        f"{clean(picture.description)} (made with AI)" for picture in pictures
    ]
    for picture, slide in zip(pictures, list(slides.slides)[1:], strict=True):
        told = words_of(slide)
        assert slide.shapes.title.text_frame.text == f"#{picture.number}"
        assert cut(picture.description, 200) in told or "long…" in told
        assert f"Asked for by {ANNA.name}" in told
    assert "👎 1" in words_of(slides.slides[1])
    assert slides.slides[len(pictures)].notes_slide.notes_text_frame.text == long.strip()
    assert not slides.slides[1].has_notes_slide
    inside = slides.slide_width, slides.slide_height
    for shape in pictures_of(slides):
        assert 0 <= shape.left <= shape.left + shape.width <= inside[0]
        assert 0 <= shape.top <= shape.top + shape.height <= inside[1]


async def test_the_page_has_the_tree_and_needs_nothing_else(world: World) -> None:
    await thread(world, list(SCRIPTS))
    found = await page(world)
    assert found.alts[0] == "a fox in the snow (made with AI)"
    assert sorted(found.alts) == sorted(f"{description} (made with AI)" for description in SCRIPTS)
    assert found.deepest == 2
    assert "Let us find a mascot" in found.words
    assert not {"script", "link", "iframe", "object"} & set(found.tags)


@pytest.mark.parametrize("format", [Format.PDF, Format.SLIDES, Format.PAGE])
async def test_nothing_that_people_write_does_anything(world: World, format: Format) -> None:
    await thread(world, list(HOSTILE), person=Person("9", "\u202eEve <b>#pagebreak()"))
    await world.store.rename(THREAD, "#title() <script>\u202e" + "very " * 200)
    [file] = (await exported(world, format)).files
    if format is Format.PDF:
        reader = PdfReader(io.BytesIO(file.data))
        assert len(alts(reader)) == len(HOSTILE)
        assert '#read("/etc/passwd")' in reader.pages[0].extract_text()
        assert float(reader.pages[0].mediabox.width) > 500
    elif format is Format.SLIDES:
        assert len(pictures_of(Presentation(io.BytesIO(file.data)))) == len(HOSTILE)
    else:
        assert "script" not in Page(file.data.decode()).tags
        assert b"default-src 'none'" in file.data


@pytest.mark.parametrize("format", list(Format))
async def test_nobody_is_named_where_names_are_to_be_left_out(world: World, format: Format) -> None:
    secret = Person("77", "Zebedee")
    await world.say("a fox", "Here <image> a fox </image>", person=secret)
    await world.store.vote(Vote(THREAD, secret, 1, True))
    named, unnamed = [
        b"".join(_inside(file.data) for file in (await exported(world, format, names=names)).files)
        for names in (True, False)
    ]
    assert b"Zebedee" in named
    assert b"Zebedee" not in unnamed


def _inside(data: bytes) -> bytes:
    """All text of a file, whatever it is packed in."""
    import zipfile

    if data.startswith(b"%PDF"):
        return "".join(sheet.extract_text() for sheet in PdfReader(io.BytesIO(data)).pages).encode()
    if not data.startswith(b"PK"):
        return data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return b"".join(map(archive.read, archive.namelist()))


async def brainstormed(world: World, monkeypatch: pytest.MonkeyPatch, *, anonymous: bool) -> None:
    """One round, closed, with a vote of Zebedee's for its first idea."""
    monkeypatch.setattr(watching, "PACE_S", 0.01)
    monkeypatch.setattr(watching, "NAP_S", 0.01)
    storm = Brainstorm(world)
    secret = Person("77", "Zebedee")
    kind = "yes" if anonymous else "no"
    await storm.begin(f"/brainstorm topic:what Zebedee needs anonymous:{kind}", person=secret)
    await storm.press(Action.DOT, 1, secret)
    await storm.press(Action.CLOSE, person=secret)


async def test_ideas_have_their_titles_reasons_and_votes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await brainstormed(world, monkeypatch, anonymous=False)
    first = (await pdf(world)).pages[0].extract_text()
    for told in ("#1 · Flour fox", "Flour fox is new.", "1 vote · winner", "Asked for by Zebedee"):
        assert told in first
    slides = await deck(world)
    assert slides.slides[2].shapes.title.text_frame.text == "#2 · Oven owl"
    assert "0 votes" in words_of(slides.slides[2])
    assert {"Oven owl", "Flour fox"} <= set((await page(world)).words)


@pytest.mark.parametrize("format", list(Format))
async def test_anonymous_brainstorms_are_anonymous_in_exports_too(
    world: World, monkeypatch: pytest.MonkeyPatch, format: Format
) -> None:
    await brainstormed(world, monkeypatch, anonymous=True)
    told = b"".join(_inside(file.data) for file in (await exported(world, format)).files)
    assert b"Flour fox" in told
    assert b"Zebedee" not in told


async def test_covered_pictures_are_on_no_sheet_and_folded_away_on_the_page(world: World) -> None:
    await thread(world, ["a nude"], spoiler=True)
    reader = await pdf(world)
    assert not list(reader.pages[0].images)
    assert "may be sensitive" in reader.pages[0].extract_text()
    slides = await deck(world)
    assert not pictures_of(slides)
    assert "may be sensitive" in words_of(slides.slides[1])
    found = await page(world)
    assert found.tags.index("details") < found.tags.index("img")


async def test_a_picture_whose_file_is_gone_is_said_to_be(world: World) -> None:
    [gone, _] = await thread(world, ["one", "two"])
    world.files.delete(gone.sha256)
    assert GONE in (await pdf(world)).pages[0].extract_text()
    assert GONE in words_of((await deck(world)).slides[1])
    assert len((await page(world)).alts) == 1


async def test_signs_without_a_font_are_boxes_and_that_is_said(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await thread(world, ["a sign that nobody has: \U000f1234", "a fox"])
    found = await exported(world, Format.PDF)
    assert len(PdfReader(io.BytesIO(found.files[0].data)).pages) == 2
    assert "have no font here and are boxes; /export page shows them" in " ".join(found.remarks)
    assert "install fonts" in caplog.text


# How much


@pytest.mark.parametrize("format", [Format.PDF, Format.SLIDES])
async def test_what_a_chat_cannot_take_as_one_file_comes_as_several(world: World, format: Format) -> None:
    pictures = await fill(world, *[500] * 12)
    limit = 1_500_000
    found = await exported(world, format, limit)
    assert 1 < len(found.files) <= MAX_PARTS
    assert all(len(file.data) <= limit for file in found.files)
    assert found.files[0].name.startswith(f"easel-1-of-{len(found.files)}.")
    assert "Pictures are at most 480 pixels large in it, so that it fits; the zip has them whole." in found.remarks
    told = b"".join(_inside(file.data) for file in found.files)
    assert all(f"#{picture.number}".encode() in told for picture in pictures)


async def test_a_page_that_would_be_too_large_has_smaller_pictures_and_then_fewer(world: World) -> None:
    await fill(world, *[500] * 12)
    found = await exported(world, Format.PAGE, 250_000)
    assert len(found.files[0].data) <= 250_000
    assert "Pictures are at most 200 pixels large in it" in found.remarks[0]
    few = await exported(world, Format.PAGE, 60_000)
    assert len(few.files[0].data) <= 60_000
    assert re.search(r"The \d+ oldest pictures did not fit", " ".join(few.remarks))
    assert "13: " in few.files[0].data.decode(), "what is left out is still named"


async def test_what_cannot_fit_at_all_is_a_sentence(world: World) -> None:
    await fill(world, 500)
    for format in (Format.PDF, Format.SLIDES, Format.PAGE):
        answer = await world.desk.command(
            CommandCall("c", THREAD, ANNA, "export", {"format": format.value}, max_file_bytes=900)
        )
        assert "whoever runs me can export it" in answer.text
        assert not answer.files


@pytest.mark.slow
async def test_five_hundred_pictures(world: World) -> None:
    pictures = await thread(world, [f"{description} {at}" for at in range(56) for description in SCRIPTS][:500])
    assert len(pictures) == 500
    assert len((await pdf(world, per_page=4)).pages) == 125
    assert len(pictures_of(await deck(world))) == 500
    assert len((await page(world)).alts) == 500


# The process and its folder


def left_behind() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob(f"{scratch.PREFIX}{os.getpid()}-*"))


async def test_a_process_that_dies_is_a_sentence_and_leaves_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await thread(world, ["a fox"])
    monkeypatch.setattr(sys, "executable", "/bin/false")
    answer = await world.desk.command(CommandCall("c", THREAD, ANNA, "export", {"format": "pdf"}))
    assert answer.text.startswith("The PDF could not be made; /export gives the zip.")
    assert "setting the PDF ended with" in caplog.text
    assert not left_behind()


async def test_a_process_that_hangs_is_ended(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await thread(world, ["a fox"])
    monkeypatch.setattr(setting, "WALL_S", 0.0)
    answer = await world.desk.command(CommandCall("c", THREAD, ANNA, "export", {"format": "slides"}))
    assert "could not be made" in answer.text
    assert not left_behind()


def test_what_a_killed_program_left_is_deleted_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for name in (
        f"{scratch.PREFIX}{dead.pid}-abc",
        f"{scratch.PREFIX}{os.getpid()}-abc",
        "easel-other",
        "easel-export-x-y",
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").write_bytes(b"x")
    with scratch.scratch() as folder:
        assert folder.stat().st_mode & 0o077 == 0
        left = {path.name for path in tmp_path.iterdir()}
    assert left == {folder.name, f"{scratch.PREFIX}{os.getpid()}-abc", "easel-other", "easel-export-x-y"}
    assert not folder.exists()


def test_the_chat_process_loads_none_of_the_libraries() -> None:
    code = "import sys, bot.app; print(sorted({'typst', 'pptx', 'lxml', 'PIL.JpegImagePlugin'} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.strip() == "[]"


# The command


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ("/export", ".zip"), ("/export zip", ".zip"), ("/export pdf", ".pdf"), ("/export pdf 4", ".pdf"),
        ("/export format:pdf each:1", ".pdf"), ("/export slides", ".pptx"), ("/export page", ".html"),
    ],
)  # fmt: skip
async def test_a_format_can_be_typed(world: World, text: str, ending: str) -> None:
    await thread(world, ["a fox"])
    await world.desk.receive(message(text, f"e-{text}"))
    [(_, answer)] = world.chat.answers
    assert answer.text == "Here is this thread."
    assert [file.name[-len(ending) :] for file in answer.files] == [ending]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/export docx", "format must be one of: zip, pdf, slides, page"),
        ("/export pdf 3", "each must be one of: 1, 4"),
        ("/export slides 4", "Only a PDF has 1 or 4 pictures on each page"),
        ("/export pdf 4 now", "does not take “now”"),
    ],
)
async def test_what_cannot_be_made_is_said(world: World, text: str, told: str) -> None:
    await thread(world, ["a fox"])
    await world.desk.receive(message(text, f"e-{text}"))
    said = [answer.text for _, answer in world.chat.answers] + [sentence for *_, sentence in world.chat.told]
    assert told in " ".join(map(str, said))


async def test_a_thread_without_pictures_makes_no_document(world: World) -> None:
    await world.say("hello", "Hello!")
    for format in ("pdf", "slides", "page"):
        answer: Answer = await world.desk.command(CommandCall("c", THREAD, ANNA, "export", {"format": format}))
        assert answer == Answer("There are no pictures in this thread yet.")


async def test_who_has_to_wait_is_told_how_long(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await thread(world, ["a fox"] * 12)
    await world.desk.command(CommandCall("c", THREAD, ANNA, "export", {"format": "slides"}))
    assert not world.chat.told
    now = iter(range(0, 10_000, 60))
    monkeypatch.setattr(
        "handlers.export.command.time", type("Slow", (), {"monotonic": staticmethod(lambda: next(now))})
    )
    await world.desk.command(CommandCall("c", THREAD, ANNA, "export", {"format": "slides"}))
    [told] = world.chat.told
    assert "Putting 12 pictures into the slides: about 12 s." in str(told)


# Words


def test_words_are_cut_between_signs() -> None:
    assert cut("中文字符", 5) == "中文…"
    assert cut("abc", 3) == "abc"
    assert is_rtl("123 (שלום) hello")
    assert not is_rtl("12:30")
    assert [script(text) for text in ("狐狸", "狐の", "여우", "fox")] == ["zh", "ja", "ko", "zh"]
    assert clean(" a\u2028b\x00\u202ec\ud800 ") == "a bc?"
