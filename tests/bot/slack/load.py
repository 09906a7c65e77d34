"""How `easel serve` stands a burst of Slack events: `easel bench slack`, or `python -m tests.bot.slack.load`.

The peers (Slack by Socket Mode, the language model, the images endpoint) run here, the program in a process of its own,
configured by its environment. A round is one burst, as after an outage: all events at once, over a number of threads.
Each is acknowledged, timed by the peer's clock, and answered in its thread's order; one answer in ten has a picture.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from measure.report import machine
from tests.bot.slack.program import Program
from tests.peers.openai_peer import OpenAIPeer, Reply
from tests.peers.slack_peer import APP_TOKEN, BOT_TOKEN, SlackPeer

PICTURE_EVERY = 10
PATIENCE_S = 1800
UNDER_WAY = ("cancel.", ":outbox_tray:", ":thought_balloon:")
"""What stands in an answer that is not finished."""
WORDS = ("Here you are, ", "in a few words.")
PICTURE = ("Here: ", '<image id="1"> a red fox </image>')


@dataclass
class Load:
    """What is asked for."""

    events: int = 1_000
    threads: int = 200
    rounds: int = 4
    people: int = 50
    memory: list[float] = field(default_factory=list)
    """In mebibytes, after each round."""
    took: list[float] = field(default_factory=list)
    """Seconds from the burst to its last answer."""


async def measure(load: Load) -> dict[str, float]:
    """Run it; figures by name, times in milliseconds unless the name says otherwise."""
    async with SlackPeer() as slack, OpenAIPeer() as llm, OpenAIPeer() as images:
        with tempfile.TemporaryDirectory() as home:
            program = Program(
                Path(home),
                {
                    "SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_APP_TOKEN": APP_TOKEN, "SLACK_API_BASE": slack.api_base,
                    "LLM_BASE_URL": llm.base_url, "ENGINE": "openai", "IMAGES_BASE_URL": images.base_url,
                    "LOG_LEVEL": "WARNING", "QUEUE_LENGTH": "5000", "QUEUE_PER_PERSON": "5000",
                    "QUEUE_PER_THREAD": "5000",
                },
            )  # fmt: skip
            await program.start()
            try:
                await slack.until(lambda: slack.connections > 0, PATIENCE_S)
                roots = [str(slack.said("hello")["ts"]) for _ in range(load.threads)]
                answers: Counter[str] = Counter()
                for number in range(1, load.rounds + 1):
                    answers += await _burst(slack, llm, load, roots)
                    load.memory.append(psutil.Process(program.pid).memory_info().rss / 2**20)
                    print(f"burst {number} of {load.rounds}", file=sys.stderr, flush=True)
            finally:
                await program.kill()
    waits = sorted(slack.sockets.waits)
    settled = load.memory[1:] or load.memory
    wanted = load.events * load.rounds
    return {
        "events": float(wanted),
        "threads": float(load.threads),
        "acknowledged_ms.p50": 1000 * waits[len(waits) // 2],
        "acknowledged_ms.p99": 1000 * waits[len(waits) * 99 // 100],
        "acknowledged_ms.max": 1000 * waits[-1],
        "acknowledged_late": float(len(slack.sockets.late)),
        "unacknowledged": float(wanted - len(waits)),
        "unanswered": float(wanted - answers.total()),
        "threads_answered_unevenly": float(len(set(answers.values())) - 1),
        "answers_per_s": wanted / sum(load.took),
        "memory_mib.first_burst": load.memory[0],
        "memory_mib.second_burst": settled[0],
        "memory_mib.last_burst": settled[-1],
        "memory_growth": settled[-1] / settled[0],
    }


async def _burst(slack: SlackPeer, llm: OpenAIPeer, load: Load, roots: list[str]) -> Counter[str]:
    """All events at once; returns how many answers each thread got."""
    llm.replies.extend(Reply(PICTURE if n % PICTURE_EVERY == 0 else WORDS) for n in range(load.events))
    events = [
        slack.said(f"<@UBOT> wish {n}", thread_ts=roots[n % load.threads], user=f"U{n % load.people}")
        for n in range(load.events)
    ]
    loop = asyncio.get_running_loop()
    began = loop.time()
    await slack.send_burst(events)
    while _answered(slack) < load.events:
        await asyncio.sleep(0.25)
        if loop.time() - began > PATIENCE_S:
            break
    load.took.append(loop.time() - began)
    answers = Counter(str(m["thread_ts"]) for m in slack.messages if m.get("blocks"))
    # The peers' own memory is not what is measured, but it costs time to look through.
    slack.messages = [m for m in slack.messages if m["ts"] in set(roots)]
    slack.files.clear()
    slack.calls.clear()
    llm.requests.clear()
    return answers


def _answered(slack: SlackPeer) -> int:
    """Answers that are finished: brought up to date in blocks, with nothing under way in them."""
    shown = (json.dumps(m["blocks"]) for m in slack.messages if m.get("blocks"))
    return sum(1 for text in shown if not any(sign in text for sign in UNDER_WAY))


if __name__ == "__main__":
    print(json.dumps({"machine": machine(), "figures": asyncio.run(measure(Load()))}, indent=2))
