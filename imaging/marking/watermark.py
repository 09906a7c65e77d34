"""An invisible mark in the pixels that says "made by Easel", and nothing else.

A spread-spectrum watermark (Cox et al., "Secure spread spectrum watermarking for multimedia", IEEE Trans. Image
Processing 6(12), 1997) in a tile that repeats (Kutter, "Watermarking resisting to translation, rotation and
scaling", SPIE 3528, 1998): a fixed pattern of middle frequencies is added to the brightness, stronger where the
picture itself is lively. Because the tile repeats, any crop of some tiles holds all of it, and a search over sizes
finds it after the picture was made smaller or larger. The pattern is public: everybody with Easel can look for it,
and who knows it can remove it. It holds no number, no name and no key: it is there or it is not.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Plane: TypeAlias = NDArray[np.float32]
"""[height, width], brightness in grey levels of 256."""

TILE = 128
"""Pixels a side of the pattern, which repeats."""
BAND = (4.0, 21.0)
"""Cycles a tile: below, people would see blotches; above, JPEG and a smaller copy take them out."""
SEED = b"easel watermark 1"
STRENGTH = 1.1
"""Standard deviation of the mark in grey levels where a picture is flat, at `USUAL` pixels a side; a larger picture
repeats it more often and needs less, a smaller one more."""
LIVELY = 0.11
"""Grey levels added for each grey level of the picture's own local deviation, up to …"""
MOST = 3.1
"""… which leaves 38 dB between a picture and its marked copy, however lively it is."""
USUAL = 384
WEAKEST, STRONGEST = 0.65, 1.3
MIN_SIDE = 128
"""Pixels; a smaller picture holds no whole tile and is not marked."""

SURE_SIDE = 256
"""From here on it was found in every picture that was tried; lively smaller ones may drown it (docs/marking.md)."""

CELLS = 64
"""Bins a side into which the reader folds a picture: two pixels of the pattern each."""
LARGEST = 768
"""Longest side that is searched; larger files are made smaller first."""
STEP = 0.004
"""Between two sizes that are tried, as a share: over most pictures, half of it moves the pattern by less than a quarter
of its shortest wave."""
SIZES = (0.25, 2.2)
"""Sizes of the file against the marked picture that are searched."""
LIKELY = (1.0, 0.5, 2.0)
THRESHOLD = 7.0
"""Standard deviations above chance at which a mark counts as found; docs/marking.md has how often that is wrong."""

CERTAIN = 12.0
"""From here on no better size is searched."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a search has found."""

    score: float
    """Standard deviations above chance of the best place and size."""
    size: float
    """Of the file, against the marked picture's."""

    @property
    def found(self) -> bool:
        return self.score >= THRESHOLD


def fits(width: int, height: int) -> bool:
    """Whether a picture of so many pixels is large enough to carry it."""
    return min(width, height) >= MIN_SIDE


def embed(image: Image.Image) -> Image.Image:
    """The RGB picture with the mark in it; one that is too small comes back as it is."""
    if not fits(*image.size):
        return image
    pixels = np.asarray(image, np.float32)
    height, width = pixels.shape[:2]
    grey = image.convert("L")
    share = min(max(math.sqrt(USUAL / min(width, height)), WEAKEST), STRONGEST)
    strength = np.minimum(share * (STRENGTH + LIVELY * _deviation(grey)), MOST)
    pattern = np.tile(_pattern(), (math.ceil(height / TILE), math.ceil(width / TILE)))[:height, :width]
    change = (strength * pattern)[..., None]
    return Image.fromarray(np.clip(np.rint(pixels + change), 0, 255).astype(np.uint8))


def _deviation(grey: Image.Image) -> Plane:
    """Local standard deviation within some pixels: how much of a change a place hides."""
    plane = np.asarray(grey, np.float32)
    smooth = np.asarray(grey.filter(ImageFilter.BoxBlur(4)), np.float32)
    apart = Image.fromarray(np.abs(plane - smooth).astype(np.uint8))
    return np.asarray(apart.filter(ImageFilter.BoxBlur(4)), np.float32)


@lru_cache(maxsize=1)
def _spectrum() -> NDArray[np.complex64]:
    """[TILE, TILE // 2 + 1]: unit amplitude and a fixed phase at every frequency of the band, nothing elsewhere.

    The phases come from SHA-256 and not from a random generator, whose numbers may change with its version.
    """
    shape = (TILE, TILE // 2 + 1)
    count = shape[0] * shape[1]
    blocks = (hashlib.sha256(SEED + at.to_bytes(4, "big")).digest() for at in range(-(-count // 16)))
    phases = np.frombuffer(b"".join(blocks), ">u2")[:count].reshape(shape).astype(np.float64) * (2 * np.pi / 65536)
    spectrum = np.where(_in_band(shape), np.exp(1j * phases), 0)
    spectrum[:, 0] = 0  # these frequencies are their own mirror images
    return spectrum.astype(np.complex64)


def _in_band(shape: tuple[int, int]) -> NDArray[np.bool_]:
    down = np.fft.fftfreq(shape[0], 1 / shape[0])[:, None]
    radius = np.hypot(down, np.arange(shape[1])[None, :])
    return np.asarray((radius >= BAND[0]) & (radius <= BAND[1]))


@lru_cache(maxsize=1)
def _pattern() -> Plane:
    """[TILE, TILE], mean 0, standard deviation 1."""
    pattern = np.fft.irfft2(_spectrum(), (TILE, TILE))
    return np.asarray(pattern / pattern.std(), np.float32)


@lru_cache(maxsize=1)
def _sought() -> NDArray[np.complex64]:
    """[CELLS, CELLS // 2 + 1]: the low part of the spectrum, which has all of the band."""
    whole, half = _spectrum(), CELLS // 2
    return np.concatenate([whole[:half, : half + 1], whole[-half:, : half + 1]])


def detect(image: Image.Image) -> Mark:
    """Look for the mark in a picture of any mode and size, cut or made smaller: the likely sizes, then all others."""
    grey = image.convert("L")
    scale = min(1.0, LARGEST / max(grey.size))
    if scale < 1:
        sides = (max(1, round(grey.width * scale)), max(1, round(grey.height * scale)))
        grey = grey.resize(sides, Image.Resampling.LANCZOS)
    plane = _flattened(grey)
    best = Mark(0.0, 1.0)
    for size in (*(likely * scale for likely in LIKELY), *_searched()):
        score = _score(plane, size)
        if score > best.score:
            best = Mark(score, size / scale)
        if best.score >= CERTAIN:
            break
    return best


@lru_cache(maxsize=1)
def _searched() -> tuple[float, ...]:
    count = round(math.log(SIZES[1] / SIZES[0]) / STEP)
    return tuple(SIZES[0] * math.exp(STEP * at) for at in range(count + 1))


def _flattened(grey: Image.Image) -> Plane:
    """The brightness without its large forms, equally lively everywhere: what an edge has would drown the mark."""
    plane = np.asarray(grey, np.float32)
    rest = plane - np.asarray(grey.filter(ImageFilter.GaussianBlur(6)), np.float32)
    lively = Image.fromarray(np.minimum(np.abs(rest) * 4, 255).astype(np.uint8)).filter(ImageFilter.BoxBlur(6))
    return np.asarray(rest / (np.asarray(lively, np.float32) / 4 + 1), np.float32)


def _score(plane: Plane, size: float) -> float:
    """How far the best place of the pattern stands above chance, for one size."""
    tile = _folding(plane.shape[0], size) @ plane @ _folding(plane.shape[1], size).T
    seen = np.fft.rfft2(tile)
    sought = _sought()
    agree = np.where(sought != 0, seen / (np.abs(seen) + 1e-9), 0) * np.conj(sought)
    places = np.fft.irfft2(agree, (CELLS, CELLS))
    # A sum of n unit vectors with random phases; irfft2 counts all but the first column twice.
    return float(places.max()) * CELLS * CELLS / math.sqrt(2 * np.count_nonzero(sought))


def _folding(length: int, size: float) -> Plane:
    """[CELLS, length]: adds up all pixels of a line that lie at the same place of the pattern."""
    places = (np.arange(length, dtype=np.float64) + 0.5) * (CELLS / (TILE * size))
    low = np.floor(places - 0.5)
    share = (places - 0.5 - low).astype(np.float32)
    fold = np.zeros((CELLS, length), np.float32)
    at = np.arange(length)
    fold[low.astype(int) % CELLS, at] = 1 - share
    fold[(low.astype(int) + 1) % CELLS, at] = share
    return fold
