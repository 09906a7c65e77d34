"""Reported pictures, who reported them (by pseudonyms), and what moderators decided; see `bot.store.tables`."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from typing import Any

from bot.store import rows
from bot.store.pictures import Pictures
from handlers.model import Picture, PictureState, ThreadKey
from handlers.moderation.cases import Case, Reason, Reported, Ruling

_CASE = (
    "SELECT c.id, t.chat, t.tenant, t.channel, t.thread, c.number, p.state, c.opened, c.ruling, "
    "(SELECT json_group_array(r.reason) FROM reports r WHERE r.case_id = c.id) "
    "FROM cases c JOIN threads t ON t.key = c.thread "
    "LEFT JOIN pictures p ON p.thread = c.thread AND p.number = c.number"
)


class Cases:
    """On one connection. Not thread-safe."""

    def __init__(self, connection: sqlite3.Connection, pictures: Pictures) -> None:
        self._db = connection
        self._pictures = pictures

    def report(
        self, picture: Picture, maker: str, reporter: str, reason: Reason, *, enough: int, agreed: bool, now: float
    ) -> Reported | None:
        """Count a report; None where the picture is gone.

        Args:
            maker, reporter: Pseudonyms.
            enough: So many people's reports hide it; 0: none do.
            agreed: It is a moderator's: it is hidden at once.
        """
        name = rows.clean(str(picture.thread))
        known = self._pictures.get(picture.thread, picture.number)
        if known is None or known.state is PictureState.DELETED:
            return None
        opened = self._db.execute(
            "INSERT INTO cases (tenant, thread, number, sha256, maker, opened) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (thread, number) DO NOTHING",
            (rows.clean(picture.thread.tenant_scope), name, picture.number, known.sha256, maker, now),
        ).rowcount
        where = "WHERE c.thread = ? AND c.number = ?"
        case = self._read(where, (name, picture.number))[0]
        counted = self._db.execute(
            "INSERT OR IGNORE INTO reports VALUES (?, ?, ?, ?)", (case.id, reporter, reason.value, now)
        ).rowcount
        reports = case.reports + counted
        hidden = agreed or (bool(enough) and reports >= enough and case.ruling is None)
        hidden = hidden and self._pictures.set_hidden(picture.thread, picture.number, True)
        if agreed:
            self._note(case.id, Ruling.HIDE, reporter, now)
        return Reported(self._read(where, (name, picture.number))[0], bool(counted), bool(opened), hidden)

    def rule(self, case: Case, ruling: Ruling, ruler: str, now: float) -> list[str] | None:
        """Decide; returns the files that nothing needs any more. None, and nothing is done, where the picture is
        gone."""
        state = self._pictures.state(case.thread, case.number)
        if state is None or state is PictureState.DELETED:
            return None
        self._note(case.id, ruling, ruler, now)
        match ruling:
            case Ruling.HIDE | Ruling.SHOW:
                self._pictures.set_hidden(case.thread, case.number, ruling is Ruling.HIDE)
                return []
            case Ruling.DELETE:
                return self._pictures.delete(case.thread, case.number)

    def _note(self, id: int, ruling: Ruling, ruler: str, now: float) -> None:
        values = (ruling.value, now, ruler, id)
        self._db.execute("UPDATE cases SET ruling = ?, ruled = ?, ruler = ? WHERE id = ?", values)

    def get(self, tenant: str, id: int) -> Case | None:
        found = self._read("WHERE c.id = ? AND c.tenant = ?", (id, rows.clean(tenant)))
        return found[0] if found else None

    def open(self, tenant: str, limit: int) -> list[Case]:
        """Those that wait for a moderator, and those that are hidden: the newest first."""
        return self._read(
            "WHERE c.tenant = ? AND (c.ruling IS NULL OR c.ruling = 'hide') AND p.state IN ('ready', 'hidden') "
            "ORDER BY c.ruling IS NOT NULL, c.id DESC LIMIT ?",
            (rows.clean(tenant), limit),
        )

    def by(self, reporter: str, since: float) -> int:
        """How many pictures somebody has reported since a moment."""
        found = self._db.execute("SELECT count(*) FROM reports WHERE reporter = ? AND at >= ?", (reporter, since))
        return int(found.fetchone()[0])

    def prune(self, before: float) -> int:
        """Delete what was reported before a moment and is decided, or gone; what waits for a moderator stays."""
        over = (
            "SELECT c.id FROM cases c LEFT JOIN pictures p ON p.thread = c.thread AND p.number = c.number "
            "WHERE max(c.opened, coalesce(c.ruled, 0)) < ? "
            "AND (c.ruling = 'show' OR coalesce(p.state, 'deleted') = 'deleted')"
        )
        self._db.execute(f"DELETE FROM reports WHERE case_id IN ({over})", (before,))
        return self._db.execute(f"DELETE FROM cases WHERE id IN ({over})", (before,)).rowcount

    def _read(self, where: str, values: tuple[Any, ...]) -> list[Case]:
        return [_case(row) for row in self._db.execute(f"{_CASE} {where}", values).fetchall()]


def _case(row: tuple[Any, ...]) -> Case:
    id, chat, tenant, channel, thread, number, state, opened, ruling, reasons = row
    said = json.loads(reasons)
    return Case(
        id, ThreadKey(chat, tenant, channel, thread), number,
        PictureState(state) if state else PictureState.DELETED,
        len(said), tuple(Reason(one) for one in sorted(set(said))),
        datetime.fromtimestamp(opened, UTC), Ruling(ruling) if ruling else None,
    )  # fmt: skip
