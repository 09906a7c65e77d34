"""Measures a bundled picture model against what its captions ask, with the judge of true renders.

`evaluate(weights)` draws `n` pictures for captions of (thing, background) pairs that training never saw, at the normal
and at the small number of steps, and returns the figures that `easel eval mini` prints.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from imaging.mini import WEIGHTS
from measure.mini import backgrounds, captions, judge, sprites, world

Kind = Literal["single", "side", "two", "colour"]
Progress = Callable[[int, int], None]
BATCH = 10
STEPS, FEW_STEPS, GUIDANCE = 20, 8, 3.0


@dataclass(frozen=True, slots=True)
class Case:
    """One caption and what must be seen in its picture: (thing, colour or None) from left to right."""

    kind: Kind
    text: str
    background: str
    time: str
    things: tuple[tuple[str, str | None], ...]
    side: str | None = None


def _where(rng: random.Random, place: str, time_of_day: str) -> str:
    if place in backgrounds.PLAIN:
        return f"on a {place} background"
    where = rng.choice(captions.PLACES[place])
    return where if time_of_day == "day" else f"{where} {rng.choice(captions.TIMES[time_of_day])}"


def _name(rng: random.Random, thing: str) -> str:
    return rng.choice((thing, thing, *captions.SYNONYMS.get(thing, ())))


def cases(n: int = 300, seed: int = 2024) -> list[Case]:
    """`n` captions: 40 % one thing, 20 % on a side, 27 % two things on their sides, 13 % coloured; held-out pairs."""
    rng = random.Random(seed)
    held = sorted(world.HELD_OUT)
    rng.shuffle(held)

    def pairs() -> Iterator[tuple[str, str]]:
        while True:
            yield from held

    pair, made = pairs(), []
    coloured = iter([it for it in held if it[0] in sprites.TINTABLE] * n)
    for i in range(n):
        share = (i * 37 % 100) / 100
        kind: Kind = "single" if share < 0.4 else "side" if share < 0.6 else "two" if share < 0.87 else "colour"
        thing, place = next(coloured) if kind == "colour" else next(pair)
        moment = rng.choices(backgrounds.TIMES, (0.5, 0.3, 0.2))[0] if place in backgrounds.OUTDOOR else "day"
        where = _where(rng, place, moment)
        said = captions.article(_name(rng, thing))
        if kind == "two":
            other = rng.choice([it for it in world.THINGS if it != thing])
            second = captions.article(_name(rng, other))
            both = [(thing, None), (other, None)]
            if rng.random() < 0.3:
                text = f"{second} on the right and {said} on the left {where}"
            else:
                text = f"{said} on the left and {second} on the right {where}"
            made.append(Case(kind, text, place, moment, tuple(both)))
        elif kind == "side":
            side = rng.choice(("left", "right"))
            made.append(Case(kind, f"{said} on the {side} {where}", place, moment, ((thing, None),), side))
        elif kind == "colour":
            colour = rng.choice([c for c in sprites.TINTS if c != place])
            said = captions.article(f"{colour} {_name(rng, thing)}")
            made.append(Case(kind, f"{said} {where}", place, moment, ((thing, colour),)))
        else:
            made.append(Case(kind, f"{said} {where}", place, moment, ((thing, None),)))
    return made


def verdicts(case: Case, picture: NDArray[np.uint8]) -> dict[str, bool]:
    """What the judge says of one picture, by figure name."""
    seen = judge.read(picture)
    result = {"background": (seen.background, seen.time) == (case.background, case.time)}
    if case.kind == "two":
        saw = (seen.left.thing, seen.right.thing)
        wanted = tuple(thing for thing, _ in case.things)
        result["two_things"] = saw == wanted
        result["two_things_swapped"] = saw == wanted[::-1]
        result["two_things_each"] = saw[0] == wanted[0]
        return result
    ((thing, colour),) = case.things
    result["thing"] = seen.best.thing == thing
    if case.side is not None:
        result["side"] = seen.best.place == case.side
    if colour is not None:
        result["colour"] = seen.best.colour == colour
    return result


def load(weights: Path) -> Any:
    """The stock pipeline in the precision that the engine chooses on this machine, silent."""
    from diffusers import StableDiffusionXLPipeline

    from imaging.engines.precision import cpu_dtype

    pipe = StableDiffusionXLPipeline.from_pretrained(weights, dtype=cpu_dtype(), add_watermarker=False)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def pictures(pipe: Any, texts: list[str], steps: int, seed: int = 1000) -> list[NDArray[np.uint8]]:
    """One picture a caption, each with its own seed."""
    import torch

    made: list[NDArray[np.uint8]] = []
    for start in range(0, len(texts), BATCH):
        chunk = texts[start : start + BATCH]
        generators = [torch.Generator().manual_seed(seed + start + i) for i in range(len(chunk))]
        drawn = pipe(
            prompt=chunk,
            generator=generators,
            num_inference_steps=steps,
            guidance_scale=GUIDANCE,
            height=world.SIZE,
            width=world.SIZE,
            output_type="np",
        ).images
        made += [(np.clip(picture, 0, 1) * 255).round().astype(np.uint8) for picture in drawn]
    return made


def judged(pipe: Any, asked: list[Case], steps: int, progress: Progress | None = None) -> dict[str, float]:
    """Shares of right verdicts over all cases at a number of steps."""
    votes: dict[str, list[bool]] = {}
    for start in range(0, len(asked), BATCH):
        chunk = asked[start : start + BATCH]
        for case, picture in zip(chunk, pictures(pipe, [c.text for c in chunk], steps, seed=1000 + start), strict=True):
            for name, good in verdicts(case, picture).items():
                votes.setdefault(name, []).append(good)
        if progress is not None:
            progress(min(start + BATCH, len(asked)), len(asked))
    return {name: sum(good) / len(good) for name, good in votes.items()}


def evaluate(
    weights: Path = WEIGHTS, n: int = 300, steps: int = 20, progress: Progress | None = None
) -> dict[str, float]:
    """All figures of the bundled model: fractions 0–1, dB, seconds of wall time a picture (drawn alone, warmed up)."""
    from measure.mini import restoring

    pipe = load(Path(weights))
    asked = cases(n)
    figures = {"judge.true_renders": judge.true_renders(max(20, n // 3))}
    figures |= judged(pipe, asked, steps, progress)
    figures |= {f"few_steps.{name}": value for name, value in judged(pipe, asked, FEW_STEPS, progress).items()}
    figures["precision_bits"] = 8.0 * pipe.unet.dtype.itemsize
    pictures(pipe, ["a cat"], steps)
    for name, count in (("seconds_per_picture", steps), ("few_steps.seconds_per_picture", FEW_STEPS)):
        start = time.perf_counter()
        for i in range(3):
            pictures(pipe, [asked[i % n].text], count)
        figures[name] = (time.perf_counter() - start) / 3
    figures["vae_psnr"] = restoring.psnr(pipe.vae.float(), 64)
    return figures


def grid(pipe: Any, texts: list[str], path: Path, columns: int = 8, steps: int = 20) -> None:
    """A contact sheet, for eyes."""
    from PIL import Image

    drawn = pictures(pipe, texts, steps)
    blank = np.zeros_like(drawn[0])
    drawn += [blank] * (-len(drawn) % columns)
    rows = [np.concatenate(drawn[i : i + columns], 1) for i in range(0, len(drawn), columns)]
    Image.fromarray(np.concatenate(rows)).save(path)


def main() -> int:
    import argparse
    import json
    import sys

    parser = argparse.ArgumentParser(prog="python -m measure.mini.evaluate", description=__doc__)
    parser.add_argument("weights", nargs="?", type=Path, default=WEIGHTS)
    parser.add_argument("-n", type=int, default=300)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--grid", type=Path, help="only draw a contact sheet of some cases")
    arguments = parser.parse_args()
    if arguments.grid:
        grid(load(arguments.weights), [c.text for c in cases()[: arguments.n]], arguments.grid, steps=arguments.steps)
        return 0

    def tell(done: int, of: int) -> None:
        sys.stderr.write(f"{done}/{of}\r")

    figures = evaluate(arguments.weights, arguments.n, arguments.steps, tell)
    sys.stdout.write(json.dumps({name: round(value, 4) for name, value in figures.items()}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
