"""What a thread can be exported as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Format(StrEnum):
    ZIP = "zip"
    PDF = "pdf"
    SLIDES = "slides"
    PAGE = "page"


@dataclass(frozen=True, slots=True)
class Form:
    """How a format's files are called, what they are, and what people call one."""

    ending: str
    media_type: str
    told: str


FORMS: Mapping[Format, Form] = {
    Format.ZIP: Form("zip", "application/zip", "the zip"),
    Format.PDF: Form("pdf", "application/pdf", "the PDF"),
    Format.SLIDES: Form(
        "pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation", "the slides"
    ),
    Format.PAGE: Form("html", "text/html", "the page"),
}
PER_PAGE = (1, 4)
"""Pictures on one page of a PDF."""
