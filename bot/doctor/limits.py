"""What doctor says of limits: which hold, what was spent today, and where nothing bounds what others cost."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime

from bot.app import others_come
from bot.home import Home
from bot.quotas import must_be_bounded, quotas
from bot.settings import Settings
from handlers.quota_rules import Amounts, Rule, Sharers, Unit
from imaging.findings import Finding, ok, warning
from imaging.sqlite import open_present

FOR = {
    Sharers.PERSON: "per person",
    Sharers.CHANNEL: "per channel",
    Sharers.WORKSPACE: "per workspace",
    Sharers.ALL: "in all",
}


def examine(settings: Settings) -> Iterable[Finding]:
    """Look at the rules, and at what the database has of today."""
    others = others_come(settings)
    rules = [rule for rule in quotas(settings, others) if rule.amount < math.inf]
    if not rules:
        yield ok("limits", "none: nobody but you can come, and nothing costs money")
        return
    yield ok("limits", "; ".join(map(_told, rules)))
    bounded = {rule.unit for rule in rules if rule.sharers is Sharers.ALL}
    if Unit.MONEY in bounded:
        bounded |= {Unit.PICTURES, Unit.CALLS}
    for unit in sorted(must_be_bounded(settings, others) - bounded):
        yield warning("limits", f"nothing bounds what all people together take of {unit.value}: see EASEL_QUOTAS")
    today = _today(settings)
    if today is not None:
        told = [
            Rule(Sharers.ALL, unit, 0, currency="in money").told(today.of(unit)) for unit in Unit if today.of(unit) > 0
        ]
        yield ok("limits", f"today all people together took {', '.join(told) or 'nothing yet'}")


def _told(rule: Rule) -> str:
    whom = f"per role {rule.role}" if rule.role else FOR[rule.sharers]
    return f"{rule.told(rule.amount)} {rule.within} {whom}"


def _today(settings: Settings) -> Amounts | None:
    """What was spent since midnight UTC; None where no database tells."""
    path = Home(settings.home).database
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    sums = ", ".join(f"coalesce(sum({unit.value}), 0)" for unit in Unit)
    if not path.exists():
        return None
    try:
        with closing(open_present(path)) as connection:
            row = connection.execute(f"SELECT {sums} FROM spent WHERE at >= ?", (midnight.timestamp(),)).fetchone()
    except sqlite3.Error:
        return None  # it is of an older version, or doctor says what is wrong with it elsewhere
    return Amounts(**{unit.value: value for unit, value in zip(Unit, row, strict=True)})
