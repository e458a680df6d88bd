"""Section 17: the ways to call a graph, what input means, what a config says, and what comes back."""

from __future__ import annotations

import asyncio
import operator
import uuid
from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest
from clew import END, START, Command, InMemorySaver, MessagesState, StateGraph, interrupt
from clew.checkpoint import BaseCheckpointSaver
from clew.errors import EmptyInputError, InvalidUpdateError, NothingToResumeError
from clew.graph.state import CompiledStateGraph
from clew.pregel import Pregel
from clew.types import GraphOutput, Overwrite, Send
from clew.warnings import LangGraphDeprecatedSinceV10
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import Runnable, RunnableLambda
from pydantic import BaseModel
from typing_extensions import TypedDict

from .callers import Caller, run
from .programs import ONE, chain, rows

GIVEN: dict[str, Any] = {"x": 1}
DONE: dict[str, Any] = {"x": 1, "l": ["a", "b"]}


class State(TypedDict):
    """As the other sections' state; pydantic wants this TypedDict for schemas."""

    x: int
    l: Annotated[list[Any], operator.add]  # noqa: E741  # the specification's name


def graph(**options: Any) -> CompiledStateGraph:
    """START -> a -> b."""
    return chain("a", "b").compile(**options)


def of(node: Any, schema: Any = State) -> StateGraph:
    """START -> n."""
    return StateGraph(schema).add_node("n", node).add_edge(START, "n")


def on(thread: Any) -> dict[str, Any]:
    """The config of a thread."""
    return {"configurable": {"thread_id": thread}}


# -- 17.1: the doors


def test_a_compiled_graph_is_a_runnable_and_a_pregel() -> None:
    assert isinstance(graph(), Runnable)
    assert isinstance(graph(), Pregel)
    assert isinstance(graph(), CompiledStateGraph)


def test_input_and_config_have_their_names() -> None:
    assert graph().invoke(input=GIVEN, config={"tags": []}) == DONE
    assert run(graph().ainvoke(input=GIVEN, config={"tags": []})) == DONE
    assert list(graph().stream(input=GIVEN, config=None)) == [{"a": {"l": ["a"]}}, {"b": {"l": ["b"]}}]


def test_a_batch_runs_each_input_by_itself(saver: BaseCheckpointSaver) -> None:
    inputs: list[Any] = [{"x": 1}, {"x": 2}]
    answers = [{"x": 1, "l": ["a", "b"]}, {"x": 2, "l": ["a", "b"]}]
    assert graph().batch(inputs) == answers
    assert run(graph().abatch(inputs)) == answers
    assert graph().batch(inputs, {"max_concurrency": 1}) == answers
    assert graph().batch(inputs, output_keys="x") == [1, 2]
    kept = graph(checkpointer=saver)
    assert kept.batch(inputs, [on("1"), on("2")]) == answers  # type: ignore[list-item]
    assert [kept.get_state(on(thread)).values["x"] for thread in ("1", "2")] == [1, 2]


def test_a_batch_gives_results_as_they_come() -> None:
    inputs: list[Any] = [{"x": 1}, {"x": 2}]

    async def acompleted() -> list[Any]:
        return [pair async for pair in graph().abatch_as_completed(inputs)]

    for pairs in (graph().batch_as_completed(inputs), run(acompleted())):
        assert sorted(pairs, key=lambda pair: pair[0]) == [
            (0, {"x": 1, "l": ["a", "b"]}),
            (1, {"x": 2, "l": ["a", "b"]}),
        ]


def test_a_failure_in_a_batch_is_raised_or_returned() -> None:
    def node(state: State) -> dict[str, Any]:
        if state["x"] == 2:
            raise ValueError("two")
        return {}

    failing = of(node).compile()
    with pytest.raises(ValueError, match="two"):
        failing.batch([{"x": 1}, {"x": 2}])
    first, second = failing.batch([{"x": 1}, {"x": 2}], return_exceptions=True)
    assert (first, str(second)) == ({"x": 1, "l": []}, "two")


def test_it_stands_in_chains(caller: Caller) -> None:
    chains: list[tuple[Runnable[Any, Any], Any, Any]] = [
        (graph() | (lambda output: output["l"]), GIVEN, ["a", "b"]),
        (graph().pipe(lambda output: output["x"]), GIVEN, 1),
        (RunnableLambda(lambda x: {"x": x}) | graph(), 3, {"x": 3, "l": ["a", "b"]}),
        ((lambda x: {"x": x}) | graph(), 4, {"x": 4, "l": ["a", "b"]}),
        ({"x": lambda x: x + 1} | graph(), 4, {"x": 5, "l": ["a", "b"]}),
        (graph().assign(n=lambda output: len(output["l"])), GIVEN, {**DONE, "n": 2}),
        (graph().pick("x"), GIVEN, 1),
        (graph().pick(["x"]), GIVEN, {"x": 1}),
        (graph().bind(output_keys="x"), GIVEN, 1),
        (graph().with_types(input_type=dict), GIVEN, DONE),
    ]
    for composed, given, expected in chains:
        assert caller.invoke(composed, given) == expected
    assert caller.invoke(graph().map(), [{"x": 1}, {"x": 2}]) == [DONE, {**DONE, "x": 2}]


def test_it_is_retried_and_has_fallbacks(caller: Caller) -> None:
    tries: list[int] = []

    def node(state: State) -> dict[str, Any]:
        tries.append(1)
        if len(tries) < 3:
            raise ValueError("not yet")
        return {"l": ["n"]}

    retried = of(node).compile().with_retry(stop_after_attempt=3, wait_exponential_jitter=False)
    assert caller.invoke(retried, GIVEN) == {"x": 1, "l": ["n"]}
    tries.clear()
    assert caller.invoke(of(node).compile().with_fallbacks([graph()]), GIVEN) == DONE


def test_it_has_listeners(caller: Caller) -> None:
    heard: list[Any] = []
    listened = graph().with_listeners(
        on_start=lambda run: heard.append(run.name), on_end=lambda run: heard.append(run.outputs)
    )
    caller.invoke(listened, GIVEN)
    assert heard == ["LangGraph", DONE]


@pytest.mark.filterwarnings("ignore:This API is in beta")
def test_it_is_a_tool(caller: Caller) -> None:
    tool = of(lambda state: {"l": ["n"]}).compile().as_tool(name="sign", description="Signs.")
    assert (tool.name, tool.description) == ("sign", "Signs.")
    assert caller.invoke(tool, {"x": 1, "l": []}) == {"x": 1, "l": ["n"]}


def test_it_transforms_a_stream_of_inputs() -> None:
    async def inputs() -> Any:
        yield GIVEN

    async def transformed() -> list[Any]:
        return [chunk async for chunk in graph().atransform(inputs())]

    chunks = [{"a": {"l": ["a"]}}, {"b": {"l": ["b"]}}]
    assert list(graph().transform(iter([GIVEN]))) == chunks
    assert run(transformed()) == chunks


@pytest.mark.filterwarnings("ignore:astream_events version='v1' is deprecated")
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_langchains_events_are_there(version: Any) -> None:
    async def events(**options: Any) -> list[Any]:
        stream: Any = graph().astream_events(GIVEN, version=version, **options)
        return [(event["event"], event["name"]) async for event in stream]

    assert run(events()) == [
        ("on_chain_start", "LangGraph"),
        ("on_chain_start", "a"),
        ("on_chain_stream", "a"),
        ("on_chain_end", "a"),
        ("on_chain_stream", "LangGraph"),
        ("on_chain_start", "b"),
        ("on_chain_stream", "b"),
        ("on_chain_end", "b"),
        ("on_chain_stream", "LangGraph"),
        ("on_chain_end", "LangGraph"),
    ]
    named = run(events(include_names=["a"]))
    assert [name for name, _ in named] == ["on_chain_start", "on_chain_stream", "on_chain_end"]


def test_sync_events_of_versions_1_and_2_are_not_there() -> None:
    with pytest.raises(NotImplementedError, match="v3"):
        graph().stream_events(GIVEN, version="v2")


@pytest.mark.filterwarnings("ignore:astream_log is deprecated")
def test_the_log_of_a_run_is_there() -> None:
    async def last() -> Any:
        patches = [patch async for patch in graph().astream_log(GIVEN, diff=False)]
        return patches[-1].state

    state = run(last())
    assert state["final_output"] == {"b": {"l": ["b"]}}
    assert sorted(state["logs"]) == ["a", "b"]


def test_print_mode_prints_and_changes_nothing(caller: Caller, capsys: pytest.CaptureFixture[str]) -> None:
    assert caller.invoke(graph(), GIVEN, print_mode="updates") == DONE
    printed = capsys.readouterr().out
    assert printed.count("[updates]") == 2
    assert "{'a': {'l': ['a']}}" in printed
    chunks = caller.stream(graph(), GIVEN, stream_mode="updates", print_mode=["values"])
    assert chunks == [{"a": {"l": ["a"]}}, {"b": {"l": ["b"]}}]
    assert capsys.readouterr().out.count("[values]") == 3


def test_debug_prints_updates_and_values(caller: Caller, capsys: pytest.CaptureFixture[str]) -> None:
    for debugged, options in ((graph(), {"debug": True}), (graph(debug=True), {})):
        assert caller.invoke(debugged, GIVEN, **options) == DONE
        printed = capsys.readouterr().out
        assert (printed.count("[updates]"), printed.count("[values]")) == (2, 3)


def test_output_keys_restrict_what_comes_back(caller: Caller) -> None:
    assert caller.invoke(graph(), GIVEN, output_keys="x") == 1
    assert caller.invoke(graph(), GIVEN, output_keys=["l"]) == {"l": ["a", "b"]}
    with pytest.raises(ValueError, match="nowhere"):
        caller.invoke(graph(), GIVEN, output_keys="nowhere")
    assert caller.stream(graph(), GIVEN, output_keys="l", stream_mode="values") == [["a"], ["a", "b"]]
    assert caller.stream(graph(), GIVEN, output_keys=["x"]) == [{"a": None}, {"b": None}]


def test_what_a_call_asks_comes_with_the_restricted_output(saver: BaseCheckpointSaver, caller: Caller) -> None:
    class Out(TypedDict):
        x: int

    def node(state: State) -> dict[str, Any]:
        return {"l": [interrupt("q")] if state["l"] else []}

    asks = StateGraph(State, output_schema=Out).add_node("n", node).add_edge(START, "n").compile(checkpointer=saver)
    assert caller.invoke(asks, GIVEN, on("q")) == {"x": 1}
    output = caller.invoke(asks, {"l": [1]}, on("q"))
    assert ([question.value for question in output.pop("__interrupt__")], output) == (["q"], {"x": 1})
    output = caller.invoke(asks, {"l": [1]}, on("q"), output_keys=["l"])
    assert (len(output.pop("__interrupt__")), output) == (1, {"l": [1, 1]})
    output = caller.invoke(asks, {"l": [1]}, on("q"), output_keys="x")
    assert list(output) == ["__interrupt__"]


def test_an_unknown_keyword_warns(caller: Caller) -> None:
    with pytest.warns(UserWarning, match="wibble"):
        assert caller.invoke(graph(), GIVEN, wibble=1) == DONE


# -- 17.1: looks and copies


def test_the_name_is_the_graphs() -> None:
    assert (graph().name, graph().get_name(), graph(name="N").get_name()) == ("LangGraph", "LangGraph", "N")
    assert graph(name="N").get_name("Suffix") == "NSuffix"


def test_attributes_say_how_it_was_compiled() -> None:
    saver = InMemorySaver()
    compiled = chain("a", "b").compile(checkpointer=saver, interrupt_before=["a"], interrupt_after="*", debug=True)
    assert (compiled.checkpointer, compiled.store, compiled.cache, compiled.debug) == (saver, None, None, True)
    assert (compiled.interrupt_before_nodes, compiled.interrupt_after_nodes) == (["a"], "*")
    assert (compiled.stream_mode, compiled.input_channels, compiled.output_channels) == (
        "updates",
        "__start__",
        ["x", "l"],
    )
    assert (compiled.stream_channels, compiled.stream_channels_list, compiled.step_timeout) == (
        ["x", "l"],
        ["x", "l"],
        None,
    )
    assert (compiled.retry_policy, compiled.cache_policy, compiled.context_schema, compiled.config) == (
        (),
        None,
        None,
        None,
    )
    assert list(compiled.nodes) == ["__start__", "a", "b"]
    assert compiled.validate() is compiled
    assert list(compiled.get_subgraphs()) == []


def test_attributes_can_be_set(caller: Caller, saver: BaseCheckpointSaver) -> None:
    changed = graph()
    changed.stream_mode = "values"
    assert caller.stream(changed, GIVEN) == [{"x": 1, "l": []}, {"x": 1, "l": ["a"]}, DONE]
    changed.stream_mode = ["values"]
    assert caller.stream(changed, GIVEN)[-1] == ("values", DONE)
    assert caller.invoke(changed, GIVEN) == DONE
    changed.checkpointer = saver
    changed.interrupt_before_nodes = ["b"]
    assert caller.invoke(changed, GIVEN, ONE) == {"x": 1, "l": ["a"]}
    assert caller.state(changed, ONE).next == ("b",)


def test_a_copy_is_changed_and_the_original_is_not(caller: Caller) -> None:
    original = graph()
    copy = original.copy({"name": "K", "interrupt_after_nodes": ["a"], "stream_mode": "values"})
    assert (copy.name, original.name) == ("K", "LangGraph")
    assert (caller.invoke(copy, GIVEN)["l"], caller.invoke(original, GIVEN)["l"]) == (["a"], ["a", "b"])
    assert caller.stream(copy, GIVEN) == [{"x": 1, "l": []}, {"x": 1, "l": ["a"]}]
    same = original.copy()
    assert same is not original
    assert list(same.nodes) == list(original.nodes)


SCHEMA = {
    "title": "State",
    "description": "As the other sections' state; pydantic wants this TypedDict for schemas.",
    "type": "object",
    "properties": {"x": {"title": "X", "type": "integer"}, "l": {"items": {}, "title": "L", "type": "array"}},
    "required": ["x", "l"],
}


class Context(BaseModel):
    k: int
    s: str = "d"


CONTEXT = {
    "title": "Context",
    "type": "object",
    "properties": {"k": {"title": "K", "type": "integer"}, "s": {"default": "d", "title": "S", "type": "string"}},
    "required": ["k"],
}


def test_json_schemas_of_input_output_and_context() -> None:
    compiled = of(lambda state: {}).compile()
    assert compiled.get_input_jsonschema() == compiled.get_output_jsonschema() == SCHEMA
    assert compiled.get_context_jsonschema() is None
    with pytest.warns(LangGraphDeprecatedSinceV10, match="get_context_jsonschema"):
        assert compiled.get_config_jsonschema() == {"title": "LangGraphConfig", "type": "object", "properties": {}}
    given = StateGraph(State, context_schema=Context).add_node("n", lambda state: {}).add_edge(START, "n").compile()
    assert given.get_context_jsonschema() == CONTEXT
    with pytest.warns(LangGraphDeprecatedSinceV10, match="get_context_jsonschema"):
        assert given.config_schema().model_json_schema() == {
            "$defs": {"Context": CONTEXT},
            "title": "LangGraphConfig",
            "type": "object",
            "properties": {"configurable": {"$ref": "#/$defs/Context", "default": None}},
        }


def test_pydantic_models_of_input_output_and_config() -> None:
    compiled = of(lambda state: {}).compile()
    assert compiled.get_input_schema().model_json_schema() == {
        "$defs": {"State": SCHEMA},
        "$ref": "#/$defs/State",
        "title": "LangGraphInput",
    }
    assert compiled.get_output_schema().model_json_schema() == {
        "title": "LangGraphOutput",
        "type": "object",
        "properties": {
            "x": {"default": None, "title": "X", "type": "integer"},
            "l": {"default": None, "items": {}, "title": "L", "type": "array"},
        },
    }
    with pytest.warns(LangGraphDeprecatedSinceV10):
        made = compiled.config_schema(include=["recursion_limit", "tags", "nothing"])
    assert made.model_json_schema() == {
        "title": "LangGraphConfig",
        "type": "object",
        "properties": {
            "tags": {"default": None, "title": "Tags", "type": "array", "items": {"type": "string"}},
            "recursion_limit": {"default": None, "title": "Recursion Limit", "type": "integer"},
        },
    }


def test_the_graph_can_be_drawn() -> None:
    drawn = graph().get_graph()
    assert list(drawn.nodes) == ["__start__", "a", "b", "__end__"]
    assert list(run(graph().aget_graph()).nodes) == list(drawn.nodes)


# -- 17.2: what input means


def started(saver: BaseCheckpointSaver, caller: Caller) -> Any:
    """A graph whose thread has finished once."""
    compiled = graph(checkpointer=saver)
    caller.invoke(compiled, GIVEN, ONE)
    return compiled


def test_a_dict_starts_a_thread_and_is_a_new_turn_later(saver: BaseCheckpointSaver, caller: Caller) -> None:
    compiled = started(saver, caller)
    assert caller.invoke(compiled, {"x": 2}, ONE) == {"x": 2, "l": ["a", "b", "a", "b"]}
    assert [row[:2] for row in rows(caller.history(compiled, ONE))][:4] == [
        ("loop", 6),
        ("loop", 5),
        ("loop", 4),
        ("input", 3),
    ]


def test_an_empty_dict_is_input_too(saver: BaseCheckpointSaver, caller: Caller) -> None:
    compiled = graph(checkpointer=saver)
    assert caller.invoke(compiled, {}, ONE) == {"l": ["a", "b"]}
    assert caller.invoke(compiled, {}, ONE) == {"l": ["a", "b", "a", "b"]}
    assert caller.invoke(graph(), {}) == {"l": ["a", "b"]}


def test_keys_that_the_input_schema_lacks_are_dropped(saver: BaseCheckpointSaver, caller: Caller) -> None:
    compiled = graph(checkpointer=saver)
    assert caller.invoke(compiled, {"x": 1, "other": 3}, ONE) == DONE
    assert caller.invoke(compiled, {"other": 3}, ONE) == {"x": 1, "l": ["a", "b", "a", "b"]}


def test_none_needs_something_to_go_on_with(saver: BaseCheckpointSaver, caller: Caller) -> None:
    with pytest.raises(EmptyInputError):
        caller.invoke(graph(checkpointer=saver), None, ONE)
    with pytest.raises(EmptyInputError):
        caller.invoke(graph(), None)


def test_none_on_a_finished_thread_changes_nothing(saver: BaseCheckpointSaver, caller: Caller) -> None:
    compiled = started(saver, caller)
    before = rows(caller.history(compiled, ONE))
    assert caller.invoke(compiled, None, ONE) == DONE
    assert caller.stream(compiled, None, ONE) == []
    assert caller.stream(compiled, None, ONE, stream_mode="values") == [DONE]
    assert rows(caller.history(compiled, ONE)) == before


def test_none_passes_a_breakpoint(saver: BaseCheckpointSaver, caller: Caller) -> None:
    compiled = graph(checkpointer=saver)
    caller.invoke(compiled, GIVEN, ONE, interrupt_before=["b"])
    assert caller.invoke(compiled, None, ONE) == DONE


def test_an_update_is_input_where_there_is_nothing_yet(saver: BaseCheckpointSaver, caller: Caller) -> None:
    assert caller.invoke(graph(checkpointer=saver), Command(update={"x": 5}), ONE) == {"x": 5, "l": ["a", "b"]}
    assert caller.invoke(graph(), Command(update={"x": 5})) == {"x": 5, "l": ["a", "b"]}


def test_an_update_is_applied_where_there_is_something(saver: BaseCheckpointSaver, caller: Caller) -> None:
    compiled = started(saver, caller)
    assert caller.invoke(compiled, Command(update={"x": 5}), ONE) == {"x": 5, "l": ["a", "b"]}
    assert caller.state(compiled, ONE).values["x"] == 5
    caller.invoke(compiled, GIVEN, on("2"), interrupt_before=["b"])
    assert caller.invoke(compiled, Command(update={"x": 5, "l": ["u"]}), on("2")) == {"x": 5, "l": ["a", "u", "b"]}


def test_a_goto_runs_that_node_too_where_there_is_nothing_yet(saver: BaseCheckpointSaver, caller: Caller) -> None:
    assert caller.invoke(graph(checkpointer=saver), Command(goto="b"), ONE) == {"l": ["a", "b", "b"]}
    assert caller.invoke(graph(), Command(goto="b", update=GIVEN)) == {"x": 1, "l": ["a", "b", "b"]}


@pytest.mark.parametrize(
    ("goto", "signed"),
    [("b", ["b"]), (["a", "b"], ["a", "b", "b"]), (Send("b", {"x": 9}), ["b"]), (END, [])],
    ids=["name", "list", "send", "end"],
)
def test_a_goto_joins_the_step_where_there_is_something(
    goto: Any, signed: list[str], saver: BaseCheckpointSaver, caller: Caller
) -> None:
    compiled = started(saver, caller)
    assert caller.invoke(compiled, Command(goto=goto), ONE)["l"] == ["a", "b", *signed]


def test_the_parent_of_a_root_graph_is_refused(saver: BaseCheckpointSaver, caller: Caller) -> None:
    for compiled in (graph(checkpointer=saver), started(saver, caller)):
        with pytest.raises(InvalidUpdateError):
            caller.invoke(compiled, Command(graph=Command.PARENT, goto="a"), ONE)


def test_an_empty_command_is_no_input(saver: BaseCheckpointSaver, caller: Caller) -> None:
    # LangGraph crashes (section 30.13)
    for compiled in (graph(checkpointer=saver), started(saver, caller)):
        with pytest.raises(EmptyInputError):
            caller.invoke(compiled, Command(), ONE)


def test_an_answer_needs_a_question(saver: BaseCheckpointSaver, caller: Caller) -> None:
    # LangGraph runs the graph from its start on empty input (section 30.23)
    with pytest.raises(RuntimeError):
        caller.invoke(graph(), Command(resume=1))
    with pytest.raises(NothingToResumeError):
        caller.invoke(graph(checkpointer=saver), Command(resume=1), on("unknown"))
    with pytest.raises(NothingToResumeError):
        caller.invoke(started(saver, caller), Command(resume=1), ONE)


@pytest.mark.parametrize("given", [3, "hi", [1], [("x", 1)], [{"x": 1}]], ids=repr)
def test_what_is_no_state_is_refused_and_leaves_nothing(given: Any, saver: BaseCheckpointSaver, caller: Caller) -> None:
    compiled = graph(checkpointer=saver)
    with pytest.raises(InvalidUpdateError):
        caller.invoke(compiled, given, ONE)
    assert caller.history(compiled, ONE) == []


@dataclass
class Record:
    """A state that is a dataclass."""

    x: int = 0
    l: Annotated[list[Any], operator.add] = field(default_factory=list)  # noqa: E741  # the specification's name


class Model(BaseModel):
    """A state that is a pydantic model."""

    x: int = 0
    l: Annotated[list[Any], operator.add] = []  # noqa: E741  # the specification's name; pydantic copies it


@pytest.mark.parametrize("schema", [Record, Model])
def test_an_instance_of_the_schema_is_input(schema: Any, saver: BaseCheckpointSaver, caller: Caller) -> None:
    compiled = of(lambda state: {"l": [type(state).__name__]}, schema).compile(checkpointer=saver)
    assert caller.invoke(compiled, schema(x=1, l=["i"]), ONE) == {"x": 1, "l": ["i", schema.__name__]}
    assert caller.invoke(compiled, {"x": 2}, on("2")) == {"x": 2, "l": [schema.__name__]}


def test_messages_come_in_every_form(caller: Caller) -> None:
    compiled = of(lambda state: {"messages": [("ai", "yo")]}, MessagesState).compile()
    for given in ("hi", ("user", "hi"), {"role": "user", "content": "hi"}, [{"role": "user", "content": "hi"}]):
        messages = caller.invoke(compiled, {"messages": given})["messages"]
        assert [(message.type, message.content) for message in messages] == [("human", "hi"), ("ai", "yo")]


def test_a_root_states_value_is_the_input(saver: BaseCheckpointSaver, caller: Caller) -> None:
    compiled = of(lambda state: ["n"], Annotated[list, operator.add]).compile(checkpointer=saver)
    assert caller.invoke(compiled, ["i"], ONE) == ["i", "n"]
    assert caller.invoke(compiled, ["j"], ONE) == ["i", "n", "j", "n"]


def test_an_overwrite_in_the_input_replaces(saver: BaseCheckpointSaver, caller: Caller) -> None:
    compiled = started(saver, caller)
    assert caller.invoke(compiled, {"l": Overwrite(["only"])}, ONE)["l"] == ["only", "a", "b"]


def test_a_run_that_enters_again_under_its_id_goes_on(saver: BaseCheckpointSaver, caller: Caller) -> None:
    ran: list[int] = []

    def node(state: State) -> dict[str, Any]:
        ran.append(1)
        if len(ran) == 1:
            raise ValueError("boom")
        return {"l": ["n"]}

    compiled = chain("a").add_node("n", node).add_edge("a", "n").compile(checkpointer=saver)
    config: Any = {**ONE, "metadata": {"run_id": "R"}}
    with pytest.raises(ValueError, match="boom"):
        caller.invoke(compiled, GIVEN, config)
    assert caller.invoke(compiled, {"x": 7}, config) == {"x": 1, "l": ["a", "n"]}


# -- 17.3: the config


def test_a_thread_must_be_named(saver: BaseCheckpointSaver, caller: Caller) -> None:
    compiled = graph(checkpointer=saver)
    nowhere: list[Any] = [None, {}, {"configurable": {}}, {"tags": ["t"]}]
    for config in nowhere:
        with pytest.raises(ValueError, match="thread_id"):
            caller.invoke(compiled, GIVEN, config)
    with pytest.raises(KeyError, match="thread_id"):
        caller.invoke(compiled, GIVEN, {"configurable": {"user": 1}})
    for config in nowhere[1:]:
        with pytest.raises(KeyError, match="thread_id"):
            caller.state(compiled, config)


@pytest.mark.parametrize("thread", [7, uuid.UUID(int=7)], ids=["int", "uuid"])
def test_other_ids_are_made_text(thread: Any, saver: BaseCheckpointSaver, caller: Caller) -> None:
    compiled = graph(checkpointer=saver)
    caller.invoke(compiled, GIVEN, on(thread))
    assert caller.state(compiled, on(str(thread))).values == DONE
    assert caller.state(compiled, on(thread)).config["configurable"]["thread_id"] == str(thread)


def test_a_checkpoint_id_says_where_to_begin(saver: BaseCheckpointSaver, caller: Caller) -> None:
    compiled = started(saver, caller)
    first = caller.history(compiled, ONE)[2].config
    assert caller.invoke(compiled, {"x": 5}, first) == {"x": 5, "l": ["a", "b"]}


def test_a_namespace_given_to_a_root_graph_counts_for_nothing(saver: BaseCheckpointSaver, caller: Caller) -> None:
    compiled = graph(checkpointer=saver)
    caller.invoke(compiled, GIVEN, {"configurable": {"thread_id": "1", "checkpoint_ns": "elsewhere"}})
    assert caller.state(compiled, ONE).values == DONE


class Heard(BaseCallbackHandler):
    """(name, tags, metadata, run id) of the runs that begin; metadata and id of the root alone."""

    def __init__(self) -> None:
        self.runs: list[Any] = []

    def on_chain_start(self, serialized: Any, inputs: Any, *, run_id: Any, **given: Any) -> None:
        root = given.get("parent_run_id") is None
        told = (given["metadata"], run_id) if root else None
        self.runs.append((given.get("name"), sorted(given["tags"]), told))


def test_tags_metadata_callbacks_name_and_id_are_langchains(saver: BaseCheckpointSaver, caller: Caller) -> None:
    heard, id = Heard(), uuid.UUID(int=5)
    config: Any = {
        "callbacks": [heard],
        "run_name": "RN",
        "run_id": id,
        "tags": ["t"],
        "metadata": {"m": 1},
        "configurable": {"thread_id": "1", "k": 2},
    }
    caller.invoke(chain("a").compile(checkpointer=saver), GIVEN, config)
    (name, tags, told), node = heard.runs
    assert (name, tags, told[1]) == ("RN", ["t"], id)
    assert {"m": 1, "thread_id": "1"}.items() <= told[0].items()
    assert node == ("a", ["graph:step:1", "t"], None)


def test_a_run_is_named_after_its_graph(caller: Caller) -> None:
    heard = Heard()
    caller.invoke(chain("a").compile(name="GN"), GIVEN, {"callbacks": [heard]})
    assert [run[0] for run in heard.runs] == ["GN", "a"]


def test_scalars_of_the_config_are_metadata_of_checkpoints(saver: BaseCheckpointSaver, caller: Caller) -> None:
    config: Any = {
        "configurable": {"thread_id": "1", "k": 2, "__hidden": 3, "object": object(), "list": [1]},
        "metadata": {"m": 1, "dict": {"z": 1}, "none": None},
        "tags": ["t"],
        "run_name": "RN",
    }
    compiled = graph(checkpointer=saver)
    caller.invoke(compiled, GIVEN, config)
    assert caller.state(compiled, ONE).metadata == {"source": "loop", "step": 2, "parents": {}, "m": 1, "k": 2}


def looking(seen: list[Any]) -> Any:
    """A graph whose node puts down the config that it sees."""

    def node(state: State, config: Any) -> None:
        seen.append(config)

    return of(node).compile()


def test_a_node_sees_the_callers_config(caller: Caller) -> None:
    seen: list[Any] = []
    config: Any = {"tags": ["t"], "metadata": {"m": 1}, "configurable": {"k": 2}}
    caller.invoke(looking(seen), GIVEN, config)
    assert sorted(seen[0]) == ["callbacks", "configurable", "metadata", "tags"]
    caller.invoke(looking(seen), GIVEN, {"recursion_limit": 9, "max_concurrency": 3, "run_name": "RN"})
    assert (seen[1]["recursion_limit"], seen[1]["max_concurrency"], "run_name" in seen[1]) == (9, 3, False)
    assert (seen[0]["metadata"]["m"], seen[0]["configurable"]["k"], seen[0]["tags"][-1:]) == (1, 2, ["t"])


def test_none_stands_for_nothing(caller: Caller) -> None:
    nothing: Any = {"tags": None, "metadata": None, "callbacks": None, "configurable": None}
    assert caller.invoke(graph(), GIVEN, nothing) == DONE


def test_with_config_binds_defaults_and_merges_tags_and_metadata(caller: Caller) -> None:
    seen: list[Any] = []
    bound = looking(seen).with_config(tags=["t"], metadata={"m": 1}, configurable={"k": 2})
    caller.invoke(bound, GIVEN, {"tags": ["u"], "metadata": {"n": 2}})
    caller.invoke(bound, GIVEN, {"configurable": {"k": 3}})
    assert [
        (
            [tag for tag in config["tags"] if tag in "tu"],
            {key: config["metadata"][key] for key in "mn" if key in config["metadata"]},
            config["configurable"]["k"],
        )
        for config in seen
    ] == [(["t", "u"], {"m": 1, "n": 2}, 2), (["t"], {"m": 1}, 3)]
    assert bound.with_config(run_name="Z").config["tags"] == ["t"]


def test_max_concurrency_must_leave_room_for_one(caller: Caller) -> None:
    with pytest.raises(ValueError, match="max_concurrency"):
        caller.invoke(graph(), GIVEN, {"max_concurrency": 0})


def test_a_call_in_a_node_with_its_own_thread_is_on_that_thread(saver: BaseCheckpointSaver, caller: Caller) -> None:
    inner, outputs = graph(checkpointer=saver), list[Any]()

    def node(state: State) -> None:
        outputs.append(inner.invoke(GIVEN, on("other")))

    outer = of(node).compile(checkpointer=InMemorySaver())
    for _ in range(2):
        caller.invoke(outer, GIVEN, ONE)
    assert outputs == [DONE, {"x": 1, "l": ["a", "b", "a", "b"]}]
    assert len(caller.history(inner, on("other"))) == 8


# -- 17.4: what comes back


def test_version_1_is_a_dict_a_bare_value_or_a_list_of_chunks(caller: Caller) -> None:
    assert caller.invoke(graph(), GIVEN) == DONE
    assert caller.invoke(graph(), GIVEN, stream_mode="updates") == [{"a": {"l": ["a"]}}, {"b": {"l": ["b"]}}]
    assert caller.invoke(graph(), GIVEN, stream_mode=["values"]) == [
        ("values", {"x": 1, "l": []}),
        ("values", {"x": 1, "l": ["a"]}),
        ("values", DONE),
    ]
    assert caller.invoke(graph(), GIVEN, stream_mode="custom") == []


def test_version_2_is_an_output_with_its_questions(caller: Caller) -> None:
    output = caller.invoke(graph(), GIVEN, version="v2")
    assert output == GraphOutput(DONE, ())
    with pytest.warns(DeprecationWarning, match="value"):
        assert output["x"] == 1
    assert caller.invoke(graph(), GIVEN, version="v2", stream_mode="updates") == [
        {"type": "updates", "ns": (), "data": {"a": {"l": ["a"]}}},
        {"type": "updates", "ns": (), "data": {"b": {"l": ["b"]}}},
    ]
    modelled = of(lambda state: {"x": 2}, Model).compile()
    assert caller.invoke(modelled, {"x": 1}, version="v2").value == Model(x=2, l=[])


def test_another_version_is_refused(caller: Caller) -> None:
    # LangGraph takes any other for version 1
    with pytest.raises(ValueError, match="v9"):
        caller.invoke(graph(), GIVEN, version="v9")


def test_sync_doors_work_on_a_running_loop_and_async_ones_side_by_side() -> None:
    async def talk() -> Any:
        compiled = graph()
        return compiled.invoke(GIVEN), await asyncio.gather(*(compiled.ainvoke({"x": x}) for x in range(3)))

    first, others = run(talk())
    assert (first, others) == (DONE, [{"x": x, "l": ["a", "b"]} for x in range(3)])
