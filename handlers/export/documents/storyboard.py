"""A storyboard as PDF, set by Typst: pictures with number, description, votes and person, one or four a page.

The fonts are Noto's, which come as packages, and behind them whatever the host has. Where every sign has a font the
file is PDF/UA-1 (ISO 14289-1), else a tagged PDF with boxes in place of the signs, which is told.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from importlib import resources, util
from pathlib import Path
from typing import Any

import typst

from handlers.export.cards import Card, Sheet, cut, width

FONT_PACKAGES = ("manimgx_fonts", "manimgx_fonts_cjk")
_CJK = {"zh": ("SC", "JP", "KR"), "ja": ("JP", "SC", "KR"), "ko": ("KR", "SC", "JP")}
_SCRIPTS = ("Arabic", "Hebrew", "Devanagari", "Thai")
_SIZES = ((320, 14), (800, 11), (1_800, 9))
"""Columns of a description up to which it is set in so many points; longer ones go on on the next page in 8."""
SHORT = 260
"""Columns of a description where four share a page; the rest is in a page of its own, or the zip."""
_NO_FONT = re.compile(r"the text `\"?(.*?)\"?` could not be displayed", re.DOTALL)


def storyboard(sheet: Sheet, folder: Path, output: Path, *, per_page: int) -> list[str]:
    """Write the PDF; returns which signs have no font, the first found at least.

    Args:
        folder: Has the pictures, and is given what else Typst reads.
        per_page: Pictures a page: 1 or 4.
    """
    paths = [str(Path(found.origin).parent) for name in FONT_PACKAGES if (found := _found(name))]
    known = set(typst.Fonts(font_paths=paths).families())
    choices = {
        "per_page": per_page,
        "heading": cut(sheet.title, 90),
        "fonts": {script: _fonts(script, known) for script in _CJK},
        "title": sheet.title,
        "about": sheet.about,
        "marks": sheet.marks,
        "cards": [_set(card, per_page, folder) for card in sheet.cards],
    }
    (folder / "storyboard.json").write_text(json.dumps(choices), encoding="utf-8")
    source = folder / "storyboard.typ"
    with resources.as_file(resources.files("handlers.export.documents") / "storyboard.typ") as template:
        shutil.copyfile(template, source)
    compiler = typst.Compiler(str(source), root=str(folder), font_paths=paths)
    try:
        compiler.compile(output=str(output), format="pdf", pdf_standards=["ua-1"])
    except typst.TypstError as error:
        missing = _NO_FONT.findall(f"{error.message}\n{error.diagnostic}")
        if not missing:
            raise
        compiler.compile(output=str(output), format="pdf")
        return [*dict.fromkeys(sign[:20] for sign in missing)]
    return []


def _found(name: str) -> Any:
    found = util.find_spec(name)
    return found if found is not None and found.origin else None


def _fonts(script: str, known: set[str]) -> list[str]:
    """Which families are asked first; Typst asks all others behind them."""
    wanted = (
        "Noto Sans",
        *(f"Noto Sans CJK {region}" for region in _CJK[script]),
        *(f"Noto Sans {name}" for name in _SCRIPTS),
        "Noto Color Emoji",
        "Noto Emoji",
    )
    return [family for family in wanted if family in known] or ["Libertinus Serif"]


def _set(card: Card, per_page: int, folder: Path) -> Mapping[str, Any]:
    columns = width(card.description)
    size = next((points for most, points in _SIZES if columns <= most), 8)
    shown = cut(card.description, SHORT) if per_page == 4 else card.description
    facts = [cut(fact, 60) for fact in card.facts]
    title = cut(card.title, 60)
    drawn = _wrapped(folder / card.file, card.ratio) if card.file else ""
    return {**asdict(card), "size": size, "shown": breakable(shown), "facts": facts, "title": title, "file": drawn}


def _wrapped(path: Path, ratio: float) -> str:
    """The name of an SVG around a JPEG: Typst puts its bytes into the PDF as they are, without the pixels of all
    pictures in memory at once."""
    inside = base64.b64encode(path.read_bytes()).decode()
    wide = round(1000 * ratio)
    size = f'width="{wide}" height="1000"'
    path.with_suffix(".svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {wide} 1000"><image {size} '
        f'preserveAspectRatio="none" href="data:image/jpeg;base64,{inside}"/></svg>', encoding="ascii",
    )  # fmt: skip
    return path.with_suffix(".svg").name


def breakable(text: str, most: int = 24) -> str:
    """Words that no line could hold may be broken."""
    return re.sub(rf"(\S{{{most}}})(?=\S)", "\\1\u200b", text)
