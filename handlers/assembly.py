"""A reply under construction: spots in order, each with what people see and what the model will read.

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
from handlers.round import RoundPart
from prompts.protocol import Directive, render_directive, unescape_user_text


@dataclass(slots=True)
class Spot:
    """One spot of the reply. `tag` is the directive with true numbers; `broken` waits for a repair."""

    parts: list[ReplyPart] = field(default_factory=list)
    tag: Directive | None = None
    broken: bool = False
    chunks: list[str] = field(default_factory=list)
    """The words of a text spot as they came; joined once a snapshot is needed."""

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
        self._spots: list[Spot] = [Spot([part]) for part in turn.parts]
        self._slots: dict[str, tuple[Spot, int]] = {}
        for spot in self._spots:
            self._index(spot)
        self.jobs: list[PendingJob] = list(turn.jobs)
        self.length = 0
        """Characters of text so far."""
        self._kept_text = turn.text if turn.parts else None
        self._withheld: dict[int, str] = {}
        """Sentences in place of pictures that are there and may not be seen any more, by number."""

    # Building

    def clear(self) -> None:
        """Forget what was there: the language model is asked anew."""
        self._spots.clear()
        self._slots.clear()
        self.jobs.clear()
        self.length = 0
        self._kept_text = None

    def mark(self) -> int:
        """Where the reply ends now, for `back_to`."""
        return len(self._spots)

    def back_to(self, mark: int) -> None:
        """Forget what came after; its jobs are over."""
        gone = {part.slot for spot in self._spots[mark:] for part in spot.parts if isinstance(part, PicturePart)}
        self._slots = {slot: at for slot, at in self._slots.items() if slot not in gone}
        self.jobs = [job for job in self.jobs if job.request.id not in gone]
        del self._spots[mark:]
        self.length = sum(len(chunk) for spot in self._spots for chunk in spot.chunks)

    def text(self, words: str) -> None:
        """Add words where the reply ends now."""
        if not words:
            return
        if not self._spots or not self._spots[-1].chunks:
            self._spots.append(Spot())
        self._spots[-1].chunks.append(words)
        self.length += len(words)

    def add(self, *parts: ReplyPart, tag: Directive | None = None) -> Spot:
        spot = Spot(list(parts), tag)
        self._spots.append(spot)
        self._index(spot)
        return spot

    def put_round(self, part: RoundPart) -> None:
        """Show a brainstorm's round, behind all else that is there."""
        self._spots = [spot for spot in self._spots if not any(isinstance(one, RoundPart) for one in spot.parts)]
        self._spots.append(Spot([part]))
        self.show()

    def add_broken(self, problem: str) -> Spot:
        """A directive that cannot run: its spot stays empty until it is repaired or told. The same is told once."""
        same = self._told_already(problem)
        if same is not None:
            return same
        spot = Spot([NoticePart(problem)], broken=True)
        self._spots.append(spot)
        return spot

    def notice(self, sentence: str) -> Spot:
        """One sentence here; the same twice in one reply is a model in a loop, and is told once."""
        return self._told_already(sentence) or self.add(NoticePart(sentence))

    def _told_already(self, sentence: str) -> Spot | None:
        return next((spot for spot in self._spots if spot.parts == [NoticePart(sentence)]), None)

    def fill(self, spot: Spot, *parts: ReplyPart, tag: Directive | None = None) -> None:
        """Put something where a broken directive stood."""
        spot.parts, spot.tag, spot.broken = list(parts), tag, False
        self._index(spot)

    def withdraw(self, spot: Spot) -> None:
        """Take back pictures that could not be stored as asked for; nothing of them was submitted."""
        gone = {part.slot for part in spot.parts if isinstance(part, PicturePart)}
        self._slots = {slot: at for slot, at in self._slots.items() if slot not in gone}
        self.jobs = [job for job in self.jobs if job.request.id not in gone]
        self._spots.remove(spot)

    def _index(self, spot: Spot) -> None:
        for at, part in enumerate(spot.parts):
            if isinstance(part, PicturePart):
                self._slots[part.slot] = (spot, at)

    @property
    def broken(self) -> list[Spot]:
        return [spot for spot in self._spots if spot.broken]

    # Pictures

    def slot(self, slot: str) -> PicturePart:
        spot, at = self._slots[slot]
        part = spot.parts[at]
        assert isinstance(part, PicturePart)
        return part

    def slots(self) -> list[PicturePart]:
        return [self.slot(name) for name in self._slots]

    def update(self, slot: str, **changes: Any) -> None:
        """Change fields of a picture's spot and show it."""
        spot, at = self._slots[slot]
        spot.parts[at] = replace(self.slot(slot), **changes)
        self.show()

    def withhold(self, number: int, sentence: str | None) -> None:
        """Show a sentence instead of a finished picture; None: show the picture."""
        if sentence is None:
            self._withheld.pop(number, None)
        else:
            self._withheld[number] = sentence
        self.show()

    # Snapshots

    def reply(self, *, final: bool = False) -> Reply:
        shown = [self._seen(part) for spot in self._spots for part in spot.settled()]
        parts = without_orphans(shown, final=final)
        return Reply(self.turn.id, self.turn.thread, parts, thinking=not parts and not final, final=final)

    def _seen(self, part: ReplyPart) -> ReplyPart:
        if isinstance(part, PicturePart) and part.state is SlotState.READY and part.number in self._withheld:
            return NoticePart(self._withheld[part.number])
        return part

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
        parts = without_orphans([part for spot in self._spots for part in (spot.settled() or spot.parts)])
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
        return "".join(_told(spot) for spot in self._spots)


def _told(spot: Spot) -> str:
    if spot.chunks:
        return "".join(spot.chunks)
    slots = [part for part in spot.parts if isinstance(part, PicturePart)]
    lost = [part for part in slots if part.state in (SlotState.FAILED, SlotState.CANCELLED)]
    if slots and len(lost) == len(slots):
        return f"(no picture: {lost[0].sentence or 'it was cancelled'})"
    if spot.tag is not None:
        return render_directive(spot.tag)
    if round := next((part for part in spot.parts if isinstance(part, RoundPart)), None):
        ideas = "; ".join(f"{card.picture}: {card.title}" for card in round.cards)
        return f"(round {round.number} of a brainstorm on {round.topic}{': ' if ideas else ''}{ideas})"
    return "".join(part.text if isinstance(part, TextPart) else "" for part in spot.parts)
