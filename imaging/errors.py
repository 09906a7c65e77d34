"""Errors of the picture side. Each carries the sentence that the user reads."""

from __future__ import annotations

from imaging.disk import Trouble


class ImagingError(Exception):
    """Base class; `str(error)` is one plain sentence with the way out."""


class EngineError(ImagingError):
    """An engine cannot load or cannot run a recipe."""


class DeviceLost(ImagingError):
    """The device answers nothing more to this process; only a new one can use it."""


class QueueFull(ImagingError):
    """The queue, the person's or the thread's share of it is full."""


class NoSuchEngine(ImagingError):
    """A recipe is for an engine that is not here (any more)."""


class RecordRefused(ImagingError):
    """The queue's record cannot be read or written now; the sentence is for whoever runs the program."""

    def __init__(self, sentence: str, trouble: Trouble = Trouble.OTHER) -> None:
        super().__init__(sentence)
        self.trouble = trouble


class BadPicture(ImagingError):
    """Bytes that are not a picture we take."""
