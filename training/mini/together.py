"""Several processes that train one model: each draws its own scenes, and every step averages their gradients.

Twice the samples a second on two cores, where a second thread of one process gains little. A run may go on later with
another number of processes: its checkpoint says nothing of them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn


@dataclass(frozen=True, slots=True)
class Together:
    """One process among `count`; alone by default. Rank 0 writes checkpoints and the log."""

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def average(self, parameters: Iterable[nn.Parameter], over: bool) -> bool:
        """Average the gradients of all processes; whether any of them wants to stop after this step."""
        if self.count == 1:
            return over
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([*(g.reshape(-1) for g in gradients), torch.tensor([float(over)])])
        dist.all_reduce(flat)
        flat /= self.count
        at = 0
        for gradient in gradients:
            gradient.copy_(flat[at : at + gradient.numel()].view_as(gradient))
            at += gradient.numel()
        return bool(flat[-1] > 0)

    def sum(self, values: Tensor) -> Tensor:
        """The sum of a tensor over all processes."""
        if self.count > 1:
            dist.all_reduce(values)
        return values


ALONE = Together()


def run(count: int, work: Callable[[Together], bool]) -> bool:
    """`work` in this process, or in `count` new ones with one thread each; what rank 0 returns.

    `work` must be picklable: a function of a module, or a `functools.partial` of one.
    """
    if count == 1:
        return work(ALONE)
    with tempfile.TemporaryDirectory(prefix="easel-train-") as folder:
        spawn(_member, (count, work, folder), nprocs=count)
        return Path(folder, "done").exists()


def _member(rank: int, count: int, work: Callable[[Together], bool], folder: str) -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=count)
    try:
        if work(Together(rank, count)) and rank == 0:
            Path(folder, "done").touch()
    finally:
        dist.destroy_process_group()
