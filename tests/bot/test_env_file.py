"""`.env`: it is said what was read; what others may have written is not read; what it says reaches whom it is for."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bot import env_file
from bot.cli import main
from bot.settings import SettingsError, load_settings, unknown_names
from imaging.worker_client import SubprocessWorker


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("EASEL_", "HF_"))]:
        monkeypatch.delenv(name)


def write(text: str, mode: int = 0o600) -> Path:
    path = Path(".env").absolute()
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_every_command_says_which_file_speaks(capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that came from elsewhere may have brought its own."""
    commands = (["settings"], ["backup", "b.tar", "--home", "none"], ["audit", "--home", "none"])
    for command in (*commands, ["render", "none.json", "-o", "o.png"]):
        main(command)
        assert "settings are read from" not in capsys.readouterr().err
    path = write("EASEL_LLM_MODEL=fox\n")
    for command in (*commands, ["render", "none.json", "-o", "o.png"]):
        main(command)
        said = capsys.readouterr()
        assert said.err.startswith(f"easel: settings are read from {path}\n")
        assert str(path) not in said.out
    main(["settings"])
    assert "EASEL_LLM_MODEL=fox" in capsys.readouterr().out


@pytest.mark.parametrize("mode", [0o602, 0o622, 0o666])
def test_what_others_can_write_is_not_read(mode: int, capsys: pytest.CaptureFixture[str]) -> None:
    write("EASEL_LLM_BASE_URL=http://evil.example/v1\n", mode)
    for command in (["settings"], ["serve"], ["backup", "b.tar"], ["render", "r.json", "-o", "o.png"]):
        Path("r.json").write_text(json.dumps({}))
        assert main(command) != 0
        assert "evil" not in capsys.readouterr().out
    with pytest.raises(SettingsError, match="can be written by others"):
        load_settings()
    assert main(["doctor"]) == 1
    assert "can be written by others" in capsys.readouterr().out


def test_what_belongs_to_somebody_else_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("EASEL_LLM_MODEL=fox\n")
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    if path.stat().st_uid:
        with pytest.raises(SettingsError, match="belongs to another user"):
            load_settings()
    else:  # the administrator's may be read by everybody
        assert load_settings().llm_model == "fox"
        os.chown(path, 4711, 4711)
        with pytest.raises(SettingsError, match="belongs to another user"):
            load_settings()


def test_a_group_of_ones_own_is_not_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many systems give each user a group, and a umask that lets it write."""
    write("EASEL_LLM_MODEL=fox\n", 0o660)
    monkeypatch.setattr(env_file, "_own_group", lambda group: True)
    assert load_settings().llm_model == "fox"
    monkeypatch.setattr(env_file, "_own_group", lambda group: False)
    with pytest.raises(SettingsError):
        load_settings()


def test_a_file_that_cannot_be_read_is_said() -> None:
    Path(".env").write_bytes(b"EASEL_LLM_MODEL=\xff\xfe\n")
    Path(".env").chmod(0o600)
    with pytest.raises(SettingsError, match="UTF-8"):
        load_settings()
    Path(".env").unlink()
    Path(".env").mkdir()
    assert load_settings().llm_model == ""


def test_names_that_are_no_settings_are_told_as_those_of_the_environment_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write("EASEL_LLM_MODLE=fox\nOTHER_PROGRAM=1\n")
    assert unknown_names({}) == ["EASEL_LLM_MODLE (in .env) is not a setting; did you mean EASEL_LLM_MODEL?"]
    assert main(["settings"]) == 0
    assert "EASEL_LLM_MODLE (in .env) is not a setting" in capsys.readouterr().err


def test_the_hub_clients_names_reach_the_worker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write("HF_TOKEN=hf_secret\nHF_HOME=/from/file\nPATH=/evil\nLD_PRELOAD=/evil.so\n")
    monkeypatch.setenv("HF_HOME", "/from/environment")
    monkeypatch.setattr(os, "environ", os.environ.copy())
    path = os.environ["PATH"]
    load_settings()
    worker = SubprocessWorker(None, tmp_path)._environment()  # type: ignore[arg-type]
    assert worker["HF_TOKEN"] == "hf_secret"
    assert worker["HF_HOME"] == "/from/environment"
    assert worker["PATH"] == path
    assert "LD_PRELOAD" not in worker
