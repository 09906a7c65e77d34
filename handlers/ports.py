"""What the handlers need from the outside. `bot/` implements these; tests bring fakes of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from handlers.model import (
    Answer,
    CommandCall,
    Hung,
    Incoming,
    Person,
    Picture,
    Press,
    Reply,
    Session,
    ShareLink,
    Tally,
    ThreadKey,
    Turn,
    Upload,
    Vote,
    Whereabouts,
)
from handlers.moderation.cases import Block, Case, Entry, Reason, Reported, Ruling
from handlers.moderation.model import Finding, Subject
from handlers.presentation import Why
from handlers.quota_rules import Amounts, Sharers
from handlers.search import Search
from handlers.voting import Round
from imaging.engine_choice import AtHand
from imaging.model import Abilities, ImageRequest, JobEvent, Recipe
from prompts.request import LanguageRequest


class ReplyPost(Protocol):
    """One growing answer in a chat."""

    @property
    def reference(self) -> str | None:
        """The chat's own name for its message(s), opaque here, stored so that a restart finds it again."""

    def show(self, reply: Reply) -> None:
        """Take the newest snapshot; returns at once. The chat shows it at the platform's pace and may
        skip snapshots that a newer one has overtaken. Never raises."""

    async def finish(self, reply: Reply) -> str | None:
        """Bring the final snapshot to the platform and return the reference; when this returns,
        people have it. Called again after a crash it must not post anything twice.

        Raises:
            ChatUnavailable: the platform refused for good (thread deleted, bot removed)."""


class ChatUnavailable(Exception):
    """A chat platform refuses for good; the turn is closed without a post."""


class Chat(Protocol):
    """A platform where people talk."""

    @property
    def name(self) -> str: ...

    def open_reply(self, turn: str, thread: ThreadKey, to: Incoming | None, reference: str | None) -> ReplyPost:
        """Begin (or, with a `reference` or the same `turn` marker, take up again) an answer."""

    async def tell(self, thread: ThreadKey, person: Person, sentence: str) -> None:
        """One sentence to that person only, where the platform can; else in the thread."""

    async def announce(self, thread: ThreadKey, sentence: str) -> None:
        """One sentence to everybody in a thread or channel.

        Raises:
            ChatUnavailable: it cannot be said there any more."""

    async def redraw(self, turn: Turn, gone: Mapping[int, Why]) -> None:
        """Show a posted answer again: without the pictures of these numbers, and with all the others.

        Raises:
            ChatUnavailable: the platform refuses for good."""

    async def answer(self, call: CommandCall, answer: Answer) -> None:
        """What a command that came as a message answers, with its files; a private one to that person only.

        Raises:
            ChatUnavailable: it cannot be said there any more."""


class LanguageModel(Protocol):
    """Any language model, by prompting alone."""

    @property
    def name(self) -> str: ...

    @property
    def instructable(self) -> bool:
        """Whether it does what any instruction in words says; else only what it was tuned for."""

    def stream(self, request: LanguageRequest) -> AsyncIterator[str]:
        """The reply in chunks, as they come.

        Raises:
            handlers.errors.LanguageModelError: with the sentence for the user; chunks that came
                before it stay valid."""


class ModeratorUnavailable(Exception):
    """A moderator cannot say: it is down, slow, or answers nonsense. The text is for the host's log."""


class Moderator(Protocol):
    """Looks at words and pictures. Any number of them together; the strictest wins."""

    @property
    def name(self) -> str:
        """One word, for logs and metrics."""

    async def look(self, subject: Subject) -> Sequence[Finding]:
        """What it finds in the subject; nothing in a kind of subject that it does not judge.

        Raises:
            ModeratorUnavailable: it cannot say now."""


class Claim(StrEnum):
    """What `Store.claim` found."""

    NEW = "new"
    AGAIN = "again"
    """Delivered before, but its work never finished and nobody works on it now: take it up."""
    RUNNING = "running"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Accepted:
    """What `Store.accept` did. `turn` is the open assistant turn; None when there is nothing to do."""

    claim: Claim
    turn: Turn | None = None
    asked: Turn | None = None
    """The person's own turn, with its uploads as ready picture parts."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What the deletion of one person's data removed."""

    turns: int
    pictures: int
    threads: tuple[str, ...] = ()
    """Where these were, as `str(ThreadKey)`."""


class Store(Protocol):
    """Everything that must survive a restart. Each method is one transaction.

    Raises (every method): handlers.errors.StoreError, with the sentence for people, when the disk is
    full or the database cannot be written or read.
    """

    async def accept(self, incoming: Incoming, *, asked: str, turn: str, uploads: Sequence[Upload]) -> Accepted:
        """Claim the event and store the message, its uploads as numbered pictures, and the open
        assistant turn `turn` that will answer it: all of it or nothing, once. A delivery that is not
        finished gives back the turns as they are stored."""

    async def begin(self, turn: Turn, event: str) -> Accepted:
        """Claim the event of a button and store the open assistant turn that answers it."""

    async def finish_turn(self, turn: Turn) -> None:
        """Store the turn in its final state and finish the event that it answers."""

    async def choose(self, scope: str, settings: Mapping[str, str | None]) -> None:
        """Set (or, with None, unset) settings of a thread, a channel or all (`scope` is the key's text)."""

    async def chosen(self, scope: str) -> Mapping[str, str]:
        """What is set for exactly that scope."""

    async def spent(self, sharers: Sharers, key: str, since: datetime) -> Amounts:
        """What was spent by somebody since a moment; `key` is `handlers.quota_rules.share_key`'s. `accept` counts a
        message and the bytes of its uploads, `add_picture` a picture; failed and cancelled jobs do not count, deleted
        pictures do."""

    async def spendings(self, sharers: Sharers, key: str, since: datetime) -> Sequence[tuple[datetime, Amounts]]:
        """The same one by one, oldest first."""

    async def spend(self, thread: ThreadKey, person: Person, amounts: Amounts, at: datetime) -> None:
        """Count what is stored nowhere else."""

    async def gallery(self, thread: ThreadKey, *, limit: int = 1000) -> Sequence[Picture]:
        """The thread's pictures that are there, by number."""

    async def search(
        self, search: Search, here: ThreadKey, asker: Person, threads: Collection[ThreadKey] | None, *, limit: int
    ) -> Sequence[Hung]:
        """Pictures of the server or workspace of a thread that are there, the newest first.

        Left out are those of people who are blocked, and, unless it is about one thread, what people brought.

        Args:
            here: Where somebody asks.
            threads: Whose pictures they may see and want to (`Search.title` is not looked at); None: those of all
                threads there.
        """

    async def made_by(self, chat: str, tenant: str, person: Person, *, limit: int = 20) -> Sequence[Picture]:
        """What one person has had made in a workspace and is there, the newest first, uploads left out."""

    async def forget(self, chat: str, tenant: str, person: Person) -> Forgotten:
        """Delete one person's words and pictures, rows and files; threads shared with others stay readable."""

    async def add_share_link(
        self, thread: ThreadKey, person: Person, hash: str, now: datetime, until: datetime
    ) -> ShareLink:
        """Store a link by its hash."""

    async def share_links(self, thread: ThreadKey) -> Sequence[ShareLink]:
        """The oldest first; some may be over."""

    async def end_share_link(self, thread: ThreadKey, id: int) -> bool:
        """False where there is none of that number."""

    async def shared_by(self, hash: str, at: datetime) -> ShareLink | None:
        """The link of a hash, where it is good at that moment."""

    async def delete_thread(self, thread: ThreadKey) -> Forgotten:
        """Delete a thread with all that anybody said and made in it, rows and files. What comes into it later, also
        what is under way now, is refused with `handlers.errors.ThreadGone`."""

    async def deleted(self, thread: ThreadKey) -> bool:
        """Whether a thread was deleted."""

    async def prune(self, before: datetime) -> Forgotten:
        """Delete turns and pictures made before that moment (retention)."""

    async def take_in_hand(self, work: str) -> int:
        """Note that this program has begun something; returns how many programs have died at it."""

    async def put_down(self, work: str) -> None:
        """It is done."""

    async def claim(self, event: str) -> Claim: ...
    async def finish(self, event: str) -> None: ...
    async def session(self, thread: ThreadKey) -> Session: ...
    async def save_assistant_turn(self, turn: Turn) -> None:
        """Store an open turn as it stands. The jobs of a written turn are those stored before."""

    async def turn(self, turn: str) -> Turn | None: ...
    async def open_turns(self) -> Sequence[Turn]:
        """Assistant turns that a crash left open, oldest first."""

    async def turns(self, thread: ThreadKey, *, limit: int | None = None) -> Sequence[Turn]: ...
    async def reserve_numbers(self, thread: ThreadKey, count: int) -> int:
        """The first of `count` fresh picture numbers; never handed out again."""

    async def add_picture(self, picture: Picture, data: bytes) -> Picture:
        """Bytes first, then the row; adding the same (thread, number) again is a no-op that returns
        what is stored. Makes the picture the newest of its thread."""

    async def picture(self, thread: ThreadKey, number: int) -> Picture | None: ...
    async def picture_bytes(self, sha256: str) -> bytes:
        """The file as it is stored. What people are given comes from `Marking.copy`.

        Raises:
            handlers.errors.PictureGone: there is no such file."""

    async def picture_of(self, sha256: str) -> Picture | None:
        """A picture that is there with this file; of several one. None when nothing needs the file any more."""

    async def select(self, thread: ThreadKey, number: int) -> None: ...
    async def delete_picture(self, thread: ThreadKey, number: int) -> None: ...
    async def hidden(self, thread: ThreadKey) -> frozenset[int]:
        """The numbers of the thread's hidden pictures."""

    async def report(
        self, picture: Picture, reporter: Person, reason: Reason, *, enough: int, agreed: bool
    ) -> Reported | None:
        """Count a report; one person's counts once a picture. So many as are `enough` (0: any number is not), or one
        that is `agreed` by a moderator, hide it. None where the picture is gone."""

    async def reports_by(self, chat: str, person: Person, since: datetime) -> int:
        """How many pictures a person has reported in a chat since a moment."""

    async def case(self, tenant: str, id: int) -> Case | None:
        """A case of a server or workspace (`ThreadKey.tenant_scope`)."""

    async def cases(self, tenant: str, *, limit: int = 20) -> Sequence[Case]:
        """Those that wait for a moderator, then those that are hidden; the newest first."""

    async def rule(self, case: Case, ruling: Ruling, by: Person) -> bool:
        """Decide on a case; its picture is hidden, shown or deleted. False where the picture is gone."""

    async def block(self, thread: ThreadKey, person: Person, by: Person) -> bool:
        """Draw and answer nothing for a person in the thread's server or workspace; False where it is so already."""

    async def lift(self, thread: ThreadKey, person: Person) -> bool:
        """Take a block back; False where there is none."""

    async def blocked(self, thread: ThreadKey, person: Person) -> bool: ...
    async def tell_blocked(self, thread: ThreadKey, person: Person, at: datetime, every: timedelta) -> bool:
        """Whether a person who is blocked is to be told so now; it counts as told."""

    async def blocks(self, tenant: str) -> Sequence[Block]:
        """Of a server or workspace, the newest first."""

    async def moderation_log(self, tenant: str, *, limit: int = 20) -> Sequence[Entry]:
        """What was reported and decided in a server or workspace, the newest first."""

    async def vote(self, vote: Vote) -> bool:
        """Count a vote, or take it back; each person counts once for and once against a picture.
        False when nothing changed: it was so before, or the picture is not there."""

    async def votes(self, thread: ThreadKey) -> Mapping[int, Tally]:
        """By number, for the pictures that are there and have votes."""

    async def round(self, turn: str) -> Round | None:
        """The round of a brainstorm that an answer shows, with all its votes."""

    async def round_with(self, thread: ThreadKey, idea: int) -> Round | None:
        """The round, or the end of a brainstorm, with the idea of this number."""

    async def newest_round(self, thread: ThreadKey) -> Round | None: ...
    async def rounds(self, brainstorm: str) -> Sequence[Round]:
        """All of a brainstorm, the first one first."""

    async def running_rounds(self, chat: str) -> Sequence[Round]:
        """Those of a chat from which a brainstorm goes on."""

    async def begin_round(self, round: Round, at: datetime) -> Round | None:
        """Store the first round of a brainstorm, once; returns the one in the same thread that is in its way."""

    async def follow_round(self, turn: Turn, event: str, round: Round, at: datetime) -> Accepted:
        """Like `begin`; the turn shows a round that follows the one of the answer `round.before`, which is over then.
        Without a turn where that one's vote is not closed (any more)."""

    async def step_round(
        self, turn: str, event: str | None, step: Callable[[Round], tuple[Round, str]]
    ) -> tuple[Round, str | None] | None:
        """Take a step of `handlers.voting` and store what it leads to, also in the answer with the round. An
        `event` is done once: delivered again it takes no step, and the sentence is None. None where there is no such
        round."""

    async def board(self, thread: ThreadKey) -> Sequence[int]:
        """The numbers of the thread's pictures that are there, in the order in which people put them; those that have
        come since are at the end."""

    async def move(self, thread: ThreadKey, number: int, before: int | None) -> bool:
        """Put a picture before another one in that order, or at the end. False where one of them is not there."""

    async def rename(self, thread: ThreadKey, title: str) -> None:
        """Give a thread another title; nothing where there is none."""

    async def title(self, thread: ThreadKey) -> str:
        """Of a thread; empty where it has none."""

    async def threads(self, chat: str, tenant: str, *, limit: int = 100) -> Sequence[ThreadSummary]: ...


class Marking(Protocol):
    """The only way of a picture out of the program: what was made with AI says so. `handlers.marking.Unmarked` is its
    twin without marks."""

    @property
    def problem(self) -> str | None:
        """Why copies are not marked as the host wants, for the host; None when they are."""

    @property
    def root(self) -> str:
        """PEM of the root that our own signer hangs from; empty where nothing is signed."""

    @property
    def serial(self) -> str:
        """Of our signer's certificate, decimal digits; empty where no other hangs from the root."""

    async def copy(self, sha256: str, max_bytes: int | None = None, *, posted: bool = False) -> bytes:
        """The copy of a stored picture for people, of at most so many bytes: PNG, or WebP or JPEG where that is too
        large. With `posted`, a small one is enlarged (`imaging.outputs.posted_size`), for chats that show a file no
        larger than it is. A picture that a person brought is given as it is stored.

        Raises:
            handlers.errors.PictureGone: it is not there.
            handlers.errors.StoreError: it cannot be read, after some tries.
            imaging.errors.BadPicture: it cannot be made so small."""

    async def small(self, sha256: str) -> bytes:
        """The same for a list of pictures: a file of at most `imaging.outputs.THUMBNAIL_BYTES`."""

    async def for_document(self, sha256: str, side: int) -> bytes:
        """The copy of a stored picture that lies in a document: a JPEG with a longest side of at most so many pixels.

        Raises:
            handlers.errors.PictureGone: it is not there.
            handlers.errors.StoreError: it cannot be read, after some tries.
            imaging.errors.BadPicture: it is no picture."""

    async def sheet(self, data: bytes, pictures: Sequence[Picture]) -> bytes:
        """A picture that was put together of others (a comparison, a board), as people are given it."""

    async def fit(self, data: bytes, max_bytes: int) -> bytes:
        """What `copy` or `sheet` gave, made smaller.

        Raises:
            imaging.errors.BadPicture: it cannot be made so small."""

    def preview(self, data: bytes) -> bytes:
        """An unfinished picture as people are shown it; returns at once."""


class ThreadSummary(Protocol):
    """A row of a threads list."""

    @property
    def key(self) -> ThreadKey: ...
    @property
    def title(self) -> str: ...
    @property
    def turns(self) -> int: ...
    @property
    def pictures(self) -> int: ...
    @property
    def updated(self) -> datetime: ...


class Pictures(Protocol):
    """The picture side as the handlers see it: `imaging.queue.JobQueue` implements it."""

    @property
    def abilities(self) -> Abilities:
        """Of the engine that new pictures are rendered with."""

    def at_hand(self) -> AtHand:
        """The engines, what they are for, and how they are now."""

    def estimate(self, recipe: Recipe) -> float:
        """Device seconds that the recipe will take, as far as is known."""

    async def submit(self, request: ImageRequest) -> None:
        """Accept durably; the same id again is the same job.

        Raises:
            imaging.errors.QueueFull, imaging.errors.NoSuchEngine: with the sentence for the user."""

    def events(self, id: str) -> AsyncIterator[JobEvent]:
        """What happens to the job from now on, ending with Done, Failed or Cancelled; a job that has
        already ended yields just its outcome. Any number of listeners, also after a restart."""

    async def cancel(self, id: str, by: str) -> bool:
        """False when the job has already ended or never was."""

    async def discard(self, id: str, sentence: str) -> None:
        """What a job made may not be kept: its bytes are deleted, and from now on it is one that failed.

        Raises:
            imaging.errors.RecordRefused: it cannot be written down now; the bytes are deleted later."""


class Handlers(Protocol):
    """What a chat calls. The chat owns the tasks in which it does so; `handlers.desk.Desk` implements it."""

    async def receive(self, incoming: Incoming) -> None:
        """The whole life of one message, from claim to posted answer. Returns when it is answered
        (or was a duplicate). Everything that goes wrong is told to people here; never raises but on
        cancellation."""

    async def press(self, press: Press) -> Answer:
        """A button. Work that takes time (an edit, a variation) is started and shows as a new reply
        in the thread; the answer comes at once. Refusals are answers, not exceptions."""

    async def command(self, call: CommandCall) -> Answer:
        """A command of the table, likewise."""

    async def rename(self, thread: ThreadKey, person: Person, title: str) -> Answer:
        """Another title for a thread in the program's own lists, checked like what is drawn; likewise."""

    async def delete_thread(self, thread: ThreadKey, person: Person) -> Answer:
        """Delete a thread of the program's own lists for everybody, for good; likewise. `Store.deleted` tells whether
        it was."""

    async def vote(self, vote: Vote) -> None:
        """A reaction that counts. Nothing is answered; never raises but on cancellation."""

    async def refusal(self, where: Whereabouts, person: Person) -> str | None:
        """Why this person may not use the program there, as the sentence for them; None when they may.
        Chats ask before they open a thread or a form."""

    async def resume(self, chat: Chat) -> None:
        """Take up what a crash left unfinished in this chat; called once when the chat is connected."""
