"""A ComfyUI server as an engine: the host's own workflows with marked inputs, progress and previews from its socket.

The server draws; an event loop in a thread of its own asks it, and `step` reports what has happened, so that the
worker's loop is the same as for an engine with a device. Nothing is asked before a picture is wanted.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import hashlib
import io
import logging
import queue
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final

from PIL import Image

from imaging.decoding.pool import Closed, Decoders
from imaging.decoding.scan import MAX_SIDE
from imaging.engine import Advance, Ask, Declaration, Settings
from imaging.engines.comfy import checkup
from imaging.engines.comfy.graph import MAX_BYTES
from imaging.engines.comfy.marks import Mark
from imaging.engines.comfy.refusals import NO_PICTURE, ComfyRefused
from imaging.engines.comfy.run import Order, Patience, Run
from imaging.engines.comfy.server import Server, header_of
from imaging.engines.comfy.socket import Socket
from imaging.engines.comfy.terms import abilities_of, stamped, values
from imaging.engines.comfy.workflow import Purpose, Workflow, read_workflow
from imaging.errors import BadPicture, EngineError
from imaging.findings import Finding
from imaging.model import Abilities, Makes, Recipe, RenderedPicture, Technique
from imaging.outputs import encode_picture, open_kept, preview_bytes
from imaging.tasks import Tasks

log = logging.getLogger(__name__)

ROOM: Final = 2
"""Prompts at the server at once: it draws one after another, and the next is there when one ends."""
TIMEOUT_S: Final = 60.0
"""Of one question; drawing is not waited for in a question."""
PREVIEW_S: Final = 0.5
POLL_S: Final = 0.05
CLOSE_S: Final = 3.0
SETTINGS: Final = {Purpose.NEW: "comfyui_workflow", Purpose.EDIT: "comfyui_edit", Purpose.REFINE: "comfyui_refine"}


class ComfyUI(Declaration):
    def options(self, settings: Settings) -> dict[str, Any]:
        """The files' text goes along, so that chats and worker speak of the same workflows.

        Raises:
            EngineError: a file cannot be read.
        """
        files = {purpose.value: settings[name] for purpose, name in SETTINGS.items() if settings[name]}
        return {
            "url": settings["comfyui_url"],
            "auth": settings["comfyui_auth"],
            "workflows": {purpose: _read(path) for purpose, path in files.items()},
        }

    def missing(self, settings: Settings) -> Sequence[str]:
        found = []
        for name, what in (("comfyui_url", "a server"), ("comfyui_workflow", "a workflow file")):
            if not settings[name]:
                found.append(f"EASEL_{name.upper()} is empty, but EASEL_ENGINE=comfyui needs {what}.")
        if settings["comfyui_refine"] and not settings["comfyui_edit"]:
            found.append("EASEL_COMFYUI_REFINE needs EASEL_COMFYUI_EDIT too: without it, pictures are drawn anew.")
        try:
            header_of(settings["comfyui_auth"])
        except ValueError as error:
            found.append(str(error))
        return found

    def recognised(self, settings: Settings) -> str | None:
        workflows = _workflows(self.options(settings)["workflows"])
        return "; ".join(f"{each.file} ({each.purpose.value}: {_taken(each)})" for each in workflows.values())

    async def examine(self, settings: Settings, ask: Ask) -> Sequence[Finding]:
        files = {purpose: settings[name] for purpose, name in SETTINGS.items() if settings[name]}
        return await checkup.examine(settings["comfyui_url"], settings["comfyui_auth"], files, _one, ask)

    def build(self, options: Mapping[str, Any], home: Path, device: str | None) -> ComfyEngine:
        return ComfyEngine(str(options["url"]), str(options["auth"]), _workflows(options["workflows"]))


ENGINE = ComfyUI()


def _read(path: str) -> dict[str, str]:
    """
    Raises:
        EngineError: there is no such file, or it is none that could be a workflow.
    """
    file = Path(path)
    try:
        file = file.expanduser()
        if file.stat().st_size > MAX_BYTES:
            raise EngineError(f"The workflow {file.name} is too large to be one.")
        return {"file": file.name, "text": file.read_text(encoding="utf-8")}
    except UnicodeDecodeError:
        raise EngineError(
            f"The workflow {file.name} is not JSON; export it anew in ComfyUI with Export (API)."
        ) from None
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or "there is no such user"
        raise EngineError(f"The workflow {path} cannot be read ({why}).") from None


def _one(path: str, purpose: Purpose) -> Workflow:
    read = _read(path)
    return read_workflow(read["text"], read["file"], purpose)


def _workflows(options: Mapping[str, Any]) -> dict[Purpose, Workflow]:
    """
    Raises:
        EngineError: all that is wrong with them, or the one for new pictures is missing.
    """
    found: dict[Purpose, Workflow] = {}
    problems = []
    for name, read in options.items():
        try:
            found[Purpose(name)] = read_workflow(str(read["text"]), str(read["file"]), Purpose(name))
        except EngineError as error:
            problems.append(str(error))
    if Purpose.NEW not in options:
        problems.append("EASEL_COMFYUI_WORKFLOW is empty, but EASEL_ENGINE=comfyui needs a workflow file.")
    if problems:
        raise EngineError(" ".join(problems))
    return found


def _taken(workflow: Workflow) -> str:
    return ", ".join(f"{mark.value} in node {slots[0][0]}" for mark, slots in workflow.slots.items())


class ComfyEngine:
    """See `imaging.engine.Engine`."""

    def __init__(
        self, url: str, auth: str, workflows: Mapping[Purpose, Workflow], *, patience: Patience | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:  # fmt: skip
        self._workflows = workflows
        self._abilities = abilities_of(workflows)
        self._patience = patience or Patience()
        self._server = Server(url, auth, f"easel-{uuid.uuid4().hex}", timeout_s=timeout_s)
        self._loop = asyncio.new_event_loop()
        self._thread: threading.Thread | None = None
        self._socket: Socket | None = None
        self._decoders = Decoders()
        self._jobs: dict[str, Future[RenderedPicture]] = {}
        self._dropped: set[Future[RenderedPicture]] = set()
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._early: set[str] = set()
        """Cancelled before their task has begun."""
        self._ours: set[str] = set()
        self._said: queue.SimpleQueue[Advance | None] = queue.SimpleQueue()

    @property
    def abilities(self) -> Abilities:
        return self._abilities

    @property
    def room(self) -> int:
        """A cancelled picture counts until the server has let go of it."""
        self._dropped = {future for future in self._dropped if not future.done()}
        return max(0, ROOM - len(self._jobs) - len(self._dropped))

    def load(self) -> None:
        """Start the thread that asks; the server is asked with the first picture, and may start later."""
        self._thread = threading.Thread(target=self._loop.run_forever, name="comfyui", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._opened(), self._loop).result()
        atexit.register(self.close)

    async def _opened(self) -> None:
        await self._server.open()
        self._socket = Socket(self._server)

    def close(self) -> None:
        """Take back what is under way, so that nothing is drawn for nobody, and let everything go."""
        atexit.unregister(self.close)
        thread, self._thread = self._thread, None
        if thread is not None:
            with contextlib.suppress(TimeoutError):
                asyncio.run_coroutine_threadsafe(self._closed(), self._loop).result(CLOSE_S)
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(CLOSE_S)
        if not self._loop.is_running():
            self._loop.close()
        self._decoders.close()

    async def _closed(self) -> None:
        drawing = list(self._tasks.values())
        for task in drawing:
            task.cancel()
        await asyncio.gather(*drawing, return_exceptions=True)
        assert self._socket is not None
        await self._socket.close()
        await self._server.close()

    def admit(self, id: str, recipe: Recipe, images: Mapping[str, bytes]) -> None:
        if self._thread is None:
            raise EngineError("The ComfyUI server is not ready; please try again.")
        if not self.room:
            raise EngineError("The ComfyUI server has no room for another picture now; please try again.")
        order = self._order(recipe, images)
        future = asyncio.run_coroutine_threadsafe(self._drawn(id, recipe, order), self._loop)
        self._jobs[id] = future
        future.add_done_callback(lambda _: self._said.put(None))

    def _order(self, recipe: Recipe, images: Mapping[str, bytes]) -> Order:
        """
        Raises:
            EngineError: there is no workflow for it, or its picture is gone.
        """
        workflow = self._workflow(recipe)
        pictures = {}
        if workflow.purpose is not Purpose.NEW:
            if recipe.source_image is None or recipe.source_image not in images:
                raise EngineError("The picture to be changed is no longer there.")
            parent = open_kept(images[recipe.source_image])
            pictures[Mark.IMAGE] = _upload(parent)
            if workflow.takes(Mark.MASK):
                # Nobody has drawn one: all of the picture may change, by its channels and by its transparency.
                pictures[Mark.MASK] = _upload(Image.new("RGBA", parent.size, (255, 255, 255, 0)), keep_alpha=True)
        return Order(workflow, values(recipe), pictures, (recipe.prompt, recipe.negative_prompt, recipe.description))

    def _workflow(self, recipe: Recipe) -> Workflow:
        technique = recipe.control.technique if recipe.control else None
        if recipe.source_image is None or technique is Technique.NONE:
            return self._workflows[Purpose.NEW]
        wanted = Purpose.REFINE if recipe.operation.makes is Makes.ENLARGED else Purpose.EDIT
        found = self._workflows.get(wanted) or self._workflows.get(Purpose.EDIT)
        if found is None:
            raise EngineError(
                "No ComfyUI workflow here looks at pictures; whoever runs me can set EASEL_COMFYUI_EDIT to one."
            )
        return found

    def cancel(self, id: str) -> None:
        future = self._jobs.pop(id, None)
        if future is not None:
            self._dropped.add(future)
            self._loop.call_soon_threadsafe(self._stop, id, future)

    def step(self) -> Sequence[Advance]:
        """What has happened since the last call; waits a moment when nothing has."""
        if not self._jobs:
            return ()
        # Looked at first: all that was said of a picture before it ended is in the queue then.
        ended = [(id, future) for id, future in self._jobs.items() if future.done()]
        said: list[Advance] = []
        with contextlib.suppress(queue.Empty):
            said += self._known(self._said.get(timeout=0 if ended else POLL_S))
            while True:
                said += self._known(self._said.get_nowait())
        for id, future in ended:
            del self._jobs[id]
            said.append(self._ended(id, future))
        return said

    def _known(self, advance: Advance | None) -> tuple[Advance, ...]:
        return (advance,) if advance is not None and advance.id in self._jobs else ()

    def _ended(self, id: str, future: Future[RenderedPicture]) -> Advance:
        error = future.exception() if not future.cancelled() else ComfyRefused("Cancelled.")
        if error is None:
            return Advance(id, 1, 1, picture=future.result())
        if isinstance(error, ComfyRefused):
            return Advance(id, 0, 1, error=str(error), retryable=error.retryable)
        log.error("a picture of the ComfyUI server failed", exc_info=error)
        return Advance(id, 0, 1, error="The ComfyUI server failed unexpectedly; please try again.")

    # On the loop

    def _stop(self, id: str, future: Future[RenderedPicture]) -> None:
        if future.done():
            return
        if (task := self._tasks.get(id)) is not None:
            task.cancel()
        else:
            self._early.add(id)

    async def _drawn(self, id: str, recipe: Recipe, order: Order) -> RenderedPicture:
        task = asyncio.current_task()
        assert task is not None
        if id in self._early:
            self._early.discard(id)
            raise asyncio.CancelledError
        self._tasks[id] = task
        try:
            return await self._drawing(id, recipe, order)
        finally:
            del self._tasks[id]

    async def _drawing(self, id: str, recipe: Recipe, order: Order) -> RenderedPicture:
        assert self._socket is not None
        showing = Tasks()
        shown = 0.0

        def tell(step: int, total: int, preview: bytes | None) -> None:
            nonlocal shown
            if preview is None:
                self._said.put(Advance(id, step, total))
            elif not len(showing) and time.monotonic() - shown >= PREVIEW_S:
                shown = time.monotonic()
                showing.spawn(self._shown(id, step, total, preview), f"preview of {id}")

        run = Run(order, self._server, self._socket, self._ours, tell, self._patience)
        try:
            data = await run.picture()
        finally:
            await showing.close()
        return await asyncio.to_thread(self._finished, recipe, order.workflow, data, run.seconds)

    async def _shown(self, id: str, step: int, total: int, preview: bytes) -> None:
        """A preview is opened where files from outside are; one that cannot be is left out."""
        try:
            clean = await asyncio.to_thread(self._decoders.read_now, preview)
            small = await asyncio.to_thread(lambda: preview_bytes(open_kept(clean.data)))
        except (BadPicture, Closed):
            return
        self._said.put(Advance(id, step, total, preview=small))

    def _finished(self, recipe: Recipe, workflow: Workflow, data: bytes, seconds: float) -> RenderedPicture:
        try:
            image = open_kept(self._decoders.read_now(data, kept_side=MAX_SIDE).data)
        except BadPicture as error:
            log.warning("ComfyUI sent %d bytes that cannot be taken: %s", len(data), error)
            raise ComfyRefused(NO_PICTURE) from error
        recipe = stamped(recipe, workflow, self._abilities.model, image.size)
        return RenderedPicture(
            encode_picture(image, recipe), "image/png", image.width, image.height, recipe, max(0.0, seconds)
        )


def _upload(image: Image.Image, *, keep_alpha: bool = False) -> tuple[str, bytes]:
    """A PNG of the pixels alone, without the recipe, under a name that says nothing."""
    out = io.BytesIO()
    image.convert("RGBA" if keep_alpha else "RGB").save(out, "PNG")
    data = out.getvalue()
    return f"{hashlib.sha256(data).hexdigest()[:32]}.png", data
