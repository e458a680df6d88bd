"""Where the programs of this folder keep their threads: a SQLite file, or a Postgres database."""

from collections.abc import Iterator
from contextlib import contextmanager

from clew import PostgresSaver, SqliteSaver


@contextmanager
def store_at(address: str) -> Iterator[SqliteSaver | PostgresSaver]:
    """A saver for a Postgres connection string ("postgresql://…", "host=… dbname=…"), or for the file of this name."""
    opened = PostgresSaver if address.startswith("postgres") or "dbname=" in address else SqliteSaver
    with opened.from_conn_string(address) as saver:
        saver.setup()
        yield saver
