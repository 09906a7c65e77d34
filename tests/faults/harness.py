"""Kills the real program again and again while people talk to it, and says what became of their messages."""

from __future__ import annotations

import asyncio
import logging
import random
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.faults.check import Verdict, answered, check, open_work
from tests.faults.easel import Easel, Victim
from tests.faults.load import Load
from tests.faults.moments import Moment, Moments, Order
from tests.faults.peers import NotedDiscord, NotedModels
from tests.peers.discord_peer import TOKEN

OPEN_MESSAGES = 5
"""Messages without an answer at any time, so that there is always something to break."""
PER_DAY = 14
PATIENCE_S = 20.0
"""How long a moment is waited for before the kill comes anyway."""
QUIET_S = 120.0
VICTIMS = (Victim.CHAT, Victim.CHAT, Victim.WORKER, Victim.BOTH, Victim.ASKED)
DRAWN = frozenset(
    {
        Moment.SUBMITTED, Moment.CLAIMED, Moment.RENDERING, Moment.RENDERED, Moment.KEPT, Moment.SAVED,
        Moment.EDITING, Moment.EDITED,
    }
)  # fmt: skip
"""Moments that need a picture."""
SKIPS = {Moment.STREAMING: 12, Moment.EDITED: 4, Moment.EDITING: 4, Moment.SUBMITTED: 3, Moment.HEARD: 1}


class Harness:
    """One run over a fresh home. Use as an async context manager."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self._dice = random.Random(seed)
        home = folder / "home"
        home.mkdir()
        self.moments = Moments(home)
        self.discord = NotedDiscord(self.moments.note)
        self.load = Load(self.discord, self._dice)
        self.models = NotedModels(self.moments.note, self.load.reply_to, self._dice)
        self.easel: Easel
        self.kills: Counter[tuple[str, str]] = Counter()
        self.slow_stops: list[str] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Harness:
        # The peers' servers would tell of every connection that a kill cuts.
        servers = logging.getLogger("aiohttp.server")
        self._stack.callback(servers.setLevel, servers.level)
        servers.setLevel(logging.CRITICAL)
        await self.discord.start()
        self._stack.push_async_callback(self.discord.stop)
        await self._stack.enter_async_context(self.models)
        settings = {
            "DISCORD_TOKEN": TOKEN, "DISCORD_API_BASE": self.discord.api, "DISCORD_GATEWAY": self.discord.gateway,
            "DISCORD_CDN": self.discord.cdn, "LLM_BASE_URL": self.models.base_url, "ENGINE": "openai",
            "IMAGES_BASE_URL": self.models.base_url, "WEB_PORT": "0", "PICTURES_PER_DAY": str(PER_DAY),
        }  # fmt: skip
        self.easel = Easel(self.folder / "home", settings)
        self._stack.push_async_callback(self.easel.destroy)
        await self._start()
        # Where nobody has ever talked with it, nothing can have been missed.
        await self.load.say()
        await self.discord.until(lambda: bool(self.discord.threads), QUIET_S)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _start(self, *, wait: bool = True) -> None:
        before = self.discord.identified
        await self.easel.start()
        if wait:
            ended = asyncio.create_task(self.easel.ended())
            there = asyncio.create_task(self.discord.until(lambda: self.discord.identified > before, QUIET_S))
            await asyncio.wait({ended, there}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                there.cancel()
                raise RuntimeError(f"it does not start; the end of its log: {self.easel.last_words()}")
            ended.cancel()
            await there

    async def kill(self, moment: Moment) -> bool:
        """One kill at this moment, or (False) when it does not come, at any time; and the restart after it."""
        victim = self._dice.choice(VICTIMS)
        skip = self._dice.randint(0, SKIPS.get(moment, 2))
        if moment is Moment.STARTING:
            victim, skip = self._dice.choice((Victim.CHAT, Victim.BOTH)), 0
            self.easel.strike(victim)
            await self.easel.gone()
            await self._start(wait=False)
        came = asyncio.create_task(
            self.moments.at(moment, lambda: self.easel.strike(victim), skip=skip, timeout_s=PATIENCE_S)
        )
        await asyncio.sleep(0)
        await self._talk(moment)
        reached = await came
        victim = self.easel.struck or victim  # the chat process, where no worker was there
        self.kills[(moment if reached else "at any time", victim)] += 1
        if victim is Victim.WORKER and self.easel.runs:
            return reached
        if self._dice.random() < 0.3:
            await self.load.say()  # while nobody listens
        code = await self.easel.gone()
        if self._dice.random() < 0.3:
            self.discord.forget_nonces()  # it was down for some minutes
        if victim is Victim.ASKED and code != 0:
            self.slow_stops.append(f"asked to stop at {moment}, it ended with {code}")
        await self._start()
        return reached

    async def _talk(self, moment: Moment) -> None:
        """Keep people waiting, and have somebody say what brings the moment about."""
        await self.load.say(anew=True if moment is Moment.THREADED else None, drawn=moment in DRAWN)
        waiting = sum(not answered(self.discord, said) for said in self.load.said.values())
        for _ in range(OPEN_MESSAGES - waiting):
            await self.load.say()

    async def finish(self) -> Verdict:
        """Let it come to rest, stop it, start and stop it once more, and look at what is left."""
        await self._quiet()
        codes = [await self.easel.stop()]
        await self._start()
        codes.append(await self.easel.stop())
        verdict = check(self.discord, self.load.said, self.easel.home, PER_DAY)
        verdict.problems["stuck"] += self.slow_stops
        verdict.problems["stuck"] += [f"the last stops ended with {codes}"] if any(codes) or None in codes else []
        verdict.problems["leaked"] += await self.easel.leaks()
        return verdict

    async def _quiet(self) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + QUIET_S
        while loop.time() < end:
            everybody = all(answered(self.discord, said) for said in self.load.said.values())
            if everybody and not open_work(self.easel.home):
                return
            await asyncio.sleep(0.25)


@dataclass(frozen=True, slots=True)
class Outcome:
    verdict: Verdict
    kills: Counter[tuple[str, str]]
    """By moment and victim."""
    messages: int

    @property
    def reached(self) -> set[str]:
        """The moments that were hit."""
        return {moment for moment, _ in self.kills if moment in [*Moment]}


async def run(
    kills: int, seed: int = 1, tell: Callable[[str], None] = lambda line: None, keep: Path | None = None
) -> Outcome:
    """Kill `kills` times, and (at most twice as often) until every moment has been hit.

    Args:
        keep: An empty folder for databases and the program's log; without it they are deleted.
    """
    with tempfile.TemporaryDirectory(prefix="easel-faults-") as scratch:
        async with Harness(keep or Path(scratch), seed) as harness:
            order = Order(list(Moment), kills, random.Random(seed))
            for at, moment in enumerate(order, start=1):
                if not await harness.kill(Moment(moment)):
                    order.missed.append(moment)
                tell(f"{at} kills, {len(harness.load.said)} messages")
            verdict = await harness.finish()
            return Outcome(verdict, harness.kills, len(harness.load.said))
