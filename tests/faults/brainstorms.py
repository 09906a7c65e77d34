"""Kills the real program again and again while a team holds brainstorms on its page, and counts their votes.

Whoever gets no answer presses again, as a browser does: the same event, until it is answered. So it is known of every
vote whether it was given, and what the program has stored is held against that.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from tests.faults.easel import Easel, Victim
from tests.faults.moments import Moment, Moments, Order, connect
from tests.faults.peers import NotedModels

IDEAS = 3
PATIENCE_S = 15.0
STUCK_S = 300.0
"""Kills every few seconds may keep a round from its end for minutes, on a starved machine."""
VICTIMS = (Victim.CHAT, Victim.CHAT, Victim.WORKER, Victim.BOTH, Victim.ASKED)
TWICE_S = 1.1
"""Two presses of a person on an idea that are meant are further apart."""


class Beat(StrEnum):
    """What the peers of a conversation cannot hear."""

    PRESSED = "dot pressed"
    VOTED = "dot stored"
    OPENED = "vote opened"
    CLOSED = "vote closed"
    FOLLOWED = "next round stored"
    FINISHED = "end stored"


COUNTERS: dict[StrEnum, tuple[str, str]] = {
    Moment.SAVED: ("easel.db", "SELECT count(*) FROM pictures"),
    Beat.VOTED: ("easel.db", "SELECT coalesce(sum(at), 0) FROM dots"),
    Beat.OPENED: ("easel.db", "SELECT count(*) FROM rounds WHERE phase IN ('open', 'closed', 'over')"),
    Beat.CLOSED: ("easel.db", "SELECT count(*) FROM rounds WHERE phase IN ('closed', 'over')"),
    Beat.FOLLOWED: ("easel.db", "SELECT count(*) FROM rounds WHERE before IS NOT NULL"),
    Beat.FINISHED: ("easel.db", "SELECT count(*) FROM rounds WHERE part LIKE '%\"last\":true%'"),
}
BEATS: tuple[StrEnum, ...] = (Moment.ASKED, Moment.RENDERING, Moment.RENDERED, Moment.SAVED, *Beat)


@dataclass
class Verdict:
    """Sentences by figure; a run without faults has none."""

    problems: dict[str, list[str]] = field(
        default_factory=lambda: {name: [] for name in ("lost_votes", "doubled_votes", "stuck_rounds")}
    )
    rounds: int = 0
    votes: int = 0
    kills: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def reached(self) -> set[str]:
        return {moment for moment, _ in self.kills if moment in BEATS}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Stuck(Exception):
    """Nothing comes any more."""


class Team:
    """Some people with a browser each."""

    def __init__(self, port: int, moments: Moments, dice: random.Random) -> None:
        self._base = f"http://127.0.0.1:{port}"
        self._moments = moments
        self._dice = dice
        self._events = 0
        self.browsers: list[aiohttp.ClientSession] = []

    async def __aenter__(self) -> Team:
        for _ in range(4):
            jar = aiohttp.CookieJar(unsafe=True)
            self.browsers.append(aiohttp.ClientSession(self._base, cookie_jar=jar, headers={"X-Easel": "1"}))
        for browser in self.browsers:
            await self._until(lambda browser=browser: browser.get("/"))  # type: ignore[misc]
        return self

    async def __aexit__(self, *_: object) -> None:
        for browser in self.browsers:
            await browser.close()

    async def _until(self, ask: Callable[[], Any]) -> dict[str, Any]:
        """Ask until it is answered."""
        async with asyncio.timeout(STUCK_S):
            while True:
                with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                    async with asyncio.timeout(20), ask() as answer:
                        if answer.status < 300:
                            text = await answer.text()
                            return dict(json.loads(text)) if "json" in answer.content_type else {}
                        if answer.status < 500 and answer.status != 429:
                            raise Stuck(f"{answer.status}: {await answer.text()}")
                await asyncio.sleep(0.05)

    def _event(self) -> str:
        self._events += 1
        return f"event{self._events:08d}{self._dice.randrange(1 << 32):08x}"

    async def say(self, thread: str, text: str, there: Callable[[], bool]) -> None:
        """Until what it leads to is stored."""
        event = self._event()

        def ask() -> Any:
            form = aiohttp.FormData({"text": text, "event": event}, default_to_multipart=True)
            return self.browsers[0].post(f"/api/threads/{thread}/messages", data=form)

        async with asyncio.timeout(STUCK_S):
            while not there():
                await self._until(ask)
                for _ in range(40):
                    if there():
                        break
                    await asyncio.sleep(0.05)

    async def press(self, thread: str, who: int, action: str, picture: int) -> str:
        body = {"action": action, "picture": picture, "event": self._event()}
        first = True

        def ask() -> Any:
            nonlocal first
            if first and action == "dot":
                asyncio.get_running_loop().call_soon(self._moments.note, Beat.PRESSED)
            first = False
            return self.browsers[who].post(f"/api/threads/{thread}/press", json=body)

        return str((await self._until(ask)).get("text", ""))


class Table:
    """One run over a fresh home."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._dice = random.Random(seed)
        self._home = folder / "home"
        self._home.mkdir()
        self._folder = folder
        self.moments = Moments(self._home, COUNTERS)
        self._models = NotedModels(self.moments.note, self._reply, self._dice)
        self._port = free_port()
        self.verdict = Verdict()
        self._drawn = 0
        self._done = asyncio.Event()

    def _reply(self, request: dict[str, Any]) -> list[str]:
        """Directions, which have no word in common."""
        rows = []
        for _ in range(8):
            self._drawn += 1
            words = " ".join(f"w{self._dice.randrange(1 << 40):x}" for _ in range(5))
            rows.append({"title": f"Idea {self._drawn}", "why": "It is new.", "description": words})
        text = json.dumps(rows)
        return [text[at : at + 200] for at in range(0, len(text), 200)]

    async def run(self, kills: int, tell: Callable[[str], None]) -> Verdict:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._models)
            easel = Easel(
                self._home,
                {
                    "LLM_BASE_URL": self._models.base_url, "ENGINE": "openai", "IMAGES_BASE_URL": self._models.base_url,
                    "WEB_PORT": str(self._port),
                },
            )  # fmt: skip
            stack.push_async_callback(easel.destroy)
            await easel.start()
            team = await stack.enter_async_context(Team(self._port, self.moments, self._dice))
            talking = asyncio.create_task(self._talk(team))
            await self._kill(easel, kills, tell)
            self._done.set()
            await talking
            await easel.stop()
            self._check_over()
        return self.verdict

    async def _kill(self, easel: Easel, kills: int, tell: Callable[[str], None]) -> None:
        order = Order(BEATS, kills, self._dice)
        for at, moment in enumerate(order, start=1):
            victim, skip = self._dice.choice(VICTIMS), self._dice.randint(0, 2)
            if moment in (Beat.CLOSED, Beat.FOLLOWED, Beat.FINISHED, Beat.OPENED):
                skip = 0
            strike = partial(easel.strike, victim)
            came = await self.moments.at(moment, strike, skip=skip, timeout_s=PATIENCE_S)
            victim = easel.struck or victim
            self.verdict.kills[(moment if came else "at any time", victim)] += 1
            if not came and moment not in self.verdict.reached:
                order.missed.append(moment)
            order.missed = [one for one in order.missed if one not in self.verdict.reached]
            tell(f"{at} kills in brainstorms, {self.verdict.votes} votes")
            if victim is Victim.WORKER and easel.runs:
                continue
            await easel.gone()
            await easel.start()

    async def _talk(self, team: Team) -> None:
        number = 0
        while not self._done.is_set():
            number += 1
            thread = f"thread-{number:04d}"
            try:
                await self._brainstorm(team, thread, anonymous=number % 2 == 0)
            except (Stuck, TimeoutError) as error:
                self.verdict.problems["stuck_rounds"].append(f"{thread}: {error!r} {self._rounds(thread)}")

    async def _brainstorm(self, team: Team, thread: str, *, anonymous: bool) -> None:
        options = " anonymous:yes" if anonymous else ""
        text = f"/brainstorm topic:cups {thread} ideas:{IDEAS} votes:2{options}"
        await team.say(thread, text, lambda: bool(self._rounds(thread)))
        for number in (1, 2):
            part = await self._phase(thread, number, "open")
            cards = [card["picture"] for card in part["cards"]]
            wanted = await self._vote(team, thread, self._there(thread, cards))
            await team.press(thread, 0, "close", cards[0])
            part = await self._phase(thread, number, "closed")
            self._compare(thread, number, wanted)
            if number == 1:
                await team.press(thread, 0, "next", cards[0])
        await team.press(thread, 0, "finish", cards[0])
        await self._phase(thread, 3, "closed")
        self.verdict.rounds += 2

    def _there(self, thread: str, cards: list[int]) -> list[int]:
        """The ideas that have a draft: a kill may have taken one, and a vote for it is refused."""
        with closing(connect(self._home / "easel.db")) as database:
            query = "SELECT number FROM pictures WHERE thread LIKE ? AND state = 'ready'"
            ready = {number for (number,) in database.execute(query, (f"%/{thread}",))}
        return [picture for picture in cards if picture in ready]

    async def _vote(self, team: Team, thread: str, cards: list[int]) -> Counter[int]:
        """Everybody gives and takes votes; what they meant, in the end.

        Args:
            cards: What can be voted for.
        """
        wanted: Counter[int] = Counter()

        async def one(who: int) -> None:
            mine = self._dice.sample(cards, min(2, len(cards)))
            for picture in mine:
                self._counted(thread, await team.press(thread, who, "dot", picture))
            if mine and self._dice.random() < 0.4:
                await asyncio.sleep(TWICE_S)
                self._counted(thread, await team.press(thread, who, "dot", mine.pop()))
            wanted.update(mine)

        await asyncio.gather(*(one(who) for who in range(len(team.browsers))))
        return wanted

    def _counted(self, thread: str, told: str) -> None:
        self.verdict.votes += 1
        if not told.startswith(("Your vote for", "You have", "You vote")) or "used" in told:
            self.verdict.problems["lost_votes"].append(f"{thread}: refused: {told}")

    def _rounds(self, thread: str) -> list[tuple[str, str]]:
        """(turn, part) of a thread's rounds."""
        with contextlib.suppress(sqlite3.Error), closing(connect(self._home / "easel.db")) as database:
            query = "SELECT turn, part FROM rounds WHERE thread LIKE ? ORDER BY created"
            return [(str(turn), str(part)) for turn, part in database.execute(query, (f"%/{thread}",))]
        return []

    async def _phase(self, thread: str, number: int, phase: str) -> dict[str, Any]:
        """Wait until the round has come so far, in the table and in the answer that shows it."""
        async with asyncio.timeout(STUCK_S):
            while True:
                rounds = self._rounds(thread)
                if len(rounds) >= number:
                    turn, part = rounds[number - 1]
                    data: dict[str, Any] = json.loads(part)
                    if data["phase"] == phase and self._shown(turn).get("phase") == phase:
                        return data
                    if data["phase"] == "over" and phase != "over":
                        raise Stuck(f"round {number} is over: {data['remarks']}")
                await asyncio.sleep(0.02)

    def _shown(self, turn: str) -> dict[str, Any]:
        with contextlib.suppress(sqlite3.Error), closing(connect(self._home / "easel.db")) as database:
            row = database.execute("SELECT parts FROM turns WHERE id = ? AND state = 'done'", (turn,)).fetchone()
            parts = json.loads(row[0]) if row else []
            return next((dict(part["round"]) for part in parts if "round" in part), {})
        return {}

    def _compare(self, thread: str, number: int, wanted: Counter[int]) -> None:
        turn, _ = self._rounds(thread)[number - 1]
        with closing(connect(self._home / "easel.db")) as database:
            query = "SELECT number, count(*) FROM dots WHERE turn = ? AND given = 1 GROUP BY number"
            stored = Counter(dict(database.execute(query, (turn,)).fetchall()))
        shown = Counter({card["picture"]: card["votes"] for card in self._shown(turn)["cards"] if card["votes"]})
        for name, found in (("stored", stored), ("shown", shown)):
            where = f"{thread}, round {number}: meant {dict(wanted)}, {name} {dict(found)}"
            if wanted - found:
                self.verdict.problems["lost_votes"].append(where)
            if found - wanted:
                self.verdict.problems["doubled_votes"].append(where)

    def _check_over(self) -> None:
        with closing(connect(self._home / "easel.db")) as database:
            query = "SELECT r.turn, r.phase FROM rounds r WHERE r.phase IN ('thinking', 'drawing')"
            for turn, phase in database.execute(query).fetchall():
                self.verdict.problems["stuck_rounds"].append(f"{turn} is {phase} for good")


async def run(
    kills: int, seed: int = 1, tell: Callable[[str], None] = lambda line: None, keep: Path | None = None
) -> Verdict:
    """Kill `kills` times, and (at most twice as often) until every moment has been hit."""
    with tempfile.TemporaryDirectory(prefix="easel-brainstorms-") as scratch:
        return await Table(keep or Path(scratch), seed).run(kills, tell)
