"""`easel serve` as people run it, in its own process, against the Slack peer by Socket Mode: only tokens are set."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from imaging.marking.copies import enlarged_file
from tests.bot.slack.conftest import answers_with_pictures, slash
from tests.bot.slack.program import Program
from tests.marking.reading import is_copy
from tests.peers.openai_peer import OpenAIPeer, Reply
from tests.peers.slack_peer import APP_TOKEN, BOT_TOKEN, SlackPeer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]
PATIENCE_S = 120
ASK = "<@UBOT> a red balloon in the snow"
ANSWER = ("Here it is: ", '<image id="1"> a red balloon in the snow </image>', " Like it?")


class Serve:
    """The program and the peers it talks to; `start` again after `kill` is a restart over the same home."""

    def __init__(self, slack: SlackPeer, llm: OpenAIPeer, home: Path, **settings: str) -> None:
        self.slack = slack
        self.llm = llm
        self.program = Program(
            home,
            {
                "SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_APP_TOKEN": APP_TOKEN, "SLACK_API_BASE": slack.api_base,
                "LLM_BASE_URL": llm.base_url, **settings,
            },
        )  # fmt: skip

    async def start(self) -> None:
        before = self.slack.connections
        await self.program.start()
        await self.slack.until(lambda: self.slack.connections > before, PATIENCE_S)

    async def ask(self, **more: Any) -> str:
        event = self.slack.said(ASK, **more)
        await self.slack.send_event(event | {"type": "app_mention"})
        return str(event["ts"])


@asynccontextmanager
async def serving(home: Path, **settings: str) -> AsyncIterator[Serve]:
    async with SlackPeer() as slack, OpenAIPeer() as llm:
        serve = Serve(slack, llm, home, **settings)
        try:
            await serve.start()
            yield serve
        finally:
            await serve.program.kill()


def finished(message: dict[str, Any]) -> bool:
    return bool(answers_with_pictures(message)) and "Like it?" in str(message["blocks"])


def kept(home: Path) -> list[bytes]:
    return [path.read_bytes() for path in (home / "pictures").rglob("*") if path.is_file()]


async def test_a_mention_becomes_a_thread_with_a_picture_and_the_program_stops_cleanly(tmp_path: Path) -> None:
    async with serving(tmp_path) as serve:
        serve.llm.replies.append(Reply(ANSWER))
        ts = await serve.ask()
        await serve.slack.until(lambda: any(map(finished, serve.slack.answers(ts))), PATIENCE_S)
        [answer] = serve.slack.answers(ts)
        assert "<image" not in str(answer["blocks"])
        assert await serve.program.stop() == 0


# The moments are seen from Slack's side, as people would see them.
MOMENTS: dict[str, Callable[[Serve, str], bool]] = {
    "writing": lambda serve, ts: bool(serve.slack.streams),
    "drawing": lambda serve, ts: "cancel.1" in json.dumps(serve.slack.answers(ts)),
    "uploading": lambda serve, ts: bool(serve.slack.files),
    "uploaded": lambda serve, ts: any(file.done for file in serve.slack.files.values()),
    "shown": lambda serve, ts: any(map(answers_with_pictures, serve.slack.answers(ts))),
}


@pytest.mark.parametrize("moment", MOMENTS)
async def test_killed_in_mid_answer_and_restarted_there_is_one_answer_with_its_picture(
    tmp_path: Path, moment: str
) -> None:
    async with OpenAIPeer() as images, serving(tmp_path, ENGINE="openai", IMAGES_BASE_URL=images.base_url) as serve:
        serve.llm.replies.append(Reply(ANSWER, hang_after={"writing": 1, "drawing": 2}.get(moment)))
        if moment == "drawing":  # it must not be over before anybody has looked
            images.paints.clear()
        ts = await serve.ask()
        await serve.slack.until(lambda: MOMENTS[moment](serve, ts), PATIENCE_S)
        await serve.program.kill()
        images.paints.set()
        serve.llm.replies.append(Reply(ANSWER))
        await serve.start()
        await serve.slack.until(lambda: settled(serve, ts), PATIENCE_S)
        [answer] = serve.slack.answers(ts)
        assert str(answer["blocks"]).count("Here it is") == 1
        [shown] = answers_with_pictures(answer)
        [stored] = kept(tmp_path)
        assert is_copy(serve.slack.files[shown].data, enlarged_file(stored))
        assert len([file for file in serve.slack.files.values() if file.done]) == 1, "uploaded once"
        assert await serve.program.stop() == 0, serve.program.log
        [same] = serve.slack.answers(ts)
        assert same["blocks"] == answer["blocks"]


def settled(serve: Serve, ts: str) -> bool:
    """The picture is there, and Slack's session has ended."""
    shown = [m for m in serve.slack.answers(ts) if answers_with_pictures(m)]
    return bool(shown) and serve.slack.sessions[-1:] == ["active"]


MANY = (
    "Here it is: ",
    *(f'<image id="{number}"> a red balloon, idea {number} </image>' for number in (1, 2, 3)),
    " Like it?",
)
GROWING: dict[str, Callable[[Serve, str], bool]] = {
    "two are shown": lambda serve, ts: shown(serve, ts) >= 2,
    "the sheet is named": lambda serve, ts: bool(sheets(serve)),
    "the sheet is there": lambda serve, ts: any(file.done for file in sheets(serve)),
    "the sheet is shown": lambda serve, ts: "pictures.1.2.3" in json.dumps(serve.slack.answers(ts)),
}


def shown(serve: Serve, ts: str) -> int:
    """Single pictures of the answer."""
    return max((len(answers_with_pictures(m)) for m in serve.slack.answers(ts)), default=0)


def sheets(serve: Serve) -> list[Any]:
    return [file for file in serve.slack.files.values() if file.name.startswith("easel-1-3")]


@pytest.mark.parametrize("moment", GROWING)
async def test_killed_while_an_answer_grows_to_many_each_picture_is_there_once(tmp_path: Path, moment: str) -> None:
    async with OpenAIPeer() as images, serving(tmp_path, ENGINE="openai", IMAGES_BASE_URL=images.base_url) as serve:
        serve.llm.replies.append(Reply(MANY))
        ts = await serve.ask()
        await serve.slack.until(
            lambda: GROWING[moment](serve, ts) or GROWING["the sheet is shown"](serve, ts), PATIENCE_S
        )
        await serve.program.kill()
        serve.llm.replies.append(Reply(MANY))
        await serve.start()
        await serve.slack.until(
            lambda: GROWING["the sheet is shown"](serve, ts) and serve.slack.sessions[-1:] == ["active"], PATIENCE_S
        )
        assert await serve.program.stop() == 0, serve.program.log
        [answer] = serve.slack.answers(ts)
        assert [b["type"] for b in answer["blocks"]] == ["section", "image", "context", "section", "actions"]
        assert [e["action_id"] for e in answer["blocks"][-1]["elements"]] == [f"easel.pick.{n}" for n in (1, 2, 3)]
        there = sorted(file.name.partition(".")[0] for file in serve.slack.files.values() if file.done)
        assert there == ["easel-1", "easel-1-3", "easel-2", "easel-3"]
        assert len(kept(tmp_path)) == 3


async def test_a_command_that_was_acknowledged_before_the_kill_is_answered_after_it(tmp_path: Path) -> None:
    async with OpenAIPeer() as images, serving(tmp_path, ENGINE="openai", IMAGES_BASE_URL=images.base_url) as serve:
        serve.slack.fail("users.info", "ratelimited", status=429, retry_after=60)  # it gets no further
        envelope = await serve.slack.send("slash_commands", slash("imagine a red balloon in the snow"))
        await serve.slack.until(lambda: envelope in serve.slack.acks, PATIENCE_S)
        await serve.program.kill()
        serve.slack.heal()
        assert not [m for m in serve.slack.messages if m["user"] == "UBOT"]
        serve.llm.replies.append(Reply(ANSWER))
        await serve.start()
        await serve.slack.until(lambda: any(map(finished, serve.slack.messages)), PATIENCE_S)
        wishes = [m for m in serve.slack.messages if str(m["text"]).startswith("<@U1>:")]
        assert len(wishes) == 1


async def test_a_wrong_app_token_ends_the_start_with_a_sentence(tmp_path: Path) -> None:
    async with SlackPeer() as slack, OpenAIPeer() as llm:
        program = Serve(slack, llm, tmp_path, SLACK_APP_TOKEN="xapp-wrong").program
        await program.start()
        try:
            assert await program.ended(PATIENCE_S) == 1
        finally:
            await program.kill()
        assert "make an app-level token with connections:write" in program.log
        assert "Traceback" not in program.log


async def test_the_program_starts_and_stops_while_slack_is_away(tmp_path: Path) -> None:
    async with SlackPeer() as slack, OpenAIPeer() as llm:
        program = Serve(slack, llm, tmp_path, SLACK_API_BASE="http://127.0.0.1:9/api/").program
        await program.start()
        try:
            async with asyncio.timeout(PATIENCE_S):
                while "Easel is at" not in program.log:  # noqa: ASYNC110 — a log has no bell
                    await asyncio.sleep(0.1)
            assert "Slack cannot be reached" in program.log
            assert await program.stop() == 0
        finally:
            await program.kill()
        assert "Traceback" not in program.log
