"""A brainstorm that is asked for in words: "let's brainstorm six mascots for a bakery", in six languages. Pure.

Only what asks for one now and says on what: who tells of a brainstorm ("we brainstormed yesterday"), asks about one or
forbids one goes on talking.
"""

# ruff: noqa: E501 -- patterns read better unwrapped

from __future__ import annotations

import re

from handlers.round import IDEAS

LONGEST = 400
"""Characters; a longer message tells something."""

_NUMBER = r"(?:(?P<count>\d{1,2}|two|three|four|five|six|seven|eight|zwei|drei|vier|fünf|sechs|sieben|acht|deux|trois|quatre|cinq|six|sept|huit|dos|tres|cuatro|cinco|seis|siete|ocho|[二两三四五六七八])\s*)?"
_PLEASE = r"(?:(?:ok(?:ay)?|hey|hi|hello|so|please|now|bitte|also|hallo|s'il (?:te|vous) pla[iî]t|por favor|salut|hola)\b[\s,.:!–-]*)*"
_ASKS = (
    # English
    r"(?:let'?s|let us|can (?:we|you)|could (?:we|you)|shall we|i(?:'d| would) like to|i want to|we (?:want|need) to|help (?:me|us)(?: to)?)?\s*"
    r"brain-?storm\b(?:\s+(?:with (?:me|us)|together|some|a few|ideas|on|about|around|for)\b)*\s*[:,]?\s*{n}(?:ideas?\s+(?:for|about|on)\s+)?(?P<topic>.+)",
    r"(?:let'?s|can we|could we|shall we)\s+(?:do|have|start|hold|run)\s+a\s+brain-?storm(?:ing)?(?:\s+session)?\s*(?:on|about|for|:)\s*{n}(?P<topic>.+)",
    r"(?:start|begin|open|run)\s+a\s+brain-?storm(?:ing)?(?:\s+session)?\s*(?:on|about|for|:)\s*{n}(?P<topic>.+)",
    # German
    r"(?:lass(?:t)? uns|wollen wir|können wir|kannst du|wir (?:wollen|möchten))\s+(?:mal\s+|ein\s+)?brainstorm(?:en|ing)?\s*(?:machen)?\s*(?:zu|über|für|:)\s*{n}(?P<topic>.+?)(?:\s+machen)?",
    r"(?:lass(?:t)? uns|wollen wir|können wir|kannst du)\s+(?:mal\s+)?(?:ein brainstorming (?:zu|über|für)\s+)?{n}(?P<topic>.+?)\s+(?:brainstormen|machen)",
    r"brainstorm(?:e|t|en|ing)\s*(?:mal\s+)?(?:bitte\s+)?(?:zu|über|für|:)?\s*{n}(?P<topic>.+)",
    # French
    r"(?:faisons|on fait|fais|faites|lançons|lance|lancez|commençons)\s+(?:un|une)\s+(?:brain-?storming|remue-méninges|séance de brainstorming)\s*(?:sur|pour|autour de|:)\s*{n}(?P<topic>.+)",
    r"(?:brainstormons|brainstorme[zr]?)\s*(?:sur|pour|:)?\s*{n}(?P<topic>.+)",
    # Spanish
    r"(?:hagamos|haz|haced|hagan|empecemos|vamos a hacer)\s+(?:una?\s+)?(?:lluvia de ideas|brainstorming|tormenta de ideas)\s*(?:sobre|para|de|:)\s*{n}(?P<topic>.+)",
    # Chinese
    r"(?:我们|咱们|请|来|帮我们?|让我们|一起|大家)*(?:来)?(?:做|搞|开|进行)?(?:一次|一个|一场|个|一下)?头脑风暴(?:一下)?(?:吧)?[\s，,：:]*(?:关于|主题是|围绕|为)?\s*{n}(?:个|款|种)?(?P<topic>.+)",
    r"(?:我们|咱们|请|来|让我们|一起)*(?:为|围绕|关于|就)(?P<topic>.+?)(?:来|做|进行|搞)*(?:一次|一个|一场|个)?头脑风暴(?:一下)?(?:吧)?",
    # Japanese
    r"(?P<topic>.+?)(?:について|の|を)?(?:ブレスト|ブレインストーミング)(?:を)?(?:しよう|しましょう|してください|して|したい|お願い(?:します)?|お願いします|やろう|やりましょう)(?:か|よ|ね)?",
)
_PATTERNS = tuple(re.compile(rf"\s*{_PLEASE}{ask.replace('{n}', _NUMBER)}", re.IGNORECASE | re.DOTALL) for ask in _ASKS)
_COUNTS = {
    word: number
    for number, words in enumerate(
        (
            "two zwei deux dos 二 两", "three drei trois tres 三", "four vier quatre cuatro 四", "five fünf cinq cinco 五",
            "six sechs seis 六", "seven sieben sept siete 七", "eight acht huit ocho 八",
        ),
        start=2,
    )
    for word in words.split()
}  # fmt: skip
_NOT = re.compile(
    r"\b(?:don'?t|do not|not|never|no more|stop|yesterday|last (?:week|time|month|year)|was|were|nicht|kein\w*|gestern|"
    r"pas|hier|no|ayer)\b|不要|别|昨天|没有|しない|昨日|やめ",
    re.IGNORECASE,
)
_ABOUT_IT = re.compile(
    r"^(?:session|sessions|ing|ed|er|is|are|was|were|does|do|works?|results?|tool|tools|command|and (?:then )?(?:i|we)\b|"
    r"läuft|ist|war|funktioniert|est|es|fue|とは|是什么|结果|的)\b",
    re.IGNORECASE,
)
_EMPTY = re.compile(
    r"^(?:(?:it|this|that|something|together|now|a bit|please|mal|ideas?|etwas|吧|一下)[\s.!?]*)*$", re.IGNORECASE
)


def in_words_arguments(text: str) -> dict[str, str | int] | None:
    """The arguments of the command that the words mean; None when they ask for no brainstorm."""
    said = " ".join(text.replace("’", "'").split())
    if not said or len(said) > LONGEST:
        return None
    for pattern in _PATTERNS:
        found = pattern.fullmatch(said)
        if found is None:
            continue
        topic = found["topic"].strip(' .,!?:;。！？、，…"“”«»')
        before = said[: found.start("topic")]
        if _EMPTY.match(topic) or _ABOUT_IT.match(topic) or _NOT.search(before) or _tells(said, found):
            return None
        arguments: dict[str, str | int] = {"topic": topic}
        count = found.groupdict().get("count")
        number = None if count is None else _COUNTS.get(count.casefold()) or (int(count) if count.isdigit() else None)
        if number is not None and number in IDEAS:
            arguments["ideas"] = number
        return arguments
    return None


def _tells(said: str, found: re.Match[str]) -> bool:
    """Whether it is a question about brainstorms ("how do I brainstorm?"): those ask nobody to begin."""
    return said.rstrip().endswith(("?", "？")) and not re.match(
        r"(?:ok(?:ay)?|hey|please|so)?[\s,]*(?:can|could|shall|wollen|können|kannst)\b", said, re.IGNORECASE
    )
