"""Between pixels and latents: decoding, encoding, and cheap previews."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

TILE_ABOVE = 1536 * 1536
"""Pixels above which a GPU decodes in tiles, so that a refined picture does not need all memory."""

_FIT_SIDE = 16
"""Latents a side of the pictures that previews are fitted on."""
_NEAREST, _BICUBIC = Image.Resampling.NEAREST, Image.Resampling.BICUBIC
_PATCHES = (*[(1, _NEAREST), (2, _BICUBIC), (3, _NEAREST)] * 4, (4, _BICUBIC), (6, _BICUBIC))
"""Those pictures: colours a side, and how they are spread."""


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

    def encode(self, image: Image.Image) -> Tensor:
        """RGB picture → [1, C, h, w] float32 on the CPU: the mean of the VAE's distribution, so it repeats."""
        return self._scaled(self._posterior(image).mode())

    @torch.inference_mode()
    def _posterior(self, image: Image.Image) -> Any:
        array = np.asarray(image.convert("RGB"), dtype=np.float32) / 127.5 - 1.0
        pixels = torch.from_numpy(array).permute(2, 0, 1)[None].to(self._vae.device, self._vae.dtype)
        return self._vae.encode(pixels).latent_dist

    def _scaled(self, found: Tensor) -> Tensor:
        mean, std = self._moments()
        return (found.float().cpu() - mean) / std * self._factor

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
        """[C + 1, 3]: least squares from latents to colours, over a few pictures of plain and of smooth colours.

        The latents are samples of the VAE's distribution, as those of a UNet are. Fitted to its means instead, channels
        that carry next to nothing get large weights, and a preview turns into their noise towards the end.
        """
        random, draw = np.random.default_rng(0), torch.Generator().manual_seed(0)
        latents, colours = [], []
        for cells, resample in _PATCHES:
            # Most colours near the ends of the range, or previews come out pale.
            patches = (random.beta(0.5, 0.5, (cells, cells, 3)) * 255).astype(np.uint8)
            side = _FIT_SIDE * self._scale
            image = Image.fromarray(patches, "RGB").resize((side, side), resample)
            found = self._posterior(image)
            mean, std = found.mean.float().cpu(), found.std.float().cpu()
            sample = mean + std * torch.randn(mean.shape, generator=draw)
            latents.append(self._scaled(sample)[0].flatten(1).T)
            tiny = np.asarray(image.resize((_FIT_SIDE, _FIT_SIDE), Image.Resampling.BOX), dtype=np.float32)
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
