"""Archives that say they are backups: restored whole, or refused in a sentence with nothing put anywhere."""

from __future__ import annotations

import io
import itertools
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.backups.contents import FIRST, LAST, PICTURE
from bot.backups.reading import restore_backup
from bot.backups.writing import write_backup
from bot.cli import CommandFailed
from bot.home import Home
from bot.private import DATABASES
from bot.store.file import connect
from imaging.files import PictureFiles
from tests.fuzz import damaged, fuzzed

TURN = itertools.count()
DATA = b"a picture's bytes"


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare(tmp_path_factory.mktemp("fuzz") / "ground")


def prepare(root: Path) -> Path:
    """A folder with a backup, in which nothing else may be written beside the home."""
    root.mkdir()
    home = Home(root / "from")
    home.root.mkdir()
    connect(home.database).close()
    PictureFiles(home.pictures).put(DATA)
    write_backup(home, root / "good.tar")
    shutil.rmtree(home.root)
    return root


@pytest.fixture(autouse=True)
def _no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sync", lambda: None)


def check(ground: Path, data: bytes) -> None:
    archive, home = ground / "fuzzed.tar", Home(ground / f"home{next(TURN)}")
    archive.write_bytes(data)
    try:
        found = restore_backup(archive, home, lambda: "another passphrase")
    except CommandFailed as error:
        assert "\n" not in str(error)
        assert {path.name for path in home.root.iterdir()} <= {"easel.lock"}
    else:
        there = {path.relative_to(home.root).as_posix() for path in home.root.rglob("*") if not path.is_dir()}
        assert "easel.db" in there
        assert all(name in (*DATABASES, "easel.lock") or PICTURE.fullmatch(name) for name in there)
        assert len(there) == found.files + 1
        assert all(not path.is_symlink() for path in home.root.rglob("*"))
        for sha in PictureFiles(home.pictures).names():
            assert PictureFiles(home.pictures).get(sha) == DATA
    shutil.rmtree(home.root, ignore_errors=True)
    assert {path.name for path in ground.iterdir()} == {"good.tar", "fuzzed.tar"}


@fuzzed
@given(st.data())
def test_damaged_archives(ground: Path, data: Any) -> None:
    good = (ground / "good.tar").read_bytes()
    # Heads are where the decisions are: most changes are made there.
    at = data.draw(st.sampled_from(range(0, len(good), 512)))
    head = data.draw(damaged(good[at : at + 512]) if data.draw(st.booleans()) else damaged(good))
    check(ground, good[:at] + head + good[at + 512 :] if len(head) <= 600 else head)


NAMES = st.one_of(
    st.sampled_from([*DATABASES, FIRST, LAST, "pictures", f"pictures/ab/{'ab' * 32}.bin", "../x", "/tmp/x", "a/../../x",
                     "pictures/ab", ".", "", "easel.lock", "easel.restoring", ".restoring-x/easel.db"]),
    st.text(max_size=30),
)  # fmt: skip
KINDS = st.sampled_from([tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE,
                         tarfile.CHRTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE, tarfile.XHDTYPE, b"?"])  # fmt: skip
MEMBERS = st.lists(
    st.tuples(NAMES, KINDS, NAMES, st.binary(max_size=40) | st.sampled_from([DATA, b'{"pictures": 1}'])), max_size=4
)


@fuzzed
@given(MEMBERS, st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]), st.booleans(), st.booleans())
def test_archives_of_anything(ground: Path, members: Any, format: int, good_first: bool, real: bool) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as archive:
        wanted = [(name, kind, link, data) for name, kind, link, data in members]
        if real:
            with tarfile.open(ground / "good.tar") as good:
                whole = [(each.name, tarfile.REGTYPE, "", good.extractfile(each).read()) for each in good]  # type: ignore[union-attr]
            wanted = [*whole, *wanted] if good_first else [*wanted, *whole]
        for name, kind, link, data in wanted:
            member = tarfile.TarInfo(name.encode("utf-8", "replace").decode())
            member.type, member.linkname = kind, link.encode("utf-8", "replace").decode()
            member.size = len(data) if kind in (tarfile.REGTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE) else 0
            archive.addfile(member, io.BytesIO(data))
    check(ground, out.getvalue())


def test_the_good_one_is_restored(ground: Path) -> None:
    check(ground, (ground / "good.tar").read_bytes())
