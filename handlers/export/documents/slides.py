"""Slides as PPTX: one idea a slide, its picture with alt text; words that are too long for it are in its notes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pptx import Presentation
from pptx.dml.color import RGBColor
from pptx.enum.text import MSO_ANCHOR
from pptx.util import Emu, Inches, Pt

from handlers.export.cards import Card, Sheet, cut, is_rtl, width

WIDTH, HEIGHT = Inches(13.333), Inches(7.5)
MARGIN = Inches(0.5)
PICTURE = (Inches(8.0), Inches(6.5))
"""The place for a picture, left on the slide."""
_TEXT_LEFT = Inches(8.9)
_TEXT_WIDTH = WIDTH - _TEXT_LEFT - MARGIN
_SIZES = ((200, 20), (450, 16), (900, 12))
"""Columns of a description up to which it is set in so many points."""
LONGEST = 1_400
"""Columns; longer ones are cut on the slide, and whole in its notes."""
_QUIET = RGBColor(0x5F, 0x5F, 0x66)
TITLE_SLIDE, TITLE_ONLY = 0, 5
"""Layouts of python-pptx's own template."""


def slides(sheet: Sheet, folder: Path, output: Path) -> list[str]:
    """Write the file; returns nothing to be told: programs that show slides bring their own fonts."""
    deck = Presentation()
    deck.slide_width, deck.slide_height = WIDTH, HEIGHT
    deck.core_properties.title = sheet.title[:250]
    deck.core_properties.author = "Easel"
    deck.core_properties.comments = sheet.marks
    deck.core_properties.keywords = "Made with AI"
    first = deck.slides.add_slide(deck.slide_layouts[TITLE_SLIDE])
    title, below = first.placeholders[0], first.placeholders[1]
    _place(title, Inches(1), Inches(2), WIDTH - Inches(2), Inches(1.8))
    _place(below, Inches(1), Inches(4), WIDTH - Inches(2), Inches(1.5))
    _write(title.text_frame, cut(sheet.title, 160), 36)
    _write(below.text_frame, sheet.about, 18)
    _add(below.text_frame, sheet.marks, 14)
    for card in sheet.cards:
        _slide(deck, card, folder)
    deck.save(str(output))
    return []


def _slide(deck: Any, card: Card, folder: Path) -> None:
    slide = deck.slides.add_slide(deck.slide_layouts[TITLE_ONLY])
    heading = slide.shapes.title
    _place(heading, _TEXT_LEFT, MARGIN, _TEXT_WIDTH, Inches(1))
    _write(heading.text_frame, f"#{card.number}" + (f" · {cut(card.title, 60)}" if card.title else ""), 24)
    heading.text_frame.vertical_anchor = MSO_ANCHOR.TOP
    if card.file:
        _picture(slide, card, folder / card.file)
    else:
        place = slide.shapes.add_textbox(MARGIN, MARGIN, *PICTURE)
        place.text_frame.word_wrap = True
        place.text_frame.vertical_anchor = MSO_ANCHOR.MIDDLE
        _write(place.text_frame, card.missing, 16, quiet=True)
    words = slide.shapes.add_textbox(_TEXT_LEFT, Inches(1.6), _TEXT_WIDTH, Inches(5.4))
    words.text_frame.word_wrap = True
    columns = width(card.description)
    size = next((points for most, points in _SIZES if columns <= most), 10)
    _write(words.text_frame, cut(card.description, LONGEST), size)
    for at, fact in enumerate(card.facts):
        _add(words.text_frame, cut(fact, 120), 12, quiet=True)
        if not at:
            words.text_frame.paragraphs[-1].space_before = Pt(12)
    if columns > LONGEST:
        slide.notes_slide.notes_text_frame.text = card.description


def _picture(slide: Any, card: Card, path: Path) -> None:
    across = min(PICTURE[0], PICTURE[1] * card.ratio)
    shown = Emu(round(across)), Emu(round(across / card.ratio))
    left, top = MARGIN + (PICTURE[0] - shown[0]) // 2, MARGIN + (PICTURE[1] - shown[1]) // 2
    added = slide.shapes.add_picture(str(path), left, top, *shown)
    added._element.nvPicPr.cNvPr.set("descr", card.alt)  # python-pptx has no name for it
    added.name = f"Picture {card.number}"


def _place(shape: Any, left: int, top: int, across: int, down: int) -> None:
    shape.left, shape.top, shape.width, shape.height = left, top, across, down


def _write(frame: Any, text: str, points: int, *, quiet: bool = False) -> None:
    frame.word_wrap = True
    _fill(frame.paragraphs[0], text, points, quiet)


def _add(frame: Any, text: str, points: int, *, quiet: bool = False) -> None:
    _fill(frame.add_paragraph(), text, points, quiet)


def _fill(paragraph: Any, text: str, points: int, quiet: bool) -> None:
    run = paragraph.add_run()
    run.text = text
    run.font.size = Pt(points)
    if quiet:
        run.font.color.rgb = _QUIET
    turned = is_rtl(text)
    properties = paragraph._p.get_or_add_pPr()
    properties.set("algn", "r" if turned else "l")
    if turned:
        properties.set("rtl", "1")
