"""One id from a message to its post: whatever is logged on the way carries it.

A task inherits the id of the one that began it. The queue's own tasks serve many: they name the job they are about.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

NOBODY = "-"
current: ContextVar[str] = ContextVar("easel_trace", default=NOBODY)


@contextmanager
def trace(id: str) -> Iterator[None]:
    """What is logged until the block ends belongs to `id`."""
    before = current.set(id)
    try:
        yield
    finally:
        current.reset(before)


def of_job(id: str) -> str:
    """The reply that a job is for: jobs are named after it."""
    return id.rpartition("-")[0] or id
