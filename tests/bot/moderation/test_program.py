"""A host's own program: what it reads, what its answers mean, and that it never outlives its time."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from pathlib import Path

import psutil
import pytest

from bot.moderation.program import HostProgram
from handlers.moderation.model import Category, Kind, Subject, Weight
from handlers.ports import ModeratorUnavailable

SUBJECT = Subject(Kind.PICTURE, "ein Boot 🛶", b"\x89PNG bytes")
PATIENT = 30.0


def program(tmp_path: Path, code: str, timeout_s: float = PATIENT) -> HostProgram:
    path = tmp_path / "judge.py"
    path.write_text(f"import json, os, sys, time\n{code}\n")
    return HostProgram([sys.executable, "-S", str(path)], timeout_s=timeout_s)


async def test_it_reads_the_subject_and_its_findings_count(tmp_path: Path) -> None:
    code = (
        "q = json.load(sys.stdin)\n"
        "json.dump(q, open(sys.argv[0] + '.read', 'w'))\n"
        "f = [{'category': 'real-people', 'weight': 'clear', 'why': 'a face\\nof somebody'}]\n"
        "print(json.dumps({'findings': f + [{'category': 'hate', 'weight': 'borderline'}]}))"
    )
    one, two = await program(tmp_path, code).look(SUBJECT)
    assert (one.category, one.weight, one.by, one.why) == (
        Category.REAL_PEOPLE, Weight.CLEAR, "program", "a face of somebody",
    )  # fmt: skip
    assert (two.category, two.weight, two.why) == (Category.HATE, Weight.BORDERLINE, "")
    read = json.loads((tmp_path / "judge.py.read").read_text())
    assert read == {
        "version": 1, "kind": "picture", "text": "ein Boot 🛶",
        "picture": base64.b64encode(b"\x89PNG bytes").decode(),
    }  # fmt: skip


async def test_it_may_answer_without_reading_and_gets_no_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASEL_DISCORD_TOKEN", "secret")
    monkeypatch.setenv("JUDGE_KEY", "its own")
    code = (
        "assert not [name for name in os.environ if name.startswith('EASEL')]\n"
        "assert os.environ['JUDGE_KEY'] == 'its own'\n"
        "print('{\"findings\": []}')"
    )
    large = Subject(Kind.PICTURE, "", b"0" * (4 << 20))
    assert await program(tmp_path, code).look(large) == []


@pytest.mark.parametrize(
    "code",
    [
        "",
        "print('fine')",
        "print('[]')",
        "print('{}')",
        "print('{\"findings\": null}')",
        'print(\'{"findings": ["sexual"]}\')',
        'print(\'{"findings": [{"category": "rude", "weight": "clear"}]}\')',
        'print(\'{"findings": [{"category": "sexual", "weight": 2}]}\')',
        'print(\'{"findings": [{"category": [], "weight": {}}]}\')',
        "print('[' * 100000)",
        "print('{\"findings\": []}'); sys.exit(3)",
        "os.kill(os.getpid(), 11)",
        "sys.stdout.write('x' * 10_000_000)",
        "sys.stdout.buffer.write(bytes(range(256)))",
    ],
)
async def test_whatever_is_no_judgement_is_no_clearance(tmp_path: Path, code: str) -> None:
    with pytest.raises(ModeratorUnavailable):
        await program(tmp_path, code).look(SUBJECT)


async def test_one_that_hangs_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    started = tmp_path / "started"
    code = (
        f"child = os.fork()\n"
        f"if child: open({str(started)!r}, 'w').write(f'{{os.getpid()}} {{child}}')\n"
        "time.sleep(3600)"
    )
    judging = asyncio.create_task(program(tmp_path, code, timeout_s=3.0).look(SUBJECT))
    with pytest.raises(ModeratorUnavailable, match="it was killed"):
        await judging
    for pid in map(int, started.read_text().split()):
        await gone(pid)


@pytest.mark.parametrize("after", ["time.sleep(3600)", "sys.stdout.write('x' * 10_000_000)", "sys.exit(0)"])
async def test_one_whose_child_left_with_its_output_is_not_waited_for(tmp_path: Path, after: str) -> None:
    """Such a child is out of reach; whoever waits for an answer is not kept by it."""
    left = tmp_path / "left"
    code = (
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        f"    open({str(left)!r}, 'w').write(str(os.getpid()))\n"
        "    time.sleep(3600)\n"
        f"while not os.path.exists({str(left)!r}): time.sleep(0.02)\n"
        f"{after}"
    )
    try:
        with pytest.raises(ModeratorUnavailable):
            await program(tmp_path, code, timeout_s=3.0).look(SUBJECT)
    finally:
        child = psutil.Process(int(left.read_text()))
        child.kill()
        await gone(child.pid)


async def test_one_whose_answer_is_not_wanted_any_more_is_killed(tmp_path: Path) -> None:
    started = tmp_path / "started"
    code = f"open({str(started)!r}, 'w').write(str(os.getpid()))\ntime.sleep(3600)"
    judging = asyncio.create_task(program(tmp_path, code).look(SUBJECT))
    while not started.exists() or not started.read_text():  # noqa: ASYNC110 - another process writes it
        await asyncio.sleep(0.02)
    judging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await judging
    await gone(int(started.read_text()))


async def gone(pid: int) -> None:
    """Wait until a process is no more, or only waits to be collected by whoever is its parent now."""
    async with asyncio.timeout(10):
        while True:
            try:
                if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                    return
            except psutil.NoSuchProcess:
                return
            await asyncio.sleep(0.02)


async def test_one_that_cannot_be_started_says_so(tmp_path: Path) -> None:
    for command in (["/no/such/program"], [str(tmp_path)], ["\0"]):
        with pytest.raises(ModeratorUnavailable, match="cannot be started"):
            await HostProgram(command, timeout_s=PATIENT).look(SUBJECT)
