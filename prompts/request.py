"""What a language model is asked: the conversation as facts, before any model family's format.

`prompts.system` renders it as chat messages for large models, `prompts.tiny.format` as the compact
form that the embedded model was tuned on. Keeping facts and format apart is what lets one port
serve both.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from imaging.model import Operation, Vocabulary
from prompts.operations import Skill


@dataclass(frozen=True, slots=True)
class PictureLine:
    """One row of the picture table that goes with every request."""

    number: int
    operation: Operation
    parent: int | None
    """The first, or the only one."""
    description: str
    author: str
    """Who asked for it; display name."""
    current: bool = False
    latest_batch: bool = False
    """Whether it belongs to the last reply that had pictures ("the second one" counts in these)."""
    others: tuple[int, ...] = ()
    """The parents behind the first."""


@dataclass(frozen=True, slots=True)
class Said:
    """One earlier turn. Assistant texts hold tags with true numbers; user texts are escaped already."""

    role: str
    """`user` or `assistant`."""
    text: str
    name: str = ""
    """Display name of the person; empty for the assistant."""
    words: str | None = None
    """Only what the person wrote, where `text` holds facts about the message, too."""
    about: int | None = None
    """The picture that the person replied to."""
    brought: tuple[int, ...] = ()
    """Numbers of the pictures that came with the message."""
    index: int = 0
    """Its place in the thread, which does not change; the window of what is told is cut by it."""


@dataclass(frozen=True, slots=True)
class Repair:
    """Asks the model to say again what could not be run: its reply and what was wrong with it."""

    reply: str
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LanguageRequest:
    """Everything a language model may know for one reply."""

    user: Said
    history: tuple[Said, ...] = ()
    """Oldest first; the renderer cuts from the front to fit its token budget."""
    pictures: tuple[PictureLine, ...] = ()
    """The thread's pictures, by number; never cut away entirely."""
    next_number: int = 1
    max_pictures: int = 4
    vocabulary: Vocabulary | None = None
    skills: frozenset[Skill] = frozenset()
    """What the engines at hand can do beside what every engine can."""
    language: str | None = None
    repair: Repair | None = None
    plain: bool = False
    """No tags wanted: a helper request such as prompt refinement; `system` replaces the iT2I prompt."""
    system: str | None = None
    max_tokens: int = 1024
    stop: tuple[str, ...] = field(default=())
