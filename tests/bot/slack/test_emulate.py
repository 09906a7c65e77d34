"""`easel serve` in HTTP mode, in its own process, against a published emulator of Slack: nothing of ours on that side.

What the emulator lacks (Socket Mode, slash commands, interactivity, streaming, agents, retries) is shown against the
peer of ours in the other files.
"""

from __future__ import annotations

import asyncio
import html
import json
import re
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from slack_sdk.signature import SignatureVerifier

from bot.chats.slack.manifest import SCOPES
from imaging.marking.copies import enlarged_file
from tests.bot.slack.conftest import answers_with_pictures
from tests.bot.slack.program import Program
from tests.marking.reading import is_copy
from tests.peers import block_kit
from tests.peers.emulate_slack import EmulatedSlack, Unavailable, emulated
from tests.peers.openai_peer import OpenAIPeer, Reply, picture

pytestmark = [pytest.mark.slow, pytest.mark.node, pytest.mark.timeout(420)]
PATIENCE_S = 120
SECRET, CLIENT, CLIENT_SECRET = "signing", "1.2", "client-secret"
BOT, BOT_ID = "UEASEL", "BEASEL"
Json = dict[str, Any]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Site:
    """The program, the emulator and the language model."""

    program: Program
    slack: EmulatedSlack
    llm: OpenAIPeer
    url: str

    async def ready(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    async with self.slack.session.get(f"{self.url}/healthz") as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    await asyncio.sleep(0.2)

    async def install(self) -> tuple[int, str]:
        """As a person does it in a browser: our page, Slack's page, a click on their own name, and back."""
        session = self.slack.session
        async with session.get(f"{self.url}/slack/install") as page:
            cookie = page.headers["Set-Cookie"].split(";")[0]
            address = next(a for a in re.findall(r'href="([^"]+)"', await page.text()) if "/oauth/v2/" in a)
        async with session.get(html.unescape(address)) as page:
            form = await page.text()
        fields = {**{key: values[0] for key, values in parse_qs(urlsplit(html.unescape(address)).query).items()}}
        assert self.slack.user in form
        async with session.post(
            f"{self.slack.url}/oauth/v2/authorize/callback", data=fields | {"user_id": self.slack.user},
            allow_redirects=False,
        ) as allowed:  # fmt: skip
            back = allowed.headers["Location"]
        assert back.startswith(f"{self.url}/slack/oauth_redirect?")
        async with session.get(back, headers={"Cookie": cookie}) as done:
            return done.status, await done.text()

    async def until(self, ts: str, true: Any) -> list[Json]:
        """Wait until the bot's messages in a thread are as wanted."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answers = [m for m in await self.slack.thread(ts) if m["user"] == BOT]
                if true(answers):
                    return answers
                await asyncio.sleep(0.2)

    async def event(self, event: Json, secret: str) -> int:
        """An event from somebody who knows this secret."""
        body = json.dumps({"type": "event_callback", "team_id": "T000000001", "event_id": "EvX", "event": event})
        moment = str(int(time.time()))
        signature = SignatureVerifier(secret).generate_signature(timestamp=moment, body=body) or ""
        headers = {"X-Slack-Signature": signature, "X-Slack-Request-Timestamp": moment}
        headers["Content-Type"] = "application/json"
        async with self.slack.session.post(f"{self.url}/slack/events", data=body, headers=headers) as answer:
            return answer.status


@asynccontextmanager
async def site(home: Path) -> AsyncIterator[Site]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    app = {
        "client_id": CLIENT, "client_secret": CLIENT_SECRET, "name": "Easel", "scopes": sorted(SCOPES),
        "redirect_uris": [f"{url}/slack/oauth_redirect"], "app_id": "A1", "bot_id": BOT_ID, "bot_user_id": BOT,
        "bot_name": "easel",
    }  # fmt: skip
    seed: Json = {
        "users": [{"name": "ada", "real_name": "Ada"}], "channels": [{"name": "design"}], "oauth_apps": [app],
        "tokens": [{"token": "xoxp-ada", "type": "user", "user": "ada"}], "signing_secret": SECRET,
        "strict_scopes": True,
    }  # fmt: skip
    async with OpenAIPeer() as llm:
        try:
            async with emulated(f"{url}/slack/events", seed, BOT) as slack:
                settings = {
                    "SLACK_SIGNING_SECRET": SECRET, "SLACK_CLIENT_ID": CLIENT, "SLACK_CLIENT_SECRET": CLIENT_SECRET,
                    "SLACK_API_BASE": slack.api_base, "WEB_PORT": str(port), "WEB_PUBLIC_URL": url,
                    "LLM_BASE_URL": llm.base_url, "ENGINE": "openai", "IMAGES_BASE_URL": llm.base_url,
                }  # fmt: skip
                program = Program(home, settings)
                made = Site(program, slack, llm, url)
                await program.start()
                try:
                    await made.ready()
                    yield made
                finally:
                    await program.kill()
        except Unavailable as reason:
            pytest.skip(str(reason))


def finished(answers: list[Json]) -> bool:
    return bool(answers) and bool(answers_with_pictures(answers[-1])) and "Like it?" in json.dumps(answers[-1])


async def shown(slack: EmulatedSlack, token: str, file: str) -> bytes:
    """The bytes of a file that a message shows."""
    headers = {"Authorization": f"Bearer {token}"}
    async with slack.session.get(f"{slack.api_base}files.info", params={"file": file}, headers=headers) as answer:
        told = await answer.json()
    assert told["ok"], told
    status, kind, data = await slack.download(told["file"]["url_private_download"], token)
    assert (status, kind) == (200, "image/png")
    return data


def token_of(home: Path) -> str:
    from bot.chats.slack.clients import installed_teams

    (bot,) = installed_teams(home / "slack.db", CLIENT)
    return str(bot.bot_token)


async def test_from_install_to_pictures_and_back(tmp_path: Path) -> None:
    async with site(tmp_path / "home") as place:
        slack, llm = place.slack, place.llm
        # OAuth install, end to end.
        status, page = await place.install()
        assert (status, "Easel is installed" in page) == (200, True), page
        token = token_of(place.program.home)

        # A signed event in; a thread reply with a picture out.
        llm.replies.append(Reply(("Here it is: ", '<image id="1"> a red balloon in the snow </image>', " Like it?")))
        root = await slack.say(f"<@{BOT}> a red balloon in the snow")
        (answer,) = await place.until(root, finished)
        assert answer["thread_ts"] == root
        assert answer["edited"]["user"] == BOT, "it was brought up to date in place"
        assert block_kit.problems(answer["blocks"]) == []
        assert "<image" not in json.dumps(answer["blocks"])
        (file,) = answers_with_pictures(answer)
        data = await shown(slack, token, file)
        [kept] = [path.read_bytes() for path in picture_files(place.program.home)]
        assert is_copy(data, enlarged_file(kept)), "what people see is a marked copy of what is kept"

        # History: the first message stands in the channel, the answer in its thread.
        history = await slack.call("conversations.history", channel=slack.channels["general"])
        assert [m["ts"] for m in history["messages"]] == [root]
        assert history["messages"][0]["reply_count"] == 1

        # A reference picture: fetched with the token, put to the language model as a numbered picture.
        llm.replies.append(Reply(("A fine square.",)))
        await slack.send_file("square.png", picture("blue"), "what is this?", thread_ts=root)
        await place.until(root, lambda found: len(found) == 2 and "fine square" in json.dumps(found[1]))
        asked = json.dumps(llm.requests[-1]["messages"])
        assert "square.png" in asked
        assert "what is this?" in asked
        # Files are nobody's without a token.
        told = (await slack.call("files.list", channel=slack.channels["general"]))["files"][0]
        assert (await slack.download(told["url_private"], "xoxb-nobody"))[1] == "text/html"

        # A turn in the thread needs no mention; other people's threads are not ours.
        llm.replies.append(Reply(("Gladly. Like it?",)))
        before = len(llm.requests)
        other = await slack.say("lunch?")
        await slack.say("pizza", thread_ts=other)
        await slack.say("thanks", thread_ts=root)
        await place.until(root, lambda found: len(found) == 3)
        assert len(llm.requests) == before + 1
        assert [m["user"] for m in await slack.thread(other)] == [slack.user] * 2

        # A wrong signature is refused and changes nothing.
        forged = {"type": "app_mention", "user": slack.user, "text": f"<@{BOT}> hi", "ts": "1.1"}
        assert await place.event(forged | {"channel": slack.channels["general"]}, "guessed") == 401
        assert await place.program.stop() == 0
        assert len(llm.requests) == before + 1


async def test_killed_in_mid_answer_it_goes_on_in_the_same_message(tmp_path: Path) -> None:
    async with site(tmp_path / "home") as place:
        assert (await place.install())[0] == 200
        reply = ("Here it is: ", '<image id="1"> a red balloon in the snow </image>', " Like it?")
        place.llm.replies.append(Reply(reply, hang_after=2))
        root = await place.slack.say(f"<@{BOT}> a red balloon in the snow")
        await place.until(root, lambda found: "red balloon" in json.dumps(found))
        await place.program.kill()
        place.llm.replies.append(Reply(reply))
        await place.program.start()
        await place.ready()
        (answer,) = await place.until(root, lambda found: any(map(answers_with_pictures, found)))
        (file,) = answers_with_pictures(answer)
        data = await shown(place.slack, token_of(place.program.home), file)
        [kept] = [path.read_bytes() for path in picture_files(place.program.home)]
        assert is_copy(data, enlarged_file(kept))
        assert json.dumps(answer["blocks"]).count("Here it is") == 1


def picture_files(home: Path) -> list[Path]:
    return [path for path in (home / "pictures").rglob("*") if path.is_file()]
