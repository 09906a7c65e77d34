"""When each waiting job will be there: list scheduling over the devices, in the order of service."""

from __future__ import annotations

import heapq
from collections.abc import Sequence


def forecast(waiting: Sequence[float], running: Sequence[float], servers: int) -> list[float]:
    """Seconds until each waiting job is finished.

    Args:
        waiting: Seconds of work of each waiting job, in the order of service.
        running: Seconds of work that each running job still has.
        servers: How many jobs make full progress beside each other (devices, or connections to an endpoint).
    """
    free = [0.0] * max(1, servers)
    for left in sorted(running, reverse=True):
        heapq.heappush(free, heapq.heappop(free) + left)
    ends = []
    for seconds in waiting:
        ends.append(heapq.heappop(free) + seconds)
        heapq.heappush(free, ends[-1])
    return ends
