"""A picture side that renders nothing, and a model that can be told what to say: the rest stays real."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Mapping
from hashlib import sha256
from pathlib import Path

from handlers.model import Answer, CommandCall, Incoming, Person, Reply, ThreadKey, Turn
from handlers.ports import LanguageModel, ReplyPost
from handlers.presentation import Why
from imaging.engine_choice import AtHand, alone
from imaging.model import Abilities, Done, ImageRequest, JobEvent, Recipe, RenderedPicture, Technique
from prompts.request import LanguageRequest

ABILITIES = Abilities(
    name="none",
    model="none",
    techniques=frozenset(Technique),
    sizes={"square": (64, 64), "wide": (96, 64), "tall": (64, 96)},
    num_inference_steps=1,
    guidance_scale=1.0,
    sampler="euler",
)


class NoPictures:
    """Every job is done at once, with a grey square."""

    abilities = ABILITIES

    def __init__(self) -> None:
        from PIL import Image

        out = io.BytesIO()
        Image.new("RGB", (8, 8), (128, 128, 128)).save(out, "PNG")
        self._data = out.getvalue()
        self._requests: dict[str, ImageRequest] = {}

    def at_hand(self) -> AtHand:
        return alone(self.abilities)

    def estimate(self, recipe: Recipe) -> float:
        return 0.0

    async def submit(self, request: ImageRequest) -> None:
        self._requests[request.id] = request

    async def events(self, id: str) -> AsyncIterator[JobEvent]:
        recipe = self._requests[id].recipe
        yield Done(RenderedPicture(self._data, "image/png", recipe.width, recipe.height, recipe, 0.0))

    async def discard(self, id: str, sentence: str) -> None:
        """Nothing is refused here."""

    async def cancel(self, id: str, by: str) -> bool:
        return False


class Folder:
    """Picture bytes by hash in a folder that is thrown away."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)

    def put(self, data: bytes) -> str:
        name = sha256(data).hexdigest()
        (self._root / name).write_bytes(data)
        return name

    def get(self, sha256: str) -> bytes:
        return (self._root / sha256).read_bytes()

    def delete(self, sha256: str) -> None:
        (self._root / sha256).unlink(missing_ok=True)


class Replay:
    """Says `script` where there is one, else asks the real model; keeps what was said."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self.script: str | None = None
        self.said: list[str] = []

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def instructable(self) -> bool:
        return self._model.instructable

    async def stream(self, request: LanguageRequest) -> AsyncIterator[str]:
        if self.script is not None:
            yield self.script
            return
        pieces: list[str] = []
        try:
            async for chunk in self._model.stream(request):
                pieces.append(chunk)
                yield chunk
        finally:
            self.said.append("".join(pieces))


class _Post:
    def __init__(self, chat: OneChat) -> None:
        self._chat = chat

    @property
    def reference(self) -> str | None:
        return None

    def show(self, reply: Reply) -> None: ...

    async def finish(self, reply: Reply) -> str | None:
        self._chat.reply = reply
        return None


class OneChat:
    """Keeps the newest answer."""

    name = "eval"

    def __init__(self) -> None:
        self.reply: Reply | None = None
        self.told: list[str] = []

    def open_reply(self, turn: str, thread: ThreadKey, to: Incoming | None, reference: str | None) -> ReplyPost:
        return _Post(self)

    def forget(self) -> None:
        self.reply = None

    async def tell(self, thread: ThreadKey, person: Person, sentence: str) -> None:
        self.told.append(sentence)

    async def announce(self, thread: ThreadKey, sentence: str) -> None:
        self.told.append(sentence)

    async def redraw(self, turn: Turn, gone: Mapping[int, Why]) -> None:
        """The newest answer is looked at once."""

    async def answer(self, call: CommandCall, answer: Answer) -> None:
        self.told.append(answer.text)
