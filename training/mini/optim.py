"""Muon for matrices, Adam for the rest: far fewer steps than Adam alone for small convolutional networks.

Muon: K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024). The update of a matrix is its
momentum made orthogonal by a few Newton–Schulz iterations; convolution kernels count as matrices `[out, in·k·k]`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from imaging.engines.precision import bf16_speed
from training.mini.together import ALONE, Together


def _orthogonal(gradient: Tensor, dtype: torch.dtype, steps: int = 4) -> Tensor:
    """Newton–Schulz towards the nearest orthogonal matrix of `[rows, columns]`."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = (gradient / (gradient.norm() + 1e-7)).to(dtype)
    tall = x.size(0) > x.size(1)
    x = x.T if tall else x
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.T if tall else x).float()


def fast_dtype() -> torch.dtype:
    """bfloat16 where this machine multiplies it faster than float32, else float32."""
    return torch.bfloat16 if bf16_speed() > 1 else torch.float32


def autocast() -> torch.autocast:
    """The forward pass in the faster of float32 and bfloat16."""
    return torch.autocast("cpu", torch.bfloat16, enabled=fast_dtype() is torch.bfloat16)


def is_matrix(name: str, parameter: Tensor) -> bool:
    """Whether Muon should move this parameter: hidden matrices, not embeddings, inputs or outputs."""
    return parameter.ndim >= 2 and "embedding" not in name and not name.endswith(("conv_in.weight", "conv_out.weight"))


class MuonAdam:
    """Both optimisers over named parameters that want gradients; `factor` scales both rates (warm-up, decay)."""

    def __init__(
        self,
        named: Iterable[tuple[str, nn.Parameter]],
        rate: float,
        adam_rate: float,
        momentum: float = 0.95,
        together: Together = ALONE,
    ) -> None:
        self._together = together
        # What each process measures may differ; what one computes for all must not.
        leader_says = together.leads and fast_dtype() is torch.bfloat16
        short = bool(together.sum(torch.tensor(float(leader_says))) > 0)
        self._dtype = torch.bfloat16 if short else torch.float32
        wanted = [(name, p) for name, p in named if p.requires_grad]
        self.matrices = [p for name, p in wanted if is_matrix(name, p)]
        self.others = [p for name, p in wanted if not is_matrix(name, p)]
        self.rate, self.adam_rate, self.momentum = rate, adam_rate, momentum
        self.factor = 1.0
        self.steps = 0
        self._velocity = [torch.zeros_like(p) for p in self.matrices]
        self._mean = [torch.zeros_like(p) for p in self.others]
        self._square = [torch.zeros_like(p) for p in self.others]

    def zero_grad(self) -> None:
        for p in (*self.matrices, *self.others):
            p.grad = None

    @torch.no_grad()
    def step(self) -> None:
        self.steps += 1
        for p, update in zip(self.matrices, self._updates(), strict=True):
            if p.grad is not None:
                p.add_(update, alpha=-self.rate * self.factor)
        index = [i for i, p in enumerate(self.others) if p.grad is not None]
        gradients: list[Tensor] = [g for i in index if (g := self.others[i].grad) is not None]
        mean, square = [self._mean[i] for i in index], [self._square[i] for i in index]
        torch._foreach_lerp_(mean, gradients, 0.1)
        torch._foreach_lerp_(square, torch._foreach_mul(gradients, gradients), 0.01)
        rate = self.adam_rate * self.factor / (1 - 0.9**self.steps)
        for i, m, s in zip(index, mean, square, strict=True):
            self.others[i].addcdiv_(m, (s / (1 - 0.99**self.steps)).sqrt_().add_(1e-8), value=-rate)

    def _updates(self) -> list[Tensor]:
        """The matrices' orthogonal updates, each made by one process for all of them: they cost as much as a third of
        a step's gradients."""
        sizes = [p.numel() for p in self.matrices]
        flat = torch.zeros(sum(sizes))
        updates = [part.view_as(p) for part, p in zip(flat.split(sizes), self.matrices, strict=True)]
        costs = [0] * self._together.count
        for p, velocity, update in zip(self.matrices, self._velocity, updates, strict=True):
            if p.grad is None:
                continue
            velocity.lerp_(p.grad, 1 - self.momentum)
            whose = costs.index(min(costs))
            costs[whose] += p.numel()
            if whose == self._together.rank:
                made = _orthogonal(p.grad.lerp(velocity, self.momentum).reshape(p.size(0), -1), self._dtype)
                scale = max(1.0, made.size(0) / made.size(1)) ** 0.5
                update.copy_((made * scale).view_as(p))
        self._together.sum(flat)
        return updates

    def state(self) -> dict[str, Any]:
        return {"steps": self.steps, "velocity": self._velocity, "mean": self._mean, "square": self._square}

    def load(self, state: dict[str, Any]) -> None:
        self.steps = int(state["steps"])
        for mine, saved in (
            (self._velocity, state["velocity"]),
            (self._mean, state["mean"]),
            (self._square, state["square"]),
        ):
            for target, source in zip(mine, saved, strict=True):
                target.copy_(source)


def schedule(done: float, warm: float = 0.005, decay_from: float = 0.6) -> float:
    """Learning-rate factor at the share `done` of a run: warm-up, plateau, linear decay to 1 %."""
    if done < warm:
        return max(0.02, done / warm)
    return 1.0 if done < decay_from else max(0.01, (1 - done) / (1 - decay_from))


def average_into(averaged: nn.Module, module: nn.Module, decay: float, step: int) -> None:
    """Exponential moving average of the weights, with a short start."""
    weight = 1 - min(decay, (step + 1) / (step + 10))
    with torch.no_grad():
        torch._foreach_lerp_(list(averaged.parameters()), list(module.parameters()), weight)
