"""Section 20: Runtime, context, and what code inside a run can ask for."""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import threading
import time
from collections.abc import Callable
from typing import Any, TypedDict

import pytest
from clew import START, Command, StateGraph, ToolNode, interrupt
from clew.checkpoint import InMemorySaver
from clew.config import get_config, get_store, get_stream_writer
from clew.func import entrypoint, task
from clew.runtime import ExecutionInfo, RunControl, Runtime, ServerInfo, get_runtime
from clew.types import RetryPolicy
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig, RunnableLambda
from pydantic import BaseModel, ValidationError

from .callers import Caller, run
from .programs import ONE


@dataclasses.dataclass
class Person:
    """A context with a field that must be given."""

    name: str
    age: int = 3


class Model(BaseModel):
    """The same as a pydantic model."""

    name: str
    age: int = 3


class Typed(TypedDict, total=False):
    """The same as a TypedDict."""

    name: str


class Found(TypedDict, total=False):
    """State: what a node found."""

    x: Any


def graph(node: Callable[..., Any], schema: Any = None, **options: Any) -> Any:
    """A graph of this one node."""
    builder = StateGraph(Found, context_schema=schema) if schema else StateGraph(Found)
    return builder.add_node("n", node).add_edge(START, "n").compile(**options)


def found(caller: Caller, look: Callable[[], Any], config: Any = None, **options: Any) -> Any:
    """What a function finds inside a node."""
    return caller.invoke(graph(lambda state: {"x": look()}), {}, config, **options)["x"]


def context_of(runtime: Runtime[Any]) -> Any:
    """What a runtime has as context."""
    return runtime.context


# -- context


@pytest.mark.parametrize(
    ("schema", "given", "received"),
    [
        (Person, {"name": "ann"}, Person("ann")),
        (Person, Person("bob", 5), Person("bob", 5)),
        (Person, {"name": 1}, Person(1)),  # type: ignore[arg-type]
        (Person, None, None),
        (Person, "text", "text"),
        (Model, {"name": "ann"}, Model(name="ann")),
        (Model, None, None),
        (Typed, {"name": "ann"}, {"name": "ann"}),
        (Typed, {"other": 1}, {"other": 1}),
        (Typed, None, None),
        (Typed, {}, None),
        (None, {"any": 1}, {"any": 1}),
        (None, {}, None),
        (None, None, None),
    ],
)
def test_the_form_of_the_context(schema: Any, given: Any, received: Any, caller: Caller) -> None:
    asks = graph(lambda state, runtime: {"x": runtime.context}, schema)
    assert caller.invoke(asks, {}, context=given) == {"x": received}


@pytest.mark.parametrize(
    ("schema", "given", "error"),
    [
        (Person, {"nick": "ann"}, TypeError),
        (Person, {}, TypeError),
        (Model, {"nick": "ann"}, ValidationError),
        (Model, {"name": []}, ValidationError),
    ],
)
def test_a_context_that_does_not_fit_its_class_is_refused(schema: Any, given: Any, error: Any, caller: Caller) -> None:
    with pytest.raises(error):
        caller.invoke(graph(lambda state: {}, schema), {}, context=given)


def test_the_context_is_not_kept_and_is_given_at_each_call_also_on_resume(caller: Caller) -> None:
    seen: list[Any] = []

    def node(state: Found, runtime: Runtime[Person]) -> Found:
        seen.append(runtime.context)
        return {"x": interrupt("q")}

    asks = graph(node, Person, checkpointer=InMemorySaver())
    caller.invoke(asks, {}, ONE, context={"name": "ann"})
    caller.invoke(asks, Command(resume=1), ONE)
    caller.invoke(asks, {}, ONE)
    caller.invoke(asks, Command(resume=1), ONE, context=Person("bob"))
    assert seen == [Person("ann"), None, None, Person("bob")]


def test_graphs_called_inside_have_the_context_unless_they_are_given_another(caller: Caller) -> None:
    seen: list[Any] = []

    def inner(state: Found, runtime: Runtime[Any]) -> Found:
        seen.append(runtime.context)
        return {}

    inside = graph(inner, Person)

    def outer(state: Found) -> Found:
        inside.invoke({})
        inside.invoke({}, context={"name": "other"})
        return {}

    caller.invoke(graph(outer, Person), {}, context={"name": "top"})
    caller.invoke(graph(inside, Person), {}, context={"name": "node"})
    assert seen == [Person("top"), Person("other"), Person("node")]


def test_the_context_reaches_path_functions_tools_and_tasks(caller: Caller) -> None:
    seen: dict[str, Any] = {}

    def look(place: str) -> str:
        seen[place] = get_runtime(Person).context
        return place

    def tool() -> str:
        """A tool that looks."""
        return look("tool")

    @task
    def step() -> str:
        return look("task")

    def path(state: Any, runtime: Runtime[Any]) -> str:
        seen["path"] = runtime.context
        return "tools"

    class State(TypedDict):
        messages: list[Any]

    call = {"name": "tool", "args": {}, "id": "1", "type": "tool_call"}
    builder = StateGraph(State, context_schema=Person)
    builder.add_node("first", lambda state: {"messages": [AIMessage(step().result(), tool_calls=[call])]})
    builder.add_node("tools", ToolNode([tool])).add_edge(START, "first").add_conditional_edges("first", path, ["tools"])
    caller.invoke(builder.compile(), {"messages": []}, context={"name": "ann"})
    assert seen == dict.fromkeys(("task", "path", "tool"), Person("ann"))


def test_the_json_schema_of_the_context() -> None:
    assert graph(context_of).get_context_jsonschema() is None
    schema = graph(lambda state: {}, Person).get_context_jsonschema()
    assert (schema["title"], schema["required"], list(schema["properties"])) == ("Person", ["name"], ["name", "age"])


# -- Runtime


def test_the_fields_of_a_runtime_and_their_defaults() -> None:
    names = [field.name for field in dataclasses.fields(Runtime)]
    assert names == [
        *("context", "store", "stream_writer", "heartbeat", "previous", "execution_info", "server_info", "control"),
    ]
    empty: Runtime[Any] = Runtime()
    assert (empty.context, empty.store, empty.previous) == (None, None, None)
    assert (empty.execution_info, empty.server_info, empty.control) == (None, None, None)
    assert empty.stream_writer("dropped") is None
    assert empty.heartbeat() is None
    assert (empty.drain_requested, empty.drain_reason) == (False, None)
    assert type(empty).__name__ == "Runtime"
    assert repr(empty).startswith("Runtime(context=None, store=None, ")
    with pytest.raises(dataclasses.FrozenInstanceError):
        empty.context = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        Runtime(1)  # type: ignore[misc]


def test_override_changes_fields() -> None:
    changed = Runtime(context=1, store=2).override(context=3, previous=4)
    assert (changed.context, changed.store, changed.previous) == (3, 2, 4)
    with pytest.raises(TypeError):
        Runtime().override(nope=1)


def test_merge_takes_what_the_other_has() -> None:
    def write(_: Any) -> None:
        """A writer."""

    one: Runtime[Any] = Runtime(context=1, store=2, stream_writer=write, heartbeat=time.time, previous=3)  # type: ignore[arg-type]
    assert one.merge(Runtime()) == one
    assert Runtime().merge(one) == one
    info, control = ExecutionInfo("c", "n", "t"), RunControl()
    other: Runtime[Any] = Runtime(context=5, previous=0, execution_info=info, control=control)
    merged = one.merge(other)
    assert (merged.context, merged.store, merged.stream_writer, merged.heartbeat) == (5, 2, write, time.time)
    assert (merged.previous, merged.execution_info, merged.control) == (0, info, control)


def test_a_control_tells_whether_a_drain_was_asked_for() -> None:
    control = RunControl()
    runtime: Runtime[Any] = Runtime(control=control)
    assert (runtime.drain_requested, runtime.drain_reason) == (False, None)
    control.request_drain("deploy")
    assert (runtime.drain_requested, runtime.drain_reason) == (True, "deploy")


def test_execution_info_and_its_patches() -> None:
    info = ExecutionInfo(checkpoint_id="c", checkpoint_ns="n", task_id="t")
    assert info == ExecutionInfo("c", "n", "t", None, None, 1, None)
    assert info.patch(node_attempt=3) == ExecutionInfo("c", "n", "t", node_attempt=3)
    with pytest.raises(TypeError):
        info.patch(nope=1)
    assert Runtime(execution_info=info).patch_execution_info(node_attempt=2).execution_info == info.patch(
        node_attempt=2
    )
    with pytest.raises(RuntimeError, match="no execution_info"):
        Runtime().patch_execution_info(node_attempt=2)


def test_what_a_running_node_is_told_of_its_execution(caller: Caller) -> None:
    seen: list[ExecutionInfo] = []

    def node(state: Found, runtime: Runtime[Any]) -> Found:
        seen.append(runtime.execution_info)  # type: ignore[arg-type]
        if len(seen) < 3:
            raise ConnectionError("no")
        return {"x": get_config()["metadata"]["langgraph_checkpoint_ns"]}

    saver = InMemorySaver()
    builder = StateGraph(Found).add_node("n", node, retry_policy=RetryPolicy(initial_interval=0.001, jitter=False))
    began, run_id = time.time(), "11111111-1111-1111-1111-111111111111"
    flow = builder.add_edge(START, "n").compile(checkpointer=saver)
    ns = caller.invoke(flow, {}, {**ONE, "run_id": run_id})["x"]
    assert [info.node_attempt for info in seen] == [1, 2, 3]
    assert len({info.node_first_attempt_time for info in seen}) == 1
    assert began <= (seen[0].node_first_attempt_time or 0) <= time.time()
    history = caller.history(flow, ONE)
    assert {(info.thread_id, info.run_id, info.checkpoint_id) for info in seen} == {
        ("1", run_id, history[1].config["configurable"]["checkpoint_id"])
    }
    assert {(info.checkpoint_ns, info.task_id) for info in seen} == {(ns, ns.partition(":")[2])}
    assert seen[0].task_id == history[1].tasks[0].id


def test_what_a_running_task_is_told_of_its_execution(caller: Caller) -> None:
    attempts: list[Any] = []

    @task(retry_policy=RetryPolicy(initial_interval=0.001, jitter=False))
    def step(x: int, *, runtime: Any = None) -> Any:
        info = runtime.execution_info
        assert info == get_runtime().execution_info
        attempts.append(info.node_attempt)
        if len(attempts) < 2:
            raise ConnectionError("no")
        return info.checkpoint_ns, info.task_id

    @entrypoint()
    def flow(x: int) -> Any:
        return get_runtime().execution_info.checkpoint_ns, *step(x).result()

    outside, ns, task_id = caller.invoke(flow, 1)
    assert ns == f"{outside}|step:{task_id}"
    assert attempts == [1, 2]


@pytest.mark.parametrize(
    ("configurable", "info"),
    [
        ({"assistant_id": "a", "graph_id": "g"}, ServerInfo("a", "g", None)),
        ({"assistant_id": "a", "graph_id": "g", "langgraph_auth_user": {"identity": "i"}}, ServerInfo("a", "g", None)),
        ({}, None),
    ],
)
def test_server_info_comes_from_the_servers_keys(configurable: Any, info: Any, caller: Caller) -> None:
    assert found(caller, lambda: get_runtime().server_info, {"configurable": configurable}) == info
    assert found(caller, lambda: get_runtime().server_info, {"metadata": configurable}) is None


def test_server_info_has_the_user_that_the_server_made_sure_of(caller: Caller) -> None:
    class User:
        """A user of a server."""

        identity = "ann"

    user = User()
    configurable = {"assistant_id": "a", "graph_id": "g", "langgraph_auth_user": user}
    assert found(caller, lambda: get_runtime().server_info, {"configurable": configurable}) == ServerInfo(
        "a", "g", user
    )  # type: ignore[arg-type]


def test_the_store_and_the_writer_of_the_graph(caller: Caller) -> None:
    def node(state: Found, runtime: Runtime[Any]) -> Found:
        runtime.stream_writer("by runtime")
        get_stream_writer()("by function")
        return {"x": [runtime.store, get_store()]}

    assert caller.stream(graph(node, store="the store"), {}, stream_mode=["custom", "values"])[-3:] == [
        ("custom", "by runtime"),
        ("custom", "by function"),
        ("values", {"x": ["the store", "the store"]}),
    ]
    assert caller.invoke(graph(node), {}) == {"x": [None, None]}


def test_previous_is_for_entrypoints_alone(caller: Caller) -> None:
    def node(state: Found, runtime: Runtime[Any], previous: Any = 1) -> Found:
        return {"x": [runtime.previous, previous]}

    kept = graph(node, checkpointer=InMemorySaver())
    assert [caller.invoke(kept, {}, ONE) for _ in range(2)] == [{"x": [None, None]}] * 2


# -- the four functions


@pytest.mark.parametrize("ask", [get_config, get_store, get_stream_writer, get_runtime])
def test_outside_of_a_run_each_is_a_runtime_error(ask: Any) -> None:
    with pytest.raises(RuntimeError, match="outside of a running graph"):
        ask()


def test_the_config_a_node_sees(caller: Caller) -> None:
    config: RunnableConfig = {
        "configurable": {"user": "ann"},
        "tags": ["t"],
        "metadata": {"m": 1},
        "recursion_limit": 7,
    }
    seen = found(caller, get_config, config)
    assert seen["configurable"]["user"] == "ann"
    assert seen["tags"] == ["t"]
    assert seen["metadata"]["m"] == 1
    assert (seen["metadata"]["langgraph_node"], seen["metadata"]["langgraph_step"]) == ("n", 1)


def test_users_own_keys_of_configurable_reach_nodes_tasks_and_graphs_called_inside(caller: Caller) -> None:
    def user() -> Any:
        return get_config()["configurable"]["user"]

    look = task(user)
    inside = graph(lambda state: {"x": user()})

    def node(state: Found, config: RunnableConfig) -> Found:
        return {"x": [config["configurable"]["user"], look().result(), inside.invoke({})["x"]]}

    assert caller.invoke(graph(node), {}, {"configurable": {"user": "ann"}}) == {"x": ["ann", "ann", "ann"]}


def test_they_work_in_coroutines_and_threads_that_carry_the_context_variables_along() -> None:
    async def look() -> Any:
        return get_runtime().context, get_config()["metadata"]["langgraph_node"]

    async def node(state: Found) -> Found:
        apart = await asyncio.to_thread(lambda: get_runtime().context)
        return {"x": [await asyncio.create_task(look()), *await asyncio.gather(look(), look()), apart]}

    assert run(graph(node).ainvoke({}, context=5)) == {"x": [(5, "n"), (5, "n"), (5, "n"), 5]}


def test_a_bare_thread_of_ones_own_is_outside(caller: Caller) -> None:
    def in_a_thread(target: Callable[[], Any]) -> Any:
        out: list[Any] = []

        def work() -> None:
            try:
                out.append(target())
            except RuntimeError as error:
                out.append(type(error))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return out[0]

    def look() -> Any:
        copied = contextvars.copy_context()
        return [in_a_thread(get_runtime), in_a_thread(lambda: copied.run(lambda: get_runtime().context))]

    assert found(caller, look, context=5) == [RuntimeError, 5]


def test_they_work_in_runnables_called_in_a_node(caller: Caller) -> None:
    def node(state: Found) -> Found:
        chain = RunnableLambda(lambda x: get_runtime().context) | RunnableLambda(lambda x: [x, get_store()])
        return {"x": chain.invoke(1)}

    assert caller.invoke(graph(node, store="s"), {}, context=5) == {"x": [5, "s"]}


def test_a_sync_node_under_ainvoke_has_the_context_variables_of_its_caller() -> None:
    user: contextvars.ContextVar[str] = contextvars.ContextVar("user")

    async def call() -> Any:
        user.set("ann")
        return await graph(lambda state: {"x": user.get("nobody")}).ainvoke({})

    assert run(call()) == {"x": "ann"}


def test_every_kind_of_annotation_takes_the_runtime(caller: Caller) -> None:
    def bare(state: Found, runtime) -> Found:
        return {"x": runtime}

    def generic(state: Found, runtime: Runtime[Person]) -> Found:
        return {"x": runtime}

    def keyword(state: Found, *, runtime: Runtime) -> Found:  # type: ignore[type-arg]
        return {"x": runtime}

    for node in (bare, generic, keyword):
        assert isinstance(caller.invoke(graph(node), {})["x"], Runtime)
