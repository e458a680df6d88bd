"""What every cache promises, on each cache there is."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clew.actors.caching import memory, sqlite
from clew.actors.caching.slots import decode_result, encode_result
from clew.cache import BaseCache, InMemoryCache, SqliteCache
from clew.cache.redis import RedisCache
from clew.errors import StoreError
from clew.events.codec.values import Codec
from clew.events.vocabulary import Payload, Route, Write

from tests.support.fake_redis import FakeRedis

HERE = (("a", "b"), "k")
THERE = (("a",), "k")


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(memory.time, "time", clock.time)
    return clock


@pytest.fixture(params=["memory", "sqlite", "redis"])
def cache(request: pytest.FixtureRequest, clock: Clock, tmp_path: Path) -> Iterator[BaseCache[Any]]:
    """Each kind of cache in turn, empty."""
    if request.param == "memory":
        yield InMemoryCache()
    elif request.param == "redis":
        yield RedisCache(FakeRedis(clock.time))
    else:
        opened: SqliteCache[Any] = SqliteCache(path=str(tmp_path / "cache.sqlite"))
        yield opened
        opened.close()


def test_what_was_set_is_got_and_the_rest_is_left_out(cache: BaseCache[Any]) -> None:
    cache.set({HERE: ({"v": [1, (2,)]}, None), THERE: (b"bytes", 5)})
    assert cache.get([HERE, THERE, (("z",), "k"), (("a", "b"), "other")]) == {HERE: {"v": [1, (2,)]}, THERE: b"bytes"}
    assert cache.get([]) == {}


def test_the_async_twins_do_the_same(cache: BaseCache[Any]) -> None:
    async def work() -> tuple[dict[Any, Any], dict[Any, Any]]:
        await cache.aset({HERE: (1, None), THERE: (2, None)})
        before = await cache.aget([HERE, THERE])
        await cache.aclear([("a",)])
        return before, await cache.aget([HERE, THERE])

    assert asyncio.run(work()) == ({HERE: 1, THERE: 2}, {HERE: 1})


def test_an_entry_is_good_for_its_seconds_and_no_longer(cache: BaseCache[Any], clock: Clock) -> None:
    cache.set({HERE: (1, 10), THERE: (2, None)})
    clock.now += 9.99
    assert cache.get([HERE, THERE]) == {HERE: 1, THERE: 2}
    clock.now += 0.01
    assert cache.get([HERE, THERE]) == {THERE: 2}
    cache.set({HERE: (3, 10)})
    assert cache.get([HERE]) == {HERE: 3}


def test_a_namespace_is_cleared_exactly_and_none_clears_all(cache: BaseCache[Any]) -> None:
    cache.set({HERE: (1, None), THERE: (2, None), (("a,b",), "k"): (3, None)})
    cache.clear([("a",)])
    assert cache.get([HERE, THERE, (("a,b",), "k")]) == {HERE: 1, (("a,b",), "k"): 3}
    cache.clear([])
    assert cache.get([HERE]) == {HERE: 1}
    cache.clear()
    assert cache.get([HERE, (("a,b",), "k")]) == {}


def test_a_later_value_takes_an_earlier_ones_place(cache: BaseCache[Any]) -> None:
    cache.set({HERE: (1, 5)})
    cache.set({HERE: (2, None)})
    assert cache.get([HERE]) == {HERE: 2}


def test_names_of_any_characters_stay_apart(cache: BaseCache[Any]) -> None:
    places = [(("a'; DROP TABLE clew_cache; --",), "k"), (("\0", ""), "'"), (("", "\0"), '"'), ((), "ü\n")]
    cache.set({place: (number, None) for number, place in enumerate(places)})
    assert cache.get(places) == {place: number for number, place in enumerate(places)}


def test_what_a_caller_does_to_a_value_changes_no_entry(cache: BaseCache[Any]) -> None:
    value = {"l": [1]}
    cache.set({HERE: (value, None)})
    value["l"].append(2)
    cache.get([HERE])[HERE]["l"].append(3)
    assert cache.get([HERE]) == {HERE: {"l": [1]}}


def test_threads_at_once_lose_nothing(cache: BaseCache[Any]) -> None:
    def work(number: int) -> None:
        for turn in range(20):
            cache.set({((f"n{number}",), str(turn)): (number * turn, None)})
            cache.get([((f"n{number - 1}",), str(turn))])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    places = [((f"n{number}",), str(turn)) for number in range(4) for turn in range(20)]
    assert cache.get(places) == {((f"n{n}",), str(t)): n * t for n in range(4) for t in range(20)}


def test_a_value_that_cannot_be_stored_is_refused_with_its_path(cache: BaseCache[Any]) -> None:
    with pytest.raises(TypeError, match=r"\$\[0\]"):
        cache.set({HERE: ([object()], None)})
    assert cache.get([HERE]) == {}


def test_a_serializer_of_ones_own_is_used() -> None:
    class Upper:
        def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
            return "upper", obj.upper().encode()

        def loads_typed(self, data: tuple[str, bytes]) -> Any:
            return f"{data[0]}:{data[1].decode()}"

    cache: InMemoryCache[str] = InMemoryCache(serde=Upper())
    cache.set({HERE: ("a", None)})
    assert cache.get([HERE]) == {HERE: "upper:A"}


def test_the_memory_cache_drops_what_was_set_longest_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "ENTRIES_MAX", 2)
    cache: InMemoryCache[int] = InMemoryCache()
    cache.set({((), "1"): (1, None), ((), "2"): (2, None)})
    cache.set({((), "1"): (1, None), ((), "3"): (3, None)})
    assert cache.get([((), "1"), ((), "2"), ((), "3")]) == {((), "1"): 1, ((), "3"): 3}


HOSTILE = [
    ("clew", b"\xc1"),
    ("clew", b""),
    ("pickle", b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00K\x01."),
    ("msgpack", b"\x01"),
    ("clew", "text"),
    ("clew", 5),
    (b"\xff", b"\x01"),
]


@pytest.mark.parametrize(("encoding", "value"), HOSTILE)
def test_a_row_that_clew_did_not_write_is_a_miss(tmp_path: Path, encoding: Any, value: Any) -> None:
    path = tmp_path / "cache.sqlite"
    cache: SqliteCache[Any] = SqliteCache(path=str(path))
    cache.set({HERE: (1, None), THERE: (2, None)})
    with sqlite3.connect(path) as foreign:
        foreign.execute(
            "UPDATE clew_cache SET encoding = ?, value = ? WHERE namespace = ?", (encoding, value, '["a", "b"]')
        )
    foreign.close()
    assert cache.get([HERE, THERE]) == {THERE: 2}
    cache.close()


def test_a_file_is_shared_by_its_caches_and_outlives_them(tmp_path: Path) -> None:
    path = str(tmp_path / "cache.sqlite")
    first: SqliteCache[Any] = SqliteCache(path=path)
    second: SqliteCache[Any] = SqliteCache(path=path)
    first.set({HERE: ([1], None)})
    assert second.get([HERE]) == {HERE: [1]}
    first.close()
    second.close()
    third: SqliteCache[Any] = SqliteCache(path=path)
    assert third.get([HERE]) == {HERE: [1]}
    third.close()


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are notes, and more than a few bytes of them")
    with pytest.raises(StoreError, match=r"notes\.txt"):
        SqliteCache(path=str(path))
    assert path.read_text().startswith("these are notes")


def test_rows_past_their_time_are_gone_when_something_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(sqlite.time, "time", clock.time)
    path = tmp_path / "cache.sqlite"
    cache: SqliteCache[int] = SqliteCache(path=str(path))
    cache.set({HERE: (1, 1)})
    clock.now += 2
    cache.set({THERE: (2, None)})
    cache.close()
    with sqlite3.connect(path) as look:
        assert look.execute("SELECT namespace FROM clew_cache").fetchall() == [('["a"]',)]
    look.close()


RESULT = ((Write("l", Payload([1])), Write("x", Payload(2), True)), (Route("w", Payload({"i": 1}), True, 2.5),))


def test_what_others_left_in_redis_is_a_miss_and_is_left_there(clock: Clock) -> None:
    server = FakeRedis(clock.time)
    cache: RedisCache[Any] = RedisCache(server, prefix="mine:")
    cache.set({HERE: (1, None)})
    server.put("other:a:b:k", b"x")
    server.put("mine:a:b:text", b"no colon")
    server.put("mine:a:b:odd", b"\xff:1")
    assert cache.get([HERE, (("a", "b"), "text"), (("a", "b"), "odd")]) == {HERE: 1}
    cache.clear()
    assert server.mget(["other:a:b:k", "mine:a:b:k"]) == [b"x", None]


def test_trouble_with_redis_is_an_error_that_says_what_was_lost(clock: Clock) -> None:
    server = FakeRedis(clock.time)
    server.trouble = ConnectionError("refused")
    cache: RedisCache[Any] = RedisCache(server)
    for call in (lambda: cache.get([HERE]), lambda: cache.set({HERE: (1, None)}), lambda: cache.clear()):
        with pytest.raises(StoreError, match=r"refused.*nothing was lost but the cache"):
            call()


def test_a_nodes_result_comes_back_as_it_was() -> None:
    codec = Codec()
    encoded = encode_result(*RESULT, codec)
    assert encoded is not None
    assert decode_result(encoded, codec, {"l": 1, "x": 1}, {"w": 1}) == RESULT


def test_a_result_that_this_graph_could_not_write_is_none() -> None:
    codec = Codec()
    encoded = encode_result(*RESULT, codec)
    assert encoded is not None
    assert decode_result(encoded, codec, {"l": 1}, {"w": 1}) is None
    assert decode_result(encoded, codec, {"l": 1, "x": 1}, {}) is None
    for end in range(len(encoded)):
        assert decode_result(encoded[:end], codec, {"l": 1, "x": 1}, {"w": 1}) is None
    for place in range(len(encoded)):
        changed = encoded[:place] + bytes([encoded[place] ^ 0xFF]) + encoded[place + 1 :]
        decode_result(changed, codec, {"l": 1, "x": 1}, {"w": 1})  # whatever it is, it does not raise


def test_a_result_that_cannot_be_stored_is_not_kept() -> None:
    assert encode_result((Write("l", Payload(object())),), (), Codec()) is None
