"""What a message shows, as plain values: no Discord object, no bytes but previews."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Words:
    text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture of a gallery: a stored file by `sha256`, the bytes of a preview, or what Discord has at `url`."""

    file: str
    alt: str
    sha256: str | None = None
    preview: bytes | None = None
    url: str | None = None
    covered: bool = False
    """Blurred until somebody clicks on it."""


@dataclass(frozen=True, slots=True)
class Gallery:
    items: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class Button:
    label: str
    id: str
    emoji: str = ""
    danger: bool = False


@dataclass(frozen=True, slots=True)
class Buttons:
    items: tuple[Button, ...]


@dataclass(frozen=True, slots=True)
class Menu:
    """A menu of (label, value) entries, at most 25."""

    id: str
    placeholder: str
    entries: tuple[tuple[str, str], ...]


Block: TypeAlias = Words | Gallery | Buttons | Menu


@dataclass(frozen=True, slots=True)
class MessageView:
    blocks: tuple[Block, ...]

    @property
    def pictures(self) -> tuple[Shown, ...]:
        return tuple(item for block in self.blocks if isinstance(block, Gallery) for item in block.items)
