"""The tag protocol: what an LLM writes between its words, and what it parses to.

Source of the idea: Lai et al. 2023, "Mini-DALLE3", arXiv 2310.07653.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from imaging.model import Operation

__all__ = ["Directive", "Operation", "Segment", "Text"]


@dataclass(frozen=True, slots=True)
class Text:
    """Words for people, character for character as the model wrote them."""

    text: str


@dataclass(frozen=True, slots=True)
class Directive:
    """One tag, read as meant. `problem` is None, or one sentence why it cannot run as written."""

    operation: Operation
    id: int | None = None
    source: int | None = None
    description: str = ""
    count: int = 1
    size: str | None = None
    change: str | None = None
    style: str | None = None
    negative: str | None = None
    problem: str | None = None


Segment: TypeAlias = Text | Directive
