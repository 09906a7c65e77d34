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
from importlib import resources
from pathlib import Path
from typing import Any

import psutil

from bot.app import build_model
from bot.cli import CommandFailed
from bot.evals.noop import Folder, NoPictures, OneChat, Replay
from bot.evals.untrained import untrained
from bot.figures import Report, Row
from bot.home import Home
from bot.settings import load_settings
from bot.store import SqliteStore
from handlers.desk import Desk
from handlers.model import Incoming, NoticePart, Person, PicturePart, Reply, SelectPart, SlotState, ThreadKey
from prompts.protocol import Directive, Operation, parse
from prompts.tiny.score import Expectation, Verdict, confusion, judge, shares

SOMEBODY = Person("eval", "Sam")
GOALS = {
    "operation_and_reference": "≥ 0.9",
    "plain_without_tag": "≥ 0.97",
    "wanted_change_present": "≥ 0.85",
    "well_formed": "1",
}
"""For the embedded model; `prompts.tiny.score.shares` says what they count."""


@dataclass(frozen=True, slots=True)
class Case:
    """One line of a cases file."""

    category: str
    history: tuple[tuple[str, str], ...]
    """(role, text), oldest first; assistant texts hold tags as the model wrote them."""
    user: str
    expect: Expectation

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Case:
        """Raises KeyError, TypeError or ValueError for what is no case."""
        history = tuple((str(said["role"]), str(said["text"])) for said in data.get("history") or ())
        return cls(str(data["category"]), history, str(data["user"]), Expectation.from_json(data["expect"]))

    def exchanges(self) -> Iterator[tuple[str, str]]:
        """(user, assistant) pairs; a side that is missing gets a neutral word."""
        asked: str | None = None
        for role, text in self.history:
            if role == "user":
                if asked is not None:
                    yield asked, "All right."
                asked = text
            else:
                yield asked or "Go on.", text
                asked = None
        if asked is not None:
            yield asked, "All right."


def read_cases(path: Path | None) -> list[Case]:
    """The cases of a file, or the bundled ones.

    Raises:
        CommandFailed: which line is wrong.
    """
    source = path or resources.files("prompts.tiny") / "cases.jsonl"
    try:
        lines = source.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read ({error.strerror}).") from None
    cases = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            cases.append(Case.from_json(json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CommandFailed(f"{path or 'cases.jsonl'}, line {number} is no case ({error!r}).") from None
    return cases


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
            await self._desk.receive(Incoming(f"{index}.{number}", thread, SOMEBODY, asked))
        self._model.script = None
        self._model.said.clear()
        self._chat.forget()
        began, used = time.monotonic(), cpu_seconds()
        await self._desk.receive(Incoming(f"{index}.case", thread, SOMEBODY, case.user))
        reply = self._chat.reply
        return {
            "verdict": judge(case.expect, directives(reply)),
            "reply": "\n---\n".join(self._model.said),
            "notices": [part.sentence for part in (reply.parts if reply else ()) if isinstance(part, NoticePart)],
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


async def trial(arguments: argparse.Namespace, cases: Sequence[Case]) -> list[dict[str, Any]]:
    settings = load_settings(home=arguments.home, llm_base_url=arguments.llm)
    if arguments.untrained:
        model, close = await untrained(Home(settings.home), arguments.untrained)
    else:
        model, close = build_model(settings, Home(settings.home))
    results = []
    with tempfile.TemporaryDirectory(prefix="easel-eval-") as folder:
        store = await SqliteStore.open(Path(folder) / "eval.db", Folder(Path(folder) / "pictures"))
        try:
            runner = Trial(store, Replay(model))
            for index, case in enumerate(cases):
                results.append(await runner.run(index, case))
                if sys.stderr.isatty():
                    print(f"\r{index + 1}/{len(cases)}", end="", file=sys.stderr, flush=True)
        finally:
            await store.close()
            await close()
    return results


def run(arguments: argparse.Namespace) -> Report:
    cases = read_cases(Path(arguments.cases) if arguments.cases else None)
    cases = cases[: arguments.limit] if arguments.limit else cases
    results = asyncio.run(trial(arguments, cases))
    if arguments.out:
        write_out(Path(arguments.out), cases, results)
    return report(cases, results)


def write_out(path: Path, cases: Sequence[Case], results: Sequence[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for case, result in zip(cases, results, strict=True):
            verdict: Verdict = result["verdict"]
            line = {
                "category": case.category,
                "user": case.user,
                "reply": result["reply"],
                "passed": verdict.passed,
                "expected": verdict.expected,
                "got": verdict.got,
                "reason": verdict.reason,
                "notices": result["notices"],
                "seconds": round(result["seconds"], 3),
                "cpu_seconds": round(result["cpu_seconds"], 3),
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def report(cases: Sequence[Case], results: Sequence[Mapping[str, Any]]) -> Report:
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
    rows.append(Row("all", figures["passed"], f"of {len(cases)}"))
    for name, share in shares(verdicts).items():
        figures[f"share.{name}"] = share
        rows.append(Row(name, share, "", GOALS.get(name, "")))
    if results:
        figures["turn_s.median"] = statistics.median(result["seconds"] for result in results)
        figures["turn_cpu_s.median"] = statistics.median(result["cpu_seconds"] for result in results)
        rows.append(Row("median turn", figures["turn_s.median"], "s"))
        rows.append(Row("median turn, processor time", figures["turn_cpu_s.median"], "s", "≤ 3"))
    return Report("protocol", figures, tuple(rows), (confusion(verdicts),))
