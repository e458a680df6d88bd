"""Section 19.3: sub-graphs in a v3 event stream: their lives as records, and each as a run stream of its own."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from operator import add
from typing import Annotated, Any, TypedDict
from unittest.mock import ANY

import pytest
from clew import Command
from clew.checkpoint import BaseCheckpointSaver
from clew.errors import GraphDrained, GraphInterrupt
from clew.graph import START, MessagesState, StateGraph
from clew.stream import (
    AsyncSubgraphRunStream,
    LifecyclePayload,
    LifecycleTransformer,
    ProtocolEvent,
    StreamChannel,
    StreamTransformer,
    SubgraphRunStream,
    SubgraphTransformer,
    TasksTransformer,
    UpdatesTransformer,
)
from clew.stream._mux import StreamMux
from clew.stream.transformers import ValuesTransformer

from .v3_programs import GIVEN, THREAD, Reader, State, around, asking, chain, failing, methods, plain, talker

# --- discovery, by the tasks events alone


def happened(method: str, payload: Any, *ns: str, **more: Any) -> ProtocolEvent:
    params: Any = {"namespace": list(ns), "timestamp": 0, "data": payload, **more}
    return {"type": "event", "method": method, "params": params}


def begins(task: str, *ns: str, given: Any = None, agent: str | None = None) -> ProtocolEvent:
    payload: dict[str, Any] = {"id": task, "name": "n", "input": given or {}, "triggers": ()}
    if agent is not None:
        payload["metadata"] = {"lc_agent_name": agent}
    return happened("tasks", payload, *ns)


def ends(task: str, *ns: str, error: Any = None, interrupts: Any = ()) -> ProtocolEvent:
    payload = {"id": task, "name": "n", "error": error, "result": {}, "interrupts": list(interrupts)}
    return happened("tasks", payload, *ns)


class Watched:
    """A mux with the two transformers that tell of sub-graphs, and what they told."""

    def __init__(self, *scope: str) -> None:
        self.mux = StreamMux(factories=[ValuesTransformer, LifecycleTransformer, SubgraphTransformer], scope=scope)
        self._lifecycle = iter(self.mux.extensions["lifecycle"])
        self._subgraphs = iter(self.mux.extensions["subgraphs"])
        self.log = iter(self.mux.log)

    def sees(self, *events: ProtocolEvent) -> Watched:
        for event in events:
            self.mux.push(event)
        return self

    def closes(self) -> Watched:
        self.mux.close()
        return self

    def fails(self, error: BaseException) -> Watched:
        self.mux.fail(error)
        return self

    @property
    def lifecycle(self) -> list[LifecyclePayload]:
        return drained(self._lifecycle)

    @property
    def lives(self) -> list[tuple[str, ...]]:
        """(what happened, last part of the namespace) of each record."""
        return [(told["event"], told["namespace"][-1]) for told in self.lifecycle]

    @property
    def handles(self) -> list[Any]:
        return drained(self._subgraphs)


def drained(items: Any) -> list[Any]:
    found: list[Any] = []
    try:
        for item in items:
            found.append(item)
    except BaseException:  # the error at the end is not what these tests are about
        pass
    return found


def test_a_sub_graph_begins_with_its_first_task_and_ends_with_its_tasks_result() -> None:
    watched = Watched().sees(begins("11"), begins("22", "a:11"), ends("22", "a:11"), ends("11"))
    assert watched.lifecycle == [
        {"event": "started", "namespace": ["a:11"], "graph_name": "a", "trigger_call_id": "11"},
        {"event": "completed", "namespace": ["a:11"]},
    ]


def test_other_events_before_its_first_task_do_not_begin_it() -> None:
    assert Watched().sees(happened("values", {}, "a:11")).closes().lifecycle == []


def test_a_result_does_not_begin_one() -> None:
    assert Watched().sees(ends("22", "a:11"), ends("11")).closes().lifecycle == []


def test_one_whose_tasks_result_does_not_come_is_completed_with_the_run() -> None:
    assert Watched().sees(begins("22", "a:11")).closes().lives == [("started", "a:11"), ("completed", "a:11")]


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (ValueError("x"), {"event": "failed", "namespace": ["a:11"], "error": "x"}),
        (GraphInterrupt(), {"event": "interrupted", "namespace": ["a:11"]}),
        (GraphDrained("x"), {"event": "drained", "namespace": ["a:11"]}),
    ],
)
def test_or_ends_as_the_run_did(error: BaseException, end: dict[str, Any]) -> None:
    assert Watched().sees(begins("22", "a:11")).fails(error).lifecycle[-1] == end


@pytest.mark.parametrize("error", ["E!", ValueError("E!")])
def test_a_tasks_error_fails_it(error: Any) -> None:
    watched = Watched().sees(begins("22", "a:11"), ends("11", error=error))
    assert watched.lifecycle[-1] == {"event": "failed", "namespace": ["a:11"], "error": "E!"}


@pytest.mark.parametrize("error", [None, "E"])
def test_a_tasks_question_interrupts_it_whatever_else(error: Any) -> None:
    watched = Watched().sees(begins("22", "a:11"), ends("11", error=error, interrupts=[{"value": 1}]))
    assert watched.lifecycle[-1] == {"event": "interrupted", "namespace": ["a:11"]}


def test_only_its_own_tasks_result_ends_it() -> None:
    assert Watched().sees(begins("22", "a:11"), ends("12"), ends("11", "b:1")).lives == [("started", "a:11")]


def test_sub_graphs_end_in_the_order_of_their_tasks() -> None:
    watched = Watched().sees(begins("22", "a:1"), begins("23", "b:2"), ends("2"), ends("1"))
    assert watched.lives == [("started", "a:1"), ("started", "b:2"), ("completed", "b:2"), ("completed", "a:1")]


def test_one_begins_once() -> None:
    watched = Watched().sees(begins("22", "a:11"), ends("11"), begins("23", "a:11"), ends("11")).closes()
    assert watched.lives == [("started", "a:11"), ("completed", "a:11")]


def test_lifecycle_tells_of_every_depth() -> None:
    watched = Watched().sees(begins("22", "a:11"), begins("44", "a:11", "b:22"), ends("22", "a:11"), ends("11"))
    assert watched.lives == [("started", "a:11"), ("started", "b:22"), ("completed", "b:22"), ("completed", "a:11")]


def test_lifecycle_leaves_out_second_calls_in_a_node_and_sub_graphs_with_a_history_of_their_own() -> None:
    watched = Watched().sees(begins("22", "a:11", "1"), begins("33", "a"))
    assert watched.lifecycle == []
    assert [handle.path for handle in watched.handles] == [("a",)]


def test_a_scope_tells_of_what_is_below_it_only() -> None:
    watched = Watched("a:11").sees(begins("22", "a:11"), begins("1", "z:9"), begins("44", "a:11", "b:22"))
    assert watched.lives == [("started", "b:22")]
    assert [handle.path for handle in watched.handles] == [("a:11", "b:22")]


def test_an_agents_name_is_the_sub_graphs() -> None:
    (told,) = Watched().sees(begins("11"), begins("22", "a:11", agent="writer")).lifecycle
    assert told.get("graph_name") == "writer"


CALL = {"name": "t", "args": {}, "id": "c1", "type": "tool_call"}


@pytest.mark.parametrize("given", [{"__type": "tool_call_with_context", "tool_call": CALL, "state": {}}, [CALL]])
def test_the_tool_call_that_runs_an_agent_is_its_cause(given: Any) -> None:
    (told,) = Watched().sees(begins("11", given=given), begins("22", "tools:11", agent="writer")).lifecycle
    assert told.get("cause") == {"type": "toolCall", "tool_call_id": "c1"}


@pytest.mark.parametrize(("given", "agent"), [([CALL], None), ({"messages": []}, "writer"), ([], "writer")])
def test_without_an_agents_name_or_a_call_there_is_no_cause(given: Any, agent: str | None) -> None:
    (told,) = Watched().sees(begins("11", given=given), begins("22", "tools:11", agent=agent)).lifecycle
    assert "cause" not in told


def test_lives_are_events_of_the_log_and_tasks_are_not() -> None:
    watched = Watched().sees(begins("11"), begins("22", "a:11"), happened("values", {}, "a:11"), ends("11")).closes()
    events = list(watched.log)
    assert methods(events) == ["lifecycle", "values", "lifecycle"]
    assert [event["seq"] for event in events if "seq" in event] == [1, 2, 3]
    assert events[0]["params"]["namespace"] == []


# --- run streams of sub-graphs, by hand


def opened(*events: ProtocolEvent) -> tuple[Watched, SubgraphRunStream]:
    watched = Watched().sees(begins("22", "a:11"), *events)
    (handle,) = watched.handles
    return watched, handle


def test_a_sub_graphs_run_stream_says_which_it_is() -> None:
    _, handle = opened()
    assert type(handle) is SubgraphRunStream
    assert (handle.path, handle.graph_name, handle.trigger_call_id) == (("a:11",), "a", "11")
    assert (handle.status, handle.error) == ("started", None)
    assert list(handle.extensions) == ["values", "lifecycle", "subgraphs"]


def test_it_shows_the_events_of_its_graph_as_the_root_numbered_them() -> None:
    watched, handle = opened()
    log, values = iter(handle), iter(handle.values)
    watched.sees(happened("values", {"x": 1}, "a:11", interrupts=()), happened("values", {"x": 9}), ends("11"))
    assert list(values) == [{"x": 1}]
    (event,) = log
    assert event["params"]["data"] == {"x": 1}
    assert event["seq"] == 2
    assert (handle.status, handle.output) == ("completed", {"x": 1})


def test_its_questions_are_its_own() -> None:
    watched, handle = opened()
    watched.sees(happened("values", {"x": 1}, "a:11", interrupts=("Q",)), ends("11", interrupts=[{"value": "Q"}]))
    assert (handle.status, handle.interrupted, handle.interrupts) == ("interrupted", True, ["Q"])


def test_a_failed_one_raises_the_text_of_its_error() -> None:
    watched, handle = opened()
    watched.sees(ends("11", error="E!"))
    assert (handle.status, handle.error) == ("failed", "E!")
    for read in (lambda: handle.output, lambda: list(handle.values), lambda: list(handle)):
        with pytest.raises(RuntimeError, match="E!"):
            read()


def test_one_under_way_when_the_run_fails_raises_the_runs_error() -> None:
    watched, handle = opened()
    watched.fails(ValueError("bad"))
    assert (handle.status, handle.error) == ("failed", "bad")
    with pytest.raises(ValueError, match="bad"):
        handle.output


def test_graphs_inside_it_are_its_own_sub_graphs() -> None:
    watched, handle = opened()
    inner = iter(handle.subgraphs)
    watched.sees(begins("44", "a:11", "b:22"))
    assert next(inner).path == ("a:11", "b:22")
    assert watched.handles == []


def test_it_can_be_left_without_ending_the_run() -> None:
    watched, handle = opened()
    values = iter(handle.values)
    handle.abort()
    watched.sees(happened("values", {"x": 1}, "a:11"), ends("11"), happened("values", {"x": 2})).closes()
    assert list(values) == []
    assert [event["params"]["data"] for event in watched.log if event["method"] == "values"] == [{"x": 1}, {"x": 2}]


def test_each_scope_has_its_own_transformers() -> None:
    made: list[tuple[str, ...]] = []

    class Scoped(StreamTransformer):
        def init(self) -> dict[str, Any]:
            made.append(self.scope)
            self.seen: StreamChannel[str] = StreamChannel("seen")
            return {"seen": self.seen}

        def process(self, event: ProtocolEvent) -> bool:
            self.seen.push(event["method"])
            return True

    mux = StreamMux(factories=[SubgraphTransformer, Scoped])
    handles, root = iter(mux.extensions["subgraphs"]), iter(mux.extensions["seen"])
    mux.push(begins("22", "a:11"))
    handle = next(handles)
    own = iter(handle.extensions["seen"])
    mux.push(happened("values", {}, "a:11"))
    mux.push(happened("values", {}))
    mux.close()
    assert made == [(), ("a:11",)]
    assert (list(root), list(own)) == (["tasks", "values", "values"], ["values"])


def test_an_async_mux_makes_async_run_streams() -> None:
    async def made() -> Any:
        mux = StreamMux(factories=[SubgraphTransformer], is_async=True)
        handles = aiter(mux.extensions["subgraphs"])
        await mux.apush(begins("22", "a:11"))
        handle = await anext(handles)
        await mux.aclose()
        return handle

    handle = asyncio.run(made())
    assert type(handle) is AsyncSubgraphRunStream
    assert handle.status == "completed"


# --- sub-graphs in a graph


def inner(*names: str, **options: Any) -> Any:
    return chain(*(names or ("i", "j")), **options)


def failing_inside() -> Any:
    return around(failing())


def test_a_sub_graphs_events_stand_in_the_log_between_its_start_and_its_end(reader: Reader) -> None:
    events = reader.all(reader.open(around(inner())))
    assert [(event["method"], plain(event["params"]["namespace"])) for event in events] == [
        ("values", []),
        ("values", []),
        ("values", ["sub:"]),
        ("lifecycle", []),
        ("values", ["sub:"]),
        ("values", ["sub:"]),
        ("lifecycle", []),
        ("values", []),
        ("values", []),
    ]
    assert [event["seq"] for event in events] == list(range(1, 10))


def test_lifecycle_names_the_node_and_its_task(reader: Reader) -> None:
    started, completed = reader.all(reader.open(around(inner())).lifecycle)
    (segment,) = started["namespace"]
    assert started == {
        "event": "started",
        "namespace": [segment],
        "graph_name": "sub",
        "trigger_call_id": segment.removeprefix("sub:"),
    }
    assert completed == {"event": "completed", "namespace": [segment]}


def test_a_graph_called_in_a_function_is_a_sub_graph_too(reader: Reader) -> None:
    graph = inner()
    lives = reader.all(reader.open(around(lambda state: graph.invoke(state))).lifecycle)
    assert [life["event"] for life in lives] == ["started", "completed"]


def test_a_second_call_in_a_node_belongs_to_the_firsts_life(reader: Reader) -> None:
    graph = inner()

    def twice(state: State) -> dict:
        graph.invoke(GIVEN)
        graph.invoke(GIVEN)
        return {}

    events = reader.all(reader.open(around(twice)))
    assert [event["params"]["data"]["event"] for event in events if event["method"] == "lifecycle"] == [
        "started",
        "completed",
    ]
    places = [plain(event["params"]["namespace"]) for event in events if event["params"]["namespace"]]
    assert places == [["sub:"]] * 3 + [["sub:", "1"]] * 3


def test_subgraphs_are_run_streams(reader: Reader) -> None:
    run = reader.open(around(inner()))
    handle = reader.first(run.subgraphs)
    assert type(handle) is (AsyncSubgraphRunStream if reader.is_async else SubgraphRunStream)
    assert (plain(handle.path), handle.graph_name, handle.status) == (["sub:"], "sub", "started")
    assert reader.all(handle.values) == [{"x": 1, "log": ["pre", "i"]}, {"x": 1, "log": ["pre", "i", "j"]}]
    assert (handle.status, handle.error) == ("completed", None)
    assert reader.output(handle) == {"x": 1, "log": ["pre", "i", "j"]}
    assert (reader.interrupted(handle), reader.interrupts(handle)) == (False, [])


def test_reading_a_sub_graph_to_its_end_does_not_run_what_comes_after(reader: Reader) -> None:
    seen: list[str] = []
    builder = StateGraph(State).add_node("sub", inner()).add_node("post", lambda state: seen.append("post"))
    run = reader.open(builder.add_edge(START, "sub").add_edge("sub", "post").compile())
    reader.output(reader.first(run.subgraphs))
    assert seen == []
    reader.output(run)
    assert seen == ["post"]


def test_a_sub_graphs_events_have_the_numbers_of_the_root(reader: Reader) -> None:
    run = reader.open(around(inner()))
    assert [event["seq"] for event in reader.all(reader.first(run.subgraphs))] == [5, 6]


def test_all_sub_graphs_are_read_one_after_the_other(reader: Reader) -> None:
    run = reader.open(around(inner()))
    handles = reader.all(run.subgraphs)
    assert [(handle.status, reader.output(handle)["log"]) for handle in handles] == [("completed", ["pre", "i", "j"])]
    assert reader.all(handles[0].values) == []


def test_parallel_sub_graphs_each_have_one(reader: Reader) -> None:
    class Log(TypedDict):
        log: Annotated[list, add]

    one = StateGraph(Log).add_node("q", lambda state: {"log": ["q"]}).add_edge(START, "q").compile()
    builder = StateGraph(Log).add_node("a", one).add_node("b", one).add_edge(START, "a").add_edge(START, "b")
    run = reader.open(builder.compile(), {"log": []})
    assert {handle.graph_name for handle in reader.all(run.subgraphs)} == {"a", "b"}
    assert reader.output(run) == {"log": ["q", "q"]}


def test_sub_graphs_of_sub_graphs_are_read_through_theirs(reader: Reader) -> None:
    run = reader.open(around(around(inner())))
    outer = reader.first(run.subgraphs)
    deep = reader.first(outer.subgraphs)
    assert plain(deep.path) == ["sub:", "sub:"]
    assert len(reader.all(deep.values)) == 2
    assert deep.status == "completed"
    reader.output(outer)
    assert outer.status == "completed"


def test_lifecycle_of_the_root_has_every_depth_and_of_a_sub_graph_those_below_it(reader: Reader) -> None:
    graph = around(around(inner()))
    lives = reader.all(reader.open(graph).lifecycle)
    assert [(life["event"], len(life["namespace"])) for life in lives] == [
        ("started", 1),
        ("started", 2),
        ("completed", 2),
        ("completed", 1),
    ]
    handle = reader.first(reader.open(graph).subgraphs)
    assert [life["event"] for life in reader.all(handle.lifecycle)] == ["started", "completed"]


def test_a_failed_sub_graph_is_told_and_raises_in_its_own_stream(reader: Reader) -> None:
    run = reader.open(failing_inside())
    handle = reader.first(run.subgraphs)
    with pytest.raises(RuntimeError, match="boom"):
        reader.all(handle.values)
    assert (handle.status, handle.error) == ("failed", "boom")
    with pytest.raises(ValueError, match="boom"):
        reader.output(run)


def test_lifecycle_tells_of_the_failure_before_the_run_raises_it() -> None:
    lives: list[Any] = []
    with pytest.raises(ValueError, match="boom"):
        lives.extend(life["event"] for life in failing_inside().stream_events(GIVEN, version="v3").lifecycle)
    run = failing_inside().stream_events(GIVEN, version="v3")
    told = iter(run.lifecycle)
    assert [next(told)["event"], next(told)] == ["started", {"event": "failed", "namespace": ANY, "error": "boom"}]


def test_one_whose_error_the_node_caught_is_completed(reader: Reader) -> None:
    graph = failing()

    def careful(state: State) -> dict:
        with suppress(ValueError):
            graph.invoke(GIVEN)
        return {}

    lives = reader.all(reader.open(around(careful)).lifecycle)
    assert [life["event"] for life in lives] == ["started", "completed"]


def test_a_question_inside_interrupts_the_sub_graph_and_the_run(reader: Reader, saver: BaseCheckpointSaver) -> None:
    graph = around(asking(None, "q"), checkpointer=saver)
    run = reader.open(graph, GIVEN, THREAD)
    handle = reader.first(run.subgraphs)
    assert reader.output(handle) == {"x": 1, "log": ["pre"]}
    assert (handle.status, handle.error) == ("interrupted", None)
    assert [question.value for question in reader.interrupts(handle)] == ["q"]
    assert [question.value for question in reader.interrupts(run)] == ["q"]


def test_the_answer_goes_on_inside(reader: Reader, saver: BaseCheckpointSaver) -> None:
    graph = around(asking(None, "q"), checkpointer=saver)
    reader.output(reader.open(graph, GIVEN, THREAD))
    events = reader.all(reader.open(graph, Command(resume="A"), THREAD))
    lives = [event["params"]["data"]["event"] for event in events if event["method"] == "lifecycle"]
    assert lives == ["started", "completed"]
    assert events[-1]["params"]["data"]["log"] == ["pre", "pre", "A", "post"]


def test_a_models_message_inside_is_the_sub_graphs(reader: Reader) -> None:
    model = talker("a b", "a b")

    def asks(state: MessagesState) -> dict:
        return {"messages": [model.invoke(state["messages"])]}

    one = StateGraph(MessagesState).add_node("ask", asks).add_edge(START, "ask").compile()
    graph = StateGraph(MessagesState).add_node("sub", one).add_edge(START, "sub").compile()
    given = {"messages": [("user", "hi")]}
    assert reader.all(reader.open(graph, given).messages) == []
    handle = reader.first(reader.open(graph, given).subgraphs)
    assert [reader.all(message.text) for message in reader.all(handle.messages)] == [["a", " ", "b"]]


def test_the_calls_transformers_serve_sub_graphs_and_a_sub_graphs_own_do_not(reader: Reader) -> None:
    graph = around(inner(transformers=[TasksTransformer]))
    handle = reader.first(reader.open(graph, transformers=[UpdatesTransformer]).subgraphs)
    assert list(handle.extensions) == ["values", "messages", "lifecycle", "subgraphs", "updates"]
    assert reader.all(handle.updates) == [{"i": {"log": ["i"]}}, {"j": {"log": ["j"]}}]


def test_interleave_tells_of_lives_and_opens_streams_as_they_come() -> None:
    run = around(inner()).stream_events(GIVEN, version="v3")
    names = [name for name, _ in run.interleave("values", "lifecycle", "subgraphs")]
    assert names == ["values", "values", "lifecycle", "subgraphs", "lifecycle", "values", "values"]


def test_leaving_a_sub_graphs_stream_does_not_stop_the_run(reader: Reader) -> None:
    run = reader.open(around(inner()))
    handle = reader.first(run.subgraphs)
    reader.abort(handle)
    assert reader.all(handle.values) == []
    assert reader.output(run)["log"][-1] == "post"


def test_an_agents_name_in_its_metadata_is_the_graphs(reader: Reader) -> None:
    named = inner().with_config(metadata={"lc_agent_name": "writer"})
    lives = reader.all(reader.open(around(named)).lifecycle)
    assert lives[0]["graph_name"] == "writer"
