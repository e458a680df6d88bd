"""Tables and statements of the Postgres store: constants, every value a bound parameter.

An append is one statement and one round trip: the head moves on if it stands where the entry expects, and the commit
goes in beside it. No table lock and no NOTIFY, which both let one commit at a time through the whole cluster.

`transaction` orders the feed: positions are given before their transactions commit, so a lower one can become visible
later. Below `pg_snapshot_xmin` nothing can. `waiting` is null for a thread that does not wait, so an append to a
running thread changes no indexed column and Postgres updates the head in place (HOT).
"""

from __future__ import annotations

from typing import Final, LiteralString

SCHEMA_VERSION: Final = 1
SERVER_VERSION_MIN: Final = 130_000
"""Postgres 13: the first with xid8."""

GENERIC_PLANS: Final = "SET plan_cache_mode = force_generic_plan"
"""For our own connections. Planning a batch anew each time, with its values, took as long as running it."""
NO_FSYNC: Final = "SET synchronous_commit = off"
READ_ONLY: Final = "SET default_transaction_read_only = on"

SETUP_LOCK: Final = "SELECT pg_advisory_xact_lock(7235126840712)"
"""Held while the tables are created: `CREATE TABLE IF NOT EXISTS` by itself fails when two sessions race."""
HAS_SCHEMA: Final = "SELECT to_regclass('clew_schema') IS NOT NULL"
SCHEMA_FOUND: Final = "SELECT coalesce(max(version), 0) FROM clew_schema"
SCHEMA: Final[tuple[LiteralString, ...]] = (
    "CREATE TABLE IF NOT EXISTS clew_schema (version int PRIMARY KEY)",
    """CREATE TABLE IF NOT EXISTS clew_heads (
        id uuid PRIMARY KEY,
        version bigint NOT NULL,
        updated bigint NOT NULL,
        epoch bigint NOT NULL,
        waiting bigint GENERATED ALWAYS AS (CASE WHEN status = 2 THEN updated END) STORED,
        status smallint NOT NULL,
        erased boolean NOT NULL DEFAULT false,
        tenant text NOT NULL,
        thread text NOT NULL,
        graph text NOT NULL,
        owner text NOT NULL,
        questions bytea NOT NULL
    ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05)""",
    "CREATE INDEX IF NOT EXISTS clew_heads_waiting ON clew_heads (tenant, waiting) WHERE waiting IS NOT NULL",
    """CREATE TABLE IF NOT EXISTS clew_journal (
        position bigserial PRIMARY KEY,
        transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
        version bigint NOT NULL,
        id uuid NOT NULL,
        state bytea NOT NULL,
        UNIQUE (id, version))""",
    "CREATE INDEX IF NOT EXISTS clew_journal_feed ON clew_journal (transaction, position)",
    "INSERT INTO clew_schema (version) VALUES (1) ON CONFLICT DO NOTHING",
)

FIRST: Final = """WITH begun AS (
    INSERT INTO clew_heads (id, tenant, thread, version, status, questions, graph, owner, epoch, updated)
    VALUES (%s, %s, %s, 0, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING id)
INSERT INTO clew_journal (id, version, state) SELECT id, 0, %s::bytea FROM begun RETURNING position"""
NEXT: Final = """WITH moved AS (
    UPDATE clew_heads
    SET version = version + 1, status = %s, questions = %s, graph = %s, owner = %s, epoch = %s, updated = %s
    WHERE id = %s AND version = %s AND NOT erased AND epoch <= %s RETURNING id, version)
INSERT INTO clew_journal (id, version, state) SELECT id, version, %s::bytea FROM moved RETURNING position"""
AGAIN: Final = """WITH begun AS (
    UPDATE clew_heads head
    SET erased = false, thread = %s, version = 0, status = %s, questions = %s, graph = %s, owner = %s, epoch = %s,
        updated = %s
    WHERE id = %s AND erased AND epoch < %s AND NOT EXISTS (SELECT 1 FROM clew_journal kept WHERE kept.id = head.id)
    RETURNING id)
INSERT INTO clew_journal (id, version, state) SELECT id, 0, %s::bytea FROM begun RETURNING position"""
"""The first commit of a thread's next life: only where nothing of the last one is left."""
NEXT_PLAIN: Final = """WITH moved AS (
    UPDATE clew_heads SET version = version + 1 WHERE id = %s AND version = %s AND NOT erased RETURNING id, version)
INSERT INTO clew_journal (id, version, state) SELECT id, version, %s::bytea FROM moved RETURNING position"""
BATCH: Final = """WITH entries AS (
    SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::bigint[], %s::smallint[], %s::bytea[], %s::text[],
        %s::text[], %s::bigint[], %s::bigint[], %s::bytea[])
    AS entry (id, tenant, thread, version, status, questions, graph, owner, epoch, updated, state)
), moved AS (
    UPDATE clew_heads head
    SET version = entry.version, status = entry.status, questions = entry.questions, graph = entry.graph,
        owner = entry.owner, epoch = entry.epoch, updated = entry.updated
    FROM entries entry
    WHERE entry.version > 0 AND head.id = entry.id AND head.version = entry.version - 1 AND NOT head.erased
        AND head.epoch <= entry.epoch
    RETURNING head.id
), begun AS (
    INSERT INTO clew_heads (id, tenant, thread, version, status, questions, graph, owner, epoch, updated)
    SELECT id, tenant, thread, version, status, questions, graph, owner, epoch, updated FROM entries
    WHERE version = 0 ORDER BY id ON CONFLICT DO NOTHING
    RETURNING id
)
INSERT INTO clew_journal (id, version, state)
SELECT entry.id, entry.version, entry.state FROM entries entry
WHERE entry.id IN (SELECT id FROM moved UNION ALL SELECT id FROM begun)
RETURNING id, position"""
"""A first version goes through its own insert: one statement with `ON CONFLICT DO UPDATE … WHERE` would let a gap
into an unknown thread."""
STANDING: Final = """SELECT head.version, head.erased, journal.position, substring(journal.state FROM 1 FOR 32),
    CASE WHEN EXISTS (SELECT 1 FROM clew_journal kept WHERE kept.id = head.id) THEN NULL ELSE head.epoch END
FROM unnest(%s::uuid[], %s::bigint[]) WITH ORDINALITY AS wanted (id, version, number)
LEFT JOIN clew_heads head ON head.id = wanted.id
LEFT JOIN clew_journal journal ON journal.id = wanted.id AND journal.version = wanted.version
ORDER BY wanted.number"""

REST: Final = """SELECT journal.position, journal.version, journal.state, head.version, head.erased
FROM clew_heads head LEFT JOIN clew_journal journal ON journal.id = head.id AND journal.version > %s
WHERE head.id = %s ORDER BY journal.version"""
"""A thread's rows to its end, each with where the head says that end is; one row of nulls where there is none."""
READ: Final = {
    False: """SELECT position, version, state FROM clew_journal
WHERE id = %s AND version > %s AND version <= %s ORDER BY version LIMIT %s""",
    True: """SELECT position, version, state FROM clew_journal
WHERE id = %s AND version > %s AND version <= %s ORDER BY version DESC LIMIT %s""",
}
"""By "descending"."""
FOLLOW: Final = """SELECT journal.transaction::text, journal.position, journal.version, journal.state,
    head.thread, head.tenant
FROM clew_journal journal JOIN clew_heads head ON head.id = journal.id
WHERE (journal.transaction, journal.position) > (%s::text::xid8, %s)
    AND journal.transaction < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY journal.transaction, journal.position LIMIT %s"""
"""By the pair, never by a text alias of the transaction, which would sort as text."""

HORIZON: Final = """SELECT coalesce((SELECT max(position) FROM clew_journal), 0),
    pg_snapshot_xmax(pg_current_snapshot())::text"""
IS_PAST: Final = "SELECT pg_snapshot_xmin(pg_current_snapshot()) >= %s::text::xid8"
BY_POSITION: Final = """SELECT position, id, version, state FROM clew_journal
WHERE position >= %s AND position <= %s ORDER BY position LIMIT %s"""

HEAD: Final = """SELECT erased, thread, tenant, version, status, questions, graph, owner, epoch, updated
FROM clew_heads WHERE id = %s"""
HEADS: Final = {
    False: """SELECT thread, tenant, version, status, questions, graph, owner, epoch, updated FROM clew_heads
WHERE tenant = %s AND NOT erased AND (%s::smallint IS NULL OR status = %s::smallint) ORDER BY updated LIMIT %s""",
    True: """SELECT thread, tenant, version, status, questions, graph, owner, epoch, updated FROM clew_heads
WHERE tenant = %s AND NOT erased AND (%s::smallint IS NULL OR status = %s::smallint) ORDER BY updated DESC LIMIT %s""",
}
"""By "newest first", as the next."""
HEADS_WAITING: Final = {
    False: """SELECT thread, tenant, version, status, questions, graph, owner, epoch, updated FROM clew_heads
WHERE tenant = %s AND waiting IS NOT NULL ORDER BY waiting LIMIT %s""",
    True: """SELECT thread, tenant, version, status, questions, graph, owner, epoch, updated FROM clew_heads
WHERE tenant = %s AND waiting IS NOT NULL ORDER BY waiting DESC LIMIT %s""",
}

ERASE_HEAD: Final = """UPDATE clew_heads SET erased = true, thread = '', questions = '', graph = '', owner = '',
status = 0 WHERE id = %s"""
ERASE_HEAD_AT: Final = """UPDATE clew_heads SET erased = true, thread = '', questions = '', graph = '', owner = '',
status = 0 WHERE id = %s AND version = %s AND NOT erased RETURNING id"""
"""The same, where the thread stands at a version."""
ERASE_JOURNAL: Final = "DELETE FROM clew_journal WHERE id = %s"

STATEMENTS: Final = frozenset(
    {
        GENERIC_PLANS,
        NO_FSYNC,
        READ_ONLY,
        SETUP_LOCK,
        HAS_SCHEMA,
        SCHEMA_FOUND,
        *SCHEMA,
        FIRST,
        AGAIN,
        NEXT,
        NEXT_PLAIN,
        BATCH,
    }
    | {STANDING, REST, FOLLOW, HORIZON, IS_PAST, BY_POSITION, HEAD, ERASE_HEAD, ERASE_HEAD_AT}
    | {ERASE_JOURNAL}
    | {*READ.values(), *HEADS.values(), *HEADS_WAITING.values()}
)
"""Every statement of the store; nothing else is ever sent, but psycopg's own BEGIN and COMMIT."""
