"""A whole brainstorm of three people over three rounds, killed in each, on Discord and on Slack: the program as people
run it, in a process of its own, against loopback peers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

from handlers.model import Action
from tests.bot.discord import test_process as on_discord
from tests.bot.slack import test_process as on_slack
from tests.bot.slack.conftest import click
from tests.peers.discord_peer import ANN, BEN, BOT, CLEO
from tests.peers.openai_peer import OpenAIPeer, Reply

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]
PATIENCE_S = 120
ASK = "/brainstorm topic:mascots for a bakery ideas:3 votes:2"
FACILITATOR, *OTHERS = range(3)


def directions(*titles: str) -> Reply:
    """What the language model writes."""
    told = [
        {"title": title, "why": f"Because of {title}.", "description": f"{title}, painted with {title} things"}
        for title in titles
    ]
    return Reply((json.dumps(told),))


class Stage(Protocol):
    """One platform, as three people see it."""

    llm: OpenAIPeer

    async def ask(self, words: str) -> None:
        """The facilitator begins."""

    async def say(self, person: int, words: str) -> None:
        """In the thread."""

    async def press(self, person: int, action: Action, number: int) -> None: ...
    def rounds(self) -> list[str]:
        """The messages that show a round, as text, the oldest first."""

    def told(self) -> list[str]:
        """What people were told for themselves."""

    async def until(self, condition: Callable[[], bool]) -> None: ...
    async def restart(self) -> None:
        """Killed, and started again."""

    async def kill(self) -> None: ...
    async def start(self) -> None: ...


class OnDiscord:
    def __init__(self, serve: on_discord.Serve) -> None:
        self.serve, self.peer, self.llm = serve, serve.discord, serve.llm
        self.people = (ANN, BEN, CLEO)
        self.thread = ""

    async def ask(self, words: str) -> None:
        message = await self.peer.say(f"<@{BOT}> {words}", by=self.people[FACILITATOR])
        self.thread = message["id"]

    async def say(self, person: int, words: str) -> None:
        await self.peer.say(words, self.thread, by=self.people[person])

    async def press(self, person: int, action: Action, number: int) -> None:
        wanted = f"e1:{action.value}:"
        for message in reversed(self.peer.said(self.thread)):
            for custom_id in _ids(message["components"]):
                if custom_id.startswith(wanted) and custom_id.split(":")[4] == str(number):
                    await self.peer.click(message, custom_id, by=self.people[person])
                    return
        raise AssertionError(f"no button {action} #{number}")

    def rounds(self) -> list[str]:
        return [
            text for message in self.peer.said(self.thread) if "Brainstorm:" in (text := _text(message["components"]))
        ]

    def told(self) -> list[str]:
        return [str(message.get("content")) for message in self.peer.followups]

    async def until(self, condition: Callable[[], bool]) -> None:
        await self.peer.until(condition, PATIENCE_S)

    async def kill(self) -> None:
        await self.serve.kill()

    async def start(self) -> None:
        await self.serve.start()

    async def restart(self) -> None:
        await self.kill()
        await self.start()


class OnSlack:
    def __init__(self, serve: on_slack.Serve) -> None:
        self.serve, self.peer, self.llm = serve, serve.slack, serve.llm
        self.people = ("U1", "U2", "U3")
        self.thread = ""
        self._stamps = 0

    async def ask(self, words: str) -> None:
        event = self.peer.said(f"<@UBOT> {words}", user=self.people[FACILITATOR])
        self.thread = str(event["ts"])
        await self.peer.send_event(event | {"type": "app_mention"})

    async def say(self, person: int, words: str) -> None:
        await self.peer.send_event(self.peer.said(words, thread_ts=self.thread, user=self.people[person]))

    async def press(self, person: int, action: Action, number: int) -> None:
        self._stamps += 1
        body = click(action, number, self.thread, stamp=f"{self._stamps}.1")
        await self.peer.send("interactive", body | {"user": {"id": self.people[person]}})

    def rounds(self) -> list[str]:
        messages = self.peer.answers(self.thread)
        return [text for message in messages if "Brainstorm:" in (text := _text(message.get("blocks")))]

    def told(self) -> list[str]:
        return [str(message["text"]) for message in self.peer.ephemeral]

    async def until(self, condition: Callable[[], bool]) -> None:
        await self.peer.until(condition, PATIENCE_S)

    async def kill(self) -> None:
        await self.serve.program.kill()

    async def start(self) -> None:
        await self.serve.start()

    async def restart(self) -> None:
        await self.kill()
        await self.start()


def _ids(components: list[Any]) -> list[str]:
    found = []
    for component in components:
        found += [component["custom_id"]] if "custom_id" in component else []
        found += _ids(component.get("components", []))
    return found


def _text(shown: Any) -> str:
    """All words and labels of a message, without what keeps them from being marks."""
    return json.dumps(shown or [], ensure_ascii=False).replace("\\", "")


@asynccontextmanager
async def discord_stage(home: Path, images: OpenAIPeer) -> AsyncIterator[Stage]:
    async with on_discord.serving(home, ENGINE="openai", IMAGES_BASE_URL=images.base_url) as serve:
        yield OnDiscord(serve)


@asynccontextmanager
async def slack_stage(home: Path, images: OpenAIPeer) -> AsyncIterator[Stage]:
    async with on_slack.serving(home, ENGINE="openai", IMAGES_BASE_URL=images.base_url) as serve:
        yield OnSlack(serve)


async def vote(stage: Stage, given: dict[int, tuple[int, ...]], counts: dict[int, int]) -> None:
    """People vote one after the other; the newest round tells so many then."""
    for person, numbers in given.items():
        for number in numbers:
            await stage.press(person, Action.DOT, number)
    await stage.until(lambda: all(f"#{number} · {count}" in stage.rounds()[-1] for number, count in counts.items()))


@pytest.mark.parametrize("place", [discord_stage, slack_stage])
async def test_three_people_brainstorm_over_three_rounds_with_a_kill_in_each(tmp_path: Path, place: Any) -> None:
    async with OpenAIPeer() as images, place(tmp_path, images) as stage:
        script = stage.llm.replies

        # Round 1: killed while people vote.
        script.append(directions("Flour fox", "Oven owl", "Bread bear"))
        await stage.ask(ASK)
        await stage.until(lambda: len(stage.rounds()) == 1 and "#3 · 0" in stage.rounds()[0])
        for title in ("Flour fox", "Oven owl", "Bread bear"):
            assert title in stage.rounds()[0]
        await vote(stage, {0: (1,), 1: (2,)}, {1: 1, 2: 1})
        await stage.restart()
        await vote(stage, {2: (2, 3)}, {1: 1, 2: 2, 3: 1})
        script.append(Reply(("Noted: calmer colours.",)))
        await stage.say(1, "calmer colours, please")
        await stage.until(lambda: not script)
        await stage.press(1, Action.CLOSE, 1)
        await stage.until(lambda: any("began" in told for told in stage.told()))
        assert "The vote is open" in stage.rounds()[0], "it is not everybody's to close"
        await stage.press(FACILITATOR, Action.CLOSE, 1)
        await stage.until(lambda: "Next round" in stage.rounds()[0] and "winner" in stage.rounds()[0])

        # Round 2: killed while its drafts are drawn.
        images.paints.clear()
        script.append(directions("Calm owl", "Fox in flour", "Wild whisk"))
        await stage.press(FACILITATOR, Action.NEXT, 1)
        await stage.until(lambda: len(stage.rounds()) == 2 and "Wild whisk" in stage.rounds()[1])
        assert "calmer colours" in str(stage.llm.requests[-1]), "what people wrote is told to the model"
        await stage.kill()
        images.paints.set()
        await stage.start()
        await stage.until(lambda: len(stage.rounds()) == 2 and "#6 · 0" in stage.rounds()[1])
        assert "from #2" in stage.rounds()[1]
        assert "Round 2:" in stage.rounds()[1]
        await vote(stage, {0: (4,), 1: (4,), 2: (4, 5)}, {4: 3, 5: 1, 6: 0})
        before = len(stage.told())
        await stage.press(2, Action.DOT, 2) if isinstance(stage, OnSlack) else None
        if isinstance(stage, OnSlack):  # its old messages have buttons in people's clients for a while
            await stage.until(lambda: len(stage.told()) > before)
            assert "over" in stage.told()[-1]
        await stage.press(FACILITATOR, Action.CLOSE, 4)
        await stage.until(lambda: "Next round" in stage.rounds()[1])

        # Round 3: killed while the model is asked.
        script.append(Reply(("[", "…"), hang_after=1))
        asked = len(stage.llm.requests)
        await stage.press(FACILITATOR, Action.NEXT, 4)
        while len(stage.llm.requests) == asked:
            await _moment()
        await stage.kill()
        script.append(directions("Quiet owl", "Owl and fox", "Last whisk"))
        await stage.start()
        await stage.until(lambda: len(stage.rounds()) == 3 and "#9 · 0" in stage.rounds()[2])
        await vote(stage, {0: (7,), 1: (7,), 2: (8,)}, {7: 2, 8: 1, 9: 0})
        await stage.press(FACILITATOR, Action.CLOSE, 7)
        await stage.until(lambda: "Finish" in stage.rounds()[2])

        # The end.
        await stage.press(FACILITATOR, Action.FINISH, 7)
        await stage.until(lambda: len(stage.rounds()) == 4 and "Go on with the winner" in stage.rounds()[3])
        assert "the result" in stage.rounds()[3]
        await stage.press(1, Action.LEAD, 10)
        await stage.until(lambda: not any("Next round" in shown for shown in stage.rounds()))
        for number, counted in enumerate(({1: 1, 2: 2, 3: 1}, {4: 3, 5: 1}, {7: 2, 8: 1})):
            for picture, votes in counted.items():
                line = stage.rounds()[number].split(f"#{picture}*")[1][:90]
                assert f"{votes} vote" in line, (picture, line)


async def _moment() -> None:
    import asyncio

    await asyncio.sleep(0.02)
