"""Tables and statements of the SQLite store: constants, every value a bound parameter.

`clew_journal` holds the commits in the order of the whole store. A stream is named there by its head's number instead
of the 16-byte id: that saves 15 bytes a commit, twice, and was measured as fast. The unique index proves what the
head's compare-and-set already promises and finds a thread's commits; a table clustered by (stream, version) was 3-4
times slower in batches. AUTOINCREMENT, because a plain row id comes again after a delete and a follower would miss it.

`clew_heads` is one small row per thread, replaced with every append. Its index on waiting threads is partial: an
append to a running thread does not touch it. An erased thread keeps id and version, never its name.
"""

from __future__ import annotations

from typing import Final

SCHEMA_VERSION: Final = 1

PAGE_SIZE: Final = "PRAGMA page_size=8192"
"""Of a new file. With SQLite's 4096, rows of 2 KB waste half a page each; an append costs the same within noise. At
16384 it costs a tenth more."""
WAL: Final = "PRAGMA journal_mode=WAL"
BEGIN: Final = "BEGIN IMMEDIATE"
COMMIT: Final = "COMMIT"
SECURE_DELETE_ON: Final = "PRAGMA secure_delete=ON"
SECURE_DELETE_OFF: Final = "PRAGMA secure_delete=OFF"
CHECKPOINT: Final = "PRAGMA wal_checkpoint(TRUNCATE)"

HAS_SCHEMA: Final = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'clew_schema'"
SCHEMA_FOUND: Final = "SELECT coalesce(max(version), 0) FROM clew_schema"
SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS clew_schema (version INTEGER PRIMARY KEY)",
    """CREATE TABLE IF NOT EXISTS clew_heads (
        stream INTEGER PRIMARY KEY,
        id BLOB NOT NULL UNIQUE,
        tenant TEXT NOT NULL,
        thread TEXT NOT NULL,
        version INTEGER NOT NULL,
        status INTEGER NOT NULL,
        questions BLOB NOT NULL,
        graph TEXT NOT NULL,
        owner TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        updated INTEGER NOT NULL,
        erased INTEGER NOT NULL DEFAULT 0)""",
    "CREATE INDEX IF NOT EXISTS clew_heads_waiting ON clew_heads (tenant, updated) WHERE status = 2",
    """CREATE TABLE IF NOT EXISTS clew_journal (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        stream INTEGER NOT NULL,
        version INTEGER NOT NULL,
        state BLOB NOT NULL,
        UNIQUE (stream, version))""",
    "INSERT OR IGNORE INTO clew_schema (version) VALUES (1)",
)

FIRST: Final = """INSERT INTO clew_heads (id, tenant, thread, version, status, questions, graph, owner, epoch, updated)
VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING stream"""
NEXT: Final = """UPDATE clew_heads
SET version = ?, status = ?, questions = ?, graph = ?, owner = ?, epoch = ?, updated = ?
WHERE id = ? AND version = ? AND erased = 0 AND epoch <= ? RETURNING stream"""
AGAIN: Final = """UPDATE clew_heads
SET erased = 0, thread = ?, version = 0, status = ?, questions = ?, graph = ?, owner = ?, epoch = ?, updated = ?
WHERE id = ? AND erased = 1 AND epoch < ?
AND NOT EXISTS (SELECT 1 FROM clew_journal kept WHERE kept.stream = clew_heads.stream) RETURNING stream"""
"""The first commit of a thread's next life: only where nothing of the last one is left."""
NEXT_PLAIN: Final = "UPDATE clew_heads SET version = ? WHERE id = ? AND version = ? AND erased = 0 RETURNING stream"
INSERT: Final = "INSERT INTO clew_journal (stream, version, state) VALUES (?, ?, ?)"
STANDING: Final = """SELECT h.version, h.erased, j.position, substr(j.state, 1, 32),
CASE WHEN EXISTS (SELECT 1 FROM clew_journal kept WHERE kept.stream = h.stream) THEN NULL ELSE h.epoch END
FROM clew_heads h
LEFT JOIN clew_journal j ON j.stream = h.stream AND j.version = ? WHERE h.id = ?"""

REST: Final = """SELECT j.position, j.version, j.state, h.version, h.erased FROM clew_heads h
LEFT JOIN clew_journal j ON j.stream = h.stream AND j.version > ? WHERE h.id = ? ORDER BY j.version"""
"""A thread's rows to its end, each with where the head says that end is; one row of nulls where there is none."""
READ: Final = {
    False: """SELECT j.position, j.version, j.state FROM clew_heads h JOIN clew_journal j ON j.stream = h.stream
WHERE h.id = ? AND j.version > ? AND j.version <= ? ORDER BY j.version LIMIT ?""",
    True: """SELECT j.position, j.version, j.state FROM clew_heads h JOIN clew_journal j ON j.stream = h.stream
WHERE h.id = ? AND j.version > ? AND j.version <= ? ORDER BY j.version DESC LIMIT ?""",
}
"""By "descending"."""
FOLLOW: Final = """SELECT j.position, h.id, j.version, j.state, h.thread, h.tenant
FROM clew_journal j JOIN clew_heads h ON h.stream = j.stream
WHERE j.position >= ? AND j.position <= ? ORDER BY j.position LIMIT ?"""
LAST: Final = "SELECT max(position) FROM clew_journal"

HEAD: Final = """SELECT erased, thread, tenant, version, status, questions, graph, owner, epoch, updated
FROM clew_heads WHERE id = ?"""
HEADS: Final = {
    False: """SELECT thread, tenant, version, status, questions, graph, owner, epoch, updated FROM clew_heads
WHERE tenant = :tenant AND erased = 0 AND (:status IS NULL OR status = :status) ORDER BY updated LIMIT :limit""",
    True: """SELECT thread, tenant, version, status, questions, graph, owner, epoch, updated FROM clew_heads
WHERE tenant = :tenant AND erased = 0 AND (:status IS NULL OR status = :status) ORDER BY updated DESC LIMIT :limit""",
}
"""By "newest first", as the next."""
HEADS_WAITING: Final = {
    False: """SELECT thread, tenant, version, status, questions, graph, owner, epoch, updated FROM clew_heads
WHERE tenant = :tenant AND status = 2 ORDER BY updated LIMIT :limit""",
    True: """SELECT thread, tenant, version, status, questions, graph, owner, epoch, updated FROM clew_heads
WHERE tenant = :tenant AND status = 2 ORDER BY updated DESC LIMIT :limit""",
}

ERASE_JOURNAL: Final = "DELETE FROM clew_journal WHERE stream = (SELECT stream FROM clew_heads WHERE id = ?)"
ERASE_HEAD: Final = """UPDATE clew_heads SET erased = 1, thread = '', questions = x'', graph = '', owner = '', status
= 0 WHERE id = ?"""
ERASE_HEAD_AT: Final = """UPDATE clew_heads SET erased = 1, thread = '', questions = x'', graph = '', owner = '', status
= 0 WHERE id = ? AND version = ? AND erased = 0 RETURNING stream"""
"""The same, where the thread stands at a version."""

STATEMENTS: Final = frozenset(
    {PAGE_SIZE, WAL, BEGIN, COMMIT, SECURE_DELETE_ON, SECURE_DELETE_OFF, CHECKPOINT, HAS_SCHEMA, SCHEMA_FOUND, *SCHEMA}
    | {
        FIRST,
        AGAIN,
        NEXT,
        NEXT_PLAIN,
        INSERT,
        STANDING,
        REST,
        FOLLOW,
        LAST,
        HEAD,
        ERASE_JOURNAL,
        ERASE_HEAD,
        ERASE_HEAD_AT,
    }
    | {*READ.values(), *HEADS.values(), *HEADS_WAITING.values()}
)
"""Every statement of the store besides its connections' own; nothing else is ever sent."""
