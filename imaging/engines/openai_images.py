"""Any OpenAI-compatible images endpoint as an engine: generations, and edits of the parent's pixels.

The endpoint draws; there are no steps to see and no seed to set. Requests run in threads of their own and
`step` reports what has ended, so that the worker's loop is the same as for an engine with a device.
"""

from __future__ import annotations

import dataclasses
import io
import logging
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from PIL import Image

from imaging.decoding.pool import Decoders
from imaging.decoding.scan import MAX_SIDE
from imaging.engine import Advance, Ask, Declaration, Settings
from imaging.engines.images_api import checkup
from imaging.engines.images_api.addresses import fetch
from imaging.engines.images_api.answers import NO_PICTURE, first_item, inline
from imaging.engines.images_api.manner import ADAPTATIONS, Manner
from imaging.engines.images_api.models import ROOM, abilities_of, choose, shut_down
from imaging.engines.images_api.refusals import MODERATED, TOO_LONG, ImagesRefused, meaning_of
from imaging.errors import BadPicture, EngineError
from imaging.findings import Finding
from imaging.model import Abilities, Makes, Recipe, RenderedPicture, Technique
from imaging.outputs import encode_picture, open_kept

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI

log = logging.getLogger(__name__)

TRIES: Final = 3
LONGEST_WAIT_S: Final = 30.0
POLL_S: Final = 0.05
LISTING_S: Final = 15.0
"""How long the list of models is waited for where none is set."""


def openai_images_engine(base_url: str, api_key: str = "", model: str = "") -> OpenAIImagesEngine:
    """The engine for one model at one endpoint; empty: one that it lists. Asks nothing of the network until a picture
    is wanted."""
    return OpenAIImagesEngine(base_url, api_key, model)


class OpenAIImages(Declaration):
    def options(self, settings: Settings) -> dict[str, Any]:
        return {
            "base_url": settings["images_base_url"],
            "api_key": settings["images_api_key"],
            "model": settings["images_model"],
        }

    def missing(self, settings: Settings) -> Sequence[str]:
        if settings["images_base_url"]:
            return ()
        return ("EASEL_IMAGES_BASE_URL is empty, but EASEL_ENGINE=openai needs an endpoint.",)

    async def examine(self, settings: Settings, ask: Ask) -> Sequence[Finding]:
        wanted = self.options(settings)
        return [await checkup.examine(wanted["base_url"], wanted["api_key"], wanted["model"], ask)]

    def build(self, options: Mapping[str, Any], home: Path, device: str | None) -> OpenAIImagesEngine:
        return openai_images_engine(str(options["base_url"]), str(options["api_key"]), str(options["model"]))


ENGINE = OpenAIImages()


@dataclass(slots=True)
class _Job:
    recipe: Recipe
    future: Future[RenderedPicture]
    cancelled: threading.Event
    told: bool = False


class OpenAIImagesEngine:
    """See `imaging.engine.Engine`. `sleep` waits between tries; tests bring their own."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        model: str,
        *,
        timeout_s: float = 180.0,
        room: int = ROOM,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._capacity = room
        self._sleep = sleep
        self._model = model
        self._choosing = threading.Lock()
        self._abilities = abilities_of(model)
        self._manner = Manner(model or choose(()), self._abilities.sizes)
        self._jobs: dict[str, _Job] = {}
        self._dropped: set[Future[RenderedPicture]] = set()
        self._changed = threading.Event()
        self._threads: ThreadPoolExecutor | None = None
        self._decoders = Decoders()
        self._sdk: OpenAI | None = None

    @property
    def abilities(self) -> Abilities:
        return self._abilities

    @property
    def room(self) -> int:
        """A dropped request still holds its connection, so it counts until it has ended."""
        self._dropped = {future for future in self._dropped if not future.done()}
        return max(0, self._capacity - len(self._jobs) - len(self._dropped))

    def load(self) -> None:
        """Make the client; the endpoint is asked with the first picture."""
        from openai import DefaultHttpxClient, OpenAI

        if urlsplit(self._base_url).scheme not in ("http", "https"):
            raise EngineError("EASEL_IMAGES_BASE_URL must be an http or https address.")
        if (date := shut_down(self._model, self._base_url)) is not None:
            log.warning("the model %s was shut down on %s; set another EASEL_IMAGES_MODEL, or none", self._model, date)
        # A redirect would take the words, and in some cases the picture, to a place that nobody has set.
        client = DefaultHttpxClient(follow_redirects=False, timeout=self._timeout_s)
        self._sdk = OpenAI(
            base_url=self._base_url, api_key=self._api_key or "none", max_retries=0, timeout=self._timeout_s,
            http_client=client,
        )  # fmt: skip
        self._threads = ThreadPoolExecutor(self._capacity, thread_name_prefix="images")

    def close(self) -> None:
        """Let everything go; what is under way is not waited for."""
        for job in self._jobs.values():
            job.cancelled.set()
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
        self._decoders.close()
        if self._sdk is not None:
            self._sdk.close()

    def admit(self, id: str, recipe: Recipe, images: Mapping[str, bytes]) -> None:
        if self._threads is None:
            raise EngineError("The images endpoint is not ready; please try again.")
        if not self.room:
            raise EngineError("The images endpoint has no room for another picture now; please try again.")
        parent = self._parent(recipe, images)
        cancelled = threading.Event()
        future = self._threads.submit(self._render, recipe, parent, cancelled)
        future.add_done_callback(lambda _: self._changed.set())
        self._jobs[id] = _Job(recipe, future, cancelled)

    def _parent(self, recipe: Recipe, images: Mapping[str, bytes]) -> bytes | None:
        """The pixels to edit; None for a new draw."""
        if recipe.source_image is None or (recipe.control and recipe.control.technique is Technique.NONE):
            return None
        # A recipe of an earlier version calls the same thing image-to-image.
        if Technique.INSTRUCTION not in self._abilities.techniques:
            raise EngineError(f"{self._abilities.model} cannot edit pictures; choose a model that can.")
        if recipe.source_image not in images:
            raise EngineError("The picture to be changed is no longer there.")
        return images[recipe.source_image]

    def cancel(self, id: str) -> None:
        job = self._jobs.pop(id, None)
        if job is not None:
            job.cancelled.set()
            if not job.future.cancel():
                self._dropped.add(job.future)

    def step(self) -> Sequence[Advance]:
        """What has ended since the last call; waits a moment when nothing has."""
        if not self._jobs:
            return ()
        self._changed.wait(POLL_S)
        self._changed.clear()
        out = []
        for id, job in list(self._jobs.items()):
            if job.future.done():
                del self._jobs[id]
                out.append(self._ended(id, job.future))
            elif not job.told:
                job.told = True
                out.append(Advance(id, 0, 1))
        return out

    def _ended(self, id: str, future: Future[RenderedPicture]) -> Advance:
        error = future.exception()
        if error is None:
            return Advance(id, 1, 1, picture=future.result())
        if isinstance(error, ImagesRefused):
            return Advance(id, 0, 1, error=str(error), retryable=error.retryable, moderated=error.moderated)
        log.error("a hosted picture failed", exc_info=error)
        return Advance(id, 0, 1, error="The images endpoint failed unexpectedly; please try again.")

    # In the threads

    def _render(self, recipe: Recipe, parent: bytes | None, cancelled: threading.Event) -> RenderedPicture:
        started = time.monotonic()
        recipe = dataclasses.replace(recipe, model=self._chosen())
        for attempt in range(1, TRIES + 1):
            if cancelled.is_set():
                raise ImagesRefused("Cancelled.")
            wait = self._try(recipe, parent, last=attempt == TRIES)
            if isinstance(wait, Image.Image):
                image = wait
                break
            self._sleep(min(wait if wait is not None else random.uniform(0.5, 1.5) * 2**attempt, LONGEST_WAIT_S))
        data = encode_picture(image, recipe)
        return RenderedPicture(data, "image/png", image.width, image.height, recipe, time.monotonic() - started)

    def _chosen(self) -> str:
        """The model that is set, or one that the endpoint lists; asked once, again where it did not answer."""
        import openai

        with self._choosing:
            if not self._model:
                assert self._sdk is not None
                try:
                    listed = [row.id for row in self._sdk.with_options(timeout=LISTING_S).models.list().data or ()]
                except (openai.OpenAIError, ValueError, TypeError, AttributeError) as error:
                    log.warning("the images endpoint lists no models (%s); %s is asked for", error, choose(()))
                    return choose(())
                self._model = choose(listed)
                self._manner = Manner(self._model, abilities_of(self._model).sizes)
                log.info("no EASEL_IMAGES_MODEL is set; of what the endpoint lists, %s draws", self._model)
            return self._model

    def _try(self, recipe: Recipe, parent: bytes | None, *, last: bool) -> Image.Image | float | None:
        """A picture, or how long to wait before the next try."""
        import openai

        try:
            return self._opened(self._ask(recipe, parent))
        except openai.APIStatusError as error:
            meaning = meaning_of(error.status_code, error.body or error.response.text, edit=parent is not None)
            # What it says may repeat what it was sent.
            code = error.code or error.type or "no code"
            log.warning("the images endpoint answered %d (%s): %s", error.status_code, code, meaning.host)
            log.debug("it says: %s", str(error)[:300])
            if last or not meaning.again:
                sentence = meaning.sentence.format(model=recipe.model)
                raise ImagesRefused(sentence, retryable=meaning.again, moderated=meaning is MODERATED) from error
            return _retry_after(error)
        except openai.APIConnectionError as error:
            if not _never_arrived(error):
                log.warning("the images endpoint cut the line (%r): %s", error.__cause__, TOO_LONG.host)
                raise ImagesRefused(TOO_LONG.sentence, retryable=False) from error
            if last:
                log.warning("the images endpoint cannot be reached: %r", error.__cause__)
                raise ImagesRefused("The images endpoint cannot be reached; check EASEL_IMAGES_BASE_URL.") from error
            return None
        except (openai.OpenAIError, ValueError) as error:
            log.warning("the images endpoint's answer cannot be read: %r", error)
            raise ImagesRefused(NO_PICTURE) from error

    def _ask(self, recipe: Recipe, parent: bytes | None) -> Any:
        """Ask as the endpoint wants to be asked, as far as that is known; what it corrects is asked again."""
        import openai

        for left in reversed(range(ADAPTATIONS)):
            wanted = self._wanted(recipe, parent)
            try:
                return self._send(wanted)
            except openai.APIStatusError as error:
                learnt = (
                    self._manner.learn(error.status_code, error.body or error.response.text, wanted) if left else None
                )
                if learnt is None:
                    raise
                log.warning("the images endpoint refuses a parameter; from now on %s", learnt)
        raise AssertionError

    def _wanted(self, recipe: Recipe, parent: bytes | None) -> dict[str, Any]:
        wanted: dict[str, Any] = {"model": recipe.model, "prompt": _prompt(recipe)}
        wanted |= self._manner.parameters(recipe.width, recipe.height)
        if parent is not None:
            wanted["image"] = ("parent.png", _as_png(parent, "RGBA" if self._manner.rgba else "RGB"), "image/png")
        return wanted

    def _send(self, wanted: dict[str, Any]) -> Any:
        assert self._sdk is not None
        return self._sdk.images.edit(**wanted) if "image" in wanted else self._sdk.images.generate(**wanted)

    def _opened(self, answer: Any) -> Image.Image:
        item = first_item(answer)
        data = inline(item)
        if data is None and item.url:
            data = fetch(item.url, self._base_url, self._timeout_s)
        if data is not None:
            return self._decoded(data)
        told = (getattr(answer, "model_extra", None) or {}).get("error")
        if told:
            meaning = meaning_of(0, told, edit=False)
            log.warning("the images endpoint answered with an error inside a success: %s", meaning.host)
            sentence = meaning.sentence.format(model=self._model or choose(()))
            raise ImagesRefused(sentence, retryable=False, moderated=meaning is MODERATED)
        raise ImagesRefused("The images endpoint answered without a picture; please try again.")

    def _decoded(self, data: bytes) -> Image.Image:
        try:
            return open_kept(self._decoders.read_now(data, kept_side=MAX_SIDE).data)
        except BadPicture as error:
            log.warning("the images endpoint sent %d bytes that cannot be taken: %s", len(data), error)
            raise ImagesRefused(NO_PICTURE) from error


def _never_arrived(error: Exception) -> bool:
    """Whether a request was lost before the endpoint had it, so that asking again costs nothing."""
    cause = type(error.__cause__).__name__
    return cause in ("ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol")


def _prompt(recipe: Recipe) -> str:
    """These endpoints take no negative prompt: it is said in words."""
    words = recipe.prompt
    if recipe.operation.makes is Makes.ENLARGED:
        words = f"The same picture, unchanged, with more detail: {words}"
    elif recipe.operation.makes is Makes.CHANGED:
        words = f"Change the picture to this, and keep everything else as it is: {words}"
    return f"{words}\nAvoid: {recipe.negative_prompt}" if recipe.negative_prompt else words


def _as_png(data: bytes, mode: str) -> bytes:
    """The parent without its recipe: what people wrote to us does not leave with the pixels."""
    out = io.BytesIO()
    open_kept(data).convert(mode).save(out, "PNG")
    return out.getvalue()


def _retry_after(error: APIStatusError) -> float | None:
    try:
        seconds = float(error.response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return max(0.0, seconds)
