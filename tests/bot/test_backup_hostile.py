"""Archives that somebody made to do harm, and restores that were killed: nothing outside the home, nothing half."""

from __future__ import annotations

import hashlib
import io
import os
import sqlite3
import sys
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from bot.backups.reading import restore_backup
from bot.cli import CommandFailed, main
from bot.commands.backup import backup, restore
from bot.home import Home
from bot.store.file import connect
from imaging.files import PictureFiles

PICTURE = b"some picture's bytes"
SHA = hashlib.sha256(PICTURE).hexdigest()
Members = list[tuple[tarfile.TarInfo, bytes]]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """One with a picture."""
    found = Home(tmp_path / "home")
    with found.claim():
        connect(found.database).close()
        PictureFiles(found.pictures).put(PICTURE)
    return found


@pytest.fixture
def good(home: Home, tmp_path: Path) -> Path:
    assert backup(home, tmp_path / "good.tar") == 2
    return tmp_path / "good.tar"


def rewritten(good: Path, change: Callable[[Members], Members], format: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(good) as archive:
        members = [(member, archive.extractfile(member).read()) for member in archive]  # type: ignore[union-attr]
    out = good.with_name("changed.tar")
    with tarfile.open(out, "w", format=format) as archive:
        for member, data in change(members):
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out


def member(name: str, data: bytes = b"x", **other: object) -> tuple[tarfile.TarInfo, bytes]:
    found = tarfile.TarInfo(name)
    for key, value in other.items():
        setattr(found, key, value)
    return found, data


def everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


LINK = "pictures/zz"
HOSTILE: dict[str, Members] = {
    "a path out of the home": [member("../outside.txt")],
    "a path out of a folder": [member("pictures/../../outside.txt")],
    "an absolute path": [member("/tmp/easel-outside.txt")],
    "a link to a folder, then through it": [
        member(LINK, b"", type=tarfile.SYMTYPE, linkname=".."), member(f"{LINK}/outside.txt")],
    "a link of links, longer than a path can be": [
        member("d" * 200, b"", type=tarfile.SYMTYPE, linkname="../" * 40), member("d" * 200 + "/outside.txt")],
    "a hard link to a file of the machine": [
        member("jobs.db", b"", type=tarfile.LNKTYPE, linkname="/etc/passwd")],
    "a link in a picture's place": [
        member(f"pictures/ab/{'ab' * 32}.bin", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd")],
    "a pipe": [member("jobs.db", b"", type=tarfile.FIFOTYPE)],
    "a device": [member("jobs.db", b"", type=tarfile.CHRTYPE, devmajor=1, devminor=5)],
    "a file that the home is locked with": [member("easel.lock")],
    "settings": [member(".env", b"EASEL_LLM_BASE_URL=http://evil.example/v1")],
    "a picture under no hash": [member("pictures/ab/easel.bin")],
    "a picture in another's folder": [member(f"pictures/ab/{SHA}.bin", PICTURE)],
    "a database twice": [member("easel.db", b"SQLite format 3\0")],
    "a picture twice": [member(f"pictures/{SHA[:2]}/{SHA}.bin", PICTURE)],
    "a database's log": [member("easel.db-wal")],
}  # fmt: skip


@pytest.mark.parametrize("extra", HOSTILE.values(), ids=HOSTILE.keys())
def test_nothing_but_a_backups_files_is_taken(extra: Members, good: Path, tmp_path: Path) -> None:
    bad = rewritten(good, lambda members: [*members[:-1], *extra, members[-1]])
    before = everything(tmp_path)
    with pytest.raises(CommandFailed, match=r"backup of Easel|could not be restored"):
        restore(bad, Home(tmp_path / "new"))
    assert everything(tmp_path) - before == {"new", "new/easel.lock"}
    assert not Path("/tmp/easel-outside.txt").exists()
    assert restore(good, Home(tmp_path / "new")) == 2  # the home can still be used


def test_a_database_of_somebody_elses_program_is_refused(good: Path, tmp_path: Path) -> None:
    """Triggers and views run when Easel writes or reads."""
    for statement in (
        "CREATE TRIGGER t AFTER INSERT ON turns BEGIN DELETE FROM turns; END",
        "DROP TRIGGER gallery_hidden; CREATE TRIGGER gallery_hidden AFTER INSERT ON turns BEGIN DELETE FROM turns; END",
        "CREATE VIEW v AS SELECT * FROM turns",
        "CREATE VIRTUAL TABLE w USING fts5(words)",
    ):
        path = tmp_path / "easel.db"
        connect(path).close()
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(statement)
            connection.execute("PRAGMA journal_mode = DELETE")
        with tarfile.open(tmp_path / "old.tar", "w") as archive:  # as versions before wrote it: without hashes
            archive.add(path, "easel.db")
        with pytest.raises(CommandFailed, match="none of Easel's tables"):
            restore(tmp_path / "old.tar", Home(tmp_path / "new"))
        path.unlink()


def test_bytes_must_be_what_was_put_in(good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def other_database(members: Members) -> Members:
        return [(m, data[:-1] + b"!" if m.name == "easel.db" else data) for m, data in members]

    def other_picture(members: Members) -> Members:
        return [(m, b"another's bytes" if m.name.startswith("pictures/") else data) for m, data in members]

    with pytest.raises(CommandFailed, match="not those that were put into it"):
        restore(rewritten(good, other_database), Home(tmp_path / "a"))
    # One bad picture is no reason to be without all the others.
    assert main(["restore", str(rewritten(good, other_picture)), "--home", str(tmp_path / "b")]) == 0
    assert "1 pictures were damaged" in capsys.readouterr().out
    assert list(PictureFiles(tmp_path / "b" / "pictures").names()) == []


def test_a_backup_that_was_cut_off_is_refused(good: Path, tmp_path: Path) -> None:
    whole = good.read_bytes()
    for at, cut in enumerate(range(0, whole.rindex(b"{"), 2048)):
        (tmp_path / "cut.tar").write_bytes(whole[:cut])
        with pytest.raises(CommandFailed):
            restore(tmp_path / "cut.tar", Home(tmp_path / f"cut{at}"))
    for left_out in (0, 1, 2):  # cut between two files, with a proper end
        bad = rewritten(good, lambda members: members[: left_out + 1])  # noqa: B023
        with pytest.raises(CommandFailed, match=r"cut off|not a backup"):
            restore(bad, Home(tmp_path / f"between{left_out}"))


def test_sizes_that_cannot_be_are_refused_before_they_are_read(good: Path, tmp_path: Path) -> None:
    huge = tarfile.TarInfo(f"pictures/ab/{'ab' * 32}.bin")
    huge.size = 2**40
    name = tarfile.TarInfo("././@LongLink")
    name.type, name.size = tarfile.GNUTYPE_LONGNAME, 2**33
    zipped = tmp_path / "zipped.tar.gz"
    with tarfile.open(zipped, "w:gz") as archive:
        archive.add(good, "easel.db")
    for head in (huge, name):
        bad = tmp_path / "huge.tar"
        bad.write_bytes(head.tobuf(tarfile.GNU_FORMAT))
        with pytest.raises(CommandFailed, match=r"larger than|impossible length"):
            restore(bad, Home(tmp_path / "new"))
    with pytest.raises(CommandFailed, match="is compressed"):
        restore(zipped, Home(tmp_path / "new"))


def test_backups_of_earlier_versions_and_repacked_ones_are_read(good: Path, home: Home, tmp_path: Path) -> None:
    def older(members: Members) -> Members:
        return [(m, data) for m, data in members if not m.name.startswith("easel-backup")]

    def repacked(members: Members) -> Members:
        """By `tar cf OUT .`"""
        for m, _ in members:
            m.name = f"./{m.name}"
        return [member(".", b"", type=tarfile.DIRTYPE), member("./pictures", b"", type=tarfile.DIRTYPE), *members]

    for at, change in enumerate((older, repacked)):
        new = Home(tmp_path / f"new{at}")
        assert restore(rewritten(good, change), new) == 2
        assert PictureFiles(new.pictures).get(SHA) == PICTURE


def test_a_restore_killed_while_it_moves_is_done_again(good: Path, tmp_path: Path) -> None:
    """The program does not start with half of it; the restore takes away what is half and brings the whole."""
    new = tmp_path / "new"
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom bot.cli import main\n"
        "moved = Path.rename\n"
        "def rename(self, target):\n    moved(self, target)\n    os.kill(os.getpid(), 9)\n"
        "Path.rename = rename\n"
        "main(sys.argv[1:])"
    )
    with Popen([sys.executable, "-c", code, "restore", str(good), "--home", str(new)], stderr=PIPE) as process:
        process.communicate(timeout=60)
    assert process.returncode == -9
    assert any(path.name.startswith(".restoring-") for path in new.iterdir())
    with pytest.raises(CommandFailed, match="holds half a backup"), Home(new).claim():
        pass
    assert restore(good, Home(new)) == 2
    assert {path.name for path in new.iterdir()} == {"easel.lock", "easel.db", "pictures"}
    with pytest.raises(CommandFailed, match="not empty"):  # and what is whole is never taken away
        restore(good, Home(new))
    with Home(new).claim():
        pass


def test_what_a_killed_restore_had_unpacked_goes_with_the_next_start(tmp_path: Path, good: Path) -> None:
    new = Home(tmp_path / "new")
    (new.root / ".restoring-abc" / "home").mkdir(parents=True)
    (new.root / ".restoring-abc" / "home" / "easel.db").write_bytes(b"words")
    assert restore(good, new) == 2
    assert not list(new.root.glob(".restoring*"))


def test_a_backup_that_fails_leaves_the_last_one(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "b.tar"
    backup(home, target)
    target.chmod(0o644)
    before = target.read_bytes()
    home.root.joinpath("jobs.db").write_bytes(b"no database" * 100)
    with pytest.raises(CommandFailed, match="could not be written"):
        backup(home, target)
    assert target.read_bytes() == before
    assert list(tmp_path.glob(".b.tar*")) == []
    home.root.joinpath("jobs.db").unlink()
    backup(home, target)
    assert target.stat().st_mode & 0o077 == 0


# Tokens and passphrases

WORDS = "a passphrase of five words"


@pytest.fixture
def with_tokens(home: Home) -> Home:
    with closing(sqlite3.connect(home.root / "slack.db")) as connection, connection:
        connection.execute("CREATE TABLE slack_bots (team_id TEXT, bot_token TEXT)")
        connection.execute("INSERT INTO slack_bots VALUES ('T1', 'xoxb-one'), ('T2', 'xoxb-two')")
    with closing(sqlite3.connect(home.root / "memory.db")) as connection, connection:
        connection.execute("CREATE TABLE memory (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
        connection.execute("INSERT INTO memory VALUES ('discord/hook:t', '1 2 interaction-token')")
        connection.execute("INSERT INTO memory VALUES ('slack/slack/inbox/e', 'hooks.example/response')")
        connection.execute("INSERT INTO memory VALUES ('discord/cursor', 'kept')")
    return home


def test_a_backup_says_what_it_holds_and_can_be_without_tokens(
    with_tokens: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = str(with_tokens.root)
    assert main(["backup", str(tmp_path / "all.tar"), "--home", root]) == 0
    assert "1 pictures and the Slack tokens of 2 workspaces" in capsys.readouterr().out
    assert main(["backup", str(tmp_path / "bare.tar"), "--home", root, "--without-tokens"]) == 0
    assert "Slack" not in capsys.readouterr().out
    everything, bare = (tmp_path / "all.tar").read_bytes(), (tmp_path / "bare.tar").read_bytes()
    for secret in (b"xoxb-one", b"interaction-token", b"hooks.example"):
        assert secret in everything
        assert secret not in bare
    assert b"kept" in bare
    assert main(["restore", str(tmp_path / "bare.tar"), "--home", str(tmp_path / "new")]) == 0
    assert "made without tokens" in capsys.readouterr().out
    assert not (tmp_path / "new" / "slack.db").exists()


def test_an_encrypted_backup_is_read_with_its_passphrase_only(
    with_tokens: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target, root = tmp_path / "locked.tar", str(with_tokens.root)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(["backup", str(target), "--home", root, "--encrypt"]) == 1
    assert "EASEL_BACKUP_PASSPHRASE" in capsys.readouterr().err
    monkeypatch.setenv("EASEL_BACKUP_PASSPHRASE", "short")
    assert main(["backup", str(target), "--home", root]) == 1
    assert "12 characters" in capsys.readouterr().err
    monkeypatch.setenv("EASEL_BACKUP_PASSPHRASE", WORDS)
    assert main(["backup", str(target), "--home", root]) == 0
    assert "encrypted" in capsys.readouterr().out
    data = target.read_bytes()
    assert all(secret not in data for secret in (b"xoxb-one", PICTURE, b"CREATE TABLE", SHA.encode()))
    with tarfile.open(target) as archive:  # for `age`, where Easel is not at hand
        assert archive.getnames() == ["key.age", "backup.tar.age"]
    with pytest.raises(CommandFailed, match="does not open with this passphrase"):
        restore_backup(target, Home(tmp_path / "new"), lambda: "another passphrase")
    for cut in (600, len(data) - 2000):
        (tmp_path / "cut.tar").write_bytes(data[:cut])
        with pytest.raises(CommandFailed, match=r"is damaged|does not open"):
            restore_backup(tmp_path / "cut.tar", Home(tmp_path / "new"), lambda: WORDS)
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    (tmp_path / "flipped.tar").write_bytes(flipped)
    with pytest.raises(CommandFailed, match="is damaged"):
        restore_backup(tmp_path / "flipped.tar", Home(tmp_path / "new"), lambda: WORDS)
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"easel.lock"}
    assert main(["restore", str(target), "--home", str(tmp_path / "new")]) == 0
    assert PictureFiles(tmp_path / "new" / "pictures").get(SHA) == PICTURE
    assert (tmp_path / "new" / "slack.db").exists()
    assert os.listdir(tmp_path / "new" / "pictures")  # noqa: PTH208


def test_a_backup_that_cannot_be_encrypted_leaves_nothing(
    with_tokens: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASEL_BACKUP_PASSPHRASE", WORDS)
    (with_tokens.root / "jobs.db").write_bytes(b"no database" * 100)
    assert main(["backup", str(tmp_path / "b.tar"), "--home", str(with_tokens.root)]) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
