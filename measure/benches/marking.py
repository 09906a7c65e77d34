"""`easel bench marking`: what marking costs, whether it is seen, what it survives, how often it is found in vain.

The pictures are made up (clouds, mosaics, lines, flat grounds) or, with `--pictures DIR`, photographs and drawings of
yours, cut square. `--quick` is a check that it runs.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from bot.marking.certificate import certificate
from bot.settings import Settings
from imaging.marking.copies import Layers, marked
from imaging.marking.signature import Statement, sign
from imaging.marking.watermark import THRESHOLD, detect, embed
from measure.report import Report, Row

SIDES = (128, 256, 512, 1024)
UNMARKED = 2_000
UNMARKED_SIDE = 256
STATEMENT = Statement("0")


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return Image.open(out)


def scaled(image: Image.Image, share: float, way: Image.Resampling = Image.Resampling.BICUBIC) -> Image.Image:
    return image.resize((round(image.width * share), round(image.height * share)), way)


def cut(image: Image.Image, area: float) -> Image.Image:
    """So much of the area, from somewhat beside the middle."""
    width, height = (round(side * area**0.5) for side in image.size)
    left, top = min(image.width - width, (image.width - width) // 2 + 3), (image.height - height) // 3
    return image.crop((left, top, left + width, top + height))


WAYS: dict[str, tuple[str, Callable[[Image.Image], Image.Image]]] = {
    "clean": ("as it is", lambda it: it),
    "jpeg75": ("JPEG 75", lambda it: jpeg(it, 75)),
    "jpeg50": ("JPEG 50", lambda it: jpeg(it, 50)),
    "half": ("half the size", lambda it: scaled(it, 0.5)),
    "half_jpeg75": ("half the size, JPEG 75", lambda it: jpeg(scaled(it, 0.5), 75)),
    "cut_off_10": ("a tenth cut off", lambda it: cut(it, 0.9)),
    "cut_to_10": ("cut to a tenth", lambda it: cut(it, 0.1)),
    "screenshot": ("a screenshot (71 %, JPEG 80)", lambda it: jpeg(scaled(cut(it, 0.95), 0.71), 80)),
    "larger": ("137 %, JPEG 75", lambda it: jpeg(scaled(it, 1.37), 75)),
}


def run(arguments: argparse.Namespace) -> Report:
    count, unmarked = (2, 20) if arguments.quick else (12, UNMARKED)
    sides = SIDES[1:2] if arguments.quick else SIDES
    pictures = list(_given(Path(arguments.pictures)) if arguments.pictures else map(made_up, range(count)))
    figures = _costs(pictures[0], 3 if arguments.quick else 20)
    rows = [
        Row("signing, 1024²", figures["sign_ms"], "ms", "≤ 40"),
        Row("the whole copy, 1024² (decode, mark, encode, sign)", figures["copy_ms"], "ms"),
        Row("  of it the watermark", figures["embed_ms"], "ms"),
        Row("  looking for the watermark", figures["detect_ms"], "ms"),
        Row("what the signature adds", figures["added_bytes"], "B"),
    ]
    for side in sides:
        found = _survival([square(picture, side) for picture in pictures], side)
        figures |= found
        rows.append(Row(f"{side}²: least PSNR", found[f"psnr_db.{side}"], "dB", "≥ 38"))
        rows += [
            Row(f"{side}²: found, {words}", 100 * found[f"found.{side}.{way}"], "%") for way, (words, _) in WAYS.items()
        ]
        print(f"{side}² is done", file=sys.stderr, flush=True)
    figures |= _false_alarms(pictures, unmarked)
    rows += [
        Row(f"unmarked pictures looked at ({UNMARKED_SIDE}², JPEG)", figures["unmarked"]),
        Row("  called marked", figures["false_alarms"], "", "0"),
        Row(f"  highest score (threshold {THRESHOLD:g})", figures["highest_unmarked"]),
    ]
    return Report("marking", figures, tuple(rows))


def _given(folder: Path) -> Iterator[Image.Image]:
    for path in sorted(folder.iterdir()):
        with Image.open(path) as opened:
            image = opened.convert("RGB")
        if min(image.size) >= UNMARKED_SIDE:
            yield image


def made_up(seed: int) -> Image.Image:
    """1024²: clouds, or clouds with a mosaic, lines or a flat ground over a part."""
    rng = np.random.default_rng(seed)
    side = 1024
    down, across = np.meshgrid(np.fft.fftfreq(side), np.fft.rfftfreq(side), indexing="ij")
    waves = rng.normal(size=(3, *down.shape)) + 1j * rng.normal(size=(3, *down.shape))
    clouds = np.fft.irfft2(waves / np.maximum(np.hypot(down, across), 1 / side) ** rng.uniform(1.0, 1.6), (side, side))
    clouds = (clouds - clouds.mean()) / clouds.std() * 45 + rng.uniform(70, 180, (3, 1, 1))
    pixels = clouds.transpose(1, 2, 0)
    match seed % 4:
        case 1:
            tiles = rng.integers(0, 255, (16, 16, 3)).repeat(64, 0).repeat(64, 1)
            pixels[:, 400:] = tiles[:, 400:] * 0.8 + pixels[:, 400:] * 0.2
        case 2:
            pixels[::37, :] = pixels[:, ::53] = 20
        case 3:
            pixels[: side // 2] = rng.uniform(0, 255, 3)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def square(image: Image.Image, side: int) -> Image.Image:
    least = min(image.size)
    left, top = (image.width - least) // 2, (image.height - least) // 2
    return image.crop((left, top, left + least, top + least)).resize((side, side), Image.Resampling.LANCZOS)


def _costs(picture: Image.Image, times: int) -> dict[str, float]:
    image = square(picture, 1024)
    out = io.BytesIO()
    image.save(out, "PNG")
    stored = out.getvalue()
    with tempfile.TemporaryDirectory(prefix="easel-bench-") as folder:
        credential = certificate(Settings(_env_file=None, home=Path(folder)), Path(folder)).credential
    with_mark = embed(image)
    return {
        "sign_ms": _ms(lambda: sign(stored, "image/png", STATEMENT, credential), times),
        "copy_ms": _ms(lambda: marked(stored, Layers(credential=credential), STATEMENT), times),
        "embed_ms": _ms(lambda: embed(image), times),
        "detect_ms": _ms(lambda: detect(with_mark), times),
        "added_bytes": float(len(sign(stored, "image/png", STATEMENT, credential)) - len(stored)),
    }


def _ms(work: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    return median(taken)


def _survival(pictures: Sequence[Image.Image], side: int) -> dict[str, float]:
    """Shares of pictures in which the mark is found, by way, and the least PSNR."""
    copies = [embed(picture) for picture in pictures]
    found = {
        f"found.{side}.{way}": sum(detect(change(copy)).found for copy in copies) / len(copies)
        for way, (_, change) in WAYS.items()
    }
    return found | {f"psnr_db.{side}": min(map(psnr, pictures, copies))}


def psnr(one: Image.Image, other: Image.Image) -> float:
    change = np.asarray(one, np.float64) - np.asarray(other, np.float64)
    return float(10 * np.log10(255**2 / np.mean(change**2)))


def _false_alarms(pictures: Sequence[Image.Image], count: int) -> dict[str, float]:
    """Cuts at random places and sizes of pictures that nobody marked."""
    rng = np.random.default_rng(1)
    scores = []
    for at in range(count):
        picture = pictures[at % len(pictures)]
        least = min(picture.size)
        side = int(rng.integers(min(UNMARKED_SIDE, least), least + 1))
        left, top = int(rng.integers(0, picture.width - side + 1)), int(rng.integers(0, picture.height - side + 1))
        piece = square(picture.crop((left, top, left + side, top + side)), UNMARKED_SIDE)
        scores.append(detect(jpeg(piece, int(rng.integers(50, 96)))).score)
        if at % 200 == 199:
            print(f"{at + 1} unmarked pictures looked at", file=sys.stderr, flush=True)
    alarms = sum(score >= THRESHOLD for score in scores)
    return {"unmarked": float(count), "false_alarms": float(alarms), "highest_unmarked": max(scores)}
