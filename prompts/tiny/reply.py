"""From the command line to the tagged reply of the protocol, while the line is still being written.

A tag is complete as soon as its part of the line is: in ``image x3: d1 | d2 | d3`` the first picture can
be rendered while the model writes the second description.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field

from prompts.lexicon.glossary import foreign_language
from prompts.tiny.changes import asks_for_change, copied, removes, with_change
from prompts.tiny.format import MAX_USER, english, harmless
from prompts.tiny.resolve import undoes
from prompts.tiny.sentences import Occasion, sentence, size_wanted
from prompts.tiny.wishes import NOTHING, Wish

_IMAGE_HEAD = re.compile(r"image(?: x(\d{1,3}))?: ?")
_EDIT_HEAD = re.compile(r"edit (\d{1,9})(?: (small|large))?: ?")
_POINT = re.compile(r"(variation|select|refine) (\d{1,9})(?: x(\d{1,3}))?\s*")
_PART = re.compile(r" \| ")
_NEXT = re.compile(r" ; ")
_SEVERAL = re.compile(r"\b(?:both|two|three|four|each|one|another|versions?|variants?|again|[2-9])\b", re.IGNORECASE)
_NUMBERED = re.compile(r"\bpictures? \d", re.IGNORECASE)
_WORDS = "reply: "
_NO_MARKUP = str.maketrans({"<": "‹", "＜": "‹", "&": "＆", "\n": " "})
"""Character by character, so that a chunk's end changes nothing."""
_MAX_TAG_TEXT = 1000


@dataclass(frozen=True, slots=True)
class ReplyContext:
    """What the reply needs to know beside the command."""

    next_id: int
    """The next free picture number of the thread."""
    max_count: int = 4
    """How many pictures one reply may bring."""
    user: str = ""
    """The message that is answered: it chooses the language and, by its hash, among equal sentences."""
    language: str | None = None
    descriptions: Mapping[int, str] = field(default_factory=dict)
    """Of the thread's pictures, by number: an edit that would say the same again gets the change itself."""
    current: int | None = None
    """The picture that is talked about, where there is one: going back to it is going nowhere."""
    wish: Wish = NOTHING
    """What its tags get besides (`prompts.tiny.wishes`)."""
    doubt: bool = False
    """Whether an edit that says nothing new, to a message that orders no change, may be doubted (`copied`)."""


class TaggedReply:
    """Turns chunks of a command line into chunks of a reply; how the line is cut makes no difference."""

    def __init__(self, context: ReplyContext) -> None:
        self._context = context
        self.language = context.language or foreign_language(context.user) or "en"
        """Of the sentences around the tags: what the thread is set to, else what the message seems to be in."""
        self._size = None if context.wish.expand else size_wanted(context.user)
        self._buffer = ""
        self._next_id = context.next_id
        self._left = max(1, context.max_count)
        self._limited = False
        self._wrote = False
        self._tags = 0
        self._head: _Head | None = None
        self._talks = False
        self._edited: set[int] = set()
        self._told = False
        """There is nothing to be done, and that is said."""
        self.is_reply = False
        """The whole line said `reply`: an answer in words is wanted and this object wrote nothing."""
        self.copied = False
        """The line is an edit that only repeats a description, and nothing was written: ask once more."""

    def feed(self, chunk: str) -> Iterator[str]:
        """Take some of the line, give what is complete."""
        self._buffer += chunk
        yield from self._advance(final=False)

    def finish(self) -> Iterator[str]:
        """The line has ended."""
        yield from self._advance(final=True)
        if self.copied:
            return
        if not self._wrote:
            if self._buffer.strip() == "reply":
                self.is_reply = True
            else:
                yield self._say("unclear")
        elif not self._tags and not self._talks and not self._told:
            yield " " + self._say("unclear")
        elif self._limited:
            yield " " + self._say("limit", n=self._context.max_count)

    def _advance(self, *, final: bool) -> Iterator[str]:
        if self._talks or (not self._wrote and self._buffer.lstrip().startswith(_WORDS)):
            yield from self._talk(final=final)
            return
        while not self.copied:
            if self._head is None:
                if not self._buffer.strip() or not (yield from self._start(final=final)):
                    return
            elif not (yield from self._describe(final=final)):
                return

    def _talk(self, *, final: bool) -> Iterator[str]:
        """Small talk: the line's own words, as they come. They are English; other languages have a sentence."""
        if not self._talks:
            self._talks = True
            self._buffer = self._buffer.lstrip().removeprefix(_WORDS)
        if not self._context.descriptions:
            # The tuned model may speak of a picture where there is none yet: its few words wait for their end.
            if not final:
                return
            said = re.split(r"(?<=[.!?]) ", self._buffer.strip())
            there = [one for one in said if not _NUMBERED.search(one)]
            self._buffer = " ".join(there if there == said else [*there, self._say("talk")])
        words, self._buffer = self._buffer, ""
        if self.language == "en" and words:
            self._wrote = True
            yield words.translate(_NO_MARKUP)
        elif final and not self._wrote:
            self._wrote = True
            yield self._say("talk")

    def _start(self, *, final: bool) -> Generator[str, None, bool]:
        """Begin the next operation if its head is complete; the return value says whether it was."""
        text = self._buffer.lstrip()
        if m := _IMAGE_HEAD.match(text):
            # `image x1` may still grow to `image x12:`; only the colon completes a head.
            self._head = _Head("image", None, size=self._size, count=int(m[1] or 1))
            self._buffer = text[m.end() :]
            several = self._head.count > 1
            yield from self._intro("several" if several else "image", n=min(self._head.count, self._left))
            return True
        if m := _EDIT_HEAD.match(text):
            # The words before the tag wait until the description says anything new.
            self._head = _Head("edit", int(m[1]), size=self._size, change=m[2], held=True)
            self._buffer = text[m.end() :]
            return True
        end = _NEXT.search(text)
        if end is None and not final:
            return False
        part, self._buffer = (text[: end.start()], text[end.end() :]) if end else (text, "")
        if m := _POINT.fullmatch(part):
            yield from self._point(m[1], int(m[2]), int(m[3] or 1))
            return True
        self._buffer = self._buffer if self._wrote else part
        return False

    def _describe(self, *, final: bool) -> Generator[str, None, bool]:
        """Write one tag if its description is complete."""
        head = self._head
        assert head is not None
        ends = [
            m for m in (_NEXT.search(self._buffer), _PART.search(self._buffer) if head.name == "image" else None) if m
        ]
        if not ends and not final:
            if head.held and not self._may_repeat(self._buffer):
                yield from self._release(head)
            return False
        end = min(ends, key=lambda m: m.start()) if ends else None
        closes = end is None or end[0] == " ; "
        text, self._buffer = (self._buffer[: end.start()], self._buffer[end.end() :]) if end else (self._buffer, "")
        yield from self._tag(head, harmless(text, _MAX_TAG_TEXT), closes=closes)
        if closes:
            self._head = None
        return True

    def _tag(self, head: _Head, description: str, *, closes: bool) -> Iterator[str]:
        if not description:
            return
        wish = self._context.wish
        if head.target is not None and wish.line is None:
            repeated = copied(description, self._context.descriptions, head.target)
            message = english(self._context.user, MAX_USER)
            old = self._context.descriptions.get(head.target, "")
            ordered = asks_for_change(message) or removes(message, old)
            if repeated is not None and not self._wrote and not ordered:
                if self._context.doubt:
                    self.copied = True
                    return
                if repeated != head.target:
                    # An older picture and nothing new about it: it is to be the current one again.
                    yield from self._point("select", head.target, 1)
                    return
            if head.target in self._edited and (repeated is not None or not _SEVERAL.search(message)):
                # A tiny model now and then goes on after it is done.
                return
            if repeated is not None:
                description = with_change(message, old, old)
            self._edited.add(head.target)
        yield from self._release(head)
        if self._left < 1:
            self._limited = True
            return
        wanted = head.count if closes and head.written == 0 else 1
        count = min(wanted, self._left)
        self._limited |= count < wanted
        number, self._next_id = self._next_id, self._next_id + count
        self._left -= count
        head.written += 1
        attributes = f' id="{number}"' + _parents(head, wish)
        if count > 1:
            attributes += f' count="{count}"'
        attributes += f' size="{head.size}"' if head.size else ""
        attributes += f' change="{head.change}"' if head.change else ""
        of_edits = {} if head.target is None else {"region": wish.region, "expand": wish.expand}
        for name, value in (*of_edits.items(), ("background", wish.background)):
            attributes += f' {name}="{value}"' if value else ""
        self._tags += 1
        yield f" <{head.name}{attributes}> {description} </{head.name}>"

    def _may_repeat(self, begun: str) -> bool:
        """Whether a description that is being written may still become one that is there."""
        return any(old.startswith(begun.lstrip()) for old in self._context.descriptions.values())

    def _release(self, head: _Head) -> Iterator[str]:
        if head.held:
            head.held = False
            yield from self._intro("edit", i=head.target)

    def _point(self, name: str, target: int, count: int) -> Iterator[str]:
        if name == "select":
            if target == self._context.current and undoes(english(self._context.user, MAX_USER)):
                yield from self._intro("nothing", i=target)
                self._told = True
                return
            yield from self._intro("select", i=target)
            self._tags += 1
            yield f" <select>{target}</select>"
            return
        if self._left < 1:
            self._limited = True
            return
        yield from self._intro("variation" if name == "variation" else "refine", i=target)
        made = min(count, self._left)
        self._limited |= made < count
        number, self._next_id = self._next_id, self._next_id + made
        self._left -= made
        counted = f' count="{made}"' if made > 1 else ""
        self._tags += 1
        yield f' <{name} id="{number}"{counted}>{target}</{name}>'

    def _intro(self, occasion: Occasion, *, n: int = 0, i: int | None = None) -> Iterator[str]:
        gap = " " if self._wrote else ""
        self._wrote = True
        yield gap + self._say(occasion, n=n, i=i)

    def _say(self, occasion: Occasion, *, n: int = 0, i: int | None = None) -> str:
        return sentence(occasion, self.language, f"{self._context.user}{self._next_id}", n=n, i=i)


def _parents(head: _Head, wish: Wish) -> str:
    """The attributes that say what it is made from."""
    named = [number for number in (head.target, *wish.others) if number is not None]
    numbers = ",".join(map(str, dict.fromkeys(named)))
    if not numbers:
        return ""
    name = "from" if head.target is None else "prev_id"
    return f' {name}="{numbers}"' + (f' as="{wish.role}"' if wish.role and wish.others else "")


@dataclass
class _Head:
    """The operation whose descriptions are being read."""

    name: str
    target: int | None
    size: str | None = None
    count: int = 1
    change: str | None = None
    written: int = 0
    held: bool = False
    """The words before the tag are not written yet."""
