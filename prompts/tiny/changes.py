"""What to do when the model copies a picture's description without the change that was asked for.

A tiny model loses a rare word at times and writes the old description once more. Drawing the same picture again is
never what an edit means, so the change itself is put in: taken out of the description for a removal, added to it for
everything else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from prompts.tiny.format import MAX_DESCRIPTION, cut
from prompts.tiny.keywords import stem, words_of

_COURTESY = re.compile(
    r"^(?:(?:please|pls|can you|could you|would you|can we|could we|i|we|want|would like|i'd like|we'd like|to|let's"
    r"|let us|now|and|also|then|ok|okay|just|maybe|perhaps|actually|but|so|hm+|well|nice|great)\b[,.!:]*\s*)+",
    re.IGNORECASE,
)
_VERB = re.compile(
    r"^(?:add|include|put in|put|give|make|turn|change|paint|draw|show|let|have|place|insert|dress|set)\b\s*"
    r"(?:(?:it|him|her|them|this|that|me|us|(?<=give )the [\w-]+)\b\s*)?(?:to\s+)?",
    re.IGNORECASE,
)
_ORDER = re.compile(
    r"\b(?:add|include|insert|make|paint|colou?r|turn|change|replace|swap|exchange|switch|give|dress|draw|place"
    r"|put(?! (?:it|that|this|them|everything) back)|remove|delete|erase|clear away|get rid|take (?:out|away|off)"
    r"|(?:can|could|should|would) (?:the|he|she|it|they)\b.* (?:have|be|wear|get|hold|look)"
    r"|(?:he|she|it|they|the \w+) (?:should|must|needs?|ought))\b",
    re.IGNORECASE,
)
_TAIL = re.compile(r"[\s,]*(?:please|pls|thanks|thank you|if you can|ok)?[\s.!?]*$", re.IGNORECASE)
_REMOVAL = re.compile(
    r"\b(?:remove|delete|erase|wipe|clear|hide|skip|without|get rid of|no more|take (?:out|away|off)|lose|drop|minus"
    r"|leave out|cut|ditch|(?:not|\w+n['’]t) (?:need|want|like)|no)\b(?P<what>[^,.;!?]*)"
    r"|\b(?:get|throw|kick|take|send) (?:the|that|this|those|these) (?P<out>[\w -]+?) (?:out|away|off)\b"
    r"|\bthe (?P<gone>[\w -]+?) (?:(?:is|are) (?:too much|distracting|unnecessary|in the way)"
    r"|(?:has|have|had|need|needs|must|should|can)(?: to)? (?:go|disappear|vanish|leave|be gone))\b",
    re.IGNORECASE,
)
_JOINTS = r"(?:with|and|wearing|holding|next to|beside|near|behind|in front of|under)"


def asks_for_change(message: str) -> bool:
    """Whether an (English) message plainly orders a change: "add …", "could it have …", "she needs …"."""
    return _ORDER.search(message) is not None


def removes(message: str, description: str) -> bool:
    """Whether a message wants something away that a description shows."""
    removal = _REMOVAL.search(message)
    return removal is not None and bool(words_of(_unwanted(removal)) & words_of(description))


def _unwanted(removal: re.Match[str]) -> str:
    return removal["what"] or removal["out"] or removal["gone"] or ""


def copied(new: str, descriptions: Mapping[int, str], target: int) -> int | None:
    """The picture whose description a new one only repeats, the one that is changed before all others."""
    said = words_of(new)
    ordered = sorted(descriptions, key=lambda number: (number != target, -number))
    return next((number for number in ordered if words_of(descriptions[number]) == said), None)


def with_change(message: str, old: str, new: str) -> str:
    """Return ``new``; where it only says the old description again, that with what the (English) message asks for.

    Args:
        message: What the person wrote.
        old: The description of the picture that is to be changed.
        new: The description that the model wrote for the changed one.
    """
    if words_of(new) != words_of(old) or not message.strip():
        return new
    removal = _REMOVAL.search(message)
    at = max(map(removal.start, ("what", "out", "gone"))) if removal else 0
    order = _ORDER.search(message, at)
    if removal is not None:
        # "The one without the boat, and add a rainbow": what goes, then what comes.
        gone = _unwanted(removal)
        old = _without(old, words_of(gone[: order.start() - at] if order else gone))
        if order is None:
            return old
    # "In #4 make the waves golden": what is before the order says where; "You forgot the pier, put it in" needs all.
    clause = message[order.start() :] if order and (removal or _VERB.match(message[order.start() :])) else message
    for part in (clause, message):
        change = _VERB.sub("", _COURTESY.sub("", part.strip()), count=1)
        change = _TAIL.sub("", change) or part.strip(" .!?")
        if words_of(change) - words_of(old):
            return cut(f"{old.rstrip(' .,')}, {change}", MAX_DESCRIPTION)
    return old


def _without(description: str, gone: set[str]) -> str:
    """Take the clause or phrase with one of these words out; the first clause, which is the subject, stays."""
    first, *clauses = description.split(", ")
    kept = [clause for clause in clauses if not {stem(word) for word in re.findall(r"[^\W_]+", clause)} & gone]
    if len(kept) < len(clauses):
        return ", ".join([first, *kept])
    for word in re.findall(r"[^\W_]+", first):
        if stem(word) in gone:
            phrase = rf" {_JOINTS} (?:(?:an?|the|some|two|three|four) )?(?:[\w-]+ ){{0,2}}{re.escape(word)}\b"
            shorter = re.sub(phrase, "", first, count=1)
            if shorter != first:
                return ", ".join([shorter, *clauses])
    return description
