"""The engine for SDXL checkpoints: what it can do is known at once, torch comes with `load`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imaging.engine import Advance, Ask, Declaration, Settings
from imaging.engines import sdxl_settings
from imaging.engines.families import Overrides, draft_steps, recognise, sizes
from imaging.engines.options import EngineOptions
from imaging.errors import EngineError
from imaging.findings import Finding
from imaging.model import Abilities, Recipe, Role
from imaging.origins import public_name
from imaging.techniques import techniques

if TYPE_CHECKING:
    from imaging.engines.runtime import Runtime

BUILT_IN = techniques()
WITH_IP_ADAPTER = techniques("ip-adapter")
MOST_REFERENCES = 4
"""Pictures that one picture follows beside its parent: each takes tokens of every layer, and a person's patience."""


def references(ip_adapter: bool) -> dict[str, Any]:
    """What an engine declares of references, which take an IP-Adapter."""
    return {"references": MOST_REFERENCES, "roles": frozenset(Role)} if ip_adapter else {}


class SdxlEngine:
    """`imaging.engine.Engine` over one set of SDXL weights. See `imaging.engines.runtime` for the work."""

    def __init__(self, abilities: Abilities, options: EngineOptions) -> None:
        self._abilities = abilities
        self._options = options
        self._runtime: Runtime | None = None

    @property
    def abilities(self) -> Abilities:
        return self._abilities

    def load(self) -> None:
        """Bring the weights onto the device; a second call does nothing.

        Raises:
            EngineError: one sentence that says what is wrong with the model or the device.
        """
        if self._runtime is None:
            from imaging.engines.runtime import open_runtime

            self._runtime = open_runtime(self._abilities, self._options)

    def admit(self, id: str, recipe: Recipe, images: Mapping[str, bytes]) -> None:
        """Take a request in; see `imaging.engine.Engine.admit`."""
        self._loaded.admit(id, recipe, images)

    def cancel(self, id: str) -> None:
        """Drop a request; unknown ids are ignored."""
        if self._runtime is not None:
            self._runtime.cancel(id)

    def step(self) -> Sequence[Advance]:
        """Advance those whose turn it is by one denoising step; empty when nothing is in flight."""
        return self._loaded.step()

    def close(self) -> None:
        """Let go of the weights; see `imaging.engine.Engine.close`."""
        runtime, self._runtime = self._runtime, None
        if runtime is not None:
            runtime.close()

    @property
    def room(self) -> int:
        return self._loaded.room

    def modules(self) -> list[Any]:
        """Every torch module that the engine holds, for measuring memory."""
        return self._loaded.modules()

    @property
    def _loaded(self) -> Runtime:
        if self._runtime is None:
            raise EngineError("The engine is not loaded yet; load it first.")
        return self._runtime


def sdxl_engine(
    model: str,
    home: Path,
    device: str | None = None,
    *,
    loras: Sequence[tuple[str, float]] = (),
    ip_adapter: str | None = None,
    precision: str = "auto",
    vae: str | None = None,
    clip_skip: int = 2,
    overrides: Overrides | None = None,
) -> SdxlEngine:
    """An engine for any SDXL checkpoint, with the numbers and words of its family (`imaging.engines.families`).

    Args:
        model: A folder in diffusers' layout, one .safetensors file, a hub id, or that with a file's path.
        home: Folder where measured row caps are kept.
        device: `cpu`, `cuda`, `cuda:1`, `mps`; the best there is if None.
        loras: (file, folder, hub id, or hub id with a file's path; weight), fused into the weights.
        ip_adapter: IP-Adapter weights in the same ways, with their `image_encoder/`; of the published
            repository (`h94/IP-Adapter`) the one for SDXL.
        precision: `auto`, `float32`, `bfloat16` or `float16`.
        vae: In place of the checkpoint's own, in the same ways.
        clip_skip: Which layer of the text encoders is read, from the end.
        overrides: What the host sets; it goes before the family's.
    """
    known = recognise(model, [name for name, _ in loras], overrides)
    abilities = Abilities(
        name="sdxl",
        model=public_name(model),
        techniques=BUILT_IN | (WITH_IP_ADAPTER if ip_adapter is not None else frozenset()),
        sizes=sizes(known.side),
        num_inference_steps=known.steps,
        draft_steps=draft_steps(known.steps),
        guidance_scale=known.guidance,
        sampler=known.sampler,
        prompt_prefix=known.quality if known.first else "",
        prompt_suffix="" if known.first else known.quality,
        negative_prompt=known.negative,
        **references(ip_adapter is not None),
    )
    options = EngineOptions(
        model, home, device=device, loras=tuple(loras), ip_adapter=ip_adapter, precision=precision,
        vae=vae, prediction=known.prediction, clip_skip=clip_skip, rescale=known.rescale, recorded=True,
    )  # fmt: skip
    return SdxlEngine(abilities, options)


class Sdxl(Declaration):
    def options(self, settings: Settings) -> dict[str, Any]:
        return sdxl_settings.options(settings)

    def missing(self, settings: Settings) -> Sequence[str]:
        if settings["sdxl_model"]:
            return ()
        return ("EASEL_SDXL_MODEL is empty, but EASEL_ENGINE=sdxl needs a checkpoint.",)

    def recognised(self, settings: Settings) -> str:
        return sdxl_settings.recognised(settings).sentence()

    async def examine(self, settings: Settings, ask: Ask) -> Sequence[Finding]:
        return list(sdxl_settings.findings(settings))

    def build(self, options: Mapping[str, Any], home: Path, device: str | None) -> SdxlEngine:
        adapter = options.get("ip_adapter")
        return sdxl_engine(
            str(options["model"]),
            home,
            device,
            loras=[(str(name), float(weight)) for name, weight in options.get("loras", ())],
            ip_adapter=str(adapter) if adapter else None,
            precision=str(options.get("precision", "auto")),
            vae=options.get("vae"),
            clip_skip=int(options.get("clip_skip", 2)),
            overrides=Overrides.of(options),
        )


ENGINE = Sdxl()
