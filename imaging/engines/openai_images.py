"""Any OpenAI-compatible images endpoint as an engine: generations, and edits of the parent's pixels.

The endpoint draws; there are no steps to see and no seed to set. Requests run in threads of their own and
`step` reports what has ended, so that the worker's loop is the same as for an engine with a device.
"""

from __future__ import annotations

import base64
import binascii
import io
import ipaddress
import logging
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from PIL import Image

from imaging.decoding.pool import Decoders
from imaging.decoding.scan import MAX_SIDE
from imaging.engine import Advance
from imaging.errors import BadPicture, EngineError
from imaging.model import Abilities, Operation, Recipe, RenderedPicture, Technique
from imaging.outputs import encode_picture, open_kept

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI

log = logging.getLogger(__name__)

MAX_BYTES: Final = 32 << 20
"""Of one picture from the endpoint."""
ROOM: Final = 4
"""Requests under way at once."""
TRIES: Final = 3
LONGEST_WAIT_S: Final = 30.0
POLL_S: Final = 0.05
_GPT_SIZES = {"square": (1024, 1024), "wide": (1536, 1024), "tall": (1024, 1536)}
_DALLE3_SIZES = {"square": (1024, 1024), "wide": (1792, 1024), "tall": (1024, 1792)}
_SQUARE_ONLY = {"square": (1024, 1024), "wide": (1024, 1024), "tall": (1024, 1024)}
_MODERATED = ("moderation", "content_policy", "safety", "content policy")


def openai_images_engine(base_url: str, api_key: str = "", model: str = "gpt-image-1") -> OpenAIImagesEngine:
    """The engine for one model at one endpoint. Asks nothing of the network until `load`."""
    return OpenAIImagesEngine(base_url, api_key, model)


def abilities_of(model: str) -> Abilities:
    """What a hosted model can do, from its name."""
    name = model.casefold()
    sizes = _DALLE3_SIZES if "dall-e-3" in name else _SQUARE_ONLY if "dall-e-2" in name else _GPT_SIZES
    edits = "dall-e-3" not in name
    return Abilities(
        name="openai",
        model=model,
        # Looking at the parent's pixels is what these endpoints call an edit.
        techniques=frozenset({Technique.NONE, Technique.IMAGE_TO_IMAGE} if edits else {Technique.NONE}),
        sizes=sizes,
        num_inference_steps=1,
        guidance_scale=0.0,
        sampler="hosted",
        edits_uploads=edits,
        refine_scale=1.0,
        parallel=ROOM,
        seeds=False,
    )


class _Refused(Exception):
    """`str()` is the sentence for people."""

    def __init__(self, sentence: str, *, retryable: bool = True) -> None:
        super().__init__(sentence)
        self.retryable = retryable


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
        self._abilities = abilities_of(model)
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
        from openai import OpenAI

        if urlsplit(self._base_url).scheme not in ("http", "https"):
            raise EngineError("EASEL_IMAGES_BASE_URL must be an http or https address.")
        self._sdk = OpenAI(
            base_url=self._base_url, api_key=self._api_key or "none", max_retries=0, timeout=self._timeout_s
        )
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
        if Technique.IMAGE_TO_IMAGE not in self._abilities.techniques:
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
        if isinstance(error, _Refused):
            return Advance(id, 0, 1, error=str(error), retryable=error.retryable)
        log.error("a hosted picture failed", exc_info=error)
        return Advance(id, 0, 1, error="The images endpoint failed unexpectedly; please try again.")

    # In the threads

    def _render(self, recipe: Recipe, parent: bytes | None, cancelled: threading.Event) -> RenderedPicture:
        started = time.monotonic()
        for attempt in range(1, TRIES + 1):
            if cancelled.is_set():
                raise _Refused("Cancelled.")
            wait = self._try(recipe, parent, last=attempt == TRIES)
            if isinstance(wait, Image.Image):
                image = wait
                break
            self._sleep(min(wait if wait is not None else random.uniform(0.5, 1.5) * 2**attempt, LONGEST_WAIT_S))
        data = encode_picture(image, recipe)
        return RenderedPicture(data, "image/png", image.width, image.height, recipe, time.monotonic() - started)

    def _try(self, recipe: Recipe, parent: bytes | None, *, last: bool) -> Image.Image | float | None:
        """A picture, or how long to wait before the next try."""
        import openai

        try:
            return self._opened(self._ask(recipe, parent))
        except openai.APIStatusError as error:
            sentence, retry = _refusal(error, self._abilities.model)
            if last or not retry:
                raise _Refused(sentence, retryable=retry) from error
            return _retry_after(error)
        except openai.APITimeoutError as error:  # it may have been drawn and charged: not asked again
            raise _Refused("The images endpoint took too long; please try again.") from error
        except (openai.OpenAIError, ValueError) as error:
            if last:
                raise _Refused("The images endpoint cannot be reached; check EASEL_IMAGES_BASE_URL.") from error
            return None

    def _ask(self, recipe: Recipe, parent: bytes | None) -> Any:
        assert self._sdk is not None
        wanted: dict[str, Any] = {
            "model": self._abilities.model,
            "prompt": _prompt(recipe),
            "n": 1,
            "size": self._size(recipe),
        }
        if "gpt-image" not in self._abilities.model.casefold():
            wanted["response_format"] = "b64_json"
        if parent is None:
            return self._sdk.images.generate(**wanted)
        return self._sdk.images.edit(image=("parent.png", _as_png(parent), "image/png"), **wanted)

    def _size(self, recipe: Recipe) -> Any:
        """The size of the model's own that is nearest in shape."""
        shape = recipe.width / recipe.height
        width, height = min(self._abilities.sizes.values(), key=lambda size: abs(size[0] / size[1] - shape))
        return f"{width}x{height}"

    def _opened(self, answer: Any) -> Image.Image:
        item = answer.data[0] if getattr(answer, "data", None) else None
        if item is not None and item.b64_json:
            if len(item.b64_json) > MAX_BYTES * 4 // 3 + 4:
                raise _Refused("The images endpoint sent a picture that is too large.")
            try:
                return self._decoded(base64.b64decode(item.b64_json, validate=True))
            except binascii.Error as error:
                raise _Refused("The images endpoint sent something that is not a picture.") from error
        if item is not None and item.url:
            return self._decoded(self._download(item.url))
        raise _Refused("The images endpoint answered without a picture; please try again.")

    def _decoded(self, data: bytes) -> Image.Image:
        try:
            return open_kept(self._decoders.read_now(data, kept_side=MAX_SIDE).data)
        except BadPicture as error:
            log.warning("the images endpoint sent %d bytes that cannot be taken: %s", len(data), error)
            raise _Refused("The images endpoint sent something that is not a picture.") from error

    def _download(self, url: str) -> bytes:
        """Fetch a picture without the key and without following redirects, from where that is safe."""
        from urllib.error import URLError
        from urllib.request import HTTPRedirectHandler, Request, build_opener

        class Stay(HTTPRedirectHandler):
            def redirect_request(self, *details: Any) -> None:
                return None

        if not _may_fetch(url, self._base_url):
            raise _Refused("The images endpoint named a picture at an address that is not fetched.", retryable=False)
        try:
            with build_opener(Stay).open(Request(url), timeout=self._timeout_s) as response:  # noqa: S310 - checked above
                data: bytes = response.read(MAX_BYTES + 1)
        except (URLError, OSError) as error:
            raise _Refused("The picture could not be fetched from the images endpoint; please try again.") from error
        if len(data) > MAX_BYTES:
            raise _Refused("The images endpoint sent a picture that is too large.")
        return data


def _may_fetch(url: str, base_url: str) -> bool:
    """The configured server itself, or https to a public name or address."""
    there, own = urlsplit(url), urlsplit(base_url)
    if (there.scheme, there.netloc) == (own.scheme, own.netloc):
        return there.scheme in ("http", "https")
    if there.scheme != "https" or not there.hostname or there.hostname.endswith((".local", "localhost", ".internal")):
        return False
    try:
        return ipaddress.ip_address(there.hostname).is_global
    except ValueError:
        return "." in there.hostname


def _prompt(recipe: Recipe) -> str:
    """These endpoints take no negative prompt: it is said in words."""
    words = recipe.prompt
    if recipe.operation is Operation.REFINE:
        words = f"The same picture, unchanged, with more detail: {words}"
    elif recipe.operation is Operation.EDIT:
        words = f"Change the picture to this, and keep everything else as it is: {words}"
    return f"{words}\nAvoid: {recipe.negative_prompt}" if recipe.negative_prompt else words


def _as_png(data: bytes) -> bytes:
    """The parent without its recipe: what people wrote to us does not leave with the pixels."""
    out = io.BytesIO()
    open_kept(data).save(out, "PNG")
    return out.getvalue()


def _refusal(error: APIStatusError, model: str) -> tuple[str, bool]:
    """The sentence for people, and whether asking again can help."""
    # What it says may repeat what it was sent.
    log.warning("the images endpoint answered %d (%s)", error.status_code, error.code or error.type)
    log.debug("it says: %s", str(error)[:300])
    if error.status_code in (400, 403) and any(word in str(error).casefold() for word in _MODERATED):
        return "The images endpoint's moderation refused this description; please say it differently.", False
    match error.status_code:
        case 401 | 403:
            return "The images endpoint refuses the key; check EASEL_IMAGES_API_KEY.", False
        case 404:
            return f'The images endpoint has no model "{model}"; check EASEL_IMAGES_MODEL.', False
        case 408 | 429:
            return "The images endpoint is busy or its quota is used up; please try again in a minute.", True
        case status if status >= 500:
            return f"The images endpoint has a problem (status {status}); please try again later.", True
        case _:
            return "The images endpoint did not take the request; try other words or another size.", False


def _retry_after(error: APIStatusError) -> float | None:
    try:
        seconds = float(error.response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return max(0.0, seconds)
