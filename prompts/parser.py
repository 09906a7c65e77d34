"""The streaming parser: chunks of a reply in, text and directives out, each as early as it can be decided.

Code is where tags are talked about, not meant: inside an inline `code` span (closed on its line) they are
text. A fenced block is text too, unless it holds nothing but tags: models like to wrap an answer in a
fence, and then the tags are meant. A backtick that is never closed is just a character.

Every decision depends on the text alone, so any chunking gives the same segments. What is held back is
bounded (`MAX_MARKUP`, `MAX_BODY`, `MAX_SPAN`, `MAX_FENCE`), and each character is looked at a bounded
number of times.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final, assert_never

from prompts.markup import START, Markup, MarkupScan, Verdict, unfinished_start
from prompts.operations import OPERATIONS, Segment, Text
from prompts.reading import is_html, read_directive

MAX_BODY: Final = 16000
"""Characters of a body that are kept; the rest up to its close tag is dropped and reported as a problem."""
MAX_SPAN: Final = 2000
"""How far an inline code span may reach beyond a tag in it."""
MAX_FENCE: Final = 8000
"""Characters of a fenced block that begins with a tag, held back until its end decides what it is."""
_MAX_LINE: Final = 200

_MARKS = re.compile(rf"(?P<run>`+|~+)|(?P<tag>{START.pattern})", re.IGNORECASE)
_SPAN_MARKS = re.compile(rf"(?P<run>`+)|(?P<line>\n)|(?P<tag>{START.pattern})", re.IGNORECASE)
_INFO_MARKS = _SPAN_MARKS
_BACKTICKS_OR_LINE = re.compile(r"`+|\n")
_CUT_CLOSE = re.compile(r"(?:<|＜|&lt;)\s*[/／]\s*([a-z]*)\s*\Z", re.IGNORECASE)


class _State(Enum):
    TEXT = auto()
    RUN = auto()
    """In a run of backticks or tildes whose length decides what it opens or closes."""
    SPAN = auto()
    """After an opening backtick run that may still be closed on this line."""
    INFO = auto()
    """On the opening line of a fence."""
    FENCE_HELD = auto()
    """In a fence that so far may hold nothing but tags."""
    FENCE = auto()
    MARKUP = auto()
    BODY = auto()


class StreamParser:
    """Feed it chunks, then close it. Use one parser for one reply."""

    def __init__(self, *, code: bool = True) -> None:
        self._code = code
        self._buffer = ""
        self._at = 0
        self._state = _State.TEXT
        self._final = False
        self._out: list[Segment] = []
        self._words: list[str] = []
        self._line_start = True
        self._run = ("", 0, False)
        self._span = 0
        self._looked = 0
        self._fence = ("", 0)
        self._line = ""
        self._scan: MarkupScan | None = None
        self._markup: Markup | None = None
        self._raw_markup = ""
        self._body: list[str] = []
        self._body_length = 0

    def feed(self, chunk: str) -> list[Segment]:
        """Take the next characters; return what they decided. Neighbouring texts come as one."""
        self._buffer += chunk
        self._advance()
        self._buffer = self._buffer[self._at :]
        self._looked = max(0, self._looked - self._at)
        self._at = 0
        return self._taken()

    def close(self) -> list[Segment]:
        """The reply has ended: decide what is left. Feeding afterwards is an error of the caller."""
        self._final = True
        self._advance()
        if self._state is _State.BODY:
            self._finish_directive(cut_off=True)
        self._buffer, self._at = "", 0
        return self._taken()

    def _taken(self) -> list[Segment]:
        self._flush()
        out, self._out = self._out, []
        return out

    def _flush(self) -> None:
        if self._words:
            self._out.append(Text("".join(self._words)))
            self._words = []

    def _emit(self, end: int) -> None:
        """Give out the buffer up to `end` as text."""
        if end <= self._at:
            return
        text = self._buffer[self._at : end]
        self._at = end
        self._words.append(text)
        line = text.rpartition("\n")
        self._line_start = (bool(line[1]) or self._line_start) and (not line[2] or line[2].isspace())

    def _advance(self) -> None:
        while self._step():
            pass

    def _step(self) -> bool:
        """Do one thing; False when more text is needed."""
        match self._state:
            case _State.TEXT:
                return self._text()
            case _State.RUN:
                return self._count_run()
            case _State.SPAN:
                return self._in_span()
            case _State.INFO:
                return self._info()
            case _State.FENCE_HELD:
                return self._fence_held()
            case _State.FENCE:
                return self._in_fence()
            case _State.MARKUP:
                return self._in_markup()
            case _State.BODY:
                return self._in_body()
            case _:
                assert_never(self._state)

    def _rest(self) -> int:
        """Up to where the buffer is certainly no tag."""
        return len(self._buffer) if self._final else unfinished_start(self._buffer, self._at)

    # Text and code

    def _text(self) -> bool:
        found = (_MARKS if self._code else START).search(self._buffer, self._at)
        if found is None:
            self._emit(self._rest())
            return False
        self._emit(found.start())
        if self._code and found["run"]:
            self._run = (found["run"][0], 0, self._line_start)
            self._state = _State.RUN
        else:
            self._begin_markup()
        return True

    def _count_run(self) -> bool:
        char, count, line_start = self._run
        end = self._at
        while end < len(self._buffer) and self._buffer[end] == char:
            end += 1
        count += end - self._at
        self._emit(end)
        self._run = (char, count, line_start)
        if end >= len(self._buffer) and not self._final:
            return False
        if self._span:
            self._span = 0 if count == self._span else self._span
            self._state = _State.SPAN if self._span else _State.TEXT
        elif count >= 3 and line_start:
            self._fence = (char, count)
            self._state = _State.INFO
        elif char == "`":
            self._span = count
            self._looked = self._at
            self._state = _State.SPAN
        else:
            self._state = _State.TEXT
        return True

    def _leave_span(self) -> bool:
        self._span = 0
        self._state = _State.TEXT
        return True

    def _in_span(self) -> bool:
        found = _SPAN_MARKS.search(self._buffer, self._at)
        if found is None:
            self._emit(self._rest())
            return False
        self._emit(found.start())
        if found["run"]:
            self._run = ("`", 0, False)
            self._state = _State.RUN
            return True
        if found["line"]:
            return self._leave_span()
        return self._tag_in_span()

    def _tag_in_span(self) -> bool:
        """Whether the span is closed decides what the tag is: look ahead for it, on this line only."""
        limit = self._at + MAX_SPAN
        look = max(self._looked, self._at)
        while found := _BACKTICKS_OR_LINE.search(self._buffer, look, limit):
            if found[0] == "\n":
                return self._leave_span()
            if found.end() == len(self._buffer) < limit and not self._final:
                self._looked = found.start()
                return False
            if len(found[0]) == self._span:
                self._emit(found.end())
                return self._leave_span()
            look = found.end()
        self._looked = look if self._final else min(limit, len(self._buffer))
        if self._final or len(self._buffer) >= limit:
            return self._leave_span()
        return False

    def _info(self) -> bool:
        char, count = self._fence
        found = _INFO_MARKS.search(self._buffer, self._at)
        if found is None:
            self._emit(self._rest())
            return False
        self._emit(found.start())
        if found["run"] and char == "`":  # a fence has no backtick on its opening line: this was a span
            self._span = count
            self._looked = self._at
            self._state = _State.SPAN
        elif found["run"]:
            self._emit(found.end())
        elif found["line"]:
            self._emit(found.end())
            self._hold_fence()
        else:
            return self._tag_in_info()
        return True

    def _tag_in_info(self) -> bool:
        """```` ```<image>… ````: a fence when the line ends without a backtick, else an inline span."""
        limit = self._at + MAX_SPAN
        found = _BACKTICKS_OR_LINE.search(self._buffer, max(self._looked, self._at), limit)
        if found is None and not self._final and len(self._buffer) < limit:
            self._looked = len(self._buffer)
            return False
        if found is not None and found[0] != "\n" and self._fence[0] == "`":
            self._span = self._fence[1]
            self._looked = self._at
            self._state = _State.SPAN
        else:
            self._hold_fence()
        return True

    def _hold_fence(self) -> None:
        self._state = _State.FENCE_HELD
        self._looked = self._at
        self._line = ""

    def _closing_line(self, line: str) -> bool:
        char, count = self._fence
        bare = line.strip()
        return len(bare) >= count and not bare.strip(char)

    def _fence_held(self) -> bool:
        """Hold a fence that begins with a tag until its end; let any other flow at once."""
        first = re.compile(r"\s*").match(self._buffer, self._at)
        begin = first.end() if first else self._at
        if begin >= len(self._buffer) and not self._final and begin - self._at < MAX_FENCE:
            return False
        closing = self._buffer[begin : begin + 1] == self._fence[0]
        unsure = not self._final and unfinished_start(self._buffer, begin) == begin
        if unsure or closing or START.match(self._buffer, begin):
            end = self._fence_end()
            if end is None and not self._final and len(self._buffer) - self._at < MAX_FENCE:
                return False
            if end is not None or (self._final and len(self._buffer) - self._at < MAX_FENCE):
                return self._decide_fence(len(self._buffer) if end is None else end)
        self._state = _State.FENCE
        return True

    def _fence_end(self) -> int | None:
        """Where the fence's closing line begins; only whole lines count until the reply has ended."""
        limit = self._at + MAX_FENCE
        while self._looked < len(self._buffer):
            line_end = self._buffer.find("\n", self._looked)
            if (line_end < 0 and not self._final) or max(line_end, self._looked) >= limit:
                return None
            stop = len(self._buffer) if line_end < 0 else line_end
            if self._closing_line(self._buffer[self._looked : stop]):
                return self._looked
            self._looked = stop + 1
        return None

    def _decide_fence(self, end: int) -> bool:
        content = self._buffer[self._at : end]
        inner = StreamParser(code=False)
        segments = inner.feed(content) + inner.close()
        texts = [segment.text for segment in segments if isinstance(segment, Text)]
        self._state = _State.FENCE  # its closing line is still to come
        if len(texts) < len(segments) and not "".join(texts).strip():
            self._flush()
            self._out += segments
            self._at = end
        return True

    def _in_fence(self) -> bool:
        while self._at < len(self._buffer):
            line_end = self._buffer.find("\n", self._at)
            stop = len(self._buffer) if line_end < 0 else line_end
            self._line = (self._line + self._buffer[self._at : min(stop, self._at + _MAX_LINE)])[:_MAX_LINE]
            self._emit(stop if line_end < 0 else line_end + 1)
            if line_end < 0:
                return False
            line, self._line = self._line, ""
            if self._closing_line(line):
                self._state = _State.TEXT
                return True
        return False

    # Tags

    def _begin_markup(self) -> None:
        found = START.match(self._buffer, self._at)
        assert found is not None
        self._scan = MarkupScan(found)
        self._state = _State.MARKUP

    def _in_markup(self) -> bool:
        assert self._scan is not None
        markup = self._scan.advance(self._buffer, self._at, final=self._final)
        if markup is Verdict.UNDECIDED:
            return False
        self._scan = None
        self._state = _State.TEXT if self._markup is None else _State.BODY
        if not isinstance(markup, Markup):
            self._keep(self._at + 1)
            return True
        raw = self._buffer[self._at : self._at + markup.length]
        if markup.closes and self._markup is None:  # a stray close tag
            self._emit(self._at + markup.length)
            return True
        if self._markup is not None:
            self._finish_directive(raw if markup.closes else "")
        self._at += markup.length
        self._line_start = False
        if not markup.closes:
            self._markup, self._raw_markup = markup, raw
            self._state = _State.BODY
            if markup.self_closed:
                self._finish_directive()
        return True

    def _keep(self, end: int) -> None:
        """What is no tag is text, or part of the body that it stands in."""
        if self._markup is None:
            self._emit(end)
            return
        room = MAX_BODY - self._body_length
        self._body_length += end - self._at
        if room > 0:
            self._body.append(self._buffer[self._at : min(end, self._at + room)])
        self._at = end

    def _in_body(self) -> bool:
        found = START.search(self._buffer, self._at)
        self._keep(self._rest() if found is None else found.start())
        if found is None:
            return False
        self._begin_markup()
        return True

    def _finish_directive(self, close_tag: str = "", *, cut_off: bool = False) -> None:
        assert self._markup is not None
        markup, body = self._markup, "".join(self._body)
        self._markup, self._body, self._body_length = None, [], 0
        self._state = _State.TEXT
        if is_html(markup, body):
            self._words.append(self._raw_markup + body + close_tag)
            return
        found = _CUT_CLOSE.search(body[-40:]) if cut_off else None
        if found and any(name.startswith(found[1].lower()) for name in OPERATIONS):
            body = body[: len(body) - len(found[0])]
        self._flush()
        self._out.append(read_directive(markup, body))


def parse(text: str) -> list[Segment]:
    """Parse a whole reply; neighbouring texts are one segment."""
    parser = StreamParser()
    merged: list[Segment] = []
    for segment in parser.feed(text) + parser.close():
        last = merged[-1] if merged else None
        if isinstance(segment, Text) and isinstance(last, Text):
            merged[-1] = Text(last.text + segment.text)
        else:
            merged.append(segment)
    return merged
