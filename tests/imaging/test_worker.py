"""A worker process: what goes wrong with one picture, and what its host reads of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path

import pytest

from imaging.engine_table import EngineSpec
from imaging.errors import EngineError
from imaging.worker_client import Finished, JobRefused, SubprocessWorker, WorkerMessage
from tests.fakes_engine import recipe
from tests.imaging.samples import PLANTED

ENGINE = EngineSpec("tests.fakes_engine:make")


async def test_a_picture_that_cannot_be_taken_in_fails_alone_and_the_host_reads_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    link = await SubprocessWorker(ENGINE, tmp_path).open()
    ended: dict[str, WorkerMessage] = {}
    try:
        await link.submit("stumbles", recipe("stumble"), {})
        await link.submit("good", recipe("a fox"), {})
        async with asyncio.timeout(20):
            async for message in link.messages():
                if isinstance(message, Finished | JobRefused):
                    ended[message.id] = message
                if len(ended) == 2:
                    break
    finally:
        await link.close()
    bad = ended["stumbles"]
    assert isinstance(bad, JobRefused)
    assert not bad.retryable
    assert "KeyError" not in bad.sentence
    assert isinstance(ended["good"], Finished)
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert any("stumbles" in line for line in told)
    assert any("KeyError: 'a bug in admission'" in line for line in told)


async def test_no_program_is_taken_from_the_folder_that_it_was_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text(PLANTED)
    monkeypatch.chdir(tmp_path)
    await (await SubprocessWorker(ENGINE, tmp_path).open()).close()
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("options", [{}, {"cannot_load": True}])
async def test_an_engine_is_let_go_when_its_worker_ends(tmp_path: Path, options: dict[str, bool]) -> None:
    gone = tmp_path / "closed"
    spec = EngineSpec("tests.fakes_engine:make", {"closed": str(gone), **options})
    with contextlib.suppress(EngineError):
        await (await SubprocessWorker(spec, tmp_path).open()).close()
    assert gone.exists()
