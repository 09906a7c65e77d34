"""Every task has an owner that tells what ended it."""

from __future__ import annotations

import ast
import asyncio
import logging
from pathlib import Path

import pytest

from imaging.tasks import Tasks

ROOT = Path(__file__).parents[2]
AWAITED = {
    "bot/app.py:_unless": "the start of the platforms beside the signal to stop; it waits for both",
    "bot/chats/discord/incoming/members.py:of": "a question that several share, each of whom is told its error",
    "bot/chats/slack/people.py:of": "likewise",
    "bot/chats/slack/people.py:_groups_of": "likewise",
    "bot/llm/model.py:_ask_context": "likewise",
    "bot/chats/slack/outgoing/uploads.py:bring": "its end, which is logged, decides whether the file is tried again",
    "handlers/run.py:write": "it waits for it",
    "imaging/engines/comfy/run.py:_sent": "it waits for it",
    "imaging/engines/comfyui.py:admit": "the engine's next step looks how it ended",
    "imaging/engines/comfyui.py:close": "it waits for it",
    "imaging/engines/comfyui.py:load": "it waits for it",
    "imaging/queue/runner.py:_serve": "it waits for them",
    "imaging/queue/runner.py:_take": "likewise",
    "imaging/tasks.py:spawn": "the owner",
    "imaging/worker_client.py:_unless_dead": "it waits for them",
}


async def fails() -> None:
    raise OSError("the disk is gone")


async def test_what_ends_a_task_is_logged_at_once(caplog: pytest.LogCaptureFixture) -> None:
    tasks = Tasks()
    tasks.spawn(fails(), "the cleaning")
    await tasks.idle()
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.ERROR, "the cleaning failed")
    assert record.exc_info is not None
    assert len(tasks) == 0


async def test_an_owner_that_needs_its_task_is_told(caplog: pytest.LogCaptureFixture) -> None:
    told: list[BaseException] = []
    tasks = Tasks(told.append)
    tasks.spawn(fails(), "the queue")
    await tasks.idle()
    assert [str(error) for error in told] == ["the disk is gone"]
    assert [record.levelno for record in caplog.records] == [logging.CRITICAL]


async def test_closing_waits_and_lets_nothing_begin(caplog: pytest.LogCaptureFixture) -> None:
    tasks, seen = Tasks(), []

    async def long() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            seen.append("ended")
            tasks.spawn(late(), "late")

    async def late() -> None:
        seen.append("late")

    tasks.spawn(long(), "long")
    await asyncio.sleep(0)
    await tasks.close()
    assert seen == ["ended"]
    assert len(tasks) == 0
    assert not caplog.records


BEGIN = ("create_task", "ensure_future", "run_coroutine_threadsafe")


def begun(path: Path) -> set[str]:
    """The functions of a module that begin a task themselves."""
    name, found = path.relative_to(ROOT).as_posix(), set()

    def look(node: ast.AST, function: str) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            function = node.name
        if isinstance(node, ast.Attribute) and node.attr in (
            "create_task",
            "ensure_future",
            "run_coroutine_threadsafe",
        ):
            found.add(f"{name}:{function}")
        for child in ast.iter_child_nodes(node):
            look(child, function)

    look(ast.parse(path.read_text("utf-8")), "")
    return found


def test_no_task_is_begun_without_an_owner_unless_it_is_awaited_there() -> None:
    """A new line in the table needs a reason; `Tasks.spawn` needs none."""
    files = [path for part in ("bot", "handlers", "imaging", "prompts") for path in (ROOT / part).rglob("*.py")]
    assert set().union(*map(begun, files)) == set(AWAITED)
