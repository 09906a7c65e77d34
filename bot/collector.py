"""Python's garbage collector in a process that answers people.

By default the collector looks at young objects every 700 allocations, several times a turn, and walks again and again
through everything that start-up left (modules, models of settings, clients). Reference counts free nearly all of ours;
the collector is only for cycles.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

THRESHOLDS = (20_000, 10, 10)
"""Objects made since the last look at the young ones; looks at the young before one at the middle-aged; and so on."""


@contextmanager
def settled() -> Iterator[None]:
    """Leave what is there now out of every collection, and look for cycles less often."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
