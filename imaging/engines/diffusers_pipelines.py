"""Any pipeline of diffusers as an engine: one picture at a time, called in a thread of its own.

A pipeline runs its whole loop in one call. It is called on the engine's thread; `step` reports what its callback has
said, so that the worker's loop is the same as for an engine that is driven step by step. torch comes with `load`.
"""

from __future__ import annotations

import contextlib
import logging
import queue
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Final

from imaging.engine import Advance, Ask, Declaration, Settings
from imaging.engines.pipelines import checkup
from imaging.engines.pipelines.folder import Folder, open_folder
from imaging.engines.pipelines.order import Order, order_of
from imaging.errors import EngineError
from imaging.findings import Finding
from imaging.model import Abilities, Recipe, RenderedPicture, Role, Technique

if TYPE_CHECKING:
    from typing import TypeAlias

    from imaging.engines.failures import Failure
    from imaging.engines.pipelines.opening import Opened
    from imaging.origins import Origin

    Ended: TypeAlias = RenderedPicture | Failure | None
    """How a call has ended; None: its pipeline refuses to show it."""

log = logging.getLogger(__name__)

POLL_S: Final = 0.05
SAMPLER: Final = "diffusers"
"""In recipes: the schedule is the pipeline's own."""
REFUSED: Final = "The picture model's own safety check refuses this picture; ask for something else."
FAILED: Final = "The picture engine failed on this picture; please try again."


class DiffusersPipelines(Declaration):
    def options(self, settings: Settings) -> dict[str, Any]:
        return {
            "model": settings["diffusers_model"],
            "steps": settings["diffusers_steps"],
            "guidance": settings["diffusers_guidance"],
            "side": settings["diffusers_size"],
            "offload": settings["diffusers_offload"],
            "precision": settings["precision"],
        }

    def missing(self, settings: Settings) -> Sequence[str]:
        model = settings["diffusers_model"]
        if not model:
            return ("EASEL_DIFFUSERS_MODEL is empty, but the engine diffusers needs a folder or a hub id.",)
        return checkup.unfit(settings)

    def recognised(self, settings: Settings) -> str:
        return checkup.sentence(open_folder(settings["diffusers_model"], weights=False).traits)

    async def examine(self, settings: Settings, ask: Ask) -> Sequence[Finding]:
        return list(checkup.findings(settings))

    def build(self, options: Mapping[str, Any], home: Path, device: str | None) -> DiffusersEngine:
        return DiffusersEngine(str(options["model"]), home, device, options)


ENGINE = DiffusersPipelines()


def abilities_of(folder: Folder, options: Mapping[str, Any]) -> Abilities:
    """What follows from the class and from what the host has set; no weights are needed."""
    traits = folder.traits
    found = {Technique.NONE}
    if traits.starts_late:
        found.add(Technique.IMAGE_TO_IMAGE)
    elif traits.images:
        found.add(Technique.INSTRUCTION)
    else:
        found.add(Technique.SAME_SEED)
    if traits.inpaint:
        found.add(Technique.INPAINTING)
    guidance = float(options.get("guidance", -1))
    others = 0 if traits.starts_late else max(0, traits.images - 1)
    return Abilities(
        name="diffusers",
        model=folder.name,
        techniques=frozenset(found),
        sizes=traits.sizes(int(options.get("side", 0))),
        num_inference_steps=int(options.get("steps", 0)) or traits.steps,
        guidance_scale=traits.guidance if guidance < 0 else guidance,
        sampler=SAMPLER,
        refine_scale=1.5 if traits.enlarges else 1.0,
        references=others,
        roles=frozenset(Role) if others else frozenset(),
        edits_only=traits.edits_only,
    )


@dataclass(frozen=True, slots=True)
class _Job:
    future: Future[Ended]
    stop: Event


class DiffusersEngine:
    """See `imaging.engine.Engine`."""

    def __init__(self, model: str, home: Path, device: str | None, options: Mapping[str, Any]) -> None:
        """
        Raises:
            EngineError: there is no such model, or it is none that can be drawn with.
        """
        self._model = model
        self._home = home
        self._device = device
        self._options = options
        self._folder = open_folder(model, weights=False)
        self._abilities = abilities_of(self._folder, options)
        self._opened: Opened | None = None
        self._origin: Origin | None = None
        # All that torch does is done on this thread, so that a picture's bytes do not depend on who asks.
        self._thread = ThreadPoolExecutor(1, "pipeline")
        self._jobs: dict[str, _Job] = {}
        self._dropped: set[Future[Ended]] = set()
        self._said: queue.SimpleQueue[Advance | None] = queue.SimpleQueue()

    @property
    def abilities(self) -> Abilities:
        return self._abilities

    @property
    def room(self) -> int:
        """One; a cancelled picture counts until its step has ended."""
        self._dropped = {future for future in self._dropped if not future.done()}
        return max(0, 1 - len(self._jobs) - len(self._dropped))

    def load(self) -> None:
        """Fetch what is not here, and bring the weights onto the device; a second call does nothing."""
        if self._opened is None:
            self._thread.submit(self._load).result()

    def _load(self) -> None:
        from imaging.engines.loading import choose_device
        from imaging.engines.pipelines.opening import open_pipeline
        from imaging.engines.precision import choose_dtype
        from imaging.origins import origin

        folder = open_folder(self._model, weights=True)
        device = choose_device(self._device)
        dtype = choose_dtype(device, str(self._options.get("precision", "auto")))
        self._opened = open_pipeline(folder, device, dtype, str(self._options.get("offload", "auto")))
        self._origin = origin({self._model: folder.path}, (), self._home, {"pipeline": folder.traits.name})

    def admit(self, id: str, recipe: Recipe, images: Mapping[str, bytes]) -> None:
        if self._opened is None:
            raise EngineError("The engine is not loaded yet; load it first.")
        if id in self._jobs:
            raise EngineError("This request is being rendered already.")
        if not self._abilities.draws(recipe.width, recipe.height):
            raise EngineError(f"{recipe.width} × {recipe.height} pixels are more than this engine draws.")
        order = order_of(recipe, images, self._folder.traits)
        stop = Event()
        job = _Job(self._thread.submit(self._draw, id, order, self._opened, stop), stop)
        self._jobs[id] = job
        job.future.add_done_callback(lambda _: self._said.put(None))

    def cancel(self, id: str) -> None:
        job = self._jobs.pop(id, None)
        if job is not None:
            job.stop.set()
            if not job.future.cancel():
                self._dropped.add(job.future)

    def step(self) -> Sequence[Advance]:
        """What has happened since the last call; waits a moment when nothing has."""
        if not self._jobs:
            return ()
        # Looked at first: all that was said of a picture before it ended is in the queue then.
        ended = [(id, job) for id, job in self._jobs.items() if job.future.done()]
        said: list[Advance] = []
        with contextlib.suppress(queue.Empty):
            said += self._known(self._said.get(timeout=0 if ended else POLL_S))
            while True:
                said += self._known(self._said.get_nowait())
        for id, job in ended:
            del self._jobs[id]
            said.append(self._ended(id, job.future.result()))
        return said

    def close(self) -> None:
        for id in list(self._jobs):
            self.cancel(id)
        self._thread.shutdown(cancel_futures=True)
        self._opened = None

    def _known(self, advance: Advance | None) -> tuple[Advance, ...]:
        return (advance,) if advance is not None and advance.id in self._jobs else ()

    def _ended(self, id: str, result: Ended) -> Advance:
        """
        Raises:
            DeviceLost: this process can no longer use the device.
        """
        if isinstance(result, RenderedPicture):
            return Advance(id, 1, 1, picture=result)
        from imaging.engines.failures import Kind, lost

        if result is None:
            return Advance(id, 0, 1, error=REFUSED, retryable=False, moderated=True)
        if result.kind is Kind.DEVICE:
            raise lost(result)
        log.error("job %s failed\n%s", id, result.text)
        if result.kind is Kind.MEMORY:
            return Advance(id, 0, 1, error="There is not enough memory for this picture; ask for a smaller one.")
        return Advance(id, 0, 1, error=result.sentence or FAILED)

    # On the engine's thread

    def _draw(self, id: str, order: Order, opened: Opened, stop: Event) -> Ended:
        from imaging.engines.failures import Failure, Kind, release
        from imaging.engines.pipelines.drawing import Drawing, Dropped, Refused

        def tell(step: int, total: int, preview: bytes | None) -> None:
            self._said.put(Advance(id, step, total, preview=preview))

        try:
            return Drawing(order, self._folder.traits, tell, stop).picture(opened, self._origin)
        except (Dropped, Refused):  # nobody asks how a dropped one ended
            return None
        except Exception as error:  # noqa: BLE001 - looked at when it is reported, without its frames
            failure = Failure.of(error)
        if failure.kind is Kind.MEMORY:
            release(opened.device)
        return failure
