"""Samplers on latents of EDM's kind (Karras et al. 2022, arXiv 2206.00364, table 1): Playground 2.5 and CosXL.

Noise is added to the picture without shrinking it, the UNet is told log σ / 4 in place of a timestep, and its answer is
mixed with what it saw by the data's own deviation.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imaging.engines.multistep import dpmpp_2m, dpmpp_2m_sde, unipc
from imaging.engines.schedules import Schedule
from imaging.errors import EngineError

RHO = 7.0


@dataclass(frozen=True, slots=True)
class Preconditioned:
    """A `Space` whose latents are picture + s · noise."""

    deviation: float
    """Of the data, σ_data."""
    velocity: bool

    def alpha(self, s: float) -> float:
        return 1.0

    def sigma(self, s: float) -> float:
        return s

    def clean(self, s: float) -> tuple[float, float]:
        whole = s**2 + self.deviation**2
        answer = s * self.deviation / math.sqrt(whole)
        return self.deviation**2 / whole, -answer if self.velocity else answer


def schedule(base: str, steps: int, config: Mapping[str, Any], prediction: str) -> Schedule:
    """The tables of a sampler.

    Args:
        base: A sampler without what follows its name: sigmas are spaced as Karras et al. have it, in any case.
        config: `sigma_data`, `sigma_min`, `sigma_max`, and `rho` where it is not 7.

    Raises:
        EngineError: the sampler is for other latents.
    """
    least, largest = float(config.get("sigma_min", 0.002)), float(config.get("sigma_max", 80.0))
    deviation = float(config["sigma_data"])
    sigmas = [*karras(least, largest, steps, float(config.get("rho", RHO))), 0.0]
    space = Preconditioned(deviation, prediction == "v_prediction")
    memory, noise = None, [0.0] * steps
    match base:
        case "dpmpp_2m":
            memory = dpmpp_2m(space, sigmas)
        case "unipc":
            memory = unipc(space, sigmas)
        case "dpmpp_2m_sde":
            memory, noise = dpmpp_2m_sde(space, sigmas)
        case "euler" | "euler_a":
            pass
        case _:
            raise EngineError(f"The sampler {base} is not for this checkpoint; euler, dpmpp_2m and unipc are.")
    clean = [space.clean(s) for s in sigmas[:-1]]
    ends, fresh = downward(sigmas) if base == "euler_a" else (sigmas[1:], noise)
    kept = [end / s for s, end in zip(sigmas[:-1], ends, strict=True)]
    return Schedule(
        timesteps=tuple(0.25 * math.log(s) for s in sigmas[:-1]),
        input_scale=tuple(1 / math.sqrt(s**2 + deviation**2) for s in sigmas[:-1]),
        keep=tuple(k + (1 - k) * s for k, (s, _) in zip(kept, clean, strict=True)),
        model=tuple((1 - k) * g for k, (_, g) in zip(kept, clean, strict=True)),
        noise=tuple(fresh),
        seen=tuple(s for s, _ in clean),
        guessed=tuple(g for _, g in clean),
        start_signal=(1.0,) * steps,
        start_noise=tuple(sigmas[:-1]),
        initial=math.sqrt(largest**2 + 1),
        memory=memory,
    )


def karras(least: float, largest: float, steps: int, rho: float = RHO) -> list[float]:
    """Sigmas from the largest to the least, even in their rho-th root (equation 5)."""
    first, last = largest ** (1 / rho), least ** (1 / rho)
    return [(first + step / max(1, steps - 1) * (last - first)) ** rho for step in range(steps)]


def downward(sigmas: Sequence[float]) -> tuple[list[float], list[float]]:
    """Of ancestral steps: down to which sigma each goes, and how much fresh noise brings it up again."""
    ends, fresh = [], []
    for now, after in itertools.pairwise(sigmas):
        up = math.sqrt(max(0.0, after**2 * (now**2 - after**2) / now**2))
        ends.append(math.sqrt(max(0.0, after**2 - up**2)))
        fresh.append(up)
    return ends, fresh
