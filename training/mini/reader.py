"""Stage 1b: the text encoders learn what a caption says, and what that looks like, before anything is drawn from it.

From the loss of a denoiser alone, small text encoders take a hundred thousand noisy pictures to learn that in "a cat
on the left and a dog on the right" the cat is the one on the left. Said directly it takes minutes, because text costs
next to nothing: a few learned questions (what is on the left, in the middle, on the right; where is this?) attend to
the context that the UNet's cross-attention will read, as its pixels will, and must name the thing, its colour, its
size, the background and the time of day.

And they become the UNet's picture book. A caption is followed by padding, which sees all of it: of the last
`FIGURES * PARTS` tokens, each must tell what one part of one named thing looks like, a coarse thumbnail of it in every
art set, and where the thing stands. Text layers keep sixty-four looks easily and at once; a small UNet has to find room
for them part by part, but copying what a token says is one skill for all things, and the same for the first thing as
for the second. The heads are thrown away; the encoders go on in the denoiser's stage.
"""

from __future__ import annotations

import functools
import random
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from torch import Tensor, nn

from measure.mini import backgrounds, captions, world
from measure.mini.sprites import SETS, THINGS, TINTS, sprite
from training.mini import runs, vocabulary
from training.mini.model import TEXT_WIDTH, Denoiser
from training.mini.optim import MuonAdam, autocast, schedule

CAPTIONS = 90_000
"""In a whole run."""
BATCH = 64
RATE, ADAM_RATE = 0.01, 2e-3
PLACES = get_args(world.Place)
SIZES = get_args(world.Size)
THING_NAMES = ("", *THINGS)
COLOURS = ("", *TINTS)
SIDE = 4
PARTS = SIDE * SIDE
"""Of a thing, row by row; each is told by one token of padding."""
FIGURES = 2
"""Things of a picture, from left to right."""
FINE = 2
"""Cells a side of a part's thumbnail."""
LOOK = FINE * FINE * 4
"""Numbers of a part's thumbnail: premultiplied colours and alpha, 0–1."""
HEADS = 4
LOOK_WEIGHT = 100.0
NOWHERE = len(PLACES)
LATENT_CHANNELS = 4
"""Of the UNet that `Denoiser` carries along here; it is neither trained nor kept."""


class Reader(nn.Module):
    """Questions to the context `[N, T, 2·TEXT_WIDTH]` and the pooled text `[N, TEXT_WIDTH]` of a denoiser."""

    def __init__(self) -> None:
        super().__init__()
        width = 2 * TEXT_WIDTH
        self.questions = nn.Parameter(torch.randn(len(PLACES) + 1, width))
        self.attention = nn.MultiheadAttention(width, HEADS, batch_first=True)
        self.mix = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU())
        self.thing = nn.Linear(width, len(THING_NAMES))
        self.colour = nn.Linear(width, len(COLOURS))
        self.size = nn.Linear(width, len(SIZES))
        self.background = nn.Linear(width, len(backgrounds.BACKGROUNDS))
        self.time = nn.Linear(width, len(backgrounds.TIMES))
        self.pooled = nn.Linear(TEXT_WIDTH, len(backgrounds.BACKGROUNDS) + len(THINGS))
        self.part = nn.Linear(width, PARTS)
        self.stands = nn.Linear(width, len(PLACES) + 1)
        self.look = nn.Linear(width, len(SETS) * LOOK)

    def forward(self, context: Tensor, pooled: Tensor) -> dict[str, Tensor]:
        """Logits: of each place `[N, 3, …]`, of the scene `[N, …]`, of the pooled text, and of the book
        `[N, FIGURES, PARTS, …]`."""
        asked = self.questions.expand(len(context), -1, -1)
        found = self.mix(self.attention(asked, context, context, need_weights=False)[0])
        places, scene = found[:, :-1], found[:, -1]
        book = context[:, -FIGURES * PARTS :].unflatten(1, (FIGURES, PARTS))
        return {
            "thing": self.thing(places),
            "colour": self.colour(places),
            "size": self.size(places),
            "background": self.background(scene),
            "time": self.time(scene),
            "pooled": self.pooled(pooled),
            "part": self.part(book),
            "stands": self.stands(book),
            "look": self.look(book),
        }


@functools.cache
def looks(thing: str, colour: str | None) -> Tensor:
    """The parts of a thing in every art set, `[PARTS, sets · LOOK]`."""
    thumbnails = []
    for art_set in SETS:
        drawn = sprite(thing, art_set, world.PIXELS["big"], colour) / np.array([255, 255, 255, 1], np.float32)
        step = len(drawn) // (SIDE * FINE)
        cells = drawn.reshape(SIDE, FINE, step, SIDE, FINE, step, 4).mean((2, 5))
        thumbnails.append(torch.from_numpy(cells.transpose(0, 2, 1, 3, 4).reshape(PARTS, LOOK)))
    return torch.cat(thumbnails, 1).float()


def answers(scenes: list[world.Scene]) -> dict[str, Tensor]:
    """What the questions should find, as indices; -100 where there is nothing to be said of."""
    n = len(scenes)
    said = {name: torch.full((n, len(PLACES)), -100) for name in ("colour", "size")}
    thing = torch.zeros(n, len(PLACES), dtype=torch.long)
    pooled = torch.zeros(n, len(backgrounds.BACKGROUNDS) + len(THINGS))
    look = torch.zeros(n, FIGURES, PARTS, len(SETS) * LOOK)
    stands = torch.full((n, FIGURES, PARTS), NOWHERE)
    for i, scene in enumerate(scenes):
        pooled[i, backgrounds.BACKGROUNDS.index(scene.background)] = 1
        for which, it in enumerate(scene.figures):
            place = PLACES.index(it.place)
            thing[i, place] = THING_NAMES.index(it.thing)
            look[i, which], stands[i, which] = looks(it.thing, it.colour), place
            said["colour"][i, place] = COLOURS.index(it.colour or "")
            said["size"][i, place] = SIZES.index(it.size)
            pooled[i, len(backgrounds.BACKGROUNDS) + THINGS.index(it.thing)] = 1
    where = torch.tensor([backgrounds.BACKGROUNDS.index(scene.background) for scene in scenes])
    time = torch.tensor([backgrounds.TIMES.index(scene.time) for scene in scenes])
    part = torch.arange(PARTS).expand(n, FIGURES, -1)
    asked = {"thing": thing, **said, "background": where, "time": time, "pooled": pooled}
    return {**asked, "part": part, "stands": stands, "look": look}


def unsided(texts: list[str]) -> Tensor:
    """Of which captions nobody can tell the left thing from the right one, `[N]`."""
    return torch.tensor([not ("left" in text or "right" in text) for text in texts])


def loss(found: dict[str, Tensor], wanted: dict[str, Tensor], free: Tensor | None = None) -> Tensor:
    """The sum of what each question got wrong; where `free` (`[N]`), the book may tell the things in either order."""
    parts = [
        nn.functional.cross_entropy(found[name].flatten(0, -2), wanted[name].flatten(), ignore_index=-100)
        for name in ("thing", "colour", "size", "background", "time", "part", "stands")
    ]
    missed = (found["look"] - wanted["look"]).square().mean((1, 2, 3))
    if free is not None:
        other = (found["look"] - wanted["look"].flip(1)).square().mean((1, 2, 3))
        missed = torch.where(free, torch.minimum(missed, other), missed)
    parts.append(LOOK_WEIGHT * missed.mean())
    parts.append(10 * nn.functional.binary_cross_entropy_with_logits(found["pooled"], wanted["pooled"]))
    return torch.stack(parts).sum()


def draw(rng: random.Random, n: int) -> tuple[list[world.Scene], list[str]]:
    """Scenes of the training world, never rendered, with a caption each."""
    scenes = [world.random_scene(rng) for _ in range(n)]
    return scenes, [captions.caption(rng, scene) for scene in scenes]


@torch.no_grad()
def right(denoiser: Denoiser, reader: Reader, n: int = 256) -> dict[str, float]:
    """On fixed two-thing captions that name both sides: shares of things in their places, colours, backgrounds,
    and how much of the variance of looks is told."""
    rng = random.Random(41)
    scenes: list[world.Scene] = []
    texts: list[str] = []
    while len(texts) < n:
        scene = world.random_scene(rng, two=1.0)
        text = captions.caption(rng, scene)
        if "left" in text and "right" in text:
            scenes.append(scene)
            texts.append(text)
    found, wanted = reader(*denoiser.read(texts)), answers(scenes)
    shares = {name: found[name].argmax(-1) == wanted[name] for name in ("thing", "colour", "background")}
    shares["colour"] = shares["colour"][wanted["colour"] >= 0]
    there = wanted["look"].amax((2, 3), keepdim=True) > 0
    missed, told = (found["look"] - wanted["look"])[there.expand_as(wanted["look"])], wanted["look"]
    told = told[there.expand_as(told)]
    shares["look"] = 1 - missed.square().mean() / told.var()
    return {name: round(float(share.float().mean()), 3) for name, share in shares.items()}


def checkpoint_path(home: Path) -> Path:
    return home / "reader.pt"


def load_into(denoiser: Denoiser, home: Path) -> None:
    """Give a new denoiser the text encoders of this stage."""
    state = runs.load(checkpoint_path(home))
    assert state is not None, "no reader checkpoint yet"
    denoiser.text_1.load_state_dict(state["text_1"])
    denoiser.text_2.load_state_dict(state["text_2"])


def train(home: Path, *, minutes: float | None = None, samples: int = CAPTIONS, batch: int = BATCH) -> bool:
    """Run or resume the stage; True when its whole run is done."""
    path, log = checkpoint_path(home), runs.Log(home / "reader.jsonl")
    torch.manual_seed(0)
    denoiser, reader = Denoiser(vocabulary.build(), LATENT_CHANNELS), Reader()
    denoiser.start()
    denoiser.unet.requires_grad_(False)
    parameters = [*denoiser.text_1.parameters(), *denoiser.text_2.parameters(), *reader.parameters()]
    named = {**dict(denoiser.named_parameters()), **{f"reader.{name}": p for name, p in reader.named_parameters()}}
    optimizer = MuonAdam(named.items(), rate=RATE, adam_rate=ADAM_RATE)
    state, done = runs.load(path), 0
    if state is not None:
        done = int(state["samples"])
        if done >= samples:
            return True
        load_into(denoiser, home)
        reader.load_state_dict(state["reader"])
        optimizer.load(state["optimizer"])
    rng = random.Random(300 + done)
    clock = runs.Clock(minutes, every=60)

    def keep(finished: bool) -> None:
        runs.save(
            path,
            {
                "text_1": denoiser.text_1.state_dict(),
                "text_2": denoiser.text_2.state_dict(),
                "reader": reader.state_dict(),
                "optimizer": optimizer.state(),
                "samples": done,
            },
        )
        log(stage="reader", samples=done, finished=finished, **right(denoiser, reader))

    while done < samples and not clock.over():
        optimizer.factor = schedule(done / samples, warm=0.02, decay_from=0.3)
        scenes, texts = draw(rng, batch)
        with autocast():
            found = reader(*denoiser.read(texts))
        value = loss({name: said.float() for name, said in found.items()}, answers(scenes), unsided(texts))
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        done += batch
        if clock.due():
            keep(False)
    keep(done >= samples)
    return done >= samples
