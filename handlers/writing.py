"""From the language model's stream to text and directives, and one repair of what could not run."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

from handlers.assembly import Assembly
from handlers.director import Director
from handlers.errors import CutShort, Declined, Drafted, LanguageModelError
from handlers.limits import Limits
from handlers.model import NoticePart
from handlers.ports import LanguageModel
from prompts.protocol import Directive, Segment, StreamParser, Text
from prompts.request import LanguageRequest, Repair

log = logging.getLogger(__name__)

NO_ANSWER = "The language model gave no answer; please ask again."
BROKE = "Something went wrong while I was answering; please ask again."


class Writer:
    """Writes one reply. Text appears as it comes; a directive runs the moment its tag closes."""

    def __init__(self, model: LanguageModel, director: Director, assembly: Assembly, limits: Limits) -> None:
        self._model = model
        self._director = director
        self._assembly = assembly
        self._limits = limits
        self._raw: list[str] = []
        self._directives_seen = 0
        self._left_out = 0
        self.failed = False
        """The language model failed; what had come before stays."""
        self.declined = False
        """What was asked is refused as such."""

    async def write(self, request: LanguageRequest) -> None:
        """Stream the reply into the assembly. Failures of the model end up in it as a sentence."""
        parser = StreamParser()
        before = self._assembly.mark()
        try:
            try:
                await self._stream(request, parser)
            except Drafted as error:
                log.warning("thoughts got into an answer; it is taken back and asked for again: %s", error)
                parser = StreamParser()
                self._raw.clear()
                await self._director.withdraw(before)
                await self._stream(request, parser)
        except LanguageModelError as error:
            self.declined = isinstance(error, Declined)
            self._fail(parser, str(error))
        except Exception:
            log.exception("the language model's stream broke")
            self._fail(parser, BROKE)
        else:
            for segment in parser.close():
                await self._take(segment)
            await self._repair(request)
        self._tell_the_rest()
        if not self._assembly.has_words():
            self.failed = True
            self._assembly.add(NoticePart(NO_ANSWER))
        self._assembly.show()

    async def _stream(self, request: LanguageRequest, parser: StreamParser) -> None:
        length = 0
        async with closing(self._model.stream(request)) as chunks:
            async for chunk in chunks:
                self._raw.append(chunk)
                length += len(chunk)
                segments = parser.feed(chunk)
                for segment in segments:
                    await self._take(segment)
                if segments:
                    self._assembly.show()
                if length > self._limits.reply_chars or self._directives_seen > 4 * self._limits.directives_per_reply:
                    raise CutShort("The answer did not come to an end and was cut here.")

    async def _take(self, segment: Segment) -> None:
        match segment:
            case Text(text):
                self._assembly.text(text)
            case Directive():
                self._directives_seen += 1
                if self._directives_seen <= self._limits.directives_per_reply:
                    await self._director.direct(segment)
                else:
                    self._left_out += segment.count  # a model in a loop

    def _fail(self, parser: StreamParser, sentence: str) -> None:
        """Keep the words that came; a tag that the failure cut off was not finished, so it does not run."""
        self.failed = True
        for segment in parser.close():
            if isinstance(segment, Text):
                self._assembly.text(segment.text)
        self._settle()
        self._assembly.add(NoticePart(sentence))

    async def _repair(self, request: LanguageRequest) -> None:
        """Ask once for what could not run; what is still wrong then is told at its spot."""
        spots = self._assembly.broken
        if not spots:
            return
        problems = tuple(part.sentence for spot in spots for part in spot.parts if isinstance(part, NoticePart))
        again = replace(request, repair=Repair("".join(self._raw), problems))
        try:
            directives = await self._directives(again)
        except LanguageModelError as error:
            log.warning("the repair failed: %s", error)
            directives = []
        for spot, directive in zip(spots, directives, strict=False):
            await self._director.direct(directive, spot)
        self._settle()

    async def _directives(self, request: LanguageRequest) -> list[Directive]:
        parser = StreamParser()
        segments: list[Segment] = []
        length = 0
        cut = False
        try:
            async with closing(self._model.stream(request)) as chunks:
                async for chunk in chunks:
                    length += len(chunk)
                    segments += parser.feed(chunk)
                    if cut := length > self._limits.reply_chars:
                        break
        except CutShort as error:
            log.warning("the repair was cut off: %s", error)
            cut = True
        if not cut:
            segments += parser.close()
        return [segment for segment in segments if isinstance(segment, Directive)]

    def _settle(self) -> None:
        """Nothing more is coming for broken spots: show what was wrong."""
        for spot in self._assembly.broken:
            spot.broken = False

    def _tell_the_rest(self) -> None:
        left = self._director.left_out + self._left_out
        if left:
            most = self._limits.pictures_per_reply
            were = "picture was" if left == 1 else "pictures were"
            self._assembly.add(NoticePart(f"{left} {were} left out: an answer has at most {most}."))


def closing(stream: AsyncIterator[str]) -> _Closing:
    """Closes a stream that can be closed, also when it is left early."""
    return _Closing(stream)


class _Closing:
    def __init__(self, stream: AsyncIterator[str]) -> None:
        self._stream = stream
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> AsyncIterator[str]:
        aclose = getattr(self._stream, "aclose", None)
        if aclose is not None:
            self._stack.push_async_callback(aclose)
        return self._stream

    async def __aexit__(self, *details: object) -> None:
        await self._stack.aclose()
