"""The engine port: what renders pictures. One file in `imaging/engines/` implements it, and declares itself.

An engine lives in the worker process, on the one thread that owns the device. It is driven step by
step: requests join between steps, leave when they are done or cancelled, and every step advances all
of them together (an engine that cannot batch advances one). Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from imaging.findings import Finding
from imaging.model import Abilities, Recipe, RenderedPicture


@dataclass(frozen=True, slots=True)
class Advance:
    """What one `step` call did for one request. Exactly one of `picture`/`error` is set when it has ended."""

    id: str
    step: int
    total: int
    preview: bytes | None = None
    picture: RenderedPicture | None = None
    error: str | None = None
    retryable: bool = True
    moderated: bool = False
    """The error is a refusal of the engine's own moderation."""


class Engine(Protocol):
    """Renders recipes. Not thread-safe: only the worker's device thread calls it, after `load`."""

    @property
    def abilities(self) -> Abilities: ...

    def load(self) -> None:
        """Bring weights onto the device.

        Raises:
            imaging.errors.EngineError: one sentence that says what is wrong and the way out.
        """

    def admit(self, id: str, recipe: Recipe, images: Mapping[str, bytes]) -> None:
        """Take a request in; it takes part from the next `step` on.

        `images` maps SHA-256 (hex) to the bytes of every picture that the recipe names, and its sources
        (`Recipe.images`).

        Raises:
            imaging.errors.EngineError: the recipe cannot run here (unknown sampler, size, …).
        """

    def cancel(self, id: str) -> None:
        """Drop a request; its row is free at the next step. Unknown ids are ignored."""

    def step(self) -> Sequence[Advance]:
        """Advance what is in flight by one denoising step; empty when nothing is in flight."""

    @property
    def room(self) -> int:
        """How many more requests can be admitted now."""

    def close(self) -> None:
        """Let go of everything, also of what is under way; nothing is asked of it afterwards. Also after a `load`
        that failed."""


Settings: TypeAlias = Mapping[str, Any]
"""What the host has set, by the names of the settings in small letters, secrets in plain."""
Build: TypeAlias = Callable[[Mapping[str, Any], Path, str | None], Engine]
Ask: TypeAlias = Callable[..., Awaitable[tuple[int, Any, dict[str, str]]]]
"""One question over HTTP, which follows no redirect: (method, address, headers, `timeout_s` in seconds) → status, JSON
(an empty object if it is none), headers; raises `OSError` where nothing answers."""


class Declaration(Protocol):
    """What an engine's file says of it, without torch. What is not overridden says nothing."""

    def options(self, settings: Settings) -> dict[str, Any]:
        """Its own options, as JSON data, from what the host has set."""
        return {}

    def missing(self, settings: Settings) -> Sequence[str]:
        """A sentence for each setting that it cannot do without and that is empty."""
        return ()

    def recognised(self, settings: Settings) -> str | None:
        """What the model is taken for and the numbers that follow, where a host may want to know.

        Raises:
            imaging.errors.EngineError: a setting names what is not there.
        """
        return None

    async def examine(self, settings: Settings, ask: Ask) -> Sequence[Finding]:
        """What `easel doctor` finds out about it before it draws; `ask` puts questions to those who draw elsewhere."""
        return ()

    def build(self, options: Mapping[str, Any], home: Path, device: str | None) -> Engine:
        """The engine, not loaded yet; see `imaging.engine_table.build_engine`."""
        raise NotImplementedError
