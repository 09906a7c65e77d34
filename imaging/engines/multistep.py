"""Solvers that remember: DPM++ 2M and its SDE form, and UniPC, as numbers for each step and each length of memory.

DPM-Solver++ of second order (Lu et al. 2022, arXiv 2211.01095, algorithm 2) and UniPC with B₂(h) (Zhao et al. 2023,
arXiv 2302.04867, algorithms 7 and 8), predicting the picture. Both are linear in the latents, the UNet's answer and
what was remembered; how much that is depends on how many steps a row has made, since a row may enter late.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

Numbers = tuple[float, ...]


class Space(Protocol):
    """Latents at noise level s: alpha · picture + sigma · noise."""

    def alpha(self, s: float) -> float: ...
    def sigma(self, s: float) -> float: ...
    def clean(self, s: float) -> tuple[float, float]:
        """The picture is first · latents + second · answer."""
        ...


@dataclass(frozen=True, slots=True)
class Mix:
    """One step: x' = keep · x + model · o + Σ past · memory + noise · z."""

    keep: float
    model: float
    past: Numbers = ()
    corrected: Numbers | None = None
    """UniPC: the latents as they should have been, of x, o and the memory; remembered last."""


@dataclass(frozen=True, slots=True)
class Memory:
    """The steps of a solver that remembers, by the number of steps that a row has made.

    What is remembered are the newest pictures so far, at most `pictures`, and after them UniPC's corrected latents.
    """

    pictures: int
    mixes: tuple[tuple[Mix, ...], ...]
    """Step → steps made before it (the last stands for all more) → numbers."""

    def at(self, step: int, remembered: int) -> Mix:
        """The numbers of a step for a row that remembers so many tensors."""
        mixes = self.mixes[step]
        return next(mix for mix in mixes if len(mix.past) == remembered)


def dpmpp_2m(space: Space, sigmas: Sequence[float]) -> Memory:
    """Without noise of its own."""
    return Memory(1, tuple(_dpmpp(space, sigmas, step, noisy=False) for step in range(len(sigmas) - 1)))


def dpmpp_2m_sde(space: Space, sigmas: Sequence[float]) -> tuple[Memory, list[float]]:
    """With the scale of each step's fresh noise."""
    steps = range(len(sigmas) - 1)
    noise = [space.sigma(sigmas[step + 1]) * math.sqrt(1 - math.exp(-2 * _gap(space, sigmas, step))) for step in steps]
    return Memory(1, tuple(_dpmpp(space, sigmas, step, noisy=True) for step in steps)), noise


def unipc(space: Space, sigmas: Sequence[float]) -> Memory:
    """Predictor and corrector of second order."""
    return Memory(
        2, tuple(tuple(_unipc(space, sigmas, step, made) for made in range(3)) for step in range(len(sigmas) - 1))
    )


def _log_ratio(space: Space, s: float) -> float:
    return math.inf if s == 0 else math.log(space.alpha(s) / space.sigma(s))


def _gap(space: Space, sigmas: Sequence[float], step: int) -> float:
    """h of a step; infinite for the last."""
    return _log_ratio(space, sigmas[step + 1]) - _log_ratio(space, sigmas[step])


def _dpmpp(space: Space, sigmas: Sequence[float], step: int, *, noisy: bool) -> tuple[Mix, ...]:
    now, after = sigmas[step], sigmas[step + 1]
    h = _gap(space, sigmas, step)
    kept = space.sigma(after) / space.sigma(now) * (math.exp(-h) if noisy else 1.0)
    drawn = space.alpha(after) * -math.expm1(-2 * h if noisy else -h)
    seen, guessed = space.clean(now)
    first = Mix(kept + drawn * seen, drawn * guessed)
    if step == 0:
        return (first,)
    # The difference to the picture before; nothing of it at the end, where h has no bounds.
    lean = 0.0 if after == 0 else 0.5 * drawn * h / _gap(space, sigmas, step - 1)
    second = Mix(kept + (drawn + lean) * seen, (drawn + lean) * guessed, (-lean,))
    return (first, second)


def _unipc(space: Space, sigmas: Sequence[float], step: int, made: int) -> Mix:
    """Numbers over (x, o, memory), where memory is () at first, then (m1, l), then (m1, m2, l)."""
    known = min(made, step)
    size = 2 + (0, 2, 3)[known]
    seen, guessed = space.clean(sigmas[step])
    picture = _vector(size, {0: seen, 1: guessed})
    corrected = _corrected(space, sigmas, step, known, picture)
    h, now, after = _gap(space, sigmas, step), sigmas[step], sigmas[step + 1]
    moved = space.alpha(after) * math.expm1(-h)
    x = _sum(_times(space.sigma(after) / space.sigma(now), corrected), _times(-moved, picture))
    if known and after:
        # (m1 − m0) / r, with half of its weight.
        ratio = -_gap(space, sigmas, step - 1) / h
        lean = _times(-moved * 0.5 / ratio, _sum(_vector(size, {2: 1.0}), _times(-1.0, picture)))
        x = _sum(x, lean)
    return Mix(x[0], x[1], x[2:], corrected)


def _corrected(space: Space, sigmas: Sequence[float], step: int, known: int, picture: Numbers) -> Numbers:
    size = len(picture)
    if not known:
        return _vector(size, {0: 1.0})
    before, now = sigmas[step - 1], sigmas[step]
    h = _gap(space, sigmas, step - 1)
    moved = space.alpha(now) * math.expm1(-h)
    old, last = _vector(size, {2: 1.0}), _vector(size, {size - 1: 1.0})
    x = _sum(_times(space.sigma(now) / space.sigma(before), last), _times(-moved, old))
    fresh = _sum(picture, _times(-1.0, old))
    if known == 1:
        return _sum(x, _times(-moved * 0.5, fresh))
    ratio = -_gap(space, sigmas, step - 2) / h
    phi = math.expm1(-h) / -h - 1
    first, second = phi / math.expm1(-h), (phi / -h - 0.5) * 2 / math.expm1(-h)
    # Of [1 1; ratio 1] · weights = (first, second).
    older = (first - second) / (1 - ratio)
    difference = _times(older / ratio, _sum(_vector(size, {3: 1.0}), _times(-1.0, old)))
    return _sum(x, _times(-moved, _sum(difference, _times(first - older, fresh))))


def _vector(size: int, values: dict[int, float]) -> Numbers:
    return tuple(values.get(index, 0.0) for index in range(size))


def _sum(a: Numbers, b: Numbers) -> Numbers:
    return tuple(x + y for x, y in zip(a, b, strict=True))


def _times(factor: float, a: Numbers) -> Numbers:
    return tuple(factor * x for x in a)
