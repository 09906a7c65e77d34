"""What arrives, whole: a message with its uploads and the turn that will answer it; see `bot.store.tables`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import sha256

from bot.store.events import Events
from bot.store.pictures import Pictures
from bot.store.rounds import Rounds
from bot.store.spent import Spent
from bot.store.threads import Threads
from bot.store.turns import Turns
from handlers.model import Incoming, Picture, PicturePart, Role, SlotState, Turn, TurnState, Upload
from handlers.ports import Accepted, Claim
from handlers.quota_rules import Amounts
from handlers.voting import Round
from imaging.model import Operation


class Intake:
    """Over the parts that a message touches. Not thread-safe."""

    def __init__(
        self, events: Events, threads: Threads, turns: Turns, pictures: Pictures, spent: Spent, rounds: Rounds
    ) -> None:
        self._events = events
        self._threads = threads
        self._turns = turns
        self._pictures = pictures
        self._spent = spent
        self._rounds = rounds

    def accept(
        self, incoming: Incoming, asked: str, turn: str, uploads: Sequence[tuple[Upload, str]], now: datetime
    ) -> Accepted:
        """`asked` and `turn` are the ids of the person's turn and of its answer; each upload comes with its file."""
        claim = self._events.claim(incoming.event, now.timestamp(), turn)
        if claim is Claim.FINISHED:
            return Accepted(claim)
        known = self._turns.get(turn)
        if known is not None:
            return Accepted(claim, known, self._turns.get(asked))
        name = self._threads.touch(incoming.thread, now.timestamp(), incoming.title or incoming.text[:80])
        parts = tuple(self._upload(incoming, asked, upload, sha, name, now) for upload, sha in uploads)
        index = self._threads.take_turns(name, 2)
        person = incoming.person
        first = Turn(
            asked, incoming.thread, index, Role.USER, person, incoming.text, now, parts=parts,
            replies_to=incoming.replies_to,
        )  # fmt: skip
        second = Turn(turn, incoming.thread, index + 1, Role.ASSISTANT, person, "", now, TurnState.OPEN, answers=asked)
        self._turns.insert(first)
        self._turns.insert(second)
        said = Amounts(messages=1, bytes=sum(len(upload.data) for upload, _ in uploads))
        self._spent.add(now.timestamp(), incoming.thread, person, said)
        return Accepted(claim, second, first)

    def _upload(
        self, incoming: Incoming, asked: str, upload: Upload, sha: str, name: str, now: datetime
    ) -> PicturePart:
        number = self._threads.take_numbers(name, 1)
        picture = Picture(
            thread=incoming.thread,
            number=number,
            operation=Operation.UPLOAD,
            parents=(),
            description=upload.name,
            recipe=None,
            sha256=sha,
            media_type=upload.media_type,
            width=upload.width,
            height=upload.height,
            person=incoming.person,
            created=now,
            turn=asked,
            spoiler=upload.spoiler,
        )
        self._pictures.insert(picture, name)
        slot = f"{asked}-{number}"
        return PicturePart(
            slot, number, Operation.UPLOAD, upload.name, state=SlotState.READY, sha256=sha, spoiler=upload.spoiler,
            largest=upload.largest, width=upload.width, height=upload.height,
        )  # fmt: skip

    def begin(self, turn: Turn, event: str, now: datetime) -> Accepted:
        """A button, or whatever else is answered and has no message."""
        claim = self._events.claim(event, now.timestamp(), turn.id)
        if claim is Claim.FINISHED:
            return Accepted(claim)
        known = self._turns.get(turn.id)
        return Accepted(claim, self._turns.append(self._rounds.fresh(turn), now) if known is None else known)

    def follow(self, turn: Turn, event: str, round: Round, now: datetime) -> Accepted:
        """Like `begin`; the turn shows a round that follows another one, unless something else has followed that."""
        if self._turns.get(turn.id) is None and not self._rounds.follow(round, now):
            return Accepted(Claim.FINISHED)
        return self.begin(turn, event, now)

    def step(
        self, turn: str, event: str | None, step: Callable[[Round], tuple[Round, str]], now: datetime
    ) -> tuple[Round, str | None] | None:
        """One step of a round; what a delivery asked for is done once. Deliveries may be named after people, and their
        times are those of votes: only a hash is kept."""
        claimed = None if event is None else sha256(event.encode("utf-8", "replace")).hexdigest()
        if claimed is not None and self._events.claim(claimed, now.timestamp()) is Claim.FINISHED:
            round = self._rounds.get(turn)
            return None if round is None else (round, None)
        done = self._rounds.change(turn, step)
        if claimed is not None:
            self._events.finish(claimed)
        return done

    def save(self, turn: Turn, *, finish: bool) -> None:
        """An open turn as it stands; `finish` ends the event that it answers too."""
        self._turns.save(self._rounds.fresh(turn), finish=finish)
        if finish:
            self._events.answered(turn.id)
