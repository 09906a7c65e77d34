"""What a text says under look-alike letters, invisible characters, spaced or dotted letters and digits for letters.

A text has several readings: as it is written, and as it would be read where somebody wrote around a word list. Each is
looked at by itself, so folding too much in one of them hides nothing in another. Every step is linear in the text.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

# Letters that look like a Latin one, by script: Cyrillic, Greek, Armenian, Cherokee, small capitals and phonetic signs.
# Unicode's list (UTS 39, confusables) has far more; these are the ones that fonts draw alike. All in lower case,
# since text is case-folded before it is compared.
_LOOKS = {
    "a": "аαɑᴀꭺ", "b": "ьʙвᏼꮟ", "c": "сϲᴄꮯⅽ", "d": "ԁɗᴅꭰ", "e": "еҽєεᴇ℮ꭼ", "f": "ғꜰſƒ", "g": "ɡԍɢցꮐ", "h": "һʜհнꮋ",
    "i": "іɩιɪӏı", "j": "јϳᴊꭻ", "k": "кκᴋꮶ", "l": "ⅼʟꮮ", "m": "мᴍⅿꮇ", "n": "пոηɴή", "o": "оοօᴏσꮎ", "p": "рρᴘꮲ",
    "q": "ԛզ", "r": "гʀꭱᴦ", "s": "ѕꜱꮪʂ", "t": "тτᴛꭲ", "u": "υսᴜцμ", "v": "ѵνᴠꮩ", "w": "ԝѡᴡωшꮃ", "x": "хχ×",
    "y": "уүʏγყ", "z": "ᴢʐꮓ",
}  # fmt: skip
LOOKS = str.maketrans({alike: letter for letter, alikes in _LOOKS.items() for alike in alikes})
LEET = str.maketrans("0134578@$!|+€¡", "oieastbasiltei")
ONE_IS_L = str.maketrans("1|", "ll")
_MASK = re.compile(r"(?<=\w)[*#]+(?=\w)")
VOWELS = "aeiou"
"""What a sign that hides a letter ("p*rn") most often hides."""

# What normalisation leaves alone, though it is only another way to write a letter.
_LETTERS = {
    **{0x1F150 + n: chr(97 + n) for n in range(26)},  # negative circled
    **{0x1F170 + n: chr(97 + n) for n in range(26)},  # negative squared
    **{0x1F1E6 + n: chr(97 + n) for n in range(26)},  # regional indicators, of which flags are made
    **{0xE0020 + n: chr(32 + n) for n in range(95)},  # tags: invisible to people, read by language models
    **dict(zip(map(ord, "øłđæœıىیکةے"), ("o", "l", "d", "ae", "oe", "i", "ي", "ي", "ك", "ه", "ي"), strict=True)),
}
# Fillers that draw nothing and are no spaces to Unicode; tatweel, which only makes Arabic words longer.
_NOTHING = re.compile("[\u0640\u115f\u1160\u2800\u3164\uffa0\U0001f3fb-\U0001f3ff]")
# Marks on letters whose bare form still is the word. Marks of kana and of Indic scripts make another letter and stay.
_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\U000e0100-\U000e01ef]"
)
_REVERSED = re.compile("\u202e([^\u202c\u2069\n]*)")
_LONG = re.compile(r"([^\W\d_])\1{2,}")
_CHUNK = re.compile("[^\\s\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
"""What stands between spaces; Chinese, Japanese and Korean stand beside Latin letters without one."""
_ASCII_WORDS = re.compile("[a-z]+|[0-9]+")
_CAPITAL_I = re.compile("(?<=[a-z])I")
_HASHTAG = re.compile(r"#(\w+)")
_DIGITS = re.compile(r"\d+|\D+")
SHORTEST_RUN = 3
"""Single letters in a row that are taken for a spaced word."""


@dataclass(frozen=True, slots=True)
class Readings:
    """`words`: lower-case words, symbols and numbers with one space between them and one at each end. `runs`: letters
    that were spaced one by one, and hashtags: where one word ends and the next begins is unknown."""

    words: tuple[str, ...]
    runs: tuple[str, ...] = ()


def clean(text: str) -> str:
    """A text in compatible, lower-case characters without marks on letters and without what nobody sees.
    Spaces and punctuation stay. Cleaning a clean text changes nothing."""
    if text.isascii():
        return text.casefold()
    for _ in range(4):  # each step can make work for an earlier one; it settles after two
        before, text = text, _clean(text)
        if text == before:
            break
    return text


def _clean(text: str) -> str:
    text = unicodedata.normalize("NFKC", text.translate(_LETTERS)).casefold().translate(_LETTERS)
    text = _NOTHING.sub("", _MARKS.sub("", unicodedata.normalize("NFKD", text)))
    kept = (char for char in text if unicodedata.category(char) not in {"Cf", "Cn", "Cs", "Co"})
    return unicodedata.normalize("NFKC", "".join(kept))


def words(text: str) -> str:
    """A clean text as words. Symbols and numbers stand alone; all else that is no letter parts words."""
    if text.isascii():
        return f" {' '.join(_ASCII_WORDS.findall(text))} "
    out: list[str] = []
    word: list[str] = []

    def end() -> None:
        if word:
            out.extend(_DIGITS.findall("".join(word)))
            word.clear()

    for char in text:
        kind = unicodedata.category(char)
        if kind[0] in "LNM":
            word.append(char)
        else:
            end()
            if kind == "So":
                out.append(char)
    end()
    return f" {' '.join(out)} "


def readings(text: str) -> Readings:
    """All that a text may say; about a dozen readings at most, each of a length that is linear in the text's."""
    versions = [clean(text)]
    if "\u202e" in text:  # what is written backwards and shown forwards
        versions.append(clean(_REVERSED.sub(lambda found: found[1][::-1], text)))
    if _CAPITAL_I.search(text):  # drawn like a small L
        versions.append(clean(_CAPITAL_I.sub("l", text)))
    found: dict[str, None] = {}
    runs = {clean(tag): None for tag in _HASHTAG.findall(text)}
    for version in versions:
        found[words(version)] = None
        for looks in dict.fromkeys((_looks(version, LEET), _looks(version, {**LEET, **ONE_IS_L}))):
            joined, letters = _joined(looks)
            found.update({words(looks): None, words(joined): None})
            runs.update(dict.fromkeys(letters))
        if _MASK.search(version):
            found.update((words(_looks(_MASK.sub(vowel, version), LEET)), None) for vowel in VOWELS)
    return Readings(tuple(found), tuple(runs))


def looks(text: str) -> str:
    """What a short text looks like to a quick eye: two names with the same looks are taken for one another."""
    return _looks(clean(text), {**LEET, **ONE_IS_L})


def _looks(text: str, leet: dict[int, int]) -> str:
    """The text with look-alikes and digits for letters, word by word; a word of another script stays a word of it."""
    return _LONG.sub(r"\1", _CHUNK.sub(lambda chunk: _latin(chunk[0], leet), text))


def _latin(chunk: str, leet: dict[int, int]) -> str:
    folded = chunk.translate(LOOKS)
    if folded != chunk and any(char.isalpha() and not char.isascii() for char in folded):
        folded = chunk  # not all of it is drawn like Latin: a real word of its script
    if not any("a" <= char <= "z" for char in folded):
        return folded
    body = folded.rstrip("!?.,;:)'\"")  # an exclamation mark at the end is one
    return body.translate(leet) + folded[len(body) :]


def _joined(text: str) -> tuple[str, list[str]]:
    """The text without what stands between the letters of a word ("n.u.d.e", "n u d e"), and the letters of each run
    that was spaced. A wider gap in a run parts words."""
    out: list[str] = []
    run: list[str] = []
    runs: list[str] = []

    def end() -> None:
        pieces = [piece for piece in run if piece.strip()]
        if len(pieces) >= SHORTEST_RUN:
            gaps = [len(piece) for piece in run if not piece.strip()]
            narrow = min(gaps, default=1)
            out.append("".join(" " if not piece.strip() and len(piece) > narrow else piece.strip() for piece in run))
            runs.append("".join(pieces))
            if run[-1].isspace():
                out.append(run[-1])
        else:
            out.extend(run)
        run.clear()

    for piece in re.findall(r"\s+|\S+", text):
        bare = "".join(char for char in piece if char.isalnum() or unicodedata.category(char)[0] == "M")
        if piece.isspace() and run:
            run.append(piece)
        elif len(bare) == 1 and not bare.isdigit():
            run.append(bare)
        else:
            end()
            out.append(piece if piece.isspace() else bare or piece)
            if bare and bare != piece and _dotted(piece):
                runs.append(bare)
    end()
    return "".join(out), runs


def _dotted(piece: str) -> bool:
    """Whether a chunk is letters with something between each ("n.u.d.e.g.i.r.l"), not words ("half-naked")."""
    parts = [part for part in re.split(r"[\W_]+", piece) if part]
    return len(parts) >= SHORTEST_RUN and all(len(part) == 1 for part in parts)
