"""What doctor says of the home: room on the disk, who may read it, and whether the databases are sound."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from bot import private
from bot.home import Home
from bot.settings import Settings
from imaging.findings import Finding, broken, ok, warning
from imaging.sqlite import open_present

GIB = 2**30


def disk(settings: Settings) -> Iterable[Finding]:
    place = settings.home
    while not place.exists() and place != place.parent:
        place = place.parent
    free = shutil.disk_usage(place).free / GIB
    if free < 1:
        yield broken("disk", f"only {free:.1f} GiB are free at {place}; free some, or set EASEL_HOME to another disk")
    else:
        yield (ok if free >= 5 else warning)("disk", f"{free:.0f} GiB are free at {place}")
    probe = settings.home if settings.home.exists() else place
    try:
        with tempfile.TemporaryFile(dir=probe):  # no name that somebody could have put a link under
            pass
        yield ok("home", f"{settings.home} can be written")
    except OSError as error:
        yield broken("home", f"{probe} cannot be written ({error.strerror}); set EASEL_HOME to a folder of yours")


def rights(settings: Settings) -> Iterable[Finding]:
    """What other users of this machine can read: words and pictures in the home, tokens in `.env`."""
    if (link := private.planted(settings.home)) is not None:
        yield broken("rights", f"{link} is a link that another user made; look into it, then remove it")
    readable = private.readable_by_others(settings.home)
    if readable:
        more = f" and {len(readable) - 1} more" if len(readable) > 1 else ""
        yield warning(
            "rights",
            f"others on this machine may read {readable[0]}{more}; the next start closes them, or chmod go= does",
        )
    elif settings.home.exists():
        yield ok("rights", "only you can read what Easel keeps")
    env = Path(".env")
    if private.readable_file(env):
        yield warning(
            "rights", f"others on this machine may read the tokens in {env.resolve()}; chmod 600 .env closes it"
        )


def databases(settings: Settings) -> Iterable[Finding]:
    home = Home(settings.home)
    for path in (home.root / name for name in private.DATABASES):
        if not path.exists():
            continue
        try:
            with closing(open_present(path)) as connection:
                answer = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        except sqlite3.Error as error:
            answer = str(error)
        if answer == "ok":
            yield ok("database", f"{path.name} is sound")
        else:
            yield broken("database", f"{path} is damaged ({answer}); move it away and `easel restore` a backup")
    if not home.database.exists():
        yield ok("database", "none yet; the first start makes it")
