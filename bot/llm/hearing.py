"""One reply as it is heard: thoughts taken out, tokens counted once, and what its end means."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from bot.llm.events import Event, Malformed, Sign
from bot.llm.holding import Holding
from bot.llm.pieces import End, Piece, read_piece
from bot.llm.refusals import Kind, Refusal, read_refusal
from handlers.errors import CutShort, Declined, Drafted, LanguageModelError
from prompts.protocol import Directive, StreamParser
from prompts.thoughts import ThoughtFilter

log = logging.getLogger(__name__)

CHARS_PER_TOKEN: Final = 8
"""No tokenizer gives more characters a token on average: beyond this an answer is endless."""
BROKE_OFF: Final = "The language model broke off in the middle of its answer; please ask again."
CUT: Final = "The answer was longer than it may be and was cut off here (EASEL_LLM_MAX_TOKENS)."
FILTERED: Final = "The language model's provider stopped this answer (content filter); please ask for something else."
CALLED: Final = "The language model called a tool instead of answering in words; please ask again."
EMPTY: Final = "The language model gave an empty answer; please ask again."
ONLY_THOUGHTS: Final = "The language model thought, but said nothing; please ask again."
_LONGEST_REFUSAL: Final = 300


class EndpointRefused(Exception):
    """The endpoint refused, or answered with something that is no reply."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.kind.name)
        self.refusal = refusal


class NothingCame(Exception):
    """An empty answer."""


class Hearing:
    """Feed it events; what comes back is for people.

    Args:
        max_tokens: The longest reply that was asked for.
        silent: Events, or characters of thoughts, that may come beside the words.
        used: Told of the tokens, once, when the reply is over.
    """

    def __init__(
        self,
        holding: Holding,
        *,
        max_tokens: int,
        silent: int,
        used: Callable[[int, int], None],
    ) -> None:
        self._holding = holding
        self._thoughts = ThoughtFilter()
        self._limit = max_tokens * CHARS_PER_TOKEN
        self._silence = silent + self._limit
        self._used = used
        self._usage: tuple[int, int] | None = None
        self._refusal = ""
        self._said: list[str] = []
        self._tools = False
        self._whole = False
        self._apart = 0
        self._words_came = False
        self.length = 0
        """Characters for people so far."""
        self.end: End | None = None
        self.done = False
        """Nothing more will come."""
        self.endless = False
        self.lone = False
        """The end of thoughts came whose beginning nobody saw."""

    @property
    def begun(self) -> bool:
        """Whether people have words already."""
        return self.length > 0

    @property
    def thought(self) -> bool:
        """Whether there were thoughts, be it that only the limit which they used up shows it."""
        hidden = self.end is End.LENGTH and not self._words_came
        return bool(self._apart or self._thoughts.dropped or hidden)

    @property
    def ended(self) -> bool:
        """Whether the reply has ended, though the line may be open still."""
        return self.done or self.end is not None

    def hear(self, event: Event) -> list[str]:
        """The pieces for people that this event brings.

        Raises:
            EndpointRefused: an error, a page or nonsense.
            Drafted: what people have was thoughts.
        """
        self._silence -= 1
        if self._silence < 0:
            self.done = self.endless = True
        if event is Sign.DONE:
            self.done = True
            return []
        if isinstance(event, Sign):
            return []
        if isinstance(event, Malformed):
            raise EndpointRefused(Refusal(Kind.PAGE if event.page else Kind.TROUBLE, 0, event.start))
        try:
            piece = read_piece(event)
        except RecursionError:
            return []
        if piece.error is not None:
            raise EndpointRefused(read_refusal(0, {"error": piece.error}))
        self._note(piece)
        return self._words(piece)

    def _note(self, piece: Piece) -> None:
        self._usage = piece.usage or self._usage
        self._refusal += piece.refusal[: _LONGEST_REFUSAL - len(self._refusal)]
        self._tools = self._tools or piece.tools
        self._apart += piece.thought
        self._silence -= piece.thought
        self.end = piece.end or self.end
        if piece.whole:
            self._whole = self.done = True

    def _words(self, piece: Piece) -> list[str]:
        before = self._thoughts.dropped
        words = self._thoughts.feed(piece.text)
        self._silence -= self._thoughts.dropped - before
        out: list[str] = []
        if self._thoughts.over:
            self.end = self.end or End.STOP
            self.done = True
        if self._thoughts.lone:
            self._thoughts.lone = False
            self._take_back()
        elif piece.thought or self._thoughts.dropped:
            out += self._holding.release()  # what thoughts there are is marked
        if words:
            self._words_came = True
            out += self._holding.add(words)
        return self._given(out)

    def _take_back(self) -> None:
        self.lone = True
        self._holding.drop()
        if any(said.strip() for said in self._said):
            raise Drafted("The language model's thoughts got into its answer; please ask again.")
        self._said.clear()

    def due(self) -> list[str]:
        """Pieces that have waited long enough."""
        return self._given(self._holding.due())

    @property
    def due_s(self) -> float | None:
        return self._holding.due_s

    def _given(self, pieces: list[str]) -> list[str]:
        out = []
        for piece in filter(None, pieces):
            part = piece[: self._limit - self.length]
            self.length += len(part)
            if len(part) < len(piece) or self.length >= self._limit:
                self.done = self.endless = True
            if part:
                out.append(part)
        self._said += out
        return out

    def close(self, *, broken: bool = False) -> list[str]:
        """The line is closed: the last pieces. `conclude` says what the end means."""
        words = self._thoughts.close()
        if self._thoughts.lone:
            self._take_back()
        out = self._given(self._holding.add(words)) if words else []
        cut = broken or self.endless or self.end in (End.LENGTH, End.ERROR)
        return out + self._given(self._holding.abandon() if cut else self._holding.release())

    def count(self) -> None:
        """Tell the meter, once. A meter never breaks an answer."""
        if self._usage is None:
            return
        usage, self._usage = self._usage, None
        try:
            self._used(*usage)
        except Exception:
            log.exception("tokens could not be counted")

    def conclude(self) -> None:
        """After `close`.

        Raises:
            CutShort, Declined, LanguageModelError: the sentence for what the end means.
            EndpointRefused, NothingCame: nothing came; asking again may help.
        """
        said = any(piece.strip() for piece in self._said)
        match self.end:
            case End.FILTER:
                raise Declined(FILTERED)
            case _ if self._refusal:
                raise Declined(f"The language model refused: {' '.join(self._refusal.split())}")
            case End.ERROR if said:
                raise LanguageModelError(BROKE_OFF)
            case End.ERROR:
                raise EndpointRefused(Refusal(Kind.TROUBLE, 0))
            case _ if not said and (self.end is End.LENGTH or (self.thought and self.endless)):
                raise LanguageModelError(Kind.SPENT.value)
            case End.LENGTH:
                raise CutShort(CUT)
            case End.TOOLS:
                raise CutShort(CALLED)
        if not said:
            self._conclude_empty()
        elif self.end is None and not (self.done or self._whole):
            raise CutShort(BROKE_OFF)
        elif (self.end is None or self.endless) and _has_open_tag("".join(self._said)):
            raise CutShort(CUT if self.endless else BROKE_OFF)

    def _conclude_empty(self) -> None:
        if self._tools:
            raise CutShort(CALLED)
        if self.thought:
            raise LanguageModelError(ONLY_THOUGHTS)
        if self.endless:
            raise LanguageModelError(EMPTY)
        raise NothingCame(EMPTY)


def _has_open_tag(text: str) -> bool:
    """Whether a tag is begun and not closed."""
    parser = StreamParser()
    parser.feed(text)
    return any(isinstance(segment, Directive) for segment in parser.close())
