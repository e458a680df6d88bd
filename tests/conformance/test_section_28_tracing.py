"""Section 28: the run tree that tracers see, and callbacks of graphs. Observed on LangGraph 1.2.22."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from clew.callbacks import GraphCallbackHandler, GraphInterruptEvent, GraphResumeEvent
from clew.checkpoint.base import BaseCheckpointSaver
from clew.checkpoint.memory import InMemorySaver
from clew.constants import TAG_HIDDEN
from clew.func import entrypoint, task
from clew.graph import START, MessagesState, StateGraph
from clew.types import Command, Interrupt, TracePolicy, interrupt, omit_payload
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.schemas import Run

from tests.support.labels import Labels

from .callers import Caller
from .streamed import INPUT, THREAD, Failing, State, asking, chain, named, two_questions


class Listener(GraphCallbackHandler):
    """Writes down what it hears: chains by name, with their parent's name and library tags."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []
        self.events: list[Any] = []
        self.metadata: dict[str, dict[str, Any]] = {}
        self._names: dict[UUID | None, str] = {None: ""}

    def on_chain_start(
        self,
        serialized: Any,
        inputs: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self._names[run_id] = kwargs["name"]
        self.metadata[kwargs["name"]] = metadata or {}
        self.heard.append(("start", kwargs["name"], self._names[parent_run_id], sorted(tags or ()), inputs))

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **kwargs: Any) -> None:
        self.heard.append(("end", self._names[run_id], outputs))

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        self.heard.append(("error", self._names[run_id], error))

    def on_interrupt(self, event: GraphInterruptEvent) -> None:
        self.events.append(event)
        self.heard.append(("interrupt",))

    def on_resume(self, event: GraphResumeEvent) -> None:
        self.events.append(event)
        self.heard.append(("resume",))

    @property
    def story(self) -> list[str]:
        """The heard events by kind and name."""
        return [" ".join(part for part in one[:2] if isinstance(part, str)) for one in self.heard]


class Tracer(BaseTracer):
    """Keeps the tree of the last trace."""

    def __init__(self) -> None:
        super().__init__()
        self.root: Run | None = None

    def _persist_run(self, run: Run) -> None:
        self.root = run


def listened(caller: Caller, graph: Any, given: Any, config: Any = None, **options: Any) -> Listener:
    """What is heard of one call."""
    listener = Listener()
    caller.invoke(graph, given, {**THREAD, **(config or {}), "callbacks": [listener]}, **options)
    return listener


# -- the run tree


def test_a_chain_of_runs_below_the_root_named_by_graph_and_nodes(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b").compile(checkpointer=saver, name="G")
    listener = listened(caller, graph, INPUT, {"tags": ["ct"], "metadata": {"cm": 1}})
    assert listener.heard == [
        ("start", "G", "", ["ct"], INPUT),
        ("start", "a", "G", ["ct", "graph:step:1"], {"x": 1, "l": []}),
        ("end", "a", {"l": ["a"]}),
        ("start", "b", "G", ["ct", "graph:step:2"], {"x": 1, "l": ["a"]}),
        ("end", "b", {"l": ["b"]}),
        ("end", "G", {"x": 1, "l": ["a", "b"]}),
    ]
    root = {"cm": 1, "thread_id": "1", "ls_integration": "langgraph"}
    assert listener.metadata["G"] == root
    assert Labels()(listener.metadata["a"]) == {
        **root,
        "langgraph_step": 1,
        "langgraph_node": "a",
        "langgraph_triggers": ("branch:to:a",),
        "langgraph_path": ("__pregel_pull", "a"),
        "langgraph_checkpoint_ns": "a:<1>",
    }


def test_the_callers_tags_stand_behind_the_steps_own(caller: Caller) -> None:
    tagged: list[tuple[str, list[str]]] = []

    class Tags(BaseCallbackHandler):
        def on_chain_start(self, serialized: Any, inputs: Any, *, tags: Any = None, **kwargs: Any) -> None:
            tagged.append((kwargs["name"], tags))

    def to_a(state: State) -> str:
        return "a"

    builder = StateGraph(State).add_node("a", named("a")).add_conditional_edges(START, to_a, ["a"])
    caller.invoke(builder.compile(), INPUT, {"tags": ["one", "two"], "callbacks": [Tags()]})
    assert tagged == [
        ("LangGraph", ["one", "two"]),
        ("__start__", ["graph:step:0", "one", "two", TAG_HIDDEN]),
        ("to_a", ["seq:step:2", "one", "two", TAG_HIDDEN]),
        ("a", ["graph:step:1", "one", "two"]),
    ]


def test_a_chain_of_runnables_has_its_steps_right_below_its_node(caller: Caller) -> None:
    body = RunnableLambda(lambda state: state["x"]) | RunnableLambda(lambda x: {"x": x + 1})
    builder = StateGraph(State).add_node("a", body).add_edge(START, "a")
    builder.add_conditional_edges("a", lambda state: "b", ["b"]).add_node("b", named("b"))
    heard = [one[:4] for one in listened(caller, builder.compile(), INPUT).heard if one[0] == "start"]
    assert heard[1:5] == [
        ("start", "a", "LangGraph", ["graph:step:1"]),
        ("start", "RunnableLambda", "a", ["seq:step:1"]),
        ("start", "RunnableLambda", "a", ["seq:step:2"]),
        ("start", "RunnableCallable", "a", ["seq:step:4"]),
    ]


def test_an_async_path_function_has_one_run() -> None:
    async def to_b(state: State) -> str:
        return "b"

    builder = StateGraph(State).add_node("a", named("a")).add_node("b", named("b")).add_edge(START, "a")
    graph = builder.add_conditional_edges("a", to_b, ["b"]).compile()
    listener = Listener()
    asyncio.run(graph.ainvoke(INPUT, {"callbacks": [listener]}))
    assert [one[2] if one[0] == "end" else one[0] for one in listener.heard if one[1] == "to_b"] == ["start", "b"]


def test_a_tasks_run_shows_its_arguments_by_name_and_its_result() -> None:
    @task
    def add(a: int, b: int = 2, *more: int, **others: Any) -> int:
        return a + b

    @entrypoint()
    def flow(given: int) -> int:
        return add(given, 4, 6, c=7).result()

    listener = Listener()
    assert flow.invoke(1, {"callbacks": [listener]}) == 5
    assert [one[-1] for one in listener.heard if one[1] == "add"] == [{"a": 1, "b": 4, "more": (6,), "c": 7}, 5]


def test_a_task_called_in_a_task_runs_below_it_as_its_step() -> None:
    @task
    def inner(x: int) -> int:
        return x + 1

    @task
    def outer(x: int) -> int:
        return inner(x).result()

    @entrypoint()
    def flow(x: int) -> int:
        return outer(x).result()

    heard = Listener()
    flow.invoke(1, {"callbacks": [heard]})
    started = [one[1:4] for one in heard.heard if one[0] == "start"]
    assert started[-2:] == [("outer", "flow", ["seq:step:1"]), ("inner", "outer", ["seq:step:1"])]


def test_the_root_takes_the_run_name_and_id_of_the_config(caller: Caller) -> None:
    run_id = UUID("018f3f3e-0000-7000-8000-000000000001")
    tracer = Tracer()
    given = {"run_name": "mine", "run_id": run_id, "callbacks": [tracer]}
    caller.invoke(chain("a").compile(name="G"), INPUT, given)
    assert tracer.root is not None
    assert (tracer.root.name, tracer.root.id) == ("mine", run_id)


def test_the_roots_output_is_what_the_caller_gets(caller: Caller) -> None:
    assert listened(caller, chain("a").compile(), INPUT, output_keys="l").heard[-1][2] == ["a"]
    assert listened(caller, chain("a").compile(), INPUT, output_keys=["x"]).heard[-1][2] == {"x": 1}


def test_a_nodes_output_is_what_it_returned(caller: Caller) -> None:
    command = Command(goto="b", update={"x": 4})
    builder = StateGraph(State).add_node("a", lambda state: command).add_node("b", lambda state: None)
    listener = listened(caller, builder.add_edge(START, "a").compile(), INPUT)
    assert [one[2] for one in listener.heard if one[0] == "end"] == [command, None, {"x": 4, "l": []}]


def test_path_functions_have_runs_below_their_nodes(caller: Caller) -> None:
    def first(state: State) -> str:
        return "b"

    def second(state: State) -> str:
        return "b"

    builder = StateGraph(State).add_node("a", named("a")).add_node("b", named("b")).add_node("z", named("z"))
    builder.add_edge(START, "a").add_edge("a", "z").add_edge(["a", "z"], "b")
    builder.add_conditional_edges("a", first, ["b"]).add_conditional_edges("a", second, ["b"])
    listener = listened(caller, builder.compile(), INPUT)
    seen = {"x": 1, "l": ["a"]}
    # Body, writes, an edge and a join come before.
    assert listener.heard[2:6] == [
        ("start", "first", "a", ["seq:step:5"], seen),
        ("end", "first", "b"),
        ("start", "second", "a", ["seq:step:6"], seen),
        ("end", "second", "b"),
    ]
    assert listener.metadata["first"]["langgraph_node"] == "a"


def test_path_functions_of_start_run_below_a_hidden_run(caller: Caller) -> None:
    builder = StateGraph(State).add_node("a", named("a"))
    builder.add_conditional_edges(START, RunnableLambda(lambda state: "a", name="way"), ["a"])
    listener = listened(caller, builder.compile(), INPUT)
    assert listener.heard[1:5] == [
        ("start", "__start__", "LangGraph", ["graph:step:0", TAG_HIDDEN], {"x": 1, "l": []}),
        ("start", "way", "__start__", [TAG_HIDDEN, "seq:step:2"], {"x": 1, "l": []}),
        ("end", "way", "a"),
        ("end", "__start__", {"x": 1, "l": []}),
    ]


def test_a_path_function_that_raises_ends_with_its_error() -> None:
    def path(state: State) -> str:
        raise ValueError("no way")

    builder = StateGraph(State).add_node("a", named("a")).add_edge(START, "a")
    graph, listener = builder.add_conditional_edges("a", path, ["a"]).compile(), Listener()
    with pytest.raises(ValueError, match="no way"):
        graph.invoke(INPUT, {"callbacks": [listener]})
    assert listener.story[2:] == ["start path", "error path", "error a", "error LangGraph"]


def test_a_question_in_a_path_function_is_an_error_of_its_run(saver: BaseCheckpointSaver) -> None:
    def path(state: State) -> str:
        return interrupt("where?")

    builder = StateGraph(State).add_node("a", named("a")).add_node("b", named("b")).add_edge(START, "a")
    graph = builder.add_conditional_edges("a", path, ["b"]).compile(checkpointer=saver)
    assert listened(Caller(), graph, INPUT).story == [
        *("start LangGraph", "start a", "start path", "error path", "error a", "interrupt", "end LangGraph")
    ]
    assert graph.invoke(Command(resume="b"), THREAD)["l"] == ["a", "b"]


def test_a_runnable_has_a_run_of_its_own_and_a_function_has_none(caller: Caller) -> None:
    node = RunnableLambda(named("r"), name="inner")
    graph = StateGraph(State).add_node("r", node).add_edge(START, "r").compile()
    starts = [one[1:4] for one in listened(caller, graph, INPUT).heard if one[0] == "start"]
    assert starts == [("LangGraph", "", []), ("r", "LangGraph", ["graph:step:1"]), ("inner", "r", ["seq:step:1"])]


def test_what_nodes_and_path_functions_call_runs_below_them() -> None:
    model = GenericFakeChatModel(messages=iter([AIMessage("one"), AIMessage("two")]))

    def node(state: Any) -> None:
        model.invoke("node")

    def path(state: Any) -> str:
        return model.invoke("path") and "end"

    builder = StateGraph(MessagesState).add_node("n", node).add_node("end", lambda state: None).add_edge(START, "n")
    tracer = Tracer()
    builder.add_conditional_edges("n", path, ["end"]).compile().invoke({"messages": []}, {"callbacks": [tracer]})
    assert tracer.root is not None
    below = tracer.root.child_runs[0]
    assert [run.name for run in below.child_runs] == ["GenericFakeChatModel", "path"]
    assert [run.name for run in below.child_runs[1].child_runs] == ["GenericFakeChatModel"]


def test_a_failure_ends_its_node_and_the_root_with_the_error(saver: BaseCheckpointSaver) -> None:
    listener = Listener()
    with pytest.raises(ValueError, match="boom") as raised:
        Failing().builder.compile(checkpointer=saver).invoke(INPUT, {**THREAD, "callbacks": [listener]})
    errors = [one for one in listener.heard if one[0] == "error"]
    assert errors == [("error", "bad", raised.value), ("error", "LangGraph", raised.value)]
    assert ("end", "ok", {"l": ["ok"]}) in listener.heard


def test_events_of_langchain_core_show_nodes_paths_and_tokens() -> None:
    model = GenericFakeChatModel(messages=iter([AIMessage("hi you", id="a")]))

    async def node(state: Any) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    def path(state: Any) -> str:
        return "last"

    builder = StateGraph(MessagesState).add_node("n", node).add_node("last", lambda state: None).add_edge(START, "n")
    graph = builder.add_conditional_edges("n", path, ["last"]).compile(name="G")

    async def read() -> list[Any]:
        given = {"messages": [HumanMessage("q", id="h")]}
        return [(one["event"], one["name"]) async for one in graph.astream_events(given, version="v2")]

    token = ("on_chat_model_stream", "GenericFakeChatModel")
    assert asyncio.run(read()) == [
        ("on_chain_start", "G"),
        ("on_chain_start", "n"),
        ("on_chat_model_start", "GenericFakeChatModel"),
        *[token] * 3,
        ("on_chat_model_end", "GenericFakeChatModel"),
        ("on_chain_start", "path"),
        ("on_chain_end", "path"),
        ("on_chain_stream", "n"),
        ("on_chain_end", "n"),
        ("on_chain_stream", "G"),
        ("on_chain_start", "last"),
        ("on_chain_stream", "last"),
        ("on_chain_end", "last"),
        ("on_chain_stream", "G"),
        ("on_chain_end", "G"),
    ]


# -- callbacks of graphs


def test_a_question_is_told_once_by_the_root_which_ends_well(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = asking().compile(checkpointer=saver)
    listener = listened(caller, graph, INPUT)
    (asked,) = graph.get_state(THREAD).interrupts
    at = graph.get_state(THREAD).config["configurable"]["checkpoint_id"]
    assert listener.story == ["start LangGraph", "start ask", "error ask", "interrupt", "end LangGraph"]
    (event,) = listener.events
    assert isinstance(event.run_id, UUID)
    assert event == GraphInterruptEvent(event.run_id, "pending", at, (), (asked,))
    assert listener.heard[2][2].args[0] == [asked] or listener.heard[2][2].args[0] == (asked,)
    assert listener.heard[-1] == ("end", "LangGraph", {"x": 1, "l": []})


def test_going_on_is_told_before_the_first_node(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = asking().compile(checkpointer=saver)
    caller.invoke(graph, INPUT, THREAD)
    at = graph.get_state(THREAD).config["configurable"]["checkpoint_id"]
    listener = listened(caller, graph, Command(resume="A"))
    assert listener.story[:3] == ["start LangGraph", "resume", "start ask"]
    resumed, asked = listener.events
    assert resumed == GraphResumeEvent(asked.run_id, "pending", at, ())
    assert [one.value for one in asked.interrupts] == [{"q": "q2"}]
    assert listened(caller, graph, Command(resume="B")).story == [
        *("start LangGraph", "resume", "start ask", "end ask", "start after", "end after", "end LangGraph")
    ]
    at_rest = graph.get_state(THREAD).config["configurable"]["checkpoint_id"]
    idle = listened(caller, graph, None)
    assert idle.story == ["start LangGraph", "resume", "end LangGraph"]
    assert idle.events[0].checkpoint_id == at_rest


def test_all_open_questions_are_told_together(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = two_questions().compile(checkpointer=saver)
    (event,) = listened(caller, graph, INPUT).events
    assert event.interrupts == graph.get_state(THREAD).interrupts
    assert {type(one) for one in event.interrupts} == {Interrupt}


def test_new_input_is_no_resume(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a").compile(checkpointer=saver)
    caller.invoke(graph, INPUT, THREAD)
    assert listened(caller, graph, INPUT).events == []


def test_breakpoints_are_told_with_their_side(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = chain("a", "b", "c").compile(checkpointer=saver)
    (before,) = listened(caller, graph, INPUT, interrupt_before=["b"]).events
    resumed, after = listened(caller, graph, None, interrupt_after=["b"]).events
    assert (before.status, before.interrupts) == ("interrupt_before", ())
    assert (resumed.status, after.status) == ("pending", "interrupt_after")
    assert resumed.checkpoint_id == before.checkpoint_id != after.checkpoint_id
    kept_nowhere = listened(caller, chain("a", "b").compile(), INPUT, interrupt_before=["b"])
    assert [event.status for event in kept_nowhere.events] == ["interrupt_before"]


def test_only_graph_handlers_hear_of_it_and_async_ones_do_too() -> None:
    heard: list[str] = []

    class Plain(BaseCallbackHandler):
        def on_interrupt(self, event: Any) -> None:
            heard.append("plain")

    class Late(GraphCallbackHandler, AsyncCallbackHandler):
        async def on_interrupt(self, event: GraphInterruptEvent) -> None:
            await asyncio.sleep(0)
            heard.append("async")

    graph = asking().compile(checkpointer=InMemorySaver())
    asyncio.run(graph.ainvoke(INPUT, {**THREAD, "callbacks": [Plain(), Late()]}))
    assert heard == ["async"]


# -- what is recorded of a node


def policed(policy: TracePolicy) -> Any:
    return StateGraph(State).add_node("a", named("a"), trace_policy=policy).add_edge(START, "a").compile()


def test_a_trace_policy_changes_what_tracers_record_and_nothing_else(caller: Caller) -> None:
    tracer, listener = Tracer(), Listener()
    graph = policed(TracePolicy(process_inputs=omit_payload, process_outputs=lambda output: {"n": len(output)}))
    assert caller.invoke(graph, INPUT, {"callbacks": [tracer, listener]})["l"] == ["a"]
    assert tracer.root is not None
    (node,) = tracer.root.child_runs
    assert (node.inputs, node.outputs) == ({}, {"n": 1})
    assert tracer.root.inputs == INPUT
    assert ("start", "a", "LangGraph", ["graph:step:1"], {"x": 1, "l": []}) in listener.heard
    assert ("end", "a", {"l": ["a"]}) in listener.heard


def test_a_trace_policy_that_raises_records_the_payload_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    def broken(value: Any) -> Any:
        raise ValueError("policy")

    tracer = Tracer()
    graph = policed(TracePolicy(process_inputs=broken, process_outputs=broken))
    assert graph.invoke(INPUT, {"callbacks": [tracer]})["l"] == ["a"]
    assert tracer.root is not None
    (node,) = tracer.root.child_runs
    assert (node.inputs, node.outputs) == ({"x": 1, "l": []}, {"l": ["a"]})
    assert len(caplog.records) == 2
