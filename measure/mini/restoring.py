"""What an autoencoder restores of the world's pictures."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import torch
from torch import Tensor

from measure.mini import world


def pixels(pictures: list[np.ndarray[Any, Any]]) -> Tensor:
    """uint8 `[H, W, 3]` each → float `[N, 3, H, W]` in −1…1."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float().div(127.5).sub(1)


@torch.no_grad()
def psnr(vae: Any, n: int = 48, seed: int = 5) -> float:
    """Round-trip PSNR in dB over `n` fresh whole scenes (mean of MSE, peak 255)."""
    rng = random.Random(seed)
    squares = []
    for _ in range(max(1, n // 8)):
        x = pixels([world.draw(world.random_scene(rng, held_out=True)) for _ in range(8)])
        restored = vae.decode(vae.encode(x).latent_dist.mean).sample.clamp(-1, 1)
        squares.append(float((restored - x).square().mean()))
    return 10 * math.log10(4 / (sum(squares) / len(squares)))
