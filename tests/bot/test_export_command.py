"""`easel export`: the threads of every platform, in every format, by the host."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.cli import main
from bot.store.store import SqliteStore
from handlers.model import Incoming, Person, ThreadKey
from imaging.files import PictureFiles

THREADS = (
    ThreadKey("discord", "g1", "c1", "t1"),
    ThreadKey("slack", "T1", "C1", "17.5"),
    ThreadKey("web", "-", "web", "w1"),
)


@pytest.fixture
async def home(tmp_path: Path) -> Path:
    store = await SqliteStore.open(tmp_path / "easel.db", PictureFiles(tmp_path / "pictures"))
    for at, key in enumerate(THREADS):
        said = Incoming(f"e{at}", key, Person("1", "Zebedee"), "Hello,\nfoxes", title=f"Thread {at}\nof 3")
        await store.accept(said, asked=f"a{at}", turn=f"t{at}", uploads=[])
    await store.close()
    return tmp_path


def test_threads_of_every_platform_are_listed_and_exported(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    assert main(["export", "--home", str(home)]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert sorted(line.split("\t")[0] for line in listed) == sorted(map(str, THREADS))
    assert {line.split("\t")[2] for line in listed} == {f"Thread {at} of 3" for at in range(3)}
    assert main(["export", str(THREADS[1]), "--home", str(home)]) == 0
    assert (home / "easel-17.5.zip").read_bytes().startswith(b"PK")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--format", "pdf"], "There are no pictures in this thread yet."),
        (["--format", "slides", "--each", "4"], "Only a PDF has 1 or 4 pictures on each page"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert main(["export", str(THREADS[0]), "--home", str(home), *arguments]) == 1
    assert told in capsys.readouterr().err
