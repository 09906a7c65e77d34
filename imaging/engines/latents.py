"""Between pixels and latents: decoding, encoding, and cheap previews."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from imaging.engines.failures import Failure, Kind, release
from imaging.engines.memory import free_memory
from imaging.errors import EngineError

log = logging.getLogger(__name__)

TILE_ABOVE = 1536 * 1536
"""Pixels above which a GPU decodes in tiles, so that a refined picture does not need all memory."""
TILE = 64
"""Latents a side of a tile."""
BYTES_A_PIXEL = 3072
"""Of memory that SDXL's VAE takes in float32 (measured: 3.0 GiB a megapixel); by its first layer's channels."""
_CHANNELS = 128

_FIT_SIDE = 16
"""Latents a side of the pictures that previews are fitted on."""
_NEAREST, _BICUBIC = Image.Resampling.NEAREST, Image.Resampling.BICUBIC
_PATCHES = (*[(1, _NEAREST), (2, _BICUBIC), (3, _NEAREST)] * 4, (4, _BICUBIC), (6, _BICUBIC))
"""Those pictures: colours a side, and how they are spread."""

NO_NUMBERS = "The picture model computed no picture this time; please try again, or in other words."


class Latents:
    """A VAE with the scaling of its checkpoint. One picture at a time: results never depend on neighbours."""

    def __init__(self, vae: Any, scale: int, free_memory: Callable[[torch.device], int] = free_memory) -> None:
        self._vae = vae
        self._scale = scale
        self._free_memory = free_memory
        self._factor = float(vae.config.scaling_factor)
        self._projection = self._fit()

    @torch.inference_mode()
    def decode(self, latents: Tensor) -> Image.Image:
        """[1, C, h, w] → RGB picture of h · scale by w · scale pixels.

        Raises:
            EngineError: the latents, or what the VAE makes of them in float32 too, are no numbers.
        """
        if not torch.isfinite(latents).all():
            log.error(
                "the UNet computed values that are no numbers in %s; EASEL_PRECISION=float32 may help", latents.dtype
            )
            raise EngineError(NO_NUMBERS)
        pixels = latents.shape[-1] * latents.shape[-2] * self._scale**2

        def whole() -> Tensor:
            found = self._vae.decode(self._unscaled(latents).to(self._vae.device, self._vae.dtype), return_dict=False)[
                0
            ]
            return found[0].float().cpu()

        decoded = self._within_memory(pixels, whole)
        if not torch.isfinite(decoded).all() and self._vae.dtype is not torch.float32:
            # SDXL's first VAE overflows in fp16, and not every copy of it says so.
            log.warning("the VAE overflows in %s; it computes in float32 from now on", self._vae.dtype)
            self._vae.to(torch.float32)
            decoded = self._within_memory(pixels, whole)
        if not torch.isfinite(decoded).all():
            log.error("the VAE computed values that are no numbers in %s; it may be damaged", self._vae.dtype)
            raise EngineError(NO_NUMBERS)
        return _image(decoded)

    @torch.inference_mode()
    def encode(self, image: Image.Image) -> Tensor:
        """RGB picture → [1, C, h, w] float32 on the CPU: the mean of the VAE's distribution, so it repeats."""
        return self._scaled(self._within_memory(image.width * image.height, lambda: self._posterior(image).mode()))

    def _within_memory(self, pixels: int, call: Callable[[], Tensor]) -> Tensor:
        """Run the VAE whole where memory has room for that, else (or when that was wrong) in tiles."""
        device = self._vae.device
        needed = pixels * BYTES_A_PIXEL * self._vae.config.block_out_channels[0] / _CHANNELS
        needed *= self._vae.dtype.itemsize / torch.float32.itemsize
        large = device.type == "cuda" and pixels > TILE_ABOVE
        if not large and needed <= self._free_memory(device):
            try:
                return call()
            except (RuntimeError, MemoryError) as error:
                failure = Failure.of(error)
                if failure.kind is not Kind.MEMORY:
                    raise
            # Out of the handler, or the failed call's tensors would stay.
            release(device)
            log.warning("not enough memory for %d pixels at once; they are decoded in tiles", pixels)
        with self._tiled():
            return call()

    @contextmanager
    def _tiled(self) -> Iterator[None]:
        vae = self._vae
        before = vae.tile_latent_min_size, vae.tile_sample_min_size
        vae.tile_latent_min_size, vae.tile_sample_min_size = TILE, TILE * self._scale
        vae.enable_tiling()
        try:
            yield
        finally:
            vae.disable_tiling()
            vae.tile_latent_min_size, vae.tile_sample_min_size = before

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
        """A rough picture of [1, C, h, w] by a linear projection, which costs next to nothing.

        Raises:
            EngineError: the latents are no numbers, and neither will the picture be.
        """
        grid = latents[0].float().cpu()
        if not torch.isfinite(grid).all():
            raise EngineError(NO_NUMBERS)
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
    """[3, H, W] in −1 … 1 → picture."""
    array = ((pixels / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    return Image.fromarray(array.permute(1, 2, 0).contiguous().numpy(), "RGB")
