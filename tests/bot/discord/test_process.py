"""`easel serve` as people run it, in its own process, against the peers: nothing but a token is configured."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.chats.discord.ids import number_of_file
from tests.peers.discord_peer import BOT, TOKEN, DiscordPeer
from tests.peers.openai_peer import OpenAIPeer, Reply

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PATIENCE_S = 90
ASK = f"<@{BOT}> a red balloon in the snow"
ANSWER = ("Here it is: ", '<image id="1"> a red balloon in the snow </image>', " Like it?")


class Serve:
    """The program and the peers it talks to; `start` again after `kill` is a restart over the same home."""

    def __init__(self, discord: DiscordPeer, llm: OpenAIPeer, home: Path, **settings: str) -> None:
        self.discord = discord
        self.llm = llm
        self._home = home
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        settings = {
            "DISCORD_TOKEN": TOKEN,
            "DISCORD_API_BASE": self.discord.api,
            "DISCORD_GATEWAY": self.discord.gateway,
            "DISCORD_CDN": self.discord.cdn,
            "LLM_BASE_URL": self.llm.base_url,
            "HOME": str(self._home),
            "WEB_PORT": "0",
            **self._settings,
        }
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("EASEL_")}
        env = inherited | {f"EASEL_{key}": value for key, value in settings.items()}
        before = self.discord.identified
        with (self._home / "serve.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "serve", env=env, stdout=log, stderr=log
            )
        await self.until(lambda: self.discord.identified > before)

    async def until(self, condition: Callable[[], bool]) -> None:
        await self.discord.until(condition, PATIENCE_S)

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
async def serving(home: Path, **settings: str) -> AsyncIterator[Serve]:
    discord = DiscordPeer()
    await discord.start()
    async with OpenAIPeer() as llm:
        serve = Serve(discord, llm, home, **settings)
        try:
            await serve.start()
            yield serve
        finally:
            await serve.kill()
            await discord.stop()


def finished(message: dict[str, Any]) -> bool:
    """Pictures are there and nothing is left to stop."""
    numbers = [number_of_file(file["filename"]) for file in message["attachments"]]
    return 1 in numbers and "e1:stop" not in str(message["components"])


async def test_a_mention_becomes_a_thread_with_a_picture_and_the_program_stops_cleanly(tmp_path: Path) -> None:
    async with serving(tmp_path) as serve:
        serve.llm.replies.append(Reply(ANSWER))
        asked = await serve.discord.say(ASK)
        await serve.until(lambda: any(map(finished, serve.discord.said(asked["id"]))))
        [answer] = serve.discord.said(asked["id"])
        assert serve.discord.bytes_of(answer["attachments"][0]).startswith(b"\x89PNG")
        assert "<image" not in str(answer["components"])
        assert await serve.stop() == 0


@pytest.mark.parametrize("moment", ["writing", "drawing"])
async def test_killed_in_mid_answer_and_restarted_there_is_one_answer_with_its_picture(
    tmp_path: Path, moment: str
) -> None:
    async with serving(tmp_path) as serve:
        serve.llm.replies.append(Reply(ANSWER, hang_after=1 if moment == "writing" else 2))
        asked = await serve.discord.say(ASK)
        sign = "Here it is" if moment == "writing" else "a red balloon"
        await serve.until(lambda: sign in str([m["components"] for m in serve.discord.said(asked["id"])]))
        await serve.kill()
        serve.llm.replies.append(Reply(ANSWER))
        await serve.start()
        await serve.until(lambda: any(map(finished, serve.discord.said(asked["id"]))))
        [answer] = serve.discord.said(asked["id"])
        assert len(answer["attachments"]) == 1
        assert str(answer["components"]).count("Here it is") == 1
        assert serve.discord.synced == 1
