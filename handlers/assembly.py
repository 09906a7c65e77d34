"""A reply under construction: places in order, each with what people see and what the model will read.

Knows no I/O but `ReplyPost.show`, which only takes a snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from handlers.model import (
    NoticePart,
    PendingJob,
    PicturePart,
    Reply,
    ReplyPart,
    SlotState,
    TextPart,
    Turn,
    TurnState,
)
from handlers.orphans import without_orphans
from handlers.ports import ReplyPost
from prompts.protocol import Directive, render_directive, unescape_user_text


@dataclass(slots=True)
class Place:
    """One spot of the reply. `tag` is the directive with true numbers; `broken` waits for a repair."""

    parts: list[ReplyPart] = field(default_factory=list)
    tag: Directive | None = None
    broken: bool = False
    chunks: list[str] = field(default_factory=list)
    """The words of a text place as they came; joined once a snapshot is needed."""

    def settled(self) -> list[ReplyPart]:
        """What people see here."""
        if self.chunks:
            if len(self.chunks) > 1:
                self.chunks = ["".join(self.chunks)]
            words = self.chunks[0]
            # The model may repeat a person's tags, which it was given escaped.
            return [TextPart(unescape_user_text(words) if "\\" in words else words)]
        return [] if self.broken else self.parts


class Assembly:
    """The growing answer of one turn."""

    def __init__(self, turn: Turn, post: ReplyPost) -> None:
        self.turn = turn
        self._post = post
        self._places: list[Place] = [Place([part]) for part in turn.parts]
        self._slots: dict[str, tuple[Place, int]] = {}
        for place in self._places:
            self._index(place)
        self.jobs: list[PendingJob] = list(turn.jobs)
        self.length = 0
        """Characters of text so far."""
        self._kept_text = turn.text if turn.parts else None

    # Building

    def clear(self) -> None:
        """Forget what was there: the language model is asked anew."""
        self._places.clear()
        self._slots.clear()
        self.jobs.clear()
        self.length = 0
        self._kept_text = None

    def mark(self) -> int:
        """Where the reply ends now, for `back_to`."""
        return len(self._places)

    def back_to(self, mark: int) -> None:
        """Forget what came after; its jobs are over."""
        gone = {part.slot for place in self._places[mark:] for part in place.parts if isinstance(part, PicturePart)}
        self._slots = {slot: at for slot, at in self._slots.items() if slot not in gone}
        self.jobs = [job for job in self.jobs if job.request.id not in gone]
        del self._places[mark:]
        self.length = sum(len(chunk) for place in self._places for chunk in place.chunks)

    def text(self, words: str) -> None:
        """Add words where the reply ends now."""
        if not words:
            return
        if not self._places or not self._places[-1].chunks:
            self._places.append(Place())
        self._places[-1].chunks.append(words)
        self.length += len(words)

    def add(self, *parts: ReplyPart, tag: Directive | None = None) -> Place:
        place = Place(list(parts), tag)
        self._places.append(place)
        self._index(place)
        return place

    def add_broken(self, problem: str) -> Place:
        """A directive that cannot run: its place stays empty until it is repaired or told. The same is told once."""
        same = self._told_already(problem)
        if same is not None:
            return same
        place = Place([NoticePart(problem)], broken=True)
        self._places.append(place)
        return place

    def notice(self, sentence: str) -> Place:
        """One sentence here; the same twice in one reply is a model in a loop, and is told once."""
        return self._told_already(sentence) or self.add(NoticePart(sentence))

    def _told_already(self, sentence: str) -> Place | None:
        return next((place for place in self._places if place.parts == [NoticePart(sentence)]), None)

    def fill(self, place: Place, *parts: ReplyPart, tag: Directive | None = None) -> None:
        """Put something where a broken directive stood."""
        place.parts, place.tag, place.broken = list(parts), tag, False
        self._index(place)

    def withdraw(self, place: Place) -> None:
        """Take back pictures that could not be stored as asked for; nothing of them was submitted."""
        gone = {part.slot for part in place.parts if isinstance(part, PicturePart)}
        self._slots = {slot: at for slot, at in self._slots.items() if slot not in gone}
        self.jobs = [job for job in self.jobs if job.request.id not in gone]
        self._places.remove(place)

    def _index(self, place: Place) -> None:
        for at, part in enumerate(place.parts):
            if isinstance(part, PicturePart):
                self._slots[part.slot] = (place, at)

    @property
    def broken(self) -> list[Place]:
        return [place for place in self._places if place.broken]

    # Pictures

    def slot(self, slot: str) -> PicturePart:
        place, at = self._slots[slot]
        part = place.parts[at]
        assert isinstance(part, PicturePart)
        return part

    def slots(self) -> list[PicturePart]:
        return [self.slot(name) for name in self._slots]

    def update(self, slot: str, **changes: Any) -> None:
        """Change fields of a picture's place and show it."""
        place, at = self._slots[slot]
        place.parts[at] = replace(self.slot(slot), **changes)
        self.show()

    # Snapshots

    def reply(self, *, final: bool = False) -> Reply:
        parts = without_orphans([part for place in self._places for part in place.settled()], final=final)
        return Reply(self.turn.id, self.turn.thread, parts, thinking=not parts and not final, final=final)

    def show(self) -> None:
        self._post.show(self.reply())

    @property
    def reference(self) -> str | None:
        return self._post.reference or self.turn.post

    def has_words(self) -> bool:
        """Whether there is anything for people to read or see."""
        return any(not isinstance(part, TextPart) or part.text.strip() for part in self.reply().parts)

    def stored(self, *, state: TurnState = TurnState.OPEN, written: bool = False) -> Turn:
        """The turn as the store shall keep it: a repair still to come is kept as its sentence."""
        parts = without_orphans([part for place in self._places for part in (place.settled() or place.parts)])
        return replace(
            self.turn,
            text=self.told(),
            parts=parts,
            jobs=tuple(self.jobs) if state is TurnState.OPEN else (),
            state=state,
            written=written,
            post=self.reference,
        )

    def told(self) -> str:
        """The reply as the model will read it again: tags with true numbers, failures in words."""
        if self._kept_text is not None:  # taken up after a restart: the tags were stored as text
            return self._kept_text
        return "".join(_told(place) for place in self._places)


def _told(place: Place) -> str:
    if place.chunks:
        return "".join(place.chunks)
    slots = [part for part in place.parts if isinstance(part, PicturePart)]
    lost = [part for part in slots if part.state in (SlotState.FAILED, SlotState.CANCELLED)]
    if slots and len(lost) == len(slots):
        return f"(no picture: {lost[0].sentence or 'it was cancelled'})"
    if place.tag is not None:
        return render_directive(place.tag)
    return "".join(part.text if isinstance(part, TextPart) else "" for part in place.parts)
