"""`easel eval` and `easel bench`: each runs, prints a table and writes JSON that names the machine."""

from __future__ import annotations

import asyncio
import json
import math
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.cli import main
from tests.peers.openai_peer import OpenAIPeer, Reply

FIGURES = {
    "core": ("turns.per_s.1000", "turns.p99_ms", "turns.growth"),
    "path": ("path_ratio", "tag_gain", "tag_to_job_ms"),
    "engine": ("mini.first_preview_ratio", "mini.cores_ratio_1", "sdxl_layout.edit_cost_ratio", "memory_ratio"),
    "queue": ("pictures_before_one", "heavy_and_light.p95_ratio", "ledger.claim_growth", "ledger.bytes_per_job.1000"),
    "start": ("help_ratio", "chat_mib", "worker_mib"),
    "discord": ("messages_per_s", "interactions", "acknowledged_ms.max", "memory_growth"),
    "marking": ("sign_ms", "found.256.half", "psnr_db.256", "highest_unmarked"),
    "slack": ("answers_per_s", "events", "acknowledged_ms.max", "memory_growth"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_a_benchmark_prints_a_table_and_writes_its_figures(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "figures.json"
    assert main(["bench", name, "--quick", "--json", str(out), "--home", str(tmp_path / "home")]) == 0
    written = json.loads(out.read_text())
    assert written["name"] == name
    assert written["machine"]["cores"] >= 1
    for figure in FIGURES[name]:
        assert math.isfinite(written["figures"][figure])
        assert written["figures"][figure] > 0
    assert capsys.readouterr().out.startswith(f"{name} (")


@pytest.mark.slow
def test_the_bundled_model_is_judged(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    assert main(["eval", "mini", "--limit", "2", "--json", str(out), "--home", str(tmp_path / "home")]) == 0
    figures = json.loads(out.read_text())["figures"]
    assert figures["judge.true_renders"] >= 0.97
    assert {"thing", "background", "few_steps.thing", "few_steps.background"} <= set(figures)
    assert figures["vae_psnr"] >= 30
    assert figures["seconds_per_picture"] > 0


CASES: list[dict[str, Any]] = [
    {
        "category": "new", "history": [], "user": "a walrus please",
        "expect": {"operations": ["image"], "source": None, "mention": ["walrus"], "plain": False},
    },
    {
        "category": "edit",
        "history": [
            {"role": "user", "text": "a walrus"},
            {"role": "assistant", "text": 'Here: <image id="1"> a walrus </image>'},
        ],
        "user": "at night", "name": "Mia",
        "expect": {"operations": ["edit"], "source": 1, "mention": ["night"], "avoid": ["day"], "plain": False},
    },
    {
        "category": "plain", "history": [], "user": "what can you do?",
        "expect": {"operations": [], "source": None, "mention": [], "plain": True},
    },
]  # fmt: skip


async def test_the_protocol_is_judged_on_any_endpoint(tmp_path: Path) -> None:
    """The model gets the first two right and draws where it was only asked: two of three."""
    cases, out, figures = tmp_path / "cases.jsonl", tmp_path / "out.jsonl", tmp_path / "figures.json"
    cases.write_text("".join(json.dumps(case) + "\n" for case in CASES))
    async with OpenAIPeer() as peer:
        peer.replies += [
            Reply(('<image id="1"> a walrus </image>',)),
            Reply(("Darker: ", '<edit id="2" source="1"> a walrus at night </edit>')),
            Reply(('<image id="74"> a question mark, a millstone </image>',)),
        ]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "eval", "protocol", "--llm", peer.base_url, "--cases", str(cases),
            "--out", str(out), "--json", str(figures), "--home", str(tmp_path / "home"),
            env={name: value for name, value in os.environ.items() if not name.startswith("EASEL_")},
        )  # fmt: skip
        assert await asyncio.wait_for(process.wait(), 100) == 0
        assert "#1 image: a walrus" in json.dumps(
            peer.requests[1]["messages"]
        )  # the thread's picture was in the prompt
        assert '<msg from=\\"Mia\\">at night</msg>' in json.dumps(peer.requests[1]["messages"])
    told = json.loads(figures.read_text())
    assert told["of"] == {"model": "peer-model", "temperature": 0.7}
    written = told["figures"]
    leaks = [written[name] for name in ("number_leak", "number_leak.of", "style_leak", "style_leak.of")]
    assert leaks == [1, 2, 1, 3]
    assert written["share.passed.low"] == pytest.approx(0.208, abs=0.001)
    assert (written["total"], written["passed"], written["passed.edit"], written["passed.plain"]) == (3, 2, 1, 0)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["passed"] for line in lines] == [True, True, False]
    assert "walrus at night" in lines[1]["reply"]


async def test_a_history_that_begins_in_mid_thread_keeps_its_numbers(tmp_path: Path) -> None:
    case = {
        "category": "edit",
        "history": [
            {"role": "user", "text": "go on with the robots"},
            {"role": "assistant", "text": 'Sure <image id="17"> a tin robot </image>'},
            {"role": "user", "text": "a hat"},
            {"role": "assistant", "text": '<edit id="18" prev_id="17"> a tin robot with a hat </edit>'},
        ],
        "user": "17 please, but blue",
        "expect": {"operations": ["edit"], "source": 17, "mention": ["blue"], "plain": False},
    }
    cases, out = tmp_path / "cases.jsonl", tmp_path / "out.jsonl"
    cases.write_text(json.dumps(case))
    async with OpenAIPeer() as peer:
        peer.replies += [Reply(('<edit id="19" prev_id="17"> a blue tin robot </edit>',))]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "eval", "protocol", "--llm", peer.base_url, "--cases", str(cases),
            "--out", str(out), "--home", str(tmp_path / "home"),
            env={name: value for name, value in os.environ.items() if not name.startswith("EASEL_")},
        )  # fmt: skip
        assert await asyncio.wait_for(process.wait(), 100) == 0
        table = json.dumps(peer.requests[0]["messages"])
        assert "#17 image: a tin robot" in table
        assert "#18 edit of 17" in table
    assert json.loads(out.read_text())["passed"] is True


@pytest.mark.parametrize("content", ["{", "[]", '{"category": "new"}', "\x00\xff"])
def test_what_is_no_case_is_said_by_its_line(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = tmp_path / "cases.jsonl"
    cases.write_text(content)
    assert main(["eval", "protocol", "--cases", str(cases), "--home", str(tmp_path / "home")]) == 1
    assert "line 1 is no case" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "protocol", "--cases", str(tmp_path / "none"), "--home", str(tmp_path / "home")]) == 1
    assert "none" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_controls_are_compared_by_what_they_keep_and_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("EASEL_")]:
        monkeypatch.delenv(name)
    out, grids = tmp_path / "figures.json", tmp_path / "grids"
    told = ["--json", str(out), "--out", str(grids), "--home", str(tmp_path / "home")]
    assert main(["eval", "consistency", "--limit", "4", *told]) == 0
    figures = json.loads(out.read_text())["figures"]
    for control in ("none", "same-seed", "prompt-to-prompt", "masactrl", "automatic"):
        for what in ("keep", "change", "mean"):
            assert 0 <= figures[f"{control}.{what}"] <= 1
            assert 0 <= figures[f"{control}.attribute.{what}"] <= 1
    best = max(figures[f"{name}.mean"] for name in ("none", "same-seed", "prompt-to-prompt", "masactrl"))
    assert figures["automatic_minus_best_single"] <= figures["automatic.mean"] - best + 1e-3
    assert {path.stem for path in grids.iterdir()} == {"attribute", "arrangement", "scene", "subject"}
    assert "| automatic |" in capsys.readouterr().out


async def test_plain_questions_are_asked_with_and_without_the_prompt(tmp_path: Path) -> None:
    """Two questions: both right without it; with it one is right and the other one becomes a picture."""
    figures = tmp_path / "figures.json"
    async with OpenAIPeer() as peer:
        replies = ["It is Paris.", "Tokyo!", "That is Paris, of course.", '<image id="1"> a map of Japan </image>']
        peer.replies += [Reply((text,)) for text in replies]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "eval", "retention", "--llm", peer.base_url, "--limit", "2",
            "--json", str(figures), "--home", str(tmp_path / "home"),
            env={name: value for name, value in os.environ.items() if not name.startswith("EASEL_")},
        )  # fmt: skip
        assert await asyncio.wait_for(process.wait(), 100) == 0
        assert "<image" not in json.dumps(peer.requests[0]["messages"])
        assert "<image" in json.dumps(peer.requests[2]["messages"])
    written = json.loads(figures.read_text())["figures"]
    assert written == {"bare": 1.0, "it2i": 0.5, "it2i.drew": 0.5, "questions": 2}
