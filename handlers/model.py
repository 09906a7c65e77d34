"""The words of the conversation, as frozen values. See docs/architecture for how they travel."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from ipaddress import ip_address, ip_network
from typing import TypeAlias

from handlers.round import RoundPart
from imaging.model import ImageRequest, Operation, Owner, Recipe

NOWHERE = "-"
"""Stands in a `ThreadKey` where there is no server or workspace, or no thread yet."""


@dataclass(frozen=True, slots=True)
class ThreadKey:
    """Names a thread on any platform. `str()` of it is stable and unique: the database's key."""

    chat: str
    """`web`, `terminal`, `discord`, `slack`."""
    tenant: str
    """Workspace, server, or `NOWHERE`."""
    channel: str
    thread: str

    def __str__(self) -> str:
        return "/".join((self.chat, self.tenant, self.channel, self.thread))

    @property
    def channel_scope(self) -> str:
        """Names the thread's channel: the scope of settings that hold for all its threads."""
        return "/".join((self.chat, self.tenant, self.channel))

    @property
    def has_tenant(self) -> bool:
        """Whether it is in a server or workspace, with channels and roles; else it is nobody's but who talks there."""
        return self.tenant != NOWHERE

    @property
    def tenant_scope(self) -> str:
        """Names the whole server or workspace: the scope of settings that hold everywhere in it."""
        return "/".join((self.chat, self.tenant))


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who writes. `id` is unique within the chat; `name` is what others call them."""

    id: str
    name: str
    admin: bool = False
    moderator: bool = False
    roles: tuple[str, ...] = ()
    account: str = ""
    """Whom limits mean, in all of a chat's servers, workspaces and direct messages together: people with the same
    account have one person's share. Empty: the id. Chats where anybody can be somebody new at will fill it with
    what costs something to change (`account_of_address`). It is stored, so it holds no address in the clear."""

    def account_in(self, chat: str) -> str:
        """Names the account across chats; opaque, and not the person's id in the clear: it outlives `/forget`."""
        return sha256(f"{chat}/{self.account or self.id}".encode("utf-8", "replace")).hexdigest()[:32]


def account_of_address(address: str, secret: bytes) -> str:
    """What somebody without an identity counts as: the address that they come from; of IPv6 the network (/64), which
    one person has whole.

    Args:
        address: An IP address; anything else counts as itself.
        secret: Of the home, so that what is stored cannot be turned back by trying all addresses.
    """
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        network = address
    else:
        ip = getattr(ip, "ipv4_mapped", None) or ip
        network = str(ip_network((ip, 64 if ip.version == 6 else 32), strict=False))
    return "address-" + hmac.new(secret, network.encode(), sha256).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where somebody wants to use the program, as far as access to it depends on that."""

    thread: ThreadKey
    channels: frozenset[str] = frozenset()
    """Ids of what stands around the thread's channel: its category, for example."""
    age_restricted: bool = False
    direct: bool = False
    """A conversation with nobody else in it, or a place where only the person installed the program: lists of
    channels do not mean it."""
    admin_act: bool = False
    """An act of administration, which lists of channels and roles do not forbid: admins must be able to change what
    keeps them out."""
    own_data: bool = False
    """An act about what is kept of oneself, which no block forbids."""
    untold: bool = False
    """Nobody is told of a refusal: what is refused is left undone without a word."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a message, already downloaded and size-limited by the chat."""

    name: str
    data: bytes
    covered: bool = False
    """It came as a spoiler: what is made of it is shown covered too, where the platform can."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message of a person. `event` identifies its delivery: the same message has the same event."""

    event: str
    thread: ThreadKey
    person: Person
    text: str
    attachments: tuple[Attachment, ...] = ()
    replies_to: int | None = None
    """Number of the picture that the message answers, where the platform tells."""
    problems: tuple[str, ...] = ()
    """One sentence for each thing that came with it and that the chat could not take."""
    title: str = ""
    """What the thread is called, where the platform tells."""
    in_thread: bool = True
    """False where the place has no session of its own, and none was opened for the message: it is a command."""
    max_file_bytes: int | None = None
    """The largest file that an answer to a command can bring there; None: any."""


def owner_of(thread: ThreadKey, person: Person) -> Owner:
    """Whom a picture is for, as the queue sees it."""
    return Owner(thread.tenant_scope, person.id, str(thread), person.account_in(thread.chat))


class Action(StrEnum):
    """What the buttons of a picture do; words in a message do the same."""

    SELECT = "select"
    VARY = "vary"
    VARIATIONS = "variations"
    """Four at once, or as many as the quota has left."""
    EDIT = "edit"
    REFINE = "refine"
    REDO = "redo"
    UNDO = "undo"
    RECIPE = "recipe"
    COMPARE = "compare"
    CANCEL = "cancel"
    DELETE = "delete"
    SHOW = "show"
    """A covered picture, to who asks for it."""
    VOTE = "vote"
    """For the picture; pressed again, the vote is taken back."""
    STOP = "stop"
    PICK = "pick"
    """One of the pictures that stand together: what can be done with it is shown to who picks it."""
    DOT = "dot"
    """A vote in a brainstorm's round for the idea of this picture; pressed again, it is taken back."""
    OPEN = "open"
    """The vote of the round with this picture, again; like the others of a round, named by any of its pictures."""
    CLOSE = "close"
    NEXT = "next"
    """Another round."""
    FINISH = "finish"
    STATE = "state"
    """How the round stands, to who asks."""
    LEAD = "lead"
    """Go on with a brainstorm's winner: it becomes the current picture."""
    SETTINGS = "settings"
    """Of a brainstorm: chats with forms open one."""
    REPORT = "report"
    """To the moderators; enough reports hide it from everybody."""


@dataclass(frozen=True, slots=True)
class Press:
    """A button. For EDIT, `text` is the new full description and `change` small, large or None."""

    event: str
    thread: ThreadKey
    person: Person
    action: Action
    picture: int | None = None
    slot: str | None = None
    """The placeholder meant by CANCEL when the picture has no number's file yet."""
    text: str = ""
    change: str | None = None


@dataclass(frozen=True, slots=True)
class Vote:
    """A reaction to a picture that counts as a vote for it (`up`) or against it, given or taken back."""

    thread: ThreadKey
    person: Person
    picture: int
    up: bool
    given: bool = True


@dataclass(frozen=True, slots=True)
class Tally:
    """How many people voted for and against a picture."""

    up: int = 0
    down: int = 0


class PictureState(StrEnum):
    READY = "ready"
    HIDDEN = "hidden"
    """It was reported: nobody is shown it and nothing is made of it, until a moderator shows or deletes it."""
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a thread. Numbers start at 1 and are never used twice in a thread."""

    thread: ThreadKey
    number: int
    operation: Operation
    parents: tuple[int, ...]
    description: str
    recipe: Recipe | None
    """None for an upload."""
    sha256: str
    media_type: str
    width: int
    height: int
    person: Person
    created: datetime
    turn: str
    state: PictureState = PictureState.READY
    metrics: dict[str, float] = field(default_factory=dict)
    device_seconds: float = 0.0
    spoiler: bool = False
    """It may be sensitive: it is shown covered, where the platform can."""


@dataclass(frozen=True, slots=True)
class Hung:
    """A picture of a gallery, as it hangs there."""

    picture: Picture
    place: int
    """Its number in the gallery: what is newer has a larger one."""
    votes: int
    """How many people voted for it."""
    title: str
    """Of its thread; empty where it has none."""
    post: str | None
    """The chat's own reference to the answer that shows it, as in `Turn.post`."""


@dataclass(frozen=True, slots=True)
class GalleryPage:
    """Some pictures of a gallery, the newest first."""

    search: str
    """As it was written, without a place in the gallery."""
    hung: tuple[Hung, ...]
    newer: str | None = None
    older: str | None = None
    """The search that brings the page before, and behind, this one; None where there is none."""


class SlotState(StrEnum):
    """The life of a place in a reply where a picture belongs."""

    WAITING = "waiting"
    RENDERING = "rendering"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class TextPart:
    """Words of the answer, without any tag."""

    text: str


@dataclass(frozen=True, slots=True)
class PicturePart:
    """A picture's place in the answer, from placeholder to picture.

    `slot` is unique and stable across restarts (it is also the job's id). `position` counts what
    runs before it. `preview` is small encoded bytes of the unfinished picture. `sentence` says what
    went wrong when FAILED, or an honest remark (a vocabulary substitution) when READY.
    """

    slot: str
    number: int
    operation: Operation
    description: str
    parents: tuple[int, ...] = ()
    state: SlotState = SlotState.WAITING
    position: int | None = None
    eta_s: float | None = None
    step: int = 0
    total: int = 0
    preview: bytes | None = None
    sha256: str | None = None
    sentence: str | None = None
    spoiler: bool = False
    """It is shown covered, and so are its previews."""
    largest: bool = False
    """The engine draws none larger: there is no refining it."""
    again: int | None = None
    """The picture whose request this is once more, with another seed."""
    width: int = 0
    height: int = 0
    """In pixels, as it is or will be: its place is reserved; 0 where an earlier version did not tell."""


@dataclass(frozen=True, slots=True)
class SelectPart:
    """The thread's current picture was chosen here; nothing is rendered."""

    number: int
    description: str


@dataclass(frozen=True, slots=True)
class NoticePart:
    """One plain sentence from the program itself: what was left out, refused or went wrong."""

    sentence: str
    anonymous: bool = False
    """It stands for a deleted round of an anonymous brainstorm: the thread still names nobody."""


ReplyPart: TypeAlias = TextPart | PicturePart | SelectPart | NoticePart | RoundPart


@dataclass(frozen=True, slots=True)
class Reply:
    """The whole answer as it stands now. Chats are given snapshots and show the newest at their own pace.

    `turn` is unique and stable across restarts: the marker by which a chat finds a post again.
    """

    turn: str
    thread: ThreadKey
    parts: tuple[ReplyPart, ...] = ()
    thinking: bool = True
    """Nothing has come from the language model yet."""
    final: bool = False
    """No further snapshot will follow."""


class Role(StrEnum):
    USER = "user"
    ASSISTANT = "assistant"


class TurnState(StrEnum):
    OPEN = "open"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    DECLINED = "declined"
    """The model or its provider refused what was asked: neither it nor the answer is told to a model again."""


@dataclass(frozen=True, slots=True)
class PendingJob:
    """A job of a reply, stored with its turn before it is submitted, so that a restart submits the same.

    `needs` is the number of a picture whose file the recipe has to name as `source_image` once it is there.
    """

    request: ImageRequest
    number: int
    needs: int | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a person or of the model, in its thread's order (`index` from 1).

    An assistant turn's `text` holds tags with the true numbers; `parts` is what was shown.
    """

    id: str
    thread: ThreadKey
    index: int
    role: Role
    person: Person | None
    text: str
    created: datetime
    state: TurnState = TurnState.DONE
    parts: tuple[ReplyPart, ...] = ()
    answers: str | None = None
    """Assistant turns: the id of the user turn."""
    post: str | None = None
    """Assistant turns: the chat's own reference to its message(s), as the chat gave it."""
    jobs: tuple[PendingJob, ...] = ()
    """Assistant turns: every job that the reply asked for."""
    written: bool = False
    """Assistant turns: all words and jobs are there; only pictures are still to come."""
    replies_to: int | None = None
    """A person's turns: the picture that the message answers, where the platform told."""


@dataclass(frozen=True, slots=True)
class Session:
    """A thread's conversation and pictures as the next turn needs them."""

    thread: ThreadKey
    pictures: tuple[Picture, ...]
    """The newest ones and the current one, by number, bounded like the turns; deleted ones are left out."""
    current: int | None
    """The selected picture, else the newest."""
    next_number: int
    recent: tuple[Turn, ...]
    """The latest turns, oldest first, bounded: turn 500 costs what turn 5 costs."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """`style`, `size`, `language`, `refinement`, `engine` as chosen for the thread, else for its channel, else for the
    whole server or workspace."""


@dataclass(frozen=True, slots=True)
class ShareLink:
    """A link by which whoever has it looks at a thread; `person` made it."""

    id: int
    thread: ThreadKey
    person: Person
    until: datetime


@dataclass(frozen=True, slots=True)
class File:
    """A file for people: `alt` describes a picture for those who cannot see it."""

    name: str
    media_type: str
    data: bytes
    alt: str = ""
    spoiler: bool = False
    """It is shown covered, where the platform can."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture that a person brought, cleaned: no location, upright, one frame, a size we take."""

    name: str
    data: bytes
    media_type: str
    width: int
    height: int
    spoiler: bool = False
    """It is shown covered."""
    largest: bool = False
    """The engine draws none larger."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a button or a command answers at once. `private` answers are for the asker only."""

    text: str = ""
    files: tuple[File, ...] = ()
    private: bool = True
    gallery: GalleryPage | None = None
    """Pictures to look through; `text` says the same in words, for chats that show none."""
    picture: PicturePart | None = None
    """A picture that is shown with what can be done with it; `text` is for where that cannot be."""


class OptionKind(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    CHOICE = "choice"
    PICTURE = "picture"
    """A picture number of this thread; `handlers.completion` offers them with descriptions."""
    STYLE = "style"
    """Free words; `handlers.completion` offers the presets."""
    PERSON = "person"
    """A person's id."""
    CHANNEL = "channel"
    """A channel's id."""
    ROLE = "role"
    """The id of a role (a group of people), where the platform has them."""


@dataclass(frozen=True, slots=True)
class Option:
    """One argument of a command. `minimum`/`maximum` bound a number or the length of a text."""

    name: str
    summary: str
    kind: OptionKind = OptionKind.TEXT
    required: bool = False
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    admin_only: bool = False
    """Admins alone may set it; who is none is told so."""


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """One row of the command table; every platform registers its commands from these rows."""

    name: str
    summary: str
    options: tuple[Option, ...] = ()
    opens_thread: bool = False
    """The command's text is a turn: the chat opens (or uses) a thread and it is answered there."""
    admin_only: bool = False
    """For admins of a server or workspace, and so for nobody where there is none."""
    in_session: bool = False
    """It is about one thread's pictures, so it makes no sense outside of one."""
    works: bool = False
    """It takes work, and so counts as a message also where it does not come as one."""
    takes_files: bool = False
    """Pictures may come along with it."""
    ends_work: bool = False
    """It never counts, not even where it comes as a message."""
    about_place: bool = False
    """It is about the channel, server or workspace where it is given, whatever session is the latest there."""
    own_data: bool = False
    """It is about what is kept of oneself: also for people whom moderators have blocked."""


@dataclass(frozen=True, slots=True)
class CommandCall:
    """A command that a person gave. `arguments` has only options of its row; numbers are ints."""

    event: str
    thread: ThreadKey
    person: Person
    name: str
    arguments: dict[str, str | int] = field(default_factory=dict)
    in_thread: bool = True
    """False where the place has no session of its own: a channel whose sessions are its threads."""
    max_file_bytes: int | None = None
    """The largest file that can be handed over there; None: any."""
    pictures: int = 10
    """So many pictures a page of the gallery has there."""
    files: tuple[Attachment, ...] = ()
    """What came along, where its row takes that."""
