"""R12: hostile text in every public name: what is sent to the database is what harmless names send, to the letter.

Statements are taken before their parameters are filled in, on their way into the drivers.
"""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import psycopg
import pytest
from clew import START, StateGraph
from clew.checkpoint import BaseCheckpointSaver, PostgresSaver, SqliteSaver
from clew.errors import ClewError
from clew.events.privacy.postgres_vault import PostgresVault
from clew.events.privacy.sqlite_vault import SqliteVault
from clew.events.privacy.vault import WrappedKey
from clew.store.postgres import PostgresStore
from clew.store.sqlite import SqliteStore
from msgspec.structs import replace

from .sizes import sized

STRINGS = {"sqlite": sized(4_000, 160_000), "postgres": sized(1_000, 40_000)}
PARTS: Sequence[str] = [
    *(
        "'",
        '"',
        "''",
        '"""',
        "`",
        "\\",
        "\\'",
        "\\x00",
        "\0",
        ";",
        "--",
        "/*",
        "*/",
        "#",
        "(",
        ")",
        "))",
        ",",
        "=",
        "||",
    ),
    *(
        "?",
        "??",
        "?1",
        "%s",
        "%",
        "%%",
        "%(a)s",
        "$1",
        "$$",
        "$a$",
        ":a",
        ":1",
        "@a",
        "{}",
        "{0}",
        "{0.__class__}",
        "E'",
    ),
    *(
        " OR 1=1",
        " OR '1'='1",
        "; DROP TABLE journal",
        "; DELETE FROM heads",
        "UNION SELECT body FROM journal",
        " AND 0",
    ),
    *(
        "ATTACH DATABASE '/tmp/x' AS x",
        "load_extension('x')",
        "pg_sleep(9)",
        "COPY journal TO PROGRAM 'id'",
        "PRAGMA x=1",
    ),
    *(
        "$.a",
        "$['a']",
        "$.*",
        "a.b",
        "a->>'b'",
        "[0]",
        "*",
        "_",
        "LIKE '%'",
        "::text",
        "::jsonb",
        "NULL",
        "null",
        "true",
    ),
    *(
        "\ud800",
        "\udfff",
        "\u202e",
        "\u0000",
        "\u2019",
        "\uff07",
        "\u02bc",
        "\n",
        "\r\n",
        "\t",
        "\x1a",
        "\x7f",
        "é",
        "😀",
    ),
    *(
        "__start__",
        "langgraph",
        "clew",
        "public.journal",
        "..",
        "../..",
        "|",
        ":",
        "+",
        " ",
        "a",
        "Z",
        "0",
        "-1",
        "1e9",
    ),
]


class _Connection(sqlite3.Connection):
    """Says what it is asked to run."""

    sent: set[str]

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        self.sent.add(sql)
        return super().execute(sql, *parameters)

    def executemany(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        self.sent.add(sql)
        return super().executemany(sql, *parameters)

    def executescript(self, sql: str) -> sqlite3.Cursor:
        self.sent.add(sql)
        return super().executescript(sql)

    def cursor(self, *options: Any) -> Any:
        raise AssertionError("a cursor of its own would not be heard here")


@dataclass
class Town:
    """Everything that takes a name and keeps it in a database."""

    savers: Callable[[str], Any]
    memory: Any
    vault: Any
    sent: set[str]

    def uses(self) -> list[Callable[[str], Any]]:
        return [
            self.thread,
            self.tenant,
            self.checkpoint,
            self.namespace,
            self.filter,
            self.node,
            self.labels,
            self.item,
            self.search,
            self.key,
        ]

    def graph(self, saver: Any, node: str = "step", key: str = "x") -> Any:
        state: Any = {"__annotations__": {key: Annotated[list[str], lambda left, right: [*(left or []), *right]]}}
        schema = type("State", (dict,), state)
        builder = StateGraph(schema).add_node(node, lambda given: {key: [node]}).add_edge(START, node)
        return builder.compile(checkpointer=saver)

    def thread(self, name: str) -> None:
        saver, config = self.savers("t"), {"configurable": {"thread_id": name}}
        graph = self.graph(saver)
        graph.invoke({"x": [name]}, config)
        assert graph.get_state(config).values == {"x": [name, "step"]}
        graph.update_state(config, {"x": [name]})
        assert len(list(graph.get_state_history(config))) >= 3
        list(saver.list(config, filter={"source": "loop"}, limit=3))
        saver.copy_thread(name, f"{name} copy")
        saver.delete_thread(name)

    def tenant(self, name: str) -> None:
        saver, config = self.savers(name), {"configurable": {"thread_id": "t"}}
        graph = self.graph(saver)
        graph.invoke({"x": [name]}, config)
        assert graph.get_state(config).values["x"][-2:] == [name, "step"]
        saver.store.heads(tenant=name)
        saver.delete_thread("t")

    def checkpoint(self, name: str) -> None:
        saver = self.savers("t")
        graph = self.graph(saver)
        config: dict[str, Any] = {"configurable": {"thread_id": "known"}}
        if not graph.get_state(config).values:
            graph.invoke({"x": []}, config)
        config["configurable"]["checkpoint_id"] = name
        saver.get_tuple(config)
        graph.get_state(config)

    def namespace(self, name: str) -> None:
        config = {"configurable": {"thread_id": "known", "checkpoint_ns": name}}
        saver = self.savers("t")
        list(saver.list(config, before=config, limit=2))
        self.graph(saver).get_state(config)

    def filter(self, name: str) -> None:
        saver = self.savers("t")
        config = {"configurable": {"thread_id": "known"}}
        list(self.graph(saver).get_state_history(config, filter={name: name, "source": name}))
        list(saver.list(config, filter={name: name}))

    def node(self, name: str) -> None:
        graph, config = self.graph(self.savers("t"), name, name), {"configurable": {"thread_id": uuid4().hex}}
        graph.invoke({name: []}, config)
        graph.get_state(config)

    def labels(self, name: str) -> None:
        self.memory.list_namespaces(prefix=(name,), suffix=("*", name), max_depth=3)
        self.memory.put((name, "a", name), "k", {"v": 1})
        assert self.memory.get((name, "a", name), "k").value == {"v": 1}
        assert (name, "a", name) in self.memory.list_namespaces(prefix=(name,), suffix=(name,))
        self.memory.delete((name, "a", name), "k")

    def item(self, name: str) -> None:
        self.memory.put(("items",), name, {name: name})
        assert self.memory.get(("items",), name).value == {name: name}
        assert name in [found.key for found in self.memory.search(("items",), limit=10_000)]
        self.memory.delete(("items",), name)

    def search(self, name: str) -> None:
        for asked in ({name: name}, {"v": {"$eq": name}}, {name: {"$gt": 1, "$ne": name}}, {"v": {name: 1}}):
            assert self.memory.search(("none",), filter=asked) == []

    def key(self, name: str) -> None:
        if "\0" in name or any("\ud800" <= character <= "\udfff" for character in name):
            name = (
                name.encode("ascii", "backslashreplace").decode().replace("\0", "")
            )  # a Keyring refuses such subjects
        key = WrappedKey(uuid4().bytes, tenant=name, subject=name, master=name, wrapped=b"wrapped", made=1)
        self.vault.add(key)
        assert self.vault.newest(name, name).subject == name
        self.vault.others(name, 1)
        self.vault.rewrap(replace(self.vault.newest(name, name), wrapped=b"again"))
        self.vault.destroy(name, name)


@pytest.fixture(params=["sqlite", "postgres"])
def town(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Town]:
    sent: set[str] = set()
    with ExitStack() as stack:
        if request.param == "sqlite":
            connect, path = sqlite3.connect, str(tmp_path / "all.db")
            monkeypatch.setattr(_Connection, "sent", sent, raising=False)
            monkeypatch.setattr(sqlite3, "connect", lambda *given, **more: connect(*given, factory=_Connection, **more))
            saver: Any = stack.enter_context(SqliteSaver.from_conn_string(path, durability="os"))
            memory: Any = stack.enter_context(SqliteStore.from_conn_string(str(tmp_path / "memory.db")))
            vault: Any = SqliteVault.open(tmp_path / "keys.db")
        else:
            dsn = request.getfixturevalue("postgres_dsn")
            listen(monkeypatch, sent)
            saver = stack.enter_context(PostgresSaver.from_conn_string(dsn, durability="os"))
            memory = stack.enter_context(PostgresStore.from_conn_string(dsn))
            vault = PostgresVault.open(dsn)
            saver.setup()
            memory.setup()
        stack.callback(vault.close)
        vault.setup()
        yield Town(lambda tenant: BaseCheckpointSaver(saver.store, tenant=tenant), memory, vault, sent)


def listen(monkeypatch: pytest.MonkeyPatch, sent: set[str]) -> None:
    """Hear what goes into psycopg's cursors; a connection's own `execute` makes one."""
    for kind in (psycopg.Cursor, psycopg.AsyncCursor):
        for verb in ("execute", "executemany"):
            run = getattr(kind, verb)

            def heard(self: Any, query: Any, *given: Any, run: Any = run, **more: Any) -> Any:
                sent.add(
                    query if isinstance(query, str) else query.decode() if isinstance(query, bytes) else repr(query)
                )
                return run(self, query, *given, **more)

            monkeypatch.setattr(kind, verb, heard)


def hostile(uses: int, count: int) -> Iterator[tuple[str, int]]:
    """(name, which use): each part alone in every use, then longer names, none of them twice."""
    chance, seen = random.Random(12), set(PARTS)
    pairs = [(name, use) for name in [*seen, "x" * 20_000] for use in range(uses)]
    chance.shuffle(pairs)
    yield from pairs[:count]
    for number in range(count - len(pairs)):
        name = PARTS[0]
        while name in seen:
            name = "".join(chance.choices(PARTS, k=chance.randint(2, 6)))
        seen.add(name)
        yield name, number % uses


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_hostile_names_send_what_harmless_names_send(
    town: Town, request: pytest.FixtureRequest, report_figure: Callable[[str], None]
) -> None:
    kind = request.node.callspec.params["town"]
    for name in ("harmless", "name of a thing", "anna"):
        for use in town.uses():
            use(name) if use.__name__ != "checkpoint" else refused(use, name)
    known, outcomes = set(town.sent), Counter[str]()
    uses = town.uses()
    for name, use in hostile(len(uses), STRINGS[kind]):
        outcomes[refused(uses[use], name)] += 1
    assert {text for text in town.sent if text not in known} == set()
    assert outcomes["taken"] > STRINGS[kind] / 2
    report_figure(
        f"R12: {STRINGS[kind]:,} hostile names on {kind}: {len(known)} statements, none other; {dict(outcomes)}"
    )


def refused(use: Callable[[str], Any], name: str) -> str:
    """What became of it: taken, or the typed error that said no."""
    try:
        use(name)
    except UnicodeError:
        raise
    except (ClewError, ValueError, TypeError, KeyError) as error:
        return type(error).__name__
    return "taken"
