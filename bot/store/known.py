"""What was read lately and is asked again: bounded for all threads together."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")
MOST = 2048


class Known(OrderedDict[K, V]):
    """Values by their key; the one that was not asked for the longest goes first."""

    def keep(self, key: K, value: V) -> None:
        self[key] = value
        self.move_to_end(key)
        if len(self) > MOST:
            self.popitem(last=False)
