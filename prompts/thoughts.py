"""A model's thoughts are no part of its reply: they are taken out of the stream before anything reads it. So are the
marks of its chat template, and whatever a model says for others after the end of its turn.

Known marks: `<think>…</think>` and its kin, `[THINK]`, Kimi's `◁think▷`, Cohere's and other `<|…|>` pairs, Gemma's and
harmony's channels (`<|channel|>analysis<|message|>…<|channel|>final<|message|>`), and harmony whose marks a server has
swallowed (`analysis…assistantfinal…`). Where a chat template opens the thoughts itself, only the closing mark comes:
all that stood before it was thoughts then (`lone`).
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final, assert_never

_TAGS: Final = ("think", "thinking", "thought", "thoughts", "reasoning", "seed:think")
_OPENS: Final = (
    *(f"<{tag}>" for tag in _TAGS),
    "[think]", "◁think▷", "<|start_thinking|>", "<|begin_of_thought|>", "<|inner_prefix|>", "<unused94>", "<|channel>",
)  # fmt: skip
_CLOSES: Final = (
    *(f"</{tag}>" for tag in _TAGS),
    "[/think]", "◁/think▷", "<|end_thinking|>", "<|end_of_thought|>", "<|inner_suffix|>", "<unused95>", "<channel|>",
)  # fmt: skip
_WRAPS: Final = ("<|start_response|>", "<|end_response|>", "<|begin_of_solution|>", "<|end_of_solution|>")
_TURNS: Final = ("<|im_end|>", "<|im_start|>", "<|eot_id|>", "<|eom_id|>", "<|start_header_id|>", "<|endoftext|>",
                 "<|end_of_text|>", "<end_of_turn>", "<start_of_turn>")  # fmt: skip
"""Ends and beginnings of turns that a server with another template lets through: what follows is no reply."""
_CHANNEL, _MESSAGE, _START = "<|channel|>", "<|message|>", "<|start|>"
_ENDS: Final = ("<|end|>", "<|return|>", "<|call|>")
_MARKS: Final = (*_OPENS, *_CLOSES, *_WRAPS, *_TURNS, _CHANNEL, _MESSAGE, _START, *_ENDS)
_LONGEST: Final = max(map(len, _MARKS)) + 4


def _any(marks: tuple[str, ...]) -> re.Pattern[str]:
    """Spaces may stand before the closing bracket of a tag."""
    spaced = [re.escape(mark[:-1]) + r"\s{0,3}" + re.escape(mark[-1]) for mark in marks]
    return re.compile("|".join(spaced), re.IGNORECASE)


_ANY_MARK = _any(_MARKS)
_ANY_CLOSE = _any(_CLOSES)
_ANY_HARMONY = _any((_CHANNEL, _START, *_ENDS))
_SWALLOWED = re.compile(r"\s*(?:assistant)?analysis(?=[A-Z\"“'])")
_SWALLOWED_START: Final = ("analysis", "assistantanalysis")
_SWALLOWED_END: Final = re.compile(r"assistant(?:<\|channel\|>)?final(?:<\|message\|>)?", re.IGNORECASE)
_SWALLOWED_LONGEST: Final = len("assistant<|channel|>final<|message|>")


class _State(Enum):
    BEGIN = auto()
    """Nothing has been decided: the reply may begin with harmony whose marks are gone."""
    TEXT = auto()
    THOUGHT = auto()
    CHANNEL = auto()
    """In a harmony header, up to `<|message|>`."""
    ANALYSIS = auto()
    """In a harmony message that is not for people."""
    SWALLOWED = auto()
    OVER = auto()
    """After a mark that ends the turn: nothing more is said."""


class ThoughtFilter:
    """Feed it what a model streams; what comes back is the reply. One filter for one reply."""

    def __init__(self) -> None:
        self._buffer = ""
        self._state = _State.BEGIN
        self._final = False
        self._out: list[str] = []
        self._line = ""
        self._spoken = False
        self.dropped = 0
        """Characters of thoughts so far."""
        self.lone = False
        """A closing mark came that nothing had opened: whatever was given out before was thoughts."""

    @property
    def thinking(self) -> bool:
        """Whether what comes now is thoughts."""
        return self._state not in (_State.BEGIN, _State.TEXT, _State.OVER)

    @property
    def over(self) -> bool:
        """A mark came that ends the turn."""
        return self._state is _State.OVER

    def feed(self, text: str) -> str:
        self._buffer += text
        return self._run()

    def close(self) -> str:
        """The reply has ended: what was held back and is no mark."""
        self._final = True
        return self._run()

    def _run(self) -> str:
        while self._step():
            pass
        out, self._out = "".join(self._out), []
        return out

    def _step(self) -> bool:
        """Do one thing; False when more is needed."""
        match self._state:
            case _State.BEGIN:
                return self._begin()
            case _State.TEXT:
                return self._text()
            case _State.THOUGHT:
                return self._until(_ANY_CLOSE)
            case _State.ANALYSIS:
                return self._until(_ANY_HARMONY)
            case _State.SWALLOWED:
                return self._until(_SWALLOWED_END)
            case _State.CHANNEL:
                return self._channel()
            case _State.OVER:
                self._buffer = ""
                return False
            case _:
                assert_never(self._state)

    def _begin(self) -> bool:
        bare = self._buffer.lstrip()
        if _SWALLOWED.match(self._buffer):
            self._state = _State.SWALLOWED
        elif not self._final and any(word.startswith(bare) for word in (*_SWALLOWED_START, *_MARKS)):
            return False  # nothing yet, or the beginning of a word that decides
        elif not self._final and bare in _SWALLOWED_START:
            return False
        else:
            self._state = _State.TEXT
        return True

    def _text(self) -> bool:
        found = _ANY_MARK.search(self._buffer)
        if found is None:
            end = len(self._buffer) if self._final else _unfinished(self._buffer)
            self._give(self._buffer[:end])
            self._buffer = self._buffer[end:]
            return False
        self._give(self._buffer[: found.start()])
        mark = _bare(found[0])
        self._buffer = self._buffer[found.end() :]
        if mark in (*_OPENS, *_CLOSES, *_TURNS) and self._line.count("`") % 2:
            self._give(found[0])  # in code it is talked about
        elif mark in _OPENS:
            self._state = _State.THOUGHT
        elif mark in _CLOSES:
            self._all_was_thoughts()
        elif mark in (_CHANNEL, _START):
            self._state = _State.CHANNEL
        elif mark in _TURNS and self._spoken:
            self._state = _State.OVER
        return True

    def _until(self, end: re.Pattern[str]) -> bool:
        found = end.search(self._buffer)
        if found is None:
            kept = 0 if self._final else max(_LONGEST, _SWALLOWED_LONGEST)
            gone = max(0, len(self._buffer) - kept)
            self.dropped += gone
            self._buffer = self._buffer[gone:]
            return False
        self.dropped += found.start()
        self._buffer = self._buffer[found.end() :]
        self._state = _State.CHANNEL if _bare(found[0]) in (_CHANNEL, _START) else _State.TEXT
        return True

    def _channel(self) -> bool:
        at = self._buffer.casefold().find(_MESSAGE)
        if at < 0:
            if self._final:
                self._buffer = ""
            return False
        header = self._buffer[:at].casefold().rpartition(_CHANNEL)[2]
        self._buffer = self._buffer[at + len(_MESSAGE) :]
        if header.strip().startswith("final"):
            self._state = _State.TEXT
            if self._spoken:
                self._all_was_thoughts()
            self.dropped = max(1, self.dropped)
        else:
            self._state = _State.ANALYSIS
        return True

    def _all_was_thoughts(self) -> None:
        self.dropped = max(1, self.dropped + sum(map(len, self._out)))
        self._out.clear()
        self.lone = True
        self._spoken = False
        self._line = ""

    def _give(self, text: str) -> None:
        if self.dropped and not self._spoken:
            text = text.lstrip()  # the blank lines between thoughts and reply
        if not text:
            return
        self._spoken = self._spoken or not text.isspace()
        self._out.append(text)
        self._line = (self._line + text).rpartition("\n")[2][-2000:]


def _bare(mark: str) -> str:
    return "".join(mark.split()).casefold()


def _unfinished(text: str) -> int:
    """Where a mark may have begun at the end of the text; its length when nowhere."""
    begin = max(0, len(text) - _LONGEST)
    for at in range(begin, len(text)):
        if text[at] in "<[◁" and any(mark.startswith(_bare(text[at:])) for mark in _MARKS):
            return at
    return len(text)


def without_thoughts(text: str) -> str:
    """A whole reply without the thoughts in it."""
    thoughts = ThoughtFilter()
    before = thoughts.feed(text)
    return before + thoughts.close()
