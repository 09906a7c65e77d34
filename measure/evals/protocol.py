"""`easel eval protocol`: iT2I cases through the real prompt, model, grammar, parser and router; nothing is rendered.

Each case is a thread of its own: its history is replayed through the desk (so pictures get their true
numbers), then its message goes to the model under test, and the answer's parts are judged.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TextIO

import psutil

from bot.app import build_model
from bot.home import Home
from bot.settings import load_settings
from bot.store.store import SqliteStore
from handlers.desk import Desk
from handlers.model import Incoming, NoticePart, Person, PicturePart, Reply, SelectPart, SlotState, ThreadKey
from measure.evals.cases import read_cases
from measure.noop import Folder, NoPictures, OneChat, Replay
from measure.report import Report, Row
from measure.score import Expectation, Verdict, confusion, judge, mentions, shares, wilson
from measure.untrained import untrained
from prompts.protocol import Directive, Operation, parse
from prompts.system import example_marks

SOMEBODY = "Sam"
GOALS = {
    "operation_and_reference": "≥ 0.9",
    "plain_without_tag": "≥ 0.97",
    "wanted_change_present": "≥ 0.85",
    "well_formed": "1",
}
"""For the embedded model; `measure.score.shares` says what they count."""
LEAKS = {
    "number_leak": "numbers from nowhere in empty threads",
    "style_leak": "descriptions with words of the prompt's examples",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a history."""

    role: str
    """`user` or `assistant`."""
    text: str
    name: str = SOMEBODY


@dataclass(frozen=True, slots=True)
class Case:
    """One line of a cases file."""

    category: str
    history: tuple[Line, ...]
    """Oldest first; assistant texts hold tags as the model wrote them."""
    user: str
    expect: Expectation
    name: str = SOMEBODY
    """Who writes `user`."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Case:
        """Raises KeyError, TypeError or ValueError for what is no case."""
        history = tuple(
            Line(str(said["role"]), str(said["text"]), str(said.get("name") or SOMEBODY))
            for said in data.get("history") or ()
        )
        name = str(data.get("name") or SOMEBODY)
        return cls(str(data["category"]), history, str(data["user"]), Expectation.from_json(data["expect"]), name)

    def exchanges(self) -> Iterator[tuple[Line, str]]:
        """(person's line, the model's text) pairs; a side that is missing gets a neutral word."""
        asked: Line | None = None
        for line in self.history:
            if line.role == "user":
                if asked is not None:
                    yield asked, "All right."
                asked = line
            else:
                yield asked or Line("user", "Go on."), line.text
                asked = None
        if asked is not None:
            yield asked, "All right."

    @property
    def text(self) -> str:
        """All that was said, to tell whether a word in the answer comes from there."""
        return "\n".join([*(line.text for line in self.history), self.user])


def person(name: str) -> Person:
    return Person(f"eval-{name}", name)


def number_leak(written: Sequence[Directive]) -> bool | None:
    """Whether the model numbered an empty thread's pictures otherwise than 1, 2, 3 …; None: it numbered none."""
    numbers = [one.id for one in written if one.id is not None]
    return not set(numbers) <= set(range(1, sum(one.count for one in written) + 1)) if numbers else None


def style_leak(written: Sequence[Directive], said: str) -> bool | None:
    """Whether a description has a telling word of the prompt's examples that nobody said; None: nothing described."""
    described = [f"{one.description} {one.style or ''}" for one in written if one.description]
    foreign = [word for word in example_marks() if not mentions([word], [said])]
    return mentions(foreign, described) if described else None


def directives(reply: Reply | None) -> list[Directive]:
    """What the router made of an answer: pictures that would be drawn, choices, and what was refused."""
    found: list[Directive] = []
    for part in reply.parts if reply else ():
        if isinstance(part, SelectPart):
            found.append(Directive(Operation.SELECT, id=part.number, source=part.number))
        elif isinstance(part, PicturePart):
            problem = part.sentence if part.state is SlotState.FAILED else None
            source = part.parents[0] if part.parents else None
            one = Directive(part.operation, part.number, source, part.description, problem=problem)
            last = found[-1] if found else None
            if last and (last.operation, last.source, last.description) == (one.operation, source, one.description):
                # `count` asks for several pictures of one description: one directive.
                one = Directive(
                    last.operation, last.id, last.source, last.description, last.count + 1, problem=last.problem
                )
                found.pop()
            found.append(one)
    return found


class Trial:
    """Runs cases one after another on a desk that renders nothing."""

    def __init__(self, store: SqliteStore, model: Replay) -> None:
        self._model = model
        self._store = store
        self._chat = OneChat()
        self._desk = Desk(store, model, NoPictures(), {"eval": self._chat})

    async def run(self, index: int, case: Case) -> dict[str, Any]:
        """The case's reply and verdict."""
        thread = ThreadKey("eval", "-", "-", str(index))
        for number, (asked, answered) in enumerate(case.exchanges()):
            self._model.script = answered
            await self._keep_numbers(thread, answered)
            await self._desk.receive(Incoming(f"{index}.{number}", thread, person(asked.name), asked.text))
        free = await self._store.reserve_numbers(thread, 0)
        self._model.script = None
        self._model.said.clear()
        self._chat.forget()
        began, used = time.monotonic(), cpu_seconds()
        await self._desk.receive(Incoming(f"{index}.case", thread, person(case.name), case.user))
        reply = self._chat.reply
        notices = [part.sentence for part in (reply.parts if reply else ()) if isinstance(part, NoticePart)]
        written = [part for part in parse("".join(self._model.said[:1])) if isinstance(part, Directive)]
        return {
            "verdict": judge(case.expect, directives(reply), notices),
            "reply": "\n---\n".join(self._model.said),
            "notices": notices,
            "number_leak": number_leak(written) if free == 1 else None,
            "style_leak": style_leak(written, case.text),
            "seconds": time.monotonic() - began,
            "cpu_seconds": cpu_seconds() - used,
        }

    async def _keep_numbers(self, thread: ThreadKey, answered: str) -> None:
        """A history may be the end of a long thread: its first picture can be number 17, and people say "17"."""
        written = [part.id for part in parse(answered) if isinstance(part, Directive) and part.id is not None]
        free = await self._store.reserve_numbers(thread, 0)
        if written and min(written) > free:
            await self._store.reserve_numbers(thread, min(written) - free)


def cpu_seconds() -> float:
    """Processor time of this process and of those that it started, the embedded model's among them."""
    own = psutil.Process()
    total = 0.0
    for process in (own, *own.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


async def trial(
    arguments: argparse.Namespace, cases: Sequence[Case], out: TextIO | None
) -> tuple[list[dict[str, Any]], dict[str, str | float | None]]:
    """The results, and of what."""
    settings = load_settings(home=arguments.home, llm_base_url=arguments.llm)
    if arguments.untrained:
        model, close = await untrained(Home(settings.home), arguments.untrained)
    else:
        model, close = build_model(settings, Home(settings.home))
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="easel-eval-") as folder:
        store = await SqliteStore.open(Path(folder) / "eval.db", Folder(Path(folder) / "pictures"))
        try:
            runner = Trial(store, Replay(model))
            for index, case in enumerate(cases):
                results.append(await runner.run(index, case))
                if out is not None:
                    out.write(json.dumps(out_line(case, results[-1]), ensure_ascii=False) + "\n")
                    out.flush()
                if sys.stderr.isatty():
                    print(f"\r{index + 1}/{len(cases)}", end="", file=sys.stderr, flush=True)
        finally:
            await store.close()
            await close()
    endpoint = settings.llm_base_url and not arguments.untrained
    return results, {"model": model.name, "temperature": settings.llm_temperature if endpoint else 0.0}


def run(arguments: argparse.Namespace) -> Report:
    cases = read_cases("protocol", Case.from_json, arguments.cases)
    cases = cases[: arguments.limit] if arguments.limit else cases
    with Path(arguments.out).open("w", encoding="utf-8") if arguments.out else contextlib.nullcontext() as out:
        results, of = asyncio.run(trial(arguments, cases, out))
    return report(cases, results, of)


def out_line(case: Case, result: Mapping[str, Any]) -> dict[str, Any]:
    """One case as `--out` tells it."""
    verdict: Verdict = result["verdict"]
    return {
        "category": case.category,
        "user": case.user,
        "reply": result["reply"],
        "passed": verdict.passed,
        "expected": verdict.expected,
        "got": verdict.got,
        "reason": verdict.reason,
        "notices": result["notices"],
        "number_leak": result["number_leak"],
        "style_leak": result["style_leak"],
        "seconds": round(result["seconds"], 3),
        "cpu_seconds": round(result["cpu_seconds"], 3),
    }


def report(
    cases: Sequence[Case],
    results: Sequence[Mapping[str, Any]],
    of: Mapping[str, str | float | None] = MappingProxyType({}),
) -> Report:
    """Totals by category, the shares that the goals name, and how long a turn takes."""
    verdicts: list[Verdict] = [result["verdict"] for result in results]
    figures: dict[str, float] = {"total": len(cases), "passed": sum(verdict.passed for verdict in verdicts)}
    for case, verdict in zip(cases, verdicts, strict=True):
        figures[f"total.{case.category}"] = figures.get(f"total.{case.category}", 0) + 1
        figures[f"passed.{case.category}"] = figures.get(f"passed.{case.category}", 0) + verdict.passed
    rows = [
        Row(name.removeprefix("total."), figures[f"passed.{name.removeprefix('total.')}"], f"of {int(value)}")
        for name, value in figures.items()
        if name.startswith("total.")
    ]
    low, high = wilson(int(figures["passed"]), len(cases))
    figures["share.passed.low"], figures["share.passed.high"] = low, high
    rows.append(Row("all", figures["passed"], f"of {len(cases)} ({low:.0%}–{high:.0%})"))
    for leak in ("number_leak", "style_leak"):
        seen = [result[leak] for result in results if result[leak] is not None]
        figures[leak], figures[f"{leak}.of"] = sum(seen), len(seen)
        rows.append(Row(LEAKS[leak], sum(seen), f"of {len(seen)}", "0"))
    for name, share in shares(verdicts).items():
        figures[f"share.{name}"] = share
        rows.append(Row(name, share, "", GOALS.get(name, "")))
    if results:
        figures["turn_s.median"] = statistics.median(result["seconds"] for result in results)
        figures["turn_cpu_s.median"] = statistics.median(result["cpu_seconds"] for result in results)
        rows.append(Row("median turn", figures["turn_s.median"], "s"))
        rows.append(Row("median turn, processor time", figures["turn_cpu_s.median"], "s", "≤ 3"))
    return Report("protocol", figures, tuple(rows), (confusion(verdicts),), of)
