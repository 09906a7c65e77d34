"""The marks around what a language model is told: who says something, and which pictures there are.

    <pictures>
    #3 image: a pewter thimble (for Noor)
    #4 edit of 3: a dented pewter thimble (for Wim) [current, latest]
    The next new picture is number 5.
    </pictures>

    <msg from="Wim">the words of the message</msg>

People cannot make these marks. In their words, names and descriptions everything that looks like one gets a
backslash (also in other brackets, alphabets and with invisible characters between), and the brackets of a line in
the table are ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from prompts.request import LanguageRequest, PictureLine, Said

MAX_DESCRIPTION: Final = 300
"""Characters of a description in the table."""
NAMES: Final = ("msg", "pictures")

_INVISIBLE = r"[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
_LOOK_ALIKES = {
    "c": "сϲⅽ",
    "e": "еҽ",
    "g": "ɡց",
    "i": "іıɩ1l",
    "m": "мⅿ",
    "p": "рρ",
    "r": "г",
    "s": "ѕꜱ",
    "t": "тτ",
    "u": "υս",
}
_OPENERS = r"[<＜﹤‹〈〈⟨❮❰≺˂ᐸ《«]|&(?:lt|#0*60|#x0*3c);?"
_GAP = rf"(?:\s|{_INVISIBLE})*"


def _letter(char: str) -> str:
    return (
        f"[{char}{char.upper()}{chr(ord(char) + 0xFEE0)}{chr(ord(char.upper()) + 0xFEE0)}{_LOOK_ALIKES.get(char, '')}]"
    )


_NAMES = "|".join(f"{_INVISIBLE}*".join(map(_letter, name)) for name in NAMES)
_MARK = re.compile(rf"((?:{_OPENERS}){_GAP}(?:[/／⁄∕]{_GAP})?)(\\*(?:{_NAMES}))", re.IGNORECASE)
_NOT_IN_NAMES = re.compile(rf"(?:[\s\x00-\x1f\x7f\"“”<>＜＞()（）\[\]［］#:：,，|]|{_INVISIBLE})+")
_OPENING, _CLOSING = re.compile(r"\s*[(（\[［【]\s*"), re.compile(r"\s*[)）\]］】]")


def harmless(text: str) -> str:
    """A text in which no mark begins or ends: `</msg>` becomes `</\\msg>`."""
    return _MARK.sub(r"\1\\\2", text)


def name_of(name: str) -> str:
    """A display name without what would end it, in a mark or in a line of the table."""
    return harmless(_NOT_IN_NAMES.sub(" ", name).strip()).replace("<", "").replace("&", "+")


def message(said: Said, text: str | None = None) -> str:
    """A person's message in its mark.

    Args:
        text: The beginning of its words, where not all of them are told.
    """
    author = name_of(said.name)
    attributes = [f' from="{author}"'] if author else []
    if said.about is not None:
        attributes.append(f' about="{said.about}"')
    if said.brought:
        attributes.append(f' brought="{", ".join(map(str, said.brought))}"')
    return f"<msg{''.join(attributes)}>{harmless(spoken(said) if text is None else text)}</msg>"


def spoken(said: Said) -> str:
    """Only what the person wrote."""
    return said.text if said.words is None else said.words


def newest(table: str, spoken: str) -> str:
    """What is asked: the newest message behind the table of pictures."""
    return f"{table}\n\n{spoken}"


def picture_table(
    pictures: Sequence[PictureLine], next_number: int, rows: int | None = None, mentioned: str = ""
) -> str:
    """The thread's pictures, one a line; of a long table the last `rows`, the current and the mentioned ones."""
    kept = pictures
    if rows is not None and len(pictures) > rows:
        numbers = set(_numbers(mentioned))
        last = pictures[len(pictures) - rows :]
        kept = [line for line in pictures if line in last or line.current or line.number in numbers]
    lines = [_table_line(line) for line in kept]
    if len(kept) < len(pictures):
        lines.insert(0, f"({len(pictures) - len(kept)} older ones are not listed)")
    lines = lines or ["There are no pictures in this thread yet."]
    return "\n".join(["<pictures>", *lines, f"The next new picture is number {next_number}.", "</pictures>"])


def _table_line(line: PictureLine) -> str:
    """Brackets are ours: no description can say who its picture is for, or that it is the current one."""
    parent = f" of {' and '.join(map(str, (line.parent, *line.others)))}" if line.parent is not None else ""
    words = _CLOSING.sub("", _OPENING.sub(", ", " ".join(line.description.split())[:MAX_DESCRIPTION]))
    author = name_of(line.author)
    marks = [mark for mark, holds in (("current", line.current), ("latest", line.latest_batch)) if holds]
    facts = [f"(for {author})"] if author else []
    facts += [f"[{', '.join(marks)}]"] if marks else []
    return " ".join([f"#{line.number} {line.operation.value}{parent}: {harmless(words)}", *facts])


def _numbers(text: str) -> Iterable[int]:
    words = "".join(char if char.isdecimal() else " " for char in text).split()
    return (int(word) for word in words if len(word) <= 9)


def asked(request: LanguageRequest, rows: int | None = None) -> str:
    """The newest message of a request, whole, as the model reads it."""
    return newest(
        picture_table(request.pictures, request.next_number, rows, spoken(request.user)), message(request.user)
    )
