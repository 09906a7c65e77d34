"""Stage 2: the UNet on latents of freshly drawn scenes, with the text encoders that have learned to read.

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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from measure.mini import captions, world
from measure.mini.restoring import pixels
from training.mini import autoencoder, guide, reader, runs, vocabulary
from training.mini.model import Denoiser, alphas, noised
from training.mini.optim import MuonAdam, autocast, average_into, schedule
from training.mini.together import ALONE, Together

SAMPLES = 185_000
"""Noisy latents in a whole run, in whole pictures: a window of a quarter of the area counts a quarter."""
BATCH = 32
WINDOWS = (8, 12, 8, 12, 16)
"""Sides in latent cells, step by step, until `WHOLE_FROM`: 8 around a small figure, 12 a big one, 16 whole. A window
teaches what a word looks like with a quarter of the work; whole pictures alone teach where things stand."""
WHOLE_FROM, POLISH_FROM = 0.76, 0.86
"""Shares of the run: then only whole pictures, and then 40 % of the timesteps below 350, against grain."""
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


@dataclass(frozen=True, slots=True)
class Kept:
    """An encoded scene, with a caption of all of it and one of each of its figures alone, as the text encoders read
    them: `[T, 2·TEXT_WIDTH]` and `[TEXT_WIDTH]`, bfloat16."""

    scene: world.Scene
    latent: Tensor
    labels: Tensor
    read: list[tuple[Tensor, Tensor]]
    unsided: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """What a step learns from: latents `[n, C, h, w]`, context and pooled text, `guide.labels`, size conditioning."""

    latents: Tensor
    context: Tensor
    pooled: Tensor
    labels: Tensor
    ids: Tensor


class Latents:
    """A growing, slowly renewed store of encoded scenes. The text encoders do not learn any more, so a caption is read
    once, when its scene comes in."""

    def __init__(self, denoiser: Denoiser, vae: Any, scale: float, rng: random.Random, limit: int = BUFFER) -> None:
        self.denoiser, self.vae, self.scale, self.rng, self.limit = denoiser, vae, scale, rng, limit
        self.kept: list[Kept] = []
        self.empty = self._read([""])[0]

    @torch.no_grad()
    def _read(self, texts: list[str]) -> list[tuple[Tensor, Tensor]]:
        with autocast():
            context, pooled = self.denoiser.read(texts)
        return [(c.bfloat16(), p.bfloat16()) for c, p in zip(context, pooled, strict=True)]

    def add(self, n: int, two: float = 0.6) -> None:
        """Draw, encode and describe `n` scenes, a share of them with two things."""
        scenes = [world.random_scene(self.rng, two) for _ in range(n)]
        texts = [[captions.caption(self.rng, scene)] for scene in scenes]
        for scene, mine in zip(scenes, texts, strict=True):
            alone = [replace(scene, figures=(replace(it, place="center"),)) for it in scene.figures]
            mine += [captions.caption(self.rng, one) for one in alone]
        read = iter(self._read([text for mine in texts for text in mine]))
        for latent, scene, mine in zip(encode(self.vae, self.scale, scenes), scenes, texts, strict=True):
            unsided = len(scene.figures) > 1 and bool(reader.unsided(mine[:1]))
            new = Kept(scene, latent, guide.labels(scene), [next(read) for _ in mine], unsided)
            if len(self.kept) < self.limit:
                self.kept.append(new)
            else:
                self.kept[self.rng.randrange(self.limit)] = new

    def batch(self, n: int, cells: int) -> Batch:
        """Whole scenes of 16 `cells` a side, or windows of fewer around one figure each, with a caption of it alone."""
        latents: list[Tensor] = []
        read, labels, ids = [], [], []
        size = "small" if cells == 8 else "big"
        while len(latents) < n:
            kept = self.rng.choice(self.kept)
            x = y = text = which = 0
            if cells < 16:
                fitting = [i for i, it in enumerate(kept.scene.figures) if it.size == size]
                if not fitting:
                    continue
                which = self.rng.choice(fitting)
                it, text = kept.scene.figures[which], 1 + which
                spare = cells - world.PIXELS[it.size] // 8
                y, x = (min(max(0, at // 8 - 2 * self.rng.randint(0, spare // 2)), 16 - cells) for at in (it.y, it.x))
            said = kept.read[text] if self.rng.random() >= EMPTY else self.empty
            where = guide.only(kept.labels, which) if cells < 16 else kept.labels
            latents.append(kept.latent[:, y : y + cells, x : x + cells])
            labels.append(where[:, y : y + cells, x : x + cells].clone())
            ids.append([world.SIZE, world.SIZE, 8 * y, 8 * x, 8 * cells, 8 * cells])
            read.append(said)
            if said is self.empty or (text == 0 and kept.unsided):
                labels[-1][guide.PAGE] = guide.UNSAID
        context, pooled = (torch.stack(parts).float() for parts in zip(*read, strict=True))
        blank, wanted = torch.rand(n) < ZERO, torch.stack(labels)
        context[blank], pooled[blank], wanted[blank, guide.PAGE] = 0, 0, guide.UNSAID
        return Batch(torch.stack(latents).float(), context, pooled, wanted, torch.tensor(ids).float())


@torch.no_grad()
def encode(vae: Any, scale: float, scenes: list[world.Scene]) -> Tensor:
    """Scaled latents of scenes, `[N, C, 16, 16]`, bfloat16."""
    with autocast():
        mean = vae.encode(pixels([world.draw(scene) for scene in scenes])).latent_dist.mean
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


def timesteps(n: int, biased: float, polish: float = 0.0) -> Tensor:
    """Stratified timesteps `[n]`: a share `biased` of them in 350–800, where words decide what appears, a share
    `polish` below 350; the rest uniform, but for a third of those below 150, whose noise shows last."""
    middle, fine = int(n * biased), int(n * polish)
    low = int((n - middle - fine) * 0.05)
    parts = []
    for count, start, end in (
        (middle, 350, 800),
        (fine, 0, 350),
        (low, 0, 150),
        (n - middle - fine - low, 150, 1000),
    ):
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
    reader.load_into(denoiser, home)
    for text in (denoiser.text_1, denoiser.text_2):  # they read well; gradients of noisy pictures would blur that again
        text.requires_grad_(False)
    denoiser.unet.set_attn_processor(AttnProcessor())  # SDPA has a slow backward on CPUs
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
    store = Latents(denoiser, vae, scale, rng)
    while len(store.kept) < prefill:
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
        count = batch * CELLS_TO_BATCH[cells] // 2
        seen = store.batch(count, cells)
        t = timesteps(count, 0.6 if share < WHOLE_FROM else 0.3, 0.0 if share < POLISH_FROM else 0.4)
        pair = noised(seen.latents, torch.randn_like(seen.latents), t, table)
        with autocast():
            velocity = denoiser.predict(pair.noisy, t, seen.context, seen.pooled, seen.ids)
        error = velocity.float() - pair.velocity
        loss = error.square().mean()
        weight = FIGURES * (seen.labels[:, 0] > 0) + 1.0
        visible = (weight * torch.einsum("nchw,cd->ndhw", error, root).square().mean(1)).mean()
        said, right = heads.loss(seen.labels)
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
