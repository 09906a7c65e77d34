"""Stage 1: the autoencoder (`AutoencoderKL`, f8), trained on crops of rendered scenes.

The latent is the mean of the encoder; instead of a learned variance, fixed Gaussian noise is added before decoding,
which keeps latents smooth at no cost. Loss: L1 + MSE + L1 of image gradients (sharp edges) + a small pull of the
latents' scale. After the joint run the encoder is frozen, so that a UNet can be trained on its latents while the
decoder still improves (stage "decoder").
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from measure.mini import world
from measure.mini.restoring import pixels, psnr
from training.mini import runs
from training.mini.optim import MuonAdam, autocast, average_into, schedule
from training.mini.together import ALONE, Together

LATENT_CHANNELS = 24
WIDTHS = (16, 32, 64, 128)
STRIDE = 8
CROP = 64
BATCH = 8
SAMPLES = 40_000
"""Crops in the joint run of encoder and decoder."""
DECODER_SAMPLES = 200_000
"""Crops in the run of the decoder alone, on the frozen encoder."""
LATENT_NOISE = 0.05


def build(latent_channels: int = LATENT_CHANNELS, widths: tuple[int, ...] = WIDTHS) -> Any:
    """A fresh `AutoencoderKL`: no attention in the middle, one residual block a level."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
        block_out_channels=widths,
        layers_per_block=1,
        latent_channels=latent_channels,
        norm_num_groups=8,
        sample_size=world.SIZE,
        mid_block_add_attention=False,
        force_upcast=False,
    )


def _crop(rng: random.Random) -> np.ndarray[Any, Any]:
    """The busiest of three crops of a scene, on the latent grid."""
    picture = world.draw(world.random_scene(rng, held_out=True))
    best, busiest = picture[:CROP, :CROP], -1.0
    for _ in range(3):
        x, y = (STRIDE * rng.randrange((world.SIZE - CROP) // STRIDE + 1) for _ in range(2))
        crop = picture[y : y + CROP, x : x + CROP]
        busy = float(crop[::4, ::4].std())
        if busy > busiest:
            best, busiest = crop, busy
    return best


def loss_of(restored: Tensor, wanted: Tensor) -> Tensor:
    """L1 + MSE + L1 of the horizontal and vertical differences, all `[N, 3, H, W]`."""
    error = restored - wanted
    edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    loss: Tensor = error.abs().mean() + 2 * error.square().mean() + 0.5 * edges
    return loss


@torch.no_grad()
def latent_scale(vae: Any, n: int = 64) -> float:
    """1 / standard deviation of the latents of `n` scenes: the `scaling_factor`."""
    rng = random.Random(3)
    latents = [
        vae.encode(pixels([world.draw(world.random_scene(rng)) for _ in range(8)])).latent_dist.mean
        for _ in range(max(1, n // 8))
    ]
    return 1 / float(torch.cat(latents).std())


def checkpoint_path(home: Path) -> Path:
    return home / "autoencoder.pt"


def load_averaged(home: Path) -> Any:
    """The newest averaged autoencoder of a training folder, with its scaling factor: the decoder's run if it began.

    The factor belongs to the frozen encoder and is measured once, so that a UNet's latents keep their scale.
    """
    first = runs.load(checkpoint_path(home))
    assert first is not None, "no autoencoder checkpoint yet"
    newest = runs.load(home / "decoder.pt") or first
    vae = build(**first["config"])
    vae.load_state_dict(first["averaged"])
    vae.eval()
    scale = latent_scale(vae)
    vae.load_state_dict(newest["averaged"])
    vae.register_to_config(scaling_factor=scale)
    return vae


def train(
    home: Path,
    *,
    minutes: float | None = None,
    samples: int = SAMPLES,
    latent_channels: int = LATENT_CHANNELS,
    widths: tuple[int, ...] = WIDTHS,
    batch: int = BATCH,
    freeze_encoder: bool = False,
    name: str = "autoencoder",
    together: Together = ALONE,
) -> bool:
    """Run or resume the stage, as one of several processes or alone; True when its whole run is done.

    `freeze_encoder` goes on with the decoder alone (`name` then starts from the averaged weights of "autoencoder").
    """
    path, log, clock = home / f"{name}.pt", runs.Log(home / f"{name}.jsonl"), runs.Clock(minutes)
    torch.manual_seed(0)
    vae, averaged = build(latent_channels, widths), build(latent_channels, widths)
    if freeze_encoder:
        vae.encoder.requires_grad_(False)
        vae.quant_conv.requires_grad_(False)
    optimizer = MuonAdam(vae.named_parameters(), rate=0.02, adam_rate=2e-3, together=together)
    state = runs.load(path)
    done = 0
    if state is not None:
        done = int(state["samples"])
        if done >= samples:
            return True
        vae.load_state_dict(state["weights"])
        averaged.load_state_dict(state["averaged"])
        optimizer.load(state["optimizer"])
    else:
        first = runs.load(checkpoint_path(home)) if freeze_encoder else None
        if first is not None:
            vae.load_state_dict(first["averaged"])
        averaged.load_state_dict(vae.state_dict())
    averaged.requires_grad_(False)
    rng = random.Random(1 + done + 7919 * together.rank)
    torch.manual_seed(1 + done + 7919 * together.rank)
    smooth, over = 0.0, False

    def keep() -> None:
        runs.save(
            path,
            {
                "weights": vae.state_dict(),
                "averaged": averaged.state_dict(),
                "optimizer": optimizer.state(),
                "samples": done,
                "config": {"latent_channels": latent_channels, "widths": widths},
            },
        )

    while done < samples and not over:
        optimizer.factor = schedule(done / samples, decay_from=0.4)
        x = pixels([_crop(rng) for _ in range(batch)])
        with autocast():
            mean = vae.encode(x).latent_dist.mean.float()
            restored = vae.decode(mean + LATENT_NOISE * torch.randn_like(mean)).sample.float()
        loss = loss_of(restored, x) + 1e-3 * mean.square().mean()
        optimizer.zero_grad()
        loss.backward()
        over = together.average(vae.parameters(), clock.over())
        optimizer.step()
        average_into(averaged, vae, 0.995, optimizer.steps)
        done += together.count * batch
        if not together.leads:
            continue
        smooth = float(loss.detach()) if smooth == 0 else 0.97 * smooth + 0.03 * float(loss.detach())
        if optimizer.steps % 100 == 0:
            rate = clock.rate(100 * batch * together.count)
            log(stage=name, samples=done, loss=round(smooth, 4), per_second=rate)
        if clock.due():
            keep()
            log(stage=name, samples=done, psnr=round(psnr(averaged, 16), 2))
    if together.leads:
        keep()
        log(stage=name, samples=done, psnr=round(psnr(averaged), 2), finished=done >= samples)
    return done >= samples
