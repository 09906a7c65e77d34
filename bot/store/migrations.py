"""The database's schema, one function a change; each runs once, in order, inside a transaction.

A published migration is never edited: a new one is added below it and to `MIGRATIONS`.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from sqlite_utils import Database

from bot import audit
from bot.store.gallery import scope_word, spread
from handlers.model import Person, ThreadKey
from handlers.moderation.cases import pseudonym
from imaging.sqlite import transaction

SCHEMA = """
CREATE TABLE events (
    id TEXT PRIMARY KEY, boot TEXT NOT NULL, turn TEXT, finished INTEGER NOT NULL DEFAULT 0, created REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX events_turn ON events (turn) WHERE turn IS NOT NULL;
CREATE INDEX events_created ON events (created);

CREATE TABLE threads (
    key TEXT PRIMARY KEY, chat TEXT NOT NULL, tenant TEXT NOT NULL, channel TEXT NOT NULL, thread TEXT NOT NULL,
    title TEXT NOT NULL DEFAULT '', next_number INTEGER NOT NULL DEFAULT 1, turns INTEGER NOT NULL DEFAULT 0,
    pictures INTEGER NOT NULL DEFAULT 0, selected INTEGER, selected_before INTEGER, updated REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX threads_updated ON threads (chat, tenant, updated);

CREATE TABLE turns (
    id TEXT PRIMARY KEY, thread TEXT NOT NULL, idx INTEGER NOT NULL, role TEXT NOT NULL, state TEXT NOT NULL,
    person TEXT, person_id TEXT, text TEXT NOT NULL, parts TEXT NOT NULL, jobs TEXT NOT NULL,
    written INTEGER NOT NULL, answers TEXT, post TEXT, created REAL NOT NULL
);
CREATE UNIQUE INDEX turns_thread ON turns (thread, idx);
CREATE INDEX turns_open ON turns (created) WHERE state = 'open';
CREATE INDEX turns_person ON turns (person_id, thread);
CREATE INDEX turns_created ON turns (created);

CREATE TABLE pictures (
    thread TEXT NOT NULL, number INTEGER NOT NULL, operation TEXT NOT NULL, parents TEXT NOT NULL,
    description TEXT NOT NULL, recipe TEXT, sha256 TEXT NOT NULL, media_type TEXT NOT NULL,
    width INTEGER NOT NULL, height INTEGER NOT NULL, person TEXT NOT NULL, person_id TEXT NOT NULL,
    turn TEXT NOT NULL, state TEXT NOT NULL, metrics TEXT NOT NULL, device_seconds REAL NOT NULL,
    created REAL NOT NULL, PRIMARY KEY (thread, number)
) WITHOUT ROWID;
CREATE INDEX pictures_file ON pictures (sha256);
CREATE INDEX pictures_person ON pictures (person_id, created);
CREATE INDEX pictures_created ON pictures (created);

CREATE TABLE settings (
    scope TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (scope, name)
) WITHOUT ROWID;
"""


def first_tables(db: Database) -> None:
    """Events, threads, turns, pictures and settings."""
    for statement in SCHEMA.split(";"):
        if statement.strip():
            db.conn.execute(statement)


def indexes_for_recent(db: Database) -> None:
    """A session's newest turns and pictures are found without reading their long rows."""
    db.conn.execute("DROP INDEX turns_thread")
    db.conn.execute("CREATE UNIQUE INDEX turns_thread ON turns (thread, idx, id, state)")
    db.conn.execute("CREATE INDEX pictures_ready ON pictures (thread, number) WHERE state = 'ready'")


def votes(db: Database) -> None:
    """Who is for (`up` 1) and against (`up` 0) a picture."""
    db.conn.execute(
        "CREATE TABLE votes (thread TEXT NOT NULL, number INTEGER NOT NULL, person_id TEXT NOT NULL, "
        "up INTEGER NOT NULL, created REAL NOT NULL, PRIMARY KEY (thread, number, person_id, up)) WITHOUT ROWID"
    )
    db.conn.execute("CREATE INDEX votes_person ON votes (person_id)")


def answered_picture(db: Database) -> None:
    """A restart knows which picture a message answered."""
    db.conn.execute("ALTER TABLE turns ADD COLUMN replies_to INTEGER")


def spendings(db: Database) -> None:
    """What quotas count: one row a picture that was made, whatever becomes of the picture."""
    db.conn.execute(
        "CREATE TABLE spent (at REAL NOT NULL, person_id TEXT NOT NULL, channel TEXT NOT NULL, tenant TEXT NOT NULL, "
        "seconds REAL NOT NULL, money REAL NOT NULL)"
    )
    for column in ("person_id", "channel", "tenant"):
        db.conn.execute(f"CREATE INDEX spent_{column} ON spent ({column}, at)")
    db.conn.execute("CREATE INDEX spent_at ON spent (at)")
    db.conn.execute(
        "INSERT INTO spent SELECT p.created, p.person_id, t.chat || '/' || t.tenant || '/' || t.channel, "
        "t.chat || '/' || t.tenant, p.device_seconds, 0 FROM pictures p JOIN threads t ON t.key = p.thread "
        "WHERE p.operation != 'upload'"
    )


def accounts(db: Database) -> None:
    """A person counts once over all servers and workspaces; messages, calls of the language model and bytes count too.

    The account is opaque (`Person.account_in`): what was spent counts on when its person is forgotten.
    """
    old = db.conn.execute("SELECT at, person_id, channel, tenant, seconds, money FROM spent").fetchall()
    db.conn.execute("DROP TABLE spent")
    db.conn.execute(
        "CREATE TABLE spent (at REAL NOT NULL, account TEXT NOT NULL, channel TEXT NOT NULL, tenant TEXT NOT NULL, "
        "pictures INTEGER NOT NULL DEFAULT 0, seconds REAL NOT NULL DEFAULT 0, money REAL NOT NULL DEFAULT 0, "
        "messages INTEGER NOT NULL DEFAULT 0, calls INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0)"
    )
    for column in ("account", "channel", "tenant"):
        db.conn.execute(f"CREATE INDEX spent_{column} ON spent ({column}, at)")
    db.conn.execute("CREATE INDEX spent_at ON spent (at)")
    for at, key, channel, tenant, seconds, money in old:
        # An old key is chat/tenant/id; one that is empty was forgotten.
        chat, id = tenant.partition("/")[0], key.removeprefix(f"{tenant}/")
        account = Person(id, "").account_in(chat) if key else ""
        values = (at, account, channel, tenant, seconds, money)
        db.conn.execute(
            "INSERT INTO spent (at, account, channel, tenant, pictures, seconds, money) VALUES (?, ?, ?, ?, 1, ?, ?)",
            values,
        )


def hands(db: Database) -> None:
    """What the running program is at, and how many programs have died at it."""
    db.conn.execute(
        "CREATE TABLE hands (work TEXT PRIMARY KEY, boot TEXT, deaths INTEGER NOT NULL, at REAL NOT NULL) WITHOUT ROWID"
    )


def audit_record(db: Database) -> None:
    """Who deleted, decided and was refused what."""
    for statement in audit.SCHEMA:
        db.conn.execute(statement)


def covered_pictures(db: Database) -> None:
    """Which pictures are shown covered."""
    db.conn.execute("ALTER TABLE pictures ADD COLUMN spoiler INTEGER NOT NULL DEFAULT 0")


def reports(db: Database) -> None:
    """Reported pictures, what moderators decided, and whom they have blocked. People stand in it by pseudonyms."""
    db.conn.execute(
        "CREATE TABLE cases (id INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, thread TEXT NOT NULL, "
        "number INTEGER NOT NULL, sha256 TEXT NOT NULL, maker TEXT NOT NULL, opened REAL NOT NULL, ruling TEXT, "
        "ruled REAL, ruler TEXT, UNIQUE (thread, number))"
    )
    db.conn.execute("CREATE INDEX cases_tenant ON cases (tenant, id)")
    db.conn.execute(
        "CREATE TABLE reports (case_id INTEGER NOT NULL, reporter TEXT NOT NULL, reason TEXT NOT NULL, "
        "at REAL NOT NULL, PRIMARY KEY (case_id, reporter)) WITHOUT ROWID"
    )
    db.conn.execute("CREATE INDEX reports_reporter ON reports (reporter, at)")
    db.conn.execute(
        "CREATE TABLE blocks (tenant TEXT NOT NULL, key TEXT NOT NULL, account TEXT NOT NULL, person TEXT NOT NULL, "
        "name TEXT NOT NULL, since REAL NOT NULL, by TEXT NOT NULL, told REAL NOT NULL, "
        "PRIMARY KEY (tenant, key)) WITHOUT ROWID"
    )
    db.conn.execute("CREATE INDEX pictures_hidden ON pictures (thread, number) WHERE state = 'hidden'")


def gallery(db: Database) -> None:
    """All pictures that are there, in the order in which they came, with an index of their words."""
    db.conn.execute(
        "CREATE TABLE gallery (id INTEGER PRIMARY KEY AUTOINCREMENT, scope TEXT NOT NULL, thread TEXT NOT NULL, "
        "number INTEGER NOT NULL, created REAL NOT NULL, maker TEXT NOT NULL, votes INTEGER NOT NULL, "
        "UNIQUE (thread, number))"
    )
    db.conn.execute("CREATE INDEX gallery_scope ON gallery (scope, id, thread, votes, created)")
    # Symbols are words too: emoji.
    db.conn.execute(
        "CREATE VIRTUAL TABLE gallery_words USING fts5 (description, person, style, scope, "
        "tokenize = \"unicode61 remove_diacritics 2 categories 'L* N* Co So'\")"
    )
    mine = "thread = old.thread AND number = old.number"
    unsaid = f"DELETE FROM gallery_words WHERE rowid = (SELECT id FROM gallery WHERE {mine});"
    gone = f"DELETE FROM gallery WHERE {mine};"
    for name, event, does in (
        # One that is shown again hangs where it hung.
        ("hidden", "UPDATE OF state ON pictures WHEN new.state = 'hidden'", unsaid),
        ("deleted", "UPDATE OF state ON pictures WHEN new.state = 'deleted'", f"{unsaid} {gone}"),
        ("pruned", "DELETE ON pictures", f"{unsaid} {gone}"),
    ):
        db.conn.execute(f"CREATE TRIGGER gallery_{name} AFTER {event} BEGIN {does} END")
    for event, row in (("INSERT", "new"), ("DELETE", "old")):
        db.conn.execute(
            f"CREATE TRIGGER gallery_votes_{event.lower()} AFTER {event} ON votes BEGIN UPDATE gallery SET votes = "
            f"(SELECT count(*) FROM votes WHERE thread = {row}.thread AND number = {row}.number AND up = 1) "
            f"WHERE thread = {row}.thread AND number = {row}.number; END"
        )
    found = db.conn.execute(
        "SELECT t.chat || '/' || t.tenant, p.thread, p.number, p.created, p.description, p.person, p.recipe, "
        "(SELECT count(*) FROM votes v WHERE v.thread = p.thread AND v.number = p.number AND v.up = 1) "
        "FROM pictures p JOIN threads t ON t.key = p.thread WHERE p.state = 'ready' ORDER BY p.created, p.number"
    )
    for id, (scope, thread, number, created, description, person, recipe, count) in enumerate(found, start=1):
        who, style = json.loads(person), (json.loads(recipe).get("style") if recipe else None) or ""
        chat, _, tenant = scope.partition("/")
        maker = pseudonym(ThreadKey(chat, tenant, "", ""), Person(who["id"], who["name"]))
        values = (id, scope, thread, number, created, maker, count)
        db.conn.execute("INSERT INTO gallery VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        words = (id, spread(description), spread(who["name"]), spread(style), scope_word(scope))
        db.conn.execute(
            "INSERT INTO gallery_words (rowid, description, person, style, scope) VALUES (?, ?, ?, ?, ?)", words
        )


def deleted_threads(db: Database) -> None:
    """When a thread was deleted: its row stays, so that nothing begins it anew."""
    db.conn.execute("ALTER TABLE threads ADD COLUMN deleted REAL")


def brainstorms(db: Database) -> None:
    """Rounds of brainstorms, the pictures that are their ideas, and who voted, by pseudonyms of one brainstorm."""
    db.conn.execute(
        "CREATE TABLE rounds (turn TEXT PRIMARY KEY, thread TEXT NOT NULL, brainstorm TEXT NOT NULL, "
        "facilitator TEXT NOT NULL, person_id TEXT NOT NULL, part TEXT NOT NULL, phase TEXT NOT NULL, "
        "ideas INTEGER NOT NULL, minutes INTEGER, before TEXT, created REAL NOT NULL)"
    )
    for column in ("thread", "brainstorm", "person_id", "created"):
        db.conn.execute(f"CREATE INDEX rounds_{column} ON rounds ({column})")
    db.conn.execute("CREATE INDEX rounds_running ON rounds (created) WHERE phase != 'over'")
    db.conn.execute(
        "CREATE TABLE ideas (thread TEXT NOT NULL, number INTEGER NOT NULL, turn TEXT NOT NULL, "
        "PRIMARY KEY (thread, number)) WITHOUT ROWID"
    )
    db.conn.execute("CREATE INDEX ideas_turn ON ideas (turn)")
    db.conn.execute(
        "CREATE TABLE dots (turn TEXT NOT NULL, person TEXT NOT NULL, number INTEGER NOT NULL, at REAL NOT NULL, "
        "given INTEGER NOT NULL, PRIMARY KEY (turn, person, number)) WITHOUT ROWID"
    )


def share_links(db: Database) -> None:
    """Links by which others look at a thread."""
    db.conn.execute(
        "CREATE TABLE shares (id INTEGER PRIMARY KEY AUTOINCREMENT, hash TEXT NOT NULL UNIQUE, thread TEXT NOT NULL, "
        "person TEXT NOT NULL, person_id TEXT NOT NULL, created REAL NOT NULL, until REAL NOT NULL)"
    )
    db.conn.execute("CREATE INDEX shares_thread ON shares (thread)")
    db.conn.execute("CREATE INDEX shares_person ON shares (person_id)")
    db.conn.execute("CREATE INDEX shares_until ON shares (until)")


def boards(db: Database) -> None:
    """In which order people have put the pictures of a thread."""
    db.conn.execute("CREATE TABLE boards (thread TEXT PRIMARY KEY, numbers TEXT NOT NULL) WITHOUT ROWID")


MIGRATIONS: tuple[Callable[[Database], None], ...] = (
    first_tables,
    indexes_for_recent,
    votes,
    answered_picture,
    spendings,
    accounts,
    hands,
    audit_record,
    covered_pictures,
    reports,
    gallery,
    deleted_threads,
    brainstorms,
    share_links,
    boards,
)


def migrate(db: Database) -> None:
    """Bring the database to the newest schema.

    Raises:
        ValueError: the file was written by a newer version; one sentence.
    """
    version = int(db.conn.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        raise ValueError("The database was written by a newer version of Easel; start that version.")
    for number, step in enumerate(MIGRATIONS[version:], start=version + 1):
        with transaction(db.conn):
            step(db)
            db.conn.execute(f"PRAGMA user_version = {number}")
