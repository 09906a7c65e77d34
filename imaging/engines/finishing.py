"""The end of a job: decode, measure the change, decide on one more try, and write the file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from imaging.consistency import adjust
from imaging.difference import change
from imaging.engines.latents import Latents
from imaging.engines.rows import Job
from imaging.model import Makes, Recipe, RenderedPicture
from imaging.outputs import encode_picture


class Finisher:
    """Turns finished latents into stored pictures."""

    def __init__(self, latents: Latents) -> None:
        self._latents = latents

    def finish(self, job: Job) -> tuple[Callable[[float], RenderedPicture], Recipe | None]:
        """The picture, as a function of the seconds that finishing took, and the recipe for one more
        try where the edit changed nothing, or everything."""
        row = job.target
        image = self._latents.decode(row.latents)
        metrics = {"retries": float(job.retries)}
        again = None
        parent = job.parent
        if parent is None and row.source is not None:
            parent = self._latents.decode(row.source.latents)
        if parent is not None:
            metrics["change"] = change(parent, image)
            # How much the look of another picture shall change, nobody knows.
            if job.recipe.operation.makes is Makes.CHANGED and not job.recipe.references:
                control = adjust(job.recipe.control, metrics["change"])
                again = None if control is None else dataclasses.replace(job.recipe, control=control)
        data = encode_picture(image, job.recipe)

        def picture(seconds: float) -> RenderedPicture:
            return RenderedPicture(
                data=data,
                media_type="image/png",
                width=image.width,
                height=image.height,
                recipe=job.recipe,
                device_seconds=job.device_seconds + seconds,
                metrics=metrics,
            )

        return picture, again
