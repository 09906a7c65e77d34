"""Word-by-word English for messages in other languages.

The tiny model reads English. A table of everyday words turns "Zeichne einen Fuchs im Schnee" into "draw a
fox in the snow", which is enough for it to see what is wanted and to describe it in English; words that
are not in the table stay as they are. Only messages that look foreign are touched.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from prompts.lexicon import words as w
from prompts.lexicon.words import words

LOOKED_AT = 600
"""Characters of a message by which its language is told."""
LANGUAGES = ("de", "fr", "es", "it", "pt", "nl", "zh", "ja")


_ENGLISH = frozenset(words("everyday english")) | {
    word for nouns in (*w.KINDS.values(), w.COLOURS) for noun in nouns for word in noun.split("_")
}
"""Words by which a message is known to be English already."""


@cache
def _rows() -> tuple[str, ...]:
    lines = files(__package__).joinpath("glossary.txt").read_text("utf-8").splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))


@cache
def glossary(language: str) -> dict[str, str]:
    """The language's words and phrases with their English."""
    column = LANGUAGES.index(language) + 1
    found: dict[str, str] = {}
    for line in _rows():
        cells = line.split("|")
        for form in cells[column].split("/") if column < len(cells) else []:
            if form and form not in found:
                found[form] = cells[0]
    return found


@cache
def _pattern(language: str) -> re.Pattern[str]:
    """All forms, longest first; grouped by their first letter, or every word would be compared with every form."""
    spaced = language not in ("zh", "ja")
    groups: dict[str, list[str]] = {}
    for form in sorted(glossary(language), key=len, reverse=True):
        whole = spaced and not form.endswith("'")
        groups.setdefault(form[0], []).append(re.escape(form[1:]) + (r"(?!\w)" if whole else ""))
    alternatives = "|".join(f"{re.escape(first)}(?:{'|'.join(rest)})" for first, rest in groups.items())
    return re.compile(rf"(?<!\w)(?:{alternatives})" if spaced else alternatives, re.IGNORECASE)


def foreign_language(text: str) -> str | None:
    """Which language a message seems to be in; None for English and for what cannot be told."""
    text = text[:LOOKED_AT]
    if re.search(r"[぀-ヿ]", text):
        return "ja"
    if re.search(r"[一-鿿]", text):
        return "zh"
    plain = text.replace("’", "'").lower()
    said = re.findall(r"[^\W\d_]+", plain)
    english = sum(word in _ENGLISH for word in said)
    hits = {language: _weight(language, plain) for language in LANGUAGES[:6]}
    best = max(hits, key=lambda language: hits[language])
    foreign_letters = bool(re.search(r"[äöüßçñãõ¿¡éèêáíóúàìòù]", plain))
    return best if hits[best] > 1.5 * english and (hits[best] > 1 or foreign_letters or len(said) <= 2) else None


def _weight(language: str, text: str) -> int:
    """Words of the message that the language's glossary turns into something else."""
    known = glossary(language)
    matches = (m[0].lower() for m in _pattern(language).finditer(text))
    return sum(len(m.split()) for m in matches if known.get(m, m) != m)


def gloss(text: str) -> str:
    """Put a foreign message into word-by-word English; English comes back unchanged. For one line, not for a novel."""
    language = foreign_language(text)
    if language is None:
        return text
    known = glossary(language)
    plain = text.replace("’", "'")
    if language in ("zh", "ja"):
        replaced = _pattern(language).sub(lambda m: f" {known[m[0]]} ", plain)
        return re.sub(r"\s+", " ", replaced.translate(str.maketrans("，。？！：", ",.?!:"))).strip()
    spaced = _pattern(language).sub(lambda m: known[m[0].lower()] + (" " if m[0].endswith("'") else ""), plain)
    return re.sub(r"\s+", " ", spaced).strip()
