"""Judges one reply against what an evaluation case expects, and sums verdicts up.

Pure: whoever runs the cases (`easel eval protocol`) brings the directives that the parser read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, Protocol

from prompts.tiny.format import harmless

PLAIN = "plain"
MAX_PICTURES = 4


class DirectiveLike(Protocol):
    """What is looked at in a parsed directive; `prompts.protocol.Directive` is one."""

    @property
    def operation(self) -> str: ...
    @property
    def source(self) -> int | None: ...
    @property
    def description(self) -> str: ...
    @property
    def count(self) -> int: ...
    @property
    def problem(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a case wants."""

    operations: tuple[str, ...]
    source: int | None = None
    mention: tuple[str, ...] = ()
    """Words of which one must stand in a description."""
    avoid: tuple[str, ...] = ()
    """Words of which none may."""
    plain: bool = False

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Expectation:
        """Read the `expect` object of a case."""
        return cls(
            tuple(str(o) for o in data.get("operations") or ()),
            data.get("source"),
            tuple(str(m) for m in data.get("mention") or ()),
            tuple(str(m) for m in data.get("avoid") or ()),
            bool(data.get("plain")),
        )

    @property
    def kind(self) -> str:
        """The row of the confusion table."""
        return PLAIN if self.plain or not self.operations else self.operations[0]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one reply did; `reason` is empty when all of it is right."""

    expected: str
    got: str
    operations: bool
    source: bool
    mention: bool
    well_formed: bool
    reason: str = ""

    @property
    def passed(self) -> bool:
        """Everything that the case asks for."""
        return self.operations and self.source and self.mention and self.well_formed


def expanded(directives: Sequence[DirectiveLike]) -> list[str]:
    """One entry per picture: a count of three is as good as three tags."""
    return [str(d.operation) for d in directives for _ in range(max(1, min(d.count, MAX_PICTURES)))]


def mentions(words: Iterable[str], descriptions: Iterable[str]) -> bool:
    """Whether one of the words stands in one of the descriptions, at the start of a word."""
    text = " ".join(harmless(d, 2000) for d in descriptions).lower()
    return any(re.search(rf"(?<!\w){re.escape(w.lower())}", text) for w in words)


def judge(expect: Expectation, directives: Sequence[DirectiveLike], told: Sequence[str] = ()) -> Verdict:
    """Compare what was wanted with what was written; `told` is what people had to read of failures beside it."""
    got = str(directives[0].operation) if directives else PLAIN
    problems = [*(d.problem for d in directives if d.problem), *told]
    if expect.kind == PLAIN:
        fine = not directives
        reason = "" if fine else f"wanted no picture, got {' '.join(expanded(directives))}"
        return Verdict(PLAIN, got, fine, True, True, not problems, reason or "; ".join(problems))
    plain_list = [str(d.operation) for d in directives]
    operations = list(expect.operations) in (plain_list, expanded(directives))
    source = expect.source is None or any(
        d.source == expect.source and str(d.operation) in expect.operations for d in directives
    )
    descriptions = [d.description for d in directives]
    mention = not expect.mention or mentions(expect.mention, descriptions)
    avoided = not mentions(expect.avoid, descriptions)
    reasons = [
        "" if operations else f"wanted {' '.join(expect.operations)}, got {' '.join(plain_list) or PLAIN}",
        "" if source or not operations else f"wanted picture {expect.source}, got {_sources(directives)}",
        "" if mention or not operations else f"none of {', '.join(expect.mention)} in the description",
        "" if avoided or not operations else f"one of {', '.join(expect.avoid)} in the description",
        "; ".join(problems),
    ]
    reason = "; ".join(r for r in reasons if r)
    return Verdict(expect.kind, got, operations, source, mention and avoided, not problems, reason)


def _sources(directives: Sequence[DirectiveLike]) -> str:
    return ", ".join(str(d.source) for d in directives)


def shares(verdicts: Sequence[Verdict]) -> dict[str, float]:
    """The figures that the goals name, as fractions from 0 to 1."""
    wanted = [v for v in verdicts if v.expected != PLAIN]
    plain = [v for v in verdicts if v.expected == PLAIN]

    def share(part: Iterable[bool]) -> float:
        values = list(part)
        return sum(values) / len(values) if values else 1.0

    return {
        "passed": share(v.passed for v in verdicts),
        "operation_and_reference": share(v.operations and v.source for v in wanted),
        "plain_without_tag": share(v.operations for v in plain),
        "wanted_change_present": share(v.mention for v in wanted if v.operations and v.source),
        "well_formed": share(v.well_formed for v in verdicts),
    }


def wilson(passed: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927); 0 to 1 of nothing."""
    if not total:
        return 0.0, 1.0
    z = 1.96
    middle = passed + z * z / 2
    width = z * sqrt(passed * (total - passed) / total + z * z / 4)
    return (middle - width) / (total + z * z), (middle + width) / (total + z * z)


def confusion(verdicts: Iterable[Verdict]) -> str:
    """A Markdown table: what was wanted down, what was written across."""
    counts = Counter((v.expected, v.got) for v in verdicts)
    names = sorted({n for pair in counts for n in pair})
    lines = ["| wanted \\ got | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    lines += [
        f"| {row} | " + " | ".join(str(counts[row, n] or "·") for n in names) + " |"
        for row in names
        if any(counts[row, n] for n in names)
    ]
    return "\n".join(lines)
