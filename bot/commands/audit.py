"""`easel audit`: what was deleted, decided, refused and spent; also while Easel runs."""

from __future__ import annotations

import argparse
import json
import sqlite3
import time
from contextlib import closing

from bot import audit
from bot.cli import CommandFailed
from bot.home import Home
from bot.settings import load_settings
from imaging.sqlite import open_present

DAY_S = 86_400.0
SPENDING = "spending"


def run(arguments: argparse.Namespace) -> int:
    home = Home(load_settings(home=arguments.home).home)
    if not home.database.exists():
        raise CommandFailed(f"There is nothing in {home.root} yet.")
    since = time.time() - arguments.days * DAY_S
    try:
        with closing(open_present(home.database, busy_s=5)) as connection:
            for line in lines(connection, since, arguments.act, as_json=arguments.json):
                print(line)
    except sqlite3.Error as error:
        raise CommandFailed(f"The record cannot be read ({error}); a start of this version makes it.") from None
    return 0


def lines(connection: sqlite3.Connection, since: float, act: str | None, *, as_json: bool) -> list[str]:
    """The acts, oldest first, then what was spent by day, channel and account."""
    told = []
    if act != SPENDING:
        for row in audit.entries(connection, since, act):
            if as_json:
                told.append(json.dumps({
                    "at": row.at.isoformat(), "act": row.act, "what": row.what, "place": row.place,
                    "person": row.person, "times": row.times,
                }, ensure_ascii=False))  # fmt: skip
            else:
                count = f" ×{row.times}" if row.times != 1 else ""
                who = row.person or ("the host" if row.place == audit.HOST else "somebody")
                told.append(f"{row.at:%Y-%m-%d %H:%M}  {row.act:<8}  {row.what}{count}  {row.place}  {who}")
    if act in (None, SPENDING):
        for day, channel, account, amounts in audit.spending(connection, since):
            if as_json:
                found = {"at": day, "act": SPENDING, "place": channel, "account": account, **amounts}
                told.append(json.dumps(found, ensure_ascii=False))
            else:
                what = ", ".join(f"{name} {value:g}" for name, value in amounts.items())
                told.append(f"{day}        {SPENDING}  {what}  {channel}  account {account[:12]}")
    return told
