"""Sections 19.2 and 17.4: version "v2" of chunks and results. The shapes were observed on LangGraph 1.2.22."""

from __future__ import annotations

import asyncio
import operator
from dataclasses import dataclass
from typing import Annotated, Any, get_args

import pytest
from clew.checkpoint.base import BaseCheckpointSaver
from clew.graph import START, StateGraph
from clew.types import Command, GraphOutput, Interrupt, StreamMode, StreamPart, interrupt
from clew.warnings import LangGraphDeprecatedSinceV11
from pydantic import BaseModel, ValidationError

from tests.support.labels import Labels

from .callers import Caller
from .streamed import INPUT, THREAD, asking, chain, end, question, start


class Model(BaseModel):
    x: int
    names: Annotated[list[str], operator.add] = []


@dataclass
class Record:
    x: int
    names: Annotated[list[str], operator.add]


class Names(BaseModel):
    names: list[str]


def declared(schema: Any, output: Any = None) -> StateGraph:
    """`a` writes its name, then `ask` asks."""
    builder = StateGraph(schema, output_schema=output).add_node("a", lambda state: {"names": ["a"]})
    builder.add_node("ask", lambda state: {"names": [interrupt("q")]})
    return builder.add_edge(START, "a").add_edge("a", "ask")


def part(mode: str, data: Any, **more: Any) -> dict[str, Any]:
    return {"type": mode, "ns": (), "data": data, **more}


def test_every_chunk_says_its_type_and_namespace(saver: BaseCheckpointSaver) -> None:
    graph = asking().compile(checkpointer=saver)
    modes = ["updates", "values", "tasks"]
    asked = (Interrupt("q1", "<2>"),)
    assert Labels()(list(graph.stream(INPUT, THREAD, stream_mode=modes, version="v2"))) == [
        part("values", {"x": 1, "l": []}, interrupts=()),
        part("tasks", start("<1>", "ask", {"x": 1, "l": []})),
        part("updates", {"__interrupt__": asked}),
        part("values", {"x": 1, "l": []}, interrupts=asked),
        part("tasks", end("<1>", "ask", asks=[question("q1", "<2>")])),
    ]


@pytest.mark.parametrize("form", [{}, {"stream_mode": "updates"}, {"stream_mode": ["updates"]}, {"subgraphs": True}])
def test_one_mode_a_list_and_subgraphs_look_alike(form: dict[str, Any]) -> None:
    expected = [part("updates", {"a": {"l": ["a"]}})]
    assert list(chain("a").compile().stream(INPUT, version="v2", **form)) == expected

    async def read() -> list[Any]:
        return [chunk async for chunk in chain("a").compile().astream(INPUT, version="v2", **form)]

    assert asyncio.run(read()) == expected


def test_a_breakpoint_shows_an_empty_tuple() -> None:
    graph = chain("a", "b").compile()
    chunks = list(graph.stream(INPUT, interrupt_before=["b"], stream_mode=["updates", "values"], version="v2"))
    assert chunks == [
        part("values", {"x": 1, "l": []}, interrupts=()),
        part("updates", {"a": {"l": ["a"]}}),
        part("values", {"x": 1, "l": ["a"]}, interrupts=()),
        part("updates", {"__interrupt__": ()}),
    ]


@pytest.mark.parametrize("schema", [Model, Record])
def test_values_checkpoints_and_inputs_are_instances_of_the_schema(schema: Any, saver: BaseCheckpointSaver) -> None:
    graph = declared(schema).compile(checkpointer=saver)
    modes = ["values", "checkpoints", "debug", "tasks"]
    chunks = list(graph.stream({"x": 1, "names": []}, THREAD, stream_mode=modes, version="v2"))
    asked = graph.get_state(THREAD).interrupts
    shown = [(chunk["data"], chunk["interrupts"]) for chunk in chunks if chunk["type"] == "values"]
    fresh, written = schema(x=1, names=[]), schema(x=1, names=["a"])
    assert shown == [(fresh, ()), (written, ()), (written, asked)]
    checkpoints = [chunk["data"]["values"] for chunk in chunks if chunk["type"] == "checkpoints"]
    assert checkpoints == [{"names": []}, fresh, written]
    debugged = [chunk["data"] for chunk in chunks if chunk["type"] == "debug"]
    assert [one["payload"]["values"] for one in debugged if one["type"] == "checkpoint"] == checkpoints
    assert [one["payload"]["input"] for one in debugged if one["type"] == "task"] == [fresh, written]


def test_version_1_leaves_the_state_a_dict_and_the_questions_in_it(saver: BaseCheckpointSaver) -> None:
    graph = declared(Model).compile(checkpointer=saver)
    chunks = list(graph.stream({"x": 1, "names": []}, THREAD, stream_mode="values"))
    asked = graph.get_state(THREAD).interrupts
    assert chunks[-1] == {"x": 1, "names": ["a"], "__interrupt__": asked}


def test_values_take_the_class_of_the_output_schema() -> None:
    graph = declared(Model, Names).compile(interrupt_before=["ask"])
    chunks = list(graph.stream({"x": 1}, stream_mode=["values"], version="v2"))
    assert [chunk["data"] for chunk in chunks] == [Names(names=[]), Names(names=["a"])]
    assert graph.invoke({"x": 1}, version="v2").value == Names(names=["a"])


@pytest.mark.parametrize("schema", [Model, Record])
def test_a_checkpoint_before_its_input_is_in_the_state_is_a_dict(schema: Any, saver: BaseCheckpointSaver) -> None:
    class Loose(schema):  # every field has a default: the class would take it, and show what nobody said
        x: int = 7

    graph = StateGraph(Loose).add_node("a", lambda state: None).add_edge(START, "a").compile(checkpointer=saver)
    for given, before in (({"x": 1}, {"names": []}), ({"x": 2}, {"x": 1, "names": []})):
        modes = ["checkpoints", "debug"]
        parts = list(graph.stream(given, THREAD, stream_mode=modes, version="v2"))
        first, wrapped = parts[0]["data"], parts[1]["data"]["payload"]
        assert first["next"] == ["__start__"]
        assert first["values"] == wrapped["values"] == before
        assert all(isinstance(one["data"]["values"], schema) for one in parts[2:] if one["type"] == "checkpoints")


@pytest.mark.parametrize("call", ["node", "invoke", "stream"])
def test_inside_the_values_are_those_of_the_inner_call_in_the_inner_class(call: str) -> None:
    class Kept(Model):
        secret: int = 0

    inner = StateGraph(Kept, output_schema=Names).add_node("in", lambda state: {"names": ["in"], "secret": 1})
    called = inner.add_edge(START, "in").compile()
    within = {
        "node": called,
        "invoke": lambda state: called.invoke(state) and None,
        "stream": lambda state: list(called.stream(state)) and None,
    }
    names = StateGraph(Model).add_node("sub", within[call]).add_edge(START, "sub").compile()
    parts = list(names.stream({"x": 1}, stream_mode=["values", "updates"], version="v2", subgraphs=True))
    ends = [one["data"] for one in parts if one["ns"]][-2:]
    assert ends[-1] == Names(names=["in"])
    assert ends[0] == {"in": {"names": ["in"]} if call != "stream" else {"names": ["in"], "secret": 1}}


def test_an_invoke_in_other_modes_shows_the_output_keys(caller: Caller) -> None:
    builder = StateGraph(Model, output_schema=Names).add_node("a", lambda state: {"names": ["a"], "x": 2})
    graph = builder.add_edge(START, "a").compile()
    assert caller.invoke(graph, {"x": 1}, stream_mode="updates") == [{"a": {"names": ["a"]}}]
    assert caller.stream(graph, {"x": 1}, stream_mode="updates") == [{"a": {"names": ["a"], "x": 2}}]
    last = caller.invoke(graph, {"x": 1}, stream_mode=["values"], version="v2")[-1]
    assert last["data"] == Names(names=["a"])


def test_output_keys_leave_the_values_as_they_are() -> None:
    graph = declared(Model).compile(interrupt_before=["ask"])
    given = {"version": "v2", "stream_mode": "values"}
    assert [chunk["data"] for chunk in graph.stream({"x": 1}, output_keys="x", **given)] == [1]
    assert graph.invoke({"x": 1}, output_keys=["names"], version="v2") == GraphOutput({"names": ["a"]})
    assert graph.invoke({"x": 1}, output_keys="names", version="v2") == GraphOutput(["a"])


def test_a_state_that_does_not_fit_its_class_is_refused_where_it_is_shown(saver: BaseCheckpointSaver) -> None:
    graph = declared(Model).compile(checkpointer=saver)
    with pytest.raises(ValidationError):
        list(graph.stream({"x": "z"}, THREAD, stream_mode="values", version="v2"))
    assert graph.get_state(THREAD).values == {"x": "z", "names": []}


def test_invoke_returns_the_value_and_the_questions_apart(saver: BaseCheckpointSaver) -> None:
    graph = declared(Model).compile(checkpointer=saver)
    output = graph.invoke({"x": 1}, THREAD, version="v2")
    assert isinstance(output, GraphOutput)
    assert output == GraphOutput(Model(x=1, names=["a"]), graph.get_state(THREAD).interrupts)
    assert graph.invoke(Command(resume="A"), THREAD, version="v2") == GraphOutput(Model(x=1, names=["a", "A"]))
    assert asyncio.run(graph.ainvoke(None, THREAD, version="v2")) == GraphOutput(Model(x=1, names=["a", "A"]))
    assert repr(chain("a").compile().invoke(INPUT, version="v2")) == (
        "GraphOutput(value={'x': 1, 'l': ['a']}, interrupts=())"
    )


def test_invoke_with_other_modes_returns_the_parts() -> None:
    graph = chain("a").compile()
    assert graph.invoke(INPUT, version="v2", stream_mode="updates") == [part("updates", {"a": {"l": ["a"]}})]
    both = graph.invoke(INPUT, version="v2", stream_mode=["values", "updates"])
    assert [one["type"] for one in both] == ["values", "updates", "values"]


@pytest.mark.parametrize("value", [{"x": 1}, Model(x=1)])
def test_indexing_the_output_like_a_dict_is_deprecated(value: Any) -> None:
    output = GraphOutput(value, (Interrupt("q", "1"),))
    with pytest.warns(LangGraphDeprecatedSinceV11, match=r"result\.value"):
        assert output["x"] == 1
    with pytest.warns(LangGraphDeprecatedSinceV11, match=r"result\.interrupts"):
        assert output["__interrupt__"] == (Interrupt("q", "1"),)
    with pytest.warns(LangGraphDeprecatedSinceV11, match="GraphOutput"):
        assert "x" in output
    with pytest.warns(LangGraphDeprecatedSinceV11, match="GraphOutput"):
        assert "__interrupt__" in output
    with pytest.warns(LangGraphDeprecatedSinceV11, match="GraphOutput"):
        assert "__interrupt__" not in GraphOutput(value)
    with pytest.warns(LangGraphDeprecatedSinceV11, match="GraphOutput"), pytest.raises(KeyError, match="y"):
        output["y"]


def test_an_unknown_version_is_refused() -> None:
    graph = chain("a").compile()
    with pytest.raises(ValueError, match=r"version is 'v4'.*'v1', 'v2'"):
        graph.invoke(INPUT, version="v4")
    with pytest.raises(ValueError, match="version is 'v4'"):
        list(graph.stream(INPUT, version="v4"))


def test_the_types_name_every_mode() -> None:
    modes = ("values", "updates", "checkpoints", "tasks", "debug", "messages", "custom")
    assert get_args(StreamMode) == modes
    assert len(get_args(StreamPart)) == len(modes) + 1, "and that of the mode tools"


def test_beside_a_question_what_is_no_whole_state_is_an_empty_dict(saver: BaseCheckpointSaver, caller: Caller) -> None:
    graph = declared(Model).compile(checkpointer=saver)
    for given in ({"x": 1}, None):
        asked = caller.invoke(graph, given, THREAD, output_keys="x", version="v2")
        assert (asked.value, [one.value for one in asked.interrupts]) == ({}, ["q"])
    assert caller.invoke(graph, None, THREAD, output_keys=["x"], version="v2").value == {"x": 1}
    assert caller.invoke(graph, Command(resume="r"), THREAD, output_keys="x", version="v2") == GraphOutput(1, ())
    root = StateGraph(Annotated[list, operator.add]).add_node("ask", lambda state: [interrupt("q")])
    asking_root = root.add_edge(START, "ask").compile(checkpointer=saver)
    other = {"configurable": {"thread_id": "root"}}
    assert caller.invoke(asking_root, ["x"], other, version="v2").value == {}
    assert caller.invoke(asking_root, Command(resume="r"), other, version="v2").value == ["x", "r"]
