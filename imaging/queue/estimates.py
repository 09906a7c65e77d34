"""How long a job will take on its device, from what earlier ones took."""

from __future__ import annotations

from imaging.model import Recipe

FIRST_GUESS_S = 2.0
"""Seconds of a job about which nothing is known yet."""


class Estimates:
    """Measured seconds per step, pixel and row, by engine and model; exponentially forgotten."""

    def __init__(self) -> None:
        self._rate: dict[tuple[str, str], float] = {}

    @staticmethod
    def work(recipe: Recipe) -> float:
        """Step-megapixels of a recipe, never 0."""
        rows = 2.0 if recipe.control is not None and recipe.control.technique.traits.beside else 1.0
        return max(1, recipe.num_inference_steps) * max(1, recipe.width * recipe.height) / 1e6 * rows

    def seconds(self, recipe: Recipe) -> float:
        """Device seconds that the recipe will take."""
        rate = self._rate.get((recipe.engine, recipe.model))
        return FIRST_GUESS_S if rate is None else max(1e-3, rate * self.work(recipe))

    def known(self, recipe: Recipe) -> bool:
        return (recipe.engine, recipe.model) in self._rate

    def learn(self, recipe: Recipe, device_seconds: float) -> None:
        """A job of this recipe took that long."""
        if device_seconds <= 0:
            return
        key, rate = (recipe.engine, recipe.model), device_seconds / self.work(recipe)
        old = self._rate.get(key)
        self._rate[key] = rate if old is None else 0.8 * old + 0.2 * rate
