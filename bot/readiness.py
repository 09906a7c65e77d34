"""Whether people can be served now: what `/readyz` and doctor tell."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Readiness:
    """Sentences. `problems` keep people from being served; `warnings` do not yet. `passing` are those of the problems
    that end by themselves, as the loading of a model does. `engines` says of each what it is for and how it is."""

    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    passing: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        return not self.problems
