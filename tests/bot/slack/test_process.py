"""`easel serve` as people run it, in its own process, against the Slack peer by Socket Mode: only tokens are set."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.peers.openai_peer import OpenAIPeer, Reply
from tests.peers.slack_peer import APP_TOKEN, BOT_TOKEN, SlackPeer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PATIENCE_S = 90
ASK = "<@UBOT> a red balloon in the snow"
ANSWER = ("Here it is: ", '<image id="1"> a red balloon in the snow </image>', " Like it?")


class Serve:
    """The program and the peers it talks to; `start` again after `kill` is a restart over the same home."""

    def __init__(self, slack: SlackPeer, llm: OpenAIPeer, home: Path) -> None:
        self.slack = slack
        self.llm = llm
        self.home = home
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        settings = {
            "SLACK_BOT_TOKEN": BOT_TOKEN,
            "SLACK_APP_TOKEN": APP_TOKEN,
            "SLACK_API_BASE": self.slack.api_base,
            "LLM_BASE_URL": self.llm.base_url,
            "HOME": str(self.home),
            "WEB_PORT": "0",
        }
        inherited = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith("EASEL_") and "proxy" not in key.lower()
        }
        env = inherited | {f"EASEL_{key}": value for key, value in settings.items()}
        before = self.slack.connections
        with (self.home / "serve.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "serve", env=env, stdout=log, stderr=log
            )
        await self.slack.until(lambda: self.slack.connections > before, PATIENCE_S)

    async def ask(self) -> str:
        event = self.slack.said(ASK)
        await self.slack.send_event(event | {"type": "app_mention"})
        return str(event["ts"])

    async def kill(self) -> None:
        """As the kernel does it when memory is short."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None

    async def stop(self) -> int:
        assert self._process is not None
        self._process.terminate()
        code = await asyncio.wait_for(self._process.wait(), 30)
        self._process = None
        return code


@asynccontextmanager
async def serving(home: Path) -> AsyncIterator[Serve]:
    async with SlackPeer() as slack, OpenAIPeer() as llm:
        serve = Serve(slack, llm, home)
        try:
            await serve.start()
            yield serve
        finally:
            await serve.kill()


def pictures(message: dict[str, Any]) -> list[str]:
    """The files that a message shows."""
    return [block["slack_file"]["id"] for block in message.get("blocks") or [] if block["type"] == "image"]


def finished(message: dict[str, Any]) -> bool:
    return bool(pictures(message)) and "Like it?" in str(message["blocks"])


async def test_a_mention_becomes_a_thread_with_a_picture_and_the_program_stops_cleanly(tmp_path: Path) -> None:
    async with serving(tmp_path) as serve:
        serve.llm.replies.append(Reply(ANSWER))
        ts = await serve.ask()
        await serve.slack.until(lambda: any(map(finished, serve.slack.answers(ts))), PATIENCE_S)
        [answer] = serve.slack.answers(ts)
        assert "<image" not in str(answer["blocks"])
        assert await serve.stop() == 0


@pytest.mark.parametrize("moment", ["writing", "drawing"])
async def test_killed_in_mid_answer_and_restarted_there_is_one_answer_with_its_picture(
    tmp_path: Path, moment: str
) -> None:
    async with serving(tmp_path) as serve:
        serve.llm.replies.append(Reply(ANSWER, hang_after=1 if moment == "writing" else 2))
        ts = await serve.ask()
        sign = "Here it is" if moment == "writing" else "a red balloon"
        await serve.slack.until(
            lambda: sign in str([(m["text"], m.get("blocks")) for m in serve.slack.answers(ts)]), PATIENCE_S
        )
        assert moment == "drawing" or serve.slack.streams, "the words were streamed"
        await serve.kill()
        serve.llm.replies.append(Reply(ANSWER))
        await serve.start()
        await serve.slack.until(
            lambda: any(pictures(m) and "Stop" not in str(m["blocks"]) for m in serve.slack.answers(ts)), PATIENCE_S
        )
        [answer] = serve.slack.answers(ts)
        assert str(answer["blocks"]).count("Here it is") == 1
        [shown] = pictures(answer)
        kept = [path.read_bytes() for path in (tmp_path / "pictures").rglob("*") if path.is_file()]
        assert serve.slack.files[shown].data in kept
