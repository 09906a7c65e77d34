"""The terminal as a `Chat`: words as they stream, pictures as files, or one JSON object a turn."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO, assert_never

from handlers.english import Sentence, round_lines, words
from handlers.model import (
    Answer,
    CommandCall,
    File,
    Incoming,
    NoticePart,
    Person,
    PicturePart,
    Reply,
    ReplyPart,
    SelectPart,
    SlotState,
    TextPart,
    ThreadKey,
    Turn,
)
from handlers.ports import ReplyPost
from handlers.presentation import Busy, Missing, Why, caption, progress
from handlers.round import RoundPart


class Answered:
    """What one message has led to, with the moments that matter (seconds since it was sent)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self.reply: Reply | None = None
        self.told: list[str] = []
        self.refused = False
        """Something was told that is no answer."""
        self.files: list[str] = []
        """Where the files of a command's answer were written."""
        self.first_text_s: float | None = None
        self.first_picture_s: float | None = None

    def elapsed(self) -> float:
        return self._clock() - self._began

    def see(self, reply: Reply) -> None:
        self.reply = reply
        for part in reply.parts:
            if self.first_text_s is None and isinstance(part, TextPart | NoticePart | SelectPart):
                self.first_text_s = self.elapsed()
            ready = isinstance(part, PicturePart) and part.state is SlotState.READY
            if self.first_picture_s is None and ready:
                self.first_picture_s = self.elapsed()

    @property
    def parts(self) -> tuple[ReplyPart, ...]:
        told = tuple(NoticePart(sentence) for sentence in self.told)
        return (self.reply.parts if self.reply else ()) + told


class Silent:
    """Shows nothing while it comes: for scripts."""

    def show(self, reply: Reply) -> None: ...

    def tell(self, sentence: str) -> None: ...


class Screen:
    """Prints words once, in order; a picture that is not there yet holds back what follows it."""

    def __init__(self, save: Callable[[PicturePart], str], out: TextIO | None = None, *, progress: bool = True) -> None:
        self._save = save
        self._out = out or sys.stdout
        self._progress = progress and self._out.isatty()
        self._part = 0
        self._chars = 0
        self._status = False

    def show(self, reply: Reply) -> None:
        if self._progress and reply.thinking and not reply.parts and not self._status:
            self._out.write(f"{words(Busy.THINKING)} …")
            self._out.flush()
            self._status = True
        while self._part < len(reply.parts):
            part = reply.parts[self._part]
            last = self._part == len(reply.parts) - 1
            if isinstance(part, TextPart):
                self._write(part.text[self._chars :])
                self._chars = len(part.text)
                if last and not reply.final:
                    return
            elif isinstance(part, PicturePart) and part.state in (SlotState.WAITING, SlotState.RENDERING):
                self._show_progress(part)
                return
            elif isinstance(part, RoundPart) and not reply.final:
                return  # it grows with its drafts, and is said once
            else:
                self._line(self._sentence(part))
            self._part += 1
            self._chars = 0
        if reply.final:
            self._write("\n")

    def tell(self, sentence: str) -> None:
        self._line(sentence)

    def _sentence(self, part: PicturePart | SelectPart | NoticePart | RoundPart) -> str:
        match part:
            case RoundPart():
                return "\n".join(round_lines(part))
            case SelectPart():
                return f"[#{part.number} {Sentence.CURRENT}: {part.description}]"
            case NoticePart():
                return part.sentence
            case PicturePart():
                if part.state is SlotState.READY and part.sha256:
                    remark = f"\n    {part.sentence}" if part.sentence else ""
                    remark += f"\n    #{part.number} {Sentence.COVERED}" if part.spoiler else ""
                    return f"[#{part.number} {part.description}]\n    {self._save(part)}{remark}"
                said = caption(part)
                gap = ":" if said != Missing(Why.CANCELLED) else ""
                return f"[#{part.number}{gap} {words(said)}]"
        assert_never(part)

    def _show_progress(self, part: PicturePart) -> None:
        if not self._progress:
            return
        self._out.write(f"\r\x1b[K#{part.number} {words(progress(part))} …")
        self._status = True
        self._out.flush()

    def _line(self, text: str) -> None:
        self._write(f"\n{text}\n")

    def _write(self, text: str) -> None:
        if self._status:
            self._out.write("\r\x1b[K")
            self._status = False
        self._out.write(text)
        self._out.flush()


class TerminalPost:
    """One answer on the terminal."""

    def __init__(self, turn: str, answered: Answered, screen: Screen | Silent) -> None:
        self._turn = turn
        self._answered = answered
        self._screen = screen

    @property
    def reference(self) -> str | None:
        return self._turn

    def show(self, reply: Reply) -> None:
        self._answered.see(reply)
        self._screen.show(reply)

    async def finish(self, reply: Reply) -> str | None:
        self.show(reply)
        return self._turn


class TerminalChat:
    """One person at one terminal; `answered` is what the newest message has led to.

    Args:
        save: Writes a file of an answer; returns where.
    """

    name = "terminal"

    def __init__(self, screen: Callable[[], Screen | Silent], save: Callable[[File], str]) -> None:
        self._make_screen = screen
        self._save = save
        self._screen = screen()
        self.answered = Answered()

    def begin(self) -> Answered:
        """A new message is about to be sent."""
        self.answered = Answered()
        self._screen = self._make_screen()
        return self.answered

    def open_reply(self, turn: str, thread: ThreadKey, to: Incoming | None, reference: str | None) -> ReplyPost:
        return TerminalPost(turn, self.answered, self._screen)

    async def tell(self, thread: ThreadKey, person: Person, sentence: str) -> None:
        self.answered.told.append(sentence)
        self.answered.refused = True
        self._screen.tell(sentence)

    async def announce(self, thread: ThreadKey, sentence: str) -> None:
        self._screen.tell(sentence)

    async def redraw(self, turn: Turn, gone: Mapping[int, Why]) -> None:
        """What a terminal has printed stays."""

    async def seen(self, asker: Person, here: ThreadKey, threads: Sequence[ThreadKey]) -> None:
        """See `handlers.gallery.KnowsSight`: whoever sits here has made all of them."""

    async def answer(self, call: CommandCall, answer: Answer) -> None:
        files = [self._save(file) for file in answer.files]
        self.answered.files += files
        if answer.text:
            self.answered.told.append(answer.text)
        self._screen.tell("\n    ".join(filter(None, (answer.text, *files))))


def segment(part: ReplyPart) -> dict[str, Any]:
    """One part of an answer as JSON."""
    match part:
        case TextPart():
            return {"kind": "text", "text": part.text}
        case NoticePart():
            return {"kind": "notice", "text": part.sentence}
        case SelectPart():
            return {"kind": "select", "id": part.number, "description": part.description}
        case RoundPart():
            return {"kind": "round", "lines": list(round_lines(part))}
        case PicturePart():
            return {
                "kind": "picture",
                "id": part.number,
                "operation": part.operation.value,
                "description": part.description,
                "parents": list(part.parents),
                "state": part.state.value,
                "sentence": part.sentence,
                "covered": part.spoiler,
            }
    assert_never(part)
