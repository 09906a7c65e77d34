"""Findings and policy → let through, cover, or refuse. Pure.

| weight     | off          | standard                         | strict  |
|------------|--------------|----------------------------------|---------|
| borderline | let through  | covered, or refused (`borderline`) | refused |
| clear      | let through  | refused                          | refused |

Whatever the level: minors are refused, and so are real people in sexual or humiliating scenes. A message is not a
picture yet: it is refused for what is clear alone, and what is drawn from it is judged again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from typing import Final

from handlers.moderation.model import Category, Finding, Kind, Level, Weight


class Verdict(IntEnum):
    """What becomes of a subject; larger is stricter."""

    PASS = 0
    SPOILER = 1
    """It is shown covered, until somebody wants to see it."""
    REFUSE = 2


class Borderline(StrEnum):
    """What becomes of a borderline picture at level standard."""

    SPOILER = "spoiler"
    REFUSE = "refuse"


class Likeness(StrEnum):
    """Whether real people may be drawn, in scenes that nobody could mind."""

    ALLOW = "allow"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds in one place."""

    level: Level = Level.STANDARD
    levels: Mapping[Category, Level] = field(default_factory=dict)
    """Of the categories that have one of their own."""
    borderline: Borderline = Borderline.SPOILER
    likeness: Likeness = Likeness.ALLOW

    def of(self, category: Category) -> Level:
        return self.levels.get(category, self.level)

    def at_least(self, level: Level) -> Policy:
        """The same, but nowhere looser than `level`."""
        levels = {category: strictest(own, level) for category, own in self.levels.items()}
        return replace(self, level=strictest(self.level, level), levels=levels)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and the findings that led to it."""

    verdict: Verdict = Verdict.PASS
    findings: tuple[Finding, ...] = ()

    @property
    def category(self) -> Category | None:
        """What it is about; of several the first that decided."""
        return self.findings[0].category if self.findings else None


_CATEGORIES: Final = f"categories {', '.join(category for category in Category if category is not Category.MINORS)}"
STRICTNESS: Final = (Level.OFF, Level.STANDARD, Level.STRICT)
SETTLED: Final = frozenset({Category.MINORS, Category.REAL_PEOPLE})
"""Refused at every level: the first always, the second in scenes that demean them."""
_DEMEANING: Final = {Category.SEXUAL: Weight.BORDERLINE, Category.HATE: Weight.CLEAR, Category.VIOLENCE: Weight.CLEAR}
"""What makes a real person's likeness a scene that demeans them, from which weight on."""


def read_levels(text: str) -> dict[Category, Level]:
    """`violence=off, hate=strict` → levels by category.

    Raises:
        ValueError: there is no such category or level, or it is one that is always refused.
    """
    found: dict[Category, Level] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, _, level = (part.strip() for part in item.partition("="))
        if name not in tuple(Category) or level not in tuple(Level):
            raise ValueError(f"{item!r} is no CATEGORY=LEVEL; levels are {', '.join(Level)}, {_CATEGORIES}")
        if name == Category.MINORS:
            raise ValueError(f"{Category.MINORS} has no level: it is always refused")
        found[Category(name)] = Level(level)
    return found


def strictest(*levels: Level) -> Level:
    return max(levels, key=STRICTNESS.index)


def judge(findings: Sequence[Finding], policy: Policy, kind: Kind) -> Judgement:
    """The strictest verdict that any finding leads to."""
    verdicts = [(_verdict(finding, findings, policy, kind), finding) for finding in findings]
    worst = max((verdict for verdict, _ in verdicts), default=Verdict.PASS)
    if worst is Verdict.PASS:
        return Judgement()
    decided = [finding for verdict, finding in verdicts if verdict is worst]
    return Judgement(worst, tuple(sorted(decided, key=_settled_first)))


def _settled_first(finding: Finding) -> tuple[bool, int]:
    return finding.category not in SETTLED, -finding.weight


def _verdict(finding: Finding, beside: Sequence[Finding], policy: Policy, kind: Kind) -> Verdict:
    if finding.category is Category.MINORS or _demeans(finding, beside):
        return Verdict.REFUSE
    if finding.weight is Weight.CLEAR:
        return Verdict.PASS if policy.of(finding.category) is Level.OFF else Verdict.REFUSE
    if kind is Kind.MESSAGE:
        return Verdict.PASS
    if finding.category is Category.REAL_PEOPLE and policy.likeness is Likeness.REFUSE:
        return Verdict.REFUSE
    match policy.of(finding.category):
        case Level.OFF:
            return Verdict.PASS
        case Level.STRICT:
            return Verdict.REFUSE
        case Level.STANDARD if finding.category is Category.REAL_PEOPLE:
            return Verdict.PASS
        case Level.STANDARD:
            return Verdict.REFUSE if policy.borderline is Borderline.REFUSE else Verdict.SPOILER


def _demeans(finding: Finding, beside: Sequence[Finding]) -> bool:
    """Whether a finding is of a real person in a scene that they would not want to be seen in."""
    if finding.category is not Category.REAL_PEOPLE:
        return False
    return finding.weight is Weight.CLEAR or any(map(demeaning, beside))


def demeaning(finding: Finding) -> bool:
    """Whether no real person may be shown in what was found."""
    return finding.category in _DEMEANING and finding.weight >= _DEMEANING[finding.category]
