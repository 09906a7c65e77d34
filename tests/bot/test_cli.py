"""The command line: instant help, sane exit codes, no traceback for what a person can mend."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from bot.cli import COMMANDS, main
from imaging.model import Operation, Recipe
from imaging.outputs import encode_picture
from tests.fakes_engine import recipe as drawn

LATER = ("torch", "diffusers", "transformers", "measure", "training", "cryptography", "c2pa", "pi_heif", "discord",
         "slack_bolt", "openai", "gguf", "xllamacpp")  # fmt: skip
"""What the chat process never needs, or only where it is asked for."""
HEAVY = ("torch", "diffusers", "transformers", "aiohttp", "discord", "slack_bolt", "openai", "pydantic", "numpy", "PIL",
         "measure", "training")  # fmt: skip


def easel(*arguments: str, stdin: bytes = b"", **env: str) -> subprocess.CompletedProcess[bytes]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("EASEL_")}
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments], input=stdin, capture_output=True, env=clean | env, timeout=120
    )


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from bot.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        f"print('LOADED', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout
    assert "LOADED []" in out
    assert all(row.name in out for row in COMMANDS)


def test_the_chat_process_loads_nothing_that_it_may_not_need() -> None:
    code = (
        "import sys, bot.app, bot.chats.web.service, bot.chats.terminal, bot.llm.embedded\n"
        f"print([name for name in {LATER!r} if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout
    assert out.strip() == "[]"


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)
def test_every_command_has_help_and_a_module(row: object, capsys: pytest.CaptureFixture[str]) -> None:
    import importlib

    name, module = row.name, row.module  # type: ignore[attr-defined]
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert name in capsys.readouterr().out
    assert callable(importlib.import_module(module).run)


@pytest.mark.parametrize("given", ["", "abc", "-1", "65536", "8_0", "²"])
def test_a_port_that_is_none_is_said_in_words(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["demo", f"--port={given}"])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "must be a number between 0 and 65535" in told
    assert "_port" not in told


def test_no_command_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage" in capsys.readouterr().out


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip()


def test_wrong_settings_exit_with_2_and_every_problem() -> None:
    done = easel("serve", EASEL_WEB_PORT="x", EASEL_ENGINE="sdxl")
    assert done.returncode == 2
    assert b"EASEL_WEB_PORT" in done.stderr
    assert b"EASEL_SDXL_MODEL" in done.stderr
    assert b"Traceback" not in done.stderr


def test_settings_are_printed_without_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASEL_LLM_API_KEY", "sk-secret")
    assert main(["settings"]) == 0
    out = capsys.readouterr().out
    assert "EASEL_LLM_API_KEY=(set)" in out
    assert "sk-secret" not in out


def test_a_reader_that_goes_away_is_no_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -m bot settings --example | head -1", shell=True, capture_output=True, timeout=60
    )
    assert b"Traceback" not in done.stderr


# easel recipe


def a_recipe() -> Recipe:
    return Recipe("mini", "m", Operation.IMAGE, "a cat", "a cat", "", 7, 16, 16, 4, 4.0, "euler", notes=("…é",))


def test_a_picture_tells_its_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    picture = tmp_path / "p.png"
    picture.write_bytes(encode_picture(Image.new("RGB", (16, 16)), a_recipe()))
    assert main(["recipe", str(picture)]) == 0
    assert Recipe.from_json(json.loads(capsys.readouterr().out)) == a_recipe()


@pytest.mark.parametrize("content", [None, b"", b"no picture", b"\x89PNG\r\n\x1a\n broken"])
def test_a_file_without_a_recipe_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    picture = tmp_path / "p.png"
    if content is not None:
        picture.write_bytes(content)
    assert main(["recipe", str(picture)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("easel: ")
    assert said.count("\n") == 1


# easel parse


def test_parse_prints_segments_in_order() -> None:
    done = easel("parse", stdin=b'Here <image id="1"> a fox </image> and more')
    assert done.returncode == 0
    segments = json.loads(done.stdout)
    assert [segment["kind"] for segment in segments] == ["text", "directive", "text"]
    assert segments[1]["operation"] == "image"
    assert segments[1]["description"] == "a fox"
    assert set(segments[1]) == {
        "kind", "operation", "id", "source", "description", "count", "size", "change", "style", "negative", "problem",
    }  # fmt: skip


@pytest.mark.parametrize("reply", [b"", b"\xff\xfe<edit", b"<image></image>", "＜image＞ é\r\n".encode(), b"a\rb"])
def test_parse_exits_with_0_and_chunks_change_nothing(reply: bytes) -> None:
    whole, pieces = easel("parse", stdin=reply), easel("parse", "--chunk", "1", stdin=reply)
    assert (whole.returncode, pieces.returncode) == (0, 0)
    assert json.loads(whole.stdout) == json.loads(pieces.stdout)


def test_parse_keeps_text_character_for_character() -> None:
    text = "a < b && <b>c</b>\r\n\t\u200f\u200b ünï \U0001f98a"
    assert json.loads(easel("parse", stdin=text.encode()).stdout) == [{"kind": "text", "text": text}]


# One home, one program


def test_a_second_program_on_the_same_home_is_told_so(tmp_path: Path) -> None:
    from bot.cli import CommandFailed
    from bot.home import Home

    with Home(tmp_path).claim(), pytest.raises(CommandFailed, match="already runs"), Home(tmp_path).claim():
        pass
    with Home(tmp_path).claim():
        assert (tmp_path / "easel.lock").read_text() == str(os.getpid())


def test_a_home_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    from bot.cli import CommandFailed
    from bot.home import Home

    (tmp_path / "file").write_text("")
    with pytest.raises(CommandFailed, match="cannot be written"), Home(tmp_path / "file" / "home").claim():
        pass


def test_a_strangers_recipe_spends_nobodys_money(tmp_path: Path) -> None:
    """A recipe names its engine; where pictures cost money, the host has to have chosen it."""
    asked: list[str] = []

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.send_error(500)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    recipe = {**drawn("a red fox").to_json(), "engine": "openai", "model": "m"}
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    with HTTPServer(("127.0.0.1", 0), Endpoint) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            out = easel(
                "render", str(tmp_path / "recipe.json"), "-o", str(tmp_path / "out.png"), "--home", str(tmp_path),
                EASEL_IMAGES_BASE_URL=f"http://127.0.0.1:{server.server_port}/v1", EASEL_IMAGES_API_KEY="key",
            )  # fmt: skip
        finally:
            server.shutdown()
            serving.join()
    assert out.returncode == 1
    assert b"may cost you money; say --engine openai" in out.stderr
    assert asked == []


def test_a_recipe_is_not_looked_for_in_endless_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for command in (["recipe", "/dev/zero"], ["render", "/dev/zero", "-o", str(tmp_path / "x.png")]):
        assert main(command) == 1
        assert "larger than 64 MiB" in capsys.readouterr().err
