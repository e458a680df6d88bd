"""Section 11.1 and 11.2: RetryPolicy and CachePolicy."""

from __future__ import annotations

import asyncio
import operator
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from clew import START, Command, Runtime, Send, StateGraph, interrupt
from clew.cache import BaseCache, InMemoryCache, SqliteCache
from clew.checkpoint import BaseCheckpointSaver, InMemorySaver
from clew.errors import NodeTimeoutError
from clew.runtime import Runtime as NodeRuntime
from clew.types import CachePolicy, RetryPolicy

from ..support.watchdog import raised, within
from .callers import AsyncCaller, Caller, run


class State(TypedDict):
    x: int
    log: Annotated[list[Any], operator.add]


GIVEN: State = {"x": 1, "log": []}
ONE = {"configurable": {"thread_id": "1"}}
SOON: dict[str, Any] = {"initial_interval": 0.001, "jitter": False}


def single(node: Any, **options: Any) -> StateGraph:
    """A graph of one node, "n"."""
    return StateGraph(State).add_node("n", node, **options).add_edge(START, "n")


def failing(errors: list[Exception], attempts: list[tuple[int, float]] | None = None, *, wait: bool = False) -> Any:
    """A node that raises these errors, one an attempt, and then is done; `wait` makes it async."""
    left = list(errors)

    def body(state: State, runtime: NodeRuntime[Any]) -> dict[str, Any]:
        info = runtime.execution_info
        if attempts is not None:
            attempts.append((info.node_attempt, info.node_first_attempt_time))
        if left:
            raise left.pop(0)
        return {"log": ["done"]}

    async def abody(state: State, runtime: NodeRuntime[Any]) -> dict[str, Any]:
        await asyncio.sleep(0)
        return body(state, runtime)

    return abody if wait else body


class Odd(Exception):
    """Of no family that Python knows."""


class HTTPError(Exception):
    """As `requests` has one, by name."""

    __module__ = "requests.exceptions"

    def __init__(self, status: int) -> None:
        self.response = type("Response", (), {"status_code": status})()
        super().__init__(status)


# -- 11.1 RetryPolicy


def test_the_defaults_are_langgraphs() -> None:
    policy = RetryPolicy()
    assert policy[:5] == (0.5, 2.0, 128.0, 3, True)
    assert policy._fields == (
        "initial_interval",
        "backoff_factor",
        "max_interval",
        "max_attempts",
        "jitter",
        "retry_on",
    )


def test_max_attempts_counts_the_first_try(caller: Caller) -> None:
    attempts: list[tuple[int, float]] = []
    node = failing([Odd()] * 5, attempts, wait=caller.is_async)
    graph = single(node, retry_policy=RetryPolicy(**SOON, max_attempts=3)).compile()
    assert isinstance(raised(lambda: caller.invoke(graph, GIVEN)), Odd)
    assert [number for number, _ in attempts] == [1, 2, 3]


def test_a_node_reads_its_attempt_and_when_the_first_began(caller: Caller) -> None:
    attempts: list[tuple[int, float]] = []
    node = failing([Odd(), Odd()], attempts, wait=caller.is_async)
    graph = single(node, retry_policy=RetryPolicy(**SOON)).compile()
    assert caller.invoke(graph, GIVEN)["log"] == ["done"]
    assert [number for number, _ in attempts] == [1, 2, 3]
    assert len({began for _, began in attempts}) == 1
    assert attempts[0][1] > 1_600_000_000


def test_a_run_that_continues_counts_its_attempts_anew(saver: BaseCheckpointSaver) -> None:
    attempts: list[tuple[int, float]] = []
    graph = single(failing([Odd()] * 3, attempts), retry_policy=RetryPolicy(**SOON, max_attempts=2)).compile(saver)
    assert isinstance(raised(lambda: graph.invoke(GIVEN, ONE)), Odd)
    assert graph.invoke(None, ONE)["log"] == ["done"]
    assert [number for number, _ in attempts] == [1, 2, 1, 2]


def test_the_wait_doubles_to_its_limit_and_jitter_adds_up_to_a_second() -> None:
    policy = RetryPolicy(initial_interval=1, backoff_factor=3, max_interval=5, jitter=False)
    assert [policy.wait_seconds(number) for number in (1, 2, 3, 4)] == [1, 3, 5, 5]
    jittery = policy._replace(jitter=True)
    assert [jittery.wait_seconds(1, chance) for chance in (0.0, 0.5, 0.999)] == [1, 1.5, 1.999]


TRIED_AGAIN = [ConnectionError(), ConnectionResetError(), Odd(), HTTPError(503), NodeTimeoutError("n", 1.0, kind="run")]
FINAL = [
    ValueError(),
    TypeError(),
    ZeroDivisionError(),
    ImportError(),
    KeyError(),
    NameError(),
    SyntaxError(),
    RuntimeError(),
    ReferenceError(),
    FileNotFoundError(),
    TimeoutError(),
    HTTPError(404),
]


@pytest.mark.parametrize(
    ("error", "again"), [(one, True) for one in TRIED_AGAIN] + [(one, False) for one in FINAL], ids=repr
)
def test_the_default_tries_again_what_may_pass(error: Exception, again: bool) -> None:
    graph = single(failing([error]), retry_policy=RetryPolicy(**SOON)).compile()
    if again:
        assert graph.invoke(GIVEN)["log"] == ["done"]
    else:
        assert raised(lambda: graph.invoke(GIVEN)) is error


@pytest.mark.parametrize(
    "retry_on", [KeyError, [ValueError, KeyError], (KeyError,), lambda error: isinstance(error, KeyError)]
)
def test_retry_on_is_a_class_several_or_a_predicate(retry_on: Any) -> None:
    policy = RetryPolicy(**SOON, retry_on=retry_on)
    assert single(failing([KeyError("k")]), retry_policy=policy).compile().invoke(GIVEN)["log"] == ["done"]
    other = single(failing([Odd()]), retry_policy=policy).compile()
    assert isinstance(raised(lambda: other.invoke(GIVEN)), Odd)


def test_of_several_policies_the_first_that_matches_governs(caller: Caller) -> None:
    attempts: list[tuple[int, float]] = []
    policies = [
        RetryPolicy(**SOON, max_attempts=9, retry_on=KeyError),
        RetryPolicy(**SOON, max_attempts=2, retry_on=Exception),
        RetryPolicy(**SOON, max_attempts=9, retry_on=ValueError),
    ]
    graph = single(failing([ValueError("v")] * 9, attempts), retry_policy=policies).compile()
    assert isinstance(raised(lambda: caller.invoke(graph, GIVEN)), ValueError)
    assert len(attempts) == 2


def test_writes_of_a_failed_attempt_are_dropped(saver: BaseCheckpointSaver) -> None:
    tries: list[int] = []

    def node(state: State) -> dict[str, Any]:
        tries.append(1)
        return {"log": [f"attempt {len(tries)}"]}

    def path(state: State) -> str:
        if len(tries) < 2:
            raise Odd
        return "__end__"

    graph = single(node, retry_policy=RetryPolicy(**SOON)).add_conditional_edges("n", path).compile(saver)
    assert graph.invoke(GIVEN, ONE)["log"] == ["attempt 2"]
    assert graph.get_state(ONE).values["log"] == ["attempt 2"]


def test_a_question_is_never_tried_again() -> None:
    asked: list[int] = []

    def node(state: State) -> dict[str, Any]:
        asked.append(1)
        return {"log": [interrupt("sure?")]}

    policy = RetryPolicy(**SOON, retry_on=lambda error: True)
    graph = single(node, retry_policy=policy).compile(InMemorySaver())
    assert graph.invoke(GIVEN, ONE)["__interrupt__"][0].value == "sure?"
    assert len(asked) == 1
    assert graph.invoke(Command(resume="yes"), ONE)["log"] == ["yes"]


def test_the_attempts_before_an_answer_do_not_count(saver: BaseCheckpointSaver) -> None:
    numbers: list[int] = []

    def node(state: State, runtime: NodeRuntime[Any]) -> dict[str, Any]:
        numbers.append(runtime.execution_info.node_attempt)
        return {"log": [interrupt("sure?")]}

    graph = single(node).compile(saver)
    graph.invoke(GIVEN, ONE)
    graph.invoke(Command(resume="yes"), ONE)
    assert numbers == [1, 1]


def test_a_wait_for_the_next_attempt_ends_with_its_run() -> None:
    waits, policy = threading.Event(), RetryPolicy(initial_interval=60, jitter=False)

    def flaky(state: State) -> None:
        waits.set()
        raise Odd

    def bad(state: State) -> None:
        waits.wait(10)
        raise ValueError("bad")

    builder = StateGraph(State).add_node("a", bad).add_node("flaky", flaky, retry_policy=policy)
    with Runtime() as runtime:
        graph = builder.add_edge(START, "a").add_edge(START, "flaky").compile(InMemorySaver(), runtime=runtime)
        # The pool's thread that waits for the next attempt would keep `close` for a minute.
        assert isinstance(within(lambda: raised(lambda: graph.invoke(GIVEN, ONE))), ValueError)
        within(runtime.close)
        assert set(graph.get_state(ONE).next) == {"a", "flaky"}


def test_a_retry_on_that_is_nothing_of_the_kind_fails_the_node() -> None:
    graph = single(failing([Odd()]), retry_policy=RetryPolicy(retry_on="Odd")).compile()  # type: ignore[arg-type]
    assert isinstance(raised(lambda: graph.invoke(GIVEN)), TypeError)


# -- 11.2 CachePolicy


@pytest.fixture(params=["memory", "sqlite"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BaseCache[Any]]:
    """Each kind of cache in turn, empty."""
    if request.param == "memory":
        yield InMemoryCache()
    else:
        opened: SqliteCache[Any] = SqliteCache(path=str(tmp_path / "cache.sqlite"))
        yield opened
        opened.close()


def counted(result: Callable[[State], Any]) -> tuple[Any, list[Any]]:
    """A node with this result, and the list of what it was called with."""
    calls: list[Any] = []

    def node(state: State) -> Any:
        calls.append(state)
        return result(state)

    return node, calls


def test_a_hit_skips_the_node_and_replays_its_writes(caller: Caller, cache: BaseCache[Any]) -> None:
    node, calls = counted(lambda state: {"x": state["x"] + 1, "log": ["n"]})
    graph = single(node, cache_policy=CachePolicy()).compile(cache=cache)
    assert [caller.invoke(graph, GIVEN) for _ in range(3)] == [{"x": 2, "log": ["n"]}] * 3
    assert len(calls) == 1
    assert caller.invoke(graph, {"x": 5, "log": []}) == {"x": 6, "log": ["n"]}
    assert len(calls) == 2


def test_a_graph_inside_uses_the_cache_around_it(caller: Caller, cache: BaseCache[Any]) -> None:
    # LangGraph caches nothing there
    node, calls = counted(lambda state: {"log": ["n"]})
    graph = single(single(node, cache_policy=CachePolicy()).compile()).compile(cache=cache)
    assert [caller.invoke(graph, GIVEN)["log"] for _ in range(3)] == [["n"]] * 3
    assert len(calls) == 1


def test_the_updates_of_a_hit_say_that_it_is_cached(caller: Caller, cache: BaseCache[Any]) -> None:
    node, _ = counted(lambda state: {"log": ["n"]})
    graph = single(node, cache_policy=CachePolicy()).compile(cache=cache)
    assert caller.stream(graph, GIVEN) == [{"n": {"log": ["n"]}}]
    assert caller.stream(graph, GIVEN) == [{"n": {"log": ["n"]}, "__metadata__": {"cached": True}}]
    assert caller.stream(graph, GIVEN, stream_mode="values") == [GIVEN, {"x": 1, "log": ["n"]}]


def test_a_hit_is_recorded_in_the_thread(saver: BaseCheckpointSaver) -> None:
    node, calls = counted(lambda state: {"log": ["n"]})
    graph = single(node, cache_policy=CachePolicy()).compile(saver, cache=InMemoryCache())
    graph.invoke(GIVEN, ONE)
    two = {"configurable": {"thread_id": "2"}}
    assert graph.invoke(GIVEN, two) == {"x": 1, "log": ["n"]}
    assert graph.get_state(two).values == {"x": 1, "log": ["n"]}
    assert [task.result for task in list(graph.get_state_history(two))[1].tasks] == [{"log": ["n"]}]
    assert len(calls) == 1


def test_routes_are_replayed_with_the_writes(caller: Caller, cache: BaseCache[Any]) -> None:
    ways: list[Any] = []

    def way(state: State) -> Any:
        ways.append(state)
        return ["z", Send("z", {"log": ["sent"]})]

    node, calls = counted(lambda state: Command(update={"log": ["n"]}, goto="y"))
    builder = single(node, cache_policy=CachePolicy()).add_conditional_edges("n", way)
    builder.add_node("y", lambda state: {"log": ["y"]}).add_node("z", lambda state: {"log": ["z"]})
    graph = builder.compile(cache=cache)
    assert [caller.invoke(graph, GIVEN)["log"] for _ in range(2)] == [["n", "y", "z", "z"]] * 2
    assert (len(calls), len(ways)) == (1, 1)


def test_each_send_has_a_place_of_its_own(cache: BaseCache[Any]) -> None:
    calls: list[Any] = []

    def worker(given: dict[str, Any]) -> dict[str, Any]:
        calls.append(given["i"])
        return {"log": [given["i"]]}

    builder = StateGraph(State).add_node("w", worker, cache_policy=CachePolicy())
    builder.add_conditional_edges(START, lambda state: [Send("w", {"i": 1}), Send("w", {"i": 2})])
    graph = builder.compile(cache=cache)
    assert [graph.invoke(GIVEN)["log"] for _ in range(2)] == [[1, 2]] * 2
    assert sorted(calls) == [1, 2]


def test_the_key_function_gets_the_nodes_input_and_decides(caller: Caller, cache: BaseCache[Any]) -> None:
    given: list[Any] = []

    def key(state: State) -> str:
        given.append(state)
        return "the same"

    node, calls = counted(lambda state: {"x": state["x"] + 1})
    graph = single(node, cache_policy=CachePolicy(key_func=key)).compile(cache=cache)
    assert [caller.invoke(graph, {"x": x, "log": []})["x"] for x in (1, 7)] == [2, 2]
    assert given == [{"x": 1, "log": []}, {"x": 7, "log": []}]
    assert len(calls) == 1


def test_a_key_of_bytes_and_one_of_text_are_not_the_same(cache: BaseCache[Any]) -> None:
    node, calls = counted(lambda state: {"log": ["n"]})
    keys = iter(["k", b"k", "k"])
    graph = single(node, cache_policy=CachePolicy(key_func=lambda state: next(keys))).compile(cache=cache)
    for _ in range(3):
        graph.invoke(GIVEN)
    assert len(calls) == 2


@pytest.mark.parametrize(("key", "error"), [(lambda state: 3, TypeError), (lambda state: 1 / 0, ZeroDivisionError)])
def test_what_a_bad_key_function_does_fails_its_node(caller: Caller, key: Any, error: type[Exception]) -> None:
    node, calls = counted(lambda state: {"log": ["n"]})
    graph = single(node, cache_policy=CachePolicy(key_func=key)).compile(InMemorySaver(), cache=InMemoryCache())
    assert isinstance(raised(lambda: caller.invoke(graph, GIVEN, ONE)), error)
    assert calls == []
    assert graph.get_state(ONE).next == ("n",)


def test_an_entry_past_its_seconds_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("clew.actors.caching.memory.time.time", lambda: now[0])
    node, calls = counted(lambda state: {"log": ["n"]})
    graph = single(node, cache_policy=CachePolicy(ttl=10)).compile(cache=InMemoryCache())
    for seconds in (0, 9, 2, 9):
        now[0] += seconds
        graph.invoke(GIVEN)
    assert len(calls) == 2


def test_only_results_are_cached_no_failures_and_no_questions(cache: BaseCache[Any]) -> None:
    left = [ValueError("first")]

    def flaky(state: State) -> dict[str, Any]:
        if left:
            raise left.pop()
        return {"log": ["done"]}

    graph = single(flaky, cache_policy=CachePolicy()).compile(cache=cache)
    assert isinstance(raised(lambda: graph.invoke(GIVEN)), ValueError)
    assert graph.invoke(GIVEN)["log"] == ["done"]
    assert graph.stream(GIVEN).__next__() == {"n": {"log": ["done"]}, "__metadata__": {"cached": True}}


def test_a_node_that_asked_asks_again_in_another_thread(saver: BaseCheckpointSaver) -> None:
    node, calls = counted(lambda state: {"log": [interrupt("pay?")]})
    graph = single(node, cache_policy=CachePolicy()).compile(saver, cache=InMemoryCache())
    graph.invoke(GIVEN, ONE)
    assert graph.invoke(Command(resume="yes"), ONE)["log"] == ["yes"]
    assert graph.invoke(GIVEN, {"configurable": {"thread_id": "2"}})["__interrupt__"][0].value == "pay?"
    assert len(calls) == 3


def test_nothing_written_is_cached_too(cache: BaseCache[Any]) -> None:
    node, calls = counted(lambda state: None)
    graph = single(node, cache_policy=CachePolicy()).compile(cache=cache)
    assert list(graph.stream(GIVEN)) == [{"n": None}]
    assert list(graph.stream(GIVEN)) == [{"n": None, "__metadata__": {"cached": True}}]
    assert len(calls) == 1


def test_clearing_takes_all_nodes_or_those_named(caller: Caller, cache: BaseCache[Any]) -> None:
    first, firsts = counted(lambda state: {"log": ["a"]})
    second, seconds = counted(lambda state: {"log": ["b"]})
    policy = CachePolicy(key_func=lambda state: "k")
    builder = StateGraph(State).add_node("a", first, cache_policy=policy).add_node("b", second, cache_policy=policy)
    graph = builder.add_edge(START, "a").add_edge("a", "b").compile(cache=cache)
    graph.invoke(GIVEN)
    caller.clear_cache(graph, ["b"])
    graph.invoke(GIVEN)
    assert (len(firsts), len(seconds)) == (1, 2)
    caller.clear_cache(graph)
    graph.invoke(GIVEN)
    assert (len(firsts), len(seconds)) == (2, 3)


def test_clearing_without_a_cache_or_for_an_unknown_node_is_refused(caller: Caller) -> None:
    node, _ = counted(lambda state: None)
    with pytest.raises(ValueError, match="no cache"):
        caller.clear_cache(single(node).compile())
    with pytest.raises(ValueError, match=r"\['m'\].*\['n'\]"):
        caller.clear_cache(single(node).compile(cache=InMemoryCache()), ["m"])


def test_a_policy_without_a_cache_runs_the_node_each_time(caller: Caller) -> None:
    node, calls = counted(lambda state: {"log": ["n"]})
    graph = single(node, cache_policy=CachePolicy()).compile()
    caller.invoke(graph, GIVEN)
    caller.invoke(graph, GIVEN)
    assert len(calls) == 2


def test_what_is_no_cache_is_refused_at_compile() -> None:
    with pytest.raises(TypeError, match="InMemoryCache"):
        single(lambda state: None).compile(cache={})


def test_other_code_under_the_same_name_does_not_get_the_old_result(cache: BaseCache[Any]) -> None:
    old = single(lambda state: {"log": ["old"]}, cache_policy=CachePolicy()).compile(cache=cache)
    new = single(lambda state: {"log": ["new"]}, cache_policy=CachePolicy()).compile(cache=cache)
    assert [graph.invoke(GIVEN)["log"] for graph in (old, new, old)] == [["old"], ["new"], ["old"]]


def test_an_input_that_makes_no_key_runs_the_node_with_a_warning() -> None:
    node, calls = counted(lambda state: {"log": ["n"]})
    graph = single(node, cache_policy=CachePolicy()).compile(cache=InMemoryCache())
    for _ in range(2):
        with pytest.warns(RuntimeWarning, match=r"'n' runs uncached.*key_func"):
            graph.invoke({"x": 1, "log": [threading.Lock()]})
    assert len(calls) == 2


class BrokenCache(InMemoryCache[Any]):
    """A cache whose every call fails."""

    def get(self, keys: Any) -> Any:
        raise OSError("unplugged")

    def set(self, pairs: Any) -> None:
        raise OSError("unplugged")


@pytest.mark.filterwarnings("ignore:the cache of 'n'")
def test_a_broken_cache_costs_the_hit_and_not_the_run(caller: Caller) -> None:
    node, calls = counted(lambda state: {"log": ["n"]})
    graph = single(node, cache_policy=CachePolicy()).compile(cache=BrokenCache())
    assert [caller.invoke(graph, GIVEN)["log"] for _ in range(2)] == [["n"], ["n"]]
    assert len(calls) == 2


class ForeignCache(InMemoryCache[Any]):
    """A cache in which somebody else put something in every place."""

    def __init__(self, content: Any) -> None:
        super().__init__()
        self.content = content

    def get(self, keys: Any) -> Any:
        return {key: self.content for key in keys}


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x04K\x01.", b"\x92\x91\x93\xa1z\xc4\x01\x01\xc2\x90", "text", None, {}]
)
def test_a_foreign_entry_is_a_miss(caller: Caller, content: Any) -> None:
    node, calls = counted(lambda state: {"log": ["n"]})
    graph = single(node, cache_policy=CachePolicy()).compile(cache=ForeignCache(content))
    assert caller.invoke(graph, GIVEN)["log"] == ["n"]
    assert len(calls) == 1


def test_callers_at_once_share_one_cache(cache: BaseCache[Any]) -> None:
    node, calls = counted(lambda state: {"x": state["x"] * 2})
    graph = single(node, cache_policy=CachePolicy()).compile(cache=cache)

    async def work() -> list[Any]:
        return await asyncio.gather(*(graph.ainvoke({"x": n % 4, "log": []}) for n in range(32)))

    assert [result["x"] for result in run(work())] == [n % 4 * 2 for n in range(32)]
    graph.invoke({"x": 3, "log": []})
    assert 4 <= len(calls) <= 32


def test_the_default_of_every_node_counts_where_a_node_has_no_policy_of_its_own() -> None:
    node, calls = counted(lambda state: {"log": ["n"]})
    graph = single(node).set_node_defaults(cache_policy=CachePolicy()).compile(cache=InMemoryCache())
    assert AsyncCaller().stream(graph, GIVEN) == [{"n": {"log": ["n"]}}]
    assert graph.invoke(GIVEN)["log"] == ["n"]
    assert len(calls) == 1
