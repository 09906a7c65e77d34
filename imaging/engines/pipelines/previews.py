"""What is there so far, through the pipeline's own VAE."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional

from imaging.engines.pipelines.traits import Packing

STRAIGHT: Final = ("FlowMatch", "EulerDiscrete")
"""Schedules whose steps lead straight to the picture that a model sees, by the beginnings of their names."""
SIDE: Final = 64
"""Latents of a preview, at most: more costs time, and a preview is small."""


class Previews:
    """One picture's, from the latents that a callback is given after each step. Latents are [1, …], floats."""

    def __init__(self, pipe: Any, packing: Packing, size: tuple[int, int]) -> None:
        self._pipe = pipe
        self._packing = packing
        self._width, self._height = size
        self._before: tuple[Tensor, float] | None = None

    def seen(self, latents: Tensor) -> Tensor:
        """The picture that these latents lead to: where steps are straight (Liu et al. 2022, arXiv 2209.03003; Karras
        et al. 2022, arXiv 2206.00364) two of them say where they end; of any other schedule the latents as they are."""
        noise = self._noise()
        if noise is None:
            return latents
        before, self._before = self._before, (latents, noise)
        if before is None or before[1] <= noise:
            return latents
        return latents + (latents - before[0]) / (before[1] - noise) * noise

    def _noise(self) -> float | None:
        """Sigma of the latents now, where it says how straight steps go on."""
        scheduler = self._pipe.scheduler
        index = getattr(scheduler, "step_index", None)
        if not type(scheduler).__name__.startswith(STRAIGHT) or index is None:
            return None
        return float(scheduler.sigmas[index])

    @torch.no_grad()
    def picture(self, latents: Tensor) -> Tensor | None:
        """RGB [3, h, w] of 0–1 on the CPU, small; None where it is not known how the latents lie."""
        vae = self._pipe.vae
        found = self._unpacked(latents.float())
        if found is None:
            return None
        scale = max(1, -(-max(found.shape[-2:]) // SIDE))
        if scale > 1:
            found = functional.avg_pool2d(found, scale, ceil_mode=True)
        found = found.to(vae.device, vae.dtype)
        seen = vae.decode(found[:, :, None] if _is_video(vae) else found, return_dict=False)[0]
        seen = seen[:, :, 0] if seen.ndim == 5 else seen
        return (seen[0].float() / 2 + 0.5).clamp(0, 1).cpu()

    def _unpacked(self, latents: Tensor) -> Tensor | None:
        """As the VAE decodes them: [1, C, h, w]."""
        vae, config = self._pipe.vae, self._pipe.vae.config
        if self._packing is Packing.PLAIN:
            channels = config.get("latent_channels") or config.get("z_dim")
            if latents.ndim != 4 or latents.shape[1] != channels:
                return None
            return _rescaled(latents, config)
        factor = int(self._pipe.vae_scale_factor)
        down, across = self._height // (2 * factor), self._width // (2 * factor)
        if latents.ndim != 3 or latents.shape[1] != down * across:
            return None
        if self._packing is Packing.FLUX2:
            found = latents.transpose(1, 2).reshape(1, -1, down, across)
            mean, variance = (each.view(1, -1, 1, 1).to(found) for each in (vae.bn.running_mean, vae.bn.running_var))
            return _spread((found * (variance + config.batch_norm_eps).sqrt() + mean).flatten(2).transpose(1, 2), down)
        return _rescaled(_spread(latents, down), config)


def _spread(patches: Tensor, down: int) -> Tensor:
    """Patches of two by two → latents: [1, h/2 · w/2, 4 C] → [1, C, h, w]."""
    across, channels = patches.shape[1] // down, patches.shape[2] // 4
    found = patches.view(1, down, across, channels, 2, 2).permute(0, 3, 1, 4, 2, 5)
    return found.reshape(1, channels, 2 * down, 2 * across)


def _rescaled(latents: Tensor, config: Any) -> Tensor:
    """From the model's numbers to the VAE's."""
    mean, std = config.get("latents_mean"), config.get("latents_std")
    if mean and std:
        mean, std = (torch.tensor(each).view(1, -1, 1, 1).to(latents) for each in (mean, std))
        return latents * std + mean
    return latents / float(config.get("scaling_factor") or 1.0) + float(config.get("shift_factor") or 0.0)


def _is_video(vae: Any) -> bool:
    """Whether pictures are films of one frame to it."""
    return "z_dim" in vae.config
