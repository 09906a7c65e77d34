"""Samplers as tables: every step of every sampler here is linear, so a batch of different rows is one expression.

For row latents x, the UNet's answer o and fresh noise z, one step is

    x' = keep · x + model · o + noise · z            and the picture so far is  x0 = seen · x + guessed · o

with numbers per row and step. The numbers come from the schedules of diffusers, which are asked once
per (sampler, steps) and never stepped: those objects hold one step index and cannot serve two rows.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imaging.errors import EngineError

ALIASES: Mapping[str, str] = {
    "EulerDiscreteScheduler": "euler",
    "DDIMScheduler": "ddim",
    "LCMScheduler": "lcm",
    "turbo": "euler-trailing",
    "lightning": "euler-trailing",
}
SAMPLERS = frozenset({"euler", "euler-trailing", "ddim", "lcm"})
"""Euler (Karras et al. 2022), the same with trailing timesteps (SDXL-Turbo, SDXL-Lightning), DDIM with
eta 0 (Song et al. 2021), and latent consistency sampling (Luo et al. 2023)."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """One sampler with one number of steps. All tuples have one number per step."""

    timesteps: tuple[float, ...]
    input_scale: tuple[float, ...]
    """What the latents are multiplied with before the UNet sees them."""
    keep: tuple[float, ...]
    model: tuple[float, ...]
    noise: tuple[float, ...]
    seen: tuple[float, ...]
    guessed: tuple[float, ...]
    start_signal: tuple[float, ...]
    start_noise: tuple[float, ...]
    """Latents that enter at step i: start_signal[i] · picture + start_noise[i] · noise."""
    initial: float
    """Scale of the pure noise that step 0 starts from."""

    def __len__(self) -> int:
        return len(self.timesteps)


def schedule(sampler: str, steps: int, config: Mapping[str, Any]) -> Schedule:
    """The tables of a sampler on a checkpoint.

    Args:
        sampler: One of `SAMPLERS` or an alias.
        steps: Number of denoising steps, 1–200.
        config: The checkpoint's own scheduler configuration (betas, prediction type, spacing).

    Raises:
        EngineError: an unknown sampler or a number of steps out of range.
    """
    sampler = ALIASES.get(sampler, sampler)
    if sampler not in SAMPLERS:
        raise EngineError(f"The sampler {sampler[:40]!r} is unknown; there are {', '.join(sorted(SAMPLERS))}.")
    if not 1 <= steps <= 200:
        raise EngineError(f"{steps} denoising steps cannot be made; 1 to 200 can.")
    prediction = str(config.get("prediction_type", "epsilon"))
    if prediction not in ("epsilon", "v_prediction", "sample"):
        raise EngineError(f"The checkpoint predicts {prediction[:40]!r}, which is not supported.")
    if sampler == "ddim":
        return _ddim(steps, config, prediction)
    if sampler == "lcm":
        return _lcm(steps, config, prediction)
    return _euler(steps, {**config, "timestep_spacing": "trailing"} if "-" in sampler else config, prediction)


def _euler(steps: int, config: Mapping[str, Any], prediction: str) -> Schedule:
    from diffusers import EulerDiscreteScheduler

    source = EulerDiscreteScheduler.from_config(dict(config))
    source.set_timesteps(steps)
    sigmas = [float(sigma) for sigma in source.sigmas]
    scale, keep, model, seen, guessed = [], [], [], [], []
    for now, after in itertools.pairwise(sigmas):
        root = math.sqrt(now**2 + 1)
        s, g = {
            "epsilon": (1.0, -now),
            "v_prediction": (1 / root**2, -now / root),
            "sample": (0.0, 1.0),
        }[prediction]
        ratio = after / now
        scale.append(1 / root)
        seen.append(s)
        guessed.append(g)
        keep.append(ratio + (1 - ratio) * s)
        model.append((1 - ratio) * g)
    return Schedule(
        timesteps=tuple(float(t) for t in source.timesteps),
        input_scale=tuple(scale),
        keep=tuple(keep),
        model=tuple(model),
        noise=(0.0,) * steps,
        seen=tuple(seen),
        guessed=tuple(guessed),
        start_signal=(1.0,) * steps,
        start_noise=tuple(sigmas[:-1]),
        initial=float(source.init_noise_sigma),
    )


def _clean(alpha: float, prediction: str) -> tuple[float, float]:
    """x0 = seen · x + guessed · o for variance-preserving latents, ᾱ = `alpha`."""
    signal, noise = math.sqrt(alpha), math.sqrt(1 - alpha)
    if prediction == "epsilon":
        return 1 / signal, -noise / signal
    return (signal, -noise) if prediction == "v_prediction" else (0.0, 1.0)


def _ddim(steps: int, config: Mapping[str, Any], prediction: str) -> Schedule:
    from diffusers import DDIMScheduler

    source = DDIMScheduler.from_config(dict(config), clip_sample=False, thresholding=False)
    source.set_timesteps(steps)
    times = [int(t) for t in source.timesteps]
    alphas = [float(source.alphas_cumprod[t]) for t in times]
    gap = int(source.config.num_train_timesteps) // steps
    before = [float(source.alphas_cumprod[t - gap] if t >= gap else source.final_alpha_cumprod) for t in times]
    keep, model, seen, guessed = [], [], [], []
    for now, after in zip(alphas, before, strict=True):
        s, g = _clean(now, prediction)
        k = math.sqrt((1 - after) / (1 - now))
        picture = math.sqrt(after) - k * math.sqrt(now)
        seen.append(s)
        guessed.append(g)
        keep.append(k + picture * s)
        model.append(picture * g)
    return _variance_preserving(times, alphas, keep, model, [0.0] * steps, seen, guessed)


def _lcm(steps: int, config: Mapping[str, Any], prediction: str) -> Schedule:
    from diffusers import LCMScheduler

    original = int(config.get("original_inference_steps", 50))
    source = LCMScheduler.from_config(dict(config), clip_sample=False, thresholding=False)
    source.set_timesteps(steps, original_inference_steps=max(steps, original))
    times = [int(t) for t in source.timesteps]
    alphas = [float(source.alphas_cumprod[t]) for t in times]
    keep, model, noise, seen, guessed = [], [], [], [], []
    for index, (time, now) in enumerate(zip(times, alphas, strict=True)):
        s, g = _clean(now, prediction)
        scaled = time * float(source.config.timestep_scaling)
        skip, out = 0.25 / (scaled**2 + 0.25), scaled / math.sqrt(scaled**2 + 0.25)
        last = index == len(times) - 1
        after = 1.0 if last else alphas[index + 1]
        seen.append(s)
        guessed.append(g)
        keep.append(math.sqrt(after) * (out * s + skip))
        model.append(math.sqrt(after) * out * g)
        noise.append(math.sqrt(1 - after))
    return _variance_preserving(times, alphas, keep, model, noise, seen, guessed)


def _variance_preserving(
    times: list[int],
    alphas: list[float],
    keep: list[float],
    model: list[float],
    noise: list[float],
    seen: list[float],
    guessed: list[float],
) -> Schedule:
    return Schedule(
        timesteps=tuple(float(t) for t in times),
        input_scale=(1.0,) * len(times),
        keep=tuple(keep),
        model=tuple(model),
        noise=tuple(noise),
        seen=tuple(seen),
        guessed=tuple(guessed),
        start_signal=tuple(math.sqrt(a) for a in alphas),
        start_noise=tuple(math.sqrt(1 - a) for a in alphas),
        initial=1.0,
    )
