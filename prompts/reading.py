"""From a tag's attributes and body to a `Directive`, read as meant; what cannot run becomes a `problem`."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from imaging.model import Operation
from prompts.markup import DOUBLE_QUOTES, SINGLE_QUOTES, Markup
from prompts.operations import (
    BACKGROUNDS,
    CHANGES,
    MAX_COUNT,
    MAX_PARENTS,
    OPERATIONS,
    ROLES,
    SIDES,
    SIZES,
    Body,
    Directive,
    OperationRow,
)

MAX_DESCRIPTION: Final = 8000
"""Characters; more is not a description of a picture."""
MAX_WORDS: Final = 500
"""Characters of `style` and `negative`."""
_LONGEST_REFERENCE = 80

_ATTRIBUTE = re.compile(
    rf"(?<![\w-])(?P<name>[\w-]+)\s*[=＝]\s*(?:[{DOUBLE_QUOTES}](?P<double>[^{DOUBLE_QUOTES}]*)(?:[{DOUBLE_QUOTES}]|\Z)"
    rf"|[{SINGLE_QUOTES}](?P<single>(?:[^{SINGLE_QUOTES}]|[{SINGLE_QUOTES}](?=\w))*)(?:[{SINGLE_QUOTES}]|\Z)"
    r"|(?:&quot;|&#0?34;)(?P<entity>.*?)(?:&quot;|&#0?34;|\Z)"
    r"|(?:&apos;|&#0?39;)(?P<entity1>.*?)(?:&apos;|&#0?39;|\Z)"
    r"|(?P<bare>\S*))",
    re.IGNORECASE | re.DOTALL,
)
_KINDS = ("double", "single", "entity", "entity1", "bare")
_ALIASES = {
    "previd": "source",
    "prev": "source",
    "from": "source",
    "of": "source",
    "ref": "source",
    "source": "source",
    "parent": "source",
    "negativeprompt": "negative",
    "n": "count",
    "prompt": "description",
    "aspect": "size",
    "aspectratio": "size",
    "ratio": "size",
    "orientation": "size",
    "role": "as",
    "area": "region",
    "part": "region",
    "outpaint": "expand",
    "extend": "expand",
    "zoom": "expand",
    "pan": "expand",
    "bg": "background",
}
_ENGLISH = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMBER_WORDS = {word: n for words in (_ENGLISH, "一二三四五六七八九十") for n, word in enumerate(words, 1)}
_NUMBER = rf"(?P<number>\d{{1,9}}|{'|'.join(sorted(_NUMBER_WORDS, key=len, reverse=True))})"
_REFERENCE = re.compile(
    rf"(?:the\s+)?(?:(?:picture|image|pic|photo|number|no|nr|id|ref|version|图片|图|第)[\s.:=#]*)*[#＃№\[(]*\s*{_NUMBER}"
    r"\s*[\])]*\s*(?:号|张图?|幅)?\s*(?:[.,;!]|[(:（：].*)?",
    re.IGNORECASE | re.DOTALL,
)
_LISTED = re.compile(r"\d+|[a-z]+|\S", re.IGNORECASE)
_NUMBER_NOUNS = r"(?:picture|image|pic|photo|number|no|nr|id|ref|version)s?"
_AROUND_NUMBERS = re.compile(
    rf"the|both|and|or|to|with|und|oder|bis|et|ou|y|o|{_NUMBER_NOUNS}|[和与或到图片第号张幅、,，;；:：./&+–—~#＃№\[\]()（）-]",
    re.IGNORECASE,
)
_RUN = re.compile(r"#?(?P<first>\d{1,9})\s*(?:-|–|—|~|\.\.+|to)\s*#?(?P<last>\d{1,9})", re.IGNORECASE)
_COUNT = re.compile(
    rf"[x×]?\s*{_NUMBER}\s*(?:[x×]|times|(?:picture|image|version|variation|variant)s?|[张幅个])?", re.IGNORECASE
)
_RATIO = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)(?:px)?\s*[:：/x×*]\s*(\d{1,5}(?:\.\d{1,3})?)(?:px)?", re.IGNORECASE)
_SQUARE_UP_TO = 1.2
"""Width by height, or the other way round: 4:5 is tall already, 6:7 is not."""
_SIZE_WORDS = {
    "landscape": "wide",
    "horizontal": "wide",
    "widescreen": "wide",
    "panorama": "wide",
    "panoramic": "wide",
    "portrait": "tall",
    "vertical": "tall",
}
_CHANGE_WORDS = {"minor": "small", "slight": "small", "little": "small", "big": "large", "major": "large"}
_ROLE_WORDS = {"look": "style", "figure": "character", "subject": "character", "person": "character"}
_SIDE_WORDS = {
    "top": "up",
    "above": "up",
    "bottom": "down",
    "below": "down",
    "out": "all",
    "around": "all",
    "every side": "all",
    "all sides": "all",
}
_BACKGROUND_WORDS = dict.fromkeys(("transparent", "no", "remove", "removed", "alpha"), "none")
_HTML_SELECT = re.compile(r"<\s*(?:option|optgroup)\b", re.IGNORECASE)
_NAMES = "|".join(OPERATIONS)
_TAG_START = re.compile(
    rf"(<|＜|&lt;|&#0?60;|&#x0?3c;)(\s{{0,16}}(?:[/／]\s{{0,16}})?)(\\*)({_NAMES})",
    re.IGNORECASE,
)


def read_number(text: str, pattern: re.Pattern[str] = _REFERENCE) -> int | None:
    """The picture number that `2`, `#2`, `picture 2` or `two` names; None when it names none."""
    short = text.strip()
    found = pattern.fullmatch(short) if len(short) <= _LONGEST_REFERENCE else None
    if found is None:
        return None
    word = found["number"].lower()
    return _NUMBER_WORDS.get(word) or int(word)


def names_several(text: str) -> bool:
    """Whether a text is nothing but numbers of several pictures: `2, 3`, `#1 and #4`, `1-3`, `2 (and 3)`."""
    if len(text) > _LONGEST_REFERENCE or re.fullmatch(r"\d+\.\d+", text):
        return False
    parts = [part.lower() for part in _LISTED.findall(text)]
    rest = [part for part in parts if not part.isdecimal() and part not in _NUMBER_WORDS]
    return len(parts) - len(rest) > 1 and all(_AROUND_NUMBERS.fullmatch(part) for part in rest)


def read_numbers(text: str) -> Iterator[int]:
    """The numbers in a text that `names_several`; `1-3` is three of them."""
    if run := _RUN.fullmatch(text.strip()):
        first, last = int(run["first"]), int(run["last"])
        if first < last:
            yield from range(first, min(last, first + _LONGEST_REFERENCE) + 1)
            return
    for part in _LISTED.findall(text.lower()):
        number = _NUMBER_WORDS.get(part) or (int(part) if part.isdecimal() else None)
        if number is not None:
            yield number


def read_size(text: str) -> str | None:
    """The size that a word (`tall`, `landscape`), a ratio (`9:16`) or pixels (`1024x1536`) mean; None: none."""
    word = text.strip().lower()
    if word in SIZES:
        return word
    ratio = _RATIO.fullmatch(word)
    if ratio is None:
        return _SIZE_WORDS.get(word)
    width, height = float(ratio[1]), float(ratio[2])
    if not width or not height:
        return None
    if max(width, height) / min(width, height) <= _SQUARE_UP_TO:
        return "square"
    return "wide" if width > height else "tall"


def is_html(markup: Markup, body: str) -> bool:
    """A web form's `<select>`, which shares its name with ours."""
    return markup.name == Operation.SELECT.value and _HTML_SELECT.search(body) is not None


def read_directive(markup: Markup, body: str) -> Directive:
    """Read one tag. `body` is the raw text between its open and close tag."""
    return _Reader(OPERATIONS[markup.name], markup.attributes, body).read()


class _Reader:
    """Collects what is wrong while it reads, so that one repair can mend all of it."""

    def __init__(self, row: OperationRow, attributes: str, body: str) -> None:
        self._row = row
        self._problems: list[str] = []
        self._values, self._loose = read_attributes(attributes)
        self._body = words(body)

    def read(self) -> Directive:
        id_ = self._number("id", "id")
        role = self._word("as", ROLES, _ROLE_WORDS)
        others: list[int] = []
        description = ""
        match self._row.body:
            case Body.DESCRIPTION:
                parents = self._parents(role)
                source, others = next(iter(parents), None), parents[1:]
                description = self._description()
            case Body.REFERENCE:
                id_, source, description = self._referred(id_, self._number("source", "prev_id"))
        return Directive(
            self._row.operation,
            id=id_,
            source=source,
            description=description,
            count=self._count(),
            size=self._size(),
            change=self._word("change", CHANGES, _CHANGE_WORDS),
            style=self._free("style"),
            negative=self._free("negative"),
            others=tuple(others),
            role=role,
            region=self._free("region"),
            expand=self._word("expand", SIDES, _SIDE_WORDS, needed=True),
            background=self._word("background", BACKGROUNDS, _BACKGROUND_WORDS, needed=True),
            problem=self._problem(),
        )

    def _problem(self) -> str | None:
        if not self._problems:
            return None
        sentence = "; ".join(self._problems) + "."
        return sentence if re.match(r"\w+=", sentence) else sentence[0].upper() + sentence[1:]

    def _given(self, name: str) -> str | None:
        """An attribute's value where the operation has that attribute and it is not empty."""
        refers = self._row.body is Body.REFERENCE or not {"prev_id", "from"}.isdisjoint(self._row.attributes)
        known = refers if name == "source" else name in self._row.attributes
        return (self._values.get(name) or None) if known else None

    def _number(self, name: str, shown: str) -> int | None:
        value = self._given(name)
        if value is None:
            return None
        if names_several(value):
            run = _RUN.fullmatch(value) if name == "id" else None
            if run and int(run["last"]) - int(run["first"]) + 1 == read_number(self._given("count") or "", _COUNT):
                return int(run["first"])  # id="5-6" count="2": they are numbered one after another anyhow
            self._problems.append(f"{shown}={_quoted(value)} names several pictures where there can be only one")
            return None
        number = read_number(value)
        if number is None:
            self._problems.append(f"{shown}={_quoted(value)} is not the number of a picture")
        return number

    def _parents(self, role: str | None) -> list[int]:
        """The pictures that something is made from. A number on a new picture is no parent unless it says what is taken
        over from it, or stands beside others: models write the number of the last picture there for no reason."""
        value = self._given("source") or ""
        if "from" in self._row.attributes and role is None and not names_several(value):
            return []
        if not names_several(value):
            number = self._number("source", "prev_id")
            return [] if number is None else [number]
        numbers = list(dict.fromkeys(read_numbers(value)))
        if len(numbers) > MAX_PARENTS:
            self._problems.append(
                f"prev_id={_quoted(value)} names {len(numbers)} pictures; a picture is made from at most {MAX_PARENTS}"
            )
        return numbers[:MAX_PARENTS]

    def _word(self, name: str, known: tuple[str, ...], others: dict[str, str], *, needed: bool = False) -> str | None:
        """An attribute that has only a few values; `needed`: another one is a problem, not read over."""
        said = (self._given(name) or "").lower().removeprefix("the ")
        value = others.get(said, said)
        if value in known:
            return value
        if value and needed:
            self._problems.append(f"{name}={_quoted(said)} must be {_either(known)}")
        return None

    def _description(self) -> str:
        description = self._body or self._values.get("description", "")
        if not description:
            self._problems.append(f"the <{self._row.name}> tag has no description")
        if len(description) > MAX_DESCRIPTION:
            self._problems.append(f"the description is longer than {MAX_DESCRIPTION} characters")
            description = description[:MAX_DESCRIPTION].rstrip()
        return description

    def _referred(self, id_: int | None, source: int | None) -> tuple[int | None, int | None, str]:
        """Which picture is meant: the body says it, else an attribute, else the tag's own id.

        A body of other words is a request that this tag cannot carry out: it is never dropped for the sake of a number
        beside it, since `<refine prev_id="3"> the fox at night </refine>` would then draw no night.
        """
        inside = self._body or self._loose
        if names_several(inside):
            self._problems.append(
                f"{_quoted(inside)} names several pictures, but a <{self._row.name}> tag holds the number of one; "
                "each picture needs a tag of its own"
            )
            return id_, source, ""
        found = read_number(inside)
        words = self._values.get("description") or (self._body if found is None else "")
        asked = words or self._values.get("style") or self._values.get("negative")
        if asked:
            self._no_number(asked, source or found)
            return id_, source or found, words[:MAX_DESCRIPTION]
        if found is not None and source is not None and found != source:
            self._problems.append(f"the <{self._row.name}> tag names two pictures, {source} and {found}")
            return id_, source, ""
        found = source if found is None else found
        if found is None and id_ is not None:
            return None, id_, ""
        if found is None and not self._problems:
            self._problems.append(
                f"the <{self._row.name}> tag must hold the number of a picture, but no picture is named"
            )
        return id_, found, ""

    def _no_number(self, words: str, source: int | None) -> None:
        picture = "a picture" if source is None else f"picture {source}"
        self._problems.append(
            f"the <{self._row.name}> tag must hold the number of a picture and nothing else, not {_quoted(words)}; "
            f"to change {picture} takes an <edit> tag with the full description"
        )

    def _count(self) -> int:
        value = self._values.get("count")
        if not value or (self._row.body is Body.REFERENCE and "count" not in self._row.attributes):
            return 1  # nobody wants the same picture chosen or refined twice
        if "count" not in self._row.attributes:
            if read_number(value, _COUNT) not in (None, 1):
                self._problems.append(
                    f"the <{self._row.name}> tag makes one picture, not {_quoted(value)}; "
                    "each picture needs a tag of its own"
                )
            return 1
        count = read_number(value, _COUNT)
        if count is None or not 1 <= count <= MAX_COUNT:
            self._problems.append(f"count={_quoted(value)} must be a number from 1 to {MAX_COUNT}")
            return 1
        return count

    def _size(self) -> str | None:
        value = self._given("size")
        if value is None:
            return None
        size = read_size(value)
        if size is None:
            self._problems.append(f"size={_quoted(value)} must be square, wide or tall")
        return size

    def _free(self, name: str) -> str | None:
        value = self._given(name)
        return value[:MAX_WORDS].rstrip() if value else None


def read_attributes(text: str) -> tuple[dict[str, str], str]:
    """Attribute values by name (aliases resolved, the first of each counts), and what stood around them."""
    values: dict[str, str] = {}

    def take(found: re.Match[str]) -> str:
        name = re.sub(r"[_-]", "", found["name"].lower())
        value = next((found[kind] for kind in _KINDS if found[kind] is not None), "")
        name, value = _ALIASES.get(name, name), words(html.unescape(value))
        if name == "source" and values.get(name, value) != value:
            value = f"{values.pop(name)}, {value}"  # two parents, not the first of them
        values.setdefault(name, value)
        return " "

    loose = _ATTRIBUTE.sub(take, text)
    return values, loose.strip()


def words(text: str) -> str:
    """One line, without what was escaped for the tag's sake."""
    return unescape(" ".join(text.split()))


def escape(text: str) -> str:
    """Put a backslash before the name of every tag, so that the parser does not read it as one."""
    return _with_backslashes(text, lambda backslashes: backslashes + "\\")


def unescape(text: str) -> str:
    """The inverse of `escape`."""
    return _with_backslashes(text, lambda backslashes: backslashes[1:])


def _with_backslashes(text: str, change: Callable[[str], str]) -> str:
    return _TAG_START.sub(lambda found: found[1] + found[2] + change(found[3]) + found[4], text)


def _either(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _quoted(value: str) -> str:
    short = value if len(value) <= 60 else value[:57] + "…"
    return '"' + short.replace('"', "'") + '"'
