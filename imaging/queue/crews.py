"""The engines of a queue, each with its own workers and its own line."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from imaging.engine_table import EngineSpec
from imaging.queue.waiting_line import WaitingLine
from imaging.worker_client import WorkerTransport


@dataclass(frozen=True, slots=True)
class Crew:
    """An engine, and where it draws."""

    spec: EngineSpec
    workers: Sequence[WorkerTransport]


class Lane:
    """What waits for one engine. Whose turn it is, is settled in each lane by itself: a picture of another engine
    takes nothing of this one's devices, and is no reason to wait."""

    def __init__(self) -> None:
        self.line = WaitingLine()
        self.work = asyncio.Event()
        """Something waits that did not before."""
