"""Samplers as tables: every step of every sampler here is linear, so a batch of different rows is one expression.

For row latents x, the UNet's answer o and fresh noise z, one step is

    x' = keep · x + model · o + noise · z            and the picture so far is  x0 = seen · x + guessed · o

with numbers per row and step; solvers that remember add a share of what they remember (`imaging.engines.multistep`).
The numbers come from the schedules of diffusers, which are asked once per (sampler, steps) and never stepped: those
objects hold one step index and cannot serve two rows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imaging.engines import edm
from imaging.engines.multistep import dpmpp_2m, dpmpp_2m_sde, unipc
from imaging.engines.schedules import Schedule
from imaging.errors import EngineError

BASES: Mapping[str, tuple[str, ...]] = {
    "euler": ("trailing", "karras"),
    "euler_a": ("trailing", "karras"),
    "dpmpp_2m": ("trailing", "karras"),
    "dpmpp_2m_sde": ("trailing", "karras"),
    "unipc": ("trailing", "karras"),
    "ddim": ("trailing",),
    "lcm": (),
}
"""Euler (Karras et al. 2022) and its ancestral form, DPM++ 2M and UniPC (`imaging.engines.multistep`), DDIM with eta 0
(Song et al. 2021), and latent consistency sampling (Luo et al. 2023); each with what can follow its name: timesteps
that begin at the very end of the noise, as few-step models want them, or Karras et al.'s spacing of sigmas."""
SAMPLERS = frozenset({*BASES, *(f"{base}-{each}" for base, variants in BASES.items() for each in variants)})
ALIASES: Mapping[str, str] = {
    "eulerdiscretescheduler": "euler",
    "eulerancestraldiscretescheduler": "euler_a",
    "euler_ancestral": "euler_a",
    "ddimscheduler": "ddim",
    "lcmscheduler": "lcm",
    "dpmsolvermultistepscheduler": "dpmpp_2m",
    "unipcmultistepscheduler": "unipc",
    "uni_pc": "unipc",
    "uni_pc_bh2": "unipc",
    "turbo": "euler-trailing",
    "lightning": "euler-trailing",
}


_OF_NOISE = (
    "beta_start", "beta_end", "beta_schedule", "trained_betas", "num_train_timesteps", "prediction_type",
    "steps_offset", "timestep_spacing", "rescale_betas_zero_snr", "use_karras_sigmas",
)  # fmt: skip


def canonical(sampler: str) -> str:
    """A sampler by any of its usual names, as `SAMPLERS` has it: "DPM++ 2M Karras" is `dpmpp_2m-karras`.

    Raises:
        EngineError: there is no such sampler.
    """
    name = re.sub(r"[\s_]+", "_", sampler.strip().lower().replace("dpm++", "dpmpp").removeprefix("k_"))
    base, variant = name, ""
    if found := re.fullmatch(r"(.+?)[-_](trailing|karras)", name):
        base, variant = found[1], f"-{found[2]}"
    name = ALIASES.get(name) or ALIASES.get(base, base) + variant
    if name not in SAMPLERS:
        known = ", ".join(BASES)
        raise EngineError(
            f"The sampler {sampler[:40]!r} is unknown; there are {known}, some with -karras or -trailing."
        )
    return name


def schedule(sampler: str, steps: int, config: Mapping[str, Any]) -> Schedule:
    """The tables of a sampler on a checkpoint.

    Args:
        sampler: One of `SAMPLERS` or an alias.
        steps: Number of denoising steps, 1–200.
        config: The checkpoint's own scheduler configuration (betas, prediction type, spacing).

    Raises:
        EngineError: an unknown sampler or a number of steps out of range.
    """
    sampler = canonical(sampler)
    if not 1 <= steps <= 200:
        raise EngineError(f"{steps} denoising steps cannot be made; 1 to 200 can.")
    prediction = str(config.get("prediction_type", "epsilon"))
    if prediction not in ("epsilon", "v_prediction", "sample"):
        raise EngineError(f"The checkpoint predicts {prediction[:40]!r}, which is not supported.")
    base, _, variant = sampler.partition("-")
    if variant == "trailing":
        config = {**config, "timestep_spacing": "trailing"}
    if "sigma_data" in config:
        return edm.schedule(base, steps, config, prediction)
    if variant == "karras":
        config = {**config, "use_karras_sigmas": True}
    match base:
        case "ddim":
            return _ddim(steps, config, prediction)
        case "lcm":
            return _lcm(steps, config, prediction)
        case "euler":
            return _euler(steps, config, prediction)
        case "euler_a":
            return _euler(steps, config, prediction, ancestral=True)
    return _with_memory(base, steps, config, prediction)


def _euler(steps: int, config: Mapping[str, Any], prediction: str, *, ancestral: bool = False) -> Schedule:
    from diffusers import EulerDiscreteScheduler

    source = EulerDiscreteScheduler.from_config(dict(config))
    source.set_timesteps(steps)
    sigmas = [float(sigma) for sigma in source.sigmas]
    ends, noise = edm.downward(sigmas) if ancestral else (sigmas[1:], [0.0] * steps)
    scale, keep, model, seen, guessed = [], [], [], [], []
    for now, after in zip(sigmas[:-1], ends, strict=True):
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
        noise=tuple(noise),
        seen=tuple(seen),
        guessed=tuple(guessed),
        start_signal=(1.0,) * steps,
        start_noise=tuple(sigmas[:-1]),
        initial=float(source.init_noise_sigma),
    )


def _clean(alpha: float, prediction: str) -> tuple[float, float]:
    """x0 = seen · x + guessed · o for variance-preserving latents, ᾱ = `alpha`."""
    signal, noise = math.sqrt(alpha), math.sqrt(1 - alpha)
    if prediction == "epsilon" and not signal:
        raise EngineError(
            "The checkpoint begins at pure noise and so has to predict velocity; EASEL_PREDICTION says so."
        )
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


@dataclass(frozen=True, slots=True)
class _Preserved:
    """A `Space` whose latents keep their variance: alpha · picture + sigma · noise, alpha² + sigma² = 1."""

    prediction: str

    def alpha(self, s: float) -> float:
        return 1 / math.sqrt(s**2 + 1)

    def sigma(self, s: float) -> float:
        return s / math.sqrt(s**2 + 1)

    def clean(self, s: float) -> tuple[float, float]:
        return _clean(1 / (s**2 + 1), self.prediction)


def _with_memory(base: str, steps: int, config: Mapping[str, Any], prediction: str) -> Schedule:
    from diffusers import DPMSolverMultistepScheduler, UniPCMultistepScheduler

    kind = UniPCMultistepScheduler if base == "unipc" else DPMSolverMultistepScheduler
    # What is not of the noise is these solvers' own, whatever another scheduler's configuration says of it.
    source = kind.from_config({name: config[name] for name in _OF_NOISE if name in config})
    source.set_timesteps(steps)
    sigmas = [float(sigma) for sigma in source.sigmas]
    space, noise = _Preserved(prediction), [0.0] * steps
    if base == "dpmpp_2m_sde":
        memory, noise = dpmpp_2m_sde(space, sigmas)
    else:
        memory = (unipc if base == "unipc" else dpmpp_2m)(space, sigmas)
    firsts = [memory.at(step, 0) for step in range(steps)]
    clean = [space.clean(s) for s in sigmas[:-1]]
    return Schedule(
        timesteps=tuple(float(t) for t in source.timesteps),
        input_scale=(1.0,) * steps,
        keep=tuple(first.keep for first in firsts),
        model=tuple(first.model for first in firsts),
        noise=tuple(noise),
        seen=tuple(seen for seen, _ in clean),
        guessed=tuple(guessed for _, guessed in clean),
        start_signal=tuple(space.alpha(s) for s in sigmas[:-1]),
        start_noise=tuple(space.sigma(s) for s in sigmas[:-1]),
        initial=1.0,
        memory=memory,
    )


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
