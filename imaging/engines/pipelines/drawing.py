"""One picture: the pipeline is called, and says after each step how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from threading import Event
from typing import Any, Final

import numpy as np
import torch
from PIL import Image

from imaging.engines.pipelines.opening import Opened
from imaging.engines.pipelines.order import Order
from imaging.engines.pipelines.previews import Previews
from imaging.engines.pipelines.traits import Traits
from imaging.errors import EngineError
from imaging.model import RenderedPicture
from imaging.origins import Origin
from imaging.outputs import encode_picture, preview_bytes

PREVIEW_EVERY_S: Final = 0.5
SHARE: Final = 4
"""Previews take a part in so many of the time at most: a VAE on a CPU is slow."""
NO_NUMBERS: Final = (
    "The picture came out as no numbers: the model's files are damaged, or too coarse a precision was chosen "
    "(EASEL_PRECISION)."
)
Tell = Callable[[int, int, bytes | None], None]


class Dropped(Exception):
    """Nobody waits for the picture any more."""


class Refused(Exception):
    """The pipeline's own checker found something, and blackened the picture."""


class Drawing:
    """Of one order; `stop` ends it at the next step."""

    def __init__(self, order: Order, traits: Traits, tell: Tell, stop: Event) -> None:
        self._order = order
        self._traits = traits
        self._tell = tell
        self._stop = stop
        self._preview_at = 0.0

    def picture(self, opened: Opened, origin: Origin | None) -> RenderedPicture:
        """
        Raises:
            Dropped: it was stopped.
            Refused: the pipeline shows it to nobody.
            EngineError: it came out as no picture.
            Exception: whatever a pipeline raises.
        """
        began = time.monotonic()
        if self._stop.is_set():
            raise Dropped
        pipe = opened.place(self._order.paints)
        previews = None
        if opened.offload == "none" and hasattr(pipe, "vae"):  # else each preview would move weights to and fro
            previews = Previews(pipe, self._traits.packing, self._order.size)
        draw = torch.Generator("cpu").manual_seed(self._order.recipe.seed % 2**63)
        more: dict[str, Any] = {"callback_on_step_end": self._after(previews)} if self._traits.stops else {}
        try:
            made = pipe(**self._order.arguments, generator=draw, output_type="pt", **more)
        finally:
            if opened.offload != "none":
                pipe.maybe_free_model_hooks()  # a call that breaks off leaves its parts on the device
        if self._stop.is_set():
            raise Dropped
        if any(getattr(made, "nsfw_content_detected", None) or ()):
            raise Refused
        image = self._delivered(_image(made.images[0]))
        recipe = replace(self._order.recipe, width=image.width, height=image.height)
        recipe = recipe if origin is None else origin.stamp(recipe)
        seconds = time.monotonic() - began
        return RenderedPicture(encode_picture(image, recipe), "image/png", image.width, image.height, recipe, seconds)

    def _after(self, previews: Previews | None) -> Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]]:
        def after(pipe: Any, step: int, timestep: Any, given: dict[str, Any]) -> dict[str, Any]:
            if self._stop.is_set():
                raise Dropped
            total = max(int(getattr(pipe, "num_timesteps", 0) or 0), step + 1)
            preview = None
            if previews is not None and "latents" in given:
                preview = self._preview(previews, given["latents"], step + 1 == total)
            self._tell(step + 1, total, preview)
            return given

        return after

    def _preview(self, previews: Previews, latents: torch.Tensor, last: bool) -> bytes | None:
        seen, now = previews.seen(latents), time.monotonic()
        if last or now < self._preview_at:
            return None
        pixels = previews.picture(seen)
        took = time.monotonic() - now
        self._preview_at = now + max(PREVIEW_EVERY_S, SHARE * took)
        return None if pixels is None or not bool(pixels.isfinite().all()) else preview_bytes(_image(pixels))

    def _delivered(self, image: Image.Image) -> Image.Image:
        if self._order.canvas is not None:
            size = self._order.size
            return self._order.canvas.placed(
                image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)
            )
        recipe = self._order.recipe
        wanted = (recipe.width, recipe.height)
        if image.size == wanted:
            return image
        if image.size == self._order.size:  # a few more pixels than wanted, because sides are multiples
            left, top = (image.width - wanted[0]) // 2, (image.height - wanted[1]) // 2
            return image.crop((left, top, left + wanted[0], top + wanted[1]))
        return image.resize(wanted, Image.Resampling.LANCZOS)


def _image(found: Any) -> Image.Image:
    """RGB of a tensor [3, h, w] of 0–1.

    Raises:
        EngineError: it holds infinite numbers or none.
    """
    if isinstance(found, Image.Image):
        return found.convert("RGB")
    pixels = found.detach().float().cpu().numpy()
    if not np.isfinite(pixels).all():
        raise EngineError(NO_NUMBERS)
    return Image.fromarray(np.rint(pixels.transpose(1, 2, 0).clip(0, 1) * 255).astype(np.uint8), "RGB")
