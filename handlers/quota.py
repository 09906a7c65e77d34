"""How many pictures a person may have made in a day.

What counts is read from the pictures that were really made, plus what is being made now: a failed or
cancelled job gives its share back by never becoming a picture.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from handlers.errors import QuotaUsedUp
from handlers.model import Person, ThreadKey
from handlers.ports import Store, Usage


class Quota:
    """Counts per person and workspace; a day begins at midnight UTC."""

    def __init__(self, store: Store, per_day: int | None, clock: Callable[[], datetime]) -> None:
        self._store = store
        self.per_day = per_day
        self._clock = clock
        self._under_way: dict[tuple[str, str, str], int] = {}

    async def take(self, thread: ThreadKey, person: Person, count: int) -> None:
        """Set `count` pictures of the person's day aside until `give_back`.

        Raises:
            QuotaUsedUp: with the time at which the quota renews.
        """
        if self.per_day is not None:
            used = await self.used(thread, person)
            if used.pictures + self._under_way.get(_key(thread, person), 0) + count > self.per_day:
                raise QuotaUsedUp(
                    f"You have used your {self.per_day} pictures of today; there are new ones {self.renewal()}."
                )
        self.hold(thread, person, count)

    def hold(self, thread: ThreadKey, person: Person, count: int) -> None:
        """Set pictures aside without asking: jobs that a restart found."""
        key = _key(thread, person)
        self._under_way[key] = self._under_way.get(key, 0) + count

    def give_back(self, thread: ThreadKey, person: Person, count: int = 1) -> None:
        """These are no longer under way: stored (and counted from there), failed or cancelled."""
        key = _key(thread, person)
        self._under_way[key] -= count
        if not self._under_way[key]:
            del self._under_way[key]

    async def used(self, thread: ThreadKey, person: Person) -> Usage:
        """What the person has had made today."""
        return await self._store.usage(thread, person, self._today())

    def _today(self) -> datetime:
        return self._clock().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

    def renewal(self) -> str:
        """When the quota renews, for people."""
        left = self._today() + timedelta(days=1) - self._clock()
        minutes = max(1, int(left.total_seconds()) // 60)
        return f"in {minutes // 60} h {minutes % 60} min (at 00:00 UTC)"


def _key(thread: ThreadKey, person: Person) -> tuple[str, str, str]:
    return (thread.chat, thread.tenant, person.id)
