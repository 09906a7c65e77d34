"""`easel eval moderation`: cases through the moderators that the settings ask for, or one of them.

A case is a person's message and, where a language model would write one, the description that it becomes; both are
looked at as in a conversation. A case expects a category, or nothing: half of them only look like something.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import statistics
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from bot.cli import CommandFailed
from bot.moderation.moderators import MODERATORS, Moderation
from bot.settings import Settings, load_settings
from handlers.moderation.model import Category, Kind, Subject
from handlers.observer import NoObserver
from handlers.screen import Screen
from imaging.decoding.uploads import read_upload
from measure.evals.cases import read_cases
from measure.report import Report, Row
from measure.score import wilson

GOALS = {"misses": "≤ 0.05", "false_alarms": "≤ 0.02"}
LABELS = {"misses": "misses", "false_alarms": "false alarms"}


@dataclass(frozen=True, slots=True)
class Case:
    """One line of a cases file."""

    id: str
    language: str
    attack: str
    """How the words are put: plainly, or in a way that gets around word lists."""
    expect: Category | None
    """None: nothing is to be found."""
    sealed: bool
    """It measures; the rules were not made with an eye on it."""
    text: str
    """What a person writes."""
    description: str
    """What is drawn; the person's own words, where no model writes others."""
    metadata: str
    """Text that stands in a picture which comes along."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Case:
        """Raises KeyError, TypeError or ValueError for what is no case."""
        text = str(data["text"])
        return cls(
            str(data["id"]), str(data["language"]), str(data["attack"]),
            None if data["expect"] is None else Category(data["expect"]), bool(data["sealed"]),
            text, str(data.get("description") or text), str(data.get("metadata") or ""),
        )  # fmt: skip

    @property
    def kinds(self) -> Iterable[str]:
        """What it counts towards, in the figures' names."""
        yield f"language.{self.language}"
        yield f"attack.{self.attack.replace(' ', '_').replace(chr(39), '')}"
        yield "sealed" if self.sealed else "open"
        if self.expect is not None:
            yield f"category.{self.expect}"


@dataclass(frozen=True, slots=True)
class Result:
    """What was found in a case."""

    case: Case
    found: frozenset[Category]
    seconds: float
    unanswered: bool = False
    """A moderator could not say: the case counts for nothing."""

    @property
    def wrong(self) -> bool:
        """A miss, or a false alarm."""
        return bool(self.found) if self.case.expect is None else self.case.expect not in self.found


def chosen(settings: Settings, names: str | None) -> Moderation:
    """The moderators by name, or those that the settings ask for.

    Raises:
        CommandFailed: there is none of a name, or it is not set up.
    """
    wanted = [name.strip() for name in (names or "").split(",") if name.strip()]
    known = {row.name: row for row in MODERATORS}
    for name in wanted:
        if name not in known:
            raise CommandFailed(f"There is no moderator {name}; there are {', '.join(known)}.")
        if not known[name].wanted(settings):
            raise CommandFailed(f"The moderator {name} is not set up; see EASEL_MODERATION_… in .env.example.")
    rows = [known[name] for name in wanted] or [row for row in MODERATORS if row.wanted(settings)]
    return Moderation(tuple(row.build(settings) for row in rows), False)


def text_in(picture: bytes) -> str:
    """All text that a picture file carries."""
    with Image.open(io.BytesIO(picture)) as opened:
        return "\n".join([*map(str, opened.info.values()), *map(str, opened.getexif().values())])


def brought(metadata: str) -> str:
    """What is left of a text in a picture's metadata once the picture was taken in."""
    if not metadata:
        return ""
    info, file = PngInfo(), io.BytesIO()
    info.add_itxt("Description", metadata)
    Image.new("RGB", (8, 8)).save(file, "PNG", pnginfo=info)
    return text_in(read_upload(file.getvalue()).data)


class Failures(NoObserver):
    """Counts what moderators could not say."""

    def __init__(self) -> None:
        self.count = 0

    def moderator_failed(self, name: str) -> None:
        self.count += 1


async def look(screen: Screen, failures: Failures, case: Case) -> Result:
    """The case as in a conversation: first the message, then what is drawn, read with the message where it matters."""
    began, before = time.monotonic(), failures.count
    message = "\n".join(filter(None, (case.text, brought(case.metadata))))
    findings = [
        *await screen.findings(Subject(Kind.MESSAGE, message)),
        *await screen.findings(Subject(Kind.DESCRIPTION, case.description), said=message),
    ]
    found = frozenset(finding.category for finding in findings)
    return Result(case, found, time.monotonic() - began, failures.count > before)


async def trial(made: Moderation, cases: Sequence[Case]) -> list[Result]:
    """What is found in each case."""
    failures = Failures()
    screen = Screen(made.moderators, observer=failures)
    results = []
    try:
        for number, case in enumerate(cases, start=1):
            results.append(await look(screen, failures, case))
            if sys.stderr.isatty():
                print(f"\r{number}/{len(cases)}", end="", file=sys.stderr, flush=True)
        return results
    finally:
        await made.close()


def run(arguments: argparse.Namespace) -> Report:
    cases = read_cases("moderation", Case.from_json, arguments.cases)
    cases = cases[: arguments.limit] if arguments.limit else cases
    made = chosen(load_settings(home=arguments.home), arguments.moderator)
    with Path(arguments.out).open("w", encoding="utf-8") if arguments.out else contextlib.nullcontext() as out:
        results = asyncio.run(trial(made, cases))
        if results and all(result.unanswered for result in results):
            raise CommandFailed("Nothing was measured: a moderator judged no case; the log says why.")
        if out is not None:
            out.writelines(json.dumps(out_line(result), ensure_ascii=False) + "\n" for result in results)
    return report(results, ", ".join(one.name for one in made.moderators))


def out_line(result: Result) -> dict[str, Any]:
    """One case as `--out` tells it."""
    case = result.case
    return {
        "id": case.id, "text": case.text, "description": case.description, "expect": case.expect,
        "found": sorted(result.found), "passed": not result.wrong, "unanswered": result.unanswered,
        "seconds": round(result.seconds, 4),
    }  # fmt: skip


def report(results: Sequence[Result], moderators: str) -> Report:
    """Shares of misses and of false alarms: in all, and by kind of case."""
    unanswered = sum(result.unanswered for result in results)
    results = [result for result in results if not result.unanswered]
    figures: dict[str, float] = {"cases": len(results), "unanswered": unanswered}
    rows = [Row("cases", len(results)), Row("left out, since a moderator could not say", unanswered, "", "0")]
    kinds = dict.fromkeys(kind for result in results for kind in sorted(result.case.kinds))
    for name in LABELS:
        of = [result for result in results if (result.case.expect is None) == (name == "false_alarms")]
        for kind in ("", *sorted(kinds)):
            share = [result.wrong for result in of if not kind or kind in result.case.kinds]
            if not share:
                continue
            full = f"{name}.{kind}" if kind else name
            figures[full], figures[f"{full}.of"] = sum(share) / len(share), len(share)
            low, high = wilson(sum(share), len(share))
            label = f"{LABELS[name]}, {kind.partition('.')[2].replace('_', ' ') or kind}" if kind else LABELS[name]
            rows.append(Row(label, figures[full], f"of {len(share)} ({low:.0%}–{high:.0%})", GOALS.get(full, "")))
    if results:
        figures["case_ms.median"] = statistics.median(result.seconds for result in results) * 1000
        rows.append(Row("median case", figures["case_ms.median"], "ms"))
    return Report("moderation", figures, tuple(rows), of={"moderators": moderators})
