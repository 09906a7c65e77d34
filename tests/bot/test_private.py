"""Other users of the machine read nothing: new files are closed, an earlier version's home is closed at the start."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import private
from bot.cli import CommandFailed, main
from bot.doctor import home as doctor_home
from bot.home import Home
from bot.settings import load_settings
from imaging.findings import Level


@pytest.fixture(autouse=True)
def _generous() -> Iterator[None]:
    """The umask that most machines have."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def everything(root: Path) -> dict[str, int]:
    return {str(path.relative_to(root)): mode(path) for path in [root, *root.rglob("*")] if not path.is_symlink()}


def open_for_others(root: Path) -> dict[str, str]:
    return {name: oct(bits) for name, bits in everything(root).items() if bits & 0o077}


def easel(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("EASEL_")}
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments], env=clean | {"PYTHONPATH": str(root)}, cwd=cwd,
        capture_output=True, text=True, timeout=170,
    )  # fmt: skip


@pytest.mark.slow
def test_what_a_session_writes_is_closed_whatever_the_umask(tmp_path: Path) -> None:
    """Databases, their side files, pictures, caches, the terminal's copies, exports, backups."""
    home = tmp_path / "home"
    (tmp_path / "script").write_text("a red fox on grass\n")
    said = easel("chat", "--script", "script", "--json", "--home", str(home), cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    assert open_for_others(home) == {}
    assert mode(home) == 0o700
    assert {"easel.db", "jobs.db", "memory.db"} <= {path.name for path in home.iterdir()}
    thread = easel("export", "--home", str(home), cwd=tmp_path).stdout.split("\t")[0]
    for arguments in (("backup", "b.tar"), ("export", thread, "-o", "thread.zip")):
        said = easel(*arguments, "--home", str(home), cwd=tmp_path)
        assert said.returncode == 0, said.stderr
    assert {mode(tmp_path / name) for name in ("b.tar", "thread.zip")} == {0o600}
    assert easel("restore", "b.tar", "--home", str(tmp_path / "new"), cwd=tmp_path).returncode == 0
    assert open_for_others(tmp_path / "new") == {}


def an_old_home(root: Path) -> Path:
    """As earlier versions left it."""
    for name in ("pictures/ab", "cache", "terminal/x"):
        (root / name).mkdir(parents=True)
    for name in ("easel.db", "easel.db-wal", "easel.db-shm", "jobs.db", "memory.db", "slack.db", "easel.lock",
                 "pictures/ab/abcd.bin", "cache/row_caps.json", "terminal/x/1.png"):  # fmt: skip
        (root / name).write_bytes(b"")
    assert len(open_for_others(root)) == 16
    return root


def test_an_old_home_is_closed_at_the_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = an_old_home(tmp_path / "home")
    caplog.set_level("INFO")
    with Home(root).claim():
        assert open_for_others(root) == {}
    assert everything(root)["."] == 0o700
    assert everything(root)["easel.db"] == 0o600
    assert "can no longer read 16 files" in caplog.text


def test_one_file_that_was_opened_is_closed_again(tmp_path: Path) -> None:
    root = an_old_home(tmp_path / "home")
    private.repair(root)
    (root / "easel.db").chmod(0o644)
    (root / "pictures" / "ab").chmod(0o755)
    (root / "pictures" / "ab" / "abcd.bin").chmod(0o644)
    assert private.repair(root) == 3
    assert open_for_others(root) == {}


def test_what_is_not_easels_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither files beside a home's, nor what a link leads to, nor a folder that people share."""
    monkeypatch.setenv("HOME", str(tmp_path / "person"))
    shared, person, elsewhere = tmp_path / "shared", tmp_path / "person", tmp_path / "elsewhere"
    for folder in (shared, person, elsewhere):
        folder.mkdir()
        (folder / "notes.txt").write_text("")
    shared.chmod(0o1777)
    (shared / "pictures").symlink_to(elsewhere)
    for folder in (shared, person):
        (folder / "easel.db").write_bytes(b"")
        assert private.repair(folder) == 1
        assert mode(folder / "easel.db") == 0o600
        assert mode(folder / "notes.txt") == 0o644
    assert (mode(shared), mode(person), mode(elsewhere)) == (0o1777, 0o755, 0o755)
    assert mode(elsewhere / "notes.txt") == 0o644


def test_a_home_behind_a_link_is_closed(tmp_path: Path) -> None:
    an_old_home(tmp_path / "disk")
    (tmp_path / "home").symlink_to(tmp_path / "disk")
    private.repair(tmp_path / "home")
    assert open_for_others(tmp_path / "disk") == {}


def test_doctor_warns_of_what_others_can_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    root = an_old_home(tmp_path / "home")
    (tmp_path / ".env").write_text("EASEL_DISCORD_TOKEN=\n")
    settings = load_settings(home=root)
    found = list(doctor_home.rights(settings))
    assert [finding.level for finding in found] == [Level.WARNING, Level.WARNING]
    assert str(root) in found[0].sentence
    assert "chmod 600 .env" in found[1].sentence
    private.repair(root)
    (tmp_path / ".env").chmod(0o600)
    assert [finding.level for finding in doctor_home.rights(settings)] == [Level.OK]


def test_the_umask_is_the_callers_again(tmp_path: Path) -> None:
    assert main(["backup", str(tmp_path / "b.tar"), "--home", str(tmp_path / "none")]) == 1
    assert os.umask(0o022) == 0o022


@pytest.mark.parametrize("name", ["easel.lock", "easel.db", "jobs.db", "memory.db-wal", "pictures", "cache"])
def test_a_link_that_another_user_planted_is_not_followed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, precious = tmp_path / "home", tmp_path / "precious"
    root.mkdir()
    precious.write_text("words")
    (root / name).symlink_to(precious)
    if os.geteuid() == 0:
        os.chown(root / name, 4711, 4711, follow_symlinks=False)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(CommandFailed, match="another user made"), Home(root).claim():
        pass
    assert "another user made" in next(iter(doctor_home.rights(load_settings(home=root)))).sentence
    assert precious.read_text() == "words"


def test_the_hosts_own_links_are_followed_and_a_locks_never(tmp_path: Path) -> None:
    root = tmp_path / "home"
    root.mkdir()
    (tmp_path / "disk").mkdir()
    (root / "pictures").symlink_to(tmp_path / "disk")
    with Home(root).claim():
        pass
    (root / "easel.lock").unlink()
    (root / "easel.lock").symlink_to(tmp_path / "precious")
    with pytest.raises(CommandFailed, match="cannot be written"), Home(root).claim():
        pass
    assert not (tmp_path / "precious").exists()
