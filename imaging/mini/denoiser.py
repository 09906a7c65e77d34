"""Stage 2: the UNet on latents of freshly drawn scenes, and the text encoders too where none have learned to read.

What makes two things land on their own sides (measured in probes, see docs/mini-model.md): the same loss weight at
every timestep, many timesteps of 350–800 (where the layout is decided), large position embeddings, and 60 % of
two-thing scenes whose captions name the sides. `SwapProbe` watches it: how often the true caption explains a noisy
scene better than the same caption with its two things exchanged.

Until the last part of the run, most steps see windows of a scene around one figure, with SDXL's own crop conditioning
telling the UNet so. A window costs a quarter of a scene and is mostly figure, so words and looks are learned several
times faster; whole scenes teach the layout.
"""

from __future__ import annotations

import copy
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imaging.mini import autoencoder, captions, guide, reader, runs, vocabulary, world
from imaging.mini.model import Denoiser, alphas, noised
from imaging.mini.optim import MuonAdam, autocast, average_into, schedule
from imaging.mini.together import ALONE, Together

SAMPLES = 300_000
"""Noisy latents in a whole run, in whole pictures: a window of a quarter of the area counts a quarter."""
BATCH = 32
WINDOWS = (8, 12, 8, 12, 16)
"""Sides in latent cells, step by step, until `WHOLE_FROM`: 8 around a small figure, 12 a big one, 16 whole. A window
teaches what a word looks like with a quarter of the work; whole pictures alone teach where things stand."""
WHOLE_FROM = 0.88
CELLS_TO_BATCH = {8: 6, 12: 3, 16: 2}
"""Half batches a step: smaller windows come in greater number, so that the optimiser's own time matters less."""
BUFFER = 16_384
"""Latents kept for reuse; each step replaces some by new scenes, and each use has a new caption and new noise."""
FRESH = 2
RATE, ADAM_RATE, HEADS_RATE = 0.013, 1.3e-3, 2e-3
FIGURES = 1.0
"""Weight of the cells of figures beside the rest of the picture, which is easier."""
EMPTY, ZERO = 0.04, 0.06
"""Shares of captions dropped for classifier-free guidance: to the empty text, and to zeros (SDXL's negative)."""
DECAY_FROM = 0.45


class Latents:
    """A growing, slowly renewed store of encoded scenes."""

    def __init__(self, vae: Any, scale: float, rng: random.Random, limit: int = BUFFER) -> None:
        self.vae, self.scale, self.rng, self.limit = vae, scale, rng, limit
        self.latents: list[Tensor] = []
        self.scenes: list[world.Scene] = []

    @torch.no_grad()
    def add(self, n: int) -> None:
        """Draw and encode `n` scenes."""
        scenes = [world.random_scene(self.rng) for _ in range(n)]
        encoded = encode(self.vae, self.scale, scenes)
        for latent, scene in zip(encoded, scenes, strict=True):
            if len(self.latents) < self.limit:
                self.latents.append(latent)
                self.scenes.append(scene)
            else:
                at = self.rng.randrange(self.limit)
                self.latents[at], self.scenes[at] = latent, scene

    def batch(self, n: int) -> tuple[Tensor, list[str], Tensor]:
        """`[n, C, 16, 16]` latents, a new caption for each, and `guide.labels`."""
        chosen = [self.rng.randrange(len(self.latents)) for _ in range(n)]
        texts = [captions.caption(self.rng, self.scenes[i]) for i in chosen]
        where = torch.stack([guide.labels(self.scenes[i]) for i in chosen])
        return torch.stack([self.latents[i] for i in chosen]).float(), texts, where

    def windows(self, n: int, cells: int) -> tuple[Tensor, list[str], Tensor, Tensor]:
        """`[n, C, cells, cells]` around one figure each, captions of it alone, labels, and SDXL's size conditioning."""
        size, found = ("small" if cells == 8 else "big"), 0
        latents, texts, where, ids = [], [], [], torch.zeros(n, 6)
        while found < n:
            i = self.rng.randrange(len(self.latents))
            scene = self.scenes[i]
            fitting = [it for it in scene.figures if it.size == size]
            if not fitting:
                continue
            it = self.rng.choice(fitting)
            spare = cells - world.PIXELS[it.size] // 8
            y, x = (min(max(0, at // 8 - 2 * self.rng.randint(0, spare // 2)), 16 - cells) for at in (it.y, it.x))
            latents.append(self.latents[i][:, y : y + cells, x : x + cells])
            where.append(guide.labels(scene)[:, y : y + cells, x : x + cells])
            texts.append(captions.caption(self.rng, replace(scene, figures=(replace(it, place="center"),))))
            ids[found] = torch.tensor([world.SIZE, world.SIZE, 8 * y, 8 * x, 8 * cells, 8 * cells])
            found += 1
        return torch.stack(latents).float(), texts, torch.stack(where), ids


@torch.no_grad()
def encode(vae: Any, scale: float, scenes: list[world.Scene]) -> Tensor:
    """Scaled latents of scenes, `[N, C, 16, 16]`, bfloat16."""
    with autocast():
        mean = vae.encode(autoencoder.pixels([world.draw(scene) for scene in scenes])).latent_dist.mean
    return (mean.float() * scale).bfloat16()


@torch.no_grad()
def sight(vae: Any, scale: float, n: int = 8) -> Tensor:
    """How much an error in a cell's latent shows in the picture: the root `[C, C]` of the decoder's mean squared
    Jacobian, of trace C with a fifth of it spread evenly.

    Three of the directions (about the mean colour of a cell) make nine tenths of a picture; weighted evenly they are a
    fifth of the loss, and silhouettes wait for texture.
    """
    rng = random.Random(13)
    latents = encode(vae, scale, [world.random_scene(rng) for _ in range(n)]).float()
    signs = torch.randint(0, 2, (n, 1, *latents.shape[2:]), generator=torch.Generator().manual_seed(0)).float() * 2 - 1
    plain, moved = vae.decode(latents / scale).sample, []
    for channel in range(latents.size(1)):
        other = latents.clone()
        other[:, channel : channel + 1] += 0.1 * signs
        moved.append((vae.decode(other / scale).sample - plain).flatten())
    rows = torch.stack(moved)
    seen = rows @ rows.T
    values, vectors = torch.linalg.eigh(seen / seen.trace() * len(seen))
    return vectors @ (0.8 * values.clamp(min=0) + 0.2).sqrt().diag() @ vectors.T


def timesteps(n: int, biased: float) -> Tensor:
    """Stratified timesteps `[n]`: a share `biased` of them in 350–800, where words decide what appears; the rest
    uniform, but for the last steps before a clean picture, whose noise nobody sees: a third of those below 150."""
    middle = int(n * biased)
    low = int((n - middle) * 0.05)
    parts = []
    for count, start, end in ((middle, 350, 800), (low, 0, 150), (n - middle - low, 150, 1000)):
        parts.append(start + (torch.arange(count) + torch.rand(count)) / max(1, count) * (end - start))
    return torch.cat(parts)[torch.randperm(n)].long().clamp(max=999)


class SwapProbe:
    """Watches binding on fixed two-thing scenes, long before pictures show it."""

    def __init__(self, vae: Any, scale: float, n: int = 48) -> None:
        rng = random.Random(77)
        scenes: list[world.Scene] = []
        while len(scenes) < n:
            scene = world.random_scene(rng, two=1.0)
            if len(scene.figures) == 2:
                scenes.append(scene)
        self.latents = encode(vae, scale, scenes).float()
        self.true = [self._say(scene) for scene in scenes]
        self.swapped = [self._say(replace(scene, figures=scene.figures[::-1])) for scene in scenes]
        other = scenes[1:] + scenes[:1]
        self.wrong = [self._say(replace(a, figures=b.figures)) for a, b in zip(scenes, other, strict=True)]
        generator = torch.Generator().manual_seed(5)
        self.noise = torch.randn(self.latents.shape, generator=generator)

    @staticmethod
    def _say(scene: world.Scene) -> str:
        left, right = (captions.noun(random.Random(0), it, alone=False, colour_said=1) for it in scene.figures)
        where = captions.PLACES.get(scene.background, (f"on a {scene.background} background",))[0]
        return f"{left} on the left and {right} on the right {where}"

    @torch.no_grad()
    def __call__(self, denoiser: Denoiser, t: int = 700) -> dict[str, float]:
        """Loss at `t`, and how often the true caption beats the swapped one and one with other things."""
        n = len(self.true)
        at = torch.full((n,), t)
        pair = noised(self.latents, self.noise, at, alphas())
        losses = []
        for texts in (self.true, self.swapped, self.wrong):
            with autocast():
                velocity = denoiser.predict(pair.noisy, at, *denoiser.read(texts)).float()
            losses.append((velocity - pair.velocity).square().mean((1, 2, 3)))
        true, swapped, wrong = losses
        return {
            "loss700": round(float(true.mean()), 4),
            "swap": round(float((true < swapped).float().mean()), 3),
            "other": round(float((true < wrong).float().mean()), 3),
        }


def checkpoint_path(home: Path) -> Path:
    return home / "denoiser.pt"


def load_averaged(home: Path) -> tuple[Denoiser, Any]:
    """The averaged denoiser and the newest autoencoder of a training folder."""
    vae = autoencoder.load_averaged(home)
    state = runs.load(checkpoint_path(home))
    assert state is not None, "no denoiser checkpoint yet"
    denoiser = Denoiser(vocabulary.build(), vae.config.latent_channels)
    denoiser.load_state_dict(state["averaged"])
    return denoiser.eval(), vae


def train(
    home: Path,
    *,
    minutes: float | None = None,
    samples: int = SAMPLES,
    batch: int = BATCH,
    prefill: int = 1536,
    fresh: int = FRESH,
    together: Together = ALONE,
) -> bool:
    """Run or resume the stage, as one of several processes or alone; True when its whole run is done."""
    from diffusers.models.attention_processor import AttnProcessor

    path, log = checkpoint_path(home), runs.Log(home / "denoiser.jsonl")
    vae = autoencoder.load_averaged(home).requires_grad_(False)
    scale = float(vae.config.scaling_factor)
    torch.manual_seed(0)
    denoiser = Denoiser(vocabulary.build(), vae.config.latent_channels)
    denoiser.start()
    if reader.load_into(denoiser, home):  # they read well; gradients of noisy pictures would blur that again
        for text in (denoiser.text_1, denoiser.text_2):
            text.requires_grad_(False)
    denoiser.unet.set_attn_processor(AttnProcessor())  # SDPA has a slow backward on CPUs
    for text in (denoiser.text_1, denoiser.text_2):
        text.set_attn_implementation("eager")
    averaged = copy.deepcopy(denoiser).requires_grad_(False)
    heads = guide.Guide(denoiser.unet)
    heads_optimizer = torch.optim.AdamW(heads.parameters(), lr=HEADS_RATE)
    optimizer = MuonAdam(denoiser.named_parameters(), rate=RATE, adam_rate=ADAM_RATE, together=together)
    state, done = runs.load(path), 0
    if state is not None:
        done = int(state["samples"])
        if done >= samples:
            return True
        denoiser.load_state_dict(state["weights"])
        averaged.load_state_dict(state["averaged"])
        if "optimizer" in state:  # not there when the run goes on from exported weights
            optimizer.load(state["optimizer"])
            heads.load_state_dict(state["heads"])
    rng = random.Random(100 + done + 7919 * together.rank)
    torch.manual_seed(100 + done + 7919 * together.rank)
    table, probe, root = alphas(), SwapProbe(vae, scale, n=min(48, batch)), sight(vae, scale)
    store = Latents(vae, scale, rng)
    while len(store.latents) < prefill:
        store.add(32)
    clock = runs.Clock(minutes, every=180)
    smooth: float | None = None
    named = 0.0
    over = False

    def keep() -> None:
        runs.save(
            path,
            {
                "weights": denoiser.state_dict(),
                "averaged": averaged.state_dict(),
                "optimizer": optimizer.state(),
                "heads": heads.state_dict(),
                "samples": done,
            },
        )

    while done < samples and not over:
        share = done / samples
        optimizer.factor = schedule(share, decay_from=DECAY_FROM)
        store.add(fresh)
        cells = WINDOWS[optimizer.steps % len(WINDOWS)] if share < WHOLE_FROM else 16
        count, ids = batch * CELLS_TO_BATCH[cells] // 2, None
        if cells == 16:
            latents, texts, where = store.batch(count)
        else:
            latents, texts, where, ids = store.windows(count, cells)
        drop = torch.rand(count)
        texts = ["" if d < EMPTY else text for d, text in zip(drop.tolist(), texts, strict=True)]
        blank = (drop >= EMPTY) & (drop < EMPTY + ZERO)
        t = timesteps(count, 0.6 if share < WHOLE_FROM else 0.3)
        pair = noised(latents, torch.randn_like(latents), t, table)
        with autocast():
            velocity = denoiser.predict(pair.noisy, t, *denoiser.read(texts, blank), ids)
        error = velocity.float() - pair.velocity
        loss = error.square().mean()
        weight = FIGURES * (where[:, 0] > 0) + 1.0
        visible = (weight * torch.einsum("nchw,cd->ndhw", error, root).square().mean(1)).mean()
        said, right = heads.loss(where)
        optimizer.zero_grad()
        heads_optimizer.zero_grad()
        (visible + said).backward()
        over = together.average([*denoiser.parameters(), *heads.parameters()], clock.over())
        optimizer.step()
        heads_optimizer.step()
        average_into(averaged, denoiser, 0.99 if share < DECAY_FROM else 0.995, optimizer.steps)
        done += together.count * (count * cells * cells // 256)
        if not together.leads:
            continue
        if len(right):
            named = 0.96 * named + 0.04 * float(right.float().mean())
        if cells == 16:
            smooth = float(loss.detach()) if smooth is None else 0.96 * smooth + 0.04 * float(loss.detach())
        if optimizer.steps % 40 == 0 and smooth is not None:
            log(
                stage="denoiser",
                samples=done,
                loss=round(smooth, 4),
                named=round(named, 3),
                steps_per_minute=clock.rate(40 * 60),
            )
        if clock.due():
            keep()
            log(stage="denoiser", samples=done, **probe(averaged))
    if together.leads:
        keep()
        log(stage="denoiser", samples=done, finished=done >= samples, **probe(averaged))
    return done >= samples
