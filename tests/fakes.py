"""Fakes of our own ports, for tests of everything above them."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from PIL import Image

from handlers.errors import LanguageModelError
from handlers.model import Answer, CommandCall, Incoming, Person, PicturePart, Reply, TextPart, ThreadKey, Turn
from handlers.ports import ChatUnavailable, ReplyPost
from handlers.presentation import Why
from imaging.engine_choice import AtHand, alone
from imaging.model import (
    Abilities,
    Cancelled,
    Done,
    Failed,
    FailureKind,
    ImageRequest,
    JobEvent,
    Outcome,
    Queued,
    Recipe,
    RenderedPicture,
    Started,
    Step,
    Technique,
)
from prompts.request import LanguageRequest

ABILITIES = Abilities(
    name="fake",
    model="fake-1",
    techniques=frozenset(Technique),
    sizes={"square": (64, 64), "wide": (96, 64), "tall": (64, 96)},
    num_inference_steps=4,
    guidance_scale=4.0,
    sampler="euler",
)


@dataclass
class FakePost:
    """What one answer looked like over time; `posted` is what people have."""

    chat: FakeChat
    turn: str
    thread: ThreadKey
    to: Incoming | None
    reference: str | None = None
    snapshots: list[Reply] = field(default_factory=list)

    def show(self, reply: Reply) -> None:
        assert not reply.final
        self.snapshots.append(reply)
        self.chat.changed()

    async def finish(self, reply: Reply) -> str | None:
        assert reply.final
        if self.chat.gone:
            raise ChatUnavailable("The thread was deleted.")
        self.snapshots.append(reply)
        self.chat.posts[self.turn] = reply
        self.chat.finishes.append(self.turn)
        self.reference = f"post-{self.turn}"
        self.chat.changed()
        return self.reference


class FakeChat:
    """Records answers by their marker, as a platform that enforces it would."""

    def __init__(self, name: str = "web") -> None:
        self.name = name
        self.posts: dict[str, Reply] = {}
        self.finishes: list[str] = []
        self.opened: list[FakePost] = []
        self.told: list[tuple[str, str]] = []
        self.answers: list[tuple[CommandCall, Answer]] = []
        self.announced: list[tuple[ThreadKey, str]] = []
        self.redrawn: list[tuple[str, dict[int, Why]]] = []
        self.gone = False
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    def open_reply(self, turn: str, thread: ThreadKey, to: Incoming | None, reference: str | None) -> ReplyPost:
        post = FakePost(self, turn, thread, to, reference)
        self.opened.append(post)
        return post

    async def tell(self, thread: ThreadKey, person: Person, sentence: str) -> None:
        self.told.append((person.id, sentence))
        self.changed()

    async def announce(self, thread: ThreadKey, sentence: str) -> None:
        if self.gone:
            raise ChatUnavailable("The thread was deleted.")
        self.announced.append((thread, sentence))

    async def redraw(self, turn: Turn, gone: Mapping[int, Why]) -> None:
        self.redrawn.append((turn.id, dict(gone)))

    async def answer(self, call: CommandCall, answer: Answer) -> None:
        self.answers.append((call, answer))
        self.changed()

    @property
    def replies(self) -> list[Reply]:
        return list(self.posts.values())

    @property
    def last(self) -> Reply:
        return self.replies[-1]

    def changed(self) -> None:
        for condition, future in list(self._waiting):
            if not future.done() and condition():
                future.set_result(None)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something that was shown makes the condition true."""
        if condition():
            return
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((condition, future))
        await asyncio.wait_for(future, 10)

    def shows(self, text: str) -> Callable[[], bool]:
        """A condition: the newest snapshot of the newest answer has this text."""
        return lambda: bool(self.opened and self.opened[-1].snapshots) and text in words(self.opened[-1].snapshots[-1])


def words(reply: Reply) -> str:
    """All text of a reply, notices and failures too, in order."""
    return " ".join(
        part.text if isinstance(part, TextPart) else getattr(part, "sentence", None) or "" for part in reply.parts
    )


def pictures(reply: Reply) -> list[PicturePart]:
    return [part for part in reply.parts if isinstance(part, PicturePart)]


Script = str | Sequence[str | BaseException | asyncio.Event]


class ScriptedModel:
    """Says what it is told to: a string (in small chunks), or chunks, exceptions and events to wait for."""

    name = "scripted"
    instructable = True

    def __init__(
        self, *scripts: Script, chunk: int = 7, answer: Callable[[LanguageRequest], str] | None = None
    ) -> None:
        self.scripts = list(scripts)
        self.requests: list[LanguageRequest] = []
        self.closed = 0
        self._chunk = chunk
        self._answer = answer

    async def stream(self, request: LanguageRequest) -> AsyncIterator[str]:
        self.requests.append(request)
        script = self._next(request)
        pieces: Iterable[str | BaseException | asyncio.Event] = script
        if isinstance(script, str):
            pieces = [script[at : at + self._chunk] for at in range(0, len(script), self._chunk)]
        try:
            for piece in pieces:
                if isinstance(piece, BaseException):
                    raise piece
                if isinstance(piece, asyncio.Event):
                    await piece.wait()
                else:
                    yield piece
        finally:
            self.closed += 1

    def _next(self, request: LanguageRequest) -> Script:
        if self._answer is not None:
            return self._answer(request)
        if not self.scripts:
            raise LanguageModelError("The script is at its end.")
        return self.scripts.pop(0)


def png(seed: int, width: int = 16, height: int = 16) -> bytes:
    """A small picture that is another one for each seed."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), (seed % 256, seed // 256 % 256, seed // 65536 % 256)).save(out, "PNG")
    return out.getvalue()


def rendered(recipe: Recipe) -> RenderedPicture:
    data = png(int.from_bytes(sha256(repr(recipe).encode()).digest()[:3], "big"))
    return RenderedPicture(data, "image/png", recipe.width, recipe.height, recipe, device_seconds=0.5)


class FakePictures:
    """Keeps its ledger over desks, like the real queue over restarts. Jobs end at once unless `held`."""

    def __init__(self, abilities: Abilities = ABILITIES) -> None:
        self.abilities = abilities
        self.requests: dict[str, ImageRequest] = {}
        self.submissions: list[str] = []
        self.outcomes: dict[str, Outcome] = {}
        self.cancelled: list[tuple[str, str]] = []
        self.discarded: list[str] = []
        self.held = False
        self.fail_words: dict[str, str] = {}
        """A word of a description → the sentence with which its job fails."""
        self.fail_kind = FailureKind.ENGINE
        self.refuse: Exception | None = None
        self.hand: AtHand | None = None
        """Where there are several engines."""
        self._changed = asyncio.Condition()

    def at_hand(self) -> AtHand:
        return self.hand or alone(self.abilities)

    def estimate(self, recipe: Recipe) -> float:
        return 0.5

    async def submit(self, request: ImageRequest) -> None:
        if self.refuse is not None:
            raise self.refuse
        self.submissions.append(request.id)
        self.requests.setdefault(request.id, request)
        if not self.held:
            await self.complete(request.id)
        else:
            await self._notify()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def complete(self, id: str, outcome: Outcome | None = None) -> None:
        """End a held job."""
        recipe = self.requests[id].recipe
        failure = next((text for word, text in self.fail_words.items() if word in recipe.description), None)
        natural: Outcome = Failed(failure, kind=self.fail_kind) if failure else Done(rendered(recipe))
        self.outcomes.setdefault(id, outcome or natural)
        await self._notify()

    async def complete_all(self) -> None:
        for id in list(self.requests):
            await self.complete(id)

    async def submitted(self, count: int) -> None:
        """Wait until so many jobs have been submitted."""
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(lambda: len(self.requests) >= count), 10)

    async def events(self, id: str) -> AsyncIterator[JobEvent]:
        if id not in self.outcomes:
            yield Queued(0, 1.0)
            yield Started("fake-worker")
            yield Step(1, 4, b"preview")
            async with self._changed:
                await self._changed.wait_for(lambda: id in self.outcomes)
        yield self.outcomes[id]

    async def cancel(self, id: str, by: str) -> bool:
        if id not in self.requests or id in self.outcomes:
            return False
        self.cancelled.append((id, by))
        self.outcomes[id] = Cancelled(by)
        await self._notify()
        return True

    async def discard(self, id: str, sentence: str) -> None:
        self.discarded.append(id)
        self.outcomes[id] = Failed(sentence, retryable=False)


class FolderFiles:
    """Picture bytes in a folder, by hash; `full` makes it refuse like a full disk."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.full: OSError | None = None

    def put(self, data: bytes) -> str:
        if self.full is not None:
            raise self.full
        self.root.mkdir(parents=True, exist_ok=True)
        name = sha256(data).hexdigest()
        (self.root / name).write_bytes(data)
        return name

    def path(self, sha256: str) -> Path:
        return self.root / sha256

    def get(self, sha256: str) -> bytes:
        return self.path(sha256).read_bytes()

    def delete(self, sha256: str) -> None:
        (self.root / sha256).unlink(missing_ok=True)

    def names(self) -> set[str]:
        return {path.name for path in self.root.glob("*")} if self.root.exists() else set()


ANNA = Person("u1", "Anna")
BEN = Person("u2", "Ben")
MODERATOR = Person("u3", "Mo", moderator=True)
THREAD = ThreadKey("web", "-", "home", "t1")


def message(text: str, event: str = "", person: Person = ANNA, thread: ThreadKey = THREAD) -> Incoming:
    return Incoming(event or f"e-{text}", thread, person, text)


def with_techniques(*techniques: Technique) -> Abilities:
    """The fake engine with only these techniques."""
    return replace(ABILITIES, techniques=frozenset(techniques))
