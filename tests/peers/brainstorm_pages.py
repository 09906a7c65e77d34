"""A brainstorm's round as it looks: `python -m tests.peers.brainstorm_pages discord|slack OUT.png`. Not a test.

Runs `easel serve` against the peer with the bundled pictures and a scripted language model; three people vote on six
ideas, and the thread is drawn while the vote is open.
"""

from __future__ import annotations

import asyncio
import html
import json
import re
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from handlers.model import Action
from tests.bot.discord import test_process as on_discord
from tests.bot.slack import test_process as on_slack
from tests.peers import discord_page, slack_page
from tests.peers.discord_peer import CLEO
from tests.peers.openai_peer import Reply
from tests.test_brainstorm import OnDiscord, OnSlack, Stage

PATIENCE_S = 600
TOPIC = "a mascot for our ice-cream van"
IDEAS = (
    ("First snow", "Cold and friendly at once.", "a penguin in the snow"),
    ("Beach holiday", "Where people buy ice cream.", "a penguin on the beach"),
    ("Up and away", "Children look for balloons.", "a red balloon in the snow"),
    ("Sweet tooth", "Nobody expects a pig.", "a pink pig in a meadow"),
    ("City cat", "It knows every street.", "a cat in the city"),
    ("Long ears", "It hears you call from afar.", "a rabbit in the desert"),
)
VOTES = ((0, 1), (0, 2), (1, 2), (1, 6), (2, 2), (2, 4))
DIRECTIONS = [{"title": title, "why": why, "description": description} for title, why, description in IDEAS]


async def play(stage: Stage) -> None:
    stage.llm.replies.append(Reply((json.dumps(DIRECTIONS),)))
    await stage.ask(f"/brainstorm topic:{TOPIC} ideas:6 minutes:10")
    await stage.until(lambda: bool(stage.rounds()) and "#6 · 0" in stage.rounds()[0])
    for person, number in VOTES:
        await stage.press(person, Action.DOT, number)
    await stage.until(lambda: all(f"#{number} · {count}" in stage.rounds()[0] for number, count in ((2, 3), (4, 1))))


async def discord(out: Path, home: Path) -> None:
    async with on_discord.serving(home) as serve:
        serve.until = partial(serve.discord.until, timeout_s=PATIENCE_S)  # type: ignore[method-assign]
        stage = OnDiscord(serve)
        await play(stage)
        discord_page.PEOPLE[CLEO] = "Cleo"
        told = json.dumps(list(serve.discord.messages[stage.thread].values()))
    messages = json.loads(re.sub(r"<t:\d+:R>", "in 9 minutes", told))  # the preview's clock stands still
    await discord_page.photograph(serve.discord, messages, TOPIC, out, (720, 1130))


async def slack(out: Path, home: Path) -> None:
    async with on_slack.serving(home) as serve:
        stage = OnSlack(serve)
        await play(stage)
        shown = out.with_suffix(".html")
        body = "".join(slack_page.block(block, serve.slack) for block in serve.slack.answers(stage.thread)[0]["blocks"])
        asked = slack_page.words(f"<@UBOT> /brainstorm topic:{TOPIC} ideas:6 minutes:10")
        shown.write_text(
            f"<!doctype html><meta charset=utf-8><style>{slack_page.STYLE}\nbody{{width:640px;display:block}}"
            f"figure img{{width:520px}}</style><h1>Thread in #design</h1>"
            f"{_message('Ada', asked)}{_message('Easel', body)}"
        )
    slack_page.photograph(shown, out, 960, 700)
    shown.unlink()


def _message(name: str, inside: str) -> str:
    ours = name == "Easel"
    app = '<span class="app">APP</span>' if ours else ""
    face = f'<div class="face{"" if ours else " person"}">{html.escape(name[0])}</div>'
    said = f'<span class="name">{name}{app}</span><div>{inside}</div>'
    return f'<div class="message">{face}<div class="body">{said}</div></div>'


async def main(place: Any, out: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        await place(out, Path(folder))


if __name__ == "__main__":
    asyncio.run(main({"discord": discord, "slack": slack}[sys.argv[1]], Path(sys.argv[2]).resolve()))
