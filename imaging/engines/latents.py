"""Between pixels and latents: decoding, encoding, and cheap previews."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

TILE_ABOVE = 1536 * 1536
"""Pixels above which a GPU decodes in tiles, so that a refined picture does not need all memory."""


class Latents:
    """A VAE with the scaling of its checkpoint. One picture at a time: results never depend on neighbours."""

    def __init__(self, vae: Any, scale: int) -> None:
        self._vae = vae
        self._scale = scale
        self._factor = float(vae.config.scaling_factor)
        self._projection = self._fit()

    @torch.inference_mode()
    def decode(self, latents: Tensor) -> Image.Image:
        """[1, C, h, w] → RGB picture of h · scale by w · scale pixels."""
        device, dtype = self._vae.device, self._vae.dtype
        pixels = latents.shape[-1] * latents.shape[-2] * self._scale**2
        if pixels > TILE_ABOVE and device.type == "cuda":
            self._vae.enable_tiling()
        try:
            decoded = self._vae.decode(self._unscaled(latents).to(device, dtype), return_dict=False)[0]
        finally:
            self._vae.disable_tiling()
        return _image(decoded[0].float().cpu())

    @torch.inference_mode()
    def encode(self, image: Image.Image) -> Tensor:
        """RGB picture → [1, C, h, w] float32 on the CPU: the mean of the VAE's distribution, so it repeats."""
        array = np.asarray(image.convert("RGB"), dtype=np.float32) / 127.5 - 1.0
        pixels = torch.from_numpy(array).permute(2, 0, 1)[None].to(self._vae.device, self._vae.dtype)
        found = self._vae.encode(pixels).latent_dist.mode().float().cpu()
        mean, std = self._moments()
        return (found - mean) / std * self._factor

    @torch.inference_mode()
    def preview(self, latents: Tensor) -> Image.Image:
        """A rough picture of [1, C, h, w] by a linear projection, which costs next to nothing."""
        grid = latents[0].float().cpu()
        ones = torch.ones(1, *grid.shape[1:])
        rgb = torch.einsum("chw,cr->rhw", torch.cat([grid, ones]), self._projection)
        image = _image(rgb)
        side = max(1, 256 // max(image.size))
        return image.resize((image.width * side, image.height * side), Image.Resampling.BICUBIC)

    def _fit(self) -> Tensor:
        """[C + 1, 3]: least squares from latents to colours, over a few pictures of smooth colours."""
        size = 16
        random = np.random.default_rng(0)
        latents, colours = [], []
        for _ in range(6):
            small = Image.fromarray(random.integers(0, 256, (6, 6, 3), dtype=np.uint8), "RGB")
            image = small.resize((size * self._scale, size * self._scale), Image.Resampling.BICUBIC)
            latents.append(self.encode(image)[0].flatten(1).T)
            tiny = np.asarray(image.resize((size, size), Image.Resampling.BOX), dtype=np.float32)
            colours.append(torch.from_numpy(tiny / 127.5 - 1.0).reshape(-1, 3))
        inputs = torch.cat(latents)
        return torch.linalg.lstsq(torch.cat([inputs, torch.ones(len(inputs), 1)], 1), torch.cat(colours)).solution

    def _unscaled(self, latents: Tensor) -> Tensor:
        mean, std = self._moments()
        if isinstance(mean, Tensor):
            mean, std = mean.to(latents), torch.as_tensor(std).to(latents)
        return latents / self._factor * std + mean

    def _moments(self) -> tuple[Tensor | float, Tensor | float]:
        """Mean and standard deviation of the checkpoint's latents where it names them."""
        means, stds = self._vae.config.get("latents_mean"), self._vae.config.get("latents_std")
        if not means or not stds:
            return 0.0, 1.0
        return torch.tensor(means).view(1, -1, 1, 1), torch.tensor(stds).view(1, -1, 1, 1)


def fitted(image: Image.Image, width: int, height: int) -> Image.Image:
    """The picture at exactly that size: scaled to cover it, the overhang cut off evenly."""
    scale = max(width / image.width, height / image.height)
    large = image.convert("RGB").resize(
        (max(width, round(image.width * scale)), max(height, round(image.height * scale))), Image.Resampling.LANCZOS
    )
    left, top = (large.width - width) // 2, (large.height - height) // 2
    return large.crop((left, top, left + width, top + height))


def _image(pixels: Tensor) -> Image.Image:
    """[3, H, W] in −1 … 1 → picture; what is not a number becomes black."""
    array = ((torch.nan_to_num(pixels) / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    return Image.fromarray(array.permute(1, 2, 0).contiguous().numpy(), "RGB")
