"""The garbage collector's settings in a serving process."""

from __future__ import annotations

import gc
import weakref

from bot.collector import THRESHOLDS, settled


def test_what_start_up_left_is_kept_out_of_collections_until_the_end() -> None:
    before = gc.get_threshold()
    with settled():
        assert gc.get_threshold() == THRESHOLDS
        assert gc.get_freeze_count() > 1000
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_cycles_are_still_freed() -> None:
    class Loop:
        def __init__(self) -> None:
            self.me = self

    with settled():
        gone = weakref.ref(Loop())
        kept: list[list[int]] = [[] for _ in range(2 * THRESHOLDS[0])]
        assert gone() is None
        assert kept
