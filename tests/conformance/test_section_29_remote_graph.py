"""Section 29, the library's part: `RemoteGraph`, against clients that answer as a server does."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import AsyncIterator
from typing import Any

import pytest
from clew.graph import START, StateGraph
from clew.pregel.remote import RemoteException, RemoteGraph
from clew.types import Command, GraphOutput, Interrupt, PregelTask, Send, StateSnapshot
from langchain_core.messages import HumanMessage

from .callers import Caller, run
from .programs import ONE, State

Part = namedtuple("Part", "event data")
QUESTION = {"value": "sure?", "id": "i"}
HERE = {"thread_id": "1", "checkpoint_ns": "", "checkpoint_id": "c1", "checkpoint_map": None}
STATE = {
    "values": {"x": 1},
    "next": ["a"],
    "checkpoint": HERE,
    "metadata": {"step": 1},
    "created_at": "2024-01-01T00:00:00Z",
    "parent_checkpoint": None,
    "tasks": [{"id": "t", "name": "a", "error": None, "interrupts": [QUESTION], "checkpoint": None, "state": None}],
}
DRAWING = {
    "nodes": [{"id": "__start__"}, {"id": "a", "type": "runnable", "data": {"id": ["x"], "name": "a"}}],
    "edges": [{"source": "__start__", "target": "a"}],
}
ANSWERS = {
    "threads.get_state": STATE,
    "threads.get_history": [STATE],
    "threads.update_state": {"checkpoint": HERE},
    "assistants.get_graph": DRAWING,
}


class Client:
    """Notes each request, and answers with what the test laid out."""

    def __init__(self, parts: list[Part], asked: list[tuple[str, dict[str, Any]]], path: str = "") -> None:
        self.parts, self.asked, self.path = parts, asked, path

    def __getattr__(self, name: str) -> Client:
        return type(self)(self.parts, self.asked, f"{self.path}.{name}".strip("."))

    def __call__(self, **arguments: Any) -> Any:
        self.asked.append((self.path, arguments))
        return iter(self.parts) if self.path == "runs.stream" else ANSWERS[self.path]


class AsyncClient(Client):
    """The same, awaited."""

    def __call__(self, **arguments: Any) -> Any:
        answer = super().__call__(**arguments)

        async def parts() -> AsyncIterator[Part]:
            for part in answer:
                yield part

        async def waited() -> Any:
            return answer

        return parts() if self.path == "runs.stream" else waited()


class Server:
    """A graph there, what it was asked, and what it streams."""

    def __init__(self, *parts: tuple[str, Any]) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        streamed = [Part("metadata", {"run_id": "r"}), *(Part(*part) for part in parts)]
        self.graph = RemoteGraph(
            "agent",
            sync_client=Client(streamed, self.asked),
            client=AsyncClient(streamed, self.asked),
            headers={"h": "1"},
        )


def test_a_run_is_asked_for_with_what_json_has_of_the_config(caller: Caller) -> None:
    server = Server(("values", {"x": 2}))
    config = {
        "configurable": {"thread_id": "1", "checkpoint_id": "c", "u": 1, "o": object(), "__own": 1},
        "tags": ["t"],
        "metadata": {"m": [1, object()]},
        "recursion_limit": 7,
        "callbacks": [],
    }
    given = {"messages": [HumanMessage("q", id="m")]}
    assert caller.invoke(server.graph, given, config, interrupt_before=["a"], headers={"k": "2"}) == {"x": 2}
    [(path, asked)] = server.asked
    assert path == "runs.stream"
    assert asked.pop("input")["messages"][0]["content"] == "q"
    assert asked == {
        "thread_id": "1",
        "assistant_id": "agent",
        "command": None,
        "config": {"recursion_limit": 7, "tags": ["t"], "metadata": {"m": [1]}, "configurable": {"u": 1}},
        "context": None,
        "stream_mode": ["values", "updates"],
        "interrupt_before": ["a"],
        "interrupt_after": None,
        "stream_subgraphs": False,
        "if_not_exists": "create",
        "headers": {"h": "1", "k": "2"},
        "params": None,
    }


def test_a_command_goes_as_one(caller: Caller) -> None:
    server = Server(("values", {"x": 2}))
    caller.invoke(server.graph, Command(resume="yes", goto=Send("a", {"x": 1})), ONE)
    asked = server.asked[0][1]
    assert asked["input"] is None
    goto = {"node": "a", "input": {"x": 1}}
    assert asked["command"] == {"graph": None, "update": None, "resume": "yes", "goto": goto}


def test_open_questions_are_in_the_result(caller: Caller) -> None:
    for event in (("updates", {"__interrupt__": [QUESTION]}), ("values", {"x": 1, "__interrupt__": [QUESTION]})):
        server = Server(("values", {"x": 1}), event)
        asked = [Interrupt("sure?", "i")]
        assert caller.invoke(server.graph, {"x": 1}, ONE) == {"x": 1, "__interrupt__": asked}
        assert caller.invoke(server.graph, {"x": 1}, ONE, version="v2") == GraphOutput({"x": 1}, tuple(asked))


def test_chunks_have_the_forms_of_a_graph_here(caller: Caller) -> None:
    parts = [("updates", {"a": {"x": 1}}), ("updates|sub:1", {"b": {}}), ("messages", [{"content": "c"}, {"k": 1}])]
    server = Server(*parts)
    assert caller.stream(server.graph, {}, ONE) == [{"a": {"x": 1}}, {"b": {}}]
    shown = caller.stream(server.graph, {}, ONE, stream_mode=["updates", "messages"], subgraphs=True)
    message = ((), "messages", ({"content": "c"}, {"k": 1}))
    assert shown == [((), "updates", {"a": {"x": 1}}), (("sub:1",), "updates", {"b": {}}), message]
    assert server.asked[-1][1]["stream_mode"] == ["updates", "messages-tuple"]
    assert server.asked[-1][1]["stream_subgraphs"] is True
    values = Server(("values", {"x": 1, "__interrupt__": [QUESTION]}))
    assert caller.stream(values.graph, {}, ONE, stream_mode="values", version="v2") == [
        {"type": "values", "ns": (), "data": {"x": 1}, "interrupts": (Interrupt("sure?", "i"),)}
    ]
    assert caller.stream(values.graph, {}, ONE, stream_mode=["values"])[0][0] == "values"


def test_a_failed_run_raises_what_the_server_said(caller: Caller) -> None:
    with pytest.raises(RemoteException, match="boom"):
        caller.invoke(Server(("error", {"message": "boom"})).graph, {}, ONE)


def test_states_are_snapshots(caller: Caller) -> None:
    graph = Server().graph
    here = {"configurable": {"thread_id": "1", "checkpoint_ns": "", "checkpoint_id": "c1", "checkpoint_map": {}}}
    asked = (Interrupt("sure?", "i"),)
    task = PregelTask("t", "a", (), None, asked, None, None)
    snapshot = StateSnapshot({"x": 1}, ("a",), here, {"step": 1}, "2024-01-01T00:00:00Z", None, (task,), asked)
    assert caller.state(graph, ONE) == snapshot
    assert caller.history(graph, ONE, limit=3, filter={"a": 1}, before=here) == [snapshot]
    assert caller.update(graph, here, {"x": 2}, as_node="a") == here


def test_where_a_request_points_is_said_to_the_server() -> None:
    server = Server()
    here = {"configurable": {"thread_id": "1", "checkpoint_id": "c1"}}
    server.graph.get_state(here, subgraphs=True)
    list(server.graph.get_state_history({"configurable": {"thread_id": "1"}}, before=here, filter={"a": 1}))
    server.graph.update_state(here, {"x": 2}, as_node="a")
    both = {"headers": {"h": "1"}, "params": None, "thread_id": "1"}
    at = {"thread_id": "1", "checkpoint_id": "c1"}
    assert server.asked == [
        ("threads.get_state", {**both, "checkpoint": at, "subgraphs": True}),
        ("threads.get_history", {**both, "checkpoint": {"thread_id": "1"}, "before": at, "metadata": {"a": 1}}),
        ("threads.update_state", {**both, "checkpoint": at, "values": {"x": 2}, "as_node": "a"}),
    ]


def test_it_is_drawn_as_the_server_describes_it(caller: Caller) -> None:
    graph = Server().graph
    drawn = run(graph.aget_graph()) if caller.is_async else graph.get_graph(xray=True)
    assert drawn.draw_mermaid(with_styles=False) == "graph TD;\n\t__start__ --> a;\n"


def test_it_is_a_node_as_any_graph(caller: Caller) -> None:
    builder = StateGraph(State).add_node("there", Server(("values", {"x": 5})).graph).add_edge(START, "there")
    assert caller.invoke(builder.compile(), {"x": 1})["x"] == 5
    asking = Server(("values", {"x": 1}), ("updates", {"__interrupt__": [QUESTION]}))
    builder = StateGraph(State).add_node("there", asking.graph).add_edge(START, "there")
    with pytest.warns(UserWarning, match="checkpointer"):
        result = caller.invoke(builder.compile(), {"x": 1})
    assert [one.value for one in result["__interrupt__"]] == ["sure?"]


def test_settings_are_kept_in_copies() -> None:
    graph = RemoteGraph("agent", name="named", config={"tags": ["a"]})
    assert (graph.name, graph.with_config(tags=["b"]).config["tags"], graph.copy({"name": "k"}).name) == (
        "named",
        ["a", "b"],
        "k",
    )


def test_what_is_missing_is_said() -> None:
    with pytest.raises(ValueError, match="sync_client"):
        RemoteGraph("agent").invoke({})
    with pytest.raises(ValueError, match="has no client"):
        run(RemoteGraph("agent").ainvoke({}))
    with pytest.raises(ValueError, match="get_client"):
        RemoteGraph("agent", url="http://there")
    with pytest.raises(ValueError, match="tracing"):
        RemoteGraph("agent", distributed_tracing=True)
