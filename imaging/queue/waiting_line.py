"""What waits for a device: in fair order, and before it those whose worker died over them.

A job that has crashed a worker before runs by itself, so that it takes no other with it, and on another
device where there is one: then a broken device does not fail good jobs. Pure: no clock, no I/O.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from imaging.queue.fairness import FairSchedule, Waiting


@dataclass(frozen=True, slots=True)
class _Again:
    waiting: Waiting
    crashed: frozenset[str]
    """The devices on which it has crashed."""


class WaitingLine:
    """Devices are named; `able` are those that could draw now."""

    def __init__(self) -> None:
        self._fair = FairSchedule()
        self._again: dict[str, _Again] = {}

    def __len__(self) -> int:
        return len(self._fair) + len(self._again)

    def __contains__(self, id: str) -> bool:
        return id in self._fair or id in self._again

    def add(self, waiting: Waiting, *, front: bool = False) -> None:
        """Let a job wait; `front` puts it before its owner's others.

        Raises:
            ValueError: it waits already.
        """
        if waiting.id in self:
            raise ValueError(f"job {waiting.id!r} waits already")
        self._fair.add(waiting, front=front)

    def add_again(self, waiting: Waiting, crashed: frozenset[str]) -> None:
        """Let a job wait that has crashed workers on these devices.

        Raises:
            ValueError: it waits already.
        """
        if waiting.id in self:
            raise ValueError(f"job {waiting.id!r} waits already")
        self._again[waiting.id] = _Again(waiting, crashed)

    def remove(self, id: str) -> bool:
        """Take a job out, wherever it stands; False when it does not wait."""
        return self._again.pop(id, None) is not None or self._fair.remove(id)

    def has_work(self, device: str, able: Collection[str]) -> bool:
        return len(self._fair) > 0 or self.next_is_alone(device, able)

    def next_is_alone(self, device: str, able: Collection[str]) -> bool:
        """Whether the device's next job has crashed a worker before."""
        return any(_may(again, device, able) for again in self._again.values())

    def take(self, device: str, able: Collection[str]) -> Waiting | None:
        """Take out the device's next job; None when there is none for it."""
        for again in self._again.values():
            if _may(again, device, able):
                del self._again[again.waiting.id]
                return again.waiting
        return self._fair.next()

    def order(self) -> list[Waiting]:
        """Everything that waits, in the order in which it would be served if nothing more came."""
        return [again.waiting for again in self._again.values()] + self._fair.order()


def _may(again: _Again, device: str, able: Collection[str]) -> bool:
    return device not in again.crashed or set(able) <= again.crashed
