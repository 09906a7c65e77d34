"""Stage 4: an IP-Adapter (Ye et al. 2023, arXiv:2308.06721) for the miniature model, trained in the same world.

A small CLIP vision tower turns a reference picture into one embedding, a projection into TOKENS image tokens, and new
key/value matrices beside every cross-attention read them; the denoiser stays frozen. The reference shows the same
figures (art set, hue, mirroring) elsewhere, while the caption says only part of it: what the words leave unsaid can be
learned from the picture alone. The tower first learns to say what a picture shows, which costs next to nothing. The
files follow the published layout, so that stock `load_ip_adapter` reads them.
"""

from __future__ import annotations

import functools
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from measure.mini import backgrounds, sprites, world
from training.mini import denoiser, runs
from training.mini.model import Denoiser, alphas, noised, time_ids
from training.mini.optim import MuonAdam, autocast, schedule
from training.mini.together import ALONE, Together

TOKENS = 4
VISION_SIZE = 64
EMBEDDING = 128
SAMPLES = 24_000
SEEING = 30_000
"""Pictures that the tower sees before it meets the UNet."""
BATCH = 48
SEEING_BATCH = 64
BUFFER = 4096
TWO = 0.4
"""Share of scenes with two things."""
SAME_WORDS = 0.5
"""Share of references that keep the target's background too."""
FRESH = 4
"""New scenes a step."""
NO_IMAGE = 0.08
NO_TEXT = 0.08
ADAPTER_FILE = "ip-adapter_mini.safetensors"


def vision_tower() -> Any:
    """A small `CLIPVisionModelWithProjection` for VISION_SIZE pictures in patches of 8."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    return CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=96,
            intermediate_size=384,
            projection_dim=EMBEDDING,
            num_hidden_layers=4,
            num_attention_heads=3,
            image_size=VISION_SIZE,
            patch_size=8,
            hidden_act="gelu",
        )
    )


@functools.cache
def processor() -> Any:
    """The processor that stock pipelines use for this tower."""
    from transformers import CLIPImageProcessor

    return CLIPImageProcessor(size=VISION_SIZE, crop_size=VISION_SIZE)


def attach(model: Denoiser) -> nn.ModuleDict:
    """Put image attention beside every cross-attention of the UNet; returns the new parts, in the published order."""
    from diffusers.models.attention_processor import AttnProcessor, IPAdapterAttnProcessor
    from diffusers.models.embeddings import ImageProjection, MultiIPAdapterImageProjection

    unet = model.unet
    context = int(unet.config.cross_attention_dim)
    widths = list(unet.config.block_out_channels)
    processors: dict[str, Any] = {}
    layers = nn.ModuleList()
    for name in unet.attn_processors:
        if name.endswith("attn1.processor"):
            processors[name] = AttnProcessor()
            continue
        if name.startswith("mid_block"):
            width = widths[-1]
        else:
            block = int(name.split("blocks.")[1][0])
            width = widths[::-1][block] if name.startswith("up_blocks") else widths[block]
        layer = IPAdapterAttnProcessor(hidden_size=width, cross_attention_dim=context, num_tokens=[TOKENS])
        processors[name] = layer
        layers.append(layer)
    unet.set_attn_processor(processors)
    projection = ImageProjection(image_embed_dim=EMBEDDING, cross_attention_dim=context, num_image_text_embeds=TOKENS)
    unet.encoder_hid_proj = MultiIPAdapterImageProjection([projection])
    unet.config.encoder_hid_dim_type = "ip_image_proj"
    return nn.ModuleDict({"projection": projection, "layers": layers})


def reference(rng: random.Random, scene: world.Scene) -> world.Scene:
    """Another picture of the same figures: elsewhere, in half of the cases on another background."""
    if rng.random() < SAME_WORDS:
        place, time = scene.background, scene.time
    else:
        place, time = world.random_background(rng)
    sky, mirrored = backgrounds.random_variant(rng, place, time)
    moved = []
    for it in scene.figures:
        x, y = world.stand(rng, it.thing, it.size, it.place, place)
        moved.append(replace(it, x=x, y=y))
    return replace(scene, background=place, time=time, sky=sky, mirrored=mirrored, figures=tuple(moved))


def facts(scenes: list[world.Scene]) -> Tensor:
    """What the embedding should hold, 0/1 `[N, facts]`: things, colours, art set, mirroring, background."""
    colours, places = tuple(sprites.TINTS), backgrounds.BACKGROUNDS
    rows = torch.zeros(len(scenes), len(world.THINGS) + len(colours) + 2 + len(places))
    for row, scene in zip(rows, scenes, strict=True):
        for it in scene.figures:
            row[world.THINGS.index(it.thing)] = 1
            if it.colour:
                row[len(world.THINGS) + colours.index(it.colour)] = 1
            if it.mirrored:
                row[len(world.THINGS) + len(colours)] = 1
        row[len(world.THINGS) + len(colours) + 1] = float(scene.art_set == sprites.SETS[0])
        row[len(world.THINGS) + len(colours) + 2 + places.index(scene.background)] = 1
    return rows


def _seen(rng: random.Random, scenes: list[world.Scene]) -> tuple[Tensor, Tensor]:
    """A reference picture of each scene, `[N, 3, VISION_SIZE, VISION_SIZE]`, and the facts that it shows."""
    shown = [reference(rng, scene) for scene in scenes]
    inputs: Tensor = processor()(images=[world.draw(scene) for scene in shown], return_tensors="pt").pixel_values
    return inputs, facts(shown)


def _missed(said: Tensor, wanted: Tensor) -> Tensor:
    return nn.functional.binary_cross_entropy_with_logits(said.float(), wanted)


def _learn_to_see(
    rng: random.Random, tower: nn.Module, reader: nn.Module, pictures: int, log: runs.Log, together: Together
) -> None:
    """The tower alone: its embedding must tell the facts of a picture."""
    named = [*tower.named_parameters(), *((f"reader.{name}", p) for name, p in reader.named_parameters())]
    parameters = [p for _, p in named]
    optimizer, seen = MuonAdam(named, rate=0.01, adam_rate=1e-3, together=together), 0
    while seen < pictures:
        optimizer.factor = schedule(seen / pictures, decay_from=0.5)
        inputs, wanted = _seen(rng, [world.random_scene(rng, two=TWO) for _ in range(SEEING_BATCH)])
        with autocast():
            said = reader(tower(pixel_values=inputs).image_embeds)
        missed = _missed(said, wanted)
        optimizer.zero_grad()
        missed.backward()
        together.average(parameters, False)
        optimizer.step()
        seen += together.count * SEEING_BATCH
        if together.leads and optimizer.steps % 50 == 0:
            right = float(((said > 0) == (wanted > 0)).all(1).float().mean())
            log(stage="ip_adapter", samples=0, seen=seen, facts=round(float(missed.detach()), 4), all_right=right)


def train(
    home: Path,
    *,
    minutes: float | None = None,
    samples: int = SAMPLES,
    batch: int = BATCH,
    seeing: int = SEEING,
    prefill: int = 768,
    together: Together = ALONE,
) -> bool:
    """Run or resume the stage on the frozen averaged denoiser, as one of several processes or alone; True when its
    whole run is done."""
    path, log, clock = home / "ip_adapter.pt", runs.Log(home / "ip_adapter.jsonl"), runs.Clock(minutes, 180)
    model, vae = denoiser.load_averaged(home)
    model.requires_grad_(False)
    scale = float(vae.config.scaling_factor)
    torch.manual_seed(1)
    tower, table, root = vision_tower(), alphas(), denoiser.sight(vae, scale)
    parts = attach(model).requires_grad_(True)
    reader = nn.Linear(EMBEDDING, facts([]).shape[1])
    trained = nn.ModuleDict({"tower": tower, "parts": parts, "reader": reader})
    kept = _twin(trained)
    optimizer = MuonAdam(trained.named_parameters(), rate=0.01, adam_rate=1e-3, together=together)
    done, state = 0, runs.load(path)
    if state is not None:
        trained.load_state_dict(state["weights"])
        kept.update(state["averaged"])
        optimizer.load(state["optimizer"])
        done = int(state["samples"])
        if done >= samples:
            return True
    rng = random.Random(500 + done + 7919 * together.rank)
    torch.manual_seed(500 + done + 7919 * together.rank)
    smooth: list[float] = []
    over = False
    if not done:
        _learn_to_see(rng, tower, reader, seeing, log, together)
        kept.update(_twin(trained))
    store = denoiser.Latents(model, vae, scale, rng, BUFFER)
    while len(store.kept) < prefill:
        store.add(batch, TWO)

    def keep() -> None:
        runs.save(
            path,
            {
                "weights": trained.state_dict(),
                "averaged": kept,
                "optimizer": optimizer.state(),
                "samples": done,
            },
        )

    while done < samples and not over:
        optimizer.factor = schedule(done / samples, decay_from=0.5)
        store.add(FRESH, TWO)
        chosen = rng.choices(store.kept, k=batch)
        inputs, wanted = _seen(rng, [it.scene for it in chosen])
        latents = torch.stack([it.latent for it in chosen]).float()
        read = [store.empty if rng.random() < NO_TEXT else it.read[0] for it in chosen]
        context, pooled = (torch.stack(parts).float() for parts in zip(*read, strict=True))
        t = denoiser.timesteps(batch, 0.5)
        pair = noised(latents, torch.randn_like(latents), t, table)
        with autocast():
            embeds = tower(pixel_values=inputs).image_embeds
            answer = reader(embeds)
            hidden = embeds * (torch.rand(batch, 1) >= NO_IMAGE)
            added = {"text_embeds": pooled, "time_ids": time_ids(batch), "image_embeds": [hidden.unsqueeze(1)]}
            velocity = model.unet(pair.noisy, t, context, added_cond_kwargs=added).sample
        error = velocity.float() - pair.velocity
        figures = torch.stack([it.labels[0] for it in chosen]) > 0
        visible = torch.einsum("nchw,cd->ndhw", error, root).square().mean(1) * (1 + figures.float())
        loss, missed = visible.mean(), _missed(answer, wanted)
        optimizer.zero_grad()
        (loss + missed).backward()
        over = together.average(trained.parameters(), clock.over())
        optimizer.step()
        _average(kept, trained, 0.99, optimizer.steps)
        done += together.count * batch
        if not together.leads:
            continue
        smooth = [*smooth[-40:], float(loss.detach())]
        if optimizer.steps % 25 == 0:
            mean = round(sum(smooth) / len(smooth), 4)
            rate = clock.rate(25 * batch * together.count)
            log(stage="ip_adapter", samples=done, loss=mean, facts=round(float(missed.detach()), 4), per_second=rate)
        if clock.due():
            keep()
    if together.leads:
        keep()
        log(stage="ip_adapter", samples=done, finished=done >= samples)
    return done >= samples


def _twin(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def _average(kept: dict[str, Tensor], module: nn.Module, decay: float, step: int) -> None:
    weight = 1 - min(decay, (step + 1) / (step + 10))
    with torch.no_grad():
        for name, value in module.state_dict().items():
            if value.is_floating_point():
                kept[name].lerp_(value, weight)


def export(home: Path, weights: Path) -> bool:
    """Write `ip_adapter/` with its `image_encoder/` into a weights folder, fp16; False without a checkpoint."""
    from safetensors.torch import save_file

    state = runs.load(home / "ip_adapter.pt")
    if state is None:
        return False
    averaged: dict[str, Tensor] = state["averaged"]
    folder = weights / "ip_adapter"
    folder.mkdir(parents=True, exist_ok=True)
    tower = vision_tower()
    tower.load_state_dict({k.removeprefix("tower."): v for k, v in averaged.items() if k.startswith("tower.")})
    tower.half().save_pretrained(folder / "image_encoder")
    processor().save_pretrained(folder / "image_encoder")
    tensors: dict[str, Tensor] = {}
    renamed = {"image_embeds.weight": "proj.weight", "image_embeds.bias": "proj.bias"}
    for name, value in averaged.items():
        if name.startswith("parts.projection."):
            short = name.removeprefix("parts.projection.")
            tensors[f"image_proj.{renamed.get(short, short)}"] = value.half().contiguous()
        elif name.startswith("parts.layers."):
            index, kind = name.removeprefix("parts.layers.").split(".", 1)
            matrix = kind.split(".")[0]  # "to_k_ip.0.weight": one adapter's list of matrices
            tensors[f"ip_adapter.{2 * int(index) + 1}.{matrix}.weight"] = value.half().contiguous()
    save_file(tensors, folder / ADAPTER_FILE)
    return True
