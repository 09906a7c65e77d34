"""What went wrong in a call on a device: memory ran out, the device is lost, or it is a fault of one picture.

A failed call's tensors live as long as its exception: the traceback holds every frame. So nothing is tried again inside
`except`; a `Failure` says what there is to say without holding on to anything.
"""

from __future__ import annotations

import gc
import logging
import traceback
from dataclasses import dataclass
from enum import Enum, auto

import torch

from imaging.errors import DeviceLost, EngineError

log = logging.getLogger(__name__)

_MEMORY = ("out of memory", "can't allocate memory", "STATUS_ALLOC_FAILED")
_HARMLESS = ("invalid argument", "invalid configuration", "no kernel image", "not supported")
"""CUDA errors after which the device still answers."""
_DEVICE = ("CUDA error:", "HIP error:", "STATUS_EXECUTION_FAILED", "STATUS_INTERNAL_ERROR")


class Kind(Enum):
    MEMORY = auto()
    """Out of memory: less at once may succeed."""
    DEVICE = auto()
    """Every later call of this process fails as well (a sticky error: an illegal access, a device-side assert, ECC)."""
    PICTURE = auto()
    """Anything else: this picture's own fault."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception without its traceback's frames."""

    kind: Kind
    sentence: str
    """What the engine itself says to people; empty where it was no such error."""
    text: str
    """The whole traceback, for the log."""

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        sentence = str(error) if isinstance(error, EngineError) else ""
        return cls(kind_of(error), sentence, "".join(traceback.format_exception(error)).rstrip())


def kind_of(error: BaseException) -> Kind:
    """What an exception of torch, on any device, means for what comes after it."""
    if isinstance(error, DeviceLost):
        return Kind.DEVICE
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return Kind.MEMORY
    if not isinstance(error, RuntimeError):
        return Kind.PICTURE
    text = str(error)
    if any(each in text for each in _MEMORY):
        return Kind.MEMORY
    lost = isinstance(error, torch.AcceleratorError) or any(each in text for each in _DEVICE)
    return Kind.DEVICE if lost and not any(each in text for each in _HARMLESS) else Kind.PICTURE


def release(device: torch.device) -> None:
    """Give back what a failed call has left: what circles hold, and what torch keeps for later."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def lost(failure: Failure) -> DeviceLost:
    """The end of this process; a new one takes its pictures up."""
    log.error("the device is lost to this process, a new one will be started\n%s", failure.text)
    return DeviceLost("The device stopped working; the pictures are drawn again.")
