"""The word rules: a moderator that reads what people and language models write. It asks nobody and costs milliseconds.

Rules read words and nothing else: a text that talks to them ("ignore the rules") is only more words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

from handlers.moderation.folding import Readings, readings
from handlers.moderation.index import Hit
from handlers.moderation.model import Category, Finding, Subject
from handlers.moderation.names import names_somebody
from handlers.moderation.rule_files import EXCEPTIONS, Rule, Rules, bundled, of_host, read

NAME: Final = "words"
AT_ONCE: Final = 500
"""Characters that are read without a thread of their own; that takes a few milliseconds at most."""


class WordRules:
    """`Moderator` by rule files: the bundled ones, and a host's."""

    def __init__(self, rules: Rules, always: Rules | None = None) -> None:
        """`always`: rules of which only what they say of minors counts, and which no host's file weakens."""
        self._rules = rules
        self._always = always

    @classmethod
    def load(cls, folder: Path | None = None) -> WordRules:
        """`folder`: a host's rule files, `*.toml`; it need not exist.

        Raises:
            RuleFileError: names all that is wrong.
        """
        own = of_host(folder)
        return cls(read([*bundled(), *own]), _bundled()) if own else cls(_bundled())

    @property
    def name(self) -> str:
        return NAME

    async def look(self, subject: Subject) -> Sequence[Finding]:
        """What the subject's words say; of a picture, the words that it was drawn from."""
        if len(subject.text) < AT_ONCE:
            return self.read(subject.text, subject.brought)
        return await asyncio.to_thread(self.read, subject.text, subject.brought)

    def read(self, text: str, brought: bool = False) -> tuple[Finding, ...]:
        """One finding a category at most, the strongest, worst category first."""
        if not text.strip():
            return ()
        said = readings(text)
        named = names_somebody(text)
        found = _findings(self._rules, said, named, brought)
        if self._always is not None:
            found += [one for one in _findings(self._always, said, named, brought) if one.category is Category.MINORS]
        strongest: dict[Category, Finding] = {}
        for one in found:
            if (known := strongest.get(one.category)) is None or one.weight > known.weight:
                strongest[one.category] = one
        return tuple(sorted(strongest.values(), key=lambda one: (-one.weight, one.category)))


@cache
def _bundled() -> Rules:
    return read(bundled())


def _findings(rules: Rules, said: Readings, named: bool, brought: bool) -> list[Finding]:
    """What the rules find in the readings together: a group may be met in one reading, another in the next."""
    per_reading = [_effective(rules.index.in_words(text)) for text in said.words]
    per_reading += [_effective(rules.index.in_run(text)) for text in said.runs]
    met = {hit.group for hits in per_reading for hit in hits} | ({"name"} if named else set())
    return [
        Finding(rule.category, rule.weight, NAME, rule.why)
        for rule in rules.rules
        if (brought or not rule.brought)
        and all(met.intersection(entry) for entry in rule.all)
        and (rule.within is None or any(_near(rule, hits) for hits in per_reading))
    ]


def _effective(hits: Sequence[Hit]) -> list[Hit]:
    """The hits outside phrases that mean something else."""
    meant = sorted((hit.start, hit.end) for hit in hits if hit.group == EXCEPTIONS)
    if not meant:
        return list(hits)
    kept, at, reach = [], 0, -1
    for hit in sorted(hits, key=lambda hit: hit.start):
        while at < len(meant) and meant[at][0] <= hit.start:
            reach = max(reach, meant[at][1])
            at += 1
        if hit.end > reach:
            kept.append(hit)
    return kept


def _near(rule: Rule, hits: Sequence[Hit]) -> bool:
    """Whether one hit of each entry lies within `rule.within` characters; linear in the hits."""
    wanted = [
        (hit.start, hit.end, number) for hit in hits for number, entry in enumerate(rule.all) if hit.group in entry
    ]
    last: dict[int, int] = {}
    for start, end, number in sorted(wanted):
        last[number] = max(end, last.get(number, 0))
        if len(last) == len(rule.all) and start - min(last.values()) <= (rule.within or 0):
            return True
    return False
