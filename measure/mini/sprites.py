"""The art of the miniature world: two emoji sets, taken from registry packages and kept beside this file.

`sheet.png` (in `art/`) holds one row per thing and one column per art set, RGBA, CELL pixels a cell. It is all that
training needs; `python -m measure.mini.sprites` makes it again from the packages below (needs `npm` and `resvg_py`).

Art sets and licences:
- Noto Emoji, Google Inc, Apache-2.0, npm package `@iconify-json/noto`
- Fluent Emoji (flat), Microsoft Corporation, MIT, npm package `@iconify-json/fluent-emoji-flat`
"""

from __future__ import annotations

import functools
import importlib
import io
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]

ART = Path(__file__).parent / "art"
SHEET = ART / "sheet.png"
CELL = 152
MARGIN = 2
"""Empty pixels around a drawn sprite, so that its edge never touches the latent grid's neighbour."""

PACKAGES = {"noto": "@iconify-json/noto@1.2.9", "fluent": "@iconify-json/fluent-emoji-flat@1.2.6"}
SETS = tuple(PACKAGES)

ICONS = {
    "rabbit": "rabbit",
    "sheep": "ewe",
    "dinosaur": "sauropod",
    "fish": "tropical-fish",
    "whale": "spouting-whale",
    "bee": "honeybee",
    "apple": "red-apple",
    "burger": "hamburger",
    "cake": "birthday-cake",
    "donut": "doughnut",
    "ice cream": "soft-ice-cream",
    "car": "automobile",
    "boat": "sailboat",
    "train": "locomotive",
    "tree": "deciduous-tree",
    "palm tree": "palm-tree",
    "teddy bear": "teddy-bear",
    "ball": "soccer-ball",
    "gift": "wrapped-gift",
    "snowman": "snowman-without-snow",
    "heart": "red-heart",
}
"""Icon names where they differ from the thing's own name."""

THINGS: tuple[str, ...] = (
    "cat",
    "dog",
    "rabbit",
    "horse",
    "cow",
    "pig",
    "sheep",
    "elephant",
    "lion",
    "tiger",
    "fox",
    "bear",
    "panda",
    "monkey",
    "frog",
    "turtle",
    "dinosaur",
    "unicorn",
    "penguin",
    "owl",
    "duck",
    "fish",
    "whale",
    "octopus",
    "crab",
    "butterfly",
    "bee",
    "apple",
    "banana",
    "strawberry",
    "carrot",
    "mushroom",
    "pizza",
    "burger",
    "cake",
    "donut",
    "ice cream",
    "car",
    "bus",
    "bicycle",
    "boat",
    "airplane",
    "rocket",
    "train",
    "tree",
    "palm tree",
    "cactus",
    "rose",
    "sunflower",
    "house",
    "castle",
    "tent",
    "star",
    "rainbow",
    "balloon",
    "teddy bear",
    "ball",
    "robot",
    "umbrella",
    "gift",
    "snowman",
    "crown",
    "chair",
    "heart",
)

TINTABLE: tuple[str, ...] = (
    "car",
    "balloon",
    "umbrella",
    "star",
    "gift",
    "chair",
    "heart",
    "butterfly",
    "fish",
    "dinosaur",
    "rose",
    "tent",
)

TINTS: dict[str, tuple[float, float, float]] = {
    "red": (0.0, 1.0, 1.1),
    "yellow": (0.135, 1.0, 1.15),
    "green": (0.36, 0.9, 0.85),
    "blue": (0.59, 0.95, 1.0),
    "purple": (0.76, 0.8, 0.85),
    "pink": (0.92, 0.55, 1.12),
}
"""Colour word → (hue 0–1, saturation factor, value factor)."""

HUE_WINDOW = 0.13
"""Only pixels this near to the sprite's main hue change, so that tyres, leaves and eyes keep their colours."""


@functools.cache
def _sheet() -> NDArray[np.uint8]:
    return np.asarray(Image.open(SHEET).convert("RGBA"))


def art(thing: str, art_set: str) -> Image.Image:
    """The untinted sprite, RGBA, CELL×CELL."""
    row, column = THINGS.index(thing), SETS.index(art_set)
    cell = _sheet()[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL]
    return Image.fromarray(cell)


def tint(image: Image.Image, colour: str) -> Image.Image:
    """Turn the main hue of a sprite to `colour` and leave every other hue alone."""
    hue, saturation, value = TINTS[colour]
    hsv = np.asarray(image.convert("RGB").convert("HSV")).astype(np.float32) / 255
    alpha = np.asarray(image.getchannel("A")).astype(np.float32) / 255
    weight = np.where(hsv[..., 1] > 0.3, hsv[..., 1] * hsv[..., 2] * alpha, 0)
    histogram = np.bincount((hsv[..., 0] * 47.99).astype(int).ravel(), weight.ravel(), minlength=48)
    smooth = histogram + np.roll(histogram, 1) + np.roll(histogram, -1)
    main = (int(smooth.argmax()) + 0.5) / 48
    distance = (hsv[..., 0] - main + 0.5) % 1 - 0.5
    chosen = (np.abs(distance) < HUE_WINDOW) & (hsv[..., 1] > 0.2)
    scale = 0.78 / max(0.3, float(np.average(hsv[..., 2], weights=weight + 1e-6)))
    new = hsv.copy()
    new[..., 0] = (hue + 0.25 * distance) % 1
    strongest = max(0.5, float(np.average(hsv[..., 1], weights=weight + 1e-6)))
    new[..., 1] = np.clip(hsv[..., 1] * saturation * 0.85 / strongest, 0, 1)
    new[..., 2] = np.clip(hsv[..., 2] * value * scale, 0, 1)
    hsv = np.where(chosen[..., None], new, hsv)
    bands = [Image.fromarray((hsv[..., band] * 255).astype(np.uint8)) for band in range(3)]
    result = Image.merge("HSV", bands).convert("RGBA")
    result.putalpha(image.getchannel("A"))
    return result


@functools.lru_cache(maxsize=4096)
def sprite(thing: str, art_set: str, size: int, colour: str | None = None, mirrored: bool = False) -> Floats:
    """A drawable sprite `[size, size, 4]`: premultiplied RGB 0–255 and alpha 0–1."""
    image = art(thing, art_set)
    if colour is not None:
        image = tint(image, colour)
    values = np.asarray(image).astype(np.float32)
    alpha = values[..., 3] / 255
    inner = size - 2 * MARGIN
    planes = [values[..., band] * alpha for band in range(3)] + [alpha]
    shrunk = [np.asarray(Image.fromarray(p).resize((inner, inner), Image.Resampling.LANCZOS)) for p in planes]
    result = np.zeros((size, size, 4), np.float32)
    result[MARGIN:-MARGIN, MARGIN:-MARGIN] = np.stack(shrunk, -1)
    result[..., 3] = np.clip(result[..., 3], 0, 1)
    return result[:, ::-1].copy() if mirrored else result


def _icons(package: str, folder: Path) -> dict[str, Any]:
    """Download one icon package with npm and read its icons."""
    packed = subprocess.run(
        ["npm", "pack", package, "--silent"], cwd=folder, check=True, capture_output=True, text=True
    )
    with tarfile.open(folder / packed.stdout.strip().splitlines()[-1]) as archive:
        member = archive.extractfile("package/icons.json")
        assert member is not None
        loaded: dict[str, Any] = json.load(member)
    return loaded


def _raster(icons: dict[str, Any], name: str) -> Image.Image:
    """One icon as RGBA, cropped to its ink, standing at the bottom middle of a CELL×CELL square."""
    resvg = importlib.import_module("resvg_py")  # only fetching needs it

    name = icons["aliases"][name]["parent"] if name not in icons["icons"] else name
    icon = icons["icons"][name]
    left, top = icon.get("left", 0), icon.get("top", 0)
    width, height = icon.get("width", icons["width"]), icon.get("height", icons["height"])
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{left} {top} {width} {height}" width="{width}" height="{height}">{icon["body"]}</svg>'
    )
    drawn = Image.open(io.BytesIO(bytes(resvg.svg_to_bytes(svg_string=svg, width=512, height=512)))).convert("RGBA")
    drawn = drawn.crop(drawn.getchannel("A").getbbox())
    scale = CELL / max(drawn.size)
    fitted = drawn.convert("RGBa").resize(
        (max(1, round(drawn.width * scale)), max(1, round(drawn.height * scale))), Image.Resampling.LANCZOS
    )
    cell = Image.new("RGBA", (CELL, CELL))
    cell.paste(fitted.convert("RGBA"), ((CELL - fitted.width) // 2, CELL - fitted.height))
    return cell


def build_sheet(target: Path = SHEET) -> None:
    """Fetch both packages and write the sheet."""
    sheet = Image.new("RGBA", (CELL * len(SETS), CELL * len(THINGS)))
    with tempfile.TemporaryDirectory() as folder:
        for column, art_set in enumerate(SETS):
            icons = _icons(PACKAGES[art_set], Path(folder))
            icons = {"width": 16, "height": 16, **icons}
            for row, thing in enumerate(THINGS):
                sheet.paste(_raster(icons, ICONS.get(thing, thing)), (column * CELL, row * CELL))
    target.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(target, optimize=True)


if __name__ == "__main__":
    build_sheet()
