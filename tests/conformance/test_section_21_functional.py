"""Section 21: entrypoints and tasks; golden trace M; item 19 of section 30."""

from __future__ import annotations

import asyncio
import concurrent.futures
import dataclasses
import itertools
import operator
import threading
import time
from typing import Annotated, Any, TypedDict

import pytest
from clew import START, Command, Runtime, StateGraph, ToolNode, interrupt
from clew.cache.memory import InMemoryCache
from clew.checkpoint import BaseCheckpointSaver, InMemorySaver
from clew.config import get_config
from clew.errors import (
    EffectNotReproducibleError,
    EmptyInputError,
    EncodeError,
    NodeTimeoutError,
    NothingToResumeError,
)
from clew.events.vocabulary import EffectRecorded
from clew.func import entrypoint, task
from clew.graph.state import CompiledStateGraph
from clew.runtime import get_runtime
from clew.types import CachePolicy, RetryPolicy
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from pydantic import BaseModel

from ..support.stories import events
from ..support.watchdog import within
from .callers import AsyncCaller, Caller, run
from .programs import ONE


def thread(name: str) -> dict[str, Any]:
    """The config of a thread."""
    return {"configurable": {"thread_id": name}}


def asked(output: Any) -> list[Any]:
    """What an output's open questions ask."""
    return [question.value for question in output["__interrupt__"]]


class Doubling:
    """A task that doubles, and what it was called with."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.task = task(self.double, name="double")

    def double(self, x: Any) -> Any:
        """Twice x."""
        self.calls.append(x)
        return x * 2


@pytest.fixture
def doubling() -> Doubling:
    """A fresh task with a memory."""
    return Doubling()


@task
def add1(x: int) -> int:
    """One more."""
    return x + 1


@task
async def aadd1(x: int) -> int:
    """One more, on the event loop."""
    await asyncio.sleep(0)
    return x + 1


# -- @task: what a call gives, and where it may be made


def test_in_sync_code_a_call_gives_a_future_with_result() -> None:
    kinds = []

    @entrypoint()
    def flow(x: int) -> int:
        future = add1(x)
        kinds.append(isinstance(future, concurrent.futures.Future))
        return future.result()

    assert flow.invoke(1) == 2
    assert kinds == [True]


def test_in_async_code_a_call_gives_an_asyncio_future_whether_its_task_is_sync_or_async() -> None:
    @entrypoint()
    async def flow(x: int) -> list[Any]:
        futures = [add1(x), aadd1(x)]
        kinds = [isinstance(future, asyncio.Future) for future in futures]
        return [*kinds, *[await future for future in futures], *await asyncio.gather(add1(2), aadd1(3))]

    assert run(flow.ainvoke(1)) == [True, True, 2, 2, 3, 4]


@pytest.mark.parametrize("called", [add1, aadd1])
def test_outside_of_a_graph_a_call_is_a_runtime_error(called: Any) -> None:
    with pytest.raises(RuntimeError, match="outside of a running graph"):
        called(1)


def test_in_a_sync_entrypoint_an_async_task_is_a_runtime_error() -> None:
    @entrypoint()
    def flow(x: int) -> int:
        return aadd1(x).result()

    with pytest.raises(RuntimeError, match="'aadd1' is async"):
        flow.invoke(1)


def test_a_sync_entrypoint_works_under_ainvoke_and_may_call_async_tasks_there() -> None:
    @entrypoint()
    def flow(x: int) -> list[int]:
        return [add1(x).result(), aadd1(x).result()]

    assert run(flow.ainvoke(1)) == [2, 2]


def test_an_async_entrypoint_under_invoke_is_a_type_error() -> None:
    @entrypoint()
    async def flow(x: int) -> int:
        return x

    with pytest.raises(TypeError, match="ainvoke"):
        flow.invoke(1)


def test_a_task_takes_any_arguments_and_its_name_may_be_given() -> None:
    @task(name="place")
    def tell(a: int, b: int = 2, *, c: int) -> tuple[int, ...]:
        return (a, b, c)

    @entrypoint()
    def flow(x: int) -> list[Any]:
        return [tell(x, c=5).result(), tell(1, b=3, c=x).result()]

    assert flow.invoke(1) == [(1, 2, 5), (1, 3, 1)]
    assert [list(chunk) for chunk in flow.stream(1)] == [["place"], ["place"], ["flow"]]


def test_a_task_is_not_a_generator_and_a_sync_one_has_no_timeout() -> None:
    def numbers(x: int) -> Any:
        yield x

    with pytest.raises(NotImplementedError, match="generator"):
        task(numbers)
    with pytest.raises(ValueError, match="only async"):
        task(timeout=1)(add1.func)


def test_the_old_names_of_arguments_are_taken_with_a_warning() -> None:
    policy = RetryPolicy(max_attempts=7)
    with pytest.deprecated_call():
        assert task(retry=policy)(add1.func).retry_policy == (policy,)
    with pytest.deprecated_call():
        made = entrypoint(config_schema=dict, retry=policy)
    assert (made.context_schema, made.retry_policy) == (dict, (policy,))
    with pytest.raises(TypeError, match="nope"):
        task(nope=1)(add1.func)


def test_config_store_writer_and_runtime_are_injected_into_tasks() -> None:
    @task
    def look(
        x: int, config: RunnableConfig, *, store: Any = None, writer: Any = None, runtime: Any = None
    ) -> list[Any]:
        writer("written")
        return [x, "configurable" in config, store, runtime.context]

    @task
    def given(x: int, previous: int, *, store: str) -> list[Any]:
        return [x, previous, store]

    @entrypoint(store="the store")
    def flow(x: int) -> list[Any]:
        return [look(x).result(), given(1, 2, store="mine").result()]

    chunks = list(flow.stream(1, context="ctx", stream_mode=["custom", "values"]))
    assert chunks == [("custom", "written"), ("values", [[1, True, "the store", "ctx"], [1, 2, "mine"]])]


# -- @entrypoint


def test_a_function_without_parameter_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="no parameter"):
        entrypoint()(lambda: 1)


def test_a_generator_function_is_not_implemented() -> None:
    def numbers(x: int) -> Any:
        yield x

    async def anumbers(x: int) -> Any:
        yield x

    for function in (numbers, anumbers):
        with pytest.raises(NotImplementedError, match="generator"):
            entrypoint()(function)


def test_the_decorator_wants_its_parentheses() -> None:
    with pytest.raises(TypeError, match="parentheses"):
        entrypoint(add1.func)


def test_the_result_is_a_graph_of_one_node() -> None:
    @entrypoint()
    def flow(x: int) -> str:
        return str(x)

    assert isinstance(flow, CompiledStateGraph)
    assert (flow.name, list(flow.nodes)) == ("LangGraph", ["flow"])
    assert (flow.InputType, flow.OutputType) == (int, str)
    assert flow.get_input_jsonschema() == {"title": "LangGraphInput", "type": "integer"}
    assert flow.get_output_jsonschema() == {"title": "LangGraphOutput", "type": "string"}


class Order(BaseModel):
    grams: int


def test_the_json_schema_of_a_class_refers_to_it_and_a_models_is_its_own() -> None:
    @entrypoint()
    def flow(parcel: Parcel) -> Order:
        return Order(grams=parcel.grams)

    given = flow.get_input_jsonschema()
    assert (given["title"], given["$ref"], list(given["$defs"])) == ("LangGraphInput", "#/$defs/Parcel", ["Parcel"])
    assert flow.get_output_jsonschema() == Order.model_json_schema()
    drawn = flow.get_graph().draw_mermaid()
    assert "__start__ --> flow;" in drawn
    assert "flow -.-> __end__;" in drawn


def test_what_it_asks_for_by_name_is_injected(caller: Caller) -> None:
    seen: dict[str, Any] = {}

    @entrypoint(checkpointer=InMemorySaver(), store="the store")
    def flow(x: int, *, previous: Any, config: RunnableConfig, store: Any, writer: Any, runtime: Any) -> int:
        writer("hello")
        assert config["configurable"]["thread_id"] == "1"
        seen.update(previous=previous, store=store, context=runtime.context, before=runtime.previous)
        seen["thread"] = runtime.execution_info.thread_id
        return x

    assert caller.stream(flow, 1, ONE, context=3, stream_mode="custom") == ["hello"]
    assert seen == {"previous": None, "store": "the store", "context": 3, "before": None, "thread": "1"}
    caller.invoke(flow, 2, ONE)
    assert (seen["previous"], seen["before"], seen["context"]) == (1, 1, None)


def test_tags_and_metadata_of_the_place_reach_the_config() -> None:
    @task
    def place() -> Any:
        config = get_config()
        return {**config["metadata"], "ns": config["configurable"]["checkpoint_ns"]}

    @entrypoint()
    def flow(x: int, config: Any) -> Any:
        return [config["metadata"], place().result()]

    body, inner = flow.invoke(1)
    assert body["langgraph_node"] == "flow"
    assert body["langgraph_step"] == 0
    assert body["langgraph_triggers"] == ("__start__",)
    assert body["langgraph_path"] == ("__pregel_pull", "flow")
    assert inner["langgraph_node"] == "place"
    assert inner["langgraph_step"] == 0
    assert inner["langgraph_triggers"] == ("__pregel_push",)
    assert inner["langgraph_path"] == ("__pregel_push", ("__pregel_pull", "flow"), 0, True)
    assert inner["langgraph_checkpoint_ns"].startswith(body["langgraph_checkpoint_ns"] + "|place:")
    assert inner["ns"] == inner["langgraph_checkpoint_ns"]


# -- streams


def test_golden_trace_m(saver: BaseCheckpointSaver, caller: Caller) -> None:
    ran: list[int] = []
    bodies: list[int] = []
    second = threading.Event()

    @task(name="add1")
    def add(x: int) -> int:
        ran.append(x)
        if x == 11:
            second.set()
        elif x == 1:
            second.wait(10)
            time.sleep(0.01)
        return x + 1

    @entrypoint(checkpointer=saver)
    def wf(x: int) -> dict[str, Any]:
        bodies.append(x)
        slow, fast = add(1), add(11)
        both = [slow.result(), fast.result()]
        answer = interrupt("q")
        return {"r": both, "a": answer, "c": add(100).result()}

    first = caller.stream(wf, 5, ONE)
    assert first[:2] == [{"add1": 12}, {"add1": 2}]
    assert [list(chunk) for chunk in first[2:]] == [["__interrupt__"]]
    assert [question.value for question in first[2]["__interrupt__"]] == ["q"]
    done = {"r": [2, 12], "a": "A", "c": 101}
    assert caller.stream(wf, Command(resume="A"), ONE) == [{"add1": 101}, {"wf": done}]
    assert sorted(ran) == [1, 11, 100]
    assert bodies == [5, 5]
    assert caller.state(wf, ONE).values == done


def test_the_values_mode_shows_the_result_once_and_none_where_a_resume_starts(caller: Caller) -> None:
    @entrypoint(checkpointer=InMemorySaver())
    def flow(x: int) -> dict[str, Any]:
        return {"x": x, "a": interrupt("q")}

    first = caller.stream(flow, 1, ONE, stream_mode="values")
    assert [list(chunk) for chunk in first] == [["__interrupt__"]]
    assert caller.stream(flow, Command(resume="A"), ONE, stream_mode="values") == [None, {"x": 1, "a": "A"}]
    second = caller.stream(flow, 2, ONE, stream_mode="values")
    assert [{**chunk, "__interrupt__": ...} for chunk in second] == [{"x": 1, "a": "A", "__interrupt__": ...}]


def test_a_result_of_none_is_shown() -> None:
    flow = entrypoint()(lambda x: None)
    assert list(flow.stream(1)) == [{"<lambda>": None}]
    assert list(flow.stream(1, stream_mode="values")) == [None]
    assert flow.invoke(1) is None


def test_tasks_and_debug_show_each_call_as_it_begins_and_ends(caller: Caller) -> None:
    @task
    def bad(x: int) -> int:
        raise ValueError("boom")

    @entrypoint(checkpointer=InMemorySaver())
    def flow(x: int) -> int:
        with pytest.raises(ValueError, match="boom"):
            bad(x=x).result()
        found = add1(x).result()
        interrupt("q")
        return found

    def short(chunk: Any) -> Any:
        return chunk["name"], chunk.get("input", repr(chunk.get("error"))), chunk.get("result", chunk.get("triggers"))

    async_flow = entrypoint(checkpointer=InMemorySaver())(flow.plan.nodes["flow"].callee.call)
    first = caller.stream(async_flow, 1, ONE, stream_mode="tasks")
    assert [short(chunk) for chunk in first] == [
        ("flow", 1, ("__start__",)),
        ("bad", ((), {"x": 1}), ("__pregel_push",)),
        ("bad", "ValueError('boom')", {}),
        ("add1", ((1,), {}), ("__pregel_push",)),
        ("add1", "None", {"__return__": 2}),
        ("flow", "None", {}),
    ]
    # On the way back a recorded call begins, and has no end of its own; its id is the same.
    second = caller.stream(async_flow, Command(resume="A"), ONE, stream_mode="debug")
    shown = [(chunk["type"], chunk["payload"].get("name")) for chunk in second if chunk["type"] != "checkpoint"]
    assert shown == [
        ("task", "flow"),
        ("task", "bad"),
        ("task_result", "bad"),
        ("task", "add1"),
        ("task_result", "flow"),
    ]
    assert {chunk["step"] for chunk in second} == {-1, 0}
    ids = [{chunk["id"] for chunk in chunks if chunk["name"] == "add1"} for chunks in (first, payloads(second))]
    assert ids[0] == ids[1]
    assert len(ids[0]) == 1


def payloads(chunks: list[Any]) -> list[Any]:
    """The payloads of a debug stream that are of tasks."""
    return [chunk["payload"] for chunk in chunks if chunk["type"] != "checkpoint"]


def test_messages_that_tasks_and_entrypoints_return_are_shown_once(caller: Caller) -> None:
    made = AIMessage("made", id="m1")

    @task
    def make(x: int) -> AIMessage:
        return made

    @entrypoint()
    def flow(x: int) -> list[AIMessage]:
        return [make(x).result(), AIMessage("own", id="m2")]

    chunks = caller.stream(flow, 1, stream_mode=["messages", "updates"])
    assert [(mode, chunk[0].id, chunk[1]["langgraph_node"]) for mode, chunk in chunks if mode == "messages"] == [
        ("messages", "m1", "make"),
        ("messages", "m2", "flow"),
    ]
    assert [mode for mode, _ in chunks] == ["messages", "updates", "messages", "updates"]


def test_chunks_of_several_modes_come_in_the_order_things_happened(caller: Caller) -> None:
    @entrypoint()
    def flow(x: int, writer: Any) -> int:
        writer("before")
        found = add1(x).result()
        writer("after")
        return found

    assert caller.stream(flow, 1, stream_mode=["updates", "custom", "messages", "values"]) == [
        ("custom", "before"),
        ("updates", {"add1": 2}),
        ("custom", "after"),
        ("updates", {"flow": 2}),
        ("values", 2),
    ]


def test_a_stream_gives_a_tasks_update_out_while_the_entrypoint_goes_on(caller: Caller) -> None:
    go_on = threading.Event()

    @entrypoint()
    def flow(x: int) -> int:
        found = add1(x).result()
        go_on.wait(10)
        return found

    if isinstance(caller, AsyncCaller):

        async def first() -> Any:
            async for chunk in flow.astream(1):
                go_on.set()
                return chunk

        assert run(first()) == {"add1": 2}
    else:
        chunks = flow.stream(1)
        assert next(chunks) == {"add1": 2}
        go_on.set()
        assert list(chunks) == [{"flow": 2}]


# -- previous and final


def test_previous_is_what_the_last_finished_call_returned(saver: BaseCheckpointSaver, caller: Caller) -> None:
    @entrypoint(checkpointer=saver)
    def flow(x: int, *, previous: Any = None) -> Any:
        return [x, previous]

    assert caller.invoke(flow, 1, ONE) == [1, None]
    assert caller.invoke(flow, 2, ONE) == [2, [1, None]]
    assert caller.invoke(flow, 3, thread("2")) == [3, None]


def test_final_parts_what_is_returned_from_what_is_saved(saver: BaseCheckpointSaver, caller: Caller) -> None:
    @entrypoint(checkpointer=saver)
    def flow(x: int, *, previous: int | None = None) -> entrypoint.final[int, int]:
        return entrypoint.final(value=previous or 0, save=2 * x)

    assert caller.invoke(flow, 3, ONE) == 0
    assert caller.state(flow, ONE).values == 0
    assert caller.invoke(flow, 1, ONE) == 6
    assert caller.state(flow, ONE).values == 6
    assert [snapshot.values for snapshot in caller.history(flow, ONE)] == [6, 0, 0, None]
    assert caller.stream(flow, 4, ONE) == [{"flow": 2}]
    assert caller.stream(flow, 4, ONE, stream_mode="values") == [8]
    assert flow.OutputType is int


def test_a_plain_return_after_a_final_is_previous_again() -> None:
    @entrypoint(checkpointer=InMemorySaver())
    def flow(x: Any, *, previous: Any = None) -> Any:
        return entrypoint.final(value=previous, save=None) if x is None or x == "apart" else x

    assert [flow.invoke(x, ONE) for x in ("a", "apart", "apart", "b", "apart")] == ["a", "a", None, "b", "b"]


def test_what_is_saved_is_no_result_of_the_task(saver: BaseCheckpointSaver, caller: Caller) -> None:
    @entrypoint(checkpointer=saver)
    def flow(x: int) -> Any:
        return entrypoint.final(value=x, save=2 * x)

    ends = [chunk for chunk in caller.stream(flow, 1, ONE, stream_mode="tasks") if "result" in chunk]
    assert [chunk["result"] for chunk in ends] == [{"__end__": 1}]


def test_final_has_named_fields_only() -> None:
    assert repr(entrypoint.final(value=1, save=2)) == "entrypoint.final(value=1, save=2)"
    assert entrypoint.final(value=1, save=2) == entrypoint.final(value=1, save=2)
    with pytest.raises(TypeError):
        entrypoint.final(1, 2)  # type: ignore[misc]


def test_without_a_checkpointer_nothing_is_previous() -> None:
    @entrypoint()
    def flow(x: int, *, previous: Any = None) -> Any:
        return [x, previous]

    assert [flow.invoke(1), flow.invoke(2)] == [[1, None], [2, None]]


# -- state and history


def test_the_checkpoints_of_an_entrypoint(saver: BaseCheckpointSaver, caller: Caller) -> None:
    @entrypoint(checkpointer=saver)
    def flow(x: int) -> int:
        return x * 10

    caller.invoke(flow, 1, ONE)
    caller.invoke(flow, 2, ONE)
    rows = [
        (row.metadata["source"], row.metadata["step"], row.next, row.values, [task.result for task in row.tasks])
        for row in caller.history(flow, ONE)
    ]
    assert rows == [
        ("loop", 2, (), 20, []),
        ("input", 1, ("flow",), 10, [20]),
        ("loop", 0, (), 10, []),
        ("input", -1, ("flow",), None, [10]),
    ]
    assert caller.state(flow, thread("new")).values == {}


def test_the_state_while_a_question_is_open(caller: Caller) -> None:
    @entrypoint(checkpointer=InMemorySaver())
    def flow(x: int) -> int:
        return interrupt("q")

    caller.invoke(flow, 1, ONE)
    state = caller.state(flow, ONE)
    assert (state.values, state.next, state.metadata["step"]) == (None, ("flow",), -1)
    assert [(task.name, task.path, task.result) for task in state.tasks] == [("flow", ("__pregel_pull", "flow"), None)]
    assert [question.value for question in state.interrupts] == ["q"]


def test_the_output_of_a_paused_call_has_the_previous_calls_value_in_it(caller: Caller) -> None:
    @entrypoint(checkpointer=InMemorySaver())
    def flow(x: int) -> dict[str, Any]:
        return {"x": x, "a": interrupt("q")}

    first = caller.invoke(flow, 1, ONE)
    assert (list(first), asked(first)) == (["__interrupt__"], ["q"])
    assert caller.invoke(flow, Command(resume="A"), ONE) == {"x": 1, "a": "A"}
    second = caller.invoke(flow, 2, ONE)
    assert {**second, "__interrupt__": asked(second)} == {"x": 1, "a": "A", "__interrupt__": ["q"]}
    assert caller.invoke(flow, Command(resume="B"), ONE) == {"x": 2, "a": "B"}


def test_version_2_of_a_call() -> None:
    @entrypoint(checkpointer=InMemorySaver())
    def flow(x: int) -> dict[str, Any]:
        return {"x": x, "a": interrupt("q")}

    paused = flow.invoke(1, ONE, version="v2")
    assert (paused.value, [question.value for question in paused.interrupts]) == ({}, ["q"])
    done = flow.invoke(Command(resume="A"), ONE, version="v2")
    assert (done.value, done.interrupts) == ({"x": 1, "a": "A"}, ())


def test_an_earlier_checkpoint_run_again_does_all_anew(saver: BaseCheckpointSaver, caller: Caller) -> None:
    doubling = Doubling()

    @entrypoint(checkpointer=saver)
    def flow(x: int, *, previous: Any = None) -> list[Any]:
        return [doubling.task(x).result(), interrupt("q"), previous]

    caller.invoke(flow, 1, ONE)
    caller.invoke(flow, Command(resume="A"), ONE)
    first = caller.history(flow, ONE)[-1]
    assert asked(caller.invoke(flow, None, first.config)) == ["q"]
    assert doubling.calls == [1, 1]
    assert caller.invoke(flow, Command(resume="B"), ONE) == [2, "B", None]


def test_update_state_stands_for_a_return_value() -> None:
    @entrypoint(checkpointer=InMemorySaver())
    def flow(x: int, *, previous: Any = None) -> list[Any]:
        return [x, previous]

    flow.invoke(1, ONE)
    flow.update_state(ONE, [9], as_node="flow")
    assert flow.get_state(ONE).values == [9]
    assert flow.invoke(2, ONE) == [2, [9]]


def test_inputs_that_mean_nothing_are_refused(caller: Caller) -> None:
    flow = entrypoint(checkpointer=InMemorySaver())(lambda x: x)
    with pytest.raises(EmptyInputError):
        caller.invoke(flow, None, ONE)
    with pytest.raises(NothingToResumeError):
        caller.invoke(flow, Command(resume=1), ONE)
    with pytest.raises(ValueError, match="thread"):
        caller.invoke(flow, 1)
    assert caller.invoke(flow, 1, ONE) == 1
    assert caller.invoke(flow, None, ONE) == 1


def test_breakpoints_and_limits(caller: Caller) -> None:
    flow = entrypoint(checkpointer=InMemorySaver())(lambda x: x)
    name = next(iter(flow.nodes))
    assert caller.stream(flow, 1, ONE, interrupt_before=[name]) == [{"__interrupt__": ()}]
    assert caller.state(flow, ONE).next == (name,)
    assert caller.invoke(flow, None, ONE) == 1
    assert caller.stream(flow, 2, ONE, interrupt_after="*") == [{name: 2}, {"__interrupt__": ()}]
    assert caller.invoke(flow, 3, {**ONE, "recursion_limit": 1}) == 3


def test_a_value_without_ids_and_a_class_of_ones_own_are_kept(saver: BaseCheckpointSaver, caller: Caller) -> None:
    @task
    def weigh(name: str) -> Parcel:
        return Parcel(name, 3)

    def build() -> Any:
        @entrypoint(checkpointer=saver)
        def flow(parcel: Parcel, *, previous: Parcel | None = None) -> entrypoint.final[int, Parcel]:
            weighed = weigh(parcel.name).result()
            interrupt("send it?")
            assert isinstance(weighed, Parcel)
            return entrypoint.final(value=previous.grams if previous else 0, save=weighed)

        return flow

    # Another graph object reads the log afresh, as another process does.
    caller.invoke(build(), Parcel("a", 0), ONE)
    assert caller.invoke(build(), Command(resume=True), ONE) == 0
    caller.invoke(build(), Parcel("b", 0), ONE)
    assert caller.invoke(build(), Command(resume=True), ONE) == 3


@dataclasses.dataclass
class Parcel:
    """A class that only the annotations speak of."""

    name: str
    grams: int


def test_messages_get_their_ids_before_they_are_recorded() -> None:
    @task
    def say(x: str) -> HumanMessage:
        return HumanMessage(x)

    @entrypoint(checkpointer=InMemorySaver())
    def flow(x: str) -> list[Any]:
        said = say(x).result()
        interrupt("q")
        return [said, HumanMessage("end")]

    flow.invoke("hi", ONE)
    said, end = flow.invoke(Command(resume=1), ONE)
    assert said.id
    assert end.id
    assert flow.get_state(ONE).values == [said, end]


# -- effects


def test_finished_tasks_are_played_back_and_never_run_again(saver: BaseCheckpointSaver, caller: Caller) -> None:
    doubling = Doubling()

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> list[Any]:
        first = doubling.task(x).result()
        one = interrupt("one")
        second = doubling.task(first).result()
        two = interrupt("two")
        return [first, one, second, two]

    assert asked(caller.invoke(flow, 1, ONE)) == ["one"]
    assert asked(caller.invoke(flow, Command(resume="A"), ONE)) == ["two"]
    assert caller.invoke(flow, Command(resume="B"), ONE) == [2, "A", 4, "B"]
    assert doubling.calls == [1, 2]


def test_equal_calls_are_told_apart_by_their_ordinal(doubling: Doubling) -> None:
    numbers = itertools.count()

    @task
    def draw(x: str) -> int:
        return next(numbers)

    @entrypoint(checkpointer=InMemorySaver())
    def flow(x: str) -> list[int]:
        drawn = [draw(x).result() for _ in range(3)]
        interrupt("q")
        return [*drawn, draw(x).result()]

    flow.invoke("x", ONE)
    assert flow.invoke(Command(resume=1), ONE) == [0, 1, 2, 3]


def test_calls_in_another_order_get_their_own_results(doubling: Doubling) -> None:
    order = [1, 2, 3]

    @entrypoint(checkpointer=InMemorySaver())
    def flow(x: int) -> dict[int, int]:
        found = {n: doubling.task(n).result() for n in order}
        interrupt("q")
        return found

    flow.invoke(0, ONE)
    order.reverse()
    assert flow.invoke(Command(resume=1), ONE) == {3: 6, 2: 4, 1: 2}
    assert doubling.calls == [1, 2, 3]


def test_another_number_of_rounds_is_no_mismatch(doubling: Doubling) -> None:
    rounds = [2]

    @entrypoint(checkpointer=InMemorySaver())
    def flow(x: int) -> list[int]:
        found = [doubling.task(n).result() for n in range(rounds[0])]
        interrupt("q")
        return found

    flow.invoke(0, ONE)
    rounds[0] = 4
    assert flow.invoke(Command(resume=1), ONE) == [0, 2, 4, 6]
    assert doubling.calls == [0, 1, 2, 3]


def test_the_other_way_through_an_if_is_no_mismatch(doubling: Doubling) -> None:
    first_time = [True]

    @entrypoint(checkpointer=InMemorySaver())
    def flow(x: int) -> int:
        found = doubling.task(x).result() if first_time[0] else add1(x).result()
        interrupt("q")
        return found

    flow.invoke(5, ONE)
    first_time[0] = False
    assert flow.invoke(Command(resume=1), ONE) == 6
    assert doubling.calls == [5]


def test_an_argument_that_is_never_the_same_twice_is_refused_before_it_runs(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    doubling, clock = Doubling(), itertools.count(100)

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> int:
        found = doubling.task(next(clock)).result()
        interrupt("q")
        return found

    caller.invoke(flow, 0, ONE)
    with pytest.raises(
        EffectNotReproducibleError, match=r"calls task 'double' \(call 1 of it\) with \(101\)"
    ) as refused:
        caller.invoke(flow, Command(resume=1), ONE)
    assert (refused.value.node, refused.value.task, refused.value.call) == ("flow", "double", 0)
    assert doubling.calls == [100]
    # LangGraph's result for it would have been that of 100. Here an argument made in a task helps.


def test_a_time_taken_in_a_task_of_its_own_is_the_same_at_every_run(doubling: Doubling) -> None:
    clock = itertools.count(100)

    @task
    def now() -> int:
        return next(clock)

    @entrypoint(checkpointer=InMemorySaver())
    def flow(x: int) -> int:
        found = doubling.task(now().result()).result()
        interrupt("q")
        return found

    flow.invoke(0, ONE)
    assert flow.invoke(Command(resume=1), ONE) == 200
    assert doubling.calls == [100]


def test_changed_code_is_not_held_to_its_earlier_calls(doubling: Doubling) -> None:
    saver = InMemorySaver()

    def old(x: int) -> Any:
        found = doubling.task(x).result()
        interrupt("q")
        return found

    def new(x: int) -> Any:
        found = [doubling.task(x + 1).result(), doubling.task(x).result()]
        interrupt("q")
        return found

    old.__name__ = new.__name__ = "flow"
    entrypoint(checkpointer=saver)(old).invoke(1, ONE)
    assert entrypoint(checkpointer=saver)(new).invoke(Command(resume=1), ONE) == [4, 2]
    assert doubling.calls == [1, 2]


def test_calls_from_coroutines_beside_the_body_are_known_by_their_arguments_alone() -> None:
    calls: list[str] = []
    first_time = [True]

    @task
    async def post(x: str) -> str:
        calls.append(x)
        return x.upper()

    async def path(x: str) -> str:
        # Who gets to its call first is chance, and another one here at each run.
        if x == ("b" if first_time[0] else "a"):
            await asyncio.sleep(0.01)
        return await post(x)

    @entrypoint(checkpointer=InMemorySaver())
    async def flow(x: int) -> list[str]:
        if first_time[0]:
            await path("a")
            interrupt("q")
        return await asyncio.gather(path("a"), path("b"))

    run(flow.ainvoke(0, ONE))
    first_time[0] = False
    assert run(flow.ainvoke(None, ONE)) == ["A", "B"]
    assert calls == ["a", "b"]


def test_a_call_that_failed_before_may_be_made_before_one_that_did_not() -> None:
    calls: list[int] = []
    order = [2, 1]

    @task
    def work(x: int) -> int:
        calls.append(x)
        if x == 1 and len(calls) < 3:
            raise ValueError("not yet")
        return x * 2

    @entrypoint(checkpointer=InMemorySaver())
    def flow(x: int) -> list[int]:
        return [work(n).result() for n in order]

    with pytest.raises(ValueError, match="not yet"):
        flow.invoke(0, ONE)
    order.reverse()
    assert flow.invoke(None, ONE) == [2, 4]
    assert calls == [2, 1, 1]


def test_of_an_argument_that_cannot_be_stored_its_class_counts(doubling: Doubling) -> None:
    @task
    def use(lock: Any, x: int) -> int:
        return doubling.double(x)

    @entrypoint(checkpointer=InMemorySaver())
    def flow(x: int) -> int:
        found = use(threading.Lock(), x).result()
        interrupt("q")
        return found

    flow.invoke(1, ONE)
    assert flow.invoke(Command(resume=1), ONE) == 2
    assert doubling.calls == [1]


def test_a_result_that_cannot_be_stored_fails_the_task_with_its_path() -> None:
    @task
    def lock(x: int) -> Any:
        return {"held": threading.Lock()}

    flow = entrypoint(checkpointer=InMemorySaver())(lambda x: lock(x).result())
    with pytest.raises(EncodeError, match=r"\$\.lock\['held'\]|\$\.lock\.held"):
        flow.invoke(1, ONE)
    without = entrypoint()(lambda x: sorted(lock(x).result()))
    assert without.invoke(1) == ["held"]


# -- failures


def test_a_failed_tasks_error_is_raised_at_result_and_can_be_caught(caller: Caller) -> None:
    @task
    def bad(x: int) -> int:
        raise ValueError("boom")

    @entrypoint(checkpointer=InMemorySaver())
    def flow(x: int) -> str:
        try:
            return bad(x).result()
        except ValueError as error:
            return repr(error)

    assert caller.invoke(flow, 1, ONE) == "ValueError('boom')"
    assert caller.stream(flow, 1, thread("2")) == [{"flow": "ValueError('boom')"}]


def test_after_a_failure_none_runs_the_entrypoint_again_with_finished_tasks_played_back(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    doubling, broken = Doubling(), [True]

    @task
    def flaky(x: int) -> int:
        doubling.calls.append("flaky")
        if broken[0]:
            raise RuntimeError("flaky")
        return x

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> list[int]:
        return [doubling.task(x).result(), flaky(x).result()]

    with pytest.raises(RuntimeError, match="flaky"):
        caller.invoke(flow, 1, ONE)
    state = caller.state(flow, ONE)
    assert (state.values, state.next, state.tasks[0].error) == (None, ("flow",), "RuntimeError('flaky')")
    broken[0] = False
    assert caller.stream(flow, None, ONE) == [{"flaky": 1}, {"flow": [2, 1]}]
    assert doubling.calls == [1, "flaky", "flaky"]


def test_a_failed_task_runs_again_when_its_node_does_even_if_the_failure_was_caught(caller: Caller) -> None:
    saver, calls = InMemorySaver(), []

    @task
    def flaky(x: int) -> int:
        calls.append(x)
        raise RuntimeError("flaky")

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> list[Any]:
        try:
            found: Any = flaky(x).result()
        except RuntimeError as error:
            found = repr(error)
        return [found, interrupt("q")]

    caller.invoke(flow, 1, ONE)
    assert caller.invoke(flow, Command(resume="A"), ONE) == ["RuntimeError('flaky')", "A"]
    assert calls == [1, 1]
    assert [event.error for event in events(saver, "1", EffectRecorded)] == ["RuntimeError('flaky')"] * 2


def test_a_task_that_nobody_waits_for_ends_before_its_entrypoint_does_and_may_fail(caller: Caller) -> None:
    done: list[int] = []

    @task
    def slow(x: int) -> int:
        time.sleep(0.02)
        done.append(x)
        return x

    @task
    def bad(x: int) -> int:
        raise ValueError("boom")

    @entrypoint()
    def flow(x: int) -> int:
        slow(x)
        bad(x)
        return 3

    assert caller.invoke(flow, 1) == 3
    assert done == [1]


def test_retries_of_tasks(caller: Caller) -> None:
    attempts: list[int] = []

    @task(retry_policy=RetryPolicy(initial_interval=0.001, jitter=False))
    def flaky(x: int) -> int:
        attempts.append(get_runtime().execution_info.node_attempt)
        if len(attempts) < 3:
            raise ConnectionError("no")
        return x

    assert caller.invoke(entrypoint()(lambda x: flaky(x).result()), 1) == 1
    assert attempts == [1, 2, 3]


def test_a_tasks_wait_for_its_next_attempt_ends_with_its_run() -> None:
    waits = threading.Event()

    @task(retry_policy=RetryPolicy(initial_interval=60, jitter=False))
    def flaky(x: int) -> int:
        waits.set()
        raise ConnectionError("no")

    def bad(state: Any) -> None:
        assert waits.wait(10)
        raise ValueError("bad")

    with Runtime() as runtime:
        builder = StateGraph(dict).add_node("a", bad).add_node("b", lambda state: flaky(1).result())
        graph = builder.add_edge(START, "a").add_edge(START, "b").compile(InMemorySaver(), runtime=runtime)
        with pytest.raises(ValueError, match="bad"):
            within(lambda: graph.invoke({"x": 1}, ONE))
        # The pool's thread that waits for the next attempt would keep `close` for a minute.
        within(runtime.close)


def test_retries_of_an_entrypoint_keep_the_results_of_its_tasks(caller: Caller) -> None:
    doubling, tried = Doubling(), itertools.count(1)

    @entrypoint(checkpointer=InMemorySaver(), retry_policy=RetryPolicy(initial_interval=0.001, jitter=False))
    def flow(x: int) -> list[int]:
        found = doubling.task(x).result()
        attempt = next(tried)
        if attempt < 3:
            raise ConnectionError("no")
        return [found, attempt]

    assert caller.invoke(flow, 1, ONE) == [2, 3]
    assert doubling.calls == [1]


def test_a_timeout_of_an_async_task() -> None:
    @task(timeout=0.01)
    async def slow(x: int) -> int:
        await asyncio.sleep(30)
        return x

    @entrypoint()
    async def flow(x: int) -> int:
        return await slow(x)

    with pytest.raises(NodeTimeoutError, match="'slow'") as late:
        run(flow.ainvoke(1))
    assert (late.value.kind, late.value.timeout) == ("run", 0.01)


def test_a_task_that_raises_stop_iteration_fails_and_hangs_nobody(caller: Caller) -> None:
    @task
    def stop(x: int) -> int:
        raise StopIteration

    with pytest.raises(RuntimeError, match="raised StopIteration"):
        caller.invoke(entrypoint()(lambda x: stop(x).result()), 1)


# -- caches


def test_results_of_equal_arguments_come_from_the_cache(caller: Caller) -> None:
    cache, calls = InMemoryCache(), []

    @task(cache_policy=CachePolicy())
    def work(x: int) -> int:
        calls.append(x)
        return x * 3

    @entrypoint(cache=cache)
    def flow(x: int) -> list[int]:
        return [work(x).result(), work(x).result()]

    marked = {"work": 6, "__metadata__": {"cached": True}}
    assert caller.stream(flow, 2) == [{"work": 6}, marked, {"flow": [6, 6]}]
    assert caller.stream(flow, 2) == [marked, marked, {"flow": [6, 6]}]
    assert calls == [2]
    work.clear_cache(cache)
    caller.invoke(flow, 2)
    assert calls == [2, 2]
    run(work.aclear_cache(cache))
    caller.invoke(flow, 2)
    assert calls == [2, 2, 2]


def test_an_entrypoints_own_result_may_be_cached() -> None:
    calls: list[int] = []

    @entrypoint(cache=InMemoryCache(), cache_policy=CachePolicy())
    def flow(x: int) -> int:
        calls.append(x)
        return x

    assert list(flow.stream(1)) == [{"flow": 1}]
    assert list(flow.stream(1)) == [{"flow": 1, "__metadata__": {"cached": True}}]
    assert calls == [1]


def test_what_a_person_answered_is_not_cached(caller: Caller) -> None:
    @task(cache_policy=CachePolicy())
    def ask(x: int) -> Any:
        return interrupt(x)

    flow = entrypoint(cache=InMemoryCache(), checkpointer=InMemorySaver())(lambda x: ask(x).result())
    for name in ("1", "2"):
        assert asked(caller.invoke(flow, 7, thread(name))) == [7]
        assert caller.invoke(flow, Command(resume=name), thread(name)) == name


# -- questions in tasks


def test_a_task_may_ask_and_runs_again_from_its_first_line(saver: BaseCheckpointSaver, caller: Caller) -> None:
    steps: list[Any] = []

    @task
    def ask(x: int) -> Any:
        steps.append(x)
        answer = interrupt(f"q{x}")
        steps.append(f"after {x}")
        return answer

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> list[Any]:
        return [ask(1).result(), ask(2).result()]

    assert asked(caller.invoke(flow, 0, ONE)) == ["q1"]
    assert asked(caller.invoke(flow, Command(resume="A"), ONE)) == ["q2"]
    assert caller.invoke(flow, Command(resume="B"), ONE) == ["A", "B"]
    assert steps == [1, 1, "after 1", 2, 2, "after 2"]


def test_of_tasks_that_ask_beside_each_other_one_question_comes_up_at_a_time(caller: Caller) -> None:
    @task
    def ask(x: int) -> Any:
        return interrupt(f"q{x}")

    @entrypoint(checkpointer=InMemorySaver())
    def flow(x: int) -> list[Any]:
        futures = [ask(n) for n in range(3)]
        return [future.result() for future in futures]

    assert asked(caller.invoke(flow, 0, ONE)) == ["q0"]
    assert asked(caller.invoke(flow, Command(resume="A"), ONE)) == ["q1"]
    assert asked(caller.invoke(flow, Command(resume="B"), ONE)) == ["q2"]
    assert caller.invoke(flow, Command(resume="C"), ONE) == ["A", "B", "C"]


def test_async_tasks_ask_too_and_their_siblings_keep_their_work() -> None:
    done: list[str] = []

    @task
    async def ask(x: str) -> Any:
        return interrupt(x)

    @task
    async def work(x: str) -> str:
        await asyncio.sleep(0.01)
        done.append(x)
        return x.upper()

    @entrypoint(checkpointer=InMemorySaver())
    async def flow(x: int) -> list[Any]:
        return await asyncio.gather(ask("q"), work("w"))

    assert asked(run(flow.ainvoke(0, ONE))) == ["q"]
    assert run(flow.ainvoke(Command(resume="A"), ONE)) == ["A", "W"]
    assert done == ["w"]


def test_a_swallowed_pause_of_a_task_is_a_pause_all_the_same(caller: Caller) -> None:
    @task
    def ask(x: str) -> Any:
        return interrupt(x)

    @entrypoint(checkpointer=InMemorySaver())
    def flow(x: str) -> Any:
        try:
            return ask(x).result()
        except BaseException:
            return "swallowed"

    assert asked(caller.invoke(flow, "q", ONE)) == ["q"]
    assert caller.invoke(flow, Command(resume="A"), ONE) == "A"


# -- tasks everywhere


class Sums(TypedDict, total=False):
    """State of a graph around tasks."""

    x: Any
    messages: Annotated[list[Any], operator.add]


def test_tasks_in_nodes_of_a_graph(saver: BaseCheckpointSaver, caller: Caller) -> None:
    doubling = Doubling()

    def node(state: Sums) -> Sums:
        first = doubling.task(1).result()
        answer = interrupt("q")
        return {"x": [first, answer, doubling.task(2).result()]}

    graph = StateGraph(Sums).add_node("n", node).add_edge(START, "n").compile(checkpointer=saver)
    first = caller.stream(graph, {"x": 0}, ONE)
    assert (first[0], list(first[1])) == ({"double": 2}, ["__interrupt__"])
    assert caller.stream(graph, Command(resume="A"), ONE) == [{"double": 4}, {"n": {"x": [2, "A", 4]}}]
    assert doubling.calls == [1, 2]


def test_tasks_in_tools_of_a_tool_node(caller: Caller, doubling: Doubling) -> None:
    def charge(amount: int) -> str:
        """Charge an amount."""
        paid = doubling.task(amount).result()
        return f"{paid}, {interrupt('sure?')}"

    call = {"name": "charge", "args": {"amount": 4}, "id": "c1", "type": "tool_call"}
    graph = StateGraph(Sums).add_node("tools", ToolNode([charge])).add_edge(START, "tools")
    compiled = graph.compile(checkpointer=InMemorySaver())
    caller.invoke(compiled, {"messages": [AIMessage("", tool_calls=[call])]}, ONE)
    out = caller.invoke(compiled, Command(resume="yes"), ONE)
    assert out["messages"][-1].content == "8, yes"
    assert doubling.calls == [4]


def test_tasks_that_call_tasks(caller: Caller) -> None:
    doubling = Doubling()

    @task
    def outer(x: int) -> list[int]:
        return [doubling.task(x).result(), doubling.task(x + 1).result()]

    @entrypoint(checkpointer=InMemorySaver())
    def flow(x: int) -> list[Any]:
        return [outer(x).result(), interrupt("q")]

    chunks = caller.stream(flow, 10, ONE)
    assert chunks[:3] == [{"double": 20}, {"double": 22}, {"outer": [20, 22]}]
    assert caller.stream(flow, Command(resume="A"), ONE) == [{"flow": [[20, 22], "A"]}]
    assert doubling.calls == [10, 11]


def test_a_task_whose_own_tasks_finished_before_it_asked_keeps_them(caller: Caller) -> None:
    doubling = Doubling()

    @task
    def outer(x: int) -> list[Any]:
        return [doubling.task(x).result(), interrupt("q")]

    flow = entrypoint(checkpointer=InMemorySaver())(lambda x: outer(x).result())
    assert asked(caller.invoke(flow, 1, ONE)) == ["q"]
    assert caller.invoke(flow, Command(resume="A"), ONE) == [2, "A"]
    assert doubling.calls == [1]


def test_graphs_and_entrypoints_are_called_in_entrypoints_and_tasks_and_are_nodes(caller: Caller) -> None:
    one_more = StateGraph(Sums).add_node("up", lambda s: {"x": s["x"] + 1}).add_edge(START, "up").compile()
    twice = entrypoint()(lambda x: one_more.invoke({"x": one_more.invoke({"x": x})["x"]})["x"])

    @task
    def inside(x: int) -> Any:
        return one_more.invoke({"x": x})["x"]

    @entrypoint()
    def flow(x: int) -> list[int]:
        return [twice.invoke(x), inside(x).result()]

    assert caller.invoke(flow, 1) == [3, 2]
    inner = entrypoint()(lambda state: {"x": state["x"] + 5})
    graph = StateGraph(Sums).add_node("e", inner).add_edge(START, "e").compile()
    assert caller.stream(graph, {"x": 1}) == [{"e": {"x": 6}}]


# -- concurrency


def test_sync_tasks_run_beside_each_other(caller: Caller) -> None:
    meeting = threading.Barrier(3)

    @task
    def meet(x: int) -> int:
        meeting.wait(10)
        return x

    @entrypoint()
    def flow(n: int) -> list[int]:
        futures = [meet(x) for x in range(n)]
        return [future.result() for future in futures]

    assert caller.invoke(flow, 3) == [0, 1, 2]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_max_concurrency_bounds_the_tasks_of_a_sync_entrypoint(limit: int) -> None:
    at_work, most, lock = [0], [0], threading.Lock()

    @task
    def work(x: int) -> int:
        with lock:
            at_work[0] += 1
            most[0] = max(most[0], at_work[0])
        time.sleep(0.005)
        with lock:
            at_work[0] -= 1
        return x

    @entrypoint()
    def flow(n: int) -> int:
        return sum(future.result() for future in [work(x) for x in range(n)])

    assert flow.invoke(6, {"max_concurrency": limit}) == 15
    assert most[0] <= limit


@pytest.mark.parametrize(("limit", "most_at_once"), [(1, 1), (2, 1), (3, 2)])
def test_max_concurrency_bounds_the_tasks_of_an_async_entrypoint(limit: int, most_at_once: int) -> None:
    at_work, most = [0], [0]

    @task
    async def inner(x: int) -> int:
        return x

    @task
    async def work(x: int) -> int:
        at_work[0] += 1
        most[0] = max(most[0], at_work[0])
        await asyncio.sleep(0.002)
        found = await inner(x)
        at_work[0] -= 1
        return found

    @entrypoint()
    async def flow(n: int) -> int:
        return sum(await asyncio.gather(*(work(x) for x in range(n))))

    assert run(flow.ainvoke(5, {"max_concurrency": limit})) == 10
    assert most[0] == most_at_once


def test_tasks_that_wait_for_tasks_do_not_use_up_the_pool() -> None:
    @task
    def deep(n: int) -> int:
        return 0 if n == 0 else 1 + deep(n - 1).result()

    @entrypoint()
    def flow(n: int) -> int:
        return sum(future.result() for future in [deep(3) for _ in range(n)])

    assert flow.invoke(60) == 180


def test_a_map_of_many_calls(caller: Caller) -> None:
    doubling = Doubling()

    @entrypoint(checkpointer=InMemorySaver())
    def flow(n: int) -> int:
        total = sum(future.result() for future in [doubling.task(x) for x in range(n)])
        interrupt("q")
        return total

    caller.invoke(flow, 300, ONE)
    assert caller.invoke(flow, Command(resume=1), ONE) == 299 * 300
    assert sorted(doubling.calls) == list(range(300))


def test_futures_work_with_what_pythons_libraries_do_with_futures() -> None:
    @entrypoint()
    def flow(n: int) -> list[int]:
        futures = [add1(x) for x in range(n)]
        told: list[int] = []
        futures[0].add_done_callback(lambda future: told.append(future.result()))
        done = sorted(future.result() for future in concurrent.futures.as_completed(futures, timeout=10))
        return [*done, *told]

    assert flow.invoke(3) == [1, 2, 3, 1]


def test_context_variables_reach_tasks_on_other_threads(caller: Caller) -> None:
    import contextvars

    user: contextvars.ContextVar[str] = contextvars.ContextVar("user")

    @task
    def who(x: int) -> str:
        return user.get("nobody")

    @entrypoint()
    def flow(x: int) -> list[str]:
        user.set("ann")
        return [future.result() for future in [who(1), who(2)]]

    assert caller.invoke(flow, 1) == ["ann", "ann"]
