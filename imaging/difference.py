"""How different two pictures look, as one number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imaging.outputs import open_kept

_SIDE = 96
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def change(before: bytes | Image.Image, after: bytes | Image.Image) -> float:
    """Perceptual difference, 0 (the same) to 1.

    The mean of structural dissimilarity (1 − SSIM, Wang et al. 2004, on luma in 8 × 8 windows) and
    colour difference (root mean square over RGB), both at 96 × 96 pixels.
    """
    a, b = _pixels(before), _pixels(after)
    colour = float(np.sqrt(np.mean((a - b) ** 2)))
    dissimilar = (1.0 - ssim(a @ _LUMA, b @ _LUMA)) / 2.0
    return round(min(1.0, max(0.0, (dissimilar * 2 + colour) / 2)), 4)


def ssim(a: NDArray[np.float32], b: NDArray[np.float32], window: int = 8) -> float:
    """Mean structural similarity of two grey pictures `[H, W]` in 0–1, over non-overlapping windows; −1 to 1."""
    return float(ssim_map(a, b, window).mean())


def ssim_map(a: NDArray[np.float32], b: NDArray[np.float32], window: int = 8) -> NDArray[np.float32]:
    """Structural similarity of each window, `[H // window, W // window]`, −1 to 1."""
    height, width = (side // window * window for side in a.shape)
    blocks_a, blocks_b = (
        grey[:height, :width]
        .reshape(height // window, window, width // window, window)
        .swapaxes(1, 2)
        .reshape(-1, window**2)
        for grey in (a, b)
    )
    mean_a, mean_b = blocks_a.mean(1), blocks_b.mean(1)
    var_a, var_b = blocks_a.var(1), blocks_b.var(1)
    covariance = ((blocks_a - mean_a[:, None]) * (blocks_b - mean_b[:, None])).mean(1)
    c1, c2 = 0.01**2, 0.03**2
    top = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    similar: NDArray[np.float32] = top / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    return similar.reshape(height // window, width // window)


def _pixels(picture: bytes | Image.Image) -> NDArray[np.float32]:
    image = open_kept(picture) if isinstance(picture, bytes) else picture
    small = image.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32) / 255.0
