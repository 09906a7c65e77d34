"""Commands on the page and in the terminal: typed like any message, answered to who typed them."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.chats.web.files import Shelf
from bot.commands import chat as command
from bot.store.store import SqliteStore
from handlers.desk import Desk
from handlers.errors import Declined, LanguageModelError
from handlers.model import File
from tests.bot.web_site import Site
from tests.fakes import FakePictures, FolderFiles, ScriptedModel
from tests.slashes import ANSWERED, SAID


async def heard(stream: AsyncIterator[dict[str, Any]], *kinds: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        async for message in stream:
            assert message["type"] != "said"
            if message["type"] in kinds:
                return message
    raise AssertionError("the stream ended")


async def test_the_page_answers_commands_and_asks_no_model(site: Site) -> None:
    stream = site.follow()
    await heard(stream, "snapshot")
    for text, answer in ANSWERED:
        assert await site.say(text) == 202
        message = await heard(stream, "answer", "notice")
        assert answer in message.get("sentence", message.get("text", "")), text
    assert not site.model.requests
    await stream.aclose()  # type: ignore[attr-defined]


async def test_the_page_shows_what_is_no_command_as_it_was_meant(site: Site) -> None:
    for text, meant in SAID:
        site.model.scripts.append("Well.")
        stream = site.follow()
        await anext(stream)
        await site.say(text)
        async with asyncio.timeout(20):
            async for message in stream:
                if message["type"] == "said":
                    assert message["text"] == meant
                if message["type"] == "reply" and message["turn"]["final"]:
                    break
        await stream.aclose()  # type: ignore[attr-defined]
        assert site.model.requests[-1].user.text == meant


@pytest.mark.parametrize("text", ["/settings sizee wide", "/nothing", "x" * 9_000])
async def test_a_message_that_is_refused_is_named_so_that_the_page_gives_it_back(site: Site, text: str) -> None:
    stream = site.follow()
    await heard(stream, "snapshot")
    await site.say(text, event="my-own-name")
    async with asyncio.timeout(20):
        notice = await anext(message async for message in stream if message["type"] == "notice")
    await stream.aclose()  # type: ignore[attr-defined]
    assert notice["event"].endswith(":my-own-name")


async def test_an_export_is_fetched_from_the_page_by_who_asked_for_it_alone(site: Site) -> None:
    site.model.scripts.append('One <image id="1"> a fox </image>')
    await site.say("a fox")
    await site.answered()
    stream = site.follow()
    await heard(stream, "snapshot")
    await site.say("/export")
    answer = await heard(stream, "answer")
    await stream.aclose()  # type: ignore[attr-defined]
    assert (answer["command"], answer["text"]) == ("export", "Here is this thread.")
    [file] = answer["files"]
    status, data, headers = await site.get(file["url"])
    assert (status, headers["Content-Disposition"]) == (200, f'attachment; filename="{file["name"]}"')
    assert "pictures/1.png" in zipfile.ZipFile(io.BytesIO(data)).namelist()
    site.browser.cookie_jar.clear()
    assert (await site.get(file["url"]))[0] == 404
    assert (await site.get("/api/files/nothing"))[0] == 404
    assert len(site.model.requests) == 1


def test_files_are_kept_for_a_while_and_not_more_than_fit() -> None:
    now = [0.0]
    shelf = Shelf(most=100, clock=lambda: now[0])

    def put(person: str, *sizes: int) -> list[str]:
        files = [File("a.zip", "application/zip", bytes(size)) for size in sizes]
        return [link.rpartition("/")[2] for link in shelf.put(person, files)]

    mine, other = put("anna", 40, 30), put("ben", 20)
    assert shelf.take("anna", other[0]) is None
    assert [shelf.take("anna", token) is not None for token in mine] == [True, True]
    newer = put("anna", 50)
    assert shelf.take("anna", mine[0]) is None
    assert shelf.take("ben", other[0]) is not None
    put("cleo", 60)
    assert (shelf.take("ben", other[0]), shelf.take("anna", newer[0])) == (None, None)
    now[0] = 601.0
    assert shelf.put("anna", []) == []
    assert shelf.take("cleo", "x") is None


class Terminal:
    """A session over the real desk, with a scripted model."""

    def __init__(self, home: Path, store: SqliteStore, files: FolderFiles, *, json_lines: bool) -> None:
        self.model = ScriptedModel()
        self.chats: dict[str, Any] = {}
        self.pictures = FakePictures()
        self.desk = Desk(store, self.model, self.pictures, self.chats)
        parts = SimpleNamespace(home=SimpleNamespace(root=home), handlers=self.desk, store=store)
        running = SimpleNamespace(
            parts=parts, desk=self.desk, files=files, attach=lambda chat: self.chats.__setitem__(chat.name, chat)
        )
        self.session = command.Session(cast(Any, running), json_lines=json_lines)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    made = await SqliteStore.open(tmp_path / "easel.db", FolderFiles(tmp_path / "pictures"))
    yield made
    await made.close()


async def test_the_terminal_answers_commands_and_asks_no_model(
    tmp_path: Path, store: SqliteStore, capfd: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal(tmp_path, store, FolderFiles(tmp_path / "pictures"), json_lines=True)
    for text, answer in ANSWERED:
        await terminal.session.turn(text)
        told = json.loads(capfd.readouterr().out)
        assert answer in " ".join(segment["text"] for segment in told["segments"]), text
    assert not terminal.model.requests
    for text, meant in SAID:
        terminal.model.scripts.append("Well.")
        await terminal.session.turn(text)
        assert terminal.model.requests[-1].user.text == meant
    await terminal.desk.close()


async def test_the_terminal_writes_an_export_to_a_file(
    tmp_path: Path, store: SqliteStore, capfd: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal(tmp_path, store, FolderFiles(tmp_path / "pictures"), json_lines=False)
    terminal.model.scripts.append("Hello.")
    await terminal.session.turn("hello")
    capfd.readouterr()
    for _ in range(2):
        await terminal.session.turn("/export")
    said, first, _, again, second = capfd.readouterr().out.strip().split("\n")
    assert said == again == "Here is this thread."
    for path in (first, second):
        assert "transcript.md" in zipfile.ZipFile(path.strip()).namelist()
    assert first != second
    assert terminal.session.chat.answered.files == [second.strip()]
    await terminal.desk.close()


@pytest.mark.parametrize(
    ("script", "failed"),
    [
        ([], False),
        (["hello"], False),
        (["/usage"], False),
        (["/nothing"], True),
        (["/nothing", "hello"], False),
        (["broken"], True),
        (["declined"], True),
        (["no picture"], True),
        (["broken", "no picture", "/settings sizee wide"], True),
        (["broken", "a picture"], False),
    ],
)
async def test_a_script_tells_when_every_message_failed(
    tmp_path: Path, store: SqliteStore, script: list[str], failed: bool
) -> None:
    terminal = Terminal(tmp_path, store, FolderFiles(tmp_path / "pictures"), json_lines=True)
    replies: dict[str, Any] = {
        "hello": "Hello.",
        "broken": [LanguageModelError("It is off.")],
        "declined": ["Well", Declined("It does not want to.")],
        "no picture": "One <image> a failing fox </image>",
        "a picture": "One <image> a fox </image>",
    }
    terminal.model.scripts += [replies[text] for text in script if text in replies]
    terminal.pictures.fail_words = {"failing": "The renderer broke."}
    for text in script:
        await terminal.session.turn(text)
    assert terminal.session.nothing_worked is failed
    await terminal.desk.close()


async def test_the_terminal_keeps_its_own_commands(
    tmp_path: Path, store: SqliteStore, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal(tmp_path, store, FolderFiles(tmp_path / "pictures"), json_lines=False)
    lines = iter(["/help", "/attach", "/attach nothing.png", "/export", "/quit", "never"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(lines))
    await terminal.session.interact()
    shown = capfd.readouterr().out
    assert "/attach FILE [words]" in shown
    assert "/export [format:…] [each:…]: This thread as a zip" in shown
    assert "nothing.png cannot be read" in shown
    assert next(lines) == "never"
    assert not terminal.model.requests
    await terminal.desk.close()
