"""A bug of each class is planted, and the named test that must catch it does: so those tests can fail.

Each check is one of the suite's own tests, run here against the broken thing. `caught` expects its failure; that it
passes without the bug is what the suite itself shows.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest
from clew.actors.decider import answering
from clew.actors.engine import call
from clew.actors.kit.store_contract import StoreContract
from clew.checkpoint import InMemorySaver
from clew.errors import StaleVersionError
from clew.events.archive import retention
from clew.events.chain import digest
from clew.events.privacy import keyring
from clew.events.stores import memory, sqlite, sqlite_connections, sqlite_schema
from clew.events.stores.memory import MemoryStore
from clew.events.stores.sqlite import SqliteStore
from clew.events.stores.store import Head
from msgspec.structs import replace

from tests import test_layout
from tests.actors.decider import test_answers
from tests.actors.doors import test_binding
from tests.events.archive import test_retention
from tests.events.chain import test_digest, test_verify
from tests.events.privacy import test_keyring
from tests.events.stores import test_sqlite_trouble
from tests.support.sources import ROOT, Source, parsed

from . import test_r08_lost_writes

verify: ModuleType = sys.modules["clew.events.chain.verify"]  # the package's name for it is the function


@contextmanager
def caught() -> Iterator[None]:
    """The block is a check that must fail: by an assertion, since nothing was raised, or by a refusal out of place."""
    with pytest.raises((AssertionError, pytest.fail.Exception, StaleVersionError)):
        yield


@pytest.fixture
def file_store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(str(tmp_path / "threads.db"))
    yield store
    store.close()


# --- the stores: what is planted, and the tests of the contract that catch it


class Broken:
    """Ways to break a store in memory, each by the name of the test that catches it."""

    @staticmethod
    def no_version_check(patch: pytest.MonkeyPatch) -> None:
        place = MemoryStore._place

        def planted(store: MemoryStore, key: bytes, entry: memory.Entry) -> memory.Verdict:
            stream = store._streams.get(key)
            return place(store, key, replace(entry, expected=len(stream.rows) - 1 if stream else -1))

        patch.setattr(MemoryStore, "_place", planted)

    @staticmethod
    def no_epoch_check(patch: pytest.MonkeyPatch) -> None:
        place = MemoryStore._place

        def planted(store: MemoryStore, key: bytes, entry: memory.Entry) -> memory.Verdict:
            stream = store._streams.get(key)
            epoch = max(entry.head.epoch, stream.head.epoch if stream else 0)
            return place(store, key, replace(entry, head=replace(entry.head, epoch=epoch)))

        patch.setattr(MemoryStore, "_place", planted)

    @staticmethod
    def a_retry_is_a_conflict(patch: pytest.MonkeyPatch) -> None:
        place = MemoryStore._place

        def planted(store: MemoryStore, key: bytes, entry: memory.Entry) -> memory.Verdict:
            stream = store._streams.get(key)
            last = len(stream.rows) - 1 if stream else -1
            return place(store, key, entry) if entry.version > last else memory.StaleVersionError(entry.thread, 0, last)

        patch.setattr(MemoryStore, "_place", planted)

    @staticmethod
    def an_acknowledged_commit_is_dropped(patch: pytest.MonkeyPatch) -> None:
        add = MemoryStore._add

        def planted(store: MemoryStore, key: bytes, *rest: object) -> int:
            position = add(store, key, *rest)  # type: ignore[arg-type]
            if len(store._streams[key].rows) == 3:
                store._streams[key].rows.pop()
            return position

        patch.setattr(MemoryStore, "_add", planted)

    @staticmethod
    def erases_whatever_is_there(patch: pytest.MonkeyPatch) -> None:
        erase = MemoryStore.erase
        patch.setattr(
            MemoryStore, "erase", lambda store, thread, tenant="", expected=None: erase(store, thread, tenant)
        )

    @staticmethod
    def erases_the_thread_and_not_the_journal(patch: pytest.MonkeyPatch) -> None:
        erase = MemoryStore.erase

        def planted(store: MemoryStore, *rest: object, **options: object) -> None:
            journal = list(store._journal)
            erase(store, *rest, **options)  # type: ignore[arg-type]
            store._journal = journal

        patch.setattr(MemoryStore, "erase", planted)

    @staticmethod
    def tenants_share_their_threads(patch: pytest.MonkeyPatch) -> None:
        key = memory.stream_key
        patch.setattr(memory, "stream_key", lambda tenant, thread: key("", thread))
        patch.setattr(memory.recorder, "stream_key", lambda tenant, thread: key("", thread), raising=False)

    @staticmethod
    def a_row_gets_another_row_s_digest(patch: pytest.MonkeyPatch) -> None:
        add = MemoryStore._add

        def planted(
            store: MemoryStore, key: bytes, thread: str, tenant: str, own: bytes, body: bytes, head: Head
        ) -> int:
            return add(store, key, thread, tenant, own[::-1], body, head)

        patch.setattr(MemoryStore, "_add", planted)


@pytest.mark.parametrize(
    ("plant", "check"),
    [
        (Broken.no_version_check, StoreContract.test_a_stale_append_is_refused_and_writes_nothing),
        (Broken.no_version_check, StoreContract.test_a_second_first_commit_is_refused),
        (Broken.no_version_check, StoreContract.test_a_gap_is_refused_on_an_unknown_thread),
        (Broken.no_epoch_check, StoreContract.test_a_writer_of_an_erased_life_cannot_write_into_the_next),
        (Broken.a_retry_is_a_conflict, StoreContract.test_our_own_lost_reply_is_a_success),
        (
            Broken.an_acknowledged_commit_is_dropped,
            StoreContract.test_the_first_version_is_0_and_each_append_makes_the_next,
        ),
        (Broken.erases_whatever_is_there, StoreContract.test_a_thread_is_erased_only_where_it_is_expected_to_stand),
        (Broken.erases_the_thread_and_not_the_journal, StoreContract.test_an_erased_thread_is_gone_everywhere),
        (Broken.tenants_share_their_threads, StoreContract.test_tenants_do_not_see_each_other),
        (Broken.a_row_gets_another_row_s_digest, StoreContract.test_a_commit_is_read_back_as_it_was_written),
    ],
)
def test_a_broken_store_does_not_keep_the_contract(
    plant: Callable[[pytest.MonkeyPatch], None], check: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    with caught():
        check(StoreContract(), MemoryStore())


@pytest.mark.parametrize(
    ("statement", "condition", "instead", "check"),
    [
        (
            "NEXT",
            "version = ?",
            "version IS NOT -9 - ?",
            StoreContract.test_a_stale_append_is_refused_and_writes_nothing,
        ),
        (
            "NEXT",
            "epoch <= ?",
            "epoch IS NOT -9 - ?",
            StoreContract.test_a_writer_of_an_erased_life_cannot_write_into_the_next,
        ),
        ("AGAIN", "epoch < ?", "epoch <= ?", StoreContract.test_an_erased_thread_begins_anew_with_a_higher_epoch),
        (
            "ERASE_HEAD_AT",
            "version = ?",
            "version IS NOT -9 - ?",
            StoreContract.test_a_thread_is_erased_only_where_it_is_expected_to_stand,
        ),
        ("FOLLOW", "j.position >= ?", "j.position > ?", StoreContract.test_follow_gives_every_commit_once_in_order),
    ],
)
def test_a_condition_that_is_gone_from_a_statement_breaks_the_contract(
    statement: str,
    condition: str,
    instead: str,
    check: Callable[..., None],
    file_store: SqliteStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = getattr(sqlite_schema, statement)
    assert condition in whole
    head, _, tail = whole.rpartition(condition)
    monkeypatch.setattr(sqlite_schema, statement, f"{head}{instead}{tail}")
    with caught():
        check(StoreContract(), file_store)


def test_a_lost_fsync_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sqlite_connections._SYNCHRONOUS, "sync", sqlite_connections._SYNCHRONOUS["os"])
    with caught():
        test_r08_lost_writes.test_no_acknowledged_commit_is_lost_with_what_was_not_synced(tmp_path, print)
    with caught():
        test_sqlite_trouble.test_durability_chooses_the_fsync(str(tmp_path / "threads.db"))


def test_a_commit_that_is_acknowledged_and_rolled_back_is_caught(
    file_store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SqliteStore, "_commit", lambda store, connection, entries, verdicts: verdicts)
    with caught():
        StoreContract().test_the_first_version_is_0_and_each_append_makes_the_next(file_store)


# --- answers


def test_an_answer_that_is_bound_by_its_place_in_the_map_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    bind = answering.bind

    def planted(request: answering.Request, line: answering.Line, command: answering.Answer) -> object:
        questions = [question.raised.question for question in request.state.open_questions(request.ns)]
        if command.bare is not None or not command.answers:
            return bind(request, line, command)
        return dict(zip(questions, command.answers.values(), strict=False))

    monkeypatch.setattr(answering, "bind", planted)
    for check in (
        test_answers.test_an_answer_to_a_question_nobody_asked_is_refused,
        test_answers.test_one_wrong_id_in_a_map_refuses_the_whole_map,
        test_answers.test_answers_by_id_may_come_in_parts_and_in_any_order,
    ):
        with caught():
            check()


@pytest.mark.parametrize(
    "check",
    [
        test_binding.test_an_answer_to_a_prompt_that_was_changed_is_refused_and_the_new_one_is_asked,
        test_binding.test_a_question_inserted_before_an_answered_one_does_not_get_its_answer,
        test_binding.test_a_question_made_anew_by_the_same_code_raises_and_keeps_the_answer,
    ],
)
def test_an_answer_that_is_bound_by_position_is_caught(
    check: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call.Call, "_digest", lambda self, value, schema: b"")
    with InMemorySaver() as saver, pytest.raises((AssertionError, KeyError, pytest.fail.Exception)):
        check(saver)


def test_a_second_answer_that_is_taken_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    bind = answering.bind

    def planted(request: answering.Request, line: answering.Line, command: answering.Answer) -> object:
        try:
            return bind(request, line, command)
        except answering.AlreadyAnsweredError:
            return {}

    monkeypatch.setattr(answering, "bind", planted)
    with caught():
        test_answers.test_a_second_answer_is_refused_with_the_winners_name()


# --- the chain


def test_a_digest_that_nobody_compares_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "_broken", lambda rows, start, key: [])
    with caught():
        test_verify.test_swapped_commits_are_found_at_both_places.hypothesis.inner_test(3, 17)
    with caught():
        test_verify.test_another_key_is_one_finding_not_thousands()
    with caught():
        test_verify.test_commits_of_another_thread_are_found()


def test_a_link_that_leaves_out_what_was_before_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_digest, "link", lambda previous, body, key=None: digest.link(b"", body, key))
    for check in (
        test_digest.test_the_digests_are_what_they_always_were,
        test_digest.test_a_link_is_what_the_format_says,
    ):
        with caught():
            check()


def test_a_key_that_is_left_out_of_the_chain_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest.hmac, "digest", lambda key, message, name: digest.hashlib.sha256(message).digest())
    with caught():
        test_digest.test_a_key_changes_every_link()
    with caught():
        test_verify.test_another_key_is_one_finding_not_thousands()


# --- privacy and retention


def test_a_cipher_that_takes_plain_rows_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "refuse_plain", lambda stored, thread, version: None)
    with caught():
        test_keyring.test_a_plain_body_is_refused_unless_the_keyring_was_told_to_read_them()


def test_a_sealed_row_that_opens_anywhere_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring.sealing, "_place", lambda head, thread, version, tenant: head)
    with caught():
        test_keyring.test_a_sealed_body_does_not_open_anywhere_else("t", 4, "acme")


def test_a_retention_that_erases_what_went_on_meanwhile_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def planted(store: MemoryStore, one: retention.Exported, tenant: str) -> bool:
        store.erase(one.thread, tenant)
        return True

    monkeypatch.setattr(retention, "_erase_unchanged", planted)
    store = MemoryStore()
    graph = test_retention.clinic(store)
    graph.invoke({"text": "plain"}, test_retention.at("over"))
    with caught():
        test_retention.test_a_thread_that_went_on_meanwhile_is_not_erased(store, graph, tmp_path, monkeypatch)


# --- pickles, imports by name, and SQL built by hand: read from the sources


def source(text: str) -> Source:
    """A file of ours that is not there."""
    return parsed(ROOT / "events" / "stores" / "planted.py", text)


@pytest.mark.parametrize(
    "text",
    [
        "import pickle\nvalue = pickle.loads(row)",
        "from pickle import loads",
        "def read(row):\n    import marshal as codec\n    return codec.loads(row)",
        "from cloudpickle import loads as decode",
        "import importlib\nkind = importlib.import_module(name)",
        "kind = __import__(name)",
        "value = eval(text)",
    ],
)
def test_a_pickle_is_caught(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_layout, "rooms", lambda: (source(text),))
    with caught():
        test_layout.test_nothing_evaluates_unpickles_or_imports_by_name()


@pytest.mark.parametrize(
    "text",
    [
        "sql = f\"SELECT * FROM clew_heads WHERE thread = '{thread}'\"",
        'sql = f"{HEADS} WHERE {column} = ?"',
        'sql = "SELECT * FROM clew_heads WHERE thread = \'" + thread',
        'sql = HEADS + " WHERE " + column',
        "sql = \"DELETE FROM clew_heads WHERE thread = '%s'\" % thread",
        "sql = \"SELECT * FROM clew_heads WHERE thread = '{}'\".format(thread)",
        'sql = " ".join(["SELECT * FROM clew_heads ORDER BY", column])',
        'sql = "SELECT * FROM clew_heads WHERE thread = ?".replace("?", thread)',
    ],
)
def test_an_sql_string_that_is_built_by_hand_is_caught(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ast.parse(text)
    monkeypatch.setattr(test_layout, "rooms", lambda: (source(text),))
    with caught():
        test_layout.test_no_sql_is_built_from_strings()


def test_an_sql_string_that_is_built_by_hand_is_caught_when_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def planted(store: SqliteStore, thread: str, tenant: str = "") -> None:
        quoted = thread.replace("'", "''")
        with store._connections.reading() as connection:
            connection.execute(f"SELECT version FROM clew_heads WHERE thread = '{quoted}'").fetchone()

    monkeypatch.setattr(sqlite.SqliteStore, "head", planted)
    with caught():
        test_sqlite_trouble.test_statements_are_constants_whatever_the_names(str(tmp_path / "threads.db"), monkeypatch)
