"""What became of every message and every picture: the peer's own record against the program's databases."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.chats.discord.ids import number_of_file
from handlers.presentation import MANY
from tests.faults.load import Said
from tests.faults.moments import connect, read_number
from tests.peers.discord_peer import DiscordPeer

PICTURE = re.compile(r"#\d+: pm(\d+)n(\d+)\b")
UNDER_WAY = ("e1:stop", "e1:cancel", "thinking…")
LOST_END = "its end was lost"
USED_UP = "You have used your"
"""Said once, for all the pictures of an answer that it keeps from being made."""
OPEN = {
    "easel.db": ("SELECT count(*) FROM turns WHERE state = 'open'", "SELECT count(*) FROM events WHERE finished = 0"),
    "jobs.db": ("SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')",),
}


@dataclass
class Verdict:
    """Sentences by figure; a run without faults has none."""

    problems: dict[str, list[str]] = field(
        default_factory=lambda: {name: [] for name in ("lost", "doubled", "stuck", "orphans", "leaked", "damaged")}
    )
    answers: int = 0
    pictures: int = 0
    sentences: int = 0
    """Directives that ended in words instead of a picture."""

    def add(self, figure: str, sentence: str) -> None:
        self.problems[figure].append(sentence)

    @property
    def clean(self) -> bool:
        return not any(self.problems.values())


def words_of(message: Mapping[str, Any]) -> str:
    """All text of a message, with the ids of its buttons."""
    return "\n".join(_words(message["components"]))


def _words(components: list[dict[str, Any]]) -> Iterator[str]:
    for component in components:
        yield from (str(component[key]) for key in ("content", "custom_id") if key in component)
        yield from _words(component.get("components", []))


def answered(peer: DiscordPeer, said: Said) -> bool:
    """Whether there is an answer to which nothing more is to come."""
    texts = [words_of(message) for message in peer.said(said.thread)]
    mine = [text for text in texts if re.search(rf"\bAm{said.number}\b", text)]
    return bool(mine) and not any(sign in text for sign in UNDER_WAY for text in mine)


def open_work(home: Path) -> int:
    """Turns, events and jobs that have not ended."""
    return sum(read_number(home / file, query) for file, queries in OPEN.items() for query in queries)


def check(peer: DiscordPeer, said: Mapping[int, Said], home: Path, per_day: int) -> Verdict:
    """Everything that can be said once all is quiet and the program has stopped."""
    verdict = Verdict()
    for one in said.values():
        _check_answer(verdict, peer, one)
    for thread in peer.threads:
        for message in peer.said(thread):
            if not re.search(r"\bAm\d+\.", text := words_of(message)):
                verdict.add("doubled", f"thread {thread}: a message that answers nobody: {text[:200]!r}")
    _check_home(verdict, home)
    _check_people(verdict, peer, said, home, per_day)
    return verdict


def _check_answer(verdict: Verdict, peer: DiscordPeer, said: Said) -> None:
    name = f"message {said.number}"
    mine = [m for m in peer.said(said.thread) if re.search(rf"\bAm{said.number}\.", words_of(m))]
    text = "\n".join(map(words_of, mine))
    times = len(re.findall(rf"\bAm{said.number}\.", text))
    if times == 0:
        verdict.add("lost", f"{name} in {said.thread} has no answer")
        return
    verdict.answers += 1
    if times > 1:
        verdict.add("doubled", f"{name} has {times} answers")
    if any(sign in text for sign in UNDER_WAY):
        verdict.add("stuck", f"{name}: its answer still waits: {text[-200:]!r}")
    _check_row(verdict, name, text)
    posted: Counter[int] = Counter()
    for message in mine:
        for attachment in message["attachments"]:
            found = PICTURE.match(attachment.get("description") or "")
            if found and int(found[1]) == said.number:
                posted[int(found[2])] += 1
                if not peer.bytes_of(attachment).startswith(b"\x89PNG"):
                    verdict.add("lost", f"{name}: picture {found[2]} has no bytes")
    verdict.pictures += len(posted)
    verdict.problems["doubled"] += [f"{name}: picture {at} is there {n} times" for at, n in posted.items() if n > 1]
    missing = said.pictures - len(posted)
    told = text.count("❌") + text.count("🚫") + text.count("-# ⚠️")
    verdict.sentences += missing
    if missing > told and LOST_END not in text and USED_UP not in text:
        verdict.add("lost", f"{name}: {missing} pictures are missing, {told} sentences: {text!r}")


def _check_row(verdict: Verdict, name: str, text: str) -> None:
    """Pictures of an answer can be picked from a row, or have buttons of their own, but never both."""
    picked, own = (len(set(re.findall(rf"^e1:{action}:.*", text, re.MULTILINE))) for action in ("pick", "vary"))
    if picked and own:
        verdict.add("damaged", f"{name}: {picked} pictures to pick, {own} with buttons of their own")
    if own >= MANY or 0 < picked < MANY:
        verdict.add("damaged", f"{name}: {picked} pictures to pick, {own} with buttons of their own, of {MANY}")


def _check_home(verdict: Verdict, home: Path) -> None:
    for path in home.glob("*.db"):
        with contextlib.closing(connect(path)) as database:
            said = database.execute("PRAGMA integrity_check").fetchone()[0]
        if said != "ok":
            verdict.add("damaged", f"{path.name}: {said}")
    for file, queries in OPEN.items():
        for query in queries:
            if left := read_number(home / file, query):
                verdict.add("stuck", f"{left} by {query}")
    with contextlib.closing(connect(home / "easel.db")) as database:
        wanted = {row[0] for row in database.execute("SELECT sha256 FROM pictures WHERE state = 'ready'")}
    there = {path.stem: path for path in (home / "pictures").glob("??/*") if path.is_file()}
    verdict.problems["orphans"] += [
        f"{path.name} belongs to no picture" for sha, path in there.items() if sha not in wanted
    ]
    verdict.problems["lost"] += [f"the file {sha} of a picture is gone" for sha in wanted - there.keys()]


def _check_people(verdict: Verdict, peer: DiscordPeer, said: Mapping[int, Said], home: Path, per_day: int) -> None:
    """Every stored picture is shown in its thread, and no person has more than the day's share."""
    with contextlib.closing(connect(home / "easel.db")) as database:
        rows = database.execute(
            "SELECT t.thread, p.number, p.person_id FROM pictures p JOIN threads t ON t.key = p.thread "
            "WHERE p.operation != 'upload'"
        ).fetchall()
    shown = {
        (thread, number_of_file(file["filename"]))
        for thread in peer.threads
        for message in peer.said(thread)
        for file in message["attachments"]
    }
    for thread, number, _ in rows:
        if (thread, number) not in shown:
            verdict.add("lost", f"picture {number} of thread {thread} is stored but not shown")
    used = Counter(person.rpartition("/")[2] for _, _, person in rows)
    for person, pictures in used.items():
        if pictures > per_day:
            verdict.add("damaged", f"{person} has {pictures} pictures of {per_day}")
    posted: Counter[str] = Counter()
    for one in said.values():
        for message in peer.said(one.thread):
            found = [PICTURE.match(file.get("description") or "") for file in message["attachments"]]
            posted[one.person] += len({match[2] for match in found if match and int(match[1]) == one.number})
    for person in {one.person for one in said.values()}:
        if posted[person] != used[person]:
            verdict.add("damaged", f"{person}: {posted[person]} pictures posted, {used[person]} counted")
